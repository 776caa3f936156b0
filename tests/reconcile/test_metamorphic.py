"""What must not change a reconciliation, and what must change it in a known way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import oracle
import pytest
from answers import Answer, answer
from world_maker import make_world, split_again
from worlds import NAME, TICK, File, Moment, Record, World

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def world_4(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """The answer for world 4 as it is."""
    return answer(make_world(4), tmp_path_factory.mktemp("world-4"))


@pytest.mark.parametrize(
    "seed", [1, pytest.param(4, marks=pytest.mark.long), pytest.param(8, marks=pytest.mark.long)]
)
def test_order_of_records_and_files_does_not_matter(seed: int, tmp_path: Path) -> None:
    world = _world(seed)
    before = answer(world, tmp_path / "before")
    after = answer(split_again(world, random.Random(seed)), tmp_path / "after")
    assert before.conversions == after.conversions
    assert before.figures() == after.figures()


@pytest.mark.parametrize(
    "seed", [2, pytest.param(3, marks=pytest.mark.long), pytest.param(4, marks=pytest.mark.long)]
)
def test_files_delivered_twice_change_nothing(seed: int, tmp_path: Path) -> None:
    world = make_world(seed)
    before = answer(world, tmp_path / "before")
    again = [replace(f, path=f"{f.path}.again") for f in [*world.inbound, *world.feed]]
    world.inbound += [file for file in again if file.source]
    world.feed += [file for file in again if not file.source]
    after = answer(world, tmp_path / "after")
    assert before.conversions == after.conversions
    assert before.figures() == after.figures()


@pytest.mark.parametrize(
    "seed", [1, pytest.param(4, marks=pytest.mark.long), pytest.param(13, marks=pytest.mark.long)]
)
def test_records_delivered_twice_change_nothing(seed: int, tmp_path: Path) -> None:
    """In files of other bytes; a record without an id cannot be known again."""
    world = _world(seed)
    before = answer(world, tmp_path / "before")
    for file in list(world.inbound):
        known = [r for r in file.records if isinstance(r["messageId"], str | int)]
        known = [r for r in known if r["messageId"] is not True]
        world.inbound.append(File(f"{file.path}.twice", known[::-1], file.source))
    world.feed += [File(f"{file.path}.twice", file.records[::-1]) for file in list(world.feed)]
    after = answer(world, tmp_path / "after")
    assert before.figures() == after.figures()


def test_machine_time_zone_does_not_matter(world_4: Answer, tmp_path: Path) -> None:
    world = make_world(4)

    def run_in_kathmandu(arguments: list[str]) -> int:
        command = [sys.executable, "-m", "archiver", *arguments]
        environment = {**os.environ, "TZ": "Asia/Kathmandu"}
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    after = answer(world, tmp_path, run_in_kathmandu)
    assert world_4.conversions == after.conversions
    assert world_4.figures() == after.figures()


@pytest.mark.parametrize(
    "status",
    [
        *("failed", "ambiguous"),
        pytest.param("rejected", marks=pytest.mark.long),
        pytest.param("conflict", marks=pytest.mark.long),
    ],
)
def test_late_success_closes_a_gap(status: str, world_4: Answer, tmp_path: Path) -> None:
    world = make_world(4)
    lost = next(c for c in _attempted(world) if c.status == status)
    world.feed.append(_late(world, lost, "accepted"))
    after = answer(world, tmp_path).totals()
    after.subtract(world_4.totals())
    assert {term: change for term, change in after.items() if change} == {
        "accepted": 1,
        "gap": -1,
        status: -1,
    }


@pytest.mark.parametrize(
    "outcome", ["failed", "rejected", pytest.param("unknown", marks=pytest.mark.long)]
)
def test_late_failure_never_reopens_an_accepted_one(
    outcome: str, world_4: Answer, tmp_path: Path
) -> None:
    world = make_world(4)
    accepted = next(c for c in _attempted(world) if c.status == "accepted")
    world.feed.append(_late(world, accepted, outcome))
    assert answer(world, tmp_path).figures() == world_4.figures()


@pytest.mark.parametrize("seed", [0, 2, pytest.param(5, marks=pytest.mark.long)])
def test_without_a_feed_nothing_is_missing(seed: int, tmp_path: Path) -> None:
    world = make_world(seed)
    world.from_day = world.to_day = None
    before = answer(world, tmp_path / "before").totals()
    world.feed, world.vouched = [], []
    after = answer(world, tmp_path / "after").totals()
    assert before["missing"] > 0
    assert after["missing"] == after["accepted"] == after["failed"] == 0
    assert after["gap"] == after["conflict"]
    assert after["unknown"] >= before["missing"] + before["unknown"]
    assert after["expected"] == before["expected"]


@pytest.mark.parametrize("seed", [2, 11, pytest.param(13, marks=pytest.mark.long)])
def test_a_week_later_the_figures_are_the_same(seed: int, tmp_path: Path) -> None:
    world = make_world(seed, clock_change=False)
    before = answer(world, tmp_path / "before")
    after = answer(world.moved(WEEK), tmp_path / "after")

    def later(day: date) -> date:
        return day + WEEK

    assert {(later(day), name) for day, name in before.days} == after.days.keys()
    for (day, name), row in before.days.items():
        moved = after.days[later(day), name]
        untimed = row.keys() - {"run_id", "day", "backfill_deadline"}
        assert {key: moved[key] for key in untimed} == {key: row[key] for key in untimed}
        deadline = row["backfill_deadline"]
        assert moved["backfill_deadline"] == (deadline and deadline + WEEK)
    assert {(later(day), *key): sums for (day, *key), sums in before.values.items()} == after.values
    assert [
        replace(i, start=i.start + WEEK, end=i.end + WEEK) for i in before.incidents
    ] == after.incidents


# --- helpers -------------------------------------------------------------------------------------


def _world(seed: int) -> World:
    """A world whose figures no order of files can sway.

    No two attempts at one instant, no two different occurrences of an id either (there, file and
    record decide), and a feed whose days do not depend on its files' names.
    """
    world = make_world(seed)
    if world.settings.coverage == "daily":
        world.settings = replace(world.settings, coverage="complete")
    ticks = _ticks()
    for file in world.feed:
        file.records = [_nudged(r, "attempted_at", next(ticks)) for r in file.records]
    for file in world.inbound:
        file.records = [_nudged(r, "receivedAt", next(ticks)) for r in file.records]
    return world


def _ticks() -> Iterator[timedelta]:
    n = 0
    while True:
        n += 1
        yield TICK * n


def _nudged(record: Record, key: str, by: timedelta) -> Record:
    at = record.get(key)
    return {**record, key: Moment(at.instant + by)} if isinstance(at, Moment) else record


def _attempted(world: World) -> list[oracle.Conversion]:
    """Conversions with attempts, in the run's range."""
    assert world.from_day is None
    return [c for c in world.expect().conversions if c.receipts]


def _late(world: World, conversion: oracle.Conversion, outcome: str) -> File:
    """One more attempt, as late as the feed reaches."""
    newest = world.expect().newest_attempt
    assert newest is not None
    row = {
        "event_id": conversion.event_id,
        "event_name": conversion.name,
        "outcome": outcome,
        "attempted_at": Moment(newest),
    }
    return File(f"receipts/{NAME}-late.ndjson", [row])
