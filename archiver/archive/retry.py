"""Quarantined records read again by today's rules; those that are events now move to `events`.

A file is rebuilt from the archive and read as if it came today, so that a retry archives what an
import would. Where it has another format by today's rules, or holds no event yet, all of it is read
afresh; else only the records in quarantine move. A record whose file cannot be rebuilt is read by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.ingest import EventReader
from archiver.archive.ledger import Owner
from archiver.archive.rebuild import NotRebuiltError, rebuildable
from archiver.archive.rewriting import rewrite
from archiver.archive.staged import FileResult, Staged
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS, INBOUND_FILES, LAYOUTS, QUARANTINE, Table
from archiver.inbound.frames import with_head

_BATCH_ROWS = 1000


@dataclass
class _Held:
    """What of one file is in quarantine.

    Attributes:
        path: as the ledger names it.
        numbers: of its records there.
        is_hopeful: one of them is an event when it is read by itself.
        known: its row in the ledger; None where there is none.
        moved: numbers of the records that are events now.
        fresh: the counts of the whole file, where all of it was read afresh: more events than
            before.
    """

    path: str
    known: dict[str, Any] | None
    numbers: set[int] = field(default_factory=set)
    is_hopeful: bool = False
    moved: set[int] = field(default_factory=set)
    fresh: FileResult | None = None
    fresh_format: str = ""


def retry(
    archive: Archive,
    source: str,
    retried_at: datetime,
    *,
    format_name: str = "auto",
    dry_run: bool = False,
) -> list[FileResult]:
    """Move those quarantined records of a source to `events` that are events by today's rules.

    Args:
        archive: its lock is held and `recover` was called.
        source: name of the source.
        retried_at: instant of the retry, UTC; the moved rows' `imported_at`.
        format_name: `auto`, or the format that the source's files are said to have.
        dry_run: read and count, write nothing.

    Returns:
        One result per file with records in quarantine: `records` retried, `archived` of them
        moved, `quarantined` still there; `imported` where any was moved.
    """
    staged = Staged(archive, Owner("events", source), EVENTS, retried_at)
    attempt = _Retry(archive, source, retried_at, format_name, staged)
    try:
        held = attempt.quarantined()
        attempt.run(held)
        results = [_result(file_id, file) for file_id, file in held.items()]
        changed = {file_id: file for file_id, file in held.items() if file.moved or file.fresh}
        if changed and not dry_run:
            _commit(archive, source, staged, changed)
    finally:
        staged.discard()
    return results


class _Retry:
    def __init__(
        self, archive: Archive, source: str, retried_at: datetime, forced: str, staged: Staged
    ) -> None:
        self._archive = archive
        self._source = source
        self._retried_at = retried_at
        self._reader = EventReader(source, forced, retried_at)
        self._staged = staged

    def quarantined(self) -> dict[str, _Held]:
        """What of each file is in quarantine, in the order of the paths."""
        known = {
            row["file_id"]: row
            for row in self._archive.read(INBOUND_FILES).to_pylist()
            if row["source"] == self._source
        }
        held: dict[str, _Held] = {}
        for row in self._bad_events():
            file_id = row["file_id"]
            file = held.setdefault(file_id, _Held(row["path"], known.get(file_id)))
            file.numbers.add(row["record_number"])
            file.is_hopeful = file.is_hopeful or bool(self._alone(row, file.known))
        return dict(sorted(held.items(), key=lambda item: item[1].path))

    def run(self, held: dict[str, _Held]) -> None:
        """Find out which records are events now, and stage them."""
        left = dict(held)
        with rebuildable(self._archive, self._source) as files:
            for file_id, chunks in files(file_id for file_id, file in held.items() if file.known):
                file = held[file_id]
                assert file.known
                try:
                    self._rebuilt(file_id, file, file.known, chunks)
                except NotRebuiltError:
                    continue
                del left[file_id]
        for file_id, file in left.items():
            if file.is_hopeful:
                self._one_by_one(file_id, file)

    def _rebuilt(
        self, file_id: str, file: _Held, known: dict[str, Any], chunks: Iterator[bytes]
    ) -> None:
        head, chunks = with_head(chunks)
        format_name = self._reader.choose(head)
        if not known["archived"] or format_name != known["format"]:
            self._afresh(file_id, file, known, format_name, chunks)
        elif file.is_hopeful:
            self._again(file_id, file, known, chunks)

    def _afresh(
        self,
        file_id: str,
        file: _Held,
        known: dict[str, Any],
        format_name: str,
        chunks: Iterator[bytes],
    ) -> None:
        own = Staged(self._archive, Owner("events", self._source), EVENTS, self._retried_at)
        result = FileResult(file.path, file_id)
        try:
            parts = self._reader.read(format_name, chunks, file_id)
            own.add(result, parts, file.path, dry_run=False)
        except BaseException:
            own.discard()
            raise
        if result.archived <= known["archived"]:
            own.discard()
            return
        self._staged.adopt(own)
        file.fresh, file.fresh_format = result, format_name

    def _again(
        self, file_id: str, file: _Held, known: dict[str, Any], chunks: Iterator[bytes]
    ) -> None:
        """Read the file as it was read; the records keep their numbers."""
        wanted = pa.array(sorted(file.numbers), pa.int64())
        found: list[pa.Table] = []
        records = 0
        for part in self._reader.read(known["format"], chunks, file_id):
            records += part.archived + len(part.bad)
            for rows in part.rows:
                kept = rows.filter(pc.is_in(rows["record_number"], wanted))
                found += [kept] if kept.num_rows else []
        if records != known["records"]:
            # By today's rules its records are others: they cannot be told apart by their numbers.
            return
        for rows in found:
            self._move(file, rows)

    def _one_by_one(self, file_id: str, file: _Held) -> None:
        place = EVENTS.schema.get_field_index("record_number")
        for row in self._bad_events():
            if row["file_id"] == file_id and (rows := self._alone(row, file.known)):
                number = pa.array([row["record_number"]], pa.int64())
                self._move(file, rows.set_column(place, "record_number", number))

    def _alone(self, row: dict[str, Any], known: dict[str, Any] | None) -> pa.Table | None:
        """A bad record as the one event that it is when read by itself; None where it is not."""
        data = row["data"]
        format_name = known["format"] if known else self._reader.choose(data)
        parts = list(self._reader.read(format_name, iter([data]), row["file_id"]))
        if sum(part.archived for part in parts) != 1 or any(part.bad for part in parts):
            return None
        return pa.concat_tables(chain.from_iterable(part.rows for part in parts))

    def _bad_events(self) -> Iterator[dict[str, Any]]:
        """The source's inbound records in quarantine."""
        columns = ["kind", "file_id", "path", "record_number", "data"]
        for data_file in self._archive.data_files(QUARANTINE):
            if data_file.partition["source"] != self._source:
                continue
            with pq.ParquetFile(self._archive.root / QUARANTINE.name / data_file.path) as file:
                for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                    yield from (row for row in batch.to_pylist() if row["kind"] == "events")

    def _move(self, file: _Held, rows: pa.Table) -> None:
        self._staged.rows.add(rows)
        file.moved.update(rows["record_number"].to_pylist())


def _result(file_id: str, file: _Held) -> FileResult:
    tried = len(file.numbers)
    moved = len(file.moved)
    if file.fresh is not None:
        tried, moved = file.fresh.archived + file.fresh.quarantined, file.fresh.archived
    return FileResult(
        file.path,
        file_id,
        "imported" if moved else "already_imported",
        records=tried,
        archived=moved,
        quarantined=tried - moved,
        rows=moved,
    )


def _commit(archive: Archive, source: str, staged: Staged, changed: dict[str, _Held]) -> None:
    """Replace what the archive has of these files, in one commit."""
    fresh = {file_id for file_id, file in changed.items() if file.fresh}

    def is_moved(row: dict[str, Any]) -> bool:
        if row["source"] != source or row["kind"] != "events" or row["file_id"] not in changed:
            return False
        return row["file_id"] in fresh or row["record_number"] in changed[row["file_id"]].moved

    def still_bad(rows: pa.Table) -> pa.Table:
        keys = rows.select(["source", "kind", "file_id", "record_number"]).to_pylist()
        return rows.filter(pa.array([not is_moved(row) for row in keys], pa.bool_()))

    def not_fresh(rows: pa.Table) -> pa.Table:
        is_fresh = pc.is_in(rows["file_id"], pa.array(sorted(fresh), pa.string()))
        return rows.filter(pc.invert(pc.and_(is_fresh, pc.equal(rows["source"], source))))

    def entered(rows: pa.Table) -> pa.Table:
        entries = [
            _entry(row, changed[row["file_id"]])
            if row["source"] == source and row["file_id"] in changed
            else row
            for row in rows.to_pylist()
        ]
        return pa.Table.from_pylist(entries, schema=INBOUND_FILES.schema)

    files = [file for table in staged.tables for file in table.finish()]
    removed: dict[str, list[str]] = {}
    edits: tuple[tuple[Table, set[str], Callable[[pa.Table], pa.Table]], ...] = (
        (QUARANTINE, set(changed), still_bad),
        (EVENTS, fresh, not_fresh),
        (LAYOUTS, fresh, not_fresh),
        (INBOUND_FILES, set(changed), entered),
    )
    for table, file_ids, edit in edits:
        rows, removed[table.name] = rewrite(archive, table, file_ids, edit)
        files += rows.finish()
    archive.commit(files, removed)


def _entry(row: dict[str, Any], file: _Held) -> dict[str, Any]:
    """A row of the ledger with its new counts."""
    if file.fresh is not None:
        archived, quarantined = file.fresh.archived, file.fresh.quarantined
        row = row | {"format": file.fresh_format}
    else:
        archived = row["archived"] + len(file.moved)
        quarantined = row["quarantined"] - len(file.moved)
    return row | {
        "records": archived + quarantined,
        "archived": archived,
        "quarantined": quarantined,
        "rows": archived,
    }
