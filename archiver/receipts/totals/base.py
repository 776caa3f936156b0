"""What every format of totals takes and gives: the nouns and the interface."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Protocol, runtime_checkable

import msgspec

from archiver.account_days import Zone
from archiver.receipts.base import BadRecord

KINDS = ("delivered", "received", "attributed")

# Our names for the columns of a generic feed.
TOTAL_COLUMNS = ("account_day", "event_name", "kind", "count", "value", "currency", "reported_at")

MAX_COUNT = 2**63 - 1


class Total(msgspec.Struct, frozen=True, gc=False):
    """A count of one account day, by the destination or the hub.

    Attributes:
        account_day: calendar day in the ad account's zone.
        event_name: as the destination knows it; None: all events together.
        kind: `delivered`, `received` or `attributed`.
        count: events; not negative.
        value: their amount, 18 decimals; None where it is not told, or in several currencies.
        currency: of the amount, upper case.
        reported_at: when it was reported, UTC; of two reports the later counts.
        record_number: the first record in its file that it comes from.
    """

    account_day: date
    event_name: str | None
    kind: str
    count: int
    value: Decimal | None
    currency: str | None
    reported_at: datetime | None
    record_number: int


class ParsedTotals(msgspec.Struct, frozen=True):
    """One record that was understood, with what it counts: maybe nothing."""

    record_number: int
    totals: list[Total]


@dataclass(frozen=True)
class TotalsSettings:
    """What a format needs to know about a feed of totals.

    Attributes:
        destination: the destination's name in the configuration.
        kind: what is counted, where a record does not say.
        zones: of the ad account.
        reported_at: when the file was reported, where a record does not say; UTC.
        columns: our column name to the feed's; one left out has our name.
        names: the feed's event names to the destination's; others stay as they are.

    Raises:
        ValueError: `kind` or a key of `columns` does not exist.
    """

    destination: str
    kind: str
    zones: Sequence[Zone]
    reported_at: datetime | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of total; known: {', '.join(KINDS)}")
        for name in self.columns:
            if name not in TOTAL_COLUMNS:
                known = ", ".join(TOTAL_COLUMNS)
                raise ValueError(f"{name!r} is no column of totals; known: {known}")

    def name_of(self, theirs: str | None) -> str | None:
        """The destination's name for an event; empty text is none."""
        return self.names.get(theirs, theirs) if theirs else None


class TotalsFormat(Protocol):
    """One way in which totals come. One file per format, listed in `TOTALS_FORMATS`."""

    name: str

    def detect(self, first_record: bytes) -> bool:
        """Whether a file whose first line this is (no byte order mark) is of this format."""
        ...

    def read(
        self, lines: Iterator[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Turn a file into totals, each record exactly once and in order.

        Raises:
            UnreadableReceiptsError: the whole file cannot be read with these settings.
        """
        ...


@runtime_checkable
class ParquetTotals(Protocol):
    """A format of totals that may also come as Parquet, of which a record is a row."""

    name: str

    def has_columns(self, names: Collection[str]) -> bool:
        """Whether a Parquet file with these columns is of this format."""
        ...

    def read_parquet(
        self, file: IO[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Turn a Parquet file, decompressed and seekable, into totals."""
        ...
