"""Which events are conversions, per destination, and which of them must not be delivered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from archiver.config import Config, DestinationSettings, RuleSettings
from archiver.config.rule_settings import ExcludedWindow
from archiver.destinations import destination
from archiver.destinations.base import Rule, rules_of
from archiver.values import EPOCH
from archiver.warehouse.conditions import ReadyCondition, all_hold, any_holds, ready
from archiver.warehouse.consent import Hub, consent_paths, hub_of, is_refused
from archiver.warehouse.content import Content
from archiver.warehouse.event_values import ValuePath, ValueReader, Values
from archiver.warehouse.match_keys import MESSAGE_ID, ReadyKey


@dataclass(frozen=True)
class ReadyRule:
    """One rule, ready to be applied.

    Attributes:
        call_type: the `type` of the event.
        event: its name; None: any event of the type.
        name: the destination's name for it; None: the event's own.
        is_folded: names are compared without regard to case and white space around them.
        is_ignored: the events are no conversions, whatever later rules say.
        filter: conditions that must all hold.
    """

    call_type: str
    event: str | None
    name: str | None
    is_folded: bool = False
    is_ignored: bool = False
    filter: tuple[ReadyCondition, ...] = ()

    def fits(self, call_type: str | None, event: str | None) -> bool:
        """Whether the rule is about events of that type and name."""
        if call_type != self.call_type:
            return False
        if self.event is None or event == self.event:
            return True
        return self.is_folded and event is not None and _folded(event) == _folded(self.event)


@dataclass(frozen=True)
class ReadyWindow:
    """A time in which something else delivered, ready to be applied.

    Attributes:
        starts_at, ends_at: microseconds since 1970; the end is excluded.
        filter: conditions that must all hold for an event to have been delivered so.
    """

    starts_at: int
    ends_at: int
    filter: tuple[ReadyCondition, ...] = ()

    def holds(self, happened_at: int, values: Values) -> bool:
        """Whether an event of that instant was delivered by something else."""
        return self.starts_at <= happened_at < self.ends_at and all_hold(self.filter, values)


@dataclass(frozen=True)
class Selected:
    """What a destination's rules say about events of one type and name.

    Attributes:
        rule: the rule that decides.
        name: the destination's name for them.
    """

    rule: ReadyRule
    name: str


@dataclass(frozen=True, kw_only=True)
class DestinationRules:
    """One destination's rules, ready to be applied.

    Attributes:
        destination: its name in the configuration.
        sources: the sources that count; empty for all.
        rules: the first that fits an event decides.
        keys: where the event id is, tier by tier.
        integration: its key in `integrations`; None: not known, so that only `All` counts.
        hub: whose consent record events have.
        consent_categories: what a person must have agreed to; empty: consent is not looked at.
        test_events: conditions any of which makes an event a test.
        filter: conditions that must all hold.
        exclude: windows in which something else delivered.
        reader: reads the values that all of this needs.
    """

    destination: str
    sources: frozenset[str] = frozenset()
    rules: tuple[ReadyRule, ...]
    keys: tuple[ReadyKey, ...] = (ReadyKey(MESSAGE_ID),)
    integration: str | None
    hub: Hub = "segment"
    consent_categories: tuple[str, ...] = ()
    test_events: tuple[ReadyCondition, ...] = ()
    filter: tuple[ReadyCondition, ...] = ()
    exclude: tuple[ReadyWindow, ...] = ()
    reader: ValueReader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", ValueReader(self._paths()))

    def select(self, call_type: str | None, event: str | None) -> Selected | None:
        """What becomes of events of a type and name; None where they are no conversions.

        So it is, too, where the rule leaves the name to the event and the event has none.
        """
        rule = next((rule for rule in self.rules if rule.fits(call_type, event)), None)
        if rule is None or rule.is_ignored:
            return None
        name = event if rule.name is None else rule.name
        return Selected(rule, name) if name else None

    def suppressed_reason(
        self, rule: ReadyRule, content: Content, values: Values, happened_at: int | None
    ) -> str | None:
        """Why an event must not be delivered, the first reason that holds; None where it must.

        Args:
            rule: the rule that selected it.
            content: what is read of every event.
            values: what `reader` read.
            happened_at: the event time, else the arrival, in microseconds since 1970; None where
                there is neither, or no window is excluded.
        """
        # Most destinations have no conditions, and most events say nothing of integrations.
        if content.integrations and self._is_switched_off(content.integrations):
            return "integration_off"
        if self.consent_categories and is_refused(self.hub, self.consent_categories, values):
            return "no_consent"
        if self.test_events and any_holds(self.test_events, values):
            return "test_event"
        if self.filter and not all_hold(self.filter, values):
            return "filtered"
        if rule.filter and not all_hold(rule.filter, values):
            return "filtered"
        if happened_at is None:
            return None
        return "excluded" if any(w.holds(happened_at, values) for w in self.exclude) else None

    def _is_switched_off(self, is_off: Mapping[str, bool]) -> bool:
        name = self.integration
        return is_off.get("All" if name is None or name not in is_off else name, False)

    def _paths(self) -> set[ValuePath]:
        conditions = [*self.test_events, *self.filter]
        for rule in self.rules:
            conditions += rule.filter
        for window in self.exclude:
            conditions += window.filter
        return {
            *(condition.path for condition in conditions),
            *(key.path for key in self.keys if key.path != MESSAGE_ID),
            *consent_paths(self.hub, self.consent_categories),
        }


def configured_rules(config: Config) -> list[DestinationRules]:
    """The rules of all destinations in the configuration, by name."""
    return [
        _destination_rules(name, settings) for name, settings in sorted(config.destinations.items())
    ]


def fingerprint(rules: Sequence[DestinationRules]) -> str:
    """A hash that changes whenever conversions or their suppression by rules may.

    Those that are suppressed as erased are told by `erased_fingerprint`.
    """
    return _hash([_definition(rule) for rule in rules])


def fingerprint_of(rule: DestinationRules) -> str:
    """The same hash for one destination, whatever its name."""
    return _hash(_definition(rule)[1:])


def _destination_rules(name: str, settings: DestinationSettings) -> DestinationRules:
    kind = destination(settings.type)
    own_keys = tuple(ReadyKey(key.names, key.steps) for key in settings.match_keys)
    preset_keys = (
        ReadyKey(tuple(key.path.split(".")), key.transform)
        for key in kind.match_keys(settings.preset)
    )
    return DestinationRules(
        destination=name,
        sources=frozenset(settings.sources),
        rules=(
            *map(_own_rule, settings.rules),
            *map(_preset_rule, rules_of(kind, settings.preset, settings.event_source)),
        ),
        keys=own_keys or tuple(preset_keys),
        integration=settings.integration
        or kind.integration_name(settings.event_source, settings.preset),
        hub=hub_of(settings.preset),
        consent_categories=tuple(settings.consent_categories),
        test_events=ready(settings.test_events),
        filter=ready(settings.filter),
        exclude=tuple(map(_window, settings.exclude)),
    )


def _window(window: ExcludedWindow) -> ReadyWindow:
    tick = timedelta(microseconds=1)
    return ReadyWindow(
        (window.from_ - EPOCH) // tick, (window.to - EPOCH) // tick, ready(window.filter)
    )


def _own_rule(rule: RuleSettings) -> ReadyRule:
    return ReadyRule(
        call_type=rule.type,
        event=rule.event,
        name=rule.name,
        is_ignored=rule.ignore,
        filter=ready(rule.filter),
    )


def _preset_rule(rule: Rule) -> ReadyRule:
    return ReadyRule(rule.call_type, rule.event, rule.destination_event, rule.is_folded)


def _folded(name: str) -> str:
    return name.strip().casefold()


def _definition(rules: DestinationRules) -> list[Any]:
    """All that decides about the rows, as JSON values; the destination's name comes first."""
    return [
        rules.destination,
        sorted(rules.sources),
        [
            [r.call_type, r.event, r.name, r.is_folded, r.is_ignored, _definitions(r.filter)]
            for r in rules.rules
        ],
        [[key.path, key.steps] for key in rules.keys],
        rules.integration,
        [rules.hub, sorted(rules.consent_categories)],
        _definitions(rules.test_events),
        _definitions(rules.filter),
        [[w.starts_at, w.ends_at, _definitions(w.filter)] for w in rules.exclude],
    ]


def _definitions(conditions: Sequence[ReadyCondition]) -> list[tuple[Any, ...]]:
    return [condition.definition for condition in conditions]


def _hash(definition: list[Any]) -> str:
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()[:16]
