"""What changed from one kept run to the next, kept as Parquet: a folder for each pair of runs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.account_days import Zone, account_day
from archiver.archive.tables import AMOUNT, TEXT
from archiver.files import fsync_file, fsync_folder
from archiver.warehouse.database import bind_files, connect, create
from archiver.warehouse.run_tables import COUNTS, RUN_TABLES
from archiver.warehouse.runs import INPUTS, RunRecord, asked_pairs, read_run

FIGURES = ("expected", *COUNTS, "unarchived")
"""What a row of `restatements` has before and after."""
AMOUNTS = ("expected", "accepted", "gap")
"""What a row of `restatement_values` has before and after."""
REASONS = ("late_events", "late_receipts", "coverage", "settled", "rule_change", "other")
"""Why a conversion changed: the first that holds (docs/reconciliation.md, Restatements)."""

_ROW = [
    ("run_id", TEXT),
    ("previous_run_id", TEXT),
    ("destination", TEXT),
    ("day", pa.date32()),
    ("event", TEXT),
]
RESTATEMENT_TABLES: dict[str, pa.Schema] = {
    "restatements": pa.schema(
        [
            *_ROW,
            *[(f"{name}{when}", pa.int64()) for name in FIGURES for when in ("_before", "")],
            *[(name, pa.int64()) for name in REASONS],
            ("reasons", TEXT),
        ]
    ),
    "restatement_values": pa.schema(
        [
            *_ROW,
            ("currency", TEXT),
            *[(f"{name}{when}", AMOUNT) for name in AMOUNTS for when in ("_before", "")],
        ]
    ),
}
_STEPS = ("differing_files", "changed_conversions", "restatement_values", "restatements")
# Of the kept tables, the columns that a comparison reads: all versions of the program have them.
_COMPARED = {
    "reconciliation": (
        "destination",
        "source",
        "event_id",
        "event",
        "account_day",
        "status",
        "reason",
        "value",
        "currency",
        "attempts",
        "resolved_outcome",
        "code",
        "arrival",
        "file_id",
        "record_number",
    ),
    "daily_gaps": ("destination", "day", "event", *FIGURES),
    "daily_values": ("destination", "day", "event", "currency", *AMOUNTS),
}


@dataclass(frozen=True)
class Pair:
    """Two kept runs of one destination.

    Attributes:
        before, run: folders of the earlier one and of the one that is compared with it.
        destination: its name in the configuration.
    """

    before: Path
    run: Path
    destination: str

    @property
    def folder(self) -> Path:
        """Where the comparison is kept, once it is made."""
        name = f"{self.before.name}-{self.run.name}-{quote(self.destination, safe='')}"
        return self.run.parent.parent / "restatements" / name


def keep_comparisons(warehouse: Path) -> None:
    """Compare each run that was asked for with the one before it, where that is not kept yet.

    A run that was interrupted before it was compared is so made good. Hold the warehouse's lock.
    """
    for pair in (Pair(*found) for found in asked_pairs(warehouse)):
        if pair.folder.exists():
            continue
        draft = pair.folder.with_name(f".{pair.folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write_comparison(pair, draft, warehouse / ".spill")
        os.replace(draft, pair.folder)
        fsync_folder(pair.folder.parent)


def read_comparison(pair: Pair, scratch: Path) -> dict[str, pa.Table]:
    """The tables of RESTATEMENT_TABLES for a pair: the kept ones, or made in the folder `scratch`.

    What is made here is not kept: a reader holds no lock.
    """
    folder = pair.folder
    if not folder.exists():
        folder = scratch
        _write_comparison(pair, folder, scratch / ".spill")
    return {
        name: pq.read_table(folder / f"{name}.parquet").cast(schema)
        for name, schema in RESTATEMENT_TABLES.items()
    }


def bind_restatements(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """Make the views over all kept comparisons."""
    folders = sorted((warehouse / "restatements").glob("[!.]*"))
    for name, schema in RESTATEMENT_TABLES.items():
        files = [folder / f"{name}.parquet" for folder in folders]
        bind_files(connection, name, files, schema)


def _write_comparison(pair: Pair, folder: Path, spill: Path) -> None:
    record, before = read_run(pair.run), read_run(pair.before)
    from_day, to_day = common_days(pair, record, before)
    parameters = {
        "run_id": record.run_id,
        "previous_run_id": before.run_id,
        "destination": pair.destination,
        "as_of": record.as_of,
        "previous_as_of": before.as_of,
        "is_rule_change": _is_rule_change(record, before, pair.destination),
        "from_day": from_day,
        "to_day": to_day,
    }
    with connect(spill=spill) as connection:
        _bind_pair(connection, pair)
        for step in _STEPS:
            create(connection, step, f"restate/{step}", parameters)
        for name in RESTATEMENT_TABLES:
            path = folder / f"{name}.parquet"
            connection.execute(
                f"COPY (FROM {name}) TO $path (FORMAT parquet, COMPRESSION zstd)",
                {"path": str(path)},
            )
            fsync_file(path)


def _bind_pair(connection: duckdb.DuckDBPyConnection, pair: Pair) -> None:
    for name, columns in _COMPARED.items():
        schema = pa.schema([RUN_TABLES[name].field(column) for column in columns])
        bind_files(connection, name, [pair.run / f"{name}.parquet"], schema)
        bind_files(connection, f"previous_{name}", [pair.before / f"{name}.parquet"], schema)
    # Where one run did not keep its inputs yet, no file is known to differ.
    inputs = [run / "inputs.parquet" for run in (pair.run, pair.before)]
    known = all(path.exists() for path in inputs)
    for name, path in zip(("inputs", "previous_inputs"), inputs, strict=True):
        bind_files(connection, name, [path] if known else [], INPUTS)


def common_days(
    pair: Pair, record: RunRecord, before: RunRecord
) -> tuple[date | None, date | None]:
    """First and last account day that both runs have; None: no bound.

    A run without a first day has all days of the past, also those of which nothing was known. One
    without a last day has those that had begun at its instant, and later ones that have a row: a
    day that is new is not restated.
    """
    first = [r.from_day for r in (record, before) if r.from_day is not None]
    last = [
        _last_day(pair.run, record, pair.destination),
        _last_day(pair.before, before, pair.destination),
    ]
    return max(first, default=None), min(last)


def _last_day(run: Path, record: RunRecord, destination: str) -> date:
    if record.to_day is not None:
        return record.to_day
    zone = Zone(None, None, record.destinations[destination])
    last = account_day(record.as_of, [zone])
    rows = pq.read_table(
        run / "daily_gaps.parquet", columns=["day"], filters=[("destination", "=", destination)]
    )
    with_row: date | None = pc.max(rows["day"]).as_py()
    return max(last, with_row or last)


def _is_rule_change(record: RunRecord, before: RunRecord, destination: str) -> bool:
    """Whether the settings, the rules or the program differ, as far as the runs say."""
    return (
        record.parameters[destination] != before.parameters[destination]
        or record.destinations[destination] != before.destinations[destination]
        or record.archiver_version != before.archiver_version
        or _differ(record.versions, before.versions)
        or _differ(record.rules.get(destination), before.rules.get(destination))
        or _differ(record.sql, before.sql)
    )


def _differ(value: object, before: object) -> bool:
    return bool(value) and bool(before) and value != before
