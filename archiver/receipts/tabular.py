"""Feeds of rows: a JSON object a line, CSV with a header, or Parquet; columns named by a map."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, TypeVar

import msgspec

from archiver.receipts.base import BadRecord, UnreadableReceiptsError
from archiver.receipts.csv_rows import open_rows, sniff
from archiver.receipts.ndjson_columns import Cell, NdjsonColumns
from archiver.receipts.parquet_rows import json_rows
from archiver.receipts.records import first_line, is_blank, numbered

T = TypeVar("T")

Judge = Callable[[int, Sequence[Cell], str, bytes], T]
"""Makes something of one row: its number, its cells, its text, its bytes."""


@dataclass(frozen=True)
class Column:
    """One column that a reader asks for.

    Attributes:
        ours: our name for it.
        theirs: the feed's names for it, of which the first that a file has counts; none: the feed
            has no such column. A name may be a dotted path into nested objects.
        is_needed: a header without it refuses the whole file.
        is_id: its cells are ids: a number keeps its own text.
    """

    ours: str
    theirs: tuple[str, ...]
    is_needed: bool = False
    is_id: bool = False

    def path(self, names: Collection[str]) -> str | None:
        """The name that a file with these columns has for it, as far as can be told."""
        found = (name for name in self.theirs if name in names or name.split(".")[0] in names)
        return next(found, self.theirs[0] if self.theirs else None)


def column_names(first_record: bytes) -> frozenset[str]:
    """The columns that a file of lines shows by its first one; empty where it shows none."""
    if first_record.startswith(b"{"):
        try:
            return frozenset(msgspec.json.decode(first_record, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, RecursionError):
            return frozenset()
    try:
        text = first_record.decode()
        return frozenset(name.strip() for name in next(csv.reader([text], delimiter=sniff(text))))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return frozenset()


def read_lines(
    lines: Iterator[bytes], columns: Sequence[Column], key: str, judge: Judge[T]
) -> Iterator[T | BadRecord]:
    """Read NDJSON or CSV, whichever the first line shows."""
    first = next((line for line in lines if not is_blank(line)), b"")
    lines = chain([first], lines)
    if first_line(first).startswith(b"{"):
        return read_ndjson(lines, columns, judge)
    return read_csv(lines, columns, key, judge)


def read_ndjson(
    lines: Iterator[bytes], columns: Sequence[Column], judge: Judge[T]
) -> Iterator[T | BadRecord]:
    """Read one object a line; the columns that it lacks are None.

    Where the feed has several names for a column, the first line decides for the whole file.
    """
    if any(len(column.theirs) > 1 for column in columns):
        first = next((line for line in lines if not is_blank(line)), b"")
        names = column_names(first_line(first))
        lines = chain([first], lines)
    else:
        names = frozenset()
    return _judged(numbered(lines), _ndjson_columns(columns, names), judge)


def read_csv(
    lines: Iterator[bytes], columns: Sequence[Column], key: str, judge: Judge[T]
) -> Iterator[T | BadRecord]:
    """Read the rows after the header; an empty cell is None.

    Args:
        lines: physical lines.
        columns: what is asked for.
        key: the configuration's key that maps columns, for messages.
        judge: makes something of a row.

    Raises:
        UnreadableReceiptsError: the header is none, or lacks a column that is needed.
    """
    header, rows = open_rows(lines)
    if header is None:
        return
    names = [name.strip() for name in header]
    places = _places(names, columns, key, "the header")
    for number, row in enumerate(rows):
        if row.cells is None:
            yield BadRecord(number, row.reason, row.detail, row.data)
            continue
        values = row.cells
        cells: list[Cell] = [(values[p] or None) if p >= 0 else None for p in places]
        yield judge(number, cells, row.text, row.data)


def read_parquet(
    file: IO[bytes], columns: Sequence[Column], key: str, judge: Judge[T]
) -> Iterator[T | BadRecord]:
    """Read rows; the text of one is a JSON object of all its columns (see `parquet_rows`).

    Raises:
        UnreadableReceiptsError: it is no whole Parquet file, or lacks a column that is needed.
    """
    names, rows = json_rows(file)
    tops = [
        Column(c.ours, tuple(n if n in names else n.split(".")[0] for n in c.theirs), c.is_needed)
        for c in columns
    ]
    _places(names, tops, key, "the Parquet file")
    yield from _judged(enumerate(rows), _ndjson_columns(columns, names), judge)


def _ndjson_columns(columns: Sequence[Column], names: Collection[str]) -> NdjsonColumns:
    ids = [place for place, column in enumerate(columns) if column.is_id]
    return NdjsonColumns([column.path(names) for column in columns], ids)


def _judged(
    records: Iterable[tuple[int, bytes]], columns: NdjsonColumns, judge: Judge[T]
) -> Iterator[T | BadRecord]:
    for number, data in records:
        record = columns.cells(number, data)
        if isinstance(record, BadRecord):
            yield record
        else:
            yield judge(number, *record, data)


def _places(names: list[str], columns: Sequence[Column], key: str, what: str) -> list[int]:
    """For each column its place in the rows; -1 where the file has none."""
    places = []
    for column in columns:
        theirs = column.path(names)
        found = names.count(theirs) if theirs is not None else 0
        if found > 1:
            raise UnreadableReceiptsError(f"{what} has {found} columns {theirs!r}")
        if not found and column.is_needed:
            raise UnreadableReceiptsError(
                f"{what} has no column {theirs!r} for {column.ours}", _shown(names, columns, key)
            )
        places.append(names.index(theirs) if theirs is not None and found else -1)
    return places


def _shown(names: list[str], columns: Sequence[Column], key: str) -> str:
    """The header for a message, unless it may be a row: rows hold personal data."""
    if not {name for column in columns for name in column.theirs} & set(names):
        return "its first line does not look like a header: no column in it is known"
    return f"its columns: {', '.join(names)[:500]}; say which one it is in {key}"
