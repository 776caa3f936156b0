"""Account days: calendar days in the time zone of an ad account, which may have moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone that an ad account has, or had, for a time.

    Attributes:
        starts_at: the first instant, UTC; None where it is the account's first zone.
        ends_at: the first instant of the next zone, UTC; None where it is today's.
        name: IANA name.
    """

    starts_at: datetime | None
    ends_at: datetime | None
    name: str


def zone_at(instant: datetime, zones: Sequence[Zone]) -> str:
    """The IANA name of the zone that holds at an instant.

    Args:
        instant: any instant with a zone of its own.
        zones: an account's zones in their order, without a gap; the last has no end.
    """
    return next(z.name for z in zones if z.ends_at is None or instant < z.ends_at)


def account_day(instant: datetime, zones: Sequence[Zone]) -> date:
    """The account day of an instant; at the ends of the calendar its first or last day.

    Args:
        instant: any instant with a zone of its own.
        zones: an account's zones in their order, without a gap; the last has no end.
    """
    try:
        return instant.astimezone(ZoneInfo(zone_at(instant, zones))).date()
    except OverflowError:
        return date.max if instant.year > 1 else date.min
