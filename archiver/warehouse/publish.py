"""Publishes the warehouse: a new DuckDB file with views and small tables, put in place at once.

The file holds no events, only views over immutable Parquet files, so that publishing costs the
same however much is archived. A reader that has the old file open keeps it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import duckdb

from archiver import resources
from archiver.archive.store import Archive
from archiver.archive.tables import (
    BACKFILLS,
    COVERAGE,
    EVENTS,
    INBOUND_FILES,
    INBOUND_PATHS,
    QUARANTINE,
    RECEIPT_TOTALS,
    RECEIPTS,
    VOIDED_BACKFILLS,
)
from archiver.config import Config
from archiver.files import replace_durably
from archiver.warehouse.database import bind_table, connect
from archiver.warehouse.erased import bind_erased
from archiver.warehouse.load import bind_segments
from archiver.warehouse.restatements import bind_restatements, keep_comparisons
from archiver.warehouse.runs import bind_runs
from archiver.warehouse.snapshot import Snapshot, read_snapshot

DATABASE = "warehouse.duckdb"
LEDGER = "backfill_events"
"""The archive's backfills as they are; the view `backfills` says also which are void."""


def publish(config: Config, archive: Archive) -> Path:
    """Write a new database and put it in place. Hold the warehouse's lock.

    Returns:
        The published file.
    """
    folder = config.warehouse_path
    draft = folder / f".{DATABASE}.draft"
    for leftover in (draft, Path(f"{draft}.wal")):
        leftover.unlink(missing_ok=True)
    keep_comparisons(folder)
    with connect(draft) as connection:
        connection.execute("BEGIN")
        bind_archive(connection, config, archive)
        for table in (INBOUND_FILES, INBOUND_PATHS, COVERAGE, BACKFILLS):
            _freeze(connection, table.name)
        for view in (LEDGER, VOIDED_BACKFILLS.name):
            connection.execute(f"DROP VIEW {view}")
        _freeze(connection, "recurrences")
        _freeze(connection, "superseded")
        bind_runs(connection, folder)
        bind_restatements(connection, folder)
        _describe(connection)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")
    # A client that wrote into the old file left a log that must not be replayed on the new one.
    Path(f"{folder / DATABASE}.wal").unlink(missing_ok=True)
    # Nor can one write into the new file by accident: its log would make a later file unreadable.
    draft.chmod(0o444)
    replace_durably(draft, folder / DATABASE)
    return folder / DATABASE


def bind_archive(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    archive: Archive,
    snapshot: Snapshot | None = None,
) -> None:
    """Make the views on archive and segments: the published database has them, reconcile too."""
    snapshot = snapshot or read_snapshot(config.warehouse_path)
    bind_segments(connection, config.warehouse_path, snapshot)
    bind_table(connection, archive, EVENTS, "event_records")
    for table in (
        RECEIPTS,
        RECEIPT_TOTALS,
        QUARANTINE,
        INBOUND_FILES,
        INBOUND_PATHS,
        COVERAGE,
        VOIDED_BACKFILLS,
    ):
        bind_table(connection, archive, table)
    bind_table(connection, archive, BACKFILLS, LEDGER)
    bind_erased(connection, config)
    for view in ("events", "conversions", "path_days", "paths", "type_issues", "backfills"):
        connection.execute(f"CREATE VIEW {view} AS {resources.sql(f'tables/{view}')}")


def _freeze(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Turn a view on a small table into the table itself."""
    connection.execute(f"CREATE TABLE frozen AS SELECT * FROM {name}")
    connection.execute(f"DROP VIEW {name}")
    connection.execute(f"ALTER TABLE frozen RENAME TO {name}")


def _describe(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment every table and column, so that any client shows what it means."""
    path = resources.folder("sql") / "tables" / "columns.toml"
    documented: dict[str, dict[str, str]] = tomllib.loads(path.read_text(encoding="utf-8"))
    relations = connection.execute(
        "SELECT view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal"
        " UNION ALL SELECT table_name, 'TABLE' FROM duckdb_tables() ORDER BY ALL"
    ).fetchall()
    columns = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    ).fetchall()
    comments = [
        _comment(f"{kind} {relation}", documented[relation]["_"]) for relation, kind in relations
    ]
    for relation, column in columns:
        text = documented[relation].get(column) or documented["any"].get(column)
        if text is not None:
            comments.append(_comment(f'COLUMN {relation}."{column}"', text))
    connection.execute("; ".join(comments))


def _comment(target: str, text: str) -> str:
    literal = "'" + text.replace("'", "''") + "'"
    return f"COMMENT ON {target} IS {literal}"
