"""512 real orders and refunds: the report shows exactly the lost day, the backfill its ids."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from support import Workspace, corpora

AS_OF = ("--as-of", "2010-12-20T00:00:00Z")


def orders() -> list[dict[str, Any]]:
    path = corpora() / "orders" / "online_retail.ndjson"
    return [
        json.loads(line, parse_float=Decimal, parse_int=Decimal)
        for line in path.read_text().splitlines()
    ]


def prepare(workspace: Workspace, lost_day: str, coverage: str) -> None:
    """TikTok's log accepts every order but those of one day."""
    log = []
    for order in orders():
        if order["event"] == "Order Completed" and not order["timestamp"].startswith(lost_day):
            event = {"event": "CompletePayment", "event_id": order["messageId"]}
            log.append(
                {
                    "sent_at": order["timestamp"],
                    "destination": "tiktok",
                    "http_status": 200,
                    "request_body": {"event_source": "web", "data": [event]},
                    "response_body": {"code": 0, "message": "OK", "data": {}},
                    "attempt": 1,
                }
            )
    workspace.write("receipts/log.ndjson", *(json.dumps(line).encode() for line in log))
    workspace.configure(
        f"""
        [sources.web]
        paths = ["{corpora()}/orders/*.ndjson"]
        [destinations.tiktok]
        type = "tiktok-events"
        event_source_id = "PIXEL"
        pixel = "none"
        account_timezone = "Europe/London"
        coverage = "{coverage}"
        receipts = ["receipts/*.ndjson"]
        """
    )
    workspace.done("ingest")
    workspace.done("receipts")


@pytest.mark.parametrize("lost_day", ["2010-12-01", "2010-12-02", "2010-12-03"])
def test_complete_feed_shows_exactly_the_lost_day(workspace: Workspace, lost_day: str) -> None:
    prepare(workspace, lost_day, "complete")
    lost = {
        o["messageId"]: o["properties"]["revenue"]
        for o in orders()
        if o["event"] == "Order Completed" and o["timestamp"].startswith(lost_day)
    }
    assert workspace.run("reconcile", *AS_OF).code == 3
    (part,) = workspace.done("report", "--json").json["destinations"]
    gaps = {row["day"]: row["gap"] for row in part["days"]}
    assert gaps.pop(lost_day) == len(lost) == part["totals"]["missing"]
    assert not any(gaps.values())
    assert Decimal(part["totals"]["value"]["GBP"]["gap"]) == sum(lost.values())
    assert part["totals"]["value"].keys() == {"GBP"}
    backfill = workspace.done("backfill", "--destination", "tiktok", *AS_OF, "--json").json
    sent = [
        event["event_id"]
        for batch in sorted((workspace.folder / backfill["path"]).glob("batch-*.json"))
        for event in json.loads(batch.read_text())["data"]
    ]
    assert sorted(sent) == sorted(lost)
    assert Decimal(backfill["value"]["GBP"]) == sum(lost.values())


def test_inferred_coverage_makes_the_silent_day_unknown(workspace: Workspace) -> None:
    prepare(workspace, "2010-12-03", "infer")
    workspace.done("reconcile", *AS_OF)
    (part,) = workspace.done("report", "--json").json["destinations"]
    assert part["totals"]["gap"] == 0
    (silent,) = [row for row in part["days"] if row["day"] == "2010-12-03"]
    assert silent["unknown"] == silent["expected"] == part["totals"]["unknown"] == 101
    assert [i["diagnosis"] for i in part["incidents"]] == ["receipts_missing"]
    words = " ".join(workspace.done("report").out.split())
    assert "archiver receipts --destination tiktok --covers" in words
    assert "unknown: 101 (neither delivered nor lost" in words


def test_vouching_for_the_feed_turns_the_silent_day_into_a_gap(workspace: Workspace) -> None:
    prepare(workspace, "2010-12-03", "infer")
    workspace.done("receipts", "--destination", "tiktok", "--covers", "2010-12-03/2010-12-03")
    assert workspace.run("reconcile", *AS_OF).code == 3
    (part,) = workspace.done("report", "--json").json["destinations"]
    assert (part["totals"]["missing"], part["totals"]["unknown"]) == (101, 0)
    assert "receipts_missing" not in [i["diagnosis"] for i in part["incidents"]]
