"""The schema diary: which paths and JSON types each event had, by day.

It is collected while events are loaded, and kept in small immutable Parquet files that add up.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.files import replace_durably
from archiver.warehouse.shapes import Shapes, Signature, crowded, expand, parent, parts

MAX_CHILDREN = 1000
"""An object with more different keys than that, over the events of one name in one segment, is a
map: its values stand under `.*`, together."""

DIARY = pa.schema(
    [
        ("source", pa.string()),
        ("event", pa.string()),
        ("path", pa.string()),
        ("parent", pa.string()),
        ("json_type", pa.string()),
        ("day", pa.date32()),
        ("occurrences", pa.int64()),
        ("counted_once", pa.int64()),
    ]
)
"""Grain: source, event, path, json_type, day (UTC day of the arrival), and segment.

`occurrences`: events that have the type under the path, each once whatever the number of array
elements. `counted_once`: those of them without an alphabetically earlier type under that path, so
that the sum over the types is the number of events that have the path.
"""

_decode = msgspec.json.Decoder().decode
# Nothing is known of it but that it is an object.
_UNREADABLE: dict[str, object] = {}


_Counts = defaultdict[Signature, defaultdict[date, int]]


def _no_counts() -> _Counts:
    return defaultdict(lambda: defaultdict(int))


class Diary:
    """Collects the rows of one diary segment."""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._counts: defaultdict[tuple[str, str | None], _Counts] = defaultdict(_no_counts)

    def add(
        self, source: str, day: date, events: Iterable[str | None], payloads: Iterable[str]
    ) -> None:
        """Note events of one source and day.

        Args:
            source: name of the source.
            day: UTC day of their arrival.
            events: each event's name, else its call type.
            payloads: each event's JSON text.
        """
        signature_of = self._shapes.of_object
        counts: defaultdict[tuple[str | None, Signature], int] = defaultdict(int)
        for event, payload in zip(events, payloads, strict=True):
            try:
                value = _decode(payload)
            except (ValueError, RecursionError):
                value = _read_with_care(payload)
            counts[event, signature_of(value)] += 1
        for (event, signature), count in counts.items():
            self._counts[source, event][signature][day] += count

    def table(self) -> pa.Table:
        """What was noted: the columns of DIARY, sorted by all but the counts."""
        columns: list[list[object]] = [[] for _ in DIARY]
        for (source, event), counts in self._counts.items():
            for (path, json_type, day), (occurrences, counted_once) in _rows(counts).items():
                row = (source, event, path, parent(path), json_type, day, occurrences, counted_once)
                for column, value in zip(columns, row, strict=True):
                    column.append(value)
        table = pa.table(columns, DIARY)
        keys = ("source", "event", "path", "json_type", "day")
        return table.sort_by([(key, "ascending") for key in keys])


def write_diary(table: pa.Table, path: Path) -> None:
    """Write one diary segment durably, in an existing folder."""
    draft = path.with_name(f".{path.name}.draft")
    pq.write_table(table, draft, compression="zstd")
    replace_durably(draft, path)


def _rows(counts: _Counts) -> dict[tuple[str, str, date], list[int]]:
    """(path, JSON type, day) → occurrences and those counted once, for one event name."""
    rows = _rows_folded(counts, ())
    if len({path for path, _, _ in rows}) > MAX_CHILDREN:
        folded = crowded(counts.keys(), MAX_CHILDREN)
        rows = _rows_folded(counts, folded) if folded else rows
    return rows


def _rows_folded(
    counts: _Counts, folded: Collection[str]
) -> dict[tuple[str, str, date], list[int]]:
    found: defaultdict[tuple[str, Signature], defaultdict[date, int]] = _no_counts()
    for signature, days in counts.items():
        for part in parts(signature, folded):
            part_days = found[part]
            for day, count in days.items():
                part_days[day] += count
    rows: defaultdict[tuple[str, str, date], list[int]] = defaultdict(lambda: [0, 0])
    for (path, part), days in found.items():
        pairs = expand(path, part, folded)
        firsts = _first_types(pairs)
        for day, count in days.items():
            for at, json_type in pairs:
                row = rows[at, json_type, day]
                row[0] += count
                if firsts[at] == json_type:
                    row[1] += count
    return rows


def _first_types(pairs: Collection[tuple[str, str]]) -> dict[str, str]:
    """Path → its alphabetically first type."""
    firsts: dict[str, str] = {}
    for path, json_type in pairs:
        if path not in firsts or json_type < firsts[path]:
            firsts[path] = json_type
    return firsts


def _read_with_care(payload: str) -> dict[str, object]:
    """Read with the standard library what the fast reader refuses.

    That is lone surrogates and numbers beyond its range; what nests too deep for both readers
    counts as an object of which nothing else is known.
    """
    try:
        value = json.loads(payload, parse_int=float)
    except (ValueError, RecursionError):
        return _UNREADABLE
    return value if isinstance(value, dict) else _UNREADABLE
