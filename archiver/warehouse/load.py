"""Loads what is new in the archive into the warehouse's segments.

Cost follows what is new: only data files that no segment covers are read. A compacted one is
covered where those are that it replaces; of one that is covered in part, the other part is read
from the files that it replaces. Where a data file is gone otherwise (erasure, retention) or the
folder is, everything is loaded again: the archive is the truth.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver import progress
from archiver.archive.lineage import Pending, pending
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.config import Config
from archiver.files import fsync_folder, replace_durably
from archiver.warehouse.database import bind_files, connect, create, null_columns
from archiver.warehouse.diary import DIARY, Diary, write_diary
from archiver.warehouse.occurrences import EVENT_OCCURRENCES, read_occurrences, typed
from archiver.warehouse.performance import sum_receipts
from archiver.warehouse.rules import DestinationRules, configured_rules, fingerprint
from archiver.warehouse.segments import write_segment
from archiver.warehouse.selection import CONVERSION_OCCURRENCES
from archiver.warehouse.snapshot import LAYOUT, Snapshot, read_snapshot, still_good, write_snapshot

SEGMENT_ROWS = 60_000
SEGMENT_BYTES = 96 << 20


@dataclass(frozen=True)
class Loaded:
    """What one load did.

    Attributes:
        occurrences: event occurrences added.
        conversions: conversion occurrences added.
        segments: event segments written.
        rebuilt: everything was loaded again.
    """

    occurrences: int
    conversions: int
    segments: int
    rebuilt: bool


def new_files(config: Config, archive: Archive) -> list[str]:
    """The archive's data files that the warehouse does not cover yet."""
    live = _live(archive)
    waiting = _waiting(
        archive, live, still_good(read_snapshot(config.warehouse_path)).events_loaded
    )
    return waiting.new if waiting.is_whole else live


def load(config: Config, archive: Archive) -> Loaded:
    """Bring the warehouse's segments up to date with the archive. Hold the warehouse's lock."""
    folder = config.warehouse_path
    before = read_snapshot(folder)
    live = _live(archive)
    rules = configured_rules(config)
    rules_now = fingerprint(rules)
    known = still_good(before)
    events = _waiting(archive, live, known.events_loaded)
    if not events.is_whole:
        known = Snapshot(number=before.number, layout=LAYOUT)
        events = Pending(live, is_whole=True)
    conversions = _waiting(archive, live, known.conversions_loaded)
    if known.rules != rules_now or not conversions.is_whole:
        known = msgspec.structs.replace(known, conversions_loaded=[], conversion_segments=[])
        conversions = Pending(live, is_whole=True)
    sums = sum_receipts(folder, archive, before.number + 1, before)
    known = msgspec.structs.replace(
        known, receipts_loaded=sums.receipts_loaded, performance_segments=sums.segments
    )
    is_covered = known.events_loaded == live == known.conversions_loaded
    if not events.new and not conversions.new and known == before and is_covered:
        return Loaded(0, 0, 0, rebuilt=False)
    writer = _SegmentWriter(folder, before.number + 1, rules)
    new_events, new_conversions = set(events.new), set(conversions.new)
    waiting = sorted(new_events | new_conversions)
    for name in progress.each(waiting, "load", len(waiting), "data files"):
        writer.add(
            archive.root / name, events=name in new_events, conversions=name in new_conversions
        )
    writer.flush()
    recurrences, superseded = _recurring(folder, before.number + 1, known, writer.event_segments)
    after = Snapshot(
        number=before.number + 1,
        layout=LAYOUT,
        events_loaded=live,
        conversions_loaded=live,
        event_segments=[*known.event_segments, *writer.event_segments],
        conversion_segments=[*known.conversion_segments, *writer.conversion_segments],
        diary_segments=[*known.diary_segments, *writer.diary_segments],
        receipts_loaded=known.receipts_loaded,
        performance_segments=known.performance_segments,
        recurrences=recurrences,
        superseded=superseded,
        rules=rules_now,
    )
    for name in set(before.files()) - set(after.files()):
        # Readers of the old snapshot use it: the time for which it is kept begins now.
        os.utime(folder / name, follow_symlinks=False)
    write_snapshot(folder, after)
    return Loaded(
        writer.occurrences,
        writer.conversions,
        len(writer.event_segments),
        rebuilt=bool(before.events_loaded) and not known.events_loaded,
    )


def write_conversions(tables: Iterable[pa.Table], path: Path) -> None:
    """Write one segment of conversions durably, in the order in which they are read."""
    order = ("destination", "arrival", "file_id", "record_number")
    table = pa.concat_tables(tables).sort_by([(name, "ascending") for name in order])
    draft = path.with_name(f"{path.name}.draft")
    pq.write_table(table, draft, compression="zstd")
    replace_durably(draft, path)
    fsync_folder(path.parent)


def _live(archive: Archive) -> list[str]:
    """The live data files of events, relative to the archive."""
    return sorted(str(path.relative_to(archive.root)) for path in archive.live_files(EVENTS))


def _waiting(archive: Archive, live: list[str], loaded: list[str]) -> Pending:
    """What of the live data files is not loaded; names are relative to the archive."""
    inside = f"{EVENTS.name}/"
    found = pending(
        archive.root / EVENTS.name,
        [name.removeprefix(inside) for name in live],
        {name.removeprefix(inside) for name in loaded},
    )
    return Pending([inside + name for name in found.new], found.is_whole)


def bind_segments(connection: duckdb.DuckDBPyConnection, folder: Path, snapshot: Snapshot) -> None:
    """Make a snapshot's views: the segments of each kind, `recurrences` and `superseded`."""
    _bind_events(connection, "event_segments", folder, snapshot.event_segments)
    bind_files(
        connection,
        "conversion_occurrences",
        [folder / name for name in snapshot.conversion_segments],
        CONVERSION_OCCURRENCES,
    )
    diary = [folder / name for name in snapshot.diary_segments]
    bind_files(connection, "diary_segments", diary, DIARY)
    for view, name, columns in (
        (
            "recurrences",
            snapshot.recurrences,
            "NULL::VARCHAR AS source, NULL::VARCHAR AS message_id, "
            "NULL::BIGINT AS occurrences, NULL::BIGINT AS variants",
        ),
        (
            "superseded",
            snapshot.superseded,
            "NULL::VARCHAR AS source, NULL::VARCHAR AS message_id, "
            "NULL::VARCHAR AS file_id, NULL::BIGINT AS record_number",
        ),
    ):
        bind_files(connection, view, [folder / name] if name else [], columns)


def _bind_events(
    connection: duckdb.DuckDBPyConnection, view: str, folder: Path, names: list[str]
) -> None:
    columns = f"{null_columns(EVENT_OCCURRENCES)}, NULL::VARIANT AS body"
    bind_files(connection, view, [folder / name for name in names], columns)


def _recurring(
    folder: Path, number: int, known: Snapshot, new_segments: list[str]
) -> tuple[str | None, str | None]:
    """Update which ids recur and which occurrences are superseded; the files' names."""
    if not new_segments:
        return known.recurrences, known.superseded
    with connect(spill=folder / ".spill") as connection:
        bind_segments(connection, folder, known)
        connection.execute("ALTER VIEW event_segments RENAME TO known_event_segments")
        connection.execute("ALTER VIEW recurrences RENAME TO known_recurrences")
        connection.execute("ALTER VIEW superseded RENAME TO known_superseded")
        _bind_events(connection, "new_event_segments", folder, new_segments)
        _bind_events(connection, "event_segments", folder, [*known.event_segments, *new_segments])
        create(connection, "recurring_ids", "load/recurring_ids")
        if connection.execute("SELECT COUNT(*) FROM recurring_ids").fetchone() == (0,):
            return known.recurrences, known.superseded
        create(connection, "recurring_occurrences", "load/recurring_occurrences")
        written = []
        for table in ("recurrences", "superseded"):
            create(connection, f"new_{table}", f"load/{table}")
            name = f"recurring/{table}-{number:06d}-{uuid.uuid4().hex[:8]}.parquet"
            (folder / "recurring").mkdir(exist_ok=True)
            draft = folder / f"{name}.draft"
            connection.execute(f"COPY new_{table} TO $path (FORMAT parquet)", {"path": str(draft)})
            replace_durably(draft, folder / name)
            written.append(name)
        return written[0], written[1]


class _SegmentWriter:
    """Collects rows of the archive until they fill a segment, then writes it."""

    def __init__(self, folder: Path, number: int, rules: list[DestinationRules]) -> None:
        self._folder = folder
        self._number = number
        self._rules = rules
        self._events: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self._diary = Diary()
        self._conversions: list[pa.Table] = []
        self._conversion_rows = 0
        self.event_segments: list[str] = []
        self.diary_segments: list[str] = []
        self.conversion_segments: list[str] = []
        self.occurrences = 0
        self.conversions = 0
        for sub in ("events", "conversions", "diary"):
            (folder / sub).mkdir(parents=True, exist_ok=True)

    def add(self, path: Path, *, events: bool, conversions: bool) -> None:
        for read in read_occurrences(path):
            table, conversion_rows = typed(read, self._rules)
            if events:
                self._diary.add(read.source, read.received_date, read.names, read.payloads)
                self._events.append(table)
                self._rows += table.num_rows
                self._bytes += table.nbytes
                self.occurrences += table.num_rows
            if conversions and conversion_rows.num_rows:
                self._conversions.append(conversion_rows)
                self._conversion_rows += conversion_rows.num_rows
                self.conversions += conversion_rows.num_rows
            if self._rows >= SEGMENT_ROWS or self._bytes >= SEGMENT_BYTES:
                self._flush_events()
            if self._conversion_rows >= 4 * SEGMENT_ROWS:
                self._flush_conversions()

    def flush(self) -> None:
        self._flush_events()
        self._flush_conversions()

    def _flush_events(self) -> None:
        if self._events:
            name = self._name("events")
            write_segment(pa.concat_tables(self._events), self._folder / name)
            self.event_segments.append(name)
            name = self._name("diary")
            write_diary(self._diary.table(), self._folder / name)
            self.diary_segments.append(name)
        self._events, self._rows, self._bytes, self._diary = [], 0, 0, Diary()

    def _flush_conversions(self) -> None:
        if self._conversions:
            name = self._name("conversions")
            write_conversions(self._conversions, self._folder / name)
            self.conversion_segments.append(name)
        self._conversions, self._conversion_rows = [], 0

    def _name(self, sub: str) -> str:
        return f"{sub}/{self._number:06d}-{uuid.uuid4().hex[:8]}.parquet"
