"""What the JSON formats have in common: records of one framing, each an event or around events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from archiver.inbound.base import EventBatch
from archiver.inbound.fields import read_records
from archiver.inbound.frames import Frame, Framing, with_head
from archiver.inbound.framing import first_objects, framing_of
from archiver.inbound.json_spans import Object
from archiver.inbound.layout import Layout


class JsonFormat(ABC):
    """Records that are events themselves, in lines, arrays or one after the other."""

    name = ""
    about = ""
    detected_by = ""
    is_text = True
    needs_envelope = False

    @abstractmethod
    def detect(self, head: bytes) -> bool:
        """Whether a file that begins with these bytes has this format."""

    def framing(self, head: bytes) -> Framing:
        """How records stand in a file that begins with these bytes."""
        return framing_of(head)

    def read(self, chunks: Iterator[bytes]) -> Iterator[EventBatch]:
        """Read a file's decompressed bytes to the end; no record is left out."""
        head, chunks = with_head(chunks)
        layout = Layout()
        first = 0
        for frame in self.framing(head)(chunks):
            batch = self.batch(frame, first, layout)
            first += batch.records
            batch.layout = layout.take()
            yield batch
        yield EventBatch(layout=layout.close())

    def batch(self, frame: Frame, first: int, layout: Layout) -> EventBatch:
        """Read the records of one frame."""
        layout.between(frame.before)
        if isinstance(frame.after, bytes):
            layout.records(len(frame.records), frame.after)
        else:
            for after in frame.after:
                layout.records(1, after)
        batch = read_records(frame.records, first)
        return _marked(batch, {first}) if frame.is_broken else batch

    def whole(self, payload: bytes, envelope: bytes | None) -> bytes:
        """The record is the event."""
        return payload


class RecognisedFormat(JsonFormat):
    """What the members of its objects tell from the other formats."""

    def detect(self, head: bytes) -> bool:
        """Whether one of the first objects of the file is of this format."""
        return any(map(self.recognises, first_objects(head)))

    @abstractmethod
    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is of this format."""


class Item(NamedTuple):
    """A record inside an enclosing one, and the text behind it up to the next or to the end."""

    data: bytes
    after: bytes


@dataclass(slots=True)
class Enclosed:
    """The events in one record.

    Attributes:
        before: text before the first.
        items: the records in it, none or more.
        envelope: the rest, verbatim.
        defaults: column → what holds for each event that does not say it itself.
        is_broken: the last item is the rest of what breaks off.
    """

    before: bytes
    items: list[Item]
    envelope: bytes
    defaults: dict[str, str] = field(default_factory=dict)
    is_broken: bool = False


class EnclosingFormat(RecognisedFormat):
    """Records with events inside."""

    @abstractmethod
    def open(self, record: bytes) -> Enclosed | None:
        """What the record encloses; None where it does not, and is a record by itself."""

    def batch(self, frame: Frame, first: int, layout: Layout) -> EventBatch:
        """Read the events in the records of one frame."""
        layout.between(frame.before)
        records: list[bytes] = []
        envelopes: list[bytes | None] = []
        defaults: dict[int, dict[str, str]] = {}
        broken: set[int] = set()
        for index, record in enumerate(frame.records):
            after = frame.after if isinstance(frame.after, bytes) else frame.after[index]
            enclosed = self.open(record)
            if enclosed is None:
                if frame.is_broken:
                    broken.add(first + len(records))
                records.append(record)
                envelopes.append(None)
                layout.records(1, after)
                continue
            layout.between(enclosed.before)
            for item in enclosed.items:
                defaults[first + len(records)] = enclosed.defaults
                records.append(item.data)
                envelopes.append(enclosed.envelope)
                layout.records(1, item.after)
            layout.between(after)
            if enclosed.is_broken:
                broken.add(first + len(records) - 1)
        batch = read_records(records, first, envelopes)
        if frame.is_broken or broken:
            _marked(batch, broken)
        for place, number in enumerate(batch.record_numbers):
            for column, value in defaults.get(number, {}).items():
                values = batch.fields[column]
                if values[place] is None:
                    assert isinstance(values, list)
                    values[place] = value
        return batch


def _marked(batch: EventBatch, broken: set[int]) -> EventBatch:
    """The batch with the reason for what is the rest of something that breaks off."""
    batch.bad = [
        replace(bad, reason="broken_off") if bad.record_number in broken else bad
        for bad in batch.bad
    ]
    batch.is_cut = broken.isdisjoint(bad.record_number for bad in batch.bad)
    return batch
