"""The tables of a kept run: one Parquet file each in its folder, and a view over all runs."""

from __future__ import annotations

import pyarrow as pa

from archiver.archive.tables import AMOUNT, INSTANT, TEXT

COUNTS = (
    "accepted",
    "pending",
    "unknown",
    "gap",
    "missing",
    "failed",
    "rejected",
    "ambiguous",
    "conflict",
    "suppressed",
)

_ID = [("run_id", TEXT), ("destination", TEXT)]

RUN_TABLES: dict[str, pa.Schema] = {
    "reconciliation": pa.schema(
        [
            *_ID,
            ("source", TEXT),
            ("message_id", TEXT),
            ("event_id", TEXT),
            ("event", TEXT),
            ("account_day", pa.date32()),
            ("event_time", INSTANT),
            ("status", TEXT),
            ("reason", TEXT),
            ("value", AMOUNT),
            ("currency", TEXT),
            ("attempts", pa.int64()),
            ("resolved_outcome", TEXT),
            ("code", TEXT),
            ("match_tier", pa.int64()),
            ("backfill_deadline", INSTANT),
            ("arrival", INSTANT),
            ("file_id", TEXT),
            ("record_number", pa.int64()),
        ]
    ),
    "daily_gaps": pa.schema(
        [
            *_ID,
            ("day", pa.date32()),
            ("event", TEXT),
            ("expected", pa.int64()),
            *[(name, pa.int64()) for name in COUNTS],
            ("unarchived", pa.int64()),
            ("recoverable", pa.int64()),
            ("expired", pa.int64()),
            ("backfill_deadline", INSTANT),
            ("provisional", pa.bool_()),
        ]
    ),
    "daily_values": pa.schema(
        [
            *_ID,
            ("day", pa.date32()),
            ("event", TEXT),
            ("currency", TEXT),
            ("expected", AMOUNT),
            *[(name, AMOUNT) for name in COUNTS],
        ]
    ),
    "recovery_clock": pa.schema(
        [
            *_ID,
            ("day", pa.date32()),
            ("deadline_hour", INSTANT),
            ("currency", TEXT),
            ("conversions", pa.int64()),
            ("value", AMOUNT),
        ]
    ),
    "incidents": pa.schema(
        [
            *_ID,
            ("starts_at", INSTANT),
            ("ends_at", INSTANT),
            ("diagnosis", TEXT),
            ("source", TEXT),
            ("code", TEXT),
            ("conversions", pa.int64()),
            ("ratio", pa.decimal128(18, 4)),
            ("is_open", pa.bool_()),
            ("first_safe_upload", INSTANT),
            ("last_safe_upload", INSTANT),
            ("first_day", pa.date32()),
            ("last_day", pa.date32()),
        ]
    ),
    "incident_values": pa.schema(
        [
            *_ID,
            ("starts_at", INSTANT),
            ("diagnosis", TEXT),
            ("source", TEXT),
            ("code", TEXT),
            ("currency", TEXT),
            ("value", AMOUNT),
        ]
    ),
    "daily_totals": pa.schema(
        [
            *_ID,
            ("day", pa.date32()),
            ("event", TEXT),
            ("expected", pa.int64()),
            ("pending", pa.int64()),
            ("delivered", pa.int64()),
            ("received", pa.int64()),
            ("attributed", pa.int64()),
            ("compared_with", TEXT),
            ("difference", pa.int64()),
            ("tolerance", AMOUNT),
            ("is_over_tolerance", pa.bool_()),
            ("provisional", pa.bool_()),
        ]
    ),
    "findings": pa.schema(
        [
            *_ID,
            ("finding", TEXT),
            ("source", TEXT),
            ("message_id", TEXT),
            ("event_id", TEXT),
            ("event", TEXT),
            ("account_day", pa.date32()),
            ("detail", TEXT),
        ]
    ),
}
