"""Settings: one TOML file, typed, with unknown keys refused and environment overrides."""

from __future__ import annotations

from archiver.config.reading import load_config
from archiver.config.settings import Config, DestinationSettings, SourceSettings

__all__ = ["Config", "DestinationSettings", "SourceSettings", "load_config"]
