"""The kept reconciliation runs: one folder each, never changed once it is there."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver import __version__
from archiver.archive.tables import INBOUND_FILES
from archiver.errors import ArchiverError
from archiver.files import fsync_file, fsync_folder, write_durably
from archiver.warehouse.database import bind_files, write_table
from archiver.warehouse.run_tables import RUN_TABLES

INPUTS = pa.schema(
    [
        INBOUND_FILES.schema.field(name)
        for name in ("kind", "source", "destination", "file_id", "archived", "rows")
    ]
)
"""The ledger rows that a run was made from, kept in its folder as `inputs.parquet`."""

RETIRED = ".retired"
"""In the folder of a run that retention let go: a published warehouse may still name its files."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked and made with, kept in its folder as `run.json`.

    It knows no clock: a run that is made again has the same bytes. Runs of earlier versions of the
    program lack what has a default here.

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
        versions: archiver, duckdb and python.
        rules: fingerprint of the rules, per destination.
        sql: hash of the SQL that made it.
        whole_from: the first account day of which retention deleted nothing; None: nothing ever
            was deleted.
        inputs: hash of all that it was made from but the question; empty: not known.
        next_change: the first instant after `as_of` at which the same inputs can give another
            answer, UTC; None: there is none, or `inputs` is not known.
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
    versions: dict[str, str] = {}
    rules: dict[str, str] = {}
    sql: str = ""
    whole_from: date | None = None
    inputs: str = ""
    next_change: datetime | None = None

    def covers(self, from_day: date | None, to_day: date | None) -> bool:
        """Whether the run has all of these account days; no bound asks for no certain day."""
        return not (
            (from_day is not None and self.from_day is not None and from_day < self.from_day)
            or (to_day is not None and self.to_day is not None and to_day > self.to_day)
        )

    @property
    def is_unbounded(self) -> bool:
        """Whether the run has all account days, but for those of which something was deleted."""
        return self.from_day in (None, self.whole_from) and self.to_day is None


def runs_folder(warehouse: Path) -> Path:
    """Where the kept runs are."""
    return warehouse / "runs"


def read_run(folder: Path) -> RunRecord:
    """The record of one kept run; ArchiverError where it is damaged."""
    try:
        return msgspec.json.decode((folder / "run.json").read_bytes(), type=RunRecord)
    except msgspec.DecodeError as error:
        raise ArchiverError(
            f"reading the kept run {folder}",
            f"its run.json is damaged ({error})",
            "move that folder away: the next nightly or reconcile makes the figures anew",
        ) from error


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """That a user asked for a run, kept in its folder as `.asked`.

    Attributes:
        number: counts what was asked for in this warehouse; the highest is the last. 0: an earlier
            version of the program noted it, by the file's time alone.
        first_asked_at: UTC.
        previous: per destination, the run that was asked for last before it, to be compared with;
            a destination that no earlier run has is left out. None: not noted.
    """

    number: int
    first_asked_at: datetime
    previous: dict[str, str] | None


def read_asked(run: Path) -> Asked | None:
    """What is noted about who asked for this run; None where only a backfill needed it."""
    path = run / ".asked"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if data:
        return msgspec.json.decode(data, type=Asked)
    at = datetime.fromtimestamp(path.stat().st_mtime_ns // 1000 / 10**6, UTC)
    return Asked(number=0, first_asked_at=at, previous=None)


def kept_runs(warehouse: Path) -> list[Path]:
    """Folders of the kept runs; the one that was last asked for stands last.

    Runs that nobody asked for, since only a backfill needed them, come before all others.
    """
    runs = [path.parent for path in runs_folder(warehouse).glob("[!.]*/run.json")]
    return sorted((run for run in runs if not (run / RETIRED).exists()), key=_place)


def _place(run: Path) -> tuple[int, int, str]:
    asked = read_asked(run)
    if asked is None:
        return -1, 0, run.name
    return asked.number, 0 if asked.number else (run / ".asked").stat().st_mtime_ns, run.name


def asked_runs(warehouse: Path) -> list[Path]:
    """Folders of the kept runs that a user asked for, the last one last."""
    return [run for run in kept_runs(warehouse) if was_asked(run)]


def note_asked(run: Path, at: datetime) -> None:
    """Note that a user asked for this run, which makes it the last one.

    A run that is the last one already stays as it is. Otherwise it is to be compared, for each
    of its destinations, with the run that was asked for last and has it. Hold the warehouse's lock.

    Args:
        run: the run's folder.
        at: the instant at which it was asked for, UTC.
    """
    runs = asked_runs(run.parent.parent)
    if runs and runs[-1] == run:
        return
    before = read_asked(run)
    previous = {}
    for name in read_run(run).destinations:
        last = next((r for r in reversed(runs) if name in read_run(r).destinations), None)
        if last == run:
            last = run_before(run, name)
        if last is not None:
            previous[name] = last.name
    highest = max((asked.number for r in runs if (asked := read_asked(r))), default=0)
    asked = Asked(
        number=highest + 1,
        first_asked_at=before.first_asked_at if before else at,
        previous=previous,
    )
    write_durably(run / ".asked", msgspec.json.encode(asked) + b"\n")


def was_asked(run: Path) -> bool:
    """Whether a user ever asked for this run."""
    return (run / ".asked").exists()


def run_before(run: Path, destination: str) -> Path | None:
    """The run that was asked for last before this one and has the destination, if it is kept.

    Where that was not noted, by an earlier version of the program, the order of asking says it.
    """
    asked = read_asked(run)
    if asked is None:
        return None
    if asked.previous is not None:
        name = asked.previous.get(destination)
        return run.parent / name if name and (run.parent / name / "run.json").exists() else None
    runs = asked_runs(run.parent.parent)
    earlier = reversed(runs[: runs.index(run)])
    return next((r for r in earlier if destination in read_run(r).destinations), None)


def asked_pairs(warehouse: Path) -> Iterator[tuple[Path, Path, str]]:
    """Each run that was noted to be compared: the run before it, it, and the destination."""
    for run in asked_runs(warehouse):
        asked = read_asked(run)
        for name in (asked and asked.previous) or ():
            before = run_before(run, name)
            if before is not None:
                yield before, run, name


def program_versions() -> dict[str, str]:
    """The versions that a run keeps."""
    return {
        "archiver": __version__,
        "duckdb": duckdb.__version__,
        "python": platform.python_version(),
    }


def ledger_rows(ledger: pa.Table) -> pa.Table:
    """The rows of the import ledger, as INPUTS has them, each once and in one order."""
    table = ledger.select(INPUTS.names).group_by(INPUTS.names).aggregate([])
    return table.select(INPUTS.names).sort_by([(name, "ascending") for name in INPUTS.names])


def draft_run(runs: Path, run_id: str) -> Path:
    """An empty folder for the tables of a run that is being made; those of dead ones go."""
    for leftover in runs.glob(".*.draft"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = runs / f".{run_id}.draft"
    draft.mkdir(parents=True)
    return draft


def keep_run(
    connection: duckdb.DuckDBPyConnection, draft: Path, record: RunRecord, inputs: pa.Table
) -> Path:
    """Complete the run's folder and put it in its place, all or nothing.

    Args:
        connection: it has those tables of RUN_TABLES that are no file in the draft yet.
        draft: as `draft_run` gave it.
        record: what is kept beside the tables.
        inputs: the ledger rows that it was made from, as INPUTS has them.
    """
    for name in RUN_TABLES:
        path = draft / f"{name}.parquet"
        if not path.exists():
            write_table(connection, f"FROM {name} ORDER BY ALL", path)
        fsync_file(path)
    pq.write_table(inputs, draft / "inputs.parquet", compression="zstd")
    fsync_file(draft / "inputs.parquet")
    write_durably(draft / "run.json", msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    final = draft.with_name(record.run_id)
    os.replace(draft, final)
    fsync_folder(final.parent)
    return final


def bind_runs(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """Make the views over all kept runs.

    A table or column that runs of earlier versions lack is empty or NULL for them.
    """
    runs = kept_runs(warehouse)
    for name, schema in RUN_TABLES.items():
        files = [path for run in runs if (path := run / f"{name}.parquet").exists()]
        bind_files(connection, name, files, schema, may_lack_columns=True)
