"""One reconciliation: the SQL files in order, the checks, and the kept run."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from archiver import __version__, progress, resources
from archiver.archive import retention
from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES
from archiver.config import Config, DestinationSettings
from archiver.errors import CheckFailedError, UsageError
from archiver.reconcile.binding import bind_settings, bind_written
from archiver.reconcile.inputs import (
    CHECKS,
    SQL,
    STEPS,
    hash_of,
    inputs_of,
    parameters_of,
    rules_of,
)
from archiver.warehouse.database import connect, create, run, write_table
from archiver.warehouse.load import load
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.runs import (
    RETIRED,
    RunRecord,
    draft_run,
    keep_run,
    ledger_rows,
    program_versions,
    runs_folder,
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
        UsageError: retention deleted all of the days.
    """
    names = [question.destination] if question.destination else sorted(config.destinations)
    settings = {name: config.destination(name) for name in names}
    files = read_small(archive, INBOUND_FILES)
    whole_from = retention.whole_from(archive)
    question = _within(question, whole_from)
    inputs = inputs_of(config, archive, files, settings)
    run_id = _run_id(inputs, question)
    load(config, archive)
    runs = runs_folder(config.warehouse_path)
    if (runs / run_id / "run.json").exists():
        (runs / run_id / RETIRED).unlink(missing_ok=True)
        return runs / run_id
    draft = draft_run(runs, run_id)
    with connect(spill=config.warehouse_path / ".spill") as connection:
        bind_archive(connection, config, archive)
        bind_settings(connection, config, settings)
        next_change = judge(connection, draft, run_id, question)
        record = RunRecord(
            run_id=run_id,
            as_of=question.as_of,
            from_day=question.from_day,
            to_day=question.to_day,
            destinations={name: s.account_timezone for name, s in settings.items()},
            parameters={name: parameters_of(s) for name, s in settings.items()},
            no_time=_no_time(connection, names),
            newest_attempts=_newest_attempts(connection, names, question.as_of),
            newest_arrivals=_newest_arrivals(connection, settings, question.as_of),
            archiver_version=__version__,
            versions=program_versions(),
            rules=rules_of(config, names),
            sql=_sql_hash(),
            inputs=hash_of(inputs),
            next_change=next_change,
            whole_from=whole_from,
        )
        return keep_run(connection, draft, record, ledger_rows(files))


def _within(question: Question, whole_from: date | None) -> Question:
    """The question without the days of which retention deleted something: they would be gaps."""
    if whole_from is None:
        return question
    if question.to_day is not None and question.to_day < whole_from:
        raise UsageError(
            f"reconciling the days up to {question.to_day}",
            "retention deleted events or receipts of them",
            f"ask for days from {whole_from} on",
        )
    return replace(question, from_day=max(question.from_day or whole_from, whole_from))


def judge(
    connection: duckdb.DuckDBPyConnection, draft: Path, run_id: str, question: Question
) -> datetime | None:
    """Run the steps in their order, and the checks.

    Args:
        connection: it has the views of the archive and what `bind_settings` makes; in the end
            the tables of a run.
        draft: folder for what is too large for memory.
        run_id: names the run in its rows.
        question: the as-of and the days.

    Returns:
        The first instant after the as-of at which the same inputs can give another answer, UTC.

    Raises:
        CheckFailedError: the figures do not add up.
    """
    parameters = {
        "run_id": run_id,
        "as_of": question.as_of,
        "from_day": question.from_day,
        "to_day": question.to_day,
    }
    for step in progress.each(STEPS, "reconcile", len(STEPS), "steps"):
        if step in ("judged", "reconciliation"):
            _write(connection, step, draft, parameters)
        elif step in ("attempts", "named_attempts"):
            sql = resources.sql(f"reconcile/{step}")
            connection.execute(f"CREATE TEMP VIEW {step} AS {sql}")
        else:
            create(connection, step, f"reconcile/{step}", parameters)
    _check(connection, parameters)
    row = run(connection, "reconcile/next_change", {"as_of": question.as_of}).fetchone()
    judged, kept = draft / "judged.parquet", draft / "reconciliation.parquet"
    if kept.exists():
        judged.unlink()
    else:
        os.replace(judged, kept)
    return row[0] if row else None


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
    for name in CHECKS:
        broken = run(connection, f"checks/{name}", parameters).fetchall()
        if broken:
            raise CheckFailedError(
                f"checking the figures with sql/checks/{name}.sql",
                f"{len(broken)} rows do not add up, the first for {broken[0][:3]}",
                "nothing was published; this is a defect of archiver, please report it",
            )


def _sql_hash() -> str:
    text = "".join(resources.sql(name) for name in SQL)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _run_id(inputs: dict[str, Any], question: Question) -> str:
    return hash_of(
        inputs
        | {
            "as_of": question.as_of.isoformat(),
            "from_day": str(question.from_day),
            "to_day": str(question.to_day),
        }
    )


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
