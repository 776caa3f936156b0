"""The oracle's words: settings, events, receipts, verdicts, and how JSON is read.

Part of `oracle`, which see: written from DESIGN and docs/reconciliation.md, not from `archiver`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Any
from zoneinfo import ZoneInfo

GAP = ("conflict", "rejected", "ambiguous", "failed", "missing")
STATUSES = ("suppressed", "accepted", "pending", "unknown", *GAP)
UNNAMED = "(unnamed)"
NO_CURRENCY = "XXX"
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Stretch = tuple[datetime, datetime]  # Both ends included, on the grid of microseconds.


class Number(str):
    """A JSON number's own text: `json.loads(…, parse_int=Number, parse_float=Number)`."""

    __slots__ = ()


@dataclass(frozen=True)
class Condition:
    """A test on the value at a path: `is` takes one value or a tuple of them."""

    path: str | tuple[str, ...]
    test: str
    value: Any


@dataclass(frozen=True)
class Rule:
    """Which events count: `event` None is any of the type, `name` None the event's own.

    `is_folded`: case and white space around the event's name do not matter.
    """

    call_type: str
    event: str | None
    name: str | None
    is_ignored: bool = False
    filters: tuple[Condition, ...] = ()
    is_folded: bool = False

    def fits(self, call_type: str | None, event: str | None) -> bool:
        """Whether it decides for such an event."""
        if self.event is None or event is None:
            return self.call_type == call_type and self.event is None
        own, its = self.event, event
        if self.is_folded:
            own, its = own.strip().lower(), its.strip().lower()
        return self.call_type == call_type and own == its


@dataclass(frozen=True)
class MatchKey:
    """A place in which an id can be, and the steps that it goes through."""

    path: str | tuple[str, ...]
    transform: tuple[str, ...] = ()


@dataclass(frozen=True)
class Excluded:
    """A time, its end excluded, in which something else delivered what passes all filters."""

    start: datetime
    end: datetime
    filters: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Settings:
    """One destination. `rules`: its own, then the preset's; `arrival_lag`: of all its sources."""

    account_timezone: str
    rules: tuple[Rule, ...]
    preset: str = "segment"
    zones_before: tuple[tuple[datetime, str], ...] = ()
    match_keys: tuple[MatchKey, ...] = (MatchKey("messageId"),)
    filters: tuple[Condition, ...] = ()
    test_events: tuple[Condition, ...] = ()
    consent_categories: tuple[str, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    erased: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    arrival_lag: timedelta = timedelta(hours=6)
    integration: str = "TikTok Conversions"
    pixel: str = "none"
    dedup_window: timedelta | None = timedelta(hours=48)
    retry_window: timedelta = timedelta(hours=4)
    provisional_after: timedelta = timedelta(hours=72)
    max_age: timedelta | None = None
    reports: str = "all"
    totals_tolerance: float = 0.02
    coverage: str = "infer"
    incident_min: int = 10
    max_gap_ratio: float = 0.01
    min_gap: int = 5

    def day_of(self, instant: datetime) -> date:
        """The account day of an instant."""
        return instant.astimezone(self.zone_at(instant)).date()

    def zone_at(self, instant: datetime) -> ZoneInfo:
        """The account's zone then."""
        later = [(until, zone) for until, zone in self.zones_before if until > instant]
        return ZoneInfo(min(later)[1] if later else self.account_timezone)

    def end_of(self, day: date) -> datetime:
        """The midnight after a day, in the zone that held at that of today's zone."""
        today = datetime.combine(day + DAY, time(), ZoneInfo(self.account_timezone))
        then = self.zone_at(today.astimezone(UTC))
        return datetime.combine(day + DAY, time(), then).astimezone(UTC)


@dataclass(frozen=True)
class Event:
    """One archived occurrence. `body` is its JSON, parsed with `Number` for numbers."""

    source: str
    file_id: str
    record_number: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """One attempt; `is_upload`: of a backfill, so that it says nothing about the hub's feed."""

    event_id: str | None
    event_name: str | None
    event_time: datetime | None
    outcome: str
    attempted_at: datetime
    file_id: str
    record_number: int
    attempt: int | None = None
    code: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    is_upload: bool = False


@dataclass(frozen=True)
class Total:
    """A destination's or hub's own count: `kind` is delivered, received or attributed."""

    day: date
    event_name: str | None
    kind: str
    count: int
    reported_at: datetime
    file_id: str
    record_number: int


@dataclass
class Occurrence:
    """An event that a rule selects, typed. `ids`: tier and id, the event id first."""

    source: str
    file_id: str
    record_number: int
    message_id: str | None
    ids: list[tuple[int, str]]
    name: str
    event_time: datetime | None
    arrival: datetime | None
    order_id: str | None
    value: Decimal | None
    currency: str | None
    content: tuple[Any, ...]
    suppressed: str | None

    @property
    def event_id(self) -> str | None:
        """The id as the destination sees it."""
        return self.ids[0][1] if self.ids else None

    @property
    def place(self) -> tuple[str, int, str]:
        """Where it stands: decides between equal arrivals."""
        return self.file_id, self.record_number, self.source


@dataclass
class Conversion:
    """One match key, or one occurrence without an id, and what is said of it."""

    first: Occurrence
    arrival: datetime
    account_day: date
    variants: int
    orders: set[str]
    deadline: datetime | None
    receipts: list[Receipt] = field(default_factory=list)
    match_tier: int | None = None
    has_other_names: bool = False
    has_shared_key: bool = False
    deciding: Receipt | None = None
    is_settled: bool = False
    is_covered: bool = False
    status: str = ""
    reason: str | None = None

    @property
    def event_id(self) -> str | None:
        """The id as the destination sees it."""
        return self.first.event_id

    @property
    def name(self) -> str:
        """The destination's event name."""
        return self.first.name

    @property
    def outcome(self) -> str | None:
        """What all attempts come to."""
        return self.deciding.outcome if self.deciding else None


@dataclass
class DayRow:
    """One account day and destination event name."""

    provisional: bool
    counts: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    deadline: datetime | None = None


@dataclass(frozen=True)
class Incident:
    """An outage, a spell of refusals, or a silence."""

    diagnosis: str
    start: datetime
    end: datetime
    is_open: bool
    conversions: int = 0
    values: tuple[tuple[str, Decimal], ...] = ()
    source: str | None = None
    code: str | None = None
    ratio: Decimal | None = None
    first_safe_upload: datetime | None = None
    last_safe_upload: datetime | None = None


@dataclass(frozen=True)
class TotalRow:
    """One account day and event name: what is expected beside what others counted."""

    expected: int
    pending: int
    delivered: int | None
    received: int | None
    attributed: int | None
    compared_with: str | None
    difference: int | None
    is_over_tolerance: bool
    provisional: bool


@dataclass(frozen=True)
class Finding:
    """Something worth a look that changes no figure."""

    finding: str
    source: str
    message_id: str | None
    event_id: str | None
    event: str | None
    account_day: date | None


# --- reading JSON -------------------------------------------------------------------------------


def read_instant(value: Any) -> datetime | None:
    """ISO 8601, UTC where it has no offset, or a number of seconds or milliseconds."""
    if isinstance(value, Number):
        number = Decimal(value)
        seconds = number if abs(number) < 10**11 else number / 1000
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 10**6))
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant).astimezone(UTC)


def read_amount(value: Any) -> Decimal | None:
    """Exact, 18 decimals; thousands commas are allowed in text."""
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value if isinstance(value, Number) else value.replace(",", ""))
    except InvalidOperation:
        return None
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        return amount.quantize(Decimal(1).scaleb(-18))


def read_text(value: Any) -> str | None:
    """Text, or a number's own text; all else is absent."""
    return str(value) if isinstance(value, str) else None


def read_currency(value: Any) -> str | None:
    """Capitals without white space around; nothing but text is one."""
    if not isinstance(value, str) or isinstance(value, Number):
        return None
    return value.strip().upper() or None


def at_path(body: Any, path: str | tuple[str, ...]) -> Any:
    """The value at names, as they are or joined by dots; None where there is none."""
    for name in path.split(".") if isinstance(path, str) else path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def arrival(body: Mapping[str, Any]) -> datetime | None:
    """When the hub had it."""
    instants = (read_instant(body.get(key)) for key in ("receivedAt", "sentAt", "timestamp"))
    return next((instant for instant in instants if instant is not None), None)


def ids_of(body: Mapping[str, Any], settings: Settings) -> list[tuple[int, str]]:
    """Every id that the event has, each with its tier, in their order."""
    found = []
    for tier, key in enumerate(settings.match_keys, start=1):
        text = read_text(at_path(body, key.path))
        for step in key.transform:
            text = _step(text, step) if text else None
        if text:
            found.append((tier, text))
    return found


def _step(text: str, step: str) -> str:
    if step in ("md5", "sha1", "sha256"):
        return hashlib.new(step, text.encode()).hexdigest()
    return {"raw": text, "trim": text.strip(), "lower": text.lower(), "upper": text.upper()}[step]


def holds_true(condition: Condition, body: Mapping[str, Any]) -> bool:
    """Whether the event passes the test."""
    value, wanted = at_path(body, condition.path), condition.value
    if condition.test == "exists":
        return (value is not None) is wanted
    if condition.test in ("is", "is_not"):
        choices = wanted if isinstance(wanted, tuple) else (wanted,)
        return any(_is_equal(value, choice) for choice in choices) is (condition.test == "is")
    if condition.test == "matches":
        is_text = isinstance(value, str) and not isinstance(value, Number)
        return is_text and re.search(wanted, value) is not None
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        return False
    limit = Decimal(str(wanted))
    return {
        "at_least": number >= limit,
        "more_than": number > limit,
        "at_most": number <= limit,
        "less_than": number < limit,
    }[condition.test]


def _is_equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, int | float):
        return isinstance(value, Number) and Decimal(value) == Decimal(str(wanted))
    return isinstance(value, str) and not isinstance(value, Number) and value == wanted
