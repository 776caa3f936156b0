"""Views over the archive's tables, and what every connection shares."""

from __future__ import annotations

import duckdb

from archiver.archive.store import Archive
from archiver.archive.tables import Table
from archiver.database import (
    bind_files,
    connect,
    create,
    hive_types,
    null_columns,
    run,
    used,
    write_table,
)

__all__ = [
    "bind_files",
    "bind_table",
    "connect",
    "create",
    "hive_types",
    "null_columns",
    "run",
    "used",
    "write_table",
]


def bind_table(
    connection: duckdb.DuckDBPyConnection, archive: Archive, table: Table, view: str = ""
) -> None:
    """Make a view over the live files of one of the archive's tables."""
    hive = hive_types(table.schema, table.partitions)
    files = archive.live_files(table)
    bind_files(connection, view or table.name, files, table.schema, hive=hive)
