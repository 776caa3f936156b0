"""Reads a file's bytes with one of the inbound formats, and puts the file together again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archiver.inbound.base import BadRecord, EventBatch, InboundFormat
from archiver.inbound.formats import choose_format


@dataclass
class Event:
    """One event as it was read; `fields` without the absent ones."""

    payload: bytes
    envelope: bytes | None
    fields: dict[str, str]
    untyped: list[str]
    record: bytes


@dataclass
class Read:
    """A whole file as it was read, by record number."""

    format: str
    records: list[Event | BadRecord] = field(default_factory=list)
    layout: list[tuple[bytes, int]] = field(default_factory=list)
    is_cut: bool = False

    @property
    def events(self) -> list[Event]:
        return [record for record in self.records if isinstance(record, Event)]

    @property
    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.events]

    @property
    def bad(self) -> list[tuple[str, bytes]]:
        """Reason and bytes of the records that are no events."""
        return [(r.reason, r.data) for r in self.records if isinstance(r, BadRecord)]

    @property
    def texts(self) -> list[bytes]:
        """Each record's own bytes."""
        return [r.record if isinstance(r, Event) else r.data for r in self.records]

    def rebuilt(self) -> bytes:
        """The file, from records and layout."""
        records = iter(self.texts)
        parts: list[bytes] = []
        for text, count in self.layout:
            parts += [text] if count == 0 else []
            for _ in range(count):
                parts += [text, next(records)]
        assert next(records, None) is None
        return b"".join(parts)


def read(data: bytes, format_name: str = "auto", chunk_bytes: int = 1 << 20) -> Read:
    """Read a file in chunks of this size; it must come out whole."""
    chosen = choose_format(format_name, data)
    found: dict[int, Event | BadRecord] = {}
    result = Read(chosen.name)
    for batch in chosen.read(data[n : n + chunk_bytes] for n in range(0, len(data), chunk_bytes)):
        result.layout += batch.layout
        result.is_cut |= batch.is_cut
        for number, record in _records(chosen, batch):
            assert number not in found
            found[number] = record
    assert sorted(found) == list(range(len(found)))
    result.records = [found[number] for number in sorted(found)]
    assert result.rebuilt() == data
    return result


def _records(chosen: InboundFormat, batch: EventBatch) -> Iterator[tuple[int, Event | BadRecord]]:
    assert all(len(column) == len(batch.payloads) for column in batch.fields.values())
    assert len(batch.envelopes) in (0, len(batch.payloads))
    for place, (number, payload) in enumerate(
        zip(batch.record_numbers, batch.payloads, strict=True)
    ):
        envelope = batch.envelopes[place] if batch.envelopes else None
        fields = {name: column[place] for name, column in batch.fields.items()}
        yield (
            number,
            Event(
                payload,
                envelope,
                {name: value for name, value in fields.items() if value is not None},
                batch.untyped.get(place, []),
                chosen.whole(payload, envelope),
            ),
        )
    for bad in batch.bad:
        yield bad.record_number, bad
