"""Request bodies of a backfill: each event in the destination's form, within its limits."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.store import Archive
from archiver.backfill.payloads import Chunk, read_chunks
from archiver.backfill.plan import Plan
from archiver.backfill.route import Route
from archiver.config import Config
from archiver.destinations.requests import Requests, UnsendableEvent
from archiver.files import fsync_file

# Conversions are personal data, also with hashed identifiers.
PRIVATE_MODE = 0o600

_HOUR_US = 3_600_000_000
_BUILT = pa.schema(
    [
        ("position", pa.int64()),
        ("file", pa.dictionary(pa.int32(), pa.string())),
        ("row", pa.int64()),
        ("detail", pa.dictionary(pa.int32(), pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One request body, as it was made.

    Attributes:
        name: its file's name.
        sha256: of its bytes, lower-case hex.
        bytes: its size.
        events: how many events are in it.
    """

    name: str
    sha256: str
    bytes: int
    events: int


@dataclass(frozen=True)
class Built:
    """What became of the events to be sent.

    Attributes:
        files: the request bodies, in their order.
        placed: Parquet file, one row per event of the plan that was to be sent, in its order:
            `position` there, `file` and `row` (from 0) where it is, or `detail`, why it is
            unsendable.
        notes: what was left out of events that are sent, in words, with how many events.
    """

    files: list[BatchFile]
    placed: Path
    notes: dict[str, int]


class Cutter:
    """Puts items into batches: by hour where that counts, then by count, then by bytes.

    Args:
        route: the limits, and whether hours count.
        close: takes the number of a batch, from 1, its body, and how many items it has.
    """

    def __init__(self, route: Route, close: Callable[[int, bytes, int], None]) -> None:
        self.number = 0
        self._requests: Requests = route.requests
        self._limits = route.limits
        self._is_hourly = route.is_hourly
        self._close = close
        self._items: list[bytes] = []
        self._hour = 0
        self._root = b""
        self._room_bytes = 0
        self._most_events = route.limits.max_events or 1 << 62
        self._most_bytes = route.limits.max_body_bytes or 1 << 62
        self._most_event_bytes = route.limits.max_event_bytes or 1 << 62
        self._most_event_size = self._most_event_bytes + 1

    def add(self, item: bytes, root: bytes, time_us: int) -> int:
        """Put an item into the batch `number`; its row there.

        Args:
            item: the event in the destination's form.
            root: as in `BuiltEvent`.
            time_us: when it happened, microseconds since 1970, UTC.

        Raises:
            UnsendableEvent: it is larger than the destination takes.
        """
        hour = time_us // _HOUR_US if self._is_hourly else 0
        size = len(item) + 1
        row = len(self._items)
        if (
            size > self._room_bytes
            or row >= self._most_events
            or hour != self._hour
            or root != self._root
            or size > self._most_event_size
        ):
            self._check_size(item, root)
            self.finish()
            self.number += 1
            self._hour, self._root = hour, root
            self._room_bytes = self._most_bytes - len(self._requests.body([], root))
            row = 0
        self._items.append(item)
        self._room_bytes -= size
        return row

    def finish(self) -> None:
        """Close the last batch."""
        if self._items:
            body = self._requests.body(self._items, self._root)
            self._close(self.number, body, len(self._items))
            self._items = []
            self._room_bytes = 0

    def _check_size(self, item: bytes, root: bytes) -> None:
        if len(item) > self._most_event_bytes:
            raise UnsendableEvent(
                f"has {len(item):,} bytes in the destination's form, which takes "
                f"{self._most_event_bytes:,}"
            )
        alone = len(self._requests.body([item], root))
        if alone > self._most_bytes:
            raise UnsendableEvent(
                f"makes a request of {alone:,} bytes, and one may have {self._most_bytes:,}"
            )


def build_batches(
    config: Config, archive: Archive, plan: Plan, scratch: Path, draft: Path | None
) -> Built:
    """Build what is to be sent; what cannot be is noted.

    Args:
        config: where to spill.
        archive: has the events.
        plan: what is to be sent.
        scratch: a folder that lives as long as what is returned.
        draft: where the request bodies go; None: nowhere, they are only counted.
    """
    files: list[BatchFile] = []
    written: list[Path] = []
    requests = plan.route.requests

    def close(number: int, body: bytes, events: int) -> None:
        name = requests.file_name.format(number)
        if draft is not None:
            written.append(write_private(draft / name, body))
        files.append(BatchFile(name, hashlib.sha256(body).hexdigest(), len(body), events))

    cutter = Cutter(plan.route, close)
    notes: Counter[str] = Counter()
    path = scratch / "placed.parquet"
    # It is read once and then gone: to make it smaller would cost more than to write it.
    with pq.ParquetWriter(
        path, _BUILT, compression="none", write_statistics=False, use_dictionary=["file", "detail"]
    ) as writer:
        for chunk in read_chunks(config, archive, plan.candidates, scratch):
            writer.write_table(_build(chunk, requests, cutter, notes))
        cutter.finish()
    # All in the end: the system has written most of them by then.
    for each in written:
        fsync_file(each)
    return Built(files, path, dict(sorted(notes.items())))


def write_private(path: Path, data: bytes) -> Path:
    """Write a new file that only its owner can read; it is not durable yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path


def _build(chunk: Chunk, requests: Requests, cutter: Cutter, notes: Counter[str]) -> pa.Table:
    """Where each event of a chunk went."""
    numbers: list[int | None] = []
    rows: list[int | None] = []
    details: list[str | None] = [None] * len(chunk.events)
    build, add = requests.build_event, cutter.add
    for payload, event, event_id, time_us in zip(
        chunk.payloads, chunk.events, chunk.event_ids, chunk.times_us, strict=True
    ):
        try:
            if event_id is None:
                raise UnsendableEvent("has no event id")
            built = build(payload, event, event_id, time_us)
            row = add(built.item, built.root, time_us)
        except UnsendableEvent as error:
            details[len(rows)] = error.reason
            numbers.append(None)
            rows.append(None)
        else:
            numbers.append(cutter.number)
            rows.append(row)
            if built.notes:
                notes.update(built.notes)
    first = min((n for n in numbers if n is not None), default=0)
    names = [requests.file_name.format(n) for n in range(first, cutter.number + 1)]
    files = pa.array([None if n is None else n - first for n in numbers], pa.int32())
    return pa.table(
        [
            chunk.positions,
            pa.DictionaryArray.from_arrays(files, pa.array(names, pa.string())),
            pa.array(rows, pa.int64()),
            pa.array(details, pa.string()).dictionary_encode(),
        ],
        schema=_BUILT,
    )
