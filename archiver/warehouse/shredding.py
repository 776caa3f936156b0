"""Which fields of the payloads in a segment become columns of their own.

DuckDB 2.0 reads a field from its own column only while, in the same 2,048 rows, nothing on the way
to it lies in a remainder: not a rare key beside it, nor another type, nor a field declared VARIANT.
Otherwise it puts whole payloads together, a hundred times slower. So as many keys as reasonable are
chosen, at every level, and what has no single type gets one that never fits: it then lies in a
remainder of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

SAMPLE_ROWS = 20_000
MAX_FIELDS = 300
MAX_FIELD_DEPTH = 6
MAX_KEY_LENGTH = 128

_NEVER_FITS = "BOOLEAN"
_PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True)
class Shredding:
    """How the payloads of one segment are shredded.

    Attributes:
        type: DuckDB type of the shredded part, as STRUCT("type" VARCHAR, …); None shreds nothing.
        fractional: keys whose integers are to become floating point, since fractions occur too and
            one column holds one type.
    """

    type: str | None = None
    fractional: tuple[str, ...] = ()


@dataclass
class _Field:
    """What a sample shows under one path."""

    rows: int = 0
    types: Counter[type] = field(default_factory=Counter)
    children: dict[str, _Field] = field(default_factory=dict)
    chosen: bool = False


def choose(payloads: pa.ChunkedArray) -> Shredding:
    """Choose the fields to shred from an even sample of up to SAMPLE_ROWS payloads.

    The most frequent MAX_FIELDS fields are taken, down to MAX_FIELD_DEPTH; never a key that DuckDB
    cannot name beside its siblings: empty, not printable, or equal to another but for the case.
    """
    root = _Field()
    step = max(1, -(-len(payloads) // SAMPLE_ROWS))
    for event in _decoded(payloads, step):
        _observe(root, event, MAX_FIELD_DEPTH)
    fields = sorted(_fields(root, ()), key=lambda item: (-item[1].rows, len(item[0]), item[0]))
    for _, chosen in fields[:MAX_FIELDS]:
        chosen.chosen = True
    if not fields:
        return Shredding()
    fractional = {
        path[-1]
        for path, known in fields
        if known.chosen and known.types[int] and known.types[float] and set(path[-1]) <= _PLAIN_KEY
    }
    return Shredding(_struct(root, fractional), tuple(sorted(fractional)))


def _decoded(payloads: pa.ChunkedArray, step: int) -> Iterator[dict[str, object]]:
    decoder = msgspec.json.Decoder()
    for chunk in payloads.take(pa.array(range(0, len(payloads), step), pa.int64())).chunks:
        for text in chunk.to_pylist():
            try:
                event = decoder.decode(text)
            except (msgspec.MsgspecError, TypeError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def _observe(known: _Field, value: object, levels: int) -> None:
    known.rows += 1
    known.types[type(value)] += 1
    if isinstance(value, dict) and levels:
        for key, child in value.items():
            if key not in known.children:
                known.children[key] = _Field()
            _observe(known.children[key], child, levels - 1)


def _fields(known: _Field, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Field]]:
    """All fields below one that can be named, with their paths."""
    spellings = Counter(key.casefold() for key in known.children)
    for key, child in known.children.items():
        nameable = key.isprintable() and 0 < len(key) <= MAX_KEY_LENGTH
        if nameable and spellings[key.casefold()] == 1:
            yield (*path, key), child
            yield from _fields(child, (*path, key))


def _struct(known: _Field, fractional: set[str]) -> str:
    members = (
        f"{_quoted(key)} {_type(key, child, fractional)}"
        for key, child in sorted(known.children.items())
        if child.chosen
    )
    return f"STRUCT({', '.join(members)})"


def _type(key: str, known: _Field, fractional: set[str]) -> str:
    numbers = known.types[int] + known.types[float]
    candidates = {
        "STRUCT": known.types[dict] if any(c.chosen for c in known.children.values()) else 0,
        "VARCHAR": known.types[str],
        "DOUBLE": numbers if key in fractional or known.types[float] else 0,
        "BIGINT": 0 if key in fractional else known.types[int],
        _NEVER_FITS: known.types[bool] + known.types[list],
    }
    best = max(candidates, key=lambda name: candidates[name])
    if not candidates[best]:
        return _NEVER_FITS
    return _struct(known, fractional) if best == "STRUCT" else best


def _quoted(key: str) -> str:
    escaped = key.replace('"', '""')
    return f'"{escaped}"'
