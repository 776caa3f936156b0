"""When things happen in a drill: an invented week, an outage in it, the backfill after it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archiver.drill.faults import Fault, Spell
from archiver.drill.standin import Clock

WEEK_START = datetime(2026, 1, 12, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)
_DEDUP = timedelta(hours=48)

_OUTAGES: dict[str, tuple[Fault, ...]] = {
    "throttling": (Fault("throttled"), Fault("throttled"), Fault("throttled", seconds=120)),
    "server errors": (Fault("server_error", status=503), Fault("server_error", status=500)),
    "a mixture": (
        Fault("server_error", status=503),
        Fault("throttled"),
        Fault("bad_token"),
        Fault("server_error", status=500),
    ),
}
# Nobody can tell from these whether the event landed.
_UNSURE = (
    Fault("slow", is_processed=True, seconds=120),
    Fault("unreadable", status=502),
    Fault("unreadable", is_processed=True, status=504),
    Fault("reset"),
    Fault("reset", is_processed=True),
)
_UPLOAD = (
    *_UNSURE,
    Fault("throttled", seconds=30),
    Fault("throttled"),
    Fault("server_error", status=500),
    Fault("server_error", status=503),
)


@dataclass(frozen=True)
class Scenario:
    """The instants of one drill, all UTC.

    Attributes:
        seed: everything else follows from it and from the destination's settings.
        outage: what the destination answers, in words.
        outage_start: from then on nearly every request fails.
        recovery: from then on none does, but for the faults of the upload.
        backfill_at: when the backfill is made.
        upload_at: when its upload begins.
        end: no event arrives later.
        spells: the destination's faults, of the outage and of the upload.
        crashes: how often the upload dies.
        dedup_clock: from when on the stand-in counts its 48 hours.
        names_rows: whether its refusals name the event at fault.
    """

    seed: int
    outage: str
    outage_start: datetime
    recovery: datetime
    backfill_at: datetime
    upload_at: datetime
    end: datetime
    spells: tuple[Spell, ...]
    crashes: int
    dedup_clock: Clock
    names_rows: bool


def make_scenario(
    seed: int,
    retry_window: timedelta,
    max_age: timedelta | None,
    clock: Clock | None = None,
    *,
    has_twins: bool = False,
) -> Scenario:
    """A scenario for a destination.

    Args:
        seed: of the chance.
        retry_window: how long the hub retries: the outage is longer by some hours.
        max_age: the oldest event that the destination takes: some backfills come so late that part
            of what was lost is older.
        clock: from when on the stand-in counts its 48 hours; None: by the seed.
        has_twins: the browser delivers the same events, so that a late backfill would be empty.
    """
    chance = random.Random(f"scenario/{seed}")
    lossy = timedelta(minutes=chance.randint(120, 360))
    start = WEEK_START + timedelta(minutes=chance.randint(36 * 60, 72 * 60))
    recovery = start + retry_window + lossy
    kinds = ("soon", "around the window", "late")
    kind = chance.choice(kinds[:2] if has_twins else kinds)
    if kind == "soon":
        backfill_at = recovery + timedelta(minutes=chance.randint(150, 480))
    elif kind == "around the window":
        backfill_at = start + _DEDUP + lossy * chance.uniform(-1, 2)
    elif max_age is not None:
        backfill_at = start + max_age + lossy * chance.uniform(0.1, 0.9)
    else:
        backfill_at = recovery + timedelta(hours=chance.uniform(60, 120))
    backfill_at = max(backfill_at, recovery + 2.5 * _HOUR).replace(microsecond=0)
    upload_at = backfill_at + timedelta(minutes=chance.randint(2, 60))
    name = chance.choice(sorted(_OUTAGES))
    end = max(WEEK_START + _WEEK, recovery + retry_window + 8 * _HOUR)
    return Scenario(
        seed=seed,
        outage=name,
        outage_start=start,
        recovery=recovery,
        backfill_at=backfill_at,
        upload_at=upload_at,
        end=end,
        spells=(
            # A shaky beginning, then nothing but refusals, then a shaky end.
            Spell(start, start + timedelta(minutes=45), (*_UNSURE, *_OUTAGES[name]), 0.8),
            Spell(start, recovery - timedelta(minutes=10), _OUTAGES[name], 0.995),
            Spell(start, recovery, (*_UNSURE, *_OUTAGES[name]), 0.9),
            *_upload_spells(chance, upload_at),
        ),
        crashes=chance.randint(1, 4),
        dedup_clock=chance.choice(("arrival", "event")) if clock is None else clock,
        names_rows=chance.random() < 0.5,
    )


def _upload_spells(chance: random.Random, begin: datetime) -> list[Spell]:
    """Some minutes of trouble at the beginning of the upload, then single faults for a day."""
    trouble = begin + timedelta(minutes=chance.randint(1, 30))
    return [
        Spell(begin, trouble, _UPLOAD, 0.5),
        Spell(trouble, begin + timedelta(days=1), (*_UPLOAD, Fault("bad_token")), 0.1),
    ]
