"""From the cells of one row to the receipt of one attempt: what is common to all feeds of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from archiver.destinations import api_log_reader
from archiver.destinations.base import Outcome
from archiver.receipts.base import (
    COLUMNS,
    OUTCOMES,
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
)
from archiver.receipts.ndjson_columns import Cell
from archiver.receipts.records import attempt_value, currency_value, shown
from archiver.receipts.replies import body_verdicts
from archiver.receipts.statuses import hub_outcome, status_of
from archiver.receipts.tabular import Column, Judge, column_names, read_lines, read_parquet
from archiver.values import parse_amount, parse_instant

_IDS = ("event_id", "event_name")
_REQUIRED = ("event_id", "outcome", "attempted_at")

COLUMNS_KEY = "receipts_columns"


@dataclass(frozen=True)
class Feed:
    """What is known of a feed's columns and words before the configuration says more.

    Attributes:
        columns: our column to the feed's names for it, the first that a file has; empty: the feed
            has none. A column left out has our name.
        outcomes: the feed's word to our outcome; empty: our four words.
        final_by_code, open_by_code: words whose outcome the HTTP status in `code` decides: the
            hub has given up, or will try again.
        not_attempts: words that tell of no finished attempt; such a row holds no receipt.
        words_as_codes: words that stand as the receipt's code, whatever `code` holds.
        told_by: sets of columns; a file that has all of one is of this feed.
        unlisted: the outcome of a row with a word that is not known, or with none; None: it is
            quarantined.
        has_replies: `message` may hold the destination's reply, a code in which goes before the
            word and the HTTP status, unless the configuration has that word.
        is_for_all: a row without a value where the filter looks concerns every destination.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    final_by_code: frozenset[str] = frozenset()
    open_by_code: frozenset[str] = frozenset()
    not_attempts: frozenset[str] = frozenset()
    words_as_codes: frozenset[str] = frozenset()
    told_by: tuple[frozenset[str], ...] = ()
    unlisted: Outcome | None = None
    has_replies: bool = False
    is_for_all: bool = False

    def has_columns(self, names: Collection[str]) -> bool:
        """Whether a file with these columns is of this feed."""
        return any(told <= set(names) for told in self.told_by)


class RowFormat:
    """A feed that comes as NDJSON, as CSV or as Parquet, of which a record is a row."""

    name: str
    feed: Feed

    def detect(self, first_record: bytes) -> bool:
        """Its columns, in a JSON object or a CSV header."""
        return self.feed.has_columns(column_names(first_record))

    def has_columns(self, names: Collection[str]) -> bool:
        """Its columns, in a Parquet file."""
        return self.feed.has_columns(names)

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per row that is about an attempt for this destination."""
        columns = columns_of(self.feed, settings)
        return read_lines(lines, columns, COLUMNS_KEY, judge(self.feed, settings))

    def read_parquet(
        self, file: IO[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per row that is about an attempt for this destination."""
        columns = columns_of(self.feed, settings)
        return read_parquet(file, columns, COLUMNS_KEY, judge(self.feed, settings))


def columns_of(feed: Feed, settings: ReceiptSettings) -> list[Column]:
    """What is read of each row: COLUMNS, then those that the filter looks at."""
    columns = []
    for ours in COLUMNS:
        mapped = settings.columns.get(ours)
        theirs = feed.columns.get(ours, (ours,)) if mapped is None else (mapped,)
        is_needed = mapped is not None or ours in _REQUIRED
        columns.append(Column(ours, theirs, is_needed, is_id=ours in _IDS))
    filtered = (Column("receipts_filter", (name,), is_needed=True) for name in settings.filter)
    return [*columns, *filtered]


def judge(feed: Feed, settings: ReceiptSettings) -> Judge[Parsed | BadRecord]:
    """The function that makes a receipt of one row's cells, in the order of `columns_of`."""
    outcomes = _outcomes(feed, settings)
    wanted = list(settings.filter.values())
    overridden = {word.strip().casefold() for word in settings.outcomes}
    not_attempts = feed.not_attempts - overridden
    by_code = {
        **dict.fromkeys(feed.final_by_code - overridden, True),
        **dict.fromkeys(feed.open_by_code - overridden, False),
    }
    accepting = {word for word, outcome in feed.outcomes.items() if outcome == "accepted"}
    answered = (accepting - overridden) | by_code.keys()
    replies = api_log_reader(settings.destination_type) if feed.has_replies else None
    # Most words are looked up as they are, and need no folding.
    is_simple = not (not_attempts or by_code or feed.words_as_codes)
    known = ", ".join(dict.fromkeys((*outcomes, *by_code, *sorted(not_attempts))))

    def judged(number: int, cells: Sequence[Cell], text: str, data: bytes) -> Parsed | BadRecord:
        if wanted:
            for cell, ours in zip(cells[len(COLUMNS) :], wanted, strict=True):
                if cell is None and not feed.is_for_all:
                    return BadRecord(number, "no_filter_value", "", data)
                if cell is not None and str(cell) != ours:
                    return Parsed(number, [])
            cells = cells[: len(COLUMNS)]
        (
            event_id,
            event_name,
            event_time,
            word,
            code,
            message,
            attempted_at,
            request_id,
            attempt,
            value,
            currency,
        ) = cells
        word = None if word is None else str(word)
        plain = "" if is_simple or word is None else word.strip().casefold()
        if plain in not_attempts:
            return Parsed(number, [])
        instant = parse_instant(attempted_at)
        if instant is None:
            detail = "empty or absent" if attempted_at is None else "not a time"
            return BadRecord(number, "no_attempted_at", detail, data)
        if word is None and feed.unlisted is None:
            return BadRecord(number, "no_outcome", "", data)
        word = word or ""
        said = None
        if replies is not None and message is not None and plain in answered:
            said = body_verdicts(replies, status_of(code), str(message).encode(), 1)
        if said is not None:
            outcome: str | None = said[0].outcome
            code, message = said[0].code or code, said[0].message or message
        elif plain in by_code:
            outcome = hub_outcome(status_of(code), is_final=by_code[plain])
        else:
            outcome = outcomes.get(word) or outcomes.get(word.strip().casefold()) or feed.unlisted
        if outcome is None:
            detail = f"{shown(word)}; known: {known}"
            return BadRecord(number, "unknown_outcome", detail, data)
        receipt = Receipt(
            _text(event_id),
            _text(event_name),
            None if event_time is None else parse_instant(event_time),
            outcome,
            plain if plain in feed.words_as_codes else _text(code),
            _text(message),
            instant,
            _text(request_id),
            attempt_value(attempt),
            None if value is None else parse_amount(value),
            currency_value(_text(currency)),
            number,
            text,
        )
        return Parsed(number, [receipt])

    return judged


def _outcomes(feed: Feed, settings: ReceiptSettings) -> dict[str, str]:
    """The feed's words to outcomes, also without regard to case and white space around them."""
    generic = {} if settings.outcomes else {outcome: outcome for outcome in OUTCOMES}
    outcomes: dict[str, str] = {}
    for word, outcome in settings.outcomes.items():
        outcomes[word] = outcome
        outcomes.setdefault(word.strip().casefold(), outcome)
    for word, outcome in (feed.outcomes or generic).items():
        outcomes.setdefault(word, outcome)
    return outcomes


def _text(cell: Cell) -> str | None:
    return str(cell) if isinstance(cell, int) else cell
