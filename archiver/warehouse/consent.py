"""What an event itself says about a person's consent, as the hubs write it.

Sources: Segment's documentation of consent in Connections (`context.consent.categoryPreferences`,
category → boolean; a destination gets an event only where all its categories are true; a category
that is missing counts as false; confidence high. What Segment does with an empty `consent` beside
an `integrations` object is not copied). RudderStack's documentation of passing consent
(`context.consentManagement` with `allowedConsentIds`, `deniedConsentIds`, `provider` and
`resolutionStrategy`, `and` or `or`; confidence high; that only the denied ids decide, and that
another strategy counts as `and`: medium). Both let an event without the object through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archiver.warehouse.event_values import OBJECT, ValuePath, Values

Hub = Literal["segment", "rudderstack"]

_PREFERENCES: ValuePath = ("context", "consent", "categoryPreferences")
_MANAGEMENT: ValuePath = ("context", "consentManagement")
_DENIED: ValuePath = (*_MANAGEMENT, "deniedConsentIds")
_STRATEGY: ValuePath = (*_MANAGEMENT, "resolutionStrategy")


def hub_of(preset: str) -> Hub:
    """Whose consent record events have, by a destination's preset."""
    return "rudderstack" if preset == "rudderstack" else "segment"


def consent_paths(hub: Hub, categories: Sequence[str]) -> list[ValuePath]:
    """The paths that `is_refused` reads."""
    if not categories:
        return []
    if hub == "rudderstack":
        return [_MANAGEMENT, _DENIED, _STRATEGY]
    return [_PREFERENCES, *((*_PREFERENCES, category) for category in categories)]


def is_refused(hub: Hub, categories: Sequence[str], values: Values) -> bool:
    """Whether the event's consent record refuses what a destination needs.

    Args:
        hub: whose record it is.
        categories: what a person must have agreed to; empty: nothing.
        values: the event's values under `consent_paths`.
    """
    if hub == "segment":
        return values.get(_PREFERENCES) is OBJECT and not all(
            values.get((*_PREFERENCES, category)) is True for category in categories
        )
    if values.get(_MANAGEMENT) is not OBJECT:
        return False
    denied = values.get(_DENIED)
    refusals = [category in denied for category in categories] if isinstance(denied, list) else []
    return bool(refusals) and (all(refusals) if values.get(_STRATEGY) == "or" else any(refusals))
