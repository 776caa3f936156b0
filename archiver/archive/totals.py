"""Totals into the archive: what destinations and hubs counted by account day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal

import pyarrow as pa

from archiver.archive.feeds import FeedKind, FeedReader
from archiver.archive.importer import Importer, RecordReader
from archiver.archive.ledger import KnownFiles, Owner
from archiver.archive.staged import Chunk, FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import RECEIPT_TOTALS
from archiver.errors import CorruptInputError
from archiver.inbound.base import BadRecord
from archiver.inbound.paths import InboundPath
from archiver.receipts.base import BadRecord as BadTotal
from archiver.receipts.totals import (
    ParsedTotals,
    Total,
    TotalsSettings,
    choose_totals,
    choose_totals_by_columns,
)
from archiver.receipts.totals.base import MAX_COUNT

_BATCH_BAD = 50_000
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EXACT = Context(prec=60)
_FROM_TOTAL = (
    "account_day",
    "event_name",
    "kind",
    "count",
    "value",
    "currency",
    "reported_at",
    "record_number",
)


def receive_totals(
    archive: Archive,
    settings: TotalsSettings,
    paths: Iterable[InboundPath],
    imported_at: datetime,
    *,
    format_name: str = "auto",
    dry_run: bool = False,
    known: KnownFiles | None = None,
) -> list[FileResult]:
    """Archive every record of the files: counted in totals, or in quarantine.

    What a file says about the same day, event name, kind and time of report adds up to one row. A
    file that does not say when it was reported counts as reported at the beginning, in UTC, of the
    last YYYY-MM-DD in its path, else when it was modified; standard input has no such time. So a
    run as of an instant of the past finds it, however late the file was fetched. Of files of one
    day the one modified last counts (sql/reconcile/daily_totals.sql).

    Args:
        archive: its lock is held and `recover` was called.
        settings: the destination and how its totals are to be read.
        paths: the files.
        imported_at: instant of the import, UTC.
        format_name: `auto`, or a format that the content is not asked about.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already.

    Returns:
        One result per file, in order; `rows` counts totals.
    """

    def reader(path: str, modified_at: datetime | None) -> RecordReader:
        reported_at = path_day(path) or modified_at
        own = replace(settings, reported_at=reported_at)
        return FeedReader(_KIND, own, settings.destination, format_name)

    # A format that does not exist is an error also where there is no file.
    reader("", None)
    return Importer(
        archive,
        Owner("totals", settings.destination),
        RECEIPT_TOTALS,
        reader,
        imported_at,
        dry_run=dry_run,
        known=known,
    ).run(paths)


def path_day(path: str) -> datetime | None:
    """The beginning, in UTC, of the last day that a path names."""
    for text in reversed(_DAY.findall(path)):
        try:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        except ValueError:
            continue
    return None


@dataclass
class _Sum:
    """What one file says about one day, event name, kind and time of report."""

    first: Total
    count: int = 0
    value: Decimal | None = None
    currency: str | None = None
    is_mixed: bool = False

    def add(self, total: Total) -> None:
        self.count += total.count
        if total.value is None or self.is_mixed:
            return
        if self.value is None:
            self.value, self.currency = total.value, total.currency
        elif self.currency == total.currency:
            self.value = _EXACT.add(self.value, total.value)
        else:
            # One row holds one amount; a sum over currencies would be none.
            self.value, self.currency, self.is_mixed = None, None, True


def _collect(
    records: Iterator[ParsedTotals | BadTotal], settings: TotalsSettings, file_id: str
) -> Iterator[Chunk]:
    sums: dict[tuple[object, ...], _Sum] = {}
    chunk = Chunk([], 0)
    for record in records:
        if isinstance(record, ParsedTotals):
            rows = len(sums)
            for total in record.totals:
                key = (total.account_day, total.event_name, total.kind, total.reported_at)
                sums.setdefault(key, _Sum(total)).add(total)
            chunk.archived += 1
            chunk.rowless += len(sums) == rows
        else:
            chunk.bad.append(
                BadRecord(record.record_number, record.reason, record.detail, record.data)
            )
            if len(chunk.bad) >= _BATCH_BAD:
                yield chunk
                chunk = Chunk([], 0)
    if any(added.count > MAX_COUNT for added in sums.values()):
        raise CorruptInputError(
            f"reading totals of {settings.destination}",
            "its counts of one day add up to more than can be kept",
            "see which column is the count",
        )
    chunk.rows = [_table(list(sums.values()), settings.destination, file_id)]
    yield chunk


def _table(sums: list[_Sum], destination: str, file_id: str) -> pa.Table:
    totals = [
        Total(
            added.first.account_day,
            added.first.event_name,
            added.first.kind,
            added.count,
            added.value,
            added.currency,
            added.first.reported_at,
            added.first.record_number,
        )
        for added in sums
    ]
    schema = RECEIPT_TOTALS.schema
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(total, name) for total in totals], schema.field(name).type)
        for name in _FROM_TOTAL
    }
    columns["destination"] = pa.repeat(pa.scalar(destination, pa.string()), len(totals))
    columns["file_id"] = pa.repeat(pa.scalar(file_id, pa.string()), len(totals))
    return pa.table([columns[name] for name in schema.names], schema=schema)


_KIND: FeedKind[TotalsSettings, ParsedTotals | BadTotal] = FeedKind(
    "totals", choose_totals, choose_totals_by_columns, _collect
)
