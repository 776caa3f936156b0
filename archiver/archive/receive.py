"""Receipts into the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa

from archiver import receipts
from archiver.archive.feeds import FeedKind, FeedReader
from archiver.archive.importer import Importer
from archiver.archive.ledger import KnownFiles, Owner
from archiver.archive.staged import Chunk, FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import RECEIPTS
from archiver.inbound.base import BadRecord
from archiver.inbound.paths import InboundPath
from archiver.receipts.base import BadRecord as BadReceipt
from archiver.receipts.base import Parsed, Receipt, ReceiptSettings

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
    known: KnownFiles | None = None,
) -> list[FileResult]:
    """Archive every record of the files: as receipts, or in quarantine.

    Args:
        archive: its lock is held and `recover` was called.
        settings: the destination and how its feed is to be read.
        paths: the files.
        imported_at: instant of the import, UTC.
        format_name: `auto`, or a format that the content is not asked about.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already.

    Returns:
        One result per file, in order; `rows` counts receipts.
    """
    reader = FeedReader(_KIND, settings, settings.destination, format_name)
    return Importer(
        archive,
        Owner("receipts", settings.destination),
        RECEIPTS,
        lambda _path, _modified_at: reader,
        imported_at,
        dry_run=dry_run,
        known=known,
    ).run(paths)


def _collect(
    records: Iterator[Parsed | BadReceipt], settings: ReceiptSettings, file_id: str
) -> Iterator[Chunk]:
    chunk = Chunk([], 0)
    rows: list[Receipt] = []
    for record in records:
        if isinstance(record, Parsed):
            chunk.archived += 1
            chunk.rowless += not record.receipts
            rows += record.receipts
        else:
            chunk.bad.append(
                BadRecord(record.record_number, record.reason, record.detail, record.data)
            )
        if len(rows) >= _BATCH_RECEIPTS or len(chunk.bad) >= _BATCH_RECEIPTS:
            chunk.rows = [_table(rows, settings.destination, file_id)]
            yield chunk
            chunk, rows = Chunk([], 0), []
    chunk.rows = [_table(rows, settings.destination, file_id)]
    yield chunk


def _table(rows: list[Receipt], destination: str, file_id: str) -> pa.Table:
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(row, name) for row in rows], RECEIPTS.schema.field(name).type)
        for name in _FROM_RECEIPT
    }
    columns["destination"] = pa.repeat(pa.scalar(destination, pa.string()), len(rows))
    columns["attempted_date"] = columns["attempted_at"].cast(pa.date32())
    columns["file_id"] = pa.repeat(pa.scalar(file_id, pa.string()), len(rows))
    return pa.table([columns[name] for name in RECEIPTS.schema.names], schema=RECEIPTS.schema)


_KIND: FeedKind[ReceiptSettings, Parsed | BadReceipt] = FeedKind(
    "receipts", receipts.choose, receipts.choose_by_columns, _collect
)
