"""One reconciliation: the SQL files in order, the checks, and the kept run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from archiver import __version__, resources
from archiver.archive.store import Archive
from archiver.archive.tables import COVERAGE, INBOUND_FILES, INBOUND_PATHS
from archiver.config import Config, DestinationSettings
from archiver.destinations import destination as destination_type
from archiver.errors import CheckFailedError
from archiver.warehouse.database import connect, create, run
from archiver.warehouse.load import load
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.rules import configured_rules, fingerprint
from archiver.warehouse.runs import RunRecord, keep_run, runs_folder

_STEPS = (
    "conversions",
    "outcomes",
    "attempted_ids",
    "sendable_conversions",
    "silences",
    "feed_days",
    "coverage",
    "judged",
    "reconciliation",
    "unarchived",
    "report_days",
    "daily_gaps",
    "daily_values",
    "incidents",
    "incident_values",
)
_CHECKS = ("counts_add_up", "values_add_up", "one_status_per_conversion")
_SQL = (
    *(f"reconcile/{name}" for name in (*_STEPS, "no_time")),
    *(f"checks/{name}" for name in _CHECKS),
)


@dataclass(frozen=True)
class Question:
    """What a reconciliation is asked.

    Attributes:
        as_of: the instant for which it is true, UTC.
        destination: one destination, or None for all.
        from_day, to_day: account days, both ends included; None: no bound.
    """

    as_of: datetime
    destination: str | None = None
    from_day: date | None = None
    to_day: date | None = None


def reconcile(config: Config, archive: Archive, question: Question) -> Path:
    """Answer the question, or find the answer that is kept already. Hold the warehouse's lock.

    The inputs are named before they are loaded: what is imported in between may be in the run, but
    a later run names other inputs, and is made anew.

    Args:
        config: destinations and their settings.
        archive: receipts, ledger and coverage.
        question: what is asked.

    Returns:
        The kept run's folder.

    Raises:
        CheckFailedError: the figures do not add up; nothing is kept.
    """
    names = [question.destination] if question.destination else sorted(config.destinations)
    settings = {name: config.destination(name) for name in names}
    run_id = _run_id(config, archive, question, settings)
    load(config, archive)
    runs = runs_folder(config.warehouse_path)
    if (runs / run_id / "run.json").exists():
        return runs / run_id
    with connect(spill=config.warehouse_path / ".spill") as connection:
        bind_archive(connection, config, archive)
        _bind_destinations(connection, settings)
        _bind_vouched_ranges(connection)
        parameters = {
            "run_id": run_id,
            "as_of": question.as_of,
            "from_day": question.from_day,
            "to_day": question.to_day,
        }
        connection.execute("DROP VIEW conversions")
        for step in _STEPS:
            create(connection, step, f"reconcile/{step}", parameters)
        _check(connection)
        record = RunRecord(
            run_id=run_id,
            as_of=question.as_of,
            from_day=question.from_day,
            to_day=question.to_day,
            destinations={name: s.account_timezone for name, s in settings.items()},
            parameters={name: _parameters(s) for name, s in settings.items()},
            no_time=_no_time(connection, names),
            newest_attempts=_newest_attempts(connection, names, question.as_of),
            newest_arrivals=_newest_arrivals(connection, settings, question.as_of),
            archiver_version=__version__,
        )
        return keep_run(connection, runs, record)


def _check(connection: duckdb.DuckDBPyConnection) -> None:
    for name in _CHECKS:
        broken = run(connection, f"checks/{name}").fetchall()
        if broken:
            raise CheckFailedError(
                f"checking the figures with sql/checks/{name}.sql",
                f"{len(broken)} rows do not add up, the first for {broken[0][:3]}",
                "nothing was published; this is a defect of archiver, please report it",
            )


def _bind_destinations(
    connection: duckdb.DuckDBPyConnection, settings: dict[str, DestinationSettings]
) -> None:
    table = pa.table(
        {
            "destination": pa.array(settings, pa.string()),
            "account_timezone": [s.account_timezone for s in settings.values()],
            "reports": [s.reports for s in settings.values()],
            "coverage": [s.coverage for s in settings.values()],
            "retry_window": _durations([s.retry_window for s in settings.values()]),
            "provisional_after": _durations([s.provisional_after for s in settings.values()]),
            "max_age": _durations([max_age(s) for s in settings.values()]),
            "incident_min": pa.array([s.incident_min for s in settings.values()], pa.int64()),
        }
    )
    connection.register("destination_settings", table)
    connection.execute(
        "CREATE TEMP TABLE destinations AS SELECT * REPLACE ("
        "to_microseconds(retry_window) AS retry_window,"
        " to_microseconds(provisional_after) AS provisional_after,"
        " to_microseconds(max_age) AS max_age) FROM destination_settings"
    )


def max_age(settings: DestinationSettings) -> timedelta | None:
    """Age at which the destination no longer takes an event; None where it has no limit."""
    if settings.max_age is not None:
        return settings.max_age
    return destination_type(settings.type).limits(settings.event_source).max_age


def _durations(values: list[timedelta | None]) -> pa.Array:
    micro = timedelta(microseconds=1)
    return pa.array([None if v is None else v // micro for v in values], pa.int64())


def _bind_vouched_ranges(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"CREATE TEMP TABLE vouched_ranges AS "
        f"SELECT destination, starts_at, ends_at FROM {COVERAGE.name}"
    )


def _parameters(settings: DestinationSettings) -> dict[str, str]:
    relevant = (
        "type",
        "account_timezone",
        "sources",
        "preset",
        "event_source",
        "integration",
        "retry_window",
        "provisional_after",
        "reports",
        "coverage",
        "incident_min",
    )
    return {name: str(getattr(settings, name)) for name in relevant} | {
        "max_age": str(max_age(settings))
    }


def _run_id(
    config: Config,
    archive: Archive,
    question: Question,
    settings: dict[str, DestinationSettings],
) -> str:
    # With their counts: a retry of quarantined records gives a known file more events.
    columns = ["kind", "source", "destination", "file_id", "format", "archived"]
    files = archive.read(INBOUND_FILES, columns)
    paths = archive.read(INBOUND_PATHS, ["kind", "destination", "path", "file_id"])
    vouched = archive.read(COVERAGE, ["destination", "starts_at", "ends_at"])
    inputs = {
        "files": _rows(files),
        "receipt_paths": sorted(r for r in _rows(paths) if r[0] == "receipts"),
        "vouched": _rows(vouched),
        "rules": fingerprint(configured_rules(config)),
        "destinations": {name: _parameters(s) for name, s in settings.items()},
        "as_of": question.as_of.isoformat(),
        "from_day": str(question.from_day),
        "to_day": str(question.to_day),
        "archiver": __version__,
        "sql": [resources.sql(name) for name in _SQL],
    }
    text = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rows(table: pa.Table) -> list[tuple[str, ...]]:
    return sorted({tuple(str(v) for v in row.values()) for row in table.to_pylist()})


def _no_time(connection: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, int]:
    found = dict(run(connection, "reconcile/no_time").fetchall())
    return {name: found.get(name, 0) for name in names}


def _newest_attempts(
    connection: duckdb.DuckDBPyConnection, names: list[str], as_of: datetime
) -> dict[str, datetime | None]:
    found = dict(
        connection.execute(
            "SELECT destination, MAX(attempted_at) FROM receipts WHERE attempted_at <= ?"
            " GROUP BY destination",
            [as_of],
        ).fetchall()
    )
    return {name: found.get(name) for name in names}


def _newest_arrivals(
    connection: duckdb.DuckDBPyConnection,
    settings: dict[str, DestinationSettings],
    as_of: datetime,
) -> dict[str, datetime | None]:
    """Up to when the destinations' sources reach: of all their events, not only conversions."""
    found = dict(
        connection.execute(
            "SELECT source, MAX(arrival) FROM event_segments WHERE arrival <= ? GROUP BY source",
            [as_of],
        ).fetchall()
    )
    return {
        name: max(
            (instant for source, instant in found.items() if source in (s.sources or found)),
            default=None,
        )
        for name, s in settings.items()
    }
