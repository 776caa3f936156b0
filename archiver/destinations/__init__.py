"""One file per destination: names, fields, hashing, limits, windows, replies."""

from __future__ import annotations

from archiver.destinations.base import ApiLogReader, Destination, RequestBuilder
from archiver.destinations.custom import Custom
from archiver.destinations.google_ads import GoogleAds
from archiver.destinations.meta_capi import MetaConversions
from archiver.destinations.tiktok_events import TikTokEvents

DESTINATIONS: tuple[Destination, ...] = (TikTokEvents(), MetaConversions(), GoogleAds(), Custom())


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


def api_log_reader(type_name: str) -> ApiLogReader | None:
    """What judges the direct API log of a type; None where nothing can.

    Raises:
        ValueError: unknown type.
    """
    kind = destination(type_name)
    return kind if isinstance(kind, ApiLogReader) else None


def request_builder(type_name: str, preset: str) -> RequestBuilder | None:
    """What builds the requests of a type as a preset's hub would; None where nothing can.

    Raises:
        ValueError: unknown type.
    """
    kind = destination(type_name)
    if isinstance(kind, RequestBuilder) and preset in kind.buildable_presets:
        return kind
    return None
