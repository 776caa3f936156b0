"""The rows of some data files as a set in which each counts as often as it stands there.

Two sets are compared by the number of their rows and the sum of their rows' SHA-256, in four parts:
whatever the order, in the memory of a few batches. Sets that differ agree by accident with a
probability of some 2^-200; that nobody builds such a pair on purpose is presupposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

_BATCH_ROWS = 2_000
_DIGITS = 15  # of a sum's part, hexadecimal: a billion of them add up to less than 2^127


@dataclass(frozen=True)
class RowSet:
    """A set of rows.

    Attributes:
        rows: how many.
        sums: of the parts of their hashes.
    """

    rows: int
    sums: tuple[int, ...]


def row_set(
    connection: duckdb.DuckDBPyConnection, files: Iterable[Path], schema: pa.Schema
) -> RowSet:
    """The rows of data files, all columns.

    They are read by Arrow, where the compaction reads with DuckDB: what one misreads, shows.

    Args:
        connection: to calculate with, in UTC.
        files: Parquet files; a column that one lacks is NULL there.
        schema: the columns.
    """
    reader = pa.RecordBatchReader.from_batches(schema, _batches(files, schema))
    connection.register("rows_of_files", reader)
    found = summed(connection, "rows_of_files", [_text(field) for field in schema])
    connection.unregister("rows_of_files")
    return found


def summed(connection: duckdb.DuckDBPyConnection, relation: str, texts: Iterable[str]) -> RowSet:
    """The rows of a table or view.

    Args:
        connection: has the relation.
        relation: its name.
        texts: an expression for each column: its value as text that no other value has, or NULL.
    """
    # With their lengths: no other split of a row is the same text.
    row_text = " || ".join(f"COALESCE(strlen({text}) || ':' || {text}, '-')" for text in texts)
    sums = ", ".join(
        f"SUM(CAST('0x' || h[{start}:{start + _DIGITS - 1}] AS HUGEINT))"
        for start in range(1, 4 * _DIGITS, _DIGITS)
    )
    (row,) = connection.execute(
        f"SELECT COUNT(*), {sums} FROM (SELECT sha256({row_text}) AS h FROM {relation})"
    ).fetchall()
    return RowSet(row[0], tuple(int(part or 0) for part in row[1:]))


def _batches(files: Iterable[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for path in files:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            known = [name for name in schema.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(_BATCH_ROWS, columns=known, use_threads=False):
                columns = [
                    batch.column(field.name).cast(field.type)
                    if field.name in known
                    else pa.nulls(batch.num_rows, field.type)
                    for field in schema
                ]
                yield pa.record_batch(columns, schema=schema)


def _text(field: pa.Field) -> str:
    """A value as text that no other value has."""
    name = f'"{field.name}"'
    if pa.types.is_binary(field.type):
        name = f"hex({name})"
    elif pa.types.is_timestamp(field.type):
        name = f"epoch_us({name})::VARCHAR"
    elif not pa.types.is_string(field.type):
        name = f"{name}::VARCHAR"
    return name
