"""Events as rows of the archive: typing, arrival, partition day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from archiver.archive.tables import EVENTS, INSTANT
from archiver.inbound.base import EventBatch
from archiver.values import parse_instant

_YEAR_1 = datetime(1, 1, 1, tzinfo=UTC)
_YEAR_9999 = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
# Shorter text may be an hour without minutes, which Arrow reads and `parse_instant` does not.
_FULL_CHARS = 20
_TIMES = ("event_time", "original_timestamp", "sent_at", "received_at")


def event_rows(batch: EventBatch, source: str, file_id: str, imported_at: datetime) -> pa.Table:
    """Turn one batch into rows of the `events` table.

    Args:
        batch: events in columns; times as text.
        source: name of the source.
        file_id: SHA-256 of the file's decompressed bytes, hex.
        imported_at: instant of the import, UTC.

    Returns:
        The columns of `archiver.archive.tables.EVENTS`; times that cannot be read are NULL.
    """
    count = len(batch.payloads)
    columns: dict[str, pa.Array] = {
        "source": _constant(source, count, pa.string()),
        "file_id": _constant(file_id, count, pa.string()),
        "record_number": pa.array(batch.record_numbers, pa.int64()),
        "payload": _texts(batch.payloads),
        "envelope": pa.array(batch.envelopes, pa.string())
        if batch.envelopes
        else pa.nulls(count, pa.string()),
        "imported_at": _constant(imported_at, count, INSTANT),
    }
    for column, values in batch.fields.items():
        columns[column] = instants(values) if column in _TIMES else pa.array(values, pa.string())
    arrival = pc.coalesce(columns["received_at"], columns["sent_at"], columns["event_time"])
    columns["received_date"] = pc.fill_null(
        pc.cast(arrival, pa.date32()), pa.scalar(imported_at.date(), pa.date32())
    )
    return pa.table([columns[name] for name in EVENTS.schema.names], schema=EVENTS.schema)


def instants(values: Sequence[str | None]) -> pa.Array:
    """Read times, all at once where every one is ISO 8601 with a zone, else one by one."""
    if not any(values):
        return pa.nulls(len(values), INSTANT)
    try:
        texts = pa.array(values, pa.string())
        read = pc.cast(texts, INSTANT)
        is_full = pc.min(pc.binary_length(texts)).as_py() >= _FULL_CHARS
        if is_full and _YEAR_1 <= pc.min(read).as_py() <= pc.max(read).as_py() <= _YEAR_9999:
            return read
    except (pa.ArrowInvalid, ValueError, OverflowError):
        pass
    return pa.array([parse_instant(value) for value in values], INSTANT)


def _texts(values: list[bytes]) -> pa.Array:
    """Bytes that are known to be UTF-8, as text, without checking them once more."""
    data = b"".join(values)
    ends = pc.cumulative_sum(pa.array(map(len, values), pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends]).cast(pa.int32())
    buffers = [None, offsets.buffers()[1], pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _constant(value: object, count: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)
