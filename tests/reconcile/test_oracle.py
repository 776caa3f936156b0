"""The SQL against an independent re-computation, on random worlds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import oracle
import pytest
from answers import check
from world_maker import make_world
from worlds import World

# Of the further ones, the first whose totals agree with all that was expected.
SEEDS = (*range(20), 24)
INCIDENTS = {"delivery_outage", "rejections", "source_outage", "receipts_missing"}
FINDINGS = {
    "order_under_several_ids",
    "id_on_several_orders",
    "value_mismatch",
    "conflict_accepted",
    "currency_missing",
    "time_in_future",
    "refund_without_order",
    "name_renamed",
    "no_time",
}
REASONS = {
    *("integration_off", "no_consent", "test_event", "filtered", "excluded", "erased"),
    *("inferred", "conflict_accepted", "value_mismatch", "inferred,conflict_accepted", None),
    *("different_contents", "refused", "retry_window", "not_delivered", "no_receipt"),
    *("may_have_landed", "shared_key", "other_event_name"),
    *("no_key", "totals_only", "not_covered"),
}


@cache
def _world(seed: int) -> tuple[World, oracle.Result]:
    world = make_world(seed)
    return world, world.expect()


@pytest.mark.parametrize("seed", SEEDS)
def test_sql_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    world, result = _world(seed)
    check(world, tmp_path, result)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 220))
def test_sql_agrees_with_the_oracle_on_many_worlds(seed: int, tmp_path: Path) -> None:
    check(make_world(seed), tmp_path)


def test_the_worlds_hold_what_they_are_for() -> None:
    worlds = [_world(seed)[0] for seed in SEEDS]
    results = [_world(seed)[1] for seed in SEEDS]
    conversions = [c for result in results for c in result.conversions]
    assert {c.status for c in conversions} == set(oracle.STATUSES)
    assert {c.reason for c in conversions} >= REASONS
    assert {c.match_tier for c in conversions} == {None, 1, 2, 3}
    incidents = [i for result in results for i in result.incidents]
    assert {(i.diagnosis, i.is_open) for i in incidents} == {
        (diagnosis, is_open) for diagnosis in INCIDENTS for is_open in (True, False)
    }
    assert {i.code for i in incidents if i.diagnosis == "delivery_outage"} > {None}
    assert {i.last_safe_upload is None for i in incidents} == {True, False}
    uploads = [any(file.is_upload for file in world.feed) for world in worlds]
    assert set(uploads) == {True, False}
    assert any(len(r.silences) > _silent_incidents(r) for r in results), "a silence vouched for"
    assert {f.finding for r in results for f in r.findings} == FINDINGS
    rows = [row for r in results for row in r.days.values()]
    assert {row.provisional for row in rows} == {True, False}
    assert all(
        any(row.counts[name] for row in rows) for name in ("unarchived", "recoverable", "expired")
    )
    totals = [(key, row) for r in results for key, row in r.totals.items()]
    assert {row.compared_with for _, row in totals} == {"delivered", "received", None}
    assert {row.is_over_tolerance for _, row in totals} == {True, False}
    assert any(name == "(all)" for (_, name), _ in totals)
    assert {
        (w.settings.reports, r.is_over_threshold) for w, r in zip(worlds, results, strict=True)
    } >= {("all", True), ("all", False), ("totals", True), ("totals", False)}
    assert {world.settings.preset for world in worlds} == {"segment", "rudderstack"}
    assert {len(world.settings.zones_before) for world in worlds} == {0, 1, 2}
    assert {world.from_day is None for world in worlds} == {True, False}


def _silent_incidents(result: oracle.Result) -> int:
    return sum(i.diagnosis == "receipts_missing" for i in result.incidents)
