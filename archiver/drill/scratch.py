"""The drill's own workspace: the user's settings for one destination, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from archiver.config import Config, DestinationSettings, load_config

TOKEN_VARIABLE = "ARCHIVER_DRILL_TOKEN"
TOKEN = "token-of-the-drill"
ACCOUNT = "DRILLACCOUNT"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# What is about the user's own feeds and past is not copied; hosts, secrets and sources are others.
_LEFT_OUT = frozenset(
    {
        "exclude",
        "upload_as",
        "receipts_format",
        "receipts_columns",
        "receipts_outcomes",
        "receipts_filter",
        "totals",
        "totals_tolerance",
        "reports",
        "coverage",
    }
)


def make_workspace(
    folder: Path, config: Config, name: str, *, base_url: str, max_events: int | None
) -> Config:
    """Write a configuration for the drill, and read it back.

    Args:
        folder: an empty folder.
        config: the user's configuration.
        name: the destination that is drilled.
        base_url: where the stand-in is.
        max_events: most events in a request, so that the backfill has several; None: as the user
            has it.

    Returns:
        The drill's configuration. No environment variable has a say in it.
    """
    about = config.destination(name)
    sources = about.sources[:2] or sorted(config.sources)[:1] or ["drill"]
    own: dict[str, Any] = {
        "sources": sources,
        "base_url": base_url,
        "token_env": TOKEN_VARIABLE,
        "receipts": ["receipts/*.ndjson"],
    }
    if about.event_source_id is None:
        own["event_source_id"] = ACCOUNT
    if max_events is not None:
        own["max_events"] = max_events
    document = {
        "archive": {"root": "data/archive"},
        "warehouse": {"path": "data/warehouse"},
        "sources": {source: {"paths": [f"inbound/{source}/*.ndjson"]} for source in sources},
        "destinations": {name: {**_copied(about), **own}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "archiver.toml"
    path.write_text(as_toml(document), encoding="utf-8")
    return load_config(path, {})


def _copied(about: DestinationSettings) -> dict[str, Any]:
    """The settings that are not at their default, as TOML values."""
    found = {}
    for field in msgspec.structs.fields(type(about)):
        value = getattr(about, field.name)
        if field.encode_name in _LEFT_OUT or value in (None, field.default, [], {}):
            continue
        found[field.encode_name] = (
            f"{value.total_seconds():.6f}s"
            if isinstance(value, timedelta)
            else _without_none(msgspec.to_builtins(value))
        )
    return found


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


def as_toml(document: Mapping[str, Any]) -> str:
    """A TOML document of tables of tables; what is deeper is written inline."""
    parts = []
    for section, table in document.items():
        is_deep = all(isinstance(inner, dict) for inner in table.values()) and table
        tables = (
            {f"{section}.{_key(name)}": inner for name, inner in table.items()}
            if is_deep
            else {section: table}
        )
        for heading, keys in tables.items():
            lines = [f"{_key(key)} = {_value(value)}" for key, value in keys.items()]
            parts.append("\n".join([f"[{heading}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
