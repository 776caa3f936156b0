"""Generic feeds: NDJSON objects or CSV rows, one attempt each, columns named by a map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from archiver.receipts.base import (
    COLUMNS,
    OUTCOMES,
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.csv_rows import open_rows
from archiver.receipts.ndjson_columns import Cell, NdjsonColumns
from archiver.receipts.records import attempt_value, currency_value, numbered
from archiver.values import parse_amount, parse_instant

_REQUIRED = ("event_id", "outcome", "attempted_at")
_LONGEST_SHOWN_CHARS = 40

Judge = Callable[[int, Sequence[Cell], str, bytes], Parsed | BadRecord]


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
        judge = _judge(settings)
        columns = NdjsonColumns(settings)
        for number, data in numbered(lines):
            record = columns.cells(number, data)
            if isinstance(record, BadRecord):
                yield record
            else:
                yield judge(number, *record, data)


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
        judge = _judge(settings)
        header, rows = open_rows(lines)
        if header is None:
            return
        positions = _csv_positions(header, settings)
        for number, row in enumerate(rows):
            if row.cells is None:
                yield BadRecord(number, row.reason, row.detail, row.data)
                continue
            values = row.cells
            cells = [(values[p] or None) if p >= 0 else None for p in positions]
            yield judge(number, cells, row.text, row.data)


def _judge(settings: ReceiptSettings) -> Judge:
    """The function that makes a receipt of one record's cells, in the order of COLUMNS."""
    outcomes: dict[str, str] = {}
    for word, outcome in (settings.outcomes or {o: o for o in OUTCOMES}).items():
        outcomes[word] = outcome
        outcomes.setdefault(word.strip().casefold(), outcome)

    def judge(number: int, cells: Sequence[Cell], text: str, data: bytes) -> Parsed | BadRecord:
        (
            event_id,
            event_name,
            event_time,
            word,
            code,
            message,
            attempted_at,
            request_id,
            attempt,
            value,
            currency,
        ) = cells
        instant = parse_instant(attempted_at)
        if instant is None:
            detail = "empty or absent" if attempted_at is None else "not a time"
            return BadRecord(number, "no_attempted_at", detail, data)
        if word is None:
            return BadRecord(number, "no_outcome", "", data)
        word = str(word)
        outcome = outcomes.get(word) or outcomes.get(word.strip().casefold())
        if outcome is None:
            detail = f"{word[:_LONGEST_SHOWN_CHARS]!r}; known: {', '.join(outcomes)}"
            return BadRecord(number, "unknown_outcome", detail, data)
        receipt = Receipt(
            _text(event_id),
            _text(event_name),
            None if event_time is None else parse_instant(event_time),
            outcome,
            _text(code),
            _text(message),
            instant,
            _text(request_id),
            attempt_value(attempt),
            None if value is None else parse_amount(value),
            currency_value(_text(currency)),
            number,
            text,
        )
        return Parsed(number, [receipt])

    return judge


def _text(cell: Cell) -> str | None:
    return str(cell) if isinstance(cell, int) else cell


def _shown(names: list[str], settings: ReceiptSettings) -> str:
    """The header for a message, unless it may be a row: rows hold personal data."""
    if not {settings.columns.get(ours, ours) for ours in COLUMNS} & set(names):
        return "its first line does not look like a header: no column in it is known"
    return f"its columns: {', '.join(names)[:500]}; say which one it is in receipts_columns"


def _csv_positions(header: list[str], settings: ReceiptSettings) -> list[int]:
    """For each of COLUMNS its position in the rows; -1 where the feed has no such column."""
    names = [name.strip() for name in header]
    positions = []
    for ours in COLUMNS:
        theirs = settings.columns.get(ours, ours)
        found = names.count(theirs)
        if found > 1:
            raise UnreadableReceiptsError(f"the header has {found} columns {theirs!r}")
        if not found and (ours in settings.columns or ours in _REQUIRED):
            raise UnreadableReceiptsError(
                f"the header has no column {theirs!r} for {ours}",
                _shown(names, settings),
            )
        positions.append(names.index(theirs) if found else -1)
    return positions
