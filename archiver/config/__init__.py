"""Settings: one TOML file, typed, with unknown keys refused and environment overrides."""

from __future__ import annotations

from archiver.config.reading import load_config
from archiver.config.rule_settings import Condition, MatchKeySettings, RuleSettings, ZoneBefore
from archiver.config.settings import Config, DestinationSettings, SourceSettings

__all__ = [
    "Condition",
    "Config",
    "DestinationSettings",
    "MatchKeySettings",
    "RuleSettings",
    "SourceSettings",
    "ZoneBefore",
    "load_config",
]
