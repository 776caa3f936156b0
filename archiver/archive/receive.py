"""Receipts into the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa

from archiver import receipts
from archiver.archive.importer import Importer
from archiver.archive.ledger import Owner
from archiver.archive.staged import Chunk, FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import RECEIPTS
from archiver.errors import ConfigError, CorruptInputError
from archiver.inbound.base import BadRecord
from archiver.inbound.paths import InboundPath
from archiver.receipts.base import Parsed, Receipt, ReceiptSettings, UnreadableReceiptsError

_BATCH_RECEIPTS = 50_000
_FROM_RECEIPT = (
    "event_id",
    "event_name",
    "event_time",
    "outcome",
    "code",
    "message",
    "attempted_at",
    "request_id",
    "attempt",
    "value",
    "currency",
    "record_number",
    "payload",
)


def receive(
    archive: Archive,
    settings: ReceiptSettings,
    paths: Iterable[InboundPath],
    imported_at: datetime,
    *,
    format_name: str = "auto",
    dry_run: bool = False,
) -> list[FileResult]:
    """Archive every record of the files: as receipts, or in quarantine.

    Args:
        archive: its lock is held and `recover` was called.
        settings: the destination and how its feed is to be read.
        paths: the files.
        imported_at: instant of the import, UTC.
        format_name: `auto`, or a format that the content is not asked about.
        dry_run: read and count, write nothing.

    Returns:
        One result per file, in order; `rows` counts receipts.
    """
    return Importer(
        archive,
        Owner("receipts", settings.destination),
        RECEIPTS,
        _ReceiptReader(settings, format_name),
        imported_at,
        dry_run=dry_run,
    ).run(paths)


class _ReceiptReader:
    def __init__(self, settings: ReceiptSettings, format_name: str) -> None:
        self._settings = settings
        self._forced = None if format_name == "auto" else format_name
        if self._forced is not None:
            try:
                receipts.choose(b"", self._forced)
            except ValueError as error:
                raise ConfigError("choosing the receipts format", str(error)) from None

    def choose(self, head: bytes) -> str:
        try:
            return receipts.choose(head, self._forced).name
        except UnreadableReceiptsError as error:
            raise self._unreadable(error, "receipts") from None

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        known = receipts.choose(b"", format_name)
        rows: list[Receipt] = []
        bad: list[BadRecord] = []
        archived = 0
        try:
            for record in known.read(_lines(chunks), self._settings):
                if isinstance(record, Parsed):
                    archived += 1
                    rows += record.receipts
                else:
                    bad.append(
                        BadRecord(record.record_number, record.reason, record.detail, record.data)
                    )
                if len(rows) >= _BATCH_RECEIPTS or len(bad) >= _BATCH_RECEIPTS:
                    yield Chunk([self._rows(rows, file_id)], archived, bad)
                    rows, bad, archived = [], [], 0
        except UnreadableReceiptsError as error:
            raise self._unreadable(error, format_name) from None
        yield Chunk([self._rows(rows, file_id)], archived, bad)

    def _unreadable(self, error: UnreadableReceiptsError, what: str) -> CorruptInputError:
        return CorruptInputError(
            f"reading {what} of {self._settings.destination}", error.why, error.hint
        )

    def _rows(self, rows: list[Receipt], file_id: str) -> pa.Table:
        columns: dict[str, pa.Array] = {
            name: pa.array([getattr(row, name) for row in rows], RECEIPTS.schema.field(name).type)
            for name in _FROM_RECEIPT
        }
        columns["destination"] = pa.repeat(
            pa.scalar(self._settings.destination, pa.string()), len(rows)
        )
        columns["attempted_date"] = columns["attempted_at"].cast(pa.date32())
        columns["file_id"] = pa.repeat(pa.scalar(file_id, pa.string()), len(rows))
        return pa.table([columns[name] for name in RECEIPTS.schema.names], schema=RECEIPTS.schema)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Physical lines with their ends."""
    rest: list[bytes] = []
    for chunk in chunks:
        lines = chunk.splitlines(keepends=True) if b"\r" not in chunk else _split(chunk)
        if len(lines) == 1 and not lines[0].endswith(b"\n"):
            rest.append(lines[0])
            continue
        if rest:
            lines[0] = b"".join([*rest, lines[0]])
            rest = []
        if not lines[-1].endswith(b"\n"):
            rest = [lines.pop()]
        yield from lines
    if rest:
        yield b"".join(rest)


def _split(chunk: bytes) -> list[bytes]:
    """Lines ended by LF only: a lone CR may stand inside a quoted CSV cell."""
    lines = [line + b"\n" for line in chunk.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
