"""Generic feeds: NDJSON objects, CSV or Parquet rows, one attempt each, columns named by a map."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import IO

from archiver.receipts.base import BadRecord, Parsed, ReceiptSettings, UnreadableReceiptsError
from archiver.receipts.parquet_rows import MAGIC
from archiver.receipts.rows import COLUMNS_KEY, Feed, columns_of, judge
from archiver.receipts.tabular import read_csv, read_ndjson, read_parquet

_GENERIC = Feed()


class GenericNdjson:
    """One JSON object a line. A column may be a dotted path into nested objects."""

    name = "generic-ndjson"

    def detect(self, first_record: bytes) -> bool:
        """Any line that starts like a JSON object."""
        return first_record.startswith(b"{")

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per object; the columns it lacks are None."""
        return read_ndjson(lines, columns_of(_GENERIC, settings), judge(_GENERIC, settings))


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
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per row after the header; an empty cell is None."""
        columns = columns_of(_GENERIC, settings)
        return read_csv(lines, columns, COLUMNS_KEY, judge(_GENERIC, settings))


class GenericParquet:
    """Parquet rows. A column may be a dotted path into nested fields."""

    name = "generic-parquet"

    def detect(self, first_record: bytes) -> bool:
        """The magic bytes of Parquet."""
        return first_record.startswith(MAGIC)

    def has_columns(self, names: Collection[str]) -> bool:
        """Any columns: it comes last."""
        return True

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Refuse what is no Parquet; a file without bytes has no records."""
        if any(lines):
            raise UnreadableReceiptsError(
                "it is no Parquet file", "leave receipts_format out, or name its format"
            )
        return iter(())

    def read_parquet(
        self, file: IO[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per row; an absent value is None."""
        columns = columns_of(_GENERIC, settings)
        return read_parquet(file, columns, COLUMNS_KEY, judge(_GENERIC, settings))
