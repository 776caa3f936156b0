"""Answers what became of one event: from its source files to its status and backfills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver import resources
from archiver.archive.tables import INSTANT
from archiver.config import Config
from archiver.errors import UsageError
from archiver.report.assembly import Answer, assembled
from archiver.report.explanation import Explanation
from archiver.texts import instant_text
from archiver.warehouse.database import bind_files, create
from archiver.warehouse.query import published
from archiver.warehouse.rules import configured_rules
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import RunRecord, kept_runs, read_run, runs_folder, was_asked

# Made as temporary tables, since later questions read them; and those that nothing else reads.
_TABLES = (
    "found_events",
    "explained_occurrences",
    "explained_conversions",
    "explained_attempts",
    "explained_statuses",
)
_QUERIES = ("findings", "incidents", "backfills", "receipt_paths")

# Characters of an id that an error repeats.
_MOST_SHOWN = 60


@dataclass(frozen=True)
class IdQuestion:
    """What is asked.

    Attributes:
        id: a message id, an order id, or an event id as a destination sees it.
        destination: this one only; None: all that are configured.
        as_of: the last run for this instant; None: the run that was asked for last.
    """

    id: str
    destination: str | None = None
    as_of: datetime | None = None


def explain_id(config: Config, question: IdQuestion) -> Explanation:
    """Explain an id from the published warehouse.

    Raises:
        ConfigError: there is no such destination.
        UsageError: the id is not UTF-8, nothing is published, or by an earlier version, no run is
            kept for the instant, or nothing has the id.
    """
    runs = runs_for(config, question, kept_runs(config.warehouse_path))
    with published(config.warehouse_path) as connection:
        return explain_published(connection, config, question.id, runs)


def runs_for(
    config: Config, question: IdQuestion, kept: Sequence[Path]
) -> dict[str, list[RunRecord]]:
    """The runs to look into, of the kept ones, the last one last.

    Raises:
        ConfigError: there is no such destination.
        UsageError: the id is not UTF-8, or no run is kept for the instant.
    """
    _check_text(question.id)
    if question.destination is not None:
        config.destination(question.destination)
    names = [question.destination] if question.destination else sorted(config.destinations)
    return chosen_runs(kept, names, question.as_of)


def explain_published(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    wanted_id: str,
    runs: dict[str, list[RunRecord]],
) -> Explanation:
    """Explain an id from a published warehouse, whose run tables become those of these runs.

    Raises:
        UsageError: an earlier version published it, or nothing has the id.
    """
    _refuse_older(connection)
    run_ids = {record.run_id for records in runs.values() for record in records}
    bind_chosen_runs(connection, config.warehouse_path, sorted(run_ids))
    return explain(connection, config, wanted_id, runs)


def _check_text(wanted_id: str) -> None:
    try:
        wanted_id.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"looking for {_shortened(wanted_id)!r}",
            "the id is not UTF-8, as every archived id is",
            "copy it from a receipt, or from: archiver sql 'SELECT message_id, order_id FROM"
            " events'",
        ) from None


def _shortened(wanted_id: str) -> str:
    return wanted_id if len(wanted_id) <= _MOST_SHOWN else wanted_id[:_MOST_SHOWN] + "…"


def _refuse_older(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "SELECT 1 FROM duckdb_columns()"
        " WHERE table_name = 'conversion_occurrences' AND column_name = 'further_ids'"
    )
    if found.fetchone() is None:
        raise UsageError(
            "reading the warehouse", "an earlier version published it", "run: archiver load"
        )


def chosen_runs(
    kept: Sequence[Path], destinations: Sequence[str], as_of: datetime | None
) -> dict[str, list[RunRecord]]:
    """For each destination the run to look into, and one over all days where that has not all.

    Args:
        kept: the folders of the kept runs, the last one last.
        destinations: names.
        as_of: take the last run for this instant; None: the one that was asked for last.

    Raises:
        UsageError: an instant is given, and no run is kept for it.
    """
    folders = [folder for folder in kept if as_of is not None or was_asked(folder)]
    records = [read_run(folder) for folder in reversed(folders)]
    fitting = [record for record in records if as_of is None or record.as_of == as_of]
    chosen: dict[str, list[RunRecord]] = {}
    for name in destinations:
        runs = [record for record in fitting if name in record.destinations]
        whole = [record for record in runs if record.is_unbounded]
        chosen[name] = runs[:1] if runs[:1] == whole[:1] else [*runs[:1], *whole[:1]]
    if as_of is not None and not any(chosen.values()):
        asked = [record for record in records if record.destinations.keys() & {*destinations}]
        known = sorted({instant_text(record.as_of) or "" for record in asked})[-5:]
        raise UsageError(
            f"looking for a run as of {instant_text(as_of)}",
            f"none is kept for that; the last kept are as of {', '.join(known)}"
            if known
            else f"no run of {' or '.join(destinations) or 'any destination'} is kept yet",
            f"make one: archiver reconcile --as-of {instant_text(as_of)}",
        )
    return chosen


def bind_chosen_runs(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, run_ids: Sequence[str]
) -> None:
    """Let the run tables be those of these runs only: a warehouse keeps hundreds."""
    for table in ("reconciliation", "findings", "incidents"):
        files = [runs_folder(warehouse) / run_id / f"{table}.parquet" for run_id in run_ids]
        bind_files(
            connection,
            table,
            [path for path in files if path.exists()],
            RUN_TABLES[table],
            may_lack_columns=True,
            temporary=True,
        )


def explain(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    wanted_id: str,
    runs: dict[str, list[RunRecord]],
) -> Explanation:
    """Explain an id.

    Args:
        connection: has the published tables, and the run tables of the chosen runs.
        config: for the settings of the destinations.
        wanted_id: the id.
        runs: each destination's runs, the one to look into first.

    Raises:
        UsageError: nothing has the id.
    """
    _bind_destinations(connection, runs)
    parameters = {"id": wanted_id}
    create(connection, "found_events", "explain/found_events", parameters)
    for step in ("occurrences", "conversions", "statuses", "attempts"):
        create(connection, f"explained_{step}", f"explain/{step}", parameters)
    answer = Answer(
        wanted_id=wanted_id,
        runs=runs,
        settings={name: config.destination(name) for name in runs},
        rules={rules.destination: rules for rules in configured_rules(config)},
        **{name: _rows(connection, f"FROM {name}") for name in _TABLES},
        **{name: _rows(connection, resources.sql(f"explain/{name}")) for name in _QUERIES},
    )
    explanation = assembled(answer)
    if not explanation.events and not explanation.unarchived:
        raise UsageError(
            f"looking for {_shortened(wanted_id)!r}",
            "no event in the warehouse has it as message id, order id or event id of a"
            " destination, and no receipt names it; records in quarantine cannot be searched by"
            f" id{_deleted(runs)}",
            "see how far the feeds reach and what is not loaded: archiver status; what is in"
            " quarantine: archiver sql 'SELECT source, path, record_number, reason FROM"
            " quarantine'",
        )
    return explanation


def _deleted(runs: dict[str, list[RunRecord]]) -> str:
    """What retention took from these runs, as the end of a sentence."""
    found = (record.whole_from for records in runs.values() for record in records)
    known = [day for day in found if day is not None]
    return f"; retention deleted events or receipts of days before {max(known)}" if known else ""


def _bind_destinations(
    connection: duckdb.DuckDBPyConnection, runs: dict[str, list[RunRecord]]
) -> None:
    first = {name: records[0].as_of if records else None for name, records in runs.items()}
    chosen = [
        (name, record.run_id, record.as_of, preference)
        for name, records in runs.items()
        for preference, record in enumerate(records, 1)
    ]
    names, run_ids, instants, preferences = zip(*chosen, strict=True) if chosen else ((),) * 4
    destinations = {
        "destination": pa.array(first, pa.string()),
        "as_of": pa.array(first.values(), INSTANT),
    }
    destinations_and_runs = {
        "destination": pa.array(names, pa.string()),
        "run_id": pa.array(run_ids, pa.string()),
        "as_of": pa.array(instants, INSTANT),
        "preference": pa.array(preferences, pa.int64()),
    }
    for table, columns in (
        ("explained_destinations", destinations),
        ("explained_runs", destinations_and_runs),
    ):
        connection.register("given", pa.table(columns))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM given")
        connection.unregister("given")


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return rows
