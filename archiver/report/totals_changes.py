"""Which totals differ between two kept runs: counts that came late, or what they are beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from archiver.warehouse.restatements import Pair, common_days
from archiver.warehouse.runs import read_run

COUNTED = ("delivered", "received", "attributed")
"""What the hub or the destination counted."""
TOTALS_FIGURES = (*COUNTED, "difference")
"""What a total has before and after."""

Figures = dict[str, int | None]


@dataclass(frozen=True)
class TotalsChange:
    """One account day and event of `daily_totals` that differs between two runs.

    Attributes:
        day: account day.
        event: the destination's event name; `(all)`: all names of the day.
        before, after: TOTALS_FIGURES of both runs; None: none known.
        reason: `late_totals`: other counts are known now than then; `expected`: they are the same,
            and other conversions were expected; `rule_change`: the difference is to another count.
    """

    day: date
    event: str
    before: Figures
    after: Figures
    reason: str


def totals_changes(pair: Pair) -> list[TotalsChange]:
    """The totals that differ, by account day and event, on the days that both runs have.

    None where a run is of a version that kept no totals.
    """
    paths = [run / "daily_totals.parquet" for run in (pair.before, pair.run)]
    if not all(path.exists() for path in paths):
        return []
    before, after = (_rows(path, pair.destination) for path in paths)
    first, last = common_days(pair, read_run(pair.run), read_run(pair.before))
    found = []
    for day, event in sorted(before.keys() | after.keys()):
        if day < (first or day) or day > (last or day):
            continue
        then, now = before.get((day, event), {}), after.get((day, event), {})
        if _figures(then) != _figures(now):
            reason = _reason(then, now)
            found.append(TotalsChange(day, event, _figures(then), _figures(now), reason))
    return found


def _figures(row: dict[str, Any]) -> Figures:
    return {name: row.get(name) for name in TOTALS_FIGURES}


def _reason(before: dict[str, Any], after: dict[str, Any]) -> str:
    def differ(*names: str) -> bool:
        return any(before.get(name) != after.get(name) for name in names)

    if differ(*COUNTED):
        return "late_totals"
    return "expected" if differ("expected", "pending") else "rule_change"


def _rows(path: Path, destination: str) -> dict[tuple[date, str], dict[str, Any]]:
    columns = ["day", "event", "expected", "pending", *TOTALS_FIGURES]
    table = pq.read_table(path, columns=columns, filters=[("destination", "=", destination)])
    return {(row["day"], row["event"]): row for row in table.to_pylist()}
