"""What an upload does with an event now: what was unsure goes again only where that is safe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archiver.backfill.upload_fate import Windows
from archiver.backfill.upload_folder import Event

HOUR = timedelta(hours=1)
HAPPENED = datetime(2026, 1, 15, 12, tzinfo=UTC)
FIRST_SENT = HAPPENED + 47 * HOUR


@pytest.mark.parametrize(
    ("clock", "has_twin", "status", "takes_any_risk", "fate"),
    [
        ("arrival", False, "missing", False, "waiting"),
        # The pixel, or the hub's unsure attempt, may have been first: its window is over.
        ("arrival", True, "missing", False, "ambiguous"),
        ("arrival", False, "ambiguous", False, "ambiguous"),
        ("arrival", True, "missing", True, "waiting"),
        ("event", False, "missing", False, "ambiguous"),
    ],
)
def test_the_window_counts_from_whoever_may_have_been_first(
    clock: str, has_twin: bool, status: str, takes_any_risk: bool, fate: str
) -> None:
    windows = Windows(48 * HOUR, clock, has_twin, takes_any_risk)  # type: ignore[arg-type]
    event = Event("one", "Purchase", HAPPENED, status, None)
    assert windows.fate(event, "unsure", FIRST_SENT, HAPPENED + 49 * HOUR) == fate
    assert windows.fate(event, "unsure", FIRST_SENT, HAPPENED + 47.5 * HOUR) == "waiting"


def test_an_attempt_ahead_of_a_clock_that_was_put_back_tells_nothing() -> None:
    windows = Windows(48 * HOUR, "arrival", has_twin=False, takes_any_risk=False)
    event = Event("one", "Purchase", HAPPENED, "missing", None)
    now = HAPPENED + 49 * HOUR
    assert windows.fate(event, "unsure", now, now) == "waiting"
    assert windows.fate(event, "unsure", now + HOUR, now) == "ambiguous"
