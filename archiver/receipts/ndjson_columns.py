"""Columns of an NDJSON feed: from one line of JSON to the cells of one row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from archiver.destinations.json_text import id_of
from archiver.receipts.base import BadRecord
from archiver.receipts.records import ABSENT, decode_object, text_value

Cell = str | int | None

_NOWHERE = "nowhere"
_PLAIN = {str, int, type(None)}

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class NdjsonColumns:
    """Reads columns from the feed's objects.

    A column is a key or a dotted path of keys; a key that is written exactly like the path wins.
    Only the keys in use are decoded. The common record (texts, whole numbers and nulls) is read
    at the speed of the JSON decoder; any other is read again value by value, because a value
    keeps its own text: `1.10` stays `1.10` as an event id.

    Args:
        paths: where each column is in the feed; None: nowhere, and its cells are None.
        ids: the places of those columns that hold ids: text, or a number as it is written.
    """

    def __init__(self, paths: Sequence[str | None], ids: Collection[int]) -> None:
        attributes: dict[str, str] = {}  # the feed's top-level key → the row's attribute
        self._ids = tuple(ids)
        self._columns: list[tuple[str, str, list[str]]] = []
        for path in paths:
            if path is None:
                self._columns.append((_NOWHERE, _NOWHERE, []))
                continue
            first, *rest = path.split(".")
            whole = attributes.setdefault(path, f"c{len(attributes)}")
            top = attributes.setdefault(first, f"c{len(attributes)}") if rest else whole
            self._columns.append((whole, top, rest))
        self._nested = [i for i, (_, _, rest) in enumerate(self._columns) if rest]
        self._whole_cells = attrgetter(*(whole for whole, _, _ in self._columns))
        rename = {attribute: key for key, attribute in attributes.items()}
        plain = msgspec.defstruct(
            "Row",
            [(a, Any, None) for a in rename],
            rename=rename,
            gc=False,
            namespace={_NOWHERE: None},
        )
        raw = msgspec.defstruct(
            "RawRow",
            [(a, msgspec.Raw, ABSENT) for a in rename],
            rename=rename,
            gc=False,
            namespace={_NOWHERE: ABSENT},
        )
        self._decode_plain = msgspec.json.Decoder(plain, float_hook=str).decode
        self._raw_decoder = msgspec.json.Decoder(raw)

    def cells(self, number: int, data: bytes) -> tuple[list[Cell], str] | BadRecord:
        """The cells of one record in the order of the columns, and its text."""
        try:
            text = data.decode()
            row = self._decode_plain(data)
            cells: list[Any] = list(self._whole_cells(row))
            for i in self._nested:
                if cells[i] is None:
                    cells[i] = self._inner(row, i)
        except (ValueError, RecursionError):
            return self._raw_cells(number, data)
        # Zero as an id may be written -0, and texts may be empty, which is as good as absent.
        if not _PLAIN.issuperset(map(type, cells)) or "" in cells:
            return self._raw_cells(number, data)
        for i in self._ids:
            if cells[i] == 0:
                return self._raw_cells(number, data)
        return cells, text

    def _inner(self, row: msgspec.Struct, column: int) -> Any:
        _, top, rest = self._columns[column]
        value = getattr(row, top)
        for key in rest:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    def _raw_cells(self, number: int, data: bytes) -> tuple[list[Cell], str] | BadRecord:
        decoded = decode_object(self._raw_decoder, number, data)
        if isinstance(decoded, BadRecord):
            return decoded
        row, text = decoded
        cells: list[Cell] = []
        for place, (whole, top, rest) in enumerate(self._columns):
            raw = getattr(row, whole)
            if rest and raw == ABSENT:
                raw = member(getattr(row, top), rest)
            cells.append(id_of(bytes(raw)) if place in self._ids else text_value(raw))
        return cells, text


def member(raw: msgspec.Raw, path: Sequence[str]) -> msgspec.Raw:
    """The value at a path of keys inside a JSON value; null where there is none."""
    for key in path:
        try:
            raw = _decode_members(raw).get(key, ABSENT)
        except msgspec.DecodeError:
            return ABSENT
    return raw
