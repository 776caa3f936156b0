"""Request bodies of a backfill: each event in the destination's form, within its limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.backfill.plan import Candidate, Plan, builder
from archiver.config import Config
from archiver.destinations.base import RequestBuilder, Settings, UnsendableEvent
from archiver.errors import ArchiverError
from archiver.files import write_durably
from archiver.inbound.envelopes import as_read
from archiver.warehouse.database import bind_files, connect

# Conversions are personal data, also with hashed identifiers.
PRIVATE_MODE = 0o600


@dataclass
class Batch:
    """One request body: its file's name, and the conversions in it."""

    name: str
    candidates: list[Candidate]


def write_batches(config: Config, archive: Archive, plan: Plan, draft: Path) -> list[Batch]:
    """Write the request bodies into the draft; what cannot be sent is marked in the plan."""
    kind = builder(plan.destination, plan.settings)
    settings = Settings(plan.settings.event_source, plan.settings.event_source_id or "")
    limits = kind.limits(plan.settings.event_source)
    batches: list[Batch] = []
    items: list[bytes] = []
    inside: list[Candidate] = []
    empty_bytes = len(kind.request_body([], settings))
    body_bytes = empty_bytes

    def close() -> None:
        nonlocal items, inside, body_bytes
        if items:
            name = f"batch-{len(batches) + 1:05d}.json"
            write_durably(draft / name, kind.request_body(items, settings), mode=PRIVATE_MODE)
            batches.append(Batch(name, inside))
        items, inside, body_bytes = [], [], empty_bytes

    for candidate, payload in _payloads(config, archive, plan.chosen("send")):
        item = _build(kind, candidate, payload)
        if item is None:
            continue
        full = (limits.max_events is not None and len(items) >= limits.max_events) or (
            limits.max_body_bytes is not None and body_bytes + len(item) + 1 > limits.max_body_bytes
        )
        if full:
            close()
        items.append(item)
        inside.append(candidate)
        body_bytes += len(item) + 1
    close()
    return batches


def _build(kind: RequestBuilder, candidate: Candidate, payload: bytes) -> bytes | None:
    """The event in the destination's form; None, and left out, where that cannot be."""
    try:
        built = kind.build_event(payload, candidate.event)
    except UnsendableEvent:
        candidate.disposition = "unsendable"
        return None
    if built.event_id != candidate.event_id:
        candidate.disposition = "unsendable"
        return None
    return built.item


def _payloads(
    config: Config, archive: Archive, candidates: Sequence[Candidate]
) -> Iterator[tuple[Candidate, bytes]]:
    """Each candidate with its event, in the same order.

    The event is as archived or, from a batch body, with what the batch says for all its events.
    """
    if not candidates:
        return
    partitions = {(c.source, _utc_day(c)) for c in candidates}
    files = [
        path
        for path in archive.live_files(EVENTS)
        if tuple(part.split("=", 1)[1] for part in path.parts[-3:-1])
        in {(source, day.isoformat()) for source, day in partitions}
    ]
    wanted = pa.table(
        {
            "position": pa.array(range(len(candidates)), pa.int64()),
            "source": [c.source for c in candidates],
            "file_id": [c.file_id for c in candidates],
            "record_number": pa.array([c.record_number for c in candidates], pa.int64()),
        }
    )
    with connect(spill=config.warehouse_path / ".spill") as connection:
        hive = {"source": "VARCHAR", "received_date": "DATE"}
        bind_files(connection, "event_records", files, EVENTS.schema, hive=hive)
        connection.register("wanted", wanted)
        reader = connection.sql(
            "SELECT wanted.position, event_records.payload, event_records.envelope FROM wanted"
            " INNER JOIN event_records USING (source, file_id, record_number)"
            " ORDER BY wanted.position"
        ).to_arrow_reader(1000)
        found = 0
        for batch in reader:
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            for position, payload, envelope in rows:
                found += 1
                yield candidates[position], as_read(payload, envelope).encode("utf-8")
    if found != len(candidates):
        raise ArchiverError(
            "reading the lost events from the archive",
            f"it holds {found} of {len(candidates)}",
            "nothing was written; has the archive lost files?",
        )


def _utc_day(candidate: Candidate) -> date:
    return candidate.arrival.date()
