"""`archiver explain`: one event from its file to its status, to read and for scripts."""

from __future__ import annotations

import duckdb
import pytest
from support import CONFIG, Workspace, event, order, receipt

AS_OF = "2026-01-20T00:00:00Z"


@pytest.fixture
def reconciled(workspace: Workspace) -> Workspace:
    """Of two orders one was accepted; a third is known to receipts only."""
    workspace.configure(CONFIG + 'coverage = "complete"\nmin_gap = 9\n')
    orders = [order("m1", userId="ann", context={"ip": "203.0.113.7"}), order("m2")]
    workspace.write("inbound/web/a.ndjson.gz", *orders, event("m3"))
    late = receipt("x9", at="2026-01-17T12:00:00Z")
    workspace.write("receipts/r.ndjson", receipt("m1"), late)
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("reconcile", "--as-of", AS_OF)
    return workspace


def test_from_its_file_to_its_status(reconciled: Workspace) -> None:
    before = reconciled.listing()
    lines = reconciled.done("explain", "m1").out.splitlines()
    assert reconciled.listing() == before
    assert lines[0].startswith("m1  web · track · Order Completed")
    text = " ".join(" ".join(lines).split())
    for part in (
        "found as message id, event id of tiktok (tier 1), order id",
        "inbound/web/a.ndjson.gz record 0 · ndjson, gzip",
        "tiktok CompletePayment selected by preset segment: track · Order Completed",
        "status accepted: the destination took it",
        "accepted · decides receipts/r.ndjson, record 0",
        "as of 2026-01-20 00:00 UTC",
    ):
        assert part in text
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert "ann" not in text and "203.0" not in text
    document = reconciled.done("explain", "m2", "--json").json
    (found,) = document["events"]
    (occurrence,) = found["occurrences"]
    assert (occurrence["paths"], occurrence["record_number"]) == (["inbound/web/a.ndjson.gz"], 1)
    assert (occurrence["arrival_from"], occurrence["value"]) == ("received_at", "12.50")
    (delivery,) = found["deliveries"]
    assert delivery["status"]["status"] == "missing"
    assert delivery["explanation"] == (
        "the feed covers 2026-01-15 12:00 to 16:00 UTC and has no receipt"
    )
    assert delivery["next_step"].startswith("safe to send again")
    assert (delivery["run"]["as_of"], delivery["attempts"]) == (AS_OF, [])
    only_receipts = reconciled.done("explain", "x9", "--json", "--as-of", AS_OF).json
    assert only_receipts["events"] == []
    assert [attempt["paths"] for attempt in only_receipts["unarchived"]] == [["receipts/r.ndjson"]]
    out = reconciled.done("explain", "m3", "--destination", "tiktok").out
    assert "tiktok  not expected: no rule of tiktok selects it" in out


def test_nothing_found_and_wrong_usage_exit_2(reconciled: Workspace) -> None:
    result = reconciled.run("explain", "m4")
    assert (result.code, result.out) == (2, "")
    assert "looking for 'm4': no event in the warehouse has it" in result.err
    assert "next: see how far the feeds reach" in result.err
    error = reconciled.run("explain", "m4", "--json").json["error"]
    assert error["exit_code"] == 2
    result = reconciled.run("explain", "m1", "--destination", "tiktk")
    assert (result.code, "known: tiktok" in result.err) == (2, True)
    result = reconciled.run("explain", "m1", "--as-of", "2026-01-19T00:00:00Z")
    assert (result.code, f"the last kept are as of {AS_OF}" in result.err) == (2, True)
    assert reconciled.run("explain").code == 2


def test_without_a_warehouse_that_it_can_read(workspace: Workspace) -> None:
    assert "next: run: archiver load" in workspace.run("explain", "m1").err
    workspace.database.parent.mkdir(parents=True)
    with duckdb.connect(str(workspace.database)) as old:
        old.execute("CREATE TABLE conversion_occurrences (event_id VARCHAR)")
    result = workspace.run("explain", "m1")
    assert (result.code, "an earlier version published it" in result.err) == (2, True)
    assert "next: run: archiver load" in result.err
