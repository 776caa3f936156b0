"""What the rest of archiver asks of a destination, and the small types that it answers with.

A destination is one object that meets `Destination`, in a file of its own, and one line in
`archiver.destinations.DESTINATIONS`. One whose direct API log can be judged is an `ApiLogReader`
too; one for which a backfill can be written and uploaded is a `RequestBuilder` (see `requests`). It
knows names, fields, limits and replies; it reads no files, sends nothing and knows no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol, TypeVar, runtime_checkable

Outcome = Literal["accepted", "rejected", "failed", "unknown"]
Confidence = Literal["high", "medium", "low", "none"]
T = TypeVar("T")

# Without a code in the body these say that nothing was taken; any other reply may have landed.
# Source: DESIGN §4.
_FAILED_STATUSES = frozenset({401, 403, 429, 500, 503})


@dataclass(frozen=True, slots=True)
class Rule:
    """An inbound event that the destination must get.

    Attributes:
        call_type: the `type` of the inbound event, as `track`.
        event: its `event`, exactly; None stands for any event of that type.
        destination_event: the name under which the destination knows it.
        is_folded: `event` is compared without regard to case and surrounding white space.
        event_sources: the event sources for which the rule stands; empty: for each.
    """

    call_type: str
    event: str | None
    destination_event: str
    is_folded: bool = False
    event_sources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MatchKey:
    """Where an event's id is, as the destination sees it.

    Attributes:
        path: names joined by dots, from the event's top level, as `properties.eventId`.
        transform: steps in their order, of `raw`, `trim`, `lower`, `upper`, `md5`, `sha1`,
            `sha256`; hashes are lower-case hex of UTF-8.
    """

    path: str
    transform: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold, and how many may be sent.

    Attributes:
        max_events: events in one request; None where no limit is documented.
        max_body_bytes: size of the request body; None where no limit is documented.
        max_age: age of the oldest event at sending time; None where no limit is documented.
        max_event_bytes: size of one event; None where no limit is documented.
        max_requests_per_second: None where no limit is documented.
    """

    max_events: int | None
    max_body_bytes: int | None
    max_age: timedelta | None
    max_event_bytes: int | None = None
    max_requests_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a destination, and from where.

    Attributes:
        topic: what it is about, as `max age`.
        statement: what is known.
        source: who says so.
        confidence: `high` the vendor or several independent implementations; `medium` one good
            implementation; `low` a single third party; `none` looked for and not found.
    """

    topic: str
    statement: str
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class RequestItem:
    """One event as a logged request names it.

    Attributes:
        event_id: the id sent; a JSON number keeps its text; None where absent or of another type.
        event_name: the destination's event name; None where absent or no text.
        event_time: when it happened, UTC; None where absent or unreadable.
        value: amount, scale 18; None where absent or unreadable.
        currency: as sent; None where absent or no text.
        rehearsal: code of a request that only asks whether it would be taken, as `validate_only`:
            nothing is recorded, whatever the reply says; None: the reply decides.
    """

    event_id: str | None
    event_name: str | None
    event_time: datetime | None
    value: Decimal | None
    currency: str | None
    rehearsal: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means for one event of the request.

    Attributes:
        outcome: `accepted`, `rejected`, `failed` or `unknown` (DESIGN §4).
        code: the body's code as text, else the HTTP status as text, else `no_reply`.
        message: the destination's words, if any.
    """

    outcome: Outcome
    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A judged reply.

    Attributes:
        request_id: the destination's id for the request; None where it gave none.
        verdicts: one for each event of the request, by position.
    """

    request_id: str | None
    verdicts: tuple[Verdict, ...]


class Destination(Protocol):
    """What archiver knows about every kind of destination.

    Attributes:
        type: name in the configuration.
        presets: whose mappings are known.
        event_sources: values of `event_source` that are known; empty where any is taken.
        dedup_window: how long a repeated event is recognised; None where it is not, or for a time
            that is not known.
        documentation: what is known, and from where.
    """

    @property
    def type(self) -> str: ...  # noqa: D102 - described above, like those that follow
    @property
    def presets(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def event_sources(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def dedup_window(self) -> timedelta | None: ...  # noqa: D102
    @property
    def documentation(self) -> tuple[Fact, ...]: ...  # noqa: D102

    def limits(self, event_source: str) -> Limits:
        """What one request may hold; raises ValueError for an unknown event source."""
        ...

    def takes_pixel(self, event_source: str) -> bool:
        """Whether a browser pixel may have counted the same events, so that `pixel` must be set.

        Raises:
            ValueError: unknown event source.
        """
        ...

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """The destination's key in an event's `integrations`, as the preset's hub names it.

        Returns:
            The name, exactly; None where none is known, so that only `All` counts.

        Raises:
            ValueError: unknown event source or preset.
        """
        ...

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """The inbound events that must reach the destination; empty where only the user knows.

        Raises:
            ValueError: unknown preset; the message names the known ones.
        """
        ...

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """Where the hub takes the event id from, the first that an event has.

        Raises:
            ValueError: unknown preset; the message names the known ones.
        """
        ...


@runtime_checkable
class ApiLogReader(Destination, Protocol):
    """A destination whose logged requests and replies can be judged."""

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart.

        Args:
            body: the request body: its JSON text (numbers keep their text), a JSON string that
                holds that text, or what it decodes to, with numbers as int or Decimal.

        Returns:
            One item per event, by position in the request; an event that is no JSON object gives
            an item of nothing but None.

        Raises:
            ValueError: no JSON, or no list of events in it.
        """
        ...

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide what a reply means for each event of its request.

        Args:
            http_status: HTTP status; None where there was no reply.
            reply: body of the reply: JSON text, or a JSON string that holds JSON text; None or
                anything else where there is none.
            items: events in the request.

        Returns:
            The reply's request id and `items` verdicts.
        """
        ...


def rules_of(kind: Destination, preset: str, event_source: str) -> tuple[Rule, ...]:
    """The inbound events that must reach a destination, for one of its event sources.

    Raises:
        ValueError: unknown preset; the message names the known ones.
    """
    return tuple(
        rule
        for rule in kind.rules(preset)
        if not rule.event_sources or event_source in rule.event_sources
    )


def outcome_of_status(http_status: int | None) -> Outcome:
    """The outcome where the body has no code: 401, 403, 429, 500, 503 failed, all else unknown."""
    return "failed" if http_status in _FAILED_STATUSES else "unknown"


def known(table: Mapping[str, T], name: str, what: str, destination_type: str) -> T:
    """Look a name up in what a destination knows.

    Raises:
        ValueError: the table does not have it; the message names those that it has.
    """
    if name not in table:
        raise ValueError(f"{destination_type} knows no {what} {name!r} (known: {', '.join(table)})")
    return table[name]


class Tabled:
    """A destination whose names and limits stand in tables: the look-ups of `Destination`.

    Attributes:
        type: as in `Destination`, like what follows from the tables below.
        source_limits: event source → limits.
        pixel_sources: event sources whose events may have a browser twin.
        preset_rules: preset → rules.
        preset_keys: preset → where the event id is.
        preset_integrations: preset → the key in `integrations`, or event source → key.
    """

    type: str
    source_limits: Mapping[str, Limits]
    pixel_sources: frozenset[str] = frozenset({"web"})
    preset_rules: Mapping[str, tuple[Rule, ...]]
    preset_keys: Mapping[str, tuple[MatchKey, ...]]
    preset_integrations: Mapping[str, str | Mapping[str, str]]

    @property
    def presets(self) -> tuple[str, ...]:
        """The presets that have rules."""
        return tuple(self.preset_rules)

    @property
    def event_sources(self) -> tuple[str, ...]:
        """The event sources that have limits."""
        return tuple(self.source_limits)

    def limits(self, event_source: str) -> Limits:
        """By the table; raises ValueError for an unknown event source."""
        return known(self.source_limits, event_source, "event_source", self.type)

    def takes_pixel(self, event_source: str) -> bool:
        """By the table; raises ValueError for an unknown event source."""
        self.limits(event_source)
        return event_source in self.pixel_sources

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """By the table; raises ValueError for an unknown event source or preset."""
        self.limits(event_source)
        name = known(self.preset_integrations, preset, "preset", self.type)
        return name if isinstance(name, str) else name[event_source]

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """By the table; raises ValueError for an unknown preset."""
        return known(self.preset_rules, preset, "preset", self.type)

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """By the table; raises ValueError for an unknown preset."""
        return known(self.preset_keys, preset, "preset", self.type)
