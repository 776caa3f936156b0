"""What every inbound format yields, and the reasons for which a record is no event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

REASONS: dict[str, str] = {
    "invalid_json": "not one complete JSON value",
    "invalid_utf8": "bytes that are not UTF-8",
    "not_an_object": "a JSON value, but no object; an event is an object",
    "nesting_too_deep": "nested deeper than a reader can follow",
}


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no event, whole.

    Attributes:
        record_number: from 0 in the file.
        reason: a key of REASONS.
        detail: what exactly was wrong, without the record's content.
        data: the record's bytes.
    """

    record_number: int
    reason: str
    detail: str
    data: bytes


@dataclass(slots=True)
class EventBatch:
    """Events in columns of equal length, in the file's order.

    Attributes:
        record_numbers: from 0 in the file; bad records count too.
        payloads: each event's own JSON text, byte for byte; valid UTF-8.
        fields: per column name (message_id, type, event, user_id, anonymous_id, and the times
            timestamp, original_timestamp, sent_at, received_at) the values as they stand in the
            event: text, or the JSON text of a number, or None.
        envelopes: the rest of an enclosing batch body, or None where there is none.
        bad: the records between them that are no events.
    """

    record_numbers: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    fields: dict[str, Sequence[str | None]] = field(default_factory=dict)
    envelopes: list[bytes] | None = None
    bad: list[BadRecord] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Number of records, events and bad ones."""
        return len(self.payloads) + len(self.bad)


class InboundFormat(Protocol):
    """One form in which events arrive.

    Attributes:
        name: as `format =` and the ledger have it.
    """

    name: str

    def detect(self, head: bytes) -> bool:
        """Whether a file that begins with these bytes (some MiB at most) has this format."""

    def read(self, chunks: Iterator[bytes]) -> Iterator[EventBatch]:
        """Read a file's decompressed bytes to the end; no record is left out."""
