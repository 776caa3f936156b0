"""What `explain` finds out about an id, as data: built in `explain`, rendered elsewhere.

Instants are UTC, amounts exact decimals. Nothing here holds a payload or personal data, and so
neither the words of a destination's reply, which can quote both. Texts come from outside and may
hold control characters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from archiver.texts import amount_text, instant_text


@dataclass(frozen=True)
class Find:
    """How an id finds an event.

    Attributes:
        found_as: message_id, order_id, event_id or further_id.
        destination: whose event id it is; None for the first two.
        key_tier: place of its key among the destination's match keys, from 1; None for others.
    """

    found_as: str
    destination: str | None = None
    key_tier: int | None = None


@dataclass(frozen=True)
class FoundOccurrence:
    """One archived occurrence of an event.

    Attributes:
        paths: every path under which its file was seen.
        format, container, imported_at: of its file.
        arrival_from: the field that gave the arrival; None where there is no time at all.
        type_issues: columns that were given and could not be typed.
        is_earliest: the one that the view `events` shows.
        differs_in: in what its content differs from the earliest; empty for a plain repetition.
    """

    source: str
    message_id: str | None
    file_id: str
    record_number: int
    paths: list[str]
    format: str | None
    container: str | None
    imported_at: datetime | None
    type: str | None
    event: str | None
    event_time: datetime | None
    arrival: datetime | None
    arrival_from: str | None
    order_id: str | None
    value: Decimal | None
    currency: str | None
    type_issues: list[str]
    is_earliest: bool
    differs_in: list[str]


@dataclass(frozen=True)
class ConversionOccurrence:
    """One occurrence of a conversion, of this event or of another with the same match key.

    Attributes:
        inbound_event: its name as it came in, or its call type.
        suppressed_reason: why this occurrence must not be delivered; None where it must.
        is_counted: the one that stands for the conversion.
        differs_in: in what its content differs from that one.
    """

    source: str
    message_id: str | None
    file_id: str
    record_number: int
    inbound_event: str | None
    arrival: datetime | None
    event_time: datetime | None
    order_id: str | None
    value: Decimal | None
    currency: str | None
    suppressed_reason: str | None
    is_counted: bool
    differs_in: list[str]


@dataclass(frozen=True)
class Attempt:
    """One delivery attempt that a receipt tells of.

    Attributes:
        relation: own, other_name, shared or none, as `sql/explain/attempts.sql` says.
        owner_id: the event id that the attempt belongs to; None where no conversion has its id.
        is_by_the_run: not later than the as-of of the run.
        is_deciding: of the conversion's own attempts by then, the one that decides.
        paths: every path under which the receipts file was seen.
    """

    destination: str
    relation: str
    owner_id: str | None
    event_id: str
    event_name: str | None
    attempted_at: datetime
    attempt: int | None
    outcome: str
    code: str | None
    request_id: str | None
    value: Decimal | None
    currency: str | None
    file_id: str
    record_number: int
    paths: list[str]
    is_by_the_run: bool
    is_deciding: bool


@dataclass(frozen=True)
class Status:
    """What a kept run says of a conversion: its row in `reconciliation`.

    Attributes:
        attempts, resolved_outcome, code: as the run saw them.
        match_tier: the lowest tier under which its own attempts were found; None: it has none.
        source, file_id, record_number: the occurrence that stood for it.
    """

    status: str
    reason: str | None
    account_day: date
    value: Decimal | None
    currency: str | None
    attempts: int
    resolved_outcome: str | None
    code: str | None
    match_tier: int | None
    backfill_deadline: datetime | None
    arrival: datetime
    source: str
    file_id: str
    record_number: int


@dataclass(frozen=True)
class RunOfDestination:
    """The kept run that was asked about a destination.

    Attributes:
        account_timezone: of the destination, at the run.
        from_day, to_day: account days that it has; None: no bound.
    """

    run_id: str
    as_of: datetime
    from_day: date | None
    to_day: date | None
    account_timezone: str


@dataclass(frozen=True)
class FoundFinding:
    """A finding of the run, beside the gap."""

    finding: str
    detail: str | None


@dataclass(frozen=True)
class FoundIncident:
    """An incident of the run that the conversion falls into; `ends_at` is excluded for hours.

    `is_open` is None in runs of versions that did not know.
    """

    diagnosis: str
    starts_at: datetime
    ends_at: datetime
    source: str | None
    code: str | None
    conversions: int
    is_open: bool | None


@dataclass(frozen=True)
class InBackfill:
    """A backfill that holds the conversion.

    Attributes:
        status: what it had then.
        settled_at, settled_outcome: the first attempt after the backfill's instant; None: none.
        voided_at: when it was declared void; None: it is not.
    """

    backfill_id: str
    run_id: str
    as_of: datetime
    created_at: datetime
    batch: str
    status: str
    settled_at: datetime | None
    settled_outcome: str | None
    voided_at: datetime | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of the configuration.

    Attributes:
        origin: as `rules[0]`, by its place among the destination's own rules, or `preset segment`.
        call_type: the `type` of the events that it is about.
        event: their name; None: any.
        name: the destination's name for them; None: the event's own.
        is_ignored: the rule keeps the events away.
    """

    origin: str
    call_type: str
    event: str | None
    name: str | None
    is_ignored: bool


@dataclass(frozen=True)
class Delivery:
    """What became of an event at one destination.

    Attributes:
        event: the destination's name for it; None where no rule selects it.
        event_id: its id as the destination sees it; None where it has none.
        key_tier: place of that id among the destination's match keys, from 1.
        further_ids: the ids of later tiers, in their order, None where a tier gives none.
        rule: the rule of today's configuration that decides about it; None where none does.
        retry_ends_at: end of the hub's retries; None where unknown.
        occurrences: all of the conversion, also those of other events with its match key.
        attempts: its own, and those that only concern it, by time.
        run: None where the destination was never reconciled.
        status: None where the run has no such conversion.
        explanation: the status, or why there is none, in plain words.
        next_step: what can be done about it; None where nothing need be.
        notes: what has changed since the run.
    """

    destination: str
    event: str | None
    event_id: str | None
    key_tier: int | None
    further_ids: list[str | None]
    rule: Rule | None
    retry_ends_at: datetime | None
    occurrences: list[ConversionOccurrence]
    attempts: list[Attempt]
    run: RunOfDestination | None
    status: Status | None
    findings: list[FoundFinding]
    incidents: list[FoundIncident]
    backfills: list[InBackfill]
    explanation: str = ""
    next_step: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExplainedEvent:
    """One event: a source and message id, or without one a place in a file."""

    source: str
    message_id: str | None
    found_as: list[Find]
    occurrences: list[FoundOccurrence]
    deliveries: list[Delivery]


@dataclass(frozen=True)
class Explanation:
    """All that is known under one id.

    Attributes:
        id: what was asked for.
        events: the events that it finds, by arrival.
        unarchived: attempts under this id that concern none of them.
    """

    id: str
    events: list[ExplainedEvent]
    unarchived: list[Attempt]


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The document that `--json` prints: decimals as text, instants in ISO 8601 with Z."""
    document: dict[str, Any] = _plain(asdict(explanation))
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value
