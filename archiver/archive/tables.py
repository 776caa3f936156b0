"""The archive's Delta tables: names, columns, partitions (DESIGN §3).

Timestamps are microseconds UTC with zone; amounts DECIMAL(38, 18). Reader version 1, writer
version 2, so that Spark, Trino, Snowflake, BigQuery, Polars and DuckDB read them in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
AMOUNT = pa.decimal128(38, 18)
TEXT = pa.string()


@dataclass(frozen=True)
class Table:
    """One Delta table: its folder's name, all its columns, and those that partition it."""

    name: str
    schema: pa.Schema
    partitions: tuple[str, ...] = ()

    @property
    def file_schema(self) -> pa.Schema:
        """The columns inside a data file: partition columns live in the path only."""
        return pa.schema([f for f in self.schema if f.name not in self.partitions])


EVENTS = Table(
    "events",
    pa.schema(
        [
            ("source", TEXT),
            ("received_date", pa.date32()),
            ("file_id", TEXT),
            ("record_number", pa.int64()),
            ("message_id", TEXT),
            ("type", TEXT),
            ("event", TEXT),
            ("user_id", TEXT),
            ("anonymous_id", TEXT),
            ("event_time", INSTANT),
            ("original_timestamp", INSTANT),
            ("sent_at", INSTANT),
            ("received_at", INSTANT),
            ("payload", TEXT),
            ("envelope", TEXT),
            ("type_issues", TEXT),
            ("imported_at", INSTANT),
        ]
    ),
    ("source", "received_date"),
)

RECEIPTS = Table(
    "receipts",
    pa.schema(
        [
            ("destination", TEXT),
            ("attempted_date", pa.date32()),
            ("event_id", TEXT),
            ("event_name", TEXT),
            ("event_time", INSTANT),
            ("outcome", TEXT),
            ("code", TEXT),
            ("message", TEXT),
            ("attempted_at", INSTANT),
            ("request_id", TEXT),
            ("attempt", pa.int64()),
            ("value", AMOUNT),
            ("currency", TEXT),
            ("file_id", TEXT),
            ("record_number", pa.int64()),
            ("payload", TEXT),
        ]
    ),
    ("destination", "attempted_date"),
)

RECEIPT_TOTALS = Table(
    "receipt_totals",
    pa.schema(
        [
            ("destination", TEXT),
            ("account_day", pa.date32()),
            ("event_name", TEXT),
            ("kind", TEXT),
            ("count", pa.int64()),
            ("value", AMOUNT),
            ("currency", TEXT),
            ("reported_at", INSTANT),
            ("file_id", TEXT),
            ("record_number", pa.int64()),
        ]
    ),
    ("destination",),
)

QUARANTINE = Table(
    "quarantine",
    pa.schema(
        [
            ("source", TEXT),
            ("imported_date", pa.date32()),
            ("kind", TEXT),
            ("file_id", TEXT),
            ("path", TEXT),
            ("record_number", pa.int64()),
            ("reason", TEXT),
            ("detail", TEXT),
            ("data", pa.binary()),
            ("imported_at", INSTANT),
        ]
    ),
    ("source", "imported_date"),
)

INBOUND_FILES = Table(
    "inbound_files",
    pa.schema(
        [
            ("kind", TEXT),
            ("source", TEXT),
            ("destination", TEXT),
            ("file_id", TEXT),
            ("path", TEXT),
            ("format", TEXT),
            ("container", TEXT),
            ("records", pa.int64()),
            ("archived", pa.int64()),
            ("quarantined", pa.int64()),
            ("rows", pa.int64()),
            ("bytes", pa.int64()),
            ("size_bytes", pa.int64()),
            ("modified_at", INSTANT),
            ("imported_at", INSTANT),
        ]
    ),
)

# What stands between the records of each inbound file (line ends, blank lines, commas, a byte order
# mark), so that the file can be rebuilt byte for byte: for each row, in the order of `part`, `text`
# stands before each of the next `records` records; `text` alone where `records` is 0.
LAYOUTS = Table(
    "layouts",
    pa.schema(
        [
            ("source", TEXT),
            ("file_id", TEXT),
            ("part", pa.int64()),
            ("records", pa.int64()),
            ("text", pa.binary()),
        ]
    ),
)

# Every path under which a content was ever seen: what need not be read again, and, for feeds
# with `coverage = "daily"`, which days have a file, also where the content is known or empty.
INBOUND_PATHS = Table(
    "inbound_paths",
    pa.schema(
        [
            ("kind", TEXT),
            ("source", TEXT),
            ("destination", TEXT),
            ("path", TEXT),
            ("size_bytes", pa.int64()),
            ("modified_ns", pa.int64()),
            ("file_id", TEXT),
            ("seen_at", INSTANT),
        ]
    ),
)

# Ranges for which the user vouches that a feed was complete (`archiver receipts --covers`).
COVERAGE = Table(
    "coverage",
    pa.schema(
        [
            ("destination", TEXT),
            ("starts_at", INSTANT),
            ("ends_at", INSTANT),
            ("vouched_at", INSTANT),
        ]
    ),
)

# Which conversion went into which backfill: kept here, since the warehouse can be rebuilt and
# must not forget what was already sent.
BACKFILLS = Table(
    "backfills",
    pa.schema(
        [
            ("destination", TEXT),
            ("backfill_id", TEXT),
            ("run_id", TEXT),
            ("as_of", INSTANT),
            ("event_id", TEXT),
            ("event", TEXT),
            ("source", TEXT),
            ("message_id", TEXT),
            ("status", TEXT),
            ("batch", TEXT),
            ("value", AMOUNT),
            ("currency", TEXT),
            ("created_at", INSTANT),
        ]
    ),
)

# Backfills that were not sent and will not be: their events are free for others.
VOIDED_BACKFILLS = Table(
    "voided_backfills",
    pa.schema([("destination", TEXT), ("backfill_id", TEXT), ("voided_at", INSTANT)]),
)

# Backfills of which an upload began.
UPLOADS = Table(
    "uploads",
    pa.schema([("destination", TEXT), ("backfill_id", TEXT), ("began_at", INSTANT)]),
)

# What retention deleted, of which inbound file and how many rows: the ledger still counts them, and
# `verify` must know that they are no loss.
DELETED_ROWS = Table(
    "deleted_rows",
    pa.schema(
        [
            ("table_name", TEXT),
            ("kind", TEXT),
            ("source", TEXT),
            ("destination", TEXT),
            ("day", pa.date32()),
            ("file_id", TEXT),
            ("rows", pa.int64()),
            ("deleted_at", INSTANT),
        ]
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVENTS,
        RECEIPTS,
        RECEIPT_TOTALS,
        QUARANTINE,
        INBOUND_FILES,
        LAYOUTS,
        INBOUND_PATHS,
        COVERAGE,
        BACKFILLS,
        VOIDED_BACKFILLS,
        UPLOADS,
        DELETED_ROWS,
    )
}
