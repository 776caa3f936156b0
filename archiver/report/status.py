"""What `status` says: how far each feed reaches, and what the last run left open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archiver.archive.store import Archive
from archiver.config import Config
from archiver.report.formats import as_json
from archiver.report.model import build_report
from archiver.texts import instant_text
from archiver.warehouse.database import connect
from archiver.warehouse.load import new_files
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.runs import kept_runs


def read_status(config: Config, archive: Archive) -> dict[str, Any]:
    """The state of feeds, warehouse and gap.

    Returns:
        `feeds` (name, kind, `reaches_up_to` UTC, files, quarantined), `waiting_data_files`, and
        `run`: the last kept run with what it left open per destination, or None.
    """
    with connect() as connection:
        bind_archive(connection, config, archive)
        reach: dict[tuple[str, str], datetime] = {
            ("events", name): instant
            for name, instant in connection.execute(
                "SELECT source, MAX(COALESCE(received_at, sent_at, event_time))"
                " FROM event_records GROUP BY source"
            ).fetchall()
        }
        reach |= {
            ("receipts", name): instant
            for name, instant in connection.execute(
                "SELECT destination, MAX(attempted_at) FROM receipts GROUP BY destination"
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
                "SELECT destination, COUNT(*) FROM backfills WHERE NOT EXISTS ("
                " SELECT 1 FROM receipts WHERE receipts.destination = backfills.destination"
                " AND receipts.event_id = backfills.event_id"
                " AND receipts.attempted_at > backfills.as_of) GROUP BY destination"
            ).fetchall()
        )
    feeds = [
        {
            "name": name,
            "kind": kind,
            "reaches_up_to": instant_text(reach.get((kind, name))),
            "files": files.get((kind, name), (0, 0))[0],
            "quarantined": int(files.get((kind, name), (0, 0))[1]),
        }
        for kind, names in (
            ("events", sorted(config.sources)),
            ("receipts", sorted(config.destinations)),
        )
        for name in names
    ]
    runs = kept_runs(config.warehouse_path)
    return {
        "feeds": feeds,
        "waiting_data_files": len(new_files(config, archive)),
        "run": _open(as_json(build_report(runs[-1])), unsettled) if runs else None,
    }


def _open(report: dict[str, Any], unsettled: dict[str, int]) -> dict[str, Any]:
    return {
        "run_id": report["run_id"],
        "as_of": report["as_of"],
        "destinations": [
            {
                "destination": part["destination"],
                **{
                    name: part["totals"][name]
                    for name in (
                        "gap",
                        "unknown",
                        "pending",
                        "recoverable",
                        "expired",
                        "backfill_deadline",
                    )
                },
                "gap_value": {
                    currency: terms["gap"]
                    for currency, terms in part["totals"]["value"].items()
                    if terms["gap"] != "0.00"
                },
                "incidents": part["incidents"],
                "unsettled_backfill_events": unsettled.get(part["destination"], 0),
            }
            for part in report["destinations"]
        ],
    }
