"""What can soon not be sent again, and was not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.alerts.model import Condition
from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, RECEIPTS, TEXT, UPLOADS, VOIDED_BACKFILLS
from archiver.config import Config
from archiver.database import bind_files, connect, hive_types
from archiver.database import run as run_sql
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import read_run

_UPLOADED = pa.schema(
    [("destination", TEXT), ("event_id", TEXT), ("event", TEXT), UPLOADS.schema.field("began_at")]
)
_RISKY = {"rejected": "refused", "ambiguous": "an attempt may have landed"}


def deadline_conditions(
    config: Config, archive: Archive, run_folder: Path, as_of: datetime
) -> Iterator[Condition]:
    """One condition per destination of which something can soon not be sent any more.

    Args:
        config: the settings; `alerts.deadline_within` is the span.
        archive: knows the backfills, their uploads, and receipts.
        run_folder: of the run whose gap is meant.
        as_of: of the round, UTC.
    """
    if not _may_be_due(run_folder, as_of, as_of + config.alerts.deadline_within):
        return
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _due(config, archive, run_folder, as_of):
        found.setdefault(row["destination"], []).append(row)
    for name, rows in found.items():
        if name not in config.destinations:
            continue
        values: dict[str, Decimal] = {}
        by_status: dict[str, int] = {}
        for row in rows:
            by_status[row["status"]] = by_status.get(row["status"], 0) + row["conversions"]
            if row["value"] is not None and row["currency"]:
                values[row["currency"]] = values.get(row["currency"], Decimal(0)) + row["value"]
        command = f"archiver backfill --destination {shlex.quote(name)}"
        yield Condition(
            kind="deadline",
            subject=name,
            destination=name,
            conversions=sum(by_status.values()),
            values=values,
            deadline=min(row["deadline"] for row in rows),
            account_timezone=config.destinations[name].account_timezone,
            details=tuple(
                f"{by_status[status]:,} of them only with --include {status}: {why}"
                for status, why in _RISKY.items()
                if status in by_status
            ),
            next_steps=(f"{command} --plan", command),
        )


def _may_be_due(run_folder: Path, first: datetime, last: datetime) -> bool:
    """Whether the run's clock, by the hour, has anything then: most nights it has not."""
    path = run_folder / "recovery_clock.parquet"
    if not path.exists():  # A run of an earlier version.
        return True
    hours = pq.read_table(path, columns=["deadline_hour"])["deadline_hour"].to_pylist()
    return any(h is not None and first - timedelta(hours=1) < h <= last for h in hours)


def _due(
    config: Config, archive: Archive, run_folder: Path, as_of: datetime
) -> list[dict[str, Any]]:
    uploaded = _uploaded(archive)
    with connect() as connection:
        path = run_folder / "reconciliation.parquet"
        schema = RUN_TABLES["reconciliation"]
        bind_files(connection, "reconciliation", [path], schema, may_lack_columns=True)
        connection.register("uploaded_events", uploaded)
        first = pc.min(uploaded["began_at"]).as_py()
        days = [] if first is None else archive.data_files(RECEIPTS)
        bind_files(
            connection,
            "receipts",
            [
                archive.root / RECEIPTS.name / file.path
                for file in days
                if (file.partition.get("attempted_date") or "9999") >= first.date().isoformat()
            ],
            RECEIPTS.schema,
            hive=hive_types(RECEIPTS.schema, RECEIPTS.partitions),
        )
        rows = run_sql(
            connection,
            "alerts/deadlines",
            {
                "as_of": as_of,
                "run_as_of": read_run(run_folder).as_of,
                "until": as_of + config.alerts.deadline_within,
            },
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _uploaded(archive: Archive) -> pa.Table:
    """Events of backfills that are not void and of which an upload began."""
    began: dict[tuple[str, str], datetime] = {}
    for row in archive.read(UPLOADS).to_pylist():
        key = (row["destination"], row["backfill_id"])
        began[key] = min(began.get(key, row["began_at"]), row["began_at"])
    for row in archive.read(VOIDED_BACKFILLS).to_pylist():
        began.pop((row["destination"], row["backfill_id"]), None)
    if not began:
        return _UPLOADED.empty_table()
    ledger = archive.read(BACKFILLS, ["destination", "backfill_id", "event_id", "event"])
    ids = pa.array(sorted({backfill for _, backfill in began}), TEXT)
    ledger = ledger.filter(pc.is_in(ledger["backfill_id"], ids))
    pairs = zip(ledger["destination"].to_pylist(), ledger["backfill_id"].to_pylist(), strict=True)
    at = pa.array([began.get(pair) for pair in pairs], _UPLOADED.field("began_at").type)
    table = ledger.drop_columns(["backfill_id"]).append_column("began_at", at)
    return table.filter(pc.is_valid(table["began_at"])).select(_UPLOADED.names)
