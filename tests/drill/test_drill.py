"""The drill: nothing counts twice, all that can be recovered is, and a defect is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from drilling import CONFIGS, drilled

from archiver.backfill import upload as uploads
from archiver.config import Condition
from archiver.drill import stage
from archiver.drill.play import Drilled
from archiver.drill.scenario import Scenario, make_scenario
from archiver.drill.standin import Account
from archiver.drill.world import invent
from archiver.errors import UsageError
from archiver.warehouse.conditions import ready
from archiver.warehouse.rules import DestinationRules, ReadyRule

FOUR_HOURS = timedelta(hours=4)

# Kind of configuration and seed. Of these seeds the backfill comes soon after the recovery (3, 10),
# around the end of the de-duplication window (2 and 18 with a pixel, 4, 11), or near the age limit.
CASES = list(zip(CONFIGS, (5, 2, 18, 2, 3, 4, 2, 11, 5, 10), strict=True))
MANY = [(name, seed) for seed, name in enumerate([*CONFIGS] * 5, 100)]


def check(found: Drilled) -> None:
    outcome = found.outcome
    assert outcome.problems == []
    assert (outcome.double_counts, outcome.hub_double_counts) == (0, 0)
    assert outcome.recovered == outcome.recoverable
    assert 250 < found.conversions < 1200
    assert found.hours_to_detect is not None
    assert found.detected_by in ("incident delivery_outage", "exit code 3")
    assert found.delivered + outcome.lost <= found.expected


@pytest.mark.parametrize(("name", "seed"), CASES, ids=str)
def test_all_that_can_be_recovered_is_and_nothing_counts_twice(
    tmp_path: Path, name: str, seed: int
) -> None:
    found = drilled(tmp_path, CONFIGS[name], seed)
    check(found)
    assert (found.outcome.recovered > 0) is (name != "meta with a pixel of other ids")


@pytest.mark.long
@pytest.mark.parametrize(("name", "seed"), MANY, ids=str)
def test_fifty_seeds(tmp_path: Path, name: str, seed: int) -> None:
    check(drilled(tmp_path, CONFIGS[name], seed))


def late(seed: int) -> Scenario:
    """A scenario whose upload comes when nothing is recognised any more, and is in trouble."""
    for other in range(seed, seed + 50):
        scenario = make_scenario(other, retry_window=FOUR_HOURS, max_age=None, clock="event")
        if scenario.backfill_at - scenario.outage_start > timedelta(hours=60):
            return replace(scenario, crashes=8)
    raise AssertionError("no seed gives a late backfill")


def test_an_upload_that_forgets_its_journal_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.upload

    def forgetful(config: Any, archive: Any, folder: Path, **options: Any) -> Any:
        for path in [*folder.glob("upload.journal"), *folder.glob("upload-*")]:
            path.unlink()
        return upload(config, None, folder, **options)  # The archive would say what began.

    monkeypatch.setattr(uploads, "upload", forgetful)
    found = drilled(tmp_path, CONFIGS["tiktok"], 1, scenario=late(1))
    assert found.outcome.double_counts > 0
    assert not found.is_good
    assert "counted twice" in " ".join(found.outcome.problems)


def test_a_backfill_of_what_may_have_landed_long_ago_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "TIERS", frozenset({"ambiguous", "beyond-dedup"}))
    found = drilled(tmp_path, CONFIGS["tiktok"], 1, scenario=late(1))
    assert found.outcome.double_counts > 0
    assert not found.is_good


def test_a_destination_that_says_ok_and_counts_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Account._count

    def deaf(self: Account, at: datetime, item: Any, sender: str) -> None:
        if sender != "upload" or item.event_time.second % 2:
            count(self, at, item, sender)

    monkeypatch.setattr(Account, "_count", deaf)
    found = drilled(tmp_path, CONFIGS["meta"], 3)
    assert not found.is_good
    assert "not counted by the destination, and not in the gap" in found.outcome.problems[0]


def test_another_type_has_no_stand_in(tmp_path: Path) -> None:
    text = CONFIGS["tiktok"].replace('type = "tiktok-events"', 'type = "custom"')
    text = text.replace('pixel = "none"', 'rules = [{ event = "Order Completed" }]')
    with pytest.raises(UsageError, match="no stand-in for destinations of type custom"):
        drilled(tmp_path, text, 1)


def test_a_conversion_that_cannot_be_invented_is_named(tmp_path: Path) -> None:
    rules = DestinationRules(
        destination="ads",
        sources=frozenset({"web"}),
        rules=(
            ReadyRule("track", "Possible", "A", filter=ready([condition("is", ["x", "y"])])),
            ReadyRule("track", "Impossible", "B", filter=ready([condition("matches", "^(?=a)b")])),
        ),
        integration=None,
    )
    world = invent(late(1), rules, pixel="none")
    assert invent(late(1), rules, pixel="none") == world
    assert invent(late(2), rules, pixel="none") != world
    assert world.notes == [
        "the conditions for 'Impossible' could not be satisfied: no such event is in the drill"
    ]
    assert {key.event for key in world.expected} == {"A"}
    made = [json.loads(one.payload) for one in world.happenings if one.key]
    assert {event["properties"]["plan"] for event in made} <= {"x", "y"}


def condition(test: str, value: Any) -> Condition:
    return Condition(path="properties.plan", **{"is_" if test == "is" else test: value})
