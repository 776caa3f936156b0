"""Compaction: few sorted data files in the place of many small ones, holding the same rows.

A table with days in its partitions is compacted by closed days; the others once they have many
files. Before anything is committed, the rows of the old files are compared with those of the new.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from archiver import progress
from archiver.archive.lineage import REPLACES
from archiver.archive.rebuild import bounded
from archiver.archive.rowsets import row_set
from archiver.archive.staging import OpenFile
from archiver.archive.store import Archive, DataFile, StagedFile
from archiver.archive.tables import TABLES, Table
from archiver.config.night_settings import HousekeepingSettings
from archiver.database import bind_files
from archiver.errors import CheckFailedError

MOST_BYTES = 128 << 20
MOST_ROWS = 1_000_000
MANY_FILES = 50
"""Files of a table without days at which it is compacted."""

# A file of less than half of either is small: so no two small ones are left, and no large one is
# written again and again for the sake of a late record.
_SMALL = 2
_GROUP_ROWS = 60_000
_GROUP_BYTES = 48 << 20
_BATCH_ROWS = 2_000
# On an average. DuckDB hands over some 2,000 rows at once, however long they are.
_MOST_ROW_BYTES = 64 << 10
# What is staged in one commit; it is the room on the disk that a compaction needs, twice over.
_COMMIT_BYTES = 512 << 20
_COMMIT_FILES = 2_000

ORDER: dict[str, tuple[str, ...]] = {
    "events": ("event_time", "file_id", "record_number"),
    "receipts": ("attempted_at", "file_id", "record_number"),
    "receipt_totals": ("account_day", "file_id", "record_number"),
    "quarantine": ("file_id", "record_number"),
    "inbound_files": ("imported_at", "file_id"),
    "layouts": ("source", "file_id", "part"),
    "inbound_paths": ("seen_at", "path"),
    "coverage": ("vouched_at", "destination"),
    "backfills": ("created_at", "backfill_id", "event_id"),
    "voided_backfills": ("voided_at", "backfill_id"),
    "uploads": ("began_at", "backfill_id"),
    "deleted_rows": ("deleted_at", "file_id"),
}
"""By what the rows of a compacted file are sorted; what is unknown stands last."""


@dataclass(frozen=True)
class Compacted:
    """What became of one table.

    Attributes:
        table: its name.
        partitions: how many of its partitions had small files.
        files_before, files_after: those that were replaced, and those that replace them.
        bytes_before, bytes_after: their sizes.
        rows: in the old as in the new ones.
    """

    table: str
    partitions: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows: int


@dataclass(frozen=True)
class _Task:
    """Small files of one partition."""

    key: tuple[str, ...]
    files: list[DataFile]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def compact(
    archive: Archive, now: datetime, settings: HousekeepingSettings, *, dry_run: bool = False
) -> list[Compacted]:
    """Compact what is due; a commit holds some hundred MiB at most, so that little disk is needed.

    Args:
        archive: its lock is held and `recover` was called.
        now: decides which days are closed, UTC.
        settings: how old a closed day is.
        dry_run: say what is due; files and bytes afterwards are then estimates, and nothing is
            read or changed.

    Returns:
        One for each table with work.

    Raises:
        CheckFailedError: the new files do not hold the rows of the old ones; nothing of them was
            committed.
    """
    done = []
    for table in TABLES.values():
        tasks = list(_due(archive, table, now - settings.compact_after))
        if tasks:
            done.append(_estimated(table, tasks) if dry_run else _compact(archive, table, tasks))
    return done


def day_column(table: Table) -> str | None:
    """The partition column that is a day; None where the table has none."""
    days = [name for name in table.partitions if pa.types.is_date(table.schema.field(name).type)]
    return days[0] if days else None


def day_of(file: DataFile, column: str) -> date | None:
    """The day of a data file's partition; None where its rows have none."""
    text = file.partition[column]
    return date.fromisoformat(text) if text else None


def ended_before(day: date, instant: datetime) -> bool:
    """Whether the day, in UTC, ended at the instant or before it."""
    return datetime.combine(day, time.min, UTC) + timedelta(days=1) <= instant


def _due(archive: Archive, table: Table, closed_before: datetime) -> Iterator[_Task]:
    column = day_column(table)
    fewest = 2 if column else MANY_FILES
    partitions: dict[tuple[str, ...], list[DataFile]] = defaultdict(list)
    for file in archive.data_files(table):
        if file.size_bytes >= MOST_BYTES // _SMALL or (file.rows or 0) >= MOST_ROWS // _SMALL:
            continue
        if column and (day := day_of(file, column)) and not ended_before(day, closed_before):
            continue
        key = tuple(str(file.partition[name]) for name in table.partitions)
        partitions[key].append(file)
    for key, files in sorted(partitions.items()):
        if len(files) >= fewest:
            handy = [file for file in files if _is_handy(archive.root / table.name / file.path)]
            if len(handy) >= fewest:
                yield _Task(key, handy)


def _is_handy(path: Path) -> bool:
    """Whether some thousand of its rows fit into memory: others stay in their file."""
    footer = pq.read_metadata(path)
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    return all(group.total_byte_size <= group.num_rows * _MOST_ROW_BYTES for group in groups)


def _estimated(table: Table, tasks: list[_Task]) -> Compacted:
    return Compacted(
        table.name,
        len(tasks),
        sum(len(task.files) for task in tasks),
        sum(1 + task.size_bytes // MOST_BYTES for task in tasks),
        sum(task.size_bytes for task in tasks),
        sum(task.size_bytes for task in tasks),
        sum(file.rows or 0 for task in tasks for file in task.files),
    )


def _compact(archive: Archive, table: Table, tasks: list[_Task]) -> Compacted:
    staged: list[StagedFile] = []
    leaving: list[str] = []
    files_after = bytes_after = rows = 0
    with archive.scratch() as spill, bounded(spill) as connection:
        counted = progress.each(tasks, f"compact {table.name}", len(tasks), "partitions")
        for number, task in enumerate(counted, 1):
            new = _rewritten(archive, table, task, connection)
            staged += new
            leaving += [file.path for file in task.files]
            files_after += len(new)
            rows += sum(file.rows for file in new)
            size_bytes = sum(file.staged.stat().st_size for file in staged)
            if number == len(tasks) or size_bytes >= _COMMIT_BYTES or len(leaving) >= _COMMIT_FILES:
                bytes_after += size_bytes
                archive.commit(staged, {table.name: leaving}, same_rows=True)
                staged, leaving = [], []
    return Compacted(
        table.name,
        len(tasks),
        sum(len(task.files) for task in tasks),
        files_after,
        sum(task.size_bytes for task in tasks),
        bytes_after,
        rows,
    )


def _rewritten(
    archive: Archive, table: Table, task: _Task, connection: duckdb.DuckDBPyConnection
) -> list[StagedFile]:
    """Write the rows of the task's files into few, in order, and see that they are the same."""
    folder = archive.root / table.name
    old = [folder / file.path for file in task.files]
    bind_files(connection, "old_rows", old, table.file_schema, may_lack_columns=True)
    query = f"FROM old_rows ORDER BY {', '.join(f'{c} NULLS LAST' for c in ORDER[table.name])}"
    replaces = json.dumps([file.path for file in task.files])
    writer = _Writer(table, task.key, archive.staging, {REPLACES: replaces})
    try:
        for batch in connection.cursor().sql(query).to_arrow_reader(_BATCH_ROWS):
            writer.add(pa.Table.from_batches([batch]).cast(table.file_schema))
        new = writer.finish()
        _check_same(table, task, old, [file.staged for file in new], connection)
    except BaseException:
        writer.discard()
        raise
    return new


def _check_same(
    table: Table,
    task: _Task,
    old: Sequence[Path],
    new: Sequence[Path],
    connection: duckdb.DuckDBPyConnection,
) -> None:
    before, after = (row_set(connection, files, table.file_schema) for files in (old, new))
    counted = sum(file.rows or 0 for file in task.files)
    is_counted = all(file.rows is not None for file in task.files)
    if before != after or (is_counted and counted != before.rows):
        where = "/".join(task.key)
        raise CheckFailedError(
            f"compacting {table.name}{' ' + where if where else ''}",
            f"{after.rows} rows were written for {before.rows}, or others than these"
            + (f"; the log says {counted}" if counted != before.rows else ""),
            "nothing of it was changed; run: archiver verify",
        )


class _Writer:
    """Takes sorted rows of one partition and fills files with them, in bounded memory."""

    def __init__(
        self, table: Table, key: tuple[str, ...], staging: Path, metadata: dict[str, str]
    ) -> None:
        self._table = table
        self._key = key
        self._staging = staging
        self._metadata = metadata
        self._open: OpenFile | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self._finished: list[StagedFile] = []

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write_group()

    def finish(self) -> list[StagedFile]:
        self._write_group()
        self._close()
        return self._finished

    def discard(self) -> None:
        if self._open is not None:
            self._open.drop()
        for file in self._finished:
            file.staged.unlink(missing_ok=True)

    def _write_group(self) -> None:
        if not self._rows:
            return
        if self._open is None:
            self._open = OpenFile(self._table, self._key, self._staging, self._metadata)
        self._open.write(pa.concat_tables(self._waiting))
        self._waiting, self._rows, self._bytes = [], 0, 0
        is_full = self._open.rows + _GROUP_ROWS > MOST_ROWS
        if is_full or self._open.size_bytes + _GROUP_BYTES // 4 > MOST_BYTES:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._finished.append(self._open.close())
            self._open = None
