"""One file per destination: names, fields, hashing, limits, windows, replies."""

from __future__ import annotations

from archiver.destinations.base import ApiLogReader, Destination
from archiver.destinations.custom import Custom
from archiver.destinations.ga4 import GoogleAnalytics4
from archiver.destinations.google_ads import GoogleAds
from archiver.destinations.meta_capi import MetaConversions
from archiver.destinations.requests import RequestBuilder
from archiver.destinations.segment_http import SegmentHttpApi
from archiver.destinations.snap_capi import SnapConversions
from archiver.destinations.tiktok_events import TikTokEvents

DESTINATIONS: tuple[Destination, ...] = (
    TikTokEvents(),
    MetaConversions(),
    GoogleAds(),
    SnapConversions(),
    GoogleAnalytics4(),
    Custom(),
)

ROUTES: tuple[RequestBuilder, ...] = (SegmentHttpApi(),)
"""Hubs that send to a destination on our behalf (`backfill --via`); none is configured."""


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


def request_builder(type_name: str) -> RequestBuilder | None:
    """What builds the requests of a type; None where nothing can.

    Raises:
        ValueError: unknown type.
    """
    kind = destination(type_name)
    return kind if isinstance(kind, RequestBuilder) else None


def can_build(type_name: str, preset: str, event_source: str) -> bool:
    """Whether requests of a type can be built for a preset and an event source.

    Raises:
        ValueError: unknown type.
    """
    kind = request_builder(type_name)
    return kind is not None and (preset, event_source) in kind.buildable


def route(name: str) -> RequestBuilder:
    """Look a route up by its name, as `--via` takes it.

    Raises:
        ValueError: unknown route; the message names the known ones.
    """
    for known in ROUTES:
        if known.type == name:
            return known
    names = ", ".join(known.type for known in ROUTES)
    raise ValueError(f"unknown route {name!r} (known: {names})")
