"""Imports files into the archive: every record archived or quarantined, every file once.

What is common to inbound events, receipts and totals: which files need no reading, hashing,
conservation, the ledger, and commits that several small files share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Protocol

from archiver import progress
from archiver.archive.ledger import IN_ZIP, Entry, KnownFiles, Ledger, Owner
from archiver.archive.opening import Opened, opened, stated
from archiver.archive.staged import Chunk, FileResult, Staged
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import Table
from archiver.errors import CorruptInputError
from archiver.inbound.containers import Member, members
from archiver.inbound.paths import InboundPath

# Up to this size a file is held in memory and read once; a larger one is read twice, first for
# its hash.
_IN_MEMORY_BYTES = 64 << 20
_COMMIT_BYTES = 1 << 30
_COMMIT_FILES = 2000


class RecordReader(Protocol):
    """Turns one file's bytes into rows of a table."""

    def choose(self, head: bytes) -> str:
        """Name of the format of a file that begins with these bytes."""

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        """Read it to the end; no record is left out."""


ReaderOf = Callable[[str, datetime | None], RecordReader]


class Importer:
    """One run of imports for one owner. Hold the archive's lock and call `recover` before.

    Args:
        archive: where to.
        owner: whose files.
        table: the table that rows go to.
        reader_of: the reader of the owner's formats for a file, by its path in the ledger and
            its time, UTC, where that says something.
        imported_at: instant of the import, UTC.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already; None: it is read.
    """

    def __init__(
        self,
        archive: Archive,
        owner: Owner,
        table: Table,
        reader_of: ReaderOf,
        imported_at: datetime,
        *,
        dry_run: bool = False,
        known: KnownFiles | None = None,
    ) -> None:
        self._archive = archive
        self._owner = owner
        self._table = table
        self._reader_of = reader_of
        self._imported_at = imported_at
        self._dry_run = dry_run
        self._ledger = Ledger(archive, owner, imported_at, known)
        self._staged = self._empty()
        self._staged_bytes = 0

    def run(self, paths: Iterable[InboundPath]) -> list[FileResult]:
        """Import the files in order; a failing file does not stop the others."""
        results: list[FileResult] = []
        named, what = list(paths), f"{self._owner.kind} of {self._owner.name}"
        try:
            for path in progress.each(named, what, len(named), "files"):
                try:
                    results += self._import(path)
                except CorruptInputError as error:
                    # Only what is wrong with this file; a full disk, say, ends the run, since rows
                    # of earlier files may be lost with it. Nothing is committed then.
                    results.append(FileResult(path.shown, error=str(error)))
                if self._staged_bytes >= _COMMIT_BYTES or self._ledger.entries >= _COMMIT_FILES:
                    self._commit()
            self._commit()
        except BaseException:
            self._staged.discard()
            raise
        return results

    def _import(self, path: InboundPath) -> list[FileResult]:
        """Import one file, or all files in one zip, or nothing."""
        known = self._ledger.known_paths(path.recorded, *stated(path))
        if known:
            return [
                FileResult(_inside(path.shown, name), file_id, "already_imported")
                for name, file_id in known
            ]
        with opened(path) as source:
            staged = self._empty()
            entries: list[Entry] = []
            try:
                results = [
                    self._read(path, source, member, staged, entries)
                    for member in members(path.shown, source.file)
                ]
                source.check_unchanged(path.shown)
            except BaseException:
                staged.discard()
                raise
        self._staged.adopt(staged)
        self._staged_bytes += sum(result.bytes for result in results)
        self._ledger.add(entries)
        return results

    def _read(
        self,
        path: InboundPath,
        source: Opened,
        member: Member,
        staged: Staged,
        entries: list[Entry],
    ) -> FileResult:
        """Read one file to its end: its rows are staged, its entry for the ledger added."""
        result = FileResult(_inside(path.shown, member.name))
        recorded = _inside(path.recorded, member.name)
        stream = member.open()
        held: list[bytes] | None = []
        for chunk in stream.chunks():
            if held is not None:
                held.append(chunk)
                if stream.bytes > _IN_MEMORY_BYTES:
                    held = None
        file_id = result.file_id = stream.file_id
        entry = Entry(recorded, source.size_bytes, source.modified_ns, file_id)
        entries.append(entry)
        if self._ledger.knows(file_id) or any(e.is_new and e.file_id == file_id for e in entries):
            result.status = "already_imported"
            return result
        reader = self._reader_of(recorded, source.modified_at)
        result.format = reader.choose(stream.head)
        if held is None:
            stream = member.open()
        chunks = stream.chunks() if held is None else _drained(held)
        parts = reader.read(result.format, chunks, file_id)
        staged.add(result, parts, recorded, dry_run=self._dry_run)
        if held is None and stream.file_id != file_id:
            source.check_unchanged(path.shown)
            raise CorruptInputError(
                f"reading {result.path}",
                "it gave other bytes when it was read again",
                "nothing of it was imported; re-run when it is complete",
            )
        result.records = result.archived + result.quarantined
        result.bytes = stream.bytes
        result.status = "imported"
        entry.imported = {
            "format": result.format,
            "container": stream.container,
            "records": result.records,
            "archived": result.archived,
            "quarantined": result.quarantined,
            "rows": result.rows,
            "bytes": result.bytes,
            "size_bytes": source.size_bytes,
            "modified_at": source.modified_at,
        }
        return result

    def _empty(self) -> Staged:
        return Staged(self._archive, self._owner, self._table, self._imported_at)

    def _commit(self) -> None:
        entries = self._ledger.take()
        if entries and not self._dry_run:
            files = [file for table in self._staged.tables for file in table.finish()]
            for table, rows in entries:
                staged = StagedTable(table, self._archive.staging)
                staged.add(rows)
                files += staged.finish()
            self._archive.commit(files)
        self._staged = self._empty()
        self._staged_bytes = 0


def _inside(path: str, name: str | None) -> str:
    """The path of a file, or of one in a zip."""
    return path if name is None else f"{path}{IN_ZIP}{name}"


def _drained(held: list[bytes]) -> Iterator[bytes]:
    """The chunks in order, each let go once it is read."""
    held.reverse()
    while held:
        yield held.pop()
