"""Delivers as a hub does: one event a request, with retries, each attempt logged."""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from archiver.destinations.requests import RequestBuilder, Requests, UnsendableEvent
from archiver.drill.standin import Account, Key
from archiver.drill.world import Happening, World
from archiver.texts import instant_text
from archiver.values import EPOCH

# When the hub tries again, as shares of its retry window.
_RETRIES = (0.004, 0.02, 0.07, 0.2, 0.45, 0.97)
_PATIENCE_SECONDS = 10.0
_DROPPED = 0.003
_DROPPED_IN_OUTAGE = 0.04


@dataclass(order=True)
class _Turn:
    at: datetime
    order: int
    happening: Happening = field(compare=False)
    attempt: int = field(compare=False)
    body: bytes = field(compare=False, default=b"")


class Hub:
    """The hub between the company and a destination.

    Args:
        name: the destination's name in the configuration, for the log.
        kind: what the destination's replies mean.
        requests: how its requests look.
        account: where they go.
        world: what there is to deliver.
        retry_window: how long it retries.
        secrets: the values of the environment variables that requests name.
        outage: from when to when more events than usual are lost inside the hub.
        chance: decides about those.
    """

    def __init__(
        self,
        *,
        name: str,
        kind: RequestBuilder,
        requests: Requests,
        account: Account,
        world: World,
        retry_window: timedelta,
        secrets: Mapping[str, str],
        outage: tuple[datetime, datetime],
        chance: random.Random,
    ) -> None:
        self._name = name
        self._kind = kind
        self._requests = requests
        self._account = account
        self._retry_window = retry_window
        self._path = _path(requests, secrets)
        self._headers = _headers(requests, secrets)
        self._log: list[tuple[datetime, bytes]] = []
        self._turns: list[_Turn] = []
        self.unsure: set[Key] = set()
        self.unbuildable: set[Key] = set()
        self.waiting: dict[Key, int] = {}
        for order, one in enumerate(world.happenings):
            if one.must_arrive and one.key is not None:
                drops = _DROPPED_IN_OUTAGE if outage[0] <= one.arrival < outage[1] else _DROPPED
                # Behind the feed's last attempt nobody could tell that one is missing.
                drops *= one.arrival < world.happenings[-1].arrival - 2 * retry_window
                if chance.random() >= drops:
                    self._push(_Turn(one.arrival + timedelta(seconds=2), order, one, 1))
            if one.has_twin and one.key is not None:
                self._push(_Turn(one.event_time or one.arrival, order, one, 0))

    def run_until(self, instant: datetime) -> None:
        """Make all attempts that are due before an instant."""
        while self._turns and self._turns[0].at < instant:
            turn = heapq.heappop(self._turns)
            key = turn.happening.key
            assert key is not None  # Only such are delivered.
            self.waiting[key] -= 1
            if turn.attempt == 0:
                happened = turn.happening.event_time or turn.at
                self._account.note_from_elsewhere(
                    turn.at, key.event, key.event_id, happened, "pixel"
                )
            else:
                self._attempt(turn, key)

    def log_until(self, instant: datetime) -> list[bytes]:
        """The lines of the attempts before an instant; each is given once."""
        ready = [line for at, line in self._log if at < instant]
        self._log = [(at, line) for at, line in self._log if at >= instant]
        return ready

    def _push(self, turn: _Turn) -> None:
        assert turn.happening.key is not None  # Only such are delivered.
        self.waiting[turn.happening.key] = self.waiting.get(turn.happening.key, 0) + 1
        heapq.heappush(self._turns, turn)

    def _attempt(self, turn: _Turn, key: Key) -> None:
        body = turn.body or self._body(turn.happening, key)
        answer = self._account.handle(turn.at, self._path, self._headers, body, "hub")
        is_heard = not answer.is_lost and answer.after_seconds < _PATIENCE_SECONDS
        status, reply = (answer.status, answer.body) if is_heard else (None, None)
        self._note(turn, body, status, reply)
        outcome = self._kind.judge(status, reply, 1).verdicts[0].outcome
        if outcome == "unknown":
            self.unsure.add(key)
        if outcome in ("failed", "unknown") and turn.attempt <= len(_RETRIES):
            later = turn.happening.arrival + self._retry_window * _RETRIES[turn.attempt - 1]
            at = max(later, turn.at + timedelta(seconds=1))
            if at <= turn.happening.arrival + self._retry_window:
                self._push(_Turn(at, turn.order, turn.happening, turn.attempt + 1, body))

    def _body(self, happening: Happening, key: Key) -> bytes:
        happened = happening.event_time or happening.arrival
        microseconds = (happened - EPOCH) // timedelta(microseconds=1)
        try:
            built = self._requests.build_event(
                happening.payload, key.event, key.event_id, microseconds
            )
        except UnsendableEvent:
            # The hub has a mapping for it that archiver does not know.
            self.unbuildable.add(key)
            return self._requests.body([_plain_item(self._kind.type, key, happened)], b"")
        return self._requests.body([built.item], built.root)

    def _note(self, turn: _Turn, body: bytes, status: int | None, reply: bytes | None) -> None:
        about = json.dumps(
            {
                "sent_at": instant_text(turn.at),
                "destination": self._name,
                "http_status": status,
                "attempt": turn.attempt,
                "response_body": None if reply is None else reply.decode(),
            }
        )
        self._log.append((turn.at, b'%s,"request_body":%s}' % (about[:-1].encode(), body)))


def _plain_item(type_name: str, key: Key, happened: datetime) -> bytes:
    """An event with the least that the destination takes."""
    seconds = int(happened.timestamp())
    person = hashlib.sha256(key.event_id.encode()).hexdigest()
    if type_name == "meta-capi":
        item = {
            "event_name": key.event,
            "event_time": seconds,
            "event_id": key.event_id,
            "action_source": "website",
            "user_data": {"external_id": [person]},
            "custom_data": {"value": 1, "currency": "USD"},
        }
    else:
        item = {
            "event": key.event,
            "event_time": seconds,
            "event_id": key.event_id,
            "user": {"external_id": [person]},
        }
    return json.dumps(item).encode()


def _path(requests: Requests, secrets: Mapping[str, str]) -> str:
    url = requests.url or ""
    for name, value in secrets.items():
        url = url.replace(f"${name}", value)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _headers(requests: Requests, secrets: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for header in requests.headers:
        value = header.value or ""
        if header.environment is not None:
            secret = secrets[header.environment]
            if header.scheme == "basic":
                secret = "Basic " + base64.b64encode(f"{secret}:".encode()).decode()
            value = f"Bearer {secret}" if header.scheme == "bearer" else secret
        found[header.name] = value
    return found
