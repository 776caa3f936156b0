"""The kept reconciliation runs: one folder each, never changed once it is there."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import duckdb
import msgspec

from archiver.files import fsync_file, fsync_folder, write_durably
from archiver.warehouse.database import bind_files
from archiver.warehouse.run_tables import RUN_TABLES


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked, kept in its folder as `run.json`.

    Attributes:
        run_id: hash of inputs, parameters and as-of.
        as_of: the instant for which it is true, UTC.
        from_day, to_day: account days, both ends included; None: no bound.
        destinations: names in the configuration, with each one's account zone.
        parameters: the settings that it was judged by, per destination.
        no_time: conversions without any time, which are in no reconciliation, per destination.
        newest_attempts: up to when each feed reaches, UTC, per destination; None: no receipt.
        newest_arrivals: up to when its sources reach, UTC, per destination; None: no event.
        archiver_version: which program.
    """

    run_id: str
    as_of: datetime
    from_day: date | None
    to_day: date | None
    destinations: dict[str, str]
    parameters: dict[str, dict[str, str]]
    no_time: dict[str, int]
    newest_attempts: dict[str, datetime | None]
    newest_arrivals: dict[str, datetime | None]
    archiver_version: str

    def covers(self, from_day: date | None, to_day: date | None) -> bool:
        """Whether the run has all of these account days; no bound asks for no certain day."""
        return not (
            (from_day is not None and self.from_day is not None and from_day < self.from_day)
            or (to_day is not None and self.to_day is not None and to_day > self.to_day)
        )

    @property
    def is_unbounded(self) -> bool:
        """Whether the run has all account days."""
        return self.from_day is None and self.to_day is None


def runs_folder(warehouse: Path) -> Path:
    """Where the kept runs are."""
    return warehouse / "runs"


def read_run(folder: Path) -> RunRecord:
    """The record of one kept run."""
    return msgspec.json.decode((folder / "run.json").read_bytes(), type=RunRecord)


def kept_runs(warehouse: Path) -> list[Path]:
    """Folders of the kept runs; the one that was last asked for stands last.

    Runs that nobody asked for, since only a backfill needed them, come before all others.
    """
    runs = [path.parent for path in runs_folder(warehouse).glob("[!.]*/run.json")]
    return sorted(runs, key=lambda run: (_asked_ns(run), run.name))


def note_asked(run: Path) -> None:
    """Note that a user asked for this run now; which one is the last follows from it."""
    (run / ".asked").touch()
    os.utime(run / ".asked")


def was_asked(run: Path) -> bool:
    """Whether a user ever asked for this run."""
    return _asked_ns(run) > 0


def _asked_ns(run: Path) -> int:
    try:
        return (run / ".asked").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def keep_run(connection: duckdb.DuckDBPyConnection, runs: Path, record: RunRecord) -> Path:
    """Write the run's temporary tables and its record into a folder of its own, all or nothing."""
    final = runs / record.run_id
    draft = runs / f".{record.run_id}.draft"
    draft.mkdir(parents=True, exist_ok=True)
    for name in RUN_TABLES:
        path = draft / f"{name}.parquet"
        connection.execute(
            f"COPY (FROM {name}) TO $path (FORMAT parquet, COMPRESSION zstd)", {"path": str(path)}
        )
        fsync_file(path)
    write_durably(draft / "run.json", msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    os.replace(draft, final)
    fsync_folder(final.parent)
    return final


def bind_runs(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """Make the views over all kept runs, and the table `runs`."""
    runs = kept_runs(warehouse)
    for name, schema in RUN_TABLES.items():
        bind_files(connection, name, [run / f"{name}.parquet" for run in runs], schema)
    connection.execute(
        "CREATE TABLE runs (run_id VARCHAR, as_of TIMESTAMPTZ, from_day DATE, to_day DATE,"
        " destinations VARCHAR[], is_latest BOOLEAN, archiver_version VARCHAR)"
    )
    for run in runs:
        record = read_run(run)
        connection.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                record.run_id,
                record.as_of,
                record.from_day,
                record.to_day,
                list(record.destinations),
                run == runs[-1] and was_asked(run),
                record.archiver_version,
            ],
        )
