"""The JSON shapes of DESIGN §8: scripts read them, so their keys are fixed."""

from __future__ import annotations

import json

import click
import pytest
from support import CONFIG, Workspace, event, file_id, lines, order, receipt

AS_OF = "2026-01-20T00:00:00Z"
FILE = {"path", "file_id", "status", "records", "archived", "quarantined", "bytes", "error"}
TOTALS = {"files", "records", "archived", "quarantined", "bytes"}
COUNTS = {
    *("expected", "accepted", "pending", "unknown", "gap", "missing", "failed", "rejected"),
    *("ambiguous", "conflict", "suppressed", "unarchived"),
}
TERMS = COUNTS - {"unarchived"}
DAY = COUNTS | {
    *("day", "event", "value", "recoverable", "expired", "backfill_deadline", "provisional"),
}
FINDINGS = {
    *("order_under_several_ids", "id_on_several_orders", "value_mismatch", "conflict_accepted"),
    *("currency_missing", "time_in_future", "refund_without_order", "name_renamed", "no_time"),
}


@pytest.fixture
def reconciled(workspace: Workspace) -> Workspace:
    """Two of five orders accepted, three lost."""
    workspace.configure(CONFIG + 'coverage = "complete"\nmin_gap = 9\nmax_age = "7d"\n')
    workspace.write("inbound/web/a.ndjson", *[order(f"m{n}") for n in range(5)])
    later = receipt("x", at="2026-01-17T12:00:00Z")
    workspace.write("receipts/r.ndjson", receipt("m0"), receipt("m1"), later)
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("reconcile", "--as-of", AS_OF)
    return workspace


def test_ingest(workspace: Workspace) -> None:
    data = lines(event("a"), b"{", event("b"))
    workspace.write("inbound/web/a.ndjson", data=data)
    workspace.write("inbound/web/b.ndjson", data=data)
    workspace.write("inbound/web/c.gz", data=b"\x1f\x8b\x08damaged")
    first = workspace.run("ingest", "--json").json
    assert first["totals"] == {
        **{"files": 3, "records": 3, "archived": 2, "quarantined": 1},
        "bytes": len(data),
    }
    assert all(file.keys() == FILE for file in first["files"])
    imported, same, failed = first["files"]
    assert imported == {
        **{"path": "inbound/web/a.ndjson", "file_id": file_id(data), "status": "imported"},
        **{"records": 3, "archived": 2, "quarantined": 1, "bytes": len(data), "error": None},
    }
    nothing = {"records": 0, "archived": 0, "quarantined": 0, "bytes": 0}
    assert same == imported | nothing | {
        **{"path": "inbound/web/b.ndjson", "status": "already_imported"},
    }
    assert failed["status"] == "failed"
    assert "c.gz" in failed["error"]
    again = workspace.run("ingest", "--json").json
    assert again["totals"] == {"files": 3, **nothing}


def test_receipts(workspace: Workspace) -> None:
    workspace.write("receipts/r.ndjson", receipt("a"), receipt("b"))
    document = workspace.done("receipts", "--json").json
    assert document.keys() == {"files", "totals"}
    assert document["totals"].keys() == TOTALS
    assert document["totals"]["archived"] == 2
    assert document["files"][0].keys() == FILE


def test_reconcile_and_report_print_the_same_document(reconciled: Workspace) -> None:
    document = reconciled.done("reconcile", "--as-of", AS_OF, "--json").json
    assert document == reconciled.done("report", "--json").json
    assert document == reconciled.done("report", "--format", "json").json
    assert document.keys() == {"run_id", "as_of", "destinations"}
    assert document["as_of"] == AS_OF
    (part,) = document["destinations"]
    assert part.keys() == {
        *("destination", "account_timezone", "totals", "days", "incidents", "findings"),
        *("totals_by_day", "recovery_clock", "without_deadline"),
    }
    assert part["findings"] == dict.fromkeys(FINDINGS, 0)
    assert part["totals_by_day"] == []
    assert part["totals"].keys() >= COUNTS | {"value", "recoverable", "expired"}
    assert all(day.keys() == DAY for day in part["days"])
    lost = next(day for day in part["days"] if day["event"] == "CompletePayment")
    assert lost["day"] == "2026-01-15"
    assert (lost["expected"], lost["accepted"], lost["gap"], lost["missing"]) == (5, 2, 3, 3)
    assert (lost["recoverable"], lost["expired"]) == (3, 0)
    assert lost["backfill_deadline"] == "2026-01-22T12:00:00Z"
    assert lost["provisional"] is False
    assert lost["value"]["USD"].keys() == TERMS
    assert lost["value"]["USD"]["expected"] == "62.50"
    assert lost["value"]["USD"]["gap"] == "37.50"


def test_incidents(workspace: Workspace) -> None:
    workspace.configure(CONFIG + 'coverage = "complete"\nmax_age = "7d"\n')
    workspace.write("inbound/web/a.ndjson", *[order(f"m{n}") for n in range(30)])
    workspace.write("receipts/r.ndjson", receipt("x", at="2026-01-17T12:00:00Z"))
    workspace.done("ingest")
    workspace.done("receipts")
    document = workspace.run("reconcile", "--as-of", AS_OF, "--json").json
    (incident,) = document["destinations"][0]["incidents"]
    assert incident == {
        **{"start": "2026-01-15T12:00:00Z", "end": "2026-01-15T13:00:00Z"},
        **{"diagnosis": "delivery_outage", "conversions": 30, "value": {"USD": "375.00"}},
        **{"source": None, "code": None, "ratio": "0.0000", "is_open": True},
        **{"first_safe_upload": "2026-01-15T16:00:00Z"},
        **{"last_safe_upload": "2026-01-22T12:00:00Z"},
    }
    (status,) = workspace.run("status", "--json").json["open"]
    assert (status["open_incidents"], status["past_incidents"]) == (1, 0)


def test_totals_by_day(workspace: Workspace) -> None:
    feed = '[[destinations.tiktok.totals]]\nkind = "delivered"\npaths = ["totals/*.csv"]\n'
    workspace.configure(CONFIG + 'reports = "totals"\n' + feed)
    workspace.write("inbound/web/a.ndjson", *[order(f"m{n}") for n in range(30)])
    counted = b"2026-01-15,CompletePayment,24,2026-01-17T00:00:00Z"
    workspace.write("totals/a.csv", b"account_day,event_name,count,reported_at", counted)
    workspace.done("ingest")
    workspace.done("receipts")
    result = workspace.run("reconcile", "--as-of", AS_OF, "--json")
    (part,) = result.json["destinations"]
    assert part["totals_by_day"] == [
        {
            **{"day": "2026-01-15", "event": "CompletePayment", "expected": 30, "pending": 0},
            **{"delivered": 24, "received": None, "attributed": None},
            **{"compared_with": "delivered", "difference": 6, "tolerance": "0.60"},
            **{"is_over_tolerance": True, "provisional": False, "unattributable": True},
        }
    ]
    assert result.code == 3
    assert "tiktok 2026-01-15 CompletePayment: of 30 settled conversions 24 deliv" in result.err
    text = workspace.run("reconcile", "--as-of", AS_OF).out
    assert "30 expected = 0 pending + 0 without a count + 30 compared (24 counted)" in text
    status = workspace.run("status", "--json").json
    assert ("tiktok", "totals", "2026-01-15", 1) in {
        (feed["name"], feed["kind"], feed["reaches_up_to"], feed["files"])
        for feed in status["feeds"]
    }
    assert status["open"][0]["days_over_tolerance"] == 1


def test_backfill(reconciled: Workspace) -> None:
    document = reconciled.done("backfill", "--as-of", AS_OF, "--json").json
    assert document.keys() == {
        *("backfill_id", "destination", "path", "events", "expired", "left_out", "batches"),
        "value",
    }
    assert (document["events"], document["expired"], document["left_out"]) == (3, 0, 0)
    assert document["value"] == {"USD": "37.50"}


@pytest.mark.parametrize("command", ["load", "status"])
def test_every_other_command_prints_one_document_too(reconciled: Workspace, command: str) -> None:
    assert isinstance(reconciled.run(command, "--json").json, dict)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", "--source", "wep", "--json"],
        ["ingest", "no-such-file", "--json"],
        ["reconcile", "--as-of", "soon", "--json"],
        ["report", "--json"],
        ["sql", "SELECT 1", "--json"],
        ["nonsense", "--json"],
    ],
)
def test_an_error_is_one_document_too(workspace: Workspace, arguments: list[str]) -> None:
    result = workspace.run(*arguments)
    error = json.loads(result.out)["error"]
    assert error["exit_code"] == result.code == 2
    assert error["why"] in result.err


@pytest.mark.parametrize(
    "command", ["ingest", "receipts", "load", "reconcile", "backfill"], ids=lambda c: c
)
def test_an_unexpected_error_at_the_end_leaves_one_document(
    reconciled: Workspace, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archiver.cli.common.Settings.record", full_disk)
    result = reconciled.run(command, "--json")
    assert result.code == 1
    assert json.loads(result.out)["error"]["exit_code"] == 1


def test_an_interrupt_is_one_document_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("archiver.cli.common.Settings.record", interrupt)
    result = workspace.run("ingest", "--json")
    assert result.code == json.loads(result.out)["error"]["exit_code"] == 130
    assert "interrupted" in result.err


def test_a_complaint_of_the_command_line_reader_is_one_document_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise click.ClickException("no such thing")

    monkeypatch.setattr("archiver.cli.common.Settings.record", refuse)
    result = workspace.run("ingest", "--json")
    assert result.code == json.loads(result.out)["error"]["exit_code"] == 2
    assert "no such thing" in result.err


def test_vouching_takes_spaces_around_the_slash(workspace: Workspace) -> None:
    result = workspace.done("receipts", "--covers", " 2026-01-15 / 2026-01-16 ", "--dry-run")
    assert "from 2026-01-15T05:00:00Z up to 2026-01-17T05:00:00Z" in result.err


def test_progress_and_warnings_stay_off_stdout(workspace: Workspace) -> None:
    workspace.write("receipts/r.ndjson", receipt("a"))
    covers = "2026-01-15/2026-01-16"
    result = workspace.done("receipts", "--covers", covers, "--json")
    assert result.json["totals"]["files"] == 0
    assert "vouched" in result.err
