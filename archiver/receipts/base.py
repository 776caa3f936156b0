"""What every receipts format takes and gives: the nouns, the reasons, the interface."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import IO, Protocol, runtime_checkable

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
    "other_destination": "the record names no configured destination, or not which of several",
    "no_attempted_at": "no readable time of the attempt, so it cannot be placed in time",
    "no_outcome": "the record does not say how the attempt ended",
    "unknown_outcome": "the outcome is a word that the outcomes map does not know",
    "ragged_row": "the CSV row has more or fewer cells than the header",
    "malformed_row": "the CSV row breaks the quoting rules or a quote is never closed",
    "no_filter_value": "the record has no value where receipts_filter looks for one",
    "bad_document": "the JSON object is not what the API that it is said to come from returns",
    "no_day": "no readable day, so the total cannot be placed in time",
    "bad_count": "the count is missing, negative or no whole number",
    "bad_value": "the total's amount is there and cannot be read",
    "bad_reported_at": "the time of the total's report is there and cannot be read",
    "unknown_kind": "the total is neither delivered, received nor attributed",
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
    """One record that was understood, with its receipts.

    There are none where it is about another destination, whose own import has it, or about no
    attempt, as a job that still waits for one.
    """

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
        columns: our column name to the feed's; one left out has the format's own name for it, and
            in generic feeds ours.
        outcomes: the feed's word to our outcome. In generic feeds empty means our four words; in
            others it overrides single words of the format. Case and surrounding white space do
            not matter.
        filter: the feed's column to the value that makes a record this destination's. Records
            with another value are some other destination's, and hold no receipt here.
        others: as `names_of_others` gives them: a record that names one of them is that
            destination's, and holds no receipt here.
        shares_type: as `shares_type` tells it: a record that names only the type may be
            another destination's.

    Raises:
        ValueError: `columns` has a key that is none of ours, or `outcomes` such a value.
    """

    destination: str
    destination_type: str
    columns: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    filter: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    shares_type: bool = False

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


def names_of_others(destination: str, types: Mapping[str, str]) -> frozenset[str]:
    """What a record in a shared feed may call the configured destinations but one.

    Args:
        destination: the one whose feed is read.
        types: name of each configured destination to its type.

    Returns:
        The others' names, and their types but for the destination's own, without regard to case.
    """
    others = {name for name in types if name != destination}
    kinds = {types[name].casefold() for name in others} - {types[destination].casefold()}
    return frozenset(name.casefold() for name in others) | kinds


def shares_type(destination: str, types: Mapping[str, str]) -> bool:
    """Whether another configured destination has the same type.

    Args:
        destination: the one whose feed is read.
        types: name of each configured destination to its type.
    """
    own = types[destination].casefold()
    return any(kind.casefold() == own for name, kind in types.items() if name != destination)


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


@runtime_checkable
class ParquetFeed(Protocol):
    """A receipts format that may also come as Parquet, of which a record is a row."""

    name: str

    def has_columns(self, names: Collection[str]) -> bool:
        """Whether a Parquet file with these columns is of this format."""
        ...

    def read_parquet(
        self, file: IO[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Turn a Parquet file into receipts, as `read` does with lines.

        Args:
            file: the file, decompressed and seekable.
            settings: the feed's destination and maps.
        """
        ...
