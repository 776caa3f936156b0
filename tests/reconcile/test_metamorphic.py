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
from typing import Any

import oracle
import pytest
from answers import Answer, answer
from oracle_model import ids_of
from world_extras import SOURCE as HUMMING
from world_files import as_read, split_again
from world_maker import make_world
from worlds import NAME, TICK, File, Moment, Record, World

WEEK = timedelta(days=7)
# A world with every status among those with attempts, former zones, totals, a steady hum, and a
# feed whose coverage does not depend on its files' names.
SEED = 20


@pytest.fixture(scope="module")
def the_answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """The answer for one world as it is."""
    return answer(_whole(SEED), tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    "seed", [7, pytest.param(4, marks=pytest.mark.long), pytest.param(8, marks=pytest.mark.long)]
)
def test_order_of_records_and_files_does_not_matter(seed: int, tmp_path: Path) -> None:
    world = _world(seed)
    before = answer(world, tmp_path / "before")
    after = answer(split_again(world, random.Random(seed)), tmp_path / "after")
    assert before.conversions == after.conversions
    assert before.figures() == after.figures()


@pytest.mark.parametrize(
    "seed", [8, pytest.param(2, marks=pytest.mark.long), pytest.param(4, marks=pytest.mark.long)]
)
def test_files_delivered_twice_change_nothing(seed: int, tmp_path: Path) -> None:
    world = make_world(seed)
    before = answer(world, tmp_path / "before")
    for files in (world.inbound, world.feed, world.totals):
        files += [replace(file, path=f"{file.path}.again") for file in list(files)]
    after = answer(world, tmp_path / "after")
    assert before.conversions == after.conversions
    assert before.figures() == after.figures()


@pytest.mark.parametrize(
    "seed", [1, pytest.param(4, marks=pytest.mark.long), pytest.param(13, marks=pytest.mark.long)]
)
def test_records_delivered_twice_change_nothing(seed: int, tmp_path: Path) -> None:
    """In files of other bytes; a record without an id cannot be known again.

    What counts attempts, or all that a source sends, sees twice as many: rejections, the hum.
    """
    world = _world(seed)
    before = answer(world, tmp_path / "before")
    for file in list(world.inbound):
        known = [r for r in file.records if _has_ids(r, world) and file.source != HUMMING]
        world.inbound.append(File(f"{file.path}.twice", known[::-1], file.source))
    for file in [*world.feed, *world.totals]:
        files = world.totals if file.kind else world.feed
        files.append(File(f"{file.path}.twice", file.records[::-1], kind=file.kind))
    after = answer(world, tmp_path / "after")
    assert _but_for_rejections(before) == _but_for_rejections(after)


def test_machine_time_zone_does_not_matter(the_answer: Answer, tmp_path: Path) -> None:
    world = _whole(SEED)

    def run_in_kathmandu(arguments: list[str]) -> int:
        command = [sys.executable, "-m", "archiver", *arguments]
        environment = {**os.environ, "TZ": "Asia/Kathmandu"}
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    after = answer(world, tmp_path, run_in_kathmandu)
    assert the_answer.conversions == after.conversions
    assert the_answer.figures() == after.figures()


@pytest.mark.parametrize(
    "status",
    [
        *("failed", "ambiguous"),
        pytest.param("rejected", marks=pytest.mark.long),
        pytest.param("conflict", marks=pytest.mark.long),
    ],
)
def test_late_success_closes_a_gap(status: str, the_answer: Answer, tmp_path: Path) -> None:
    world = _whole(SEED)
    lost = next(c for c in _attempted(world) if c.status == status)
    world.feed.append(_late(world, lost, "accepted"))
    after = answer(world, tmp_path).totals()
    after.subtract(the_answer.totals())
    assert {term: change for term, change in after.items() if change} == {
        "accepted": 1,
        "gap": -1,
        status: -1,
    }


@pytest.mark.parametrize(
    "outcome", ["failed", "rejected", pytest.param("unknown", marks=pytest.mark.long)]
)
def test_late_failure_never_reopens_an_accepted_one(
    outcome: str, the_answer: Answer, tmp_path: Path
) -> None:
    world = _whole(SEED)
    accepted = next(c for c in _attempted(world) if c.status == "accepted")
    world.feed.append(_late(world, accepted, outcome))
    after = answer(world, tmp_path)
    assert _but_for_rejections(after) == _but_for_rejections(the_answer)


@pytest.mark.parametrize("seed", [0, 2, pytest.param(5, marks=pytest.mark.long)])
def test_without_a_feed_nothing_is_missing(seed: int, tmp_path: Path) -> None:
    world = _whole(seed)
    before = answer(world, tmp_path / "before").totals()
    world.feed, world.vouched = [], []
    after = answer(world, tmp_path / "after").totals()
    assert before["missing"] > 0
    assert after["missing"] == after["accepted"] == after["failed"] == 0
    assert after["gap"] == after["conflict"]
    assert after["unknown"] >= before["missing"] + before["unknown"]
    assert after["expected"] == before["expected"]


@pytest.mark.parametrize("seed", [SEED, 7, pytest.param(13, marks=pytest.mark.long)])
def test_a_week_later_the_figures_are_the_same(seed: int, tmp_path: Path) -> None:
    world = _world(seed, clock_change=False)
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
    assert [_later(incident) for incident in before.incidents] == after.incidents
    assert {
        (later(day), name): row for (day, name), row in before.daily_totals.items()
    } == after.daily_totals
    assert {
        (*finding, day and later(day)): count for (*finding, day), count in before.findings.items()
    } == after.findings
    assert any(incident.diagnosis == "source_outage" for incident in after.incidents)


# --- helpers -------------------------------------------------------------------------------------


def _world(seed: int, *, clock_change: bool = True) -> World:
    """A world whose figures no order of files can sway.

    No two attempts or reports at one instant, no two different occurrences of an id either (there,
    file and record decide), and a feed whose days do not depend on its files' names.
    """
    world = make_world(seed, clock_change=clock_change)
    if world.settings.coverage == "daily":
        world.settings = replace(world.settings, coverage="complete")
    ticks = _ticks()
    for file in world.feed:
        file.records = [_nudged(r, "attempted_at", next(ticks)) for r in file.records]
    for file in world.inbound:
        file.records = [_nudged(r, "receivedAt", next(ticks)) for r in file.records]
    for file in world.totals:
        file.records = [_nudged(r, "reported_at", -next(ticks)) for r in file.records]
    return world


def _whole(seed: int) -> World:
    """A world of which all days are asked for."""
    world = make_world(seed)
    world.from_day = world.to_day = None
    return world


def _has_ids(record: Record, world: World) -> bool:
    """Whether an occurrence of the same is known again, as an event and as a conversion."""
    body = as_read(record)
    message_id = oracle.read_text(body.get("messageId"))
    return bool(message_id) and bool(ids_of(body, world.settings))


def _but_for_rejections(answer: Answer) -> tuple[Any, ...]:
    """The figures without what counts attempts."""
    incidents = [i for i in answer.incidents if i.diagnosis != "rejections"]
    return replace(answer, incidents=incidents).figures()


def _later(incident: oracle.Incident) -> oracle.Incident:
    first, last = incident.first_safe_upload, incident.last_safe_upload
    return replace(
        incident,
        start=incident.start + WEEK,
        end=incident.end + WEEK,
        first_safe_upload=first and first + WEEK,
        last_safe_upload=last and last + WEEK,
    )


def _ticks() -> Iterator[timedelta]:
    n = 0
    while True:
        n += 1
        yield TICK * n


def _nudged(record: Record, key: str, by: timedelta) -> Record:
    at = record.get(key)
    return {**record, key: Moment(at.instant + by)} if isinstance(at, Moment) else record


def _attempted(world: World) -> list[oracle.Conversion]:
    """Conversions with attempts."""
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
