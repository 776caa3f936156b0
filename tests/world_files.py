"""Records as files, and as the oracle reads them, for random worlds."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import oracle
from worlds import File, Raw, Record, World


def split_again(world: World, rng: random.Random) -> World:
    """The same records in another order in other files."""
    events = [(file.source, record) for file in world.inbound for record in file.records]
    receipts = [r for file in world.feed if not file.is_upload for r in file.records]
    uploads = [file for file in world.feed if file.is_upload]
    rng.shuffle(events)
    rng.shuffle(receipts)
    feed = [*feed_of(receipts, world.settings, rng), *uploads]
    return replace(world, inbound=split(events, rng), feed=feed)


def as_read(value: Any) -> Any:
    """As the oracle reads JSON."""
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    if isinstance(value, Raw):
        return oracle.Number(value.text)
    return oracle.Number(value) if type(value) is int else value


def split(events: list[tuple[str, Record]], rng: random.Random) -> list[File]:
    files: dict[tuple[str, int], File] = {}
    for source, event in events:
        part = rng.randrange(3)
        path = f"inbound/{source}/part-{part}.ndjson"
        files.setdefault((source, part), File(path, [], source)).records.append(event)
    return list(files.values())


def feed_of(receipts: list[Record], settings: oracle.Settings, rng: random.Random) -> list[File]:
    """One file per day of the attempts; with daily coverage named for it, some lost, one empty."""
    days: dict[date, list[Record]] = {}
    for receipt in receipts:
        days.setdefault(receipt["attempted_at"].instant.date(), []).append(receipt)
    if settings.coverage != "daily":
        return [File(f"receipts/feed-{n}.ndjson", days[d]) for n, d in enumerate(sorted(days))]
    files = []
    for n, day in enumerate(sorted(days)):
        kind = rng.choice(["named", "named", "named", "unnamed", "lost"])
        if kind != "lost":
            files.append(File(f"receipts/{day if kind == 'named' else n}.ndjson", days[day]))
    empty = min(days) + timedelta(days=rng.randrange(4))
    files.append(File(f"receipts/{empty}-none.ndjson", []))
    return files
