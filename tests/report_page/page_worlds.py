"""Runs that a page must be right for: none of anything, much of everything, hostile names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from page_runs import AS_OF, RUN_ID, PageRun, configure, long_run

from archiver.config import Config

SCRIPT = "<script>alert('pwned')</script>"
TURNED = "a\u202eb\nc\x1b[31m"
NAMES = (
    SCRIPT,
    "شراء مكتمل",
    "🛒 Purchase 🛒",
    "VeryLongEventNameWithoutAnySpace" * 6,
    TURNED,
    "a | b `c` [d](http://e) @here *f* :tada:",
)
CURRENCIES = (
    *("AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "CZK", "DKK", "EUR", "GBP"),
    *("HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KRW", "MXN", "NOK", "USD"),
)
NOTES = f"""
[[annotations]]
time = 2026-01-16T14:00:00Z
text = "TikTok: {SCRIPT} degraded, see https://status.example @channel"
[[annotations]]
time = 2026-01-17T02:00:00Z
text = "Token renewed"
destination = "tiktok"
[[annotations]]
time = 2020-01-01T00:00:00Z
text = "long ago"
"""


def empty(folder: Path) -> tuple[PageRun, Config]:
    """A destination without any conversion or receipt."""
    run = PageRun(folder, newest_attempt=None)
    return run, configure(folder, run.destinations)


def nothing(folder: Path) -> tuple[PageRun, Config]:
    """No destination at all."""
    run = PageRun(folder, {})
    return run, configure(folder, {})


def one_day(folder: Path) -> tuple[PageRun, Config]:
    """One account day, all accepted."""
    run = PageRun(folder)
    run.conversions(120, "accepted", AS_OF - timedelta(hours=30))
    return run, configure(folder, run.destinations)


def long(folder: Path) -> tuple[PageRun, Config]:
    """Four hundred days."""
    run = long_run(folder, 400, 1, each=5)
    return run, configure(folder, run.destinations)


def many(folder: Path) -> tuple[PageRun, Config]:
    """Ten destinations."""
    run = long_run(folder, 8, 10, each=5)
    return run, configure(folder, run.destinations)


def hostile(folder: Path) -> tuple[PageRun, Config]:
    """Hostile names, twenty currencies, several incidents, annotations."""
    run = PageRun(folder, {"weird_name.x": "Asia/Kolkata", "tiktok": "America/New_York"})
    at = AS_OF - timedelta(days=3)
    for name in NAMES:
        more = {"destination": "weird_name.x", "event": name}
        run.conversions(30, "accepted", at, **more)  # type: ignore[arg-type]
        run.conversions(7, "failed", at, code=SCRIPT, outcome="failed", **more)  # type: ignore[arg-type]
    for number, currency in enumerate(CURRENCIES):
        hour, value = at + timedelta(hours=number), f"{10 ** (number % 9)}.5"
        run.conversions(
            3 + number,
            *("failed", hour),
            value=value,
            currency=currency,
            code="503",
            outcome="failed",
        )
        run.conversions(20, "accepted", at, currency=currency)
        run.conversions(2, "conflict", at - timedelta(days=10), currency=currency)
        run.conversions(2, "pending", AS_OF, currency=currency)
        run.conversions(5, "unknown", at - timedelta(days=1), currency=currency)
    for start in (0, 30, 50):
        begins = at + timedelta(hours=start)
        run.incident(
            *("delivery_outage", begins, begins + timedelta(hours=5)),
            destination="tiktok",
            conversions=10,
            code="503",
            is_open=start == 50,
            ratio=Decimal("0.1"),
        )
    run.incident(
        *("source_outage", at, at + timedelta(hours=9)),
        destination="tiktok",
        source=SCRIPT,
        ratio=Decimal("0.1"),
    )
    return run, configure(folder, run.destinations, NOTES)


def totals(folder: Path) -> tuple[PageRun, Config]:
    """A destination that gives counts only; one day falls short, one has no count."""
    run = PageRun(folder, {"google": "Europe/Berlin"}, {"google": "totals"})
    for number in range(20):
        at = AS_OF - timedelta(days=number + 1)
        run.conversions(100, "unknown", at, destination="google")
        received = None if not number else 70 if number == 8 else 100
        run.totals.append(
            {
                "run_id": RUN_ID,
                "destination": "google",
                "day": at.date(),
                "event": "CompletePayment",
                "expected": 100,
                "pending": 0,
                "received": received,
                "attributed": 40,
                "compared_with": None if received is None else "received",
                "difference": None if received is None else 100 - received,
                "tolerance": Decimal(2),
                "is_over_tolerance": received == 70,
                "provisional": number < 3,
            }
        )
    return run, configure(folder, run.destinations, reports="totals")


WORLDS: dict[str, Callable[[Path], tuple[PageRun, Config]]] = {
    world.__name__: world for world in (empty, nothing, one_day, long, many, hostile, totals)
}
