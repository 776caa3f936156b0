"""Any other destination, known by the configuration alone: `type = "custom"`.

Its rules are those of `[[destinations.x.rules]]`; ids are the hub's, unless `match_keys` says
otherwise; receipts come in a generic feed or in a hub's format.
"""

from __future__ import annotations

from datetime import timedelta

from archiver.destinations.base import Fact, Limits, MatchKey, Rule, known

_TYPE = "custom"
_MATCH_KEYS = {
    "segment": (MatchKey("messageId"),),
    "rudderstack": (
        MatchKey("properties.eventId"),
        MatchKey("properties.event_id"),
        MatchKey("messageId"),
    ),
}
_FACTS = (
    Fact("everything", "what the configuration says; nothing is assumed", "-", "none"),
    Fact("ids", "messageId (segment); properties.eventId, properties.event_id, messageId "
         "(rudderstack), as in most of the hubs' mappings: match_keys overrides them",
         "segmentio/action-destinations; rudderlabs/rudder-transformer", "low"),
)  # fmt: skip


class Custom:
    """A destination of which archiver knows nothing by itself (see `Destination`)."""

    type = _TYPE
    presets = tuple(_MATCH_KEYS)
    event_sources: tuple[str, ...] = ()
    dedup_window: timedelta | None = None
    documentation = _FACTS

    def limits(self, event_source: str) -> Limits:
        """None that is known, for any event source."""
        return Limits(max_events=None, max_body_bytes=None, max_age=None)

    def takes_pixel(self, event_source: str) -> bool:
        """A pixel matters to backfills alone, and none is written for it."""
        return False

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """None but the configured one."""
        known(_MATCH_KEYS, preset, "preset", _TYPE)
        return None

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """None but the configured ones."""
        known(_MATCH_KEYS, preset, "preset", _TYPE)
        return ()

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """Where a preset's hub takes ids from, for most destinations."""
        return known(_MATCH_KEYS, preset, "preset", _TYPE)
