"""One immutable Parquet file of events for the warehouse, with the payload as shredded VARIANT.

Shredding keeps frequent fields of the payload as typed columns of their own, so that
`body.properties.total` reads one column; whatever does not fit stays in a binary remainder, which
takes any JSON. Which fields are shredded (see `shredding`) decides about speed, never about a
result. Left to itself DuckDB 2.0 makes, of some valid payloads, a file that it cannot write (an
empty key), cannot read (deep nesting) or never finishes (nested arrays).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from archiver.files import replace_durably
from archiver.warehouse.shredding import Shredding, choose

COLUMNS = (
    "source",
    "file_id",
    "record_number",
    "message_id",
    "type",
    "event",
    "user_id",
    "anonymous_id",
    "event_time",
    "original_timestamp",
    "sent_at",
    "received_at",
    "arrival",
    "received_date",
    "order_id",
    "value",
    "currency",
    "type_issues",
)
"""Columns that a segment takes over as they come; `body` follows them."""

MAX_DEPTH = 500
"""Deeper payloads have no body: DuckDB recurses once per level, and a query on 10,000 levels
crashes a thread with a stack of 8 MiB; on some systems a thread has 512 KiB."""

_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_STRINGS_AND_NUMBERS = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_LONG_INTEGER = r"[:,\[\s][0-9]{19,20}[\s,\]}]"

# How a body is made, in two steps. DuckDB reads integers in JSON as UINT64 and shreds INT64 only;
# Parquet's integers are signed, so a turn through its binary form makes them fit for shredding.
_VARIANT = "TRY_CAST(TRY_CAST(payload AS JSON) AS VARIANT)"
_AS_IT_COMES = (_VARIANT, "form")
_INTEGERS_SIGNED = (
    f"variant_to_parquet_variant({_VARIANT})::STRUCT(metadata BLOB, value BLOB)",
    "variant_bytes_to_variant(form.metadata || form.value)",
)
_ORDER = "ORDER BY event_time NULLS LAST, file_id, record_number"

# What DuckDB raises over a payload. A full disk or an interrupt is none of these and goes on up.
_REFUSALS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InternalException,
    duckdb.InvalidInputException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
)


@dataclass(frozen=True)
class Segment:
    """A written segment.

    Attributes:
        path: the file.
        rows: events in it.
        bytes: size of the file.
    """

    path: Path
    rows: int
    bytes: int


def write_segment(
    events: pa.Table | Iterable[pa.RecordBatch], path: Path, *, merging: bool = False
) -> Segment:
    """Write one segment durably: it appears under its name whole, or not at all.

    Args:
        events: one row per event: the columns of COLUMNS and `payload`, the event's JSON text.
            Other columns are left out. Timestamps are microseconds UTC.
        path: the file to make, in an existing folder; a file of that name is replaced.
        merging: the payloads are bodies of other segments, and every number keeps its kind:
            otherwise an integer becomes a fraction (7.0) where others under its key are fractions.

    Returns:
        What was written. Rows stand by event_time (NULL last), file_id, record_number. `body` is
        NULL where DuckDB cannot hold the payload: no JSON, a lone surrogate, or nested deeper than
        MAX_DEPTH.
    """
    table = events if isinstance(events, pa.Table) else pa.Table.from_batches(list(events))
    payload = holdable(table.column("payload"))
    table = table.select(list(COLUMNS)).append_column("payload", payload)
    draft = path.with_name(f".{path.name}.draft")
    _write(table, draft, merging=merging)
    replace_durably(draft, path)
    return Segment(path, table.num_rows, path.stat().st_size)


def holdable(payload: pa.ChunkedArray) -> pa.ChunkedArray:
    """Payloads as large strings that DuckDB can cast to VARIANT and write, without a crash.

    NULL replaces what is nested deeper than MAX_DEPTH. Integers from 2^63 to 2^64-1, which DuckDB
    holds but Parquet does not, become floating point, as larger ones do anyway.
    """
    payload = payload.cast(pa.large_string())
    brackets = pc.add(pc.count_substring(payload, "["), pc.count_substring(payload, "{"))
    long_integers = pc.match_substring_regex(payload, _LONG_INTEGER)
    suspects = pc.fill_null(pc.or_(pc.greater(brackets, MAX_DEPTH), long_integers), False)
    if not pc.any(suspects).as_py():
        return payload
    texts = pc.filter(payload, suspects).to_pylist()
    replacements = pa.array([_holdable_text(text) for text in texts], pa.large_string())
    chunk = pa.concat_arrays(payload.chunks)
    mask = pa.concat_arrays(suspects.chunks)
    return pa.chunked_array([pc.replace_with_mask(chunk, mask, replacements)])


def _holdable_text(text: str) -> str | None:
    depth = 0
    for token in _STRINGS_AND_BRACKETS.findall(text):
        depth += (token in "[{") - (token in "]}")
        if depth > MAX_DEPTH:
            return None
    return _STRINGS_AND_NUMBERS.sub(_float_if_over_int64, text)


def _float_if_over_int64(token: re.Match[str]) -> str:
    number = token.group()
    fits = number.startswith('"') or not number.isdigit() or int(number) < 2**63
    return number if fits else f"{number}e0"


def _write(table: pa.Table, draft: Path, *, merging: bool) -> None:
    """Write the draft in the best form that works."""
    try:
        shredding = choose(table.column("payload"))
        if merging:
            shredding = replace(shredding, fractional=())
        _copy(table, draft, _INTEGERS_SIGNED, shredding)
    except _REFUSALS:
        _copy(_acceptable(table, draft), draft, _AS_IT_COMES, Shredding())


def _acceptable(table: pa.Table, draft: Path) -> pa.Table:
    """The table with NULL for each payload that DuckDB refuses even unshredded, by halving."""
    try:
        _copy(table, draft, _AS_IT_COMES, Shredding())
        return table
    except _REFUSALS:
        if table.num_rows > 1:
            middle = table.num_rows // 2
            halves = (table.slice(0, middle), table.slice(middle))
            return pa.concat_tables([_acceptable(half, draft) for half in halves])
        nothing = pa.nulls(table.num_rows, pa.large_string())
        return table.set_column(table.num_columns - 1, "payload", nothing)


def _copy(table: pa.Table, draft: Path, body: tuple[str, str], shredding: Shredding) -> None:
    """Write one draft and see that it can be opened."""
    form, whole = body
    form = form.replace("payload", _payload(shredding.fractional))
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    file, shredded = _literal(str(draft)), _literal(shredding.type or "NULL")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.register("inbound", table)
        connection.execute(
            f"COPY (SELECT {columns}, {whole} AS body"
            f" FROM (SELECT *, {form} AS form FROM inbound) {_ORDER}) TO {file}"
            f" (FORMAT parquet, COMPRESSION zstd, SHREDDING {{body: {shredded}}})"
        )
        connection.execute(f"SELECT body FROM read_parquet({file}) LIMIT 1").fetchall()


def _payload(fractional: tuple[str, ...]) -> str:
    """SQL for the payload in which integers under the given keys are written as fractions.

    The replacement cannot hit text inside a string: the quote after the key is not escaped, and it
    cannot open a string, since a letter, digit or underscore comes before it. So it closes a key,
    and a number follows.
    """
    if not fractional:
        return "payload"
    pattern = rf'((?:{"|".join(fractional)})"\s*:\s*-?[0-9]{{1,15}})(\s*[,}}])'
    return f"regexp_replace(payload, {_literal(pattern)}, '\\1e0\\2', 'g')"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
