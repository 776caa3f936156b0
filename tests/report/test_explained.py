"""An explanation on the terminal: readable, narrow, short, and safe to print."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from explaining import AT, Warehouse, run_record
from rich.console import Console

from archiver.report.explained import print_explanation


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def shown(warehouse: Warehouse, wanted_id: str) -> list[str]:
    out = io.StringIO()
    explanation = warehouse.explain(wanted_id, run_record())
    print_explanation(explanation, Console(file=out, width=100, highlight=False))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= 100
    return lines


def add_missing(warehouse: Warehouse, event_id: str) -> None:
    row = {"event_id": event_id, "status": "missing", "reason": "no_receipt", "arrival": AT}
    warehouse.add("reconciliation", row | {"value": "12.5"})


def test_the_ordinary_event_on_one_screen(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.add("inbound_files", {"path": "web/a.gz"})
    failed = {
        "event_id": "m1",
        "outcome": "failed",
        "code": "503",
        "message": "ann@example.com [later]",
    }
    warehouse.add("receipts", failed | {"attempted_at": "2026-01-15T12:01:02Z", "attempt": 1})
    row = {"event_id": "m1", "status": "failed", "reason": "not_delivered", "arrival": AT}
    warehouse.add("reconciliation", row | {"attempts": 1, "code": "503", "match_tier": 1})
    assert shown(warehouse, "m1") == [
        "m1  web · track · Order Completed",
        "  found as   message id, event id of tiktok (tier 1)",
        "  happened   2026-01-15 12:00:00 UTC · order order of m1 · 12.50 USD",
        "  archived   2026-01-15 12:00:00 UTC (received_at)",
        "               web/a.gz",
        "               record 0 · ndjson, gzip · imported 2026-01-20 03:00 UTC",
        "",
        "tiktok  CompletePayment  selected by preset segment: track · Order Completed",
        "  status     failed: its only attempt was not taken (code 503)",
        "  next       safe to send again: archiver backfill --destination tiktok",
        "  event id   m1 (tier 1)",
        "  day        2026-01-15 (America/New_York)",
        "  attempts   2026-01-15 12:01:02 UTC  failed · code 503 · decides",
        "               attempt 1 · file r1…, record 0",
        "  run        run, as of 2026-01-19 12:00 UTC",
    ]


def test_what_comes_from_outside_cannot_command_the_terminal(warehouse: Warehouse) -> None:
    evil = "\x1b]0;x\x07\x9b2J[red]"
    warehouse.order("m" + evil, event="e" + evil, order_id="o" + evil)
    receipt = {"event_id": "m" + evil, "attempted_at": AT, "code": evil}
    warehouse.add("receipts", receipt | {"request_id": evil, "event_name": evil})
    warehouse.add("inbound_files", {"path": "p" + evil})
    row = {"event_id": "m" + evil, "status": "failed", "arrival": AT, "attempts": 1, "code": evil}
    warehouse.add("reconciliation", row)
    text = "\n".join(shown(warehouse, "m" + evil))
    assert {c for c in text if not c.isprintable()} == {"\n"}
    assert r"\x1b]0;x\x07\x9b2J[red]" in text


def test_of_many_events_ten_are_shown(warehouse: Warehouse) -> None:
    for number in range(12):
        warehouse.order(f"m{number:02}", order_id="o1")
    lines = shown(warehouse, "o1")
    assert lines[0] == "o1 finds 12 events, of which the first 10 are shown; --json has all"
    assert [line.split()[0] for line in lines if "web · track" in line] == [
        f"m{number:02}" for number in range(10)
    ]


def test_of_many_attempts_ten_are_shown(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    for minute in range(12):
        attempted = {"event_id": "m1", "attempted_at": f"2026-01-15T12:{minute:02}:00Z"}
        warehouse.add("receipts", attempted)
    lines = shown(warehouse, "m1")
    assert sum("accepted" in line and "UTC" in line for line in lines) == 10
    assert any(line.strip() == "and 2 more" for line in lines)


def test_a_conversion_of_two_events_is_told_once(warehouse: Warehouse) -> None:
    warehouse.order("m1", event_id="x1")
    warehouse.order("m2", event_id="x1", arrival="2026-01-15T12:05:00Z", value="13")
    add_missing(warehouse, "x1")
    lines = shown(warehouse, "x1")
    assert lines[0] == "x1 finds 2 events"
    assert sum("status     missing" in line for line in lines) == 1
    assert lines[-1] == "  the same conversion as above"
    made_of = [line[line.index("web") :] for line in lines if "arrived" in line]
    assert made_of == [
        "web · m1 · arrived 2026-01-15 12:00:00 UTC · 12.50 USD · counts",
        "web · m2 · arrived 2026-01-15 12:05:00 UTC · 13.00 USD · differs in order_id, value",
    ]


def test_duplicates_and_copies_of_a_file(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.order("m1", arrival="2026-01-15T12:05:00Z", order_id="order of m1")
    for path in ("web/a.gz", "web/copy.gz"):
        warehouse.add("inbound_paths", {"kind": "events", "source": "web"} | {"path": path})
    warehouse.connection.execute("UPDATE inbound_paths SET file_id = 'f1'")
    text = "\n".join(shown(warehouse, "m1"))
    assert "archived 2×  2026-01-15 12:00:00 UTC (received_at) · the earliest, counts" in text
    assert "web/a.gz\n                 web/copy.gz\n" in text
    assert "2026-01-15 12:05:00 UTC (received_at) · a duplicate" in text
    assert "record 1 of the same file" in text


def test_only_receipts_know_the_id(warehouse: Warehouse) -> None:
    warehouse.add("receipts", {"event_id": "x9", "attempted_at": AT, "code": "0"})
    first, attempt, place, next_step = shown(warehouse, "x9")
    assert first == "x9  unarchived: receipts name this id, and the archive has no such event"
    assert attempt.split(maxsplit=1) == ["tiktok", "2026-01-15 12:00:00 UTC  accepted · code 0"]
    assert place.strip() == "file r1…, record 0"
    assert next_step.split()[0] == "next"


def test_tiers_and_whose_an_attempt_is(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.connection.execute(
        "UPDATE conversion_occurrences SET key_tier = 2, further_ids = [NULL, 's']"
    )
    warehouse.add("conversion_occurrences", {"event_id": "s", "record_number": 9, "arrival": AT})
    warehouse.add("receipts", {"event_id": "s", "attempted_at": AT})
    other = {"event_id": "m1", "event_name": "Purchase", "attempted_at": AT, "file_id": "r2"}
    warehouse.add("receipts", other)
    text = "\n".join(shown(warehouse, "m1"))
    assert "event id   m1 (tier 2), else s (tier 4)" in text
    assert "accepted · belongs to s\n" in text
    assert "accepted · under the name Purchase\n" in text
