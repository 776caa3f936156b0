"""The table `runs`: one row per kept reconciliation, and one per round."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver.archive.rounds import Round, read_rounds
from archiver.archive.tables import INSTANT, TEXT
from archiver.warehouse.runs import kept_runs, read_asked, read_run

_STEP = pa.struct(
    [
        ("step", TEXT),
        ("name", TEXT),
        ("outcome", TEXT),
        ("seconds", pa.float64()),
        ("counts", pa.map_(TEXT, pa.int64())),
        ("error", TEXT),
    ]
)
_RUNS = pa.schema(
    [
        ("run_id", TEXT),
        ("as_of", INSTANT),
        ("from_day", pa.date32()),
        ("to_day", pa.date32()),
        ("destinations", pa.list_(TEXT)),
        ("is_latest", pa.bool_()),
        ("first_asked_at", INSTANT),
        ("archiver_version", TEXT),
        ("command", TEXT),
        ("reconciliation", TEXT),
        ("started_at", INSTANT),
        ("ended_at", INSTANT),
        ("seconds", pa.float64()),
        ("outcome", TEXT),
        ("exit_code", pa.int64()),
        ("steps", pa.list_(_STEP)),
        ("versions", pa.map_(TEXT, TEXT)),
        ("took_over", TEXT),
    ]
)
# Rounds of `watch` are many, and each publishes: only the newest days are shown, of the older ones
# the files in `_runs` tell.
_WATCH_BYTES = 512 << 10


def bind_runs_table(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, archive_root: Path
) -> None:
    """Make the table `runs`. Hold the warehouse's lock: no other round is then running.

    Args:
        connection: where to.
        warehouse: folder with the kept reconciliations.
        archive_root: folder with the records of the rounds.
    """
    lines = [*_reconciliations(warehouse), *_rounds(archive_root)]
    # In one step: a statement for each of a thousand runs takes seconds.
    connection.register("run_lines", pa.Table.from_pylist(lines, schema=_RUNS))
    connection.execute("CREATE TABLE runs AS SELECT * FROM run_lines")
    connection.unregister("run_lines")


def _reconciliations(warehouse: Path) -> Iterator[dict[str, Any]]:
    runs = kept_runs(warehouse)
    for run in runs:
        record, asked = read_run(run), read_asked(run)
        yield {
            "run_id": record.run_id,
            "as_of": record.as_of,
            "from_day": record.from_day,
            "to_day": record.to_day,
            "destinations": list(record.destinations),
            "is_latest": run == runs[-1] and asked is not None,
            "first_asked_at": asked.first_asked_at if asked else None,
            "archiver_version": record.archiver_version,
            "command": "reconcile",
            "reconciliation": record.run_id,
            "outcome": "done",
            "versions": record.versions,
        }


def _rounds(root: Path) -> Iterator[dict[str, Any]]:
    me = (socket.gethostname(), os.getpid())
    for record in (
        *read_rounds(root, command="nightly"),
        *read_rounds(root, command="watch", months=2, last_bytes=_WATCH_BYTES),
    ):
        has_ended = record.outcome != "started"
        if has_ended or (record.host, record.pid) != me:
            yield _line(record, record.outcome if has_ended else "died")


def _line(record: Round, outcome: str) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "as_of": record.as_of,
        "is_latest": False,
        "archiver_version": record.versions.get("archiver"),
        "command": record.command,
        "reconciliation": record.reconciliation,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "seconds": record.seconds,
        "outcome": outcome,
        "exit_code": record.exit_code,
        "steps": [
            {
                "step": step.step,
                "name": step.name,
                "outcome": step.outcome,
                "seconds": step.seconds,
                "counts": step.counts,
                "error": step.error,
            }
            for step in record.steps
        ],
        "versions": record.versions,
        "took_over": str(record.took_over) if record.took_over else None,
    }
