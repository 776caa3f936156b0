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
    "broken_off": "the rest of a JSON array or batch body, from where it breaks off",
}

# A record must fit into an Arrow string, and a few times into memory.
MAX_RECORD_BYTES = 1 << 30


class UnreadableInputError(Exception):
    """A file that cannot be read to its end; nothing of it is imported.

    Attributes:
        why: what is wrong with it.
        hint: what to do next.
    """

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


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
        payloads: each event's own text, byte for byte; valid UTF-8.
        fields: per typed column (message_id, type, event, user_id, anonymous_id, event_time,
            original_timestamp, sent_at, received_at) the values as they stand in the event: text,
            or the JSON text of a number, or None.
        untyped: place in the batch → typed columns whose value is of a type that no text can be
            made of.
        envelopes: the rest of what enclosed an event, verbatim, or None where nothing did; an
            empty list where nothing encloses any.
        bad: the records between them that are no events.
        is_cut: an array or batch lacks its end, though nothing of it is bad: the file may be cut.
        layout: what stands between the records, as rows of the archive's table `layouts`: text,
            and before how many of the next records it stands. A format that is not text has none,
            and its files cannot be rebuilt.
    """

    record_numbers: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    fields: dict[str, Sequence[str | None]] = field(default_factory=dict)
    untyped: dict[int, list[str]] = field(default_factory=dict)
    envelopes: list[bytes | None] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    is_cut: bool = False
    layout: list[tuple[bytes, int]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Number of records, events and bad ones."""
        return len(self.payloads) + len(self.bad)


class InboundFormat(Protocol):
    """One form in which events arrive.

    Attributes:
        name: as `format =` and the ledger have it.
        about: what it is, for `archiver ingest --list-formats`.
        detected_by: what tells it from the others.
        is_text: whether its files can be rebuilt from records and layout.
        needs_envelope: whether `whole` looks at the envelope.
    """

    name: str
    about: str
    detected_by: str
    is_text: bool
    needs_envelope: bool

    def detect(self, head: bytes) -> bool:
        """Whether a file that begins with these bytes (some MiB at most) has this format."""

    def read(self, chunks: Iterator[bytes]) -> Iterator[EventBatch]:
        """Read a file's decompressed bytes to the end; no record is left out.

        Raises:
            UnreadableInputError: it cannot be read to the end.
        """

    def whole(self, payload: bytes, envelope: bytes | None) -> bytes:
        """An event's record as it stood in the file, between what `layout` has."""
