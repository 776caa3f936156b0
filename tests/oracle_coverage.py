"""Where a feed's silence means something (DESIGN §4); part of `oracle`, which see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from oracle_model import DAY, HOUR, TICK, Conversion, Settings, Stretch

EARLIEST = datetime.min.replace(tzinfo=UTC)
SILENT_CONVERSIONS = 20


def silences_of(conversions: list[Conversion], attempted: set[str]) -> list[list[Conversion]]:
    """Runs of conversions whose ids nobody tried to deliver, long enough in number and in time."""
    runs: list[list[Conversion]] = [[]]
    for conversion in watched(conversions):
        if conversion.event_id in attempted:
            runs.append([])
        else:
            runs[-1].append(conversion)
    return [
        run
        for run in runs
        if len(run) >= SILENT_CONVERSIONS and run[-1].arrival - run[0].arrival >= HOUR
    ]


def watched(conversions: list[Conversion]) -> list[Conversion]:
    """Those whose attempts the feed should show, by arrival."""
    found = [c for c in conversions if c.first.suppressed is None and c.event_id is not None]
    return sorted(found, key=lambda c: (c.arrival, c.event_id, c.name))


def coverage_of(
    settings: Settings,
    newest_attempt: datetime | None,
    silences: list[Stretch],
    feed_days: Iterable[date],
    vouched: list[Stretch],
) -> list[Stretch]:
    """The stretches of time in which the feed's silence means something."""
    stretches = list(vouched)
    if settings.coverage == "daily":
        midnights = [datetime.combine(day, time(), UTC) for day in feed_days]
        stretches += [(midnight, midnight + DAY - TICK) for midnight in midnights]
    elif newest_attempt is not None:
        since = EARLIEST
        for first, last in sorted(silences) if settings.coverage == "infer" else []:
            stretches.append((since, min(first - TICK, newest_attempt)))
            since = last + TICK
        stretches.append((since, newest_attempt))
    return merge(stretches)


def merge(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join what overlaps or touches; drop what is empty."""
    merged: list[Stretch] = []
    for start, end in sorted(s for s in stretches if s[0] <= s[1]):
        if merged and start <= merged[-1][1] + TICK:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def holds(stretches: list[Stretch], start: datetime, end: datetime) -> bool:
    """Whether one stretch holds the whole span."""
    return any(first <= start and end <= last for first, last in stretches)


def feed_days_of(files: Iterable[tuple[list[date], list[datetime]]], as_of: datetime) -> set[date]:
    """Days for which a feed's files were imported: those in the path, else those of its attempts.

    Args:
        files: per path the days that it names and the instants of its attempts.
        as_of: later attempts are ignored.
    """
    days: set[date] = set()
    for named, attempts in files:
        days.update(named or [a.astimezone(UTC).date() for a in attempts if a <= as_of])
    return days
