"""CSV lines to rows, each with its own bytes, so that one bad row harms no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

import msgspec

from archiver.receipts.base import MAX_RECORD_BYTES, UnreadableReceiptsError
from archiver.receipts.records import BOM, is_blank, without_line_end

DELIMITERS = (",", ";", "\t")

# Python's csv refuses longer cells; the limit belongs to the whole process and is only raised.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))


class Row(msgspec.Struct, gc=False):
    """One CSV record: its bytes without the line end, and its cells or why it has none.

    Attributes:
        data, text: the row's own bytes, and the same as text (empty where it is not UTF-8).
        cells: as many as the header has; None for a bad row.
        reason, detail: why the row is bad.
    """

    data: bytes
    text: str
    cells: list[str] | None
    reason: str = ""
    detail: str = ""


def open_rows(lines: Iterator[bytes]) -> tuple[list[str] | None, Iterator[Row]]:
    """Read the header and hand out the rows after it.

    Returns:
        The header's cells (None for an empty file) and the rows.

    Raises:
        UnreadableReceiptsError: the header is no CSV.
    """
    first = next((line for line in lines if not is_blank(line)), None)
    if first is None:
        return None, iter(())
    source = _Lines(lines)
    source.push_back([first.removeprefix(BOM)])
    delimiter = sniff(first.decode(errors="replace"))
    header = next(_rows(source, delimiter, width=None))
    if header.cells is None:
        raise UnreadableReceiptsError(f"the header is no CSV: {header.reason} {header.detail}")
    return header.cells, _rows(source, delimiter, width=len(header.cells))


def sniff(header: str) -> str:
    """The delimiter that splits the header into most columns; the comma where none does."""
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark))))


class _Lines:
    """Physical lines that can be given back."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._given_back: deque[bytes] = deque()

    def take(self) -> bytes | None:
        return self._given_back.popleft() if self._given_back else next(self._lines, None)

    def push_back(self, lines: list[bytes]) -> None:
        self._given_back.extendleft(reversed(lines))


def _rows(lines: _Lines, delimiter: str, width: int | None) -> Iterator[Row]:
    while (line := lines.take()) is not None:
        if is_blank(line):
            continue
        if b'"' in line:
            yield _quoted_row(line, lines, delimiter, width)
            continue
        data = without_line_end(line)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            yield Row(data, "", None, "invalid_utf8", f"at byte {error.start}")
            continue
        if "\r" in text:
            yield Row(data, text, None, "malformed_row", "carriage return outside of quotes")
            continue
        yield _checked(data, text, text.split(delimiter), width)


def _quoted_row(line: bytes, lines: _Lines, delimiter: str, width: int | None) -> Row:
    """Read a row that may go on over further lines inside a quoted cell.

    A row that turns out bad is its first line only: the lines after it are read anew, so that
    one stray quote does not swallow the good rows that follow.
    """
    taken = [line]

    def feed() -> Iterator[str]:
        size_bytes = len(line)
        yield line.decode(errors="surrogateescape")
        while size_bytes < MAX_RECORD_BYTES and (more := lines.take()) is not None:
            taken.append(more)
            size_bytes += len(more)
            yield more.decode(errors="surrogateescape")

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        detail = ""
    except (csv.Error, StopIteration) as error:
        cells, detail = None, str(error)
    if len(taken) > 1 and (cells is None or (width is not None and len(cells) != width)):
        lines.push_back(taken[1:])
        data = without_line_end(line)
        return Row(data, "", None, "malformed_row", detail or "a quote that opens is not closed")
    data = without_line_end(b"".join(taken))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return Row(data, "", None, "invalid_utf8", f"at byte {error.start}")
    if cells is None:
        return Row(data, text, None, "malformed_row", detail)
    return _checked(data, text, cells, width)


def _checked(data: bytes, text: str, cells: list[str], width: int | None) -> Row:
    if width is not None and len(cells) != width:
        detail = f"{len(cells)} cells, the header has {width}"
        return Row(data, text, None, "ragged_row", detail)
    return Row(data, text, cells)
