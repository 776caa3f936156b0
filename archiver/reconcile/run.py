"""One reconciliation: the SQL files in order, the checks, and the kept run."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver import __version__, resources
from archiver.archive.store import Archive
from archiver.archive.tables import COVERAGE, INBOUND_FILES, INBOUND_PATHS
from archiver.config import Config, DestinationSettings
from archiver.errors import CheckFailedError
from archiver.reconcile.binding import bind_settings, bind_written, dedup_window, max_age
from archiver.warehouse.database import connect, create, run, write_table
from archiver.warehouse.erased import erased_fingerprint
from archiver.warehouse.load import load
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.rules import configured_rules, fingerprint, fingerprint_of
from archiver.warehouse.runs import (
    RunRecord,
    draft_run,
    keep_run,
    ledger_rows,
    program_versions,
    runs_folder,
)

# In this order. The attempts are views, since they are as many as the receipts; `judged` is written
# to a file at once.
_STEPS = (
    "recurring_ids",
    "recurring_conversions",
    "conversions",
    "further_ids",
    "aliases",
    "attempts",
    "unnamed_attempts",
    "named_attempts",
    "recurring_attempts",
    "recurring_outcomes",
    "outcomes",
    "unmatched",
    "attempted_names",
    "uploaded_ids",
    "shared_ids",
    "slots",
    "sendable_conversions",
    "silences",
    "feed_days",
    "coverage",
    "covered_slots",
    "judged",
    "reconciliation",
    "unarchived",
    "report_days",
    "daily_gaps",
    "daily_values",
    "recovery_clock",
    "daily_totals",
    "source_hours",
    "hours",
    "hour_incidents",
    "silent_incidents",
    "incident_conversions",
    "incidents",
    "incident_values",
    "untimed",
    "recurring_orders",
    "findings",
)
_CHECKS = (
    "counts_add_up",
    "values_add_up",
    "one_status_per_conversion",
    "nothing_left_out",
    "totals_add_up",
    "incidents_add_up",
    "findings_have_conversions",
)
_SQL = (*(f"reconcile/{name}" for name in _STEPS), *(f"checks/{name}" for name in _CHECKS))


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
    files = archive.read(INBOUND_FILES)
    run_id = _run_id(config, archive, files, question, settings)
    load(config, archive)
    runs = runs_folder(config.warehouse_path)
    if (runs / run_id / "run.json").exists():
        return runs / run_id
    draft = draft_run(runs, run_id)
    with connect(spill=config.warehouse_path / ".spill") as connection:
        bind_archive(connection, config, archive)
        bind_settings(connection, config, settings)
        judge(connection, draft, run_id, question)
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
            versions=program_versions(),
            rules=_fingerprints(config, names),
            sql=_sql_hash(),
        )
        return keep_run(connection, draft, record, ledger_rows(files))


def judge(
    connection: duckdb.DuckDBPyConnection, draft: Path, run_id: str, question: Question
) -> None:
    """Run the steps in their order, and the checks.

    Args:
        connection: it has the views of the archive and what `bind_settings` makes; in the end
            the tables of a run.
        draft: folder for what is too large for memory.
        run_id: names the run in its rows.
        question: the as-of and the days.

    Raises:
        CheckFailedError: the figures do not add up.
    """
    parameters = {
        "run_id": run_id,
        "as_of": question.as_of,
        "from_day": question.from_day,
        "to_day": question.to_day,
    }
    for step in _STEPS:
        if step in ("judged", "reconciliation"):
            _write(connection, step, draft, parameters)
        elif step in ("attempts", "named_attempts"):
            sql = resources.sql(f"reconcile/{step}")
            connection.execute(f"CREATE TEMP VIEW {step} AS {sql}")
        else:
            create(connection, step, f"reconcile/{step}", parameters)
    _check(connection, parameters)
    judged, kept = draft / "judged.parquet", draft / "reconciliation.parquet"
    if kept.exists():
        judged.unlink()
    else:
        os.replace(judged, kept)


def _write(
    connection: duckdb.DuckDBPyConnection, step: str, draft: Path, parameters: dict[str, Any]
) -> None:
    """Yield a file of `sql/` into a file of the run, and read it from there: it can be large.

    All that was judged is the reconciliation of a run without bounds: it is not written twice.
    """
    path = draft / f"{step}.parquet"
    if step == "reconciliation" and parameters["from_day"] is parameters["to_day"] is None:
        path = draft / "judged.parquet"
    else:
        # The conversions are the wide side: hash tables are to be made of what is joined to them.
        connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        write_table(connection, resources.sql(f"reconcile/{step}"), path, parameters)
        connection.execute("RESET disabled_optimizers")
    bind_written(connection, step, path)


def _check(connection: duckdb.DuckDBPyConnection, parameters: dict[str, Any]) -> None:
    for name in _CHECKS:
        broken = run(connection, f"checks/{name}", parameters).fetchall()
        if broken:
            raise CheckFailedError(
                f"checking the figures with sql/checks/{name}.sql",
                f"{len(broken)} rows do not add up, the first for {broken[0][:3]}",
                "nothing was published; this is a defect of archiver, please report it",
            )


def _parameters(settings: DestinationSettings) -> dict[str, str]:
    relevant = (
        "type",
        "account_timezone",
        "sources",
        "preset",
        "event_source",
        "pixel",
        "integration",
        "retry_window",
        "provisional_after",
        "reports",
        "totals_tolerance",
        "coverage",
        "incident_min",
        "min_gap",
    )
    return {name: str(getattr(settings, name)) for name in relevant} | {
        "zones": str([(str(zone.ends_at), zone.name) for zone in settings.zones]),
        "max_age": str(max_age(settings)),
        "dedup_window": str(dedup_window(settings)),
    }


def _fingerprints(config: Config, names: list[str]) -> dict[str, str]:
    """Per destination one hash of its rules and of the erased ids: none of both can be read off."""
    erased = erased_fingerprint(config)
    return {
        rule.destination: hashlib.sha256(f"{fingerprint_of(rule)} {erased}".encode()).hexdigest()[
            :16
        ]
        for rule in configured_rules(config)
        if rule.destination in names
    }


def _sql_hash() -> str:
    text = "".join(resources.sql(name) for name in _SQL)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _run_id(
    config: Config,
    archive: Archive,
    files: pa.Table,
    question: Question,
    settings: dict[str, DestinationSettings],
) -> str:
    # With their counts: a retry of quarantined records gives a known file more events.
    columns = ["kind", "source", "destination", "file_id", "format", "archived"]
    paths = archive.read(INBOUND_PATHS, ["kind", "destination", "path", "file_id"])
    vouched = archive.read(COVERAGE, ["destination", "starts_at", "ends_at"])
    inputs = {
        "files": _rows(files.select(columns)),
        # Of totals of one day, the file that was modified last counts.
        "totals": sorted(
            row
            for row in _rows(files.select(["kind", "file_id", "modified_at"]))
            if row[0] == "totals"
        ),
        "receipt_paths": sorted(r for r in _rows(paths) if r[0] == "receipts"),
        "vouched": _rows(vouched),
        "rules": fingerprint(configured_rules(config)),
        "erased": erased_fingerprint(config),
        "arrival_lags": {name: str(s.arrival_lag) for name, s in config.sources.items()},
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
    found = dict(
        connection.execute("SELECT destination, COUNT(*) FROM untimed GROUP BY ALL").fetchall()
    )
    return {name: found.get(name, 0) for name in names}


def _newest_attempts(
    connection: duckdb.DuckDBPyConnection, names: list[str], as_of: datetime
) -> dict[str, datetime | None]:
    found = dict(
        connection.execute(
            "SELECT destination, MAX(attempted_at) FROM receipts WHERE attempted_at <= ?"
            " AND NOT is_upload GROUP BY destination",
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
