"""Retention: whole days leave a table, and how many rows of which inbound file they held is kept.

The ledger keeps its counts, so that a deleted file is not imported again; `verify` adds what was
deleted to what it finds. The data files stay for older versions until they are vacuumed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.compact import day_column, day_of, ended_before
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive, DataFile
from archiver.archive.tables import DELETED_ROWS, EVENTS, QUARANTINE, RECEIPTS, Table
from archiver.config.night_settings import HousekeepingSettings

_KINDS = {EVENTS: "events", RECEIPTS: "receipts"}


@dataclass(frozen=True)
class Deleted:
    """What left one table.

    Attributes:
        table: its name.
        first_day, last_day: of the deleted days, UTC.
        days: how many partitions.
        files, rows: data files and their rows.
    """

    table: str
    first_day: date
    last_day: date
    days: int
    files: int
    rows: int


def delete_old(
    archive: Archive,
    settings: HousekeepingSettings,
    now: datetime,
    needed_from: date | None = None,
    *,
    dry_run: bool = False,
) -> list[Deleted]:
    """Delete the days that ended longer ago than is configured, in one commit per table.

    Args:
        archive: its lock is held and `recover` was called.
        settings: how long each table is kept; None: for ever.
        now: age is judged by it, UTC.
        needed_from: days of events and receipts that something still needs begin here; None: no
            day is needed.
        dry_run: count only.

    Returns:
        One for each table that loses days.
    """
    done = []
    for table, keep in (
        (EVENTS, settings.keep_events),
        (RECEIPTS, settings.keep_receipts),
        (QUARANTINE, settings.keep_quarantine),
    ):
        if keep is None:
            continue
        needed = None if table == QUARANTINE else needed_from
        old = _old(archive, table, now - keep, needed)
        if not old:
            continue
        counts = _counts(archive, table, old)
        if not dry_run:
            _delete(archive, table, old, counts, now)
        days = [day for day, _ in old]
        groups = {tuple(file.partition.values()) for _, file in old}
        rows = sum(row["rows"] for row in counts)
        done.append(Deleted(table.name, min(days), max(days), len(groups), len(old), rows))
    return done


def whole_from(archive: Archive) -> date | None:
    """The first calendar day, in any zone, of which nothing was deleted; None: nothing ever was.

    Two days after the last deleted one: a day of some zone begins on the day before, in UTC, and
    what is sent at its beginning may have arrived a little earlier.
    """
    rows = archive.read(DELETED_ROWS, ["table_name", "day"]).to_pylist()
    days = [row["day"] for row in rows if row["table_name"] in (EVENTS.name, RECEIPTS.name)]
    return max(days) + timedelta(days=2) if days else None


def _old(
    archive: Archive, table: Table, ended_by: datetime, needed_from: date | None
) -> list[tuple[date, DataFile]]:
    column = day_column(table)
    assert column is not None
    return [
        (day, file)
        for file in archive.data_files(table)
        if (day := day_of(file, column)) is not None
        and ended_before(day, ended_by)
        and (needed_from is None or day < needed_from)
    ]


def _counts(
    archive: Archive, table: Table, old: list[tuple[date, DataFile]]
) -> list[dict[str, Any]]:
    """Rows of `deleted_rows` without the instant: one per day, owner and inbound file."""
    column = day_column(table)
    counts: defaultdict[tuple[Any, ...], Counter[tuple[str, str]]] = defaultdict(Counter)
    for day, file in old:
        owner = next(value for name, value in file.partition.items() if name != column)
        names = ["file_id", "kind"] if table == QUARANTINE else ["file_id"]
        with pq.ParquetFile(archive.root / table.name / file.path) as parquet:
            for batch in parquet.iter_batches(columns=names, use_threads=False):
                ids = batch.column("file_id").to_pylist()
                kinds = (
                    batch.column("kind").to_pylist()
                    if table == QUARANTINE
                    else [_KINDS[table]] * len(ids)
                )
                counts[day, owner].update(zip(ids, kinds, strict=True))
    return [
        {
            "table_name": table.name,
            "kind": kind,
            "source": owner if kind == "events" else None,
            "destination": None if kind == "events" else owner,
            "day": day,
            "file_id": file_id,
            "rows": rows,
        }
        for (day, owner), files in sorted(counts.items())
        for (file_id, kind), rows in sorted(files.items())
    ]


def _delete(
    archive: Archive,
    table: Table,
    old: list[tuple[date, DataFile]],
    counts: list[dict[str, Any]],
    now: datetime,
) -> None:
    staged = StagedTable(DELETED_ROWS, archive.staging)
    try:
        rows = [row | {"deleted_at": now} for row in counts]
        staged.add(pa.Table.from_pylist(rows, schema=DELETED_ROWS.schema))
        archive.commit(staged.finish(), {table.name: [file.path for _, file in old]})
    except BaseException:
        staged.discard()
        raise
