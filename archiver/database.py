"""DuckDB connections, files of `sql/` run on them, and views over exact lists of files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver import interruption, resources

MOST_MEMORY_BYTES = 3 << 30
"""What DuckDB may use of the memory before it spills; the process takes some hundred MiB more."""

_PARAMETER = re.compile(r"\$([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")


def connect(
    path: Path | None = None, *, read_only: bool = False, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection in UTC, without the progress bar that would write to stdout.

    Args:
        path: the database file; None: in memory.
        read_only: refuse every change.
        spill: folder for what does not fit in memory; with it at most MOST_MEMORY_BYTES are used,
            and rows stand in no certain order where a query does not say one.
    """
    config: dict[str, str | bool | int | float | list[str]] = {}
    if spill:
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        config = {
            "temp_directory": str(spill),
            "memory_limit": f"{min(MOST_MEMORY_BYTES, memory_bytes * 3 // 5) >> 20}MiB",
            "preserve_insertion_order": False,
        }
    connection = duckdb.connect(
        str(path) if path else ":memory:", read_only=read_only, config=config
    )
    return _prepared(connection)


def another(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection to the same database as this one, of which it shares no temporary table."""
    return _prepared(connection.cursor())


def _prepared(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    interruption.watch(connection)
    return connection


def run(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    """Run one file of `sql/` as a query, with those parameters that it names."""
    query = resources.sql(name)
    return connection.execute(query, used(query, parameters or {}))


def create(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    name: str,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Make a temporary table of what one file of `sql/` yields."""
    query = resources.sql(name)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS {query}", used(query, parameters or {})
    )


def write_table(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    path: Path,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write the rows of a query to a Parquet file, in no certain order.

    zstd at its lowest level: of millions of conversions it costs half of what the usual one does,
    and the file is a tenth larger.
    """
    connection.execute(
        f"COPY ({query}) TO $path (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
        {**used(query, parameters or {}), "path": str(path)},
    )


def used(query: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those parameters that a query names: DuckDB refuses others."""
    names = set(_PARAMETER.findall(_COMMENT.sub("", query)))
    return {name: value for name, value in parameters.items() if name in names}


def bind_files(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    files: Iterable[Path],
    schema: pa.Schema | str,
    *,
    hive: Mapping[str, str] | None = None,
    with_filename: bool = False,
    may_lack_columns: bool = False,
    temporary: bool = False,
) -> None:
    """Make a view over an exact list of Parquet files; without files, an empty one.

    Args:
        connection: where to.
        view: its name.
        files: absolute paths.
        schema: the columns, for the empty view: an Arrow schema or a SELECT list.
        hive: partition columns in the paths, with their types.
        with_filename: also which file a row is in, as column `filename`; with an Arrow schema.
        may_lack_columns: columns that no file has are NULL; with an Arrow schema.
        temporary: the view is this connection's only, also of a database that is read-only.
    """
    listed = ", ".join(_quoted(str(path)) for path in files)
    create_view = f"CREATE OR REPLACE {'TEMP ' if temporary else ''}VIEW {view}"
    if not listed:
        columns = schema if isinstance(schema, str) else null_columns(schema)
        columns += ", NULL::VARCHAR AS filename" if with_filename else ""
        connection.execute(f"{create_view} AS SELECT {columns} WHERE FALSE")
        return
    options = "union_by_name = true"
    if hive:
        types = ", ".join(f"{_quoted(name)}: {kind}" for name, kind in hive.items())
        options += f", hive_partitioning = true, hive_types = {{{types}}}"
    order = "*"
    if isinstance(schema, pa.Schema):
        names = [*schema.names, *(["filename"] if with_filename else [])]
        order = ", ".join(f'"{name}"' for name in names)
    rows = f"read_parquet([{listed}], {options})"
    if may_lack_columns and isinstance(schema, pa.Schema):
        rows = f"(SELECT {null_columns(schema)} WHERE FALSE UNION ALL BY NAME SELECT * FROM {rows})"
    connection.execute(f"{create_view} AS SELECT {order} FROM {rows}")


def hive_types(schema: pa.Schema, partitions: Iterable[str]) -> dict[str, str]:
    """The types of those columns that stand in the paths, for `bind_files`."""
    return {name: _sql_type(schema.field(name).type) for name in partitions}


def null_columns(schema: pa.Schema) -> str:
    """A SELECT list of NULLs with the schema's names and types."""
    return ", ".join(f'NULL::{_sql_type(field.type)} AS "{field.name}"' for field in schema)


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_integer(kind):
        return "BIGINT"
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_binary(kind):
        return "BLOB"
    return "BOOLEAN" if pa.types.is_boolean(kind) else "VARCHAR"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
