"""What every receipts format takes and gives: the nouns, the reasons, the interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

OUTCOMES = ("accepted", "rejected", "failed", "unknown")

# Our names for the columns of a generic feed, in the order of DESIGN §4.
COLUMNS = (
    "event_id",
    "event_name",
    "event_time",
    "outcome",
    "code",
    "message",
    "attempted_at",
    "request_id",
    "attempt",
    "value",
    "currency",
)

MAX_RECORD_BYTES = 16 * 1024 * 1024

# Why a record is quarantined.
REASONS: dict[str, str] = {
    "invalid_utf8": "the bytes are not UTF-8",
    "invalid_json": "the text is not one JSON value (NaN is none)",
    "not_an_object": "the JSON text is not an object",
    "nesting_too_deep": "the JSON is nested deeper than can be read",
    "bad_request_body": "the logged request body is missing or is not what the API takes",
    "no_events": "the logged request held no events",
    "other_destination": "the record names another destination than the one it is read for",
    "no_attempted_at": "no readable time of the attempt, so it cannot be placed in time",
    "no_outcome": "the record does not say how the attempt ended",
    "unknown_outcome": "the outcome is a word that the outcomes map does not know",
    "ragged_row": "the CSV row has more or fewer cells than the header",
    "malformed_row": "the CSV row breaks the quoting rules or a quote is never closed",
}


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """One delivery attempt of one event, with its outcome.

    Attributes:
        event_id, event_name: the match key as the destination sees it; None where absent.
        event_time: when the event happened, UTC; None where absent or unreadable.
        outcome: `accepted`, `rejected`, `failed` or `unknown`, judged from the reply.
        code, message: the destination's own words for it.
        attempted_at: when the attempt was made, UTC.
        request_id: the destination's name for the request.
        attempt: number of the attempt, as the feed counts it.
        value: amount sent, 18 decimals.
        currency: currency sent, upper case.
        record_number: the record in its file, from 0.
        payload: the record's text, byte for byte, without its line end. Of the receipts that
            come from one record only the first has it: a batch of 1,000 events would otherwise
            be kept 1,000 times. The others share its `record_number` and `attempted_at`.
    """

    event_id: str | None
    event_name: str | None
    event_time: datetime | None
    outcome: str
    code: str | None
    message: str | None
    attempted_at: datetime
    request_id: str | None
    attempt: int | None
    value: Decimal | None
    currency: str | None
    record_number: int
    payload: str | None


class Parsed(msgspec.Struct, frozen=True):
    """One record that was understood, with its receipts: at least one."""

    record_number: int
    receipts: list[Receipt]


class BadRecord(msgspec.Struct, frozen=True):
    """One record for quarantine.

    Attributes:
        record_number: the record in its file, from 0.
        reason: a key of `REASONS`.
        detail: what exactly was wrong, without values that could be personal data.
        data: the record's bytes, without the line end.
    """

    record_number: int
    reason: str
    detail: str
    data: bytes


class UnreadableReceiptsError(ValueError):
    """A whole file that its format cannot read, as a CSV without the needed columns.

    Attributes:
        why: the cause.
        hint: what to do next; may be empty.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(f"{why} ({hint})" if hint else why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True)
class ReceiptSettings:
    """What a format needs to know about the feed.

    Attributes:
        destination: the destination's name in the configuration.
        destination_type: its type, as `tiktok-events`, which judges logged replies.
        columns: our column name to the feed's, for generic feeds; one left out has our name.
        outcomes: the feed's word to our outcome, for generic feeds; empty: our four words.
            Case and surrounding white space do not matter.

    Raises:
        ValueError: `columns` has a key that is none of ours, or `outcomes` such a value.
    """

    destination: str
    destination_type: str
    columns: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a map that names what does not exist."""
        for name in self.columns:
            if name not in COLUMNS:
                raise ValueError(f"{name!r} is no receipt column; known: {', '.join(COLUMNS)}")
        for word, outcome in self.outcomes.items():
            if outcome not in OUTCOMES:
                raise ValueError(
                    f"{word!r} stands for {outcome!r}, which is no outcome; "
                    f"known: {', '.join(OUTCOMES)}"
                )


class ReceiptFormat(Protocol):
    """One way in which acknowledgements come. One file per format, listed in `FORMATS`."""

    name: str

    def detect(self, first_record: bytes) -> bool:
        """Whether a file whose first line this is (no byte order mark) is of this format."""
        ...

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Turn a file into receipts, each record exactly once and in order.

        Args:
            lines: the file's physical lines with their line ends, decompressed.
            settings: the feed's destination and maps.

        Yields:
            For each record either its receipts or the reason for quarantine.

        Raises:
            UnreadableReceiptsError: the whole file cannot be read with these settings.
        """
        ...
