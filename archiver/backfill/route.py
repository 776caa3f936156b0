"""How the events of a backfill get to their destination: which requests, within which limits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archiver.config import DestinationSettings
from archiver.config.request_checks import request_settings
from archiver.destinations import ROUTES, can_build, destination, request_builder, route
from archiver.destinations.base import Limits
from archiver.destinations.requests import RequestBuilder, Requests, RequestSettings
from archiver.errors import ConfigError
from archiver.reconcile.binding import max_age

HUBS = tuple(kind.type for kind in ROUTES)
"""Types that send an event again to other destinations, for `--via`."""


@dataclass(frozen=True)
class Route:
    """How the events get to their destination.

    Attributes:
        via: type of the hub that sends them again; None: straight to the destination.
        kind: whose requests they are, the destination's own or the hub's.
        requests: the requests.
        limits: of one request; the configured ones where they are set and the way is straight.
        is_hourly: events of one batch happened in the same UTC hour.
    """

    via: str | None
    kind: RequestBuilder
    requests: Requests
    limits: Limits
    is_hourly: bool


def route_of(name: str, settings: DestinationSettings, via: str | None = None) -> Route:
    """The way to a configured destination.

    Raises:
        ConfigError: archiver builds no requests for it, or `event_source_id` is not set.
    """
    doing = f"planning a backfill for {name}"
    if via is not None:
        return _via(doing, settings, via)
    kind = request_builder(settings.type)
    if kind is None or not can_build(settings.type, settings.preset, settings.event_source):
        raise ConfigError(
            doing,
            f"archiver cannot build requests of type {settings.type} with preset "
            f"{settings.preset!r} and event_source {settings.event_source!r} yet",
            f"--via {HUBS[0]} has the hub send them again; or see the last run in the table "
            "reconciliation, status missing or failed: archiver sql",
        )
    if not settings.event_source_id:
        raise ConfigError(
            doing,
            f"destinations.{name}.event_source_id is missing",
            "set it to the account's id for the event source, such as the pixel code",
        )
    limits = kind.limits(settings.event_source)
    return Route(
        None,
        kind,
        kind.requests(request_settings(settings)),
        replace(
            limits,
            max_events=settings.max_events or limits.max_events,
            max_body_bytes=settings.max_body_bytes or limits.max_body_bytes,
        ),
        max_age(settings) is not None,
    )


def has_verdicts(settings: DestinationSettings) -> bool:
    """Whether the destination says of an event that it was accepted."""
    kind = request_builder(settings.type)
    return kind is None or kind.has_verdicts


def integration_of(settings: DestinationSettings) -> str | None:
    """The destination's name in an event's `integrations`; None where none is known."""
    if settings.integration is not None:
        return settings.integration
    return destination(settings.type).integration_name(settings.event_source, settings.preset)


def _via(doing: str, settings: DestinationSettings, via: str) -> Route:
    kind = route(via)
    name = integration_of(settings)
    if name is None:
        raise ConfigError(
            doing,
            f"the name of this destination at the hub is not known, so {via} cannot single it out",
            "set destinations.NAME.integration to the key that events have in `integrations`",
        )
    preset, event_source = kind.buildable[0]
    if settings.preset != preset:
        raise ConfigError(
            doing,
            f"its preset is {settings.preset!r}, and {via} is how {preset} sends again",
            "leave --via out",
        )
    requests = kind.requests(
        RequestSettings(event_source, "", preset, strict=settings.strict, integration=name)
    )
    return Route(via, kind, requests, kind.limits(event_source), max_age(settings) is not None)
