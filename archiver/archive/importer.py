"""Imports files into the archive: every record archived or quarantined, every file once.

What is common to inbound events and receipts: which files need no reading, hashing, conservation,
the ledger, and commits that several small files share.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedRandom, BufferedReader
from typing import IO, Any, Literal, Protocol

import pyarrow as pa

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive, StagedFile
from archiver.archive.tables import INBOUND_FILES, INBOUND_PATHS, QUARANTINE, Table
from archiver.errors import CorruptInputError
from archiver.inbound.base import BadRecord
from archiver.inbound.containers import Stream
from archiver.inbound.paths import InboundPath

# Up to this size a file is held in memory and read once; a larger one is read twice, first for
# its hash.
_IN_MEMORY_BYTES = 64 << 20
_COMMIT_BYTES = 1 << 30
_COMMIT_FILES = 2000

Kind = Literal["events", "receipts"]


@dataclass
class FileResult:
    """What became of one file in this run; counts are 0 unless it was imported now.

    Attributes:
        path: as the user or the configuration names it.
        file_id: SHA-256 of the decompressed bytes, or None where it was not read whole.
        status: `imported`, `already_imported` or `failed`.
        records, archived, quarantined: records, with `records = archived + quarantined`.
        bytes: decompressed bytes.
        rows: rows added (receipts: one record can hold several).
        error: why it failed.
    """

    path: str
    file_id: str | None = None
    status: Literal["imported", "already_imported", "failed"] = "failed"
    records: int = 0
    archived: int = 0
    quarantined: int = 0
    bytes: int = 0
    rows: int = 0
    error: str | None = None

    @property
    def bad_ratio(self) -> float:
        """Share of quarantined records."""
        return self.quarantined / self.records if self.records else 0.0


@dataclass(slots=True)
class Chunk:
    """What a reader yields: rows for the table, the records they stand for, and bad records."""

    rows: pa.Table
    archived: int
    bad: list[BadRecord] = field(default_factory=list)


class RecordReader(Protocol):
    """Turns one file's bytes into rows of a table."""

    def choose(self, head: bytes) -> str:
        """Name of the format of a file that begins with these bytes."""

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        """Read it to the end; no record is left out."""


@dataclass
class Owner:
    """Whose files these are: a source's events or a destination's receipts."""

    kind: Kind
    name: str

    @property
    def source(self) -> str | None:
        """The source, where the files hold events."""
        return self.name if self.kind == "events" else None

    @property
    def destination(self) -> str | None:
        """The destination, where the files hold receipts."""
        return self.name if self.kind == "receipts" else None


class Importer:
    """One run of imports for one owner. Hold the archive's lock and call `recover` before.

    Args:
        archive: where to.
        owner: whose files.
        table: the table that rows go to.
        reader: reads the owner's formats.
        imported_at: instant of the import, UTC.
        dry_run: read and count, write nothing.
    """

    def __init__(
        self,
        archive: Archive,
        owner: Owner,
        table: Table,
        reader: RecordReader,
        imported_at: datetime,
        *,
        dry_run: bool = False,
    ) -> None:
        self._archive = archive
        self._owner = owner
        self._table = table
        self._reader = reader
        self._imported_at = imported_at
        self._dry_run = dry_run
        self._known_ids, self._known_paths = _known(archive, owner)
        self._reset()

    def run(self, paths: Iterable[InboundPath]) -> list[FileResult]:
        """Import the files in order; a failing file does not stop the others."""
        results = []
        for path in paths:
            result = FileResult(path=path.shown)
            try:
                self._import(path, result)
            except CorruptInputError as error:
                # Only what is wrong with this file; a full disk, say, ends the run, since rows
                # of earlier files may be lost with it. Nothing is committed then.
                result.error = str(error)
            results.append(result)
            if self._pending_bytes >= _COMMIT_BYTES or len(self._ledger) >= _COMMIT_FILES:
                self._commit()
        self._commit()
        return results

    def _reset(self) -> None:
        staging = self._archive.staging
        self._rows = StagedTable(self._table, staging)
        self._bad = StagedTable(QUARANTINE, staging)
        self._ledger: list[dict[str, Any]] = []
        self._paths: list[dict[str, Any]] = []
        self._pending_bytes = 0

    def _import(self, path: InboundPath, result: FileResult) -> None:
        with _opened(path) as (file, size_bytes, modified_ns):
            if (path.recorded, size_bytes, modified_ns) in self._known_paths:
                result.status = "already_imported"
                result.file_id = self._known_paths[path.recorded, size_bytes, modified_ns]
                return
            stream = Stream(path.shown, file)
            held: list[bytes] | None = []
            for chunk in stream.chunks():
                if held is not None:
                    held.append(chunk)
                    if stream.bytes > _IN_MEMORY_BYTES:
                        held = None
            file_id = result.file_id = stream.file_id
            if file_id in self._known_ids:
                self._note_path(path, size_bytes, modified_ns, file_id)
                result.status = "already_imported"
                return
            head, container = stream.head, stream.container
            if held is not None:
                chunks = _drained(held)
            else:
                file.seek(0)
                stream = Stream(path.shown, file)
                chunks = stream.chunks()
            format_name = self._reader.choose(head)
            # A file's rows stay apart until all of it is read.
            rows = StagedTable(self._table, self._archive.staging)
            bad = StagedTable(QUARANTINE, self._archive.staging)
            try:
                for part in self._reader.read(format_name, chunks, file_id):
                    result.archived += part.archived
                    result.quarantined += len(part.bad)
                    if not self._dry_run:
                        rows.add(part.rows)
                        bad.add(self._bad_rows(part.bad, file_id, path))
                _check_conservation(path, self._owner, result, rows, bad, dry_run=self._dry_run)
                if held is None and stream.file_id != file_id:
                    raise CorruptInputError(
                        f"reading {path.shown}",
                        "it changed while it was read",
                        "nothing of it was imported; re-run when it is complete",
                    )
            except BaseException:
                rows.discard()
                bad.discard()
                result.archived = result.quarantined = 0
                raise
            result.rows = rows.rows
            self._rows.adopt(rows)
            self._bad.adopt(bad)
        self._note_path(path, size_bytes, modified_ns, file_id)
        result.records = result.archived + result.quarantined
        result.bytes = stream.bytes
        result.status = "imported"
        self._known_ids.add(file_id)
        self._pending_bytes += result.bytes
        self._ledger.append(
            {
                "kind": self._owner.kind,
                "source": self._owner.source,
                "destination": self._owner.destination,
                "file_id": file_id,
                "path": path.recorded,
                "format": format_name,
                "container": container,
                "records": result.records,
                "archived": result.archived,
                "quarantined": result.quarantined,
                "rows": result.rows,
                "bytes": result.bytes,
                "size_bytes": size_bytes,
                "modified_at": _instant(modified_ns),
                "imported_at": self._imported_at,
            }
        )

    def _note_path(
        self, path: InboundPath, size_bytes: int | None, modified_ns: int | None, file_id: str
    ) -> None:
        key = (path.recorded, size_bytes, modified_ns)
        if key in self._known_paths:
            return
        self._known_paths[key] = file_id
        self._paths.append(
            {
                "kind": self._owner.kind,
                "source": self._owner.source,
                "destination": self._owner.destination,
                "path": path.recorded,
                "size_bytes": size_bytes,
                "modified_ns": modified_ns,
                "file_id": file_id,
                "seen_at": self._imported_at,
            }
        )

    def _bad_rows(self, bad: list[BadRecord], file_id: str, path: InboundPath) -> pa.Table:
        return pa.Table.from_pylist(
            [
                {
                    "source": self._owner.name,
                    "imported_date": self._imported_at.date(),
                    "kind": self._owner.kind,
                    "file_id": file_id,
                    "path": path.recorded,
                    "record_number": record.record_number,
                    "reason": record.reason,
                    "detail": record.detail,
                    "data": record.data,
                    "imported_at": self._imported_at,
                }
                for record in bad
            ],
            schema=QUARANTINE.schema,
        )

    def _commit(self) -> None:
        if self._dry_run or not (self._ledger or self._paths):
            self._reset()
            return
        files: list[StagedFile] = [*self._rows.finish(), *self._bad.finish()]
        for table, rows in ((INBOUND_FILES, self._ledger), (INBOUND_PATHS, self._paths)):
            staged = StagedTable(table, self._archive.staging)
            staged.add(pa.Table.from_pylist(rows, schema=table.schema))
            files += staged.finish()
        self._archive.commit(files)
        self._reset()


def _check_conservation(
    path: InboundPath,
    owner: Owner,
    result: FileResult,
    rows: StagedTable,
    bad: StagedTable,
    *,
    dry_run: bool,
) -> None:
    """Refuse a file of which fewer rows are to be written than records were read."""
    if dry_run:
        return
    is_whole = (
        rows.rows == result.archived if owner.kind == "events" else rows.rows >= result.archived
    )
    if not is_whole or bad.rows != result.quarantined:
        raise CorruptInputError(
            f"importing {path.shown}",
            f"of {result.archived} records to archive and {result.quarantined} for quarantine"
            f" {rows.rows} and {bad.rows} rows came out",
            "nothing of it was imported; this is a defect of archiver, please report it",
        )


def _known(
    archive: Archive, owner: Owner
) -> tuple[set[str], dict[tuple[str, int | None, int | None], str]]:
    """File ids in the ledger, and the paths with size and time under which content was seen."""
    which = "source" if owner.kind == "events" else "destination"
    ids = archive.read(INBOUND_FILES, [which, "file_id"]).to_pylist()
    paths = archive.read(
        INBOUND_PATHS, [which, "path", "size_bytes", "modified_ns", "file_id"]
    ).to_pylist()
    return (
        {row["file_id"] for row in ids if row[which] == owner.name},
        {
            (row["path"], row["size_bytes"], row["modified_ns"]): row["file_id"]
            for row in paths
            if row[which] == owner.name and row["modified_ns"] is not None
        },
    )


@contextmanager
def _opened(
    path: InboundPath,
) -> Iterator[tuple[BufferedReader | BufferedRandom, int | None, int | None]]:
    """The file, its size and its modification time in ns; standard input is spooled first."""
    if path.stdin is not None:
        with _spooled(path.stdin) as spool:
            yield spool, os.fstat(spool.fileno()).st_size, None
        return
    try:
        file = open(path.real, "rb")  # noqa: SIM115 - closed below; its failure is the file's own
    except OSError as error:
        raise CorruptInputError(
            f"opening {path.shown}", error.strerror or str(error), "make it readable and re-run"
        ) from None
    with file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode):
            yield file, about.st_size, about.st_mtime_ns
            return
        # A pipe: it cannot be read twice, and its time says nothing.
        with _spooled(file) as spool:
            yield spool, os.fstat(spool.fileno()).st_size, None


@contextmanager
def _spooled(data: IO[bytes]) -> Iterator[BufferedRandom]:
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(data, spool)
        spool.seek(0)
        yield spool


def _drained(held: list[bytes]) -> Iterator[bytes]:
    """The chunks in order, each let go once it is read."""
    held.reverse()
    while held:
        yield held.pop()


def _instant(modified_ns: int | None) -> datetime | None:
    if modified_ns is None:
        return None
    try:
        return datetime.fromtimestamp(modified_ns // 1000 / 1e6, UTC)
    except (ValueError, OverflowError, OSError):
        return None
