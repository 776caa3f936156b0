"""Events as rows of the archive: typing, arrival, partition day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from archiver.archive.tables import EVENTS, INSTANT, TEXT
from archiver.inbound.base import EventBatch
from archiver.values import parse_instant

_YEAR_2 = datetime(2, 1, 1, tzinfo=UTC)
_YEAR_9998 = datetime(9998, 12, 31, tzinfo=UTC)
# Shorter text may be an hour without minutes, which Arrow reads and `parse_instant` does not.
_FULL_CHARS = 20
# Rows go on in tables of about this size.
_SLICE_BYTES = 32 << 20
_TIMES = ("event_time", "original_timestamp", "sent_at", "received_at")


def event_tables(
    batch: EventBatch, source: str, file_id: str, imported_at: datetime
) -> Iterator[pa.Table]:
    """Turn one batch into rows of the `events` table.

    Args:
        batch: events in columns; times as text.
        source: name of the source.
        file_id: SHA-256 of the file's decompressed bytes, hex.
        imported_at: instant of the import, UTC.

    Yields:
        The columns of `archiver.archive.tables.EVENTS`, some MiB at a time; times that cannot be
        read are NULL, and `type_issues` names them.
    """
    count = len(batch.payloads)
    columns: dict[str, pa.Array] = {
        "source": _constant(source, count, pa.string()),
        "file_id": _constant(file_id, count, pa.string()),
        "record_number": pa.array(batch.record_numbers, pa.int64()),
        "imported_at": _constant(imported_at, count, INSTANT),
    }
    for column, values in batch.fields.items():
        columns[column] = instants(values) if column in _TIMES else pa.array(values, pa.string())
    columns["type_issues"] = _type_issues(batch, columns)
    arrival = pc.coalesce(columns["received_at"], columns["sent_at"], columns["event_time"])
    columns["received_date"] = pc.fill_null(
        pc.cast(arrival, pa.date32()), pa.scalar(imported_at.date(), pa.date32())
    )
    for start, end in _slices(batch):
        part = {name: column.slice(start, end - start) for name, column in columns.items()}
        part["payload"] = _texts(batch.payloads[start:end])
        part["envelope"] = (
            pa.array([e if e is None else e.decode() for e in batch.envelopes[start:end]], TEXT)
            if batch.envelopes
            else pa.nulls(end - start, TEXT)
        )
        yield pa.table([part[name] for name in EVENTS.schema.names], schema=EVENTS.schema)


def _slices(batch: EventBatch) -> Iterator[tuple[int, int]]:
    """Runs of events that fit into memory, also where a large envelope stands in every row."""
    if not batch.envelopes and sum(map(len, batch.payloads)) <= _SLICE_BYTES:
        yield 0, len(batch.payloads)
        return
    start = size = 0
    for place, payload in enumerate(batch.payloads):
        size += len(payload)
        if batch.envelopes:
            size += len(batch.envelopes[place] or b"")
        if size > _SLICE_BYTES and place > start:
            yield start, place
            start, size = place, len(payload)
    if start < len(batch.payloads):
        yield start, len(batch.payloads)


def _type_issues(batch: EventBatch, columns: dict[str, pa.Array]) -> pa.Array:
    """Per event the typed columns that were given and could not be typed, or NULL."""
    issues = {place: list(names) for place, names in batch.untyped.items()}
    for name in _TIMES:
        given = batch.fields[name]
        if columns[name].null_count != given.count(None):
            for place in pc.indices_nonzero(columns[name].is_null()).to_pylist():
                if given[place] is not None:
                    issues.setdefault(place, []).append(name)
    if not issues:
        return pa.nulls(len(batch.payloads), TEXT)
    texts = {place: ", ".join(names) for place, names in issues.items()}
    return pa.array([texts.get(place) for place in range(len(batch.payloads))], TEXT)


def instants(values: Sequence[str | None]) -> pa.Array:
    """Read times, all at once where every one is ISO 8601 with a zone, else one by one."""
    if not any(values):
        return pa.nulls(len(values), INSTANT)
    try:
        texts = pa.array(values, pa.string())
        read = pc.cast(texts, INSTANT)
        is_full = pc.min(pc.binary_length(texts)).as_py() >= _FULL_CHARS
        if is_full and _YEAR_2 <= pc.min(read).as_py() <= pc.max(read).as_py() <= _YEAR_9998:
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
