"""Parts of a report as a run would give them, for tests of how they are shown and judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from archiver.report.model import DailyTotal, DestinationReport, Incident, Report, Row
from archiver.report.terminal import table_text

AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)
RUN_ID = "945b053be99cad29"
DAY = date(2026, 1, 15)
_COUNTS = (
    *("expected", "accepted", "pending", "unknown", "gap", "missing", "failed", "rejected"),
    *("ambiguous", "conflict", "suppressed", "unarchived", "recoverable", "expired"),
)


def at(text: str) -> datetime:
    """An instant of January 2026, as in `15 12:00`."""
    return datetime.strptime(f"2026-01-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def row(day: date = DAY, event: str = "Purchase", **counts: int) -> Row:
    """A row of the gap."""
    return Row(day, event, dict.fromkeys(_COUNTS, 0) | counts, {}, None, False)


def incident(diagnosis: str, start: str, end: str, **more: Any) -> Incident:
    """Ten conversions worth 125 USD."""
    known: dict[str, Any] = {"conversions": 10, "values": {"USD": Decimal(125)}, "is_open": False}
    return Incident(start=at(start), end=at(end), diagnosis=diagnosis, **known | more)


def total(expected: int, day: date = DAY, event: str = "Purchase", **more: Any) -> DailyTotal:
    """What others counted; the difference follows, and its tolerance is 2 %."""
    blank = DailyTotal(
        *(day, event, expected, 0, None, None, None, None, None),
        *(Decimal(expected) / 50, False, False),
    )
    known = replace(blank, **more)
    compared_with = next(
        (k for k in ("received", "delivered") if getattr(known, k) is not None), None
    )
    if compared_with is None:
        return known
    difference = expected - known.pending - getattr(known, compared_with)
    return replace(
        known,
        compared_with=compared_with,
        difference=difference,
        is_over_tolerance=difference > known.tolerance and difference >= 5,
    )


def part(**more: Any) -> DestinationReport:
    """A destination about which nothing but `more` is known."""
    known: dict[str, Any] = {
        **{"destination": "meta", "account_timezone": "UTC", "days": [], "incidents": []},
        **{"daily_totals": [], "findings": {}, "no_key": 0, "coverage": "infer"},
        **{"newest_attempt": AS_OF, "newest_arrival": AS_OF},
        **{"totals_tolerance": Decimal("0.02")},
    }
    return DestinationReport(**known | more)


def report(*parts: DestinationReport) -> Report:
    """The report of a run over all days."""
    run = SimpleNamespace(as_of=AS_OF, run_id=RUN_ID, is_unbounded=True)
    return Report(cast("Any", run), list(parts))


def screen(one: DestinationReport) -> list[str]:
    """The lines of the part on the terminal."""
    lines = table_text(report(one)).splitlines()
    assert max(map(len, lines)) <= 100
    return [line.strip() for line in lines]


def words(one: DestinationReport) -> str:
    """The same with one space between any two words, wherever the lines break."""
    return " ".join(" ".join(screen(one)).split())
