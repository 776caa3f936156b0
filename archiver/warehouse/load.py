"""Loads what is new in the archive into the warehouse's segments.

Cost follows what is new: only data files that no segment covers are read. Where a data file is
gone (compaction, erasure) or the folder is, everything is loaded again: the archive is the truth.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.config import Config
from archiver.files import fsync_folder, replace_durably
from archiver.warehouse.database import bind_files, connect, create, null_columns
from archiver.warehouse.diary import DIARY, Diary, write_diary
from archiver.warehouse.occurrences import EVENT_OCCURRENCES, read_occurrences, typed
from archiver.warehouse.rules import DestinationRules, configured_rules, fingerprint
from archiver.warehouse.segments import write_segment
from archiver.warehouse.selection import CONVERSION_OCCURRENCES
from archiver.warehouse.snapshot import LAYOUT, Snapshot, read_snapshot, still_good, write_snapshot

_SEGMENT_ROWS = 60_000
_SEGMENT_BYTES = 96 << 20


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
    loaded = set(still_good(read_snapshot(config.warehouse_path)).events_loaded)
    live = (str(path.relative_to(archive.root)) for path in archive.live_files(EVENTS))
    return [name for name in live if name not in loaded]


def load(config: Config, archive: Archive) -> Loaded:
    """Bring the warehouse's segments up to date with the archive. Hold the warehouse's lock."""
    folder = config.warehouse_path
    before = read_snapshot(folder)
    live = {str(path.relative_to(archive.root)): path for path in archive.live_files(EVENTS)}
    rules = configured_rules(config)
    rules_now = fingerprint(rules)
    known = still_good(before)
    if not set(known.events_loaded) <= live.keys():
        known = Snapshot(number=before.number, layout=LAYOUT)
    if known.rules != rules_now or not set(known.conversions_loaded) <= live.keys():
        known = msgspec.structs.replace(known, conversions_loaded=[], conversion_segments=[])
    new_events = [name for name in live if name not in set(known.events_loaded)]
    new_conversions = [name for name in live if name not in set(known.conversions_loaded)]
    if not new_events and not new_conversions and known == before:
        return Loaded(0, 0, 0, rebuilt=False)
    writer = _SegmentWriter(folder, before.number + 1, rules)
    for name in sorted({*new_events, *new_conversions}):
        writer.add(
            live[name], events=name in set(new_events), conversions=name in set(new_conversions)
        )
    writer.flush()
    recurrences, superseded = _recurring(folder, before.number + 1, known, writer.event_segments)
    after = Snapshot(
        number=before.number + 1,
        layout=LAYOUT,
        events_loaded=sorted(live),
        conversions_loaded=sorted(live),
        event_segments=[*known.event_segments, *writer.event_segments],
        conversion_segments=[*known.conversion_segments, *writer.conversion_segments],
        diary_segments=[*known.diary_segments, *writer.diary_segments],
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
            if self._rows >= _SEGMENT_ROWS or self._bytes >= _SEGMENT_BYTES:
                self._flush_events()
            if self._conversion_rows >= 4 * _SEGMENT_ROWS:
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
            draft = self._folder / f"{name}.draft"
            table = pa.concat_tables(self._conversions).sort_by(
                [(c, "ascending") for c in ("destination", "arrival", "file_id", "record_number")]
            )
            pq.write_table(table, draft, compression="zstd")
            replace_durably(draft, self._folder / name)
            fsync_folder(self._folder / "conversions")
            self.conversion_segments.append(name)
        self._conversions, self._conversion_rows = [], 0

    def _name(self, sub: str) -> str:
        return f"{sub}/{self._number:06d}-{uuid.uuid4().hex[:8]}.parquet"
