"""What changed since the run before: built from two kept runs; as JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.tables import AMOUNT, INSTANT
from archiver.report.formats import cell
from archiver.report.totals_changes import TotalsChange, totals_changes
from archiver.texts import amount_text, instant_text
from archiver.warehouse.restatements import AMOUNTS, FIGURES, REASONS, Pair, read_comparison
from archiver.warehouse.runs import RunRecord, kept_runs, read_run, run_before

Amounts = dict[str, Decimal]


@dataclass(frozen=True)
class Change:
    """One account day and event whose figures differ between two runs.

    Attributes:
        day: account day.
        event: the destination's event name.
        before, after: the counts of FIGURES, of both runs.
        values: currency → amounts of AMOUNTS before and after; those currencies only that differ.
        reasons: how many conversions changed for each of REASONS, zeros included.
    """

    day: date
    event: str
    before: dict[str, int]
    after: dict[str, int]
    values: dict[str, tuple[Amounts, Amounts]]
    reasons: dict[str, int]


@dataclass(frozen=True)
class DestinationChanges:
    """What changed for one destination.

    Attributes:
        destination: its name in the configuration.
        previous: the run that it is compared with.
        changes: by account day and event.
        is_of_some_days: only some account days were looked at.
        totals_changes: of what others counted, by account day and event.
    """

    destination: str
    previous: RunRecord
    changes: list[Change]
    is_of_some_days: bool = False
    totals_changes: list[TotalsChange] = field(default_factory=list)


@dataclass(frozen=True)
class Changes:
    """What changed from one run to another.

    Attributes:
        run: the later one.
        previous: the one before it; of several, since destinations can differ, the last one that
            was asked for. None: there is none.
        destinations: those that both runs have.
    """

    run: RunRecord
    previous: RunRecord | None
    destinations: list[DestinationChanges]

    @property
    def restated_days(self) -> int:
        """On how many account days anything changed."""
        return len({change.day for part in self.destinations for change in part.changes})


def build_changes(
    folder: Path,
    *,
    since: Path | None = None,
    destination: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Changes:
    """Compare a kept run with the one that was asked for before it.

    Args:
        folder: the run's folder.
        since: the folder of another kept run to compare it with.
        destination: this one only.
        from_day: this account day and later ones only.
        to_day: this account day and earlier ones only.
    """

    def is_shown(day: date) -> bool:
        return (from_day is None or day >= from_day) and (to_day is None or day <= to_day)

    run = read_run(folder)
    parts = []
    compared = set()
    is_narrowed = from_day is not None or to_day is not None or not run.is_unbounded
    for name in run.destinations:
        before = since or run_before(folder, name)
        if destination not in (None, name) or before is None:
            continue
        previous = read_run(before)
        if name not in previous.destinations:
            continue
        compared.add(before)
        pair = Pair(before, folder, name)
        changes = [change for change in _changes(pair) if is_shown(change.day)]
        totals = [change for change in totals_changes(pair) if is_shown(change.day)]
        parts.append(DestinationChanges(name, previous, changes, is_narrowed, totals))
    known = [kept for kept in kept_runs(folder.parent.parent) if kept in compared]
    return Changes(run, read_run(known[-1]) if known else None, parts)


def _changes(pair: Pair) -> list[Change]:
    with tempfile.TemporaryDirectory(prefix="archiver-") as scratch:
        tables = read_comparison(pair, Path(scratch))
    values: dict[tuple[date, str], dict[str, tuple[Amounts, Amounts]]] = {}
    for line in tables["restatement_values"].to_pylist():
        values.setdefault((line["day"], line["event"]), {})[line["currency"]] = (
            {name: line[f"{name}_before"] for name in AMOUNTS},
            {name: line[name] for name in AMOUNTS},
        )
    return [
        Change(
            day=line["day"],
            event=line["event"],
            before={name: line[f"{name}_before"] for name in FIGURES},
            after={name: line[name] for name in FIGURES},
            values=values.get((line["day"], line["event"]), {}),
            reasons={name: line[name] for name in REASONS},
        )
        for line in tables["restatements"].to_pylist()
    ]


def as_json(changes: Changes) -> dict[str, Any]:
    """The document of `archiver report --changes --json`."""
    return {
        "run_id": changes.run.run_id,
        "as_of": instant_text(changes.run.as_of),
        **_previous(changes.previous),
        "destinations": [
            {
                "destination": part.destination,
                **_previous(part.previous),
                "changes": [
                    {
                        "day": change.day.isoformat(),
                        "event": change.event,
                        "before": change.before,
                        "after": change.after,
                        "value": {
                            currency: {"before": _texts(before), "after": _texts(after)}
                            for currency, (before, after) in change.values.items()
                        },
                        "reasons": change.reasons,
                    }
                    for change in part.changes
                ],
                "totals_changes": [
                    {
                        "day": change.day.isoformat(),
                        "event": change.event,
                        "before": change.before,
                        "after": change.after,
                        "reason": change.reason,
                    }
                    for change in part.totals_changes
                ],
            }
            for part in changes.destinations
        ],
    }


def _previous(run: RunRecord | None) -> dict[str, str | None]:
    return {
        "previous_run_id": run.run_id if run else None,
        "previous_as_of": instant_text(run.as_of) if run else None,
    }


def _texts(amounts: Amounts) -> dict[str, str]:
    return {name: amount_text(amount) for name, amount in amounts.items()}


def json_text(changes: Changes) -> str:
    """The JSON document, the same bytes for the same runs."""
    return json.dumps(as_json(changes), indent=2, ensure_ascii=False) + "\n"


_COUNTS = tuple(f"{name}{when}" for name in FIGURES for when in ("_before", ""))
_VALUES = tuple(f"value_{name}{when}" for name in AMOUNTS for when in ("_before", ""))
_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("as_of", INSTANT),
        ("previous_run_id", pa.string()),
        ("previous_as_of", INSTANT),
        ("destination", pa.string()),
        ("day", pa.date32()),
        ("event", pa.string()),
        ("currency", pa.string()),
        *[(name, pa.int64()) for name in (*_COUNTS, *REASONS)],
        *[(name, AMOUNT) for name in _VALUES],
    ]
)


def _lines(changes: Changes) -> Iterator[dict[str, Any]]:
    """One line per destination, day, event and currency, the currency empty where none differs.

    Counts stand on the first line of a day and event only, so that a sum over lines is right.
    """
    for part in changes.destinations:
        for change in part.changes:
            counts = {f"{name}_before": count for name, count in change.before.items()}
            counts |= change.after | change.reasons
            for index, currency in enumerate([*change.values] or [None]):
                before, after = change.values[currency] if currency else ({}, {})
                yield {
                    "run_id": changes.run.run_id,
                    "as_of": changes.run.as_of,
                    "previous_run_id": part.previous.run_id,
                    "previous_as_of": part.previous.as_of,
                    "destination": part.destination,
                    "day": change.day,
                    "event": change.event,
                    "currency": currency,
                    **(counts if index == 0 else dict.fromkeys(counts)),
                    **{f"value_{name}_before": before.get(name) for name in AMOUNTS},
                    **{f"value_{name}": after.get(name) for name in AMOUNTS},
                }


def csv_text(changes: Changes) -> str:
    """One line per destination, day, event and currency that differs; totals are not in it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _SCHEMA.names, lineterminator="\n")
    writer.writeheader()
    for line in _lines(changes):
        writer.writerow({name: cell(value) for name, value in line.items()})
    return out.getvalue()


def write_parquet(changes: Changes, path: Path) -> None:
    """The lines of the CSV, typed."""
    pq.write_table(pa.Table.from_pylist(list(_lines(changes)), schema=_SCHEMA), path)
