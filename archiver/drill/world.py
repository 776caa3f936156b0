"""Invents a week of inbound events for a destination's rules, and knows what must become of each.

What must reach the destination is decided here, by how an event is made, and not by asking the
warehouse afterwards: that is what the drill is judged against.
"""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from archiver.drill.people import People
from archiver.drill.satisfy import satisfied
from archiver.drill.scenario import WEEK_START, Scenario
from archiver.drill.standin import Key
from archiver.texts import instant_text
from archiver.values import parse_instant
from archiver.warehouse.event_values import ValueReader
from archiver.warehouse.match_keys import MESSAGE_ID, read_ids
from archiver.warehouse.rules import DestinationRules, ReadyRule

_HOUR = timedelta(hours=1)
_QUIET_PER_HOUR = 2.5
_BUSY_PER_HOUR = 22
_MOST_BUSY = 600


@dataclass
class Happening:
    """One inbound event occurrence.

    Attributes:
        source: the source that it comes from.
        arrival: when the hub got it, UTC.
        payload: its JSON text.
        key: the id and name under which the destination knows it; None where it has no id, or is
            for no destination.
        event_time: when it happened, UTC; None where it does not say.
        must_arrive: whether the hub delivers it.
        has_twin: the browser's pixel delivers it too, under the same id.
    """

    source: str
    arrival: datetime
    payload: bytes
    key: Key | None = None
    event_time: datetime | None = None
    must_arrive: bool = False
    has_twin: bool = False


@dataclass
class World:
    """What happened in the week.

    Attributes:
        happenings: by arrival.
        expected: the events that must reach the destination, with their times.
        arrivals: when the hub first got each of them.
        forbidden: the events that must not.
        conflicting: ids that stand for different contents.
        conversions: occurrences that some rule selects.
        notes: what could not be invented, and why.
    """

    happenings: list[Happening] = field(default_factory=list)
    expected: dict[Key, datetime | None] = field(default_factory=dict)
    arrivals: dict[Key, datetime] = field(default_factory=dict)
    forbidden: set[Key] = field(default_factory=set)
    conflicting: set[Key] = field(default_factory=set)
    conversions: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Kind:
    """Events that one rule selects: their type, their name here and at the destination."""

    rule: ReadyRule
    call_type: str
    event: str
    name: str


def invent(scenario: Scenario, rules: DestinationRules, *, pixel: str) -> World:
    """The inbound events of a drill.

    Args:
        scenario: the instants.
        rules: what must reach the destination.
        pixel: with `same_id`, part of the events has a twin.
    """
    return _Inventor(scenario, rules, pixel).invent()


class _Inventor:
    def __init__(self, scenario: Scenario, rules: DestinationRules, pixel: str) -> None:
        self._scenario = scenario
        self._rules = rules
        self._pixel = pixel
        self._chance = random.Random(f"world/{scenario.seed}")
        self._people = People(self._chance)
        self._sources = sorted(rules.sources)
        self._reader = ValueReader([key.path for key in rules.keys if key.path != MESSAGE_ID])
        self._world = World()

    def invent(self) -> World:
        kinds = [kind for kind in self._kinds() if self._can_make(kind)]
        if not kinds:
            self._world.notes.append("no rule selects anything that could be invented")
        for arrival in self._arrivals():
            if kinds and self._chance.random() > 0.08:
                self._conversion(self._chance.choice(kinds), arrival)
            else:
                self._bystander(arrival)
        self._world.happenings.sort(key=lambda one: one.arrival)
        for key in self._world.forbidden:
            self._world.expected.pop(key, None)
        return self._world

    def _kinds(self) -> list[_Kind]:
        found: dict[tuple[str, str], _Kind] = {}
        for rule in self._rules.rules:
            if rule.is_ignored:
                continue
            event = rule.event or ("Drill" if rule.call_type == "track" else "Home")
            named = event if rule.call_type == "track" else None
            selected = self._rules.select(rule.call_type, named)
            if selected is not None and selected.rule is rule:
                found.setdefault(
                    (rule.call_type, event), _Kind(rule, rule.call_type, event, selected.name)
                )
        return list(found.values())

    def _can_make(self, kind: _Kind) -> bool:
        if self._wanted(kind, self._people.event(kind.call_type, kind.event, WEEK_START)) is None:
            self._world.notes.append(
                f"the conditions for {kind.event!r} could not be satisfied: no such event is in "
                "the drill"
            )
            return False
        return True

    def _wanted(self, kind: _Kind, event: dict[str, Any]) -> dict[str, Any] | None:
        conditions = (*self._rules.filter, *kind.rule.filter)
        return satisfied(event, conditions, self._rules.test_events)

    def _arrivals(self) -> list[datetime]:
        scenario = self._scenario
        busy_from, busy_to = scenario.outage_start - 3 * _HOUR, scenario.recovery + 2 * _HOUR
        busy = min(_BUSY_PER_HOUR, _MOST_BUSY / ((busy_to - busy_from) / _HOUR))
        found = []
        hour = WEEK_START
        while hour < scenario.end:
            rate = busy if busy_from <= hour < busy_to else _QUIET_PER_HOUR
            count = int(rate) + (self._chance.random() < rate % 1)
            found += [hour + self._chance.random() * _HOUR for _ in range(count)]
            hour += _HOUR
        return sorted(
            one.replace(microsecond=one.microsecond // 1000 * 1000)
            for one in found
            if one < scenario.end
        )

    def _bystander(self, arrival: datetime) -> None:
        """An event that no rule selects."""
        event = self._people.event("identify", "", arrival)
        if self._rules.select("identify", None) is None:
            self._add(event, arrival)

    def _conversion(self, kind: _Kind, arrival: datetime) -> None:
        chance, world = self._chance, self._world
        made = self._people.event(kind.call_type, kind.event, arrival)
        event = self._wanted(kind, made)
        if event is None:
            return
        world.conversions += 1
        event = self._varied(kind, event, arrival)
        self._set_ids(event)
        is_off = chance.random() < 0.04
        if is_off:
            name = self._rules.integration if chance.random() < 0.5 else None
            event["integrations"] = {name or "All": False}
        elif self._rules.consent_categories:
            self._consent(event)
        one = self._add(event, arrival, kind, must_arrive=not is_off)
        if one.key is None:
            return
        if is_off:
            world.forbidden.add(one.key)
        else:
            world.expected[one.key] = one.event_time
            world.arrivals[one.key] = arrival
        if chance.random() < 0.08:
            again = arrival + timedelta(seconds=chance.randint(1, 900))
            self._repeat(event, again, kind, is_off=is_off)

    def _repeat(self, event: dict[str, Any], at: datetime, kind: _Kind, *, is_off: bool) -> None:
        """The same event again; now and then with other contents, or switched off meanwhile."""
        again = copy.deepcopy(event) | {"sentAt": instant_text(at), "receivedAt": instant_text(at)}
        luck = self._chance.random()
        if luck < 0.15 and "properties" in again:
            again["properties"]["value"] = again["properties"]["revenue"] = 0.5
            self._different(again, at, kind)
            return
        if luck < 0.3:
            again["integrations"] = {"All": False}
            is_off = True
        one = self._add(again, at, kind, must_arrive=not is_off)
        self._world.conversions += 1
        if is_off and one.key is not None:
            self._world.forbidden.add(one.key)

    def _different(self, event: dict[str, Any], at: datetime, kind: _Kind) -> None:
        """The same id with another amount."""
        one = self._add(event, at, kind, must_arrive=True)
        self._world.conversions += 1
        if one.key is not None:
            self._world.conflicting.add(one.key)

    def _varied(self, kind: _Kind, made: dict[str, Any], arrival: datetime) -> dict[str, Any]:
        """Phones that were offline, events without a time, currencies that nobody takes."""
        luck = self._chance.random()
        if luck >= 0.08:
            return made
        event = copy.deepcopy(made)
        if luck < 0.06:
            earlier = instant_text(arrival - timedelta(minutes=self._chance.randint(5, 20 * 60)))
            event["timestamp"] = event["originalTimestamp"] = earlier
        elif luck < 0.07:
            del event["timestamp"], event["originalTimestamp"]
        elif "properties" in event:
            event["properties"]["currency"] = "dollars"
        return event if self._wanted(kind, event) == event else made

    def _set_ids(self, event: dict[str, Any]) -> None:
        """An id of its own wherever the destination may look for one; a few have none at all."""
        luck = self._chance.random()
        if luck < 0.01:
            del event["messageId"]
        paths = [key.path for key in self._rules.keys if key.path != MESSAGE_ID]
        uses_message_id = any(key.path == MESSAGE_ID for key in self._rules.keys)
        for path in paths:
            if luck >= 0.01 and (not uses_message_id or self._chance.random() < 0.4):
                inside = event
                for name in path[:-1]:
                    inside = inside.setdefault(name, {})
                inside[path[-1]] = f"id-{self._chance.getrandbits(64):016x}"

    def _consent(self, event: dict[str, Any]) -> None:
        agreed = dict.fromkeys(self._rules.consent_categories, True)
        if self._chance.random() < 0.5:
            if self._rules.hub == "segment":
                event["context"]["consent"] = {"categoryPreferences": agreed}
            else:
                event["context"]["consentManagement"] = {"deniedConsentIds": []}

    def _add(
        self,
        event: dict[str, Any],
        arrival: datetime,
        kind: _Kind | None = None,
        *,
        must_arrive: bool = False,
    ) -> Happening:
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        source = self._sources[len(self._world.happenings) % len(self._sources)]
        one = Happening(source, arrival, payload.encode())
        self._world.happenings.append(one)
        if kind is not None:
            ids = read_ids(self._rules.keys, self._reader.read(payload), event.get("messageId"))
            one.event_time = parse_instant(event.get("timestamp"))
            if ids.event_id is not None:
                one.key = Key(kind.name, ids.event_id)
                one.must_arrive = must_arrive
                one.has_twin = self._pixel == "same_id" and self._chance.random() < 0.5
        return one
