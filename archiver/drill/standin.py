"""A stand-in for a destination's API: what it answers, and what it counted.

An `Account` is a pure state machine: it knows no socket and no clock. What it counted is its own
account of the truth, kept without anything that archiver knows about events or replies, so that
losses and double counts can be measured from outside.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from archiver.drill.faults import NO_FAULTS, Fault, Faults

Clock = Literal["arrival", "event"]

DEDUP_WINDOW = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network brings back.

    Attributes:
        status: HTTP status.
        body: the reply's bytes.
        headers: of the reply.
        after_seconds: how long it takes.
        is_lost: the connection breaks instead; status and body never arrive.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """How the destination knows an event."""

    event: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Count:
    """One time that an event was counted.

    Attributes:
        at: when its request was processed, UTC.
        event_time: when it happened, UTC.
        sender: who sent it, as far as whoever drives the stand-in says.
    """

    at: datetime
    event_time: datetime
    sender: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An event for whose sake a request was refused.

    Attributes:
        is_too_old: it was too old by then; otherwise it is wrong in itself.
        sender: who sent it.
    """

    key: Key
    is_too_old: bool
    sender: str


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a request that was taken."""

    event: str
    event_id: str | None
    event_time: datetime


class Refusal(Exception):
    """A request that is refused as a whole.

    Args:
        answer: the reply.
        is_too_old: an event is at fault for its age.
    """

    def __init__(self, answer: Answer, *, is_too_old: bool = False) -> None:
        super().__init__(answer.status)
        self.answer = answer
        self.is_too_old = is_too_old


class Account(ABC):
    """One account at a destination (the base of each kind).

    Attributes:
        type: the destination's type in a configuration.
        counted: each event, with the times that it was counted.
        refused: events for whose sake a request was refused.
        without_id: events without an id, which nothing recognises.
        repetitions: events that were recognised as repeated, and not counted.
        requests: POSTs.

    Args:
        source_id: its pixel, data set or event set; None: any.
        token: the access token that it takes; None: any that is not empty.
        dedup_clock: from when on the 48 hours count in which a repeated event is recognised: from
            the arrival of the first, or from the event's own time.
        names_rows: whether a refusal names the event at fault by its position.
        faults: what goes wrong, and when.
    """

    type = ""

    def __init__(
        self,
        source_id: str | None,
        *,
        token: str | None = None,
        dedup_clock: Clock = "arrival",
        names_rows: bool = True,
        faults: Faults = NO_FAULTS,
    ) -> None:
        self.source_id = source_id
        self.token = token
        self.dedup_clock: Clock = dedup_clock
        self.names_rows = names_rows
        self.faults = faults
        self.counted: dict[Key, list[Count]] = {}
        self.refused: list[Refused] = []
        self.without_id = 0
        self.repetitions = 0
        self.requests = 0

    @property
    def double_counts(self) -> dict[Key, list[Count]]:
        """The events that were counted more than once."""
        return {key: counts for key, counts in self.counted.items() if len(counts) > 1}

    @abstractmethod
    def takes(self, path: str) -> bool:
        """Whether a path is one of this kind of API."""

    def handle(
        self, at: datetime, path: str, headers: Mapping[str, str], body: bytes, sender: str = ""
    ) -> Answer:
        """Answer a POST.

        Args:
            at: the instant, UTC; never earlier than that of the call before.
            path: with the query.
            headers: names in any case.
            body: its bytes.
            sender: kept with what is counted.
        """
        self.requests += 1
        fault = self.faults.next(at)
        if fault is None:
            return self._processed(at, path, headers, body, sender)
        if fault.is_processed:
            answer = self._processed(at, path, headers, body, sender)
            if fault.kind == "slow":
                return Answer(answer.status, answer.body, answer.headers, fault.seconds)
            if answer.status >= 400:
                return answer
        return self._faulty(fault)

    def note_from_elsewhere(
        self, at: datetime, event: str, event_id: str, event_time: datetime, sender: str
    ) -> None:
        """Count an event that came another way, as through the browser's pixel."""
        self._count(at, Item(event, event_id, event_time), sender)

    def _processed(
        self, at: datetime, path: str, headers: Mapping[str, str], body: bytes, sender: str
    ) -> Answer:
        given = {name.lower(): value for name, value in headers.items()}
        try:
            data = self._read(path, given, body)
            items = [self._checked(at, row, item, sender) for row, item in enumerate(data)]
        except Refusal as refusal:
            return refusal.answer
        for item in items:
            self._count(at, item, sender)
        return self._accepted(len(items))

    def _checked(self, at: datetime, row: int, item: Any, sender: str) -> Item:
        try:
            return self._item(at, row, item)
        except Refusal as refusal:
            event, event_id = self._names(item)
            if isinstance(event, str) and isinstance(event_id, str):
                key = Key(event, event_id)
                self.refused.append(Refused(key, refusal.is_too_old, sender))
            raise

    def _count(self, at: datetime, item: Item, sender: str) -> None:
        if item.event_id is None:
            self.without_id += 1
            return
        counts = self.counted.setdefault(Key(item.event, item.event_id), [])
        if counts:
            began = counts[-1].at if self.dedup_clock == "arrival" else counts[-1].event_time
            if at <= began + DEDUP_WINDOW:
                self.repetitions += 1
                return
        counts.append(Count(at, item.event_time, sender))

    def _faulty(self, fault: Fault) -> Answer:
        if fault.kind == "reset":
            return Answer(0, b"", is_lost=True)
        if fault.kind == "throttled":
            waits = {"Retry-After": str(round(fault.seconds))} if fault.seconds else {}
            return self._throttled(waits)
        if fault.kind == "bad_token":
            return self._bad_token()
        if fault.kind == "unreadable":
            return Answer(fault.status, b"<html><h1>upstream error</h1></html>", _HTML)
        return self._server_error(fault.status)

    @abstractmethod
    def _read(self, path: str, headers: Mapping[str, str], body: bytes) -> list[Any]:
        """The events of a request; raises Refusal where it is not taken at all."""

    @abstractmethod
    def _item(self, at: datetime, row: int, item: Any) -> Item:
        """One of them; raises Refusal where the request is not taken for its sake."""

    @abstractmethod
    def _names(self, item: Any) -> tuple[Any, Any]:
        """Name and id of one of them, as far as it has them."""

    @abstractmethod
    def _accepted(self, items: int) -> Answer: ...

    @abstractmethod
    def _throttled(self, headers: Mapping[str, str]) -> Answer: ...

    @abstractmethod
    def _bad_token(self) -> Answer: ...

    @abstractmethod
    def _server_error(self, status: int) -> Answer: ...


_HTML = {"Content-Type": "text/html"}


def as_json(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """A reply with a JSON body."""
    text = json.dumps(document, separators=(",", ":")).encode()
    return Answer(status, text, {"Content-Type": "application/json", **(headers or {})})


def decoded(body: bytes, refuse: Callable[[str], Refusal]) -> dict[str, Any]:
    """A body's JSON object; raises what `refuse` makes where it is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise refuse("the body is no JSON") from None
    if not isinstance(found, dict):
        raise refuse("the body is no JSON object")
    return found


def is_currency(value: Any) -> bool:
    """Whether a currency is absent, or has the three letters of ISO 4217."""
    return value is None or (isinstance(value, str) and len(value) == 3 and value.isalpha())


def unix_seconds(value: Any) -> datetime | None:
    """An instant from whole Unix seconds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
