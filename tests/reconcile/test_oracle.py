"""The SQL against an independent re-computation, on random worlds."""

from __future__ import annotations

from pathlib import Path

import oracle
import pytest
from answers import check
from world_maker import make_world


@pytest.mark.parametrize("seed", range(20))
def test_sql_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    check(make_world(seed), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 220))
def test_sql_agrees_with_the_oracle_on_many_worlds(seed: int, tmp_path: Path) -> None:
    check(make_world(seed), tmp_path)


def test_the_worlds_hold_what_they_are_for() -> None:
    results = [make_world(seed).expect() for seed in range(20)]
    conversions = [c for result in results for c in result.conversions]
    assert {c.status for c in conversions} == set(oracle.STATUSES)
    assert {"inferred", "no_key", "value_mismatch"} <= {c.reason for c in conversions}
    assert {i.diagnosis for r in results for i in r.incidents} == {
        "delivery_outage",
        "receipts_missing",
    }
    assert any(len(r.silences) > _silent_incidents(r) for r in results), "a silence vouched for"
    assert {r.is_over_threshold for r in results} == {True, False}
    assert sum(r.no_time for r in results) > 0
    rows = [row for r in results for row in r.days.values()]
    assert {row.provisional for row in rows} == {True, False}
    assert all(
        any(row.counts[name] for row in rows) for name in ("unarchived", "recoverable", "expired")
    )


def _silent_incidents(result: oracle.Result) -> int:
    return sum(i.diagnosis == "receipts_missing" for i in result.incidents)
