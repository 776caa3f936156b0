"""What `status` says: how far each feed reaches, and what the last run left open."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from archiver.archive.store import Archive
from archiver.config import Config
from archiver.reconcile.binding import UPLOAD_LOG
from archiver.report.formats import as_json
from archiver.report.model import build_report
from archiver.report.recovery import value_texts
from archiver.texts import instant_text
from archiver.warehouse.database import bind_files, connect
from archiver.warehouse.database import run as run_sql
from archiver.warehouse.load import new_files
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.runs import kept_runs, read_run, was_asked


def read_status(config: Config, archive: Archive, now: datetime) -> dict[str, Any]:
    """The state of feeds, warehouse and gap.

    Args:
        config: sources and destinations.
        archive: ledger and receipts.
        now: by which deadlines have passed, UTC.

    Returns:
        `feeds` (name, kind, `reaches_up_to` UTC, files, quarantined), `waiting_data_files`, and
        `open`: per destination what its last run over all days left open, with `recovery`, how much
        of that can still be sent now (`sql/report/recovery.sql`). A feed of totals reaches
        up to the newest account day that it counts; it is there where it is configured, or has
        files.
    """
    with connect() as connection:
        bind_archive(connection, config, archive)
        reach: dict[tuple[str, str], str | None] = {
            ("events", name): instant_text(instant)
            for name, instant in connection.execute(
                "SELECT source, MAX(COALESCE(received_at, sent_at, event_time))"
                " FROM event_records GROUP BY source"
            ).fetchall()
        }
        reach |= {
            ("receipts", name): instant_text(instant)
            for name, instant in connection.execute(
                "SELECT destination, MAX(attempted_at) FROM receipts WHERE NOT EXISTS ("
                " SELECT 1 FROM inbound_files AS uploads WHERE uploads.kind = 'receipts'"
                f" AND uploads.format = '{UPLOAD_LOG}'"
                " AND uploads.destination = receipts.destination"
                " AND uploads.file_id = receipts.file_id) GROUP BY destination"
            ).fetchall()
        }
        reach |= {
            ("totals", name): day.isoformat()
            for name, day in connection.execute(
                "SELECT destination, MAX(account_day) FROM receipt_totals GROUP BY destination"
            ).fetchall()
        }
        files = {
            (kind, name): (count, quarantined)
            for kind, name, count, quarantined in connection.execute(
                "SELECT kind, COALESCE(source, destination), COUNT(*), SUM(quarantined)"
                " FROM inbound_files GROUP BY ALL"
            ).fetchall()
        }
        unsettled = dict(
            connection.execute(
                "SELECT destination, COUNT(*) FROM backfills WHERE voided_at IS NULL"
                " AND NOT EXISTS ("
                " SELECT 1 FROM receipts WHERE receipts.destination = backfills.destination"
                " AND receipts.event_id = backfills.event_id"
                " AND receipts.attempted_at > backfills.as_of) GROUP BY destination"
            ).fetchall()
        )
    feeds = [
        {
            "name": name,
            "kind": kind,
            "reaches_up_to": reach.get((kind, name)),
            "files": files.get((kind, name), (0, 0))[0],
            "quarantined": int(files.get((kind, name), (0, 0))[1]),
        }
        for kind, names in (
            ("events", sorted(config.sources)),
            ("receipts", sorted(config.destinations)),
            (
                "totals",
                sorted(
                    name
                    for name, about in config.destinations.items()
                    if about.totals or about.reports == "totals" or ("totals", name) in files
                ),
            ),
        )
        for name in names
    ]
    return {
        "feeds": feeds,
        "waiting_data_files": len(new_files(config, archive)),
        "open": [
            {
                **_open(config.warehouse_path, name, now),
                "unsettled_backfill_events": unsettled.get(name, 0),
            }
            for name in sorted(config.destinations)
        ],
    }


def _open(warehouse: Path, destination: str, now: datetime) -> dict[str, Any]:
    """What the last run over all days of a destination left open; its run_id is None before any.

    An incident counts as past where a run of an earlier version did not say that it is open.
    """
    for run in reversed(kept_runs(warehouse)):
        record = read_run(run)
        if was_asked(run) and record.is_unbounded and destination in record.destinations:
            break
    else:
        return {"destination": destination, "run_id": None}
    report = as_json(build_report(run, destination=destination))
    (part,) = report["destinations"]
    names = ("gap", "unknown", "pending", "recoverable", "expired", "backfill_deadline")
    return {
        "destination": destination,
        "run_id": report["run_id"],
        "as_of": report["as_of"],
        **{name: part["totals"][name] for name in names},
        "gap_value": {
            currency: terms["gap"]
            for currency, terms in part["totals"]["value"].items()
            if terms["gap"] != "0.00"
        },
        "recovery": _recovery(run, destination, record.as_of, now),
        "days_over_tolerance": len(
            {total["day"] for total in part["totals_by_day"] if total["is_over_tolerance"]}
        ),
        "incidents": part["incidents"],
        "open_incidents": sum(bool(incident["is_open"]) for incident in part["incidents"]),
        "past_incidents": sum(not incident["is_open"] for incident in part["incidents"]),
    }


def _recovery(run: Path, destination: str, as_of: datetime, now: datetime) -> dict[str, Any]:
    """How much of a run's gap can still be sent, and by when."""
    parts = ("within_day", "ahead", "without_deadline", "expired_since")
    counts: Counter[str] = Counter()
    values: dict[str, dict[str, Decimal]] = {part: {} for part in parts}
    deadlines = []
    with connect() as connection:
        bind_files(connection, "reconciliation", [run / "reconciliation.parquet"], "*")
        parameters = {"destination": destination, "as_of": as_of, "now": now}
        found = run_sql(connection, "report/recovery", parameters)
        names = [column[0] for column in found.description]
        for row in found.fetchall():
            line = dict(zip(names, row, strict=True))
            deadlines.append(line["next_deadline"])
            for part in parts:
                counts[part] += line[part]
                if line[f"{part}_value"] is not None:
                    values[part][line["currency"]] = line[f"{part}_value"]
    return {
        "now": instant_text(now),
        "next_deadline": instant_text(min(filter(None, deadlines), default=None)),
        **{
            part: {"conversions": counts[part], "value": value_texts(values[part])}
            for part in parts
        },
    }
