"""Rows of the archive as the warehouse wants them: read, typed, and judged by the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.tables import AMOUNT, EVENTS, INSTANT
from archiver.inbound.envelopes import as_read
from archiver.warehouse.content import Content, read_content
from archiver.warehouse.rules import DestinationRules
from archiver.warehouse.segments import COLUMNS
from archiver.warehouse.selection import conversions

_MOST_ROWS = 50_000

# The columns of an event segment but for `body`, a VARIANT, which Arrow does not have.
EVENT_OCCURRENCES = pa.schema(
    [
        EVENTS.schema.field(name)
        if name in EVENTS.schema.names
        else {
            "arrival": pa.field("arrival", INSTANT),
            "order_id": pa.field("order_id", pa.string()),
            "value": pa.field("value", AMOUNT),
            "currency": pa.field("currency", pa.string()),
        }[name]
        for name in COLUMNS
    ]
)
_READ = [
    "file_id",
    "record_number",
    "message_id",
    "type",
    "event",
    "user_id",
    "anonymous_id",
    "event_time",
    "original_timestamp",
    "sent_at",
    "received_at",
    "payload",
    "envelope",
    "type_issues",
]


@dataclass(frozen=True)
class Occurrences:
    """Event occurrences of one source and day, as the archive has them.

    Attributes:
        source: name of the source.
        received_date: UTC day of the arrival; with the source, the archive's partition.
        rows: one row per occurrence: the columns of EVENTS that the warehouse reads. `payload` is
            the event as its readers should see it: with what its envelope says for it.
        payloads: that column as a list.
    """

    source: str
    received_date: date
    rows: pa.Table
    payloads: list[str]

    @property
    def names(self) -> list[str | None]:
        """Each event's name, else its call type."""
        names: list[str | None] = pc.coalesce(self.rows["event"], self.rows["type"]).to_pylist()
        return names


def read_occurrences(path: Path) -> Iterator[Occurrences]:
    """Read one data file of the archive's `events`, some ten thousand rows at a time."""
    partition = dict(part.split("=", 1) for part in path.parts if "=" in part)
    day = date.fromisoformat(partition["received_date"])
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            read = file.read_row_group(group, columns=_READ)
            for name in set(_READ) - set(read.column_names):
                # Files from before the archive had the column.
                read = read.append_column(name, pa.nulls(read.num_rows, pa.string()))
            for start in range(0, read.num_rows, _MOST_ROWS):
                rows = read.slice(start, _MOST_ROWS)
                payloads = rows["payload"].to_pylist()
                if rows["envelope"].null_count < rows.num_rows:
                    envelopes = rows["envelope"].to_pylist()
                    payloads = list(map(as_read, payloads, envelopes))
                    index = rows.schema.get_field_index("payload")
                    rows = rows.set_column(index, "payload", pa.array(payloads, pa.string()))
                yield Occurrences(partition["source"], day, rows.select(_READ), payloads)


def typed(read: Occurrences, rules: Sequence[DestinationRules]) -> tuple[pa.Table, pa.Table]:
    """Type occurrences, and select the conversions among them.

    Args:
        read: the occurrences.
        rules: of all destinations.

    Returns:
        One row per occurrence, the columns of EVENT_OCCURRENCES and `payload`; and one row per
        destination and occurrence that its rules select, the columns of CONVERSION_OCCURRENCES.
    """
    rows, source = read.rows, read.source
    contents = [read_content(payload) for payload in read.payloads]
    count = rows.num_rows
    arrival = pc.coalesce(rows["received_at"], rows["sent_at"], rows["event_time"])
    # An empty id identifies nothing: kept in the archive, it must merge no two events here.
    message_id = pc.if_else(pc.equal(rows["message_id"], ""), None, rows["message_id"])
    table = (
        rows.set_column(rows.schema.get_field_index("message_id"), "message_id", message_id)
        .append_column("source", pa.repeat(pa.scalar(source), count))
        .append_column("received_date", pa.repeat(pa.scalar(read.received_date), count))
        .append_column("arrival", arrival)
        .append_column("order_id", pa.array([c.order_id for c in contents], pa.string()))
        .append_column("value", pa.array([c.value for c in contents], AMOUNT))
        .append_column("currency", pa.array([c.currency for c in contents], pa.string()))
        .drop_columns(["type_issues"])
        .append_column("type_issues", _type_issues(rows["type_issues"], contents))
    )
    return table, conversions(source, table, read.payloads, contents, rules)


def _type_issues(archived: pa.ChunkedArray, contents: Sequence[Content]) -> pa.ChunkedArray:
    """The archive's names of columns that could not be typed, and after them the content's."""
    if not any(content.untyped for content in contents):
        return archived
    merged = [
        ", ".join([*([names] if names else []), *content.untyped]) or None
        for names, content in zip(archived.to_pylist(), contents, strict=True)
    ]
    return pa.chunked_array([pa.array(merged, pa.string())])
