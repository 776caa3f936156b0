"""Which events are conversions, per destination, and which of them must not be delivered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from archiver.config import Config
from archiver.destinations import destination
from archiver.warehouse.content import Content


@dataclass(frozen=True)
class DestinationRules:
    """One destination's rules, ready to be applied.

    Attributes:
        destination: its name in the configuration.
        sources: the sources that count; empty for all.
        names: (call type, event or None for any) → the destination's event name.
        integration: its key in Segment's `integrations`.
    """

    destination: str
    sources: frozenset[str]
    names: dict[tuple[str, str | None], str]
    integration: str

    def event_name(self, source: str, call_type: str | None, event: str | None) -> str | None:
        """The destination's name for an event that must reach it, else None."""
        if call_type is None or (self.sources and source not in self.sources):
            return None
        name = self.names.get((call_type, event)) if event is not None else None
        return name or self.names.get((call_type, None))

    def suppressed_reason(self, content: Content) -> str | None:
        """`integration_off` where the event itself switches the destination off."""
        if not content.integrations:
            return None
        off = content.integrations.get(self.integration, content.integrations.get("All", False))
        return "integration_off" if off else None


def configured_rules(config: Config) -> list[DestinationRules]:
    """The rules of all destinations in the configuration, by name."""
    rules = []
    for name, settings in sorted(config.destinations.items()):
        kind = destination(settings.type)
        rules.append(
            DestinationRules(
                destination=name,
                sources=frozenset(settings.sources),
                names={
                    (rule.call_type, rule.event): rule.destination_event
                    for rule in kind.rules(settings.preset)
                },
                integration=settings.integration or kind.integration_name(settings.event_source),
            )
        )
    return rules


def fingerprint(rules: list[DestinationRules]) -> str:
    """A hash that changes when any rule does."""
    text = json.dumps(
        [
            [r.destination, sorted(r.sources), sorted(map(str, r.names.items())), r.integration]
            for r in rules
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
