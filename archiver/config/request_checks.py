"""The settings of backfills and uploads: each that cannot be meant is refused by its name."""

from __future__ import annotations

import math
import re
from urllib.parse import urlsplit

from archiver.config.request_settings import read_overrides
from archiver.config.settings import DestinationSettings
from archiver.destinations import request_builder
from archiver.destinations.requests import RequestSettings
from archiver.errors import ConfigError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def request_settings(settings: DestinationSettings) -> RequestSettings:
    """What a destination's requests need from its configuration, as it was checked."""
    return RequestSettings(
        event_source=settings.event_source,
        event_source_id=settings.event_source_id or "",
        preset=settings.preset,
        strict=settings.strict,
        overrides=read_overrides(settings.map),
        base_url=settings.base_url.rstrip("/") if settings.base_url else None,
        api_version=settings.api_version,
        token_env=settings.token_env,
        integration=settings.integration,
        as_csv=settings.upload_as == "csv",
    )


def check_requests(where: str, settings: DestinationSettings, doing: str) -> None:
    """Check limits, address, token and map.

    Raises:
        ConfigError: names the key.
    """
    for key in ("max_events", "max_body_bytes", "max_requests_per_second"):
        value = getattr(settings, key)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(doing, f"{where}.{key} must be above zero")
    if settings.base_url is not None:
        parts = urlsplit(settings.base_url)
        if parts.username is not None:
            raise ConfigError(
                doing,
                f"{where}.base_url holds credentials",
                "leave them out: secrets come from the environment only",
            )
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise ConfigError(
                doing,
                f"{where}.base_url is no scheme and host",
                "write https://host, or http://host:port",
            )
    if settings.token_env is not None and not _VARIABLE.fullmatch(settings.token_env):
        raise ConfigError(
            doing,
            f"{where}.token_env is no name of an environment variable",
            "write the variable's name; the token itself never stands in the configuration",
        )
    for index, window in enumerate(settings.exclude):
        if window.to <= window.from_:
            raise ConfigError(doing, f"{where}.exclude[{index}] ends before it starts")
    kind = request_builder(settings.type)
    try:
        overrides = read_overrides(settings.map)
        if kind is None and (overrides or settings.strict or settings.upload_as == "csv"):
            raise ValueError(f"archiver builds no requests of type {settings.type}")
        if kind is not None and (settings.preset, settings.event_source) in kind.buildable:
            kind.requests(request_settings(settings))
        elif kind is not None and (overrides or settings.strict):
            known = ", ".join(f"{preset} {source}" for preset, source in kind.buildable)
            raise ValueError(f"requests can be built for (preset and event source): {known}")
    except ValueError as error:
        raise ConfigError(doing, f"{where}: {error}") from None
