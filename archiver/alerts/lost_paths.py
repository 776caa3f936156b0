"""Fields that events of conversions used to have, and that are gone."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from archiver import __version__
from archiver.alerts.model import Condition
from archiver.config import Config
from archiver.files import write_durably
from archiver.warehouse.query import published, run_file
from archiver.warehouse.snapshot import DATABASE, read_snapshot

# Days before which nothing is looked at: what a field's usual share is, and how long it is away.
_HISTORY = timedelta(days=60)
# How likely chance may be. A night looks at hundreds of paths: one false alarm in years.
_CHANCE = 1e-6


class _Kept(msgspec.Struct, kw_only=True):
    """An answer, and what it was made from: with the same it need not be asked for again."""

    made_from: str
    conditions: list[Condition]


def schema_conditions(config: Config, as_of: datetime, kept: Path) -> list[Condition]:
    """One condition per source and event name of conversions that lost paths, types or itself.

    It holds while they are away, for `nightly.threshold_days`.

    Args:
        config: the settings; the published warehouse is read.
        as_of: of the round, UTC; its day is not judged, since it is not over.
        kept: file that keeps the answer until the warehouse or the day is another.

    Raises:
        ArchiverError: the warehouse cannot be read.
    """
    snapshot = read_snapshot(config.warehouse_path)
    if not snapshot.diary_segments or not (config.warehouse_path / DATABASE).exists():
        return []
    today = as_of.astimezone(UTC).date()
    known = (snapshot.diary_segments, snapshot.conversion_segments, snapshot.rules)
    parts = (today, config.nightly.threshold_days, __version__, *known)
    made_from = hashlib.sha256(repr(parts).encode()).hexdigest()
    with suppress(FileNotFoundError, msgspec.DecodeError):
        old = msgspec.json.decode(kept.read_bytes(), type=_Kept)
        if old.made_from == made_from:
            return old.conditions
    found = list(_asked(config, today))
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_durably(kept, msgspec.json.encode(_Kept(made_from=made_from, conditions=found)))
    return found


def _asked(config: Config, today: date) -> Iterator[Condition]:
    days = {
        "from_day": today - _HISTORY,
        "to_day": today - timedelta(days=1),
        "since_day": today - timedelta(days=config.nightly.threshold_days),
    }
    with published(config.warehouse_path) as connection:
        lost = run_file(connection, "alerts/lost_paths", days)
        rows = [row for row in lost if _is_sure(*row[5:])]
    for (source, event), group in groupby(rows, lambda row: (row[0], row[1])):
        found = list(group)
        command = f"archiver schema {shlex.quote(event)} --changes --source {shlex.quote(source)}"
        yield Condition(
            kind="schema",
            subject=event,
            source=source,
            since=min(datetime.combine(row[4], time(), UTC) for row in found),
            details=tuple(_said(*row[2:5]) for row in found),
            next_steps=(command,),
            size=len(found),
        )


def _said(path: str, json_type: str | None, lost_on: object) -> str:
    if path == "$":
        return f"no such event since {lost_on}"
    what = "is gone" if json_type is None else f"is {json_type} no more"
    return f"{path} {what} since {lost_on}"


def _is_sure(hits: int, chances: int, misses: int) -> bool:
    """Whether chance can hardly explain that of so many not one had it.

    The share is not known, only seen: of `chances` events `hits` had it. So the chance is that of
    the beta-binomial distribution, with every share as likely beforehand as any other.
    """
    a, b = hits + 1, max(chances - hits, 0) + 1
    log = math.lgamma
    chance = log(b + misses) - log(b) + log(a + b) - log(a + b + misses)
    return chance <= math.log(_CHANCE)
