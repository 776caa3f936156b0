"""The words of the alerts: conditions, what a round could not see, and what was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias, get_args

import msgspec

Kind: TypeAlias = Literal["outage", "stale", "gap", "deadline", "failed", "quarantine", "schema"]
State: TypeAlias = Literal["opened", "updated", "resolved"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds, as ALERT_KINDS of the configuration has them."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong as of a round.

    Two conditions of different rounds are about the same where `key` is equal and, for an
    `outage`, their times meet: start, end and size are restated as more becomes known.

    Attributes:
        kind: what kind of thing.
        subject: what it is about, as one text: a destination, a source, a step, or `tiktok
            delivery_outage`.
        destination, source: whom it concerns; names of the configuration.
        diagnosis: of outages: as the reconciliation names it, or `api_failing`.
        since: when it began, UTC; of an API that fails, the first failing hour of the row.
        until: of outages of the reconciliation, the end of what is known of it; None: goes on.
        conversions: how many it concerns; None: it is not about conversions.
        values: currency → exact amount of those.
        recoverable: of those, how many can still be sent again; None: not known.
        deadline: the first instant, UTC, after which some can no longer be sent.
        account_timezone: IANA zone in which times are told beside UTC.
        details: lines for people. They may hold names of events as they came in, and never
            personal data or secrets.
        next_steps: commands to run next, in order.
        cause: conditions of one round with the same cause are told in one message. It need not be
            the same from round to round.
        size: what it grows by where that is not `conversions`: paths, bad records, days.
    """

    kind: Kind
    subject: str
    destination: str | None = None
    source: str | None = None
    diagnosis: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    conversions: int | None = None
    values: dict[str, Decimal] = {}
    recoverable: int | None = None
    deadline: datetime | None = None
    account_timezone: str | None = None
    details: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    cause: str = ""
    size: int | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about, without its times and its size."""
        return (
            self.kind,
            self.destination or "",
            self.source or "",
            self.diagnosis or "",
            self.subject,
        )

    @property
    def extent(self) -> int:
        """By how much it is wrong: it grows where this does."""
        return (self.conversions or 0) if self.size is None else self.size


@dataclass(frozen=True)
class Blind:
    """Conditions whose end a round could not see: it resolves none of them; None: any.

    Attributes:
        kind, destination, source, diagnosis, subject: of the conditions that are hidden.
        keep: diagnoses that are seen all the same.
    """

    kind: Kind | None = None
    destination: str | None = None
    source: str | None = None
    diagnosis: str | None = None
    subject: str | None = None
    keep: frozenset[str] = frozenset()

    def hides(self, condition: Condition) -> bool:
        """Whether the round could not see whether this still holds."""
        if condition.diagnosis in self.keep:
            return False
        return all(
            wanted is None or wanted == there
            for wanted, there in (
                (self.kind, condition.kind),
                (self.destination, condition.destination),
                (self.source, condition.source),
                (self.diagnosis, condition.diagnosis),
                (self.subject, condition.subject),
            )
        )


class FeedAge(Protocol):
    """What an alert needs to know of a feed (see archiver.report.staleness)."""

    @property
    def kind(self) -> str:
        """`source` or `destination`."""

    @property
    def name(self) -> str:
        """The name in the configuration."""

    @property
    def newest(self) -> datetime | None:
        """Its last sign of life, UTC; None: none ever."""

    @property
    def allowed(self) -> timedelta:
        """The age above which it is stale."""

    @property
    def since(self) -> datetime | None:
        """From when on it is missed, UTC."""

    @property
    def note(self) -> str:
        """Why it is stale, where its age does not say that; else empty."""


@dataclass(frozen=True)
class BadFile:
    """An inbound file with more bad records than `max_bad_ratio`.

    Attributes:
        source: whose; of receipts, the destination's name.
        path: the file.
        bad, records: bad records, and all.
    """

    source: str
    path: str
    bad: int
    records: int


@dataclass(frozen=True)
class FailedStep:
    """A step of the round, or of the round before, that failed.

    Attributes:
        step: as docs/nightly.md names it; `round` where a whole round died.
        name: the source or destination; None: none.
        error: why, in one line; no secrets, no personal data.
        command: `nightly` or `watch`: neither resolves what the other said, but for a nightly
            round, which does more.
    """

    step: str
    name: str | None
    error: str
    command: str = "nightly"


@dataclass(frozen=True)
class Sent:
    """A message that a channel took in this round."""

    channel: str
    alert_id: str
    state: str
    title: str


@dataclass(frozen=True)
class Failed:
    """A channel that did not take all that it was to be told.

    Attributes:
        channel: its name.
        why: no secrets.
        waiting: messages that it has not taken; they are tried again in the next round.
        since: when it failed first, UTC.
    """

    channel: str
    why: str
    waiting: int
    since: datetime

    def __str__(self) -> str:
        """One line, for people."""
        noun = "message waits" if self.waiting == 1 else "messages wait"
        since = f"since {self.since:%Y-%m-%d %H:%M} UTC"
        return f"channel {self.channel}: {self.why} ({since}; {self.waiting} {noun})"


@dataclass(frozen=True)
class Told:
    """What came of the alerts of a round.

    Attributes:
        opened, updated, resolved: titles of the alerts that changed in this round.
        sent: what channels took, also what was waiting from earlier rounds.
        failed: channels that failed: the round ends with exit code 4.
        open_alerts: how many are open now, by kind.
        is_past: the round was as of an instant long before the one last compared: nothing was
            compared, only what waited was sent.
    """

    opened: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    open_alerts: Mapping[str, int] = field(default_factory=dict)
    is_past: bool = False

    def as_json(self) -> dict[str, Any]:
        """For `nightly --json`: sent, resolved, failed."""
        return {
            "sent": [msgspec.to_builtins(sent) for sent in self.sent],
            "resolved": self.resolved,
            "failed": [msgspec.to_builtins(failed) for failed in self.failed],
        }
