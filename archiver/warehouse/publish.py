"""Publishes the warehouse: a new DuckDB file with views and small tables, put in place at once.

The file holds no events, only views over immutable Parquet files, so that publishing costs the
same however much is archived. A reader that has the old file open keeps it.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Collection
from pathlib import Path

import duckdb

from archiver import resources
from archiver.archive.small_tables import read_small
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
    Table,
)
from archiver.config import Config
from archiver.files import replace_durably
from archiver.warehouse.database import bind_table, connect
from archiver.warehouse.erased import bind_erased
from archiver.warehouse.load import bind_segments
from archiver.warehouse.performance import bind_performance
from archiver.warehouse.published import is_published, note_published, state_of
from archiver.warehouse.restatements import bind_restatements, keep_comparisons
from archiver.warehouse.runs import bind_runs
from archiver.warehouse.runs_table import bind_runs_table
from archiver.warehouse.snapshot import DATABASE as DATABASE
from archiver.warehouse.snapshot import Snapshot, read_snapshot

LEDGER = "backfill_events"
"""The archive's backfills as they are; the view `backfills` says also which are void."""


def publish(config: Config, archive: Archive) -> Path:
    """Write a new database and put it in place. Hold the warehouse's lock.

    Where nothing that it rests on has changed but the records of rounds, it is a copy of the old
    one with the table `runs` anew.

    Returns:
        The published file.
    """
    folder = config.warehouse_path
    draft = folder / f".{DATABASE}.draft"
    for leftover in (draft, Path(f"{draft}.wal")):
        leftover.unlink(missing_ok=True)
    keep_comparisons(folder)
    state = state_of(config, archive)
    if is_published(config, state):
        _renew(draft, config, archive)
    else:
        _make(draft, config, archive)
    # A client that wrote into the old file left a log that must not be replayed on the new one.
    Path(f"{folder / DATABASE}.wal").unlink(missing_ok=True)
    # Nor can one write into the new file by accident: its log would make a later file unreadable.
    draft.chmod(0o444)
    replace_durably(draft, folder / DATABASE)
    note_published(config, state)
    return folder / DATABASE


def _renew(draft: Path, config: Config, archive: Archive) -> None:
    """Copy what is published, with the table `runs` anew."""
    shutil.copyfile(config.warehouse_path / DATABASE, draft)
    with connect(draft) as connection:
        connection.execute("BEGIN")
        connection.execute("DROP TABLE runs")
        bind_runs_table(connection, config.warehouse_path, archive.root)
        _describe(connection, "runs")
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def _make(draft: Path, config: Config, archive: Archive) -> None:
    folder = config.warehouse_path
    with connect(draft) as connection:
        connection.execute("BEGIN")
        bind_archive(connection, config, archive, freeze=(INBOUND_FILES, INBOUND_PATHS))
        bind_performance(connection, config, read_snapshot(folder))
        for table in (COVERAGE, BACKFILLS):
            _freeze(connection, table.name)
        for view in (LEDGER, VOIDED_BACKFILLS.name):
            connection.execute(f"DROP VIEW {view}")
        _freeze(connection, "recurrences")
        _freeze(connection, "superseded")
        bind_runs(connection, folder)
        bind_runs_table(connection, folder, archive.root)
        bind_restatements(connection, folder)
        _describe(connection)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def bind_archive(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    archive: Archive,
    snapshot: Snapshot | None = None,
    *,
    freeze: Collection[Table] = (),
) -> None:
    """Make the views on archive and segments: the published database has them, reconcile too.

    Args:
        connection: where to.
        config: says where the segments are, and who is erased.
        archive: what the views are on.
        snapshot: the segments; None: the current ones.
        freeze: small tables of many data files: made as tables, from a copy of their rows.
    """
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
        if table in freeze:
            connection.register("copied", read_small(archive, table))
            connection.execute(f"CREATE TABLE {table.name} AS FROM copied")
            connection.unregister("copied")
        else:
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


def _describe(connection: duckdb.DuckDBPyConnection, only: str | None = None) -> None:
    """Comment every table and column, or one's, so that any client shows what it means."""
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
        _comment(f"{kind} {relation}", documented[relation]["_"])
        for relation, kind in relations
        if only in (None, relation)
    ]
    for relation, column in columns:
        if only not in (None, relation):
            continue
        text = documented[relation].get(column) or documented["any"].get(column)
        if text is not None:
            comments.append(_comment(f'COLUMN {relation}."{column}"', text))
    connection.execute("; ".join(comments))


def _comment(target: str, text: str) -> str:
    literal = "'" + text.replace("'", "''") + "'"
    return f"COMMENT ON {target} IS {literal}"
