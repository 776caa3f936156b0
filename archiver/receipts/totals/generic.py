"""Generic totals: NDJSON objects, CSV or Parquet rows, each a count, columns named by a map.

`account_day` is a day, or begins with one (`2026-01-15 00:00:00`, as Ads Manager has it); it is a
day of the account, whatever zone is written behind it. `count` is a whole number (`17`, `17.0`,
`1,234`); `reported_at`, `event_name`, `kind`, `value` and `currency` may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import IO

from archiver.receipts.base import BadRecord, UnreadableReceiptsError
from archiver.receipts.ndjson_columns import Cell
from archiver.receipts.parquet_rows import MAGIC
from archiver.receipts.records import currency_value
from archiver.receipts.tabular import Column, Judge, read_csv, read_ndjson, read_parquet
from archiver.receipts.totals.base import (
    KINDS,
    MAX_COUNT,
    TOTAL_COLUMNS,
    ParsedTotals,
    Total,
    TotalsSettings,
)
from archiver.values import parse_amount, parse_instant, parse_number

_REQUIRED = ("account_day", "count")
_KEY = "the columns of these totals"
_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])", re.ASCII)


class GenericNdjson:
    """One JSON object a line. A column may be a dotted path into nested objects."""

    name = "generic-ndjson"

    def detect(self, first_record: bytes) -> bool:
        """Any line that starts like a JSON object."""
        return first_record.startswith(b"{")

    def read(
        self, lines: Iterator[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Yield one total per object."""
        return read_ndjson(lines, _columns(settings), _judge(settings))


class GenericCsv:
    """CSV with a header: RFC 4180 quoting; comma, semicolon or tab, whichever the header has."""

    name = "generic-csv"

    def detect(self, first_record: bytes) -> bool:
        """A line of UTF-8 text with a delimiter that does not start like JSON."""
        try:
            text = first_record.decode()
        except UnicodeDecodeError:
            return False
        return text[:1] not in ("{", "[") and any(mark in text for mark in ",;\t")

    def read(
        self, lines: Iterator[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Yield one total per row after the header; an empty cell is None."""
        return read_csv(lines, _columns(settings), _KEY, _judge(settings))


class GenericParquet:
    """Parquet rows. A column may be a dotted path into nested fields."""

    name = "generic-parquet"

    def detect(self, first_record: bytes) -> bool:
        """The magic bytes of Parquet."""
        return first_record.startswith(MAGIC)

    def has_columns(self, names: Collection[str]) -> bool:
        """Any columns."""
        return True

    def read(
        self, lines: Iterator[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Refuse what is no Parquet; a file without bytes has no records."""
        if any(lines):
            raise UnreadableReceiptsError("it is no Parquet file", "name its format, or auto")
        return iter(())

    def read_parquet(
        self, file: IO[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Yield one total per row."""
        return read_parquet(file, _columns(settings), _KEY, _judge(settings))


def whole_number(cell: Cell | Decimal) -> int | None:
    """A count: a whole number that is not negative and fits into 63 bits, else None."""
    number = parse_number(cell)
    if number is None or number != number.to_integral_value() or not 0 <= number <= MAX_COUNT:
        return None
    return int(number)


def day_of(cell: Cell) -> date | None:
    """The day with which a text begins."""
    found = _DAY.match(str(cell).strip()) if cell is not None else None
    try:
        return None if found is None else date.fromisoformat(found[0])
    except ValueError:
        return None


def _columns(settings: TotalsSettings) -> list[Column]:
    return [
        Column(
            ours,
            (settings.columns.get(ours, ours),),
            ours in settings.columns or ours in _REQUIRED,
            is_id=ours == "event_name",
        )
        for ours in TOTAL_COLUMNS
    ]


def _judge(settings: TotalsSettings) -> Judge[ParsedTotals | BadRecord]:
    """The function that makes a total of one record's cells, in the order of TOTAL_COLUMNS."""

    def judged(
        number: int, cells: Sequence[Cell], text: str, data: bytes
    ) -> ParsedTotals | BadRecord:
        day_cell, event_name, kind_cell, count_cell, value_cell, currency, reported_cell = cells
        account_day = day_of(day_cell)
        if account_day is None:
            detail = "empty or absent" if day_cell is None else "not YYYY-MM-DD"
            return BadRecord(number, "no_day", detail, data)
        kind = settings.kind if kind_cell is None else str(kind_cell).strip().casefold()
        if kind not in KINDS:
            return BadRecord(number, "unknown_kind", f"{kind[:40]!r}", data)
        count = whole_number(count_cell)
        if count is None:
            return BadRecord(number, "bad_count", "", data)
        value = parse_amount(value_cell)
        if value is None and value_cell is not None:
            return BadRecord(number, "bad_value", "", data)
        reported_at = parse_instant(reported_cell)
        if reported_at is None and reported_cell is not None:
            return BadRecord(number, "bad_reported_at", "", data)
        total = Total(
            account_day,
            settings.name_of(None if event_name is None else str(event_name)),
            kind,
            count,
            value,
            None if currency is None else currency_value(str(currency)),
            reported_at or settings.reported_at,
            number,
        )
        return ParsedTotals(number, [total])

    return judged
