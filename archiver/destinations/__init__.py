"""One file per destination: names, fields, hashing, limits, windows, replies."""

from __future__ import annotations

from archiver.destinations.base import Destination
from archiver.destinations.tiktok_events import TikTokEvents

DESTINATIONS: tuple[Destination, ...] = (TikTokEvents(),)


def destination(type_name: str) -> Destination:
    """Look up a destination by its type.

    Raises:
        ValueError: unknown type; the message names the known ones.
    """
    for known in DESTINATIONS:
        if known.type == type_name:
            return known
    names = ", ".join(known.type for known in DESTINATIONS)
    raise ValueError(f"unknown destination type {type_name!r} (known: {names})")
