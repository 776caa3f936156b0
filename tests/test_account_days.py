"""Account days in a zone, and across a move from one zone to another."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from archiver.account_days import Zone, account_day, zone_at

MOVED_AT = datetime(2026, 2, 1, tzinfo=UTC)
NEW_YORK = [Zone(None, None, "America/New_York")]
MOVED = [Zone(None, MOVED_AT, "America/New_York"), Zone(MOVED_AT, None, "Europe/Berlin")]


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-01-15T04:59:59.999999+00:00", "2026-01-14"),
        ("2026-01-15T05:00:00+00:00", "2026-01-15"),
        ("2026-01-15T00:00:00-05:00", "2026-01-15"),
        # Days of 23 and 25 hours.
        ("2026-03-08T04:59:59+00:00", "2026-03-07"),
        ("2026-03-09T03:59:59+00:00", "2026-03-08"),
        ("2026-03-09T04:00:00+00:00", "2026-03-09"),
        ("2026-11-01T04:00:00+00:00", "2026-11-01"),
        ("2026-11-02T04:59:59+00:00", "2026-11-01"),
    ],
)
def test_a_day_in_one_zone(instant: str, day: str) -> None:
    assert account_day(datetime.fromisoformat(instant), NEW_YORK) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        (MOVED_AT - timedelta(microseconds=1), "America/New_York", "2026-01-31"),
        (MOVED_AT, "Europe/Berlin", "2026-02-01"),
        (datetime(2026, 1, 1, tzinfo=UTC), "America/New_York", "2025-12-31"),
        (datetime(2026, 3, 1, 23, tzinfo=UTC), "Europe/Berlin", "2026-03-02"),
    ],
)
def test_each_zone_holds_from_its_instant_on(instant: datetime, zone: str, day: str) -> None:
    assert zone_at(instant, MOVED) == zone
    assert account_day(instant, MOVED) == date.fromisoformat(day)


def test_the_ends_of_the_calendar() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert account_day(first, NEW_YORK) == date.min
    assert account_day(last, [Zone(None, None, "Asia/Tokyo")]) == date.max
