"""Values of `[nightly]` and of ages of feeds that have the right type and cannot be meant."""

from __future__ import annotations

import re
from datetime import timedelta

from archiver.config.night_settings import ALERT_KINDS
from archiver.config.settings import Config
from archiver.errors import ConfigError

_DAY = "write 36h or 2d"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A channel that hangs holds up the night.
_LONGEST_TIMEOUT = timedelta(minutes=1)


def check_night(config: Config, doing: str) -> None:
    """Refuse a night that judges no day, and feeds that are stale at any age."""
    if config.nightly.threshold_days < 1:
        raise ConfigError(
            doing,
            f"nightly.threshold_days is {config.nightly.threshold_days}: no day would be judged",
            "name at least 1",
        )
    ages = {"nightly.stale_after": config.nightly.stale_after}
    for name, source in config.sources.items():
        ages[f"sources.{name}.stale_after"] = source.stale_after
    for name, destination in config.destinations.items():
        ages[f"destinations.{name}.stale_after"] = destination.stale_after
    for key, age in ages.items():
        if age <= timedelta(0):
            raise ConfigError(doing, f"{key} must be longer than nothing", _DAY)


def check_alerts(config: Config, doing: str) -> None:
    """Refuse channels that could never hear anything, and times that cannot be meant."""
    for name, channel in config.channels.items():
        where = f"channels.{name}"
        if not _VARIABLE.fullmatch(channel.url_env):
            raise ConfigError(
                doing,
                f"{where}.url_env must be the name of an environment variable",
                "the address itself is a secret, and does not belong into the configuration",
            )
        for kind in channel.kinds:
            if kind not in ALERT_KINDS:
                raise ConfigError(
                    doing,
                    f"{where}.kinds: there is no {kind!r}",
                    f"known: {', '.join(ALERT_KINDS)}",
                )
    alerts = config.alerts
    if alerts.cooldown < timedelta(0):
        raise ConfigError(doing, "alerts.cooldown must not be below nothing", _DAY)
    for key in ("deadline_within", "timeout"):
        if getattr(alerts, key) <= timedelta(0):
            raise ConfigError(
                doing, f"alerts.{key} must be longer than nothing", "write 10s or 12h"
            )
    if alerts.timeout > _LONGEST_TIMEOUT:
        raise ConfigError(doing, "alerts.timeout is above a minute", "write 10s")
