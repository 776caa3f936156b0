"""Retention of kept reconciliations, and from which day on the archive is still needed.

A run is let go in two steps: first no view names it any more, and its files stay for readers of
the warehouse as it was published; they go when `history` has passed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, RECEIPTS, VOIDED_BACKFILLS
from archiver.config import Config
from archiver.files import fsync_folder, write_durably
from archiver.warehouse.database import bind_files, bind_table, connect, run
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import (
    RETIRED,
    asked_runs,
    kept_runs,
    read_asked,
    read_run,
    runs_folder,
)

OVER_AFTER = timedelta(days=92)
"""Age of its as-of at which a backfill counts as over whatever became of it: no destination takes
events as old (Meta takes offline events for 62 days, others less)."""

_MARGIN = timedelta(days=2)


@dataclass(frozen=True)
class OpenBackfill:
    """Events of one run that are in a backfill which is not settled.

    Attributes:
        destination: whose.
        run_id: the run that the backfill was made from.
        as_of: of the backfill, UTC.
        event_ids: as the destination knows them.
    """

    destination: str
    run_id: str
    as_of: datetime
    event_ids: list[str]


def unsettled(config: Config, archive: Archive, now: datetime) -> list[OpenBackfill]:
    """The backfills that are neither void nor settled nor over, in a stable order."""
    if not archive.exists(BACKFILLS):
        return []
    with connect(spill=config.warehouse_path / ".spill") as connection:
        for table in (BACKFILLS, VOIDED_BACKFILLS, RECEIPTS):
            bind_table(connection, archive, table)
        parameters = {"oldest": now - OVER_AFTER}
        rows = run(connection, "housekeeping/unsettled_backfills", parameters).fetchall()
    events: dict[tuple[str, str, datetime], list[str]] = {}
    for destination, event_id, run_id, as_of in rows:
        events.setdefault((destination, run_id, as_of), []).append(event_id)
    return [OpenBackfill(*key, ids) for key, ids in sorted(events.items())]


def needed_from(config: Config, backfills: Sequence[OpenBackfill], now: datetime) -> date:
    """The first UTC day of events and receipts that something still needs.

    That is the gap of the last `threshold_days`, and what unsettled backfills hold.
    """
    days = timedelta(days=config.nightly.threshold_days)
    instants = [now - days - _MARGIN]
    for backfill in backfills:
        arrival = _earliest_arrival(config, backfill)
        instants.append((arrival or backfill.as_of - OVER_AFTER) - _MARGIN)
    return min(instants).astimezone(UTC).date()


def tidy_runs(
    config: Config, backfills: Sequence[OpenBackfill], now: datetime, *, dry_run: bool = False
) -> int:
    """Let go of runs older than `keep_runs`, and remove those that were let go of long ago.

    A run's age counts from when it was first asked for, or from its as-of where only a backfill
    needed it. Hold the warehouse's lock.

    Args:
        config: `[housekeeping]`, and where the warehouse is.
        backfills: those that are not settled.
        now: UTC.
        dry_run: count only.

    Returns:
        How many runs were let go of.
    """
    keep = config.housekeeping.keep_runs
    warehouse = config.warehouse_path
    old: list[Path] = []
    if keep is not None:
        needed = set(_needed(warehouse)) | {backfill.run_id for backfill in backfills}
        old = [
            folder
            for folder in kept_runs(warehouse)
            if folder.name not in needed and _asked_at(folder) <= now - keep
        ]
    if dry_run:
        return len(old)
    for folder in old:
        write_durably(folder / RETIRED, f"{now.isoformat()}\n".encode())
    _remove_retired(warehouse, now - config.housekeeping.history)
    return len(old)


def _needed(warehouse: Path) -> Iterator[str]:
    """Per destination the last runs that were asked for, and those that they are compared with."""
    asked = asked_runs(warehouse)
    records = {folder: read_run(folder) for folder in asked}
    for name in {name for record in records.values() for name in record.destinations}:
        of_it = [folder for folder in asked if name in records[folder].destinations]
        newest = [of_it[-1], *[f for f in of_it if records[f].is_unbounded][-1:]]
        for folder in newest:
            yield folder.name
            note = read_asked(folder)
            if note and note.previous is not None:
                yield note.previous.get(name, folder.name)
            elif folder != of_it[0]:
                yield of_it[of_it.index(folder) - 1].name


def _asked_at(folder: Path) -> datetime:
    note = read_asked(folder)
    return note.first_asked_at if note else read_run(folder).as_of


def _remove_retired(warehouse: Path, before: datetime) -> None:
    for mark in runs_folder(warehouse).glob(f"[!.]*/{RETIRED}"):
        if datetime.fromisoformat(mark.read_text().strip()) > before:
            continue
        # Its comparison with the run before it goes too; that of a later run with it stays.
        compared = (warehouse / "restatements").glob(f"[!.]*-{mark.parent.name}-*")
        for folder in [*compared, mark.parent]:
            draft = folder.with_name(f".{folder.name}.draft")
            os.replace(folder, draft)
            fsync_folder(folder.parent)
            shutil.rmtree(draft, ignore_errors=True)


def _earliest_arrival(config: Config, backfill: OpenBackfill) -> datetime | None:
    """When the first of its events arrived, UTC; None where its run cannot tell."""
    path = runs_folder(config.warehouse_path) / backfill.run_id / "reconciliation.parquet"
    if not path.exists():
        return None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        bind_files(connection, "reconciliation", [path], RUN_TABLES["reconciliation"])
        ids = pa.table({"event_id": pa.array(backfill.event_ids, pa.string())})
        connection.register("wanted", ids)
        ((found,),) = connection.execute(
            "SELECT MIN(LEAST(arrival, COALESCE(event_time, arrival))) FROM reconciliation"
            " WHERE destination = $name AND event_id IN (SELECT event_id FROM wanted)",
            {"name": backfill.destination},
        ).fetchall()
    earliest: datetime | None = found
    return earliest
