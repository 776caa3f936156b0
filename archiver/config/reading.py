"""Reads the configuration file, with its unknown keys refused and the environment applied.

Paths are relative to the file. A variable overrides one key: `ARCHIVER_` and the key's path in
capitals, joined by underscores, as in `ARCHIVER_ARCHIVE_ROOT=/mnt/archive` or
`ARCHIVER_DESTINATIONS_TIKTOK_RETRY_WINDOW=6h`. Text needs no quotes; lists are written as in TOML.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from archiver.config.checks import check, own_folder
from archiver.config.night_settings import (
    AlertsSettings,
    Annotation,
    ChannelSettings,
    HousekeepingSettings,
    MetricsSettings,
    NightlySettings,
    ReportSettings,
    WatchSettings,
)
from archiver.config.settings import (
    ArchiveSettings,
    Config,
    DestinationSettings,
    PrivacySettings,
    SourceSettings,
    WarehouseSettings,
)
from archiver.errors import ConfigError
from archiver.nearest import nearest
from archiver.values import parse_instant

PREFIX = "ARCHIVER_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION_KEYS = {
    "retry_window",
    "provisional_after",
    "max_age",
    "dedup_window",
    "arrival_lag",
    "stale_after",
    "compact_after",
    "history",
    "keep_events",
    "keep_receipts",
    "keep_quarantine",
    "keep_runs",
    "cooldown",
    "deadline_within",
    "timeout",
}
_INSTANT_KEYS = {"account_timezone_before": ("until",), "exclude": ("from", "to")}
_WITH_OFFSET = re.compile(r"[T ]\d.*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)\s*", re.IGNORECASE)
# More is a slip, and leads out of the calendar.
_LONGEST = timedelta(days=36_500)
_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "archive": ArchiveSettings,
    "warehouse": WarehouseSettings,
    "privacy": PrivacySettings,
    "sources": SourceSettings,
    "destinations": DestinationSettings,
    "nightly": NightlySettings,
    "housekeeping": HousekeepingSettings,
    "report": ReportSettings,
    "alerts": AlertsSettings,
    "channels": ChannelSettings,
    "watch": WatchSettings,
    "metrics": MetricsSettings,
    "annotations": Annotation,
}
_NAMED_SECTIONS = {"sources", "destinations", "channels"}
_LISTED_SECTIONS = {"annotations"}


def load_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Read the file, apply the environment, check every value.

    Raises:
        ConfigError: the file is missing, is no TOML, or holds an unknown key or a bad value.
    """
    path = Path(os.path.abspath(path))
    doing = f"reading the configuration {path}"
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            doing, "there is no such file", "make one with `archiver init`, or name it: --config"
        ) from None
    except OSError as error:
        raise ConfigError(doing, error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(doing, f"it is not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(doing, f"it is not valid TOML: {error}") from None
    _override(raw, environment, doing)
    _refuse_unknown(raw, doing)
    _read_durations(raw, doing)
    _read_instants(raw, doing)
    settings: dict[str, Any] = {
        where: _converted(table, kind, where, doing) for where, kind, table in _tables(raw, doing)
    }
    config = Config(
        path=path,
        archive_root=own_folder("archive.root", settings["archive"].root, path, doing),
        warehouse_path=own_folder("warehouse.path", settings["warehouse"].path, path, doing),
        sources={name: settings[f"sources.{name}"] for name in raw.get("sources", {})},
        destinations={
            name: settings[f"destinations.{name}"] for name in raw.get("destinations", {})
        },
        erased=settings["privacy"].erased,
        nightly=settings["nightly"],
        housekeeping=settings["housekeeping"],
        report=settings["report"],
        alerts=settings["alerts"],
        channels={name: settings[f"channels.{name}"] for name in raw.get("channels", {})},
        watch=settings["watch"],
        metrics=settings["metrics"],
        annotations=sorted(
            (settings[f"annotations[{index}]"] for index in range(len(raw.get("annotations", [])))),
            key=lambda note: note.time,
        ),
    )
    check(config, doing)
    return config


def _converted(table: dict[str, Any], kind: type, where: str, doing: str) -> Any:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        message, _, key = str(error).replace("`", "").partition(" - at $")
        raise ConfigError(doing, f"{where}{key}: {message}", _words_hint(kind, key)) from None


def _words_hint(kind: type, path: str) -> str:
    """The words that a key takes, as `.totals[0].kind`; empty where it takes others as well."""
    found: Any = kind
    for name in re.findall(r"\.(\w+)", path):
        fields = {field.encode_name: field for field in msgspec.structs.fields(found)}
        if name not in fields:
            return ""
        found = fields[name].type
        inner = [of for of in get_args(found) if hasattr(of, "__struct_fields__")]
        found = inner[0] if inner else found
        if not hasattr(found, "__struct_fields__"):
            break
    parts = [found, *get_args(found)]
    words = [word for of in parts if get_origin(of) is Literal for word in get_args(of)]
    return f"known: {', '.join(words)}" if words else ""


def _tables(raw: dict[str, Any], doing: str) -> Iterator[tuple[str, type, dict[str, Any]]]:
    """Each table of settings that is there, with its dotted name and its type."""
    for section, kind in _SECTIONS.items():
        table = raw.get(section, {})
        if section in _LISTED_SECTIONS:
            yield from _listed(section, kind, table or [], doing)
            continue
        if not isinstance(table, dict):
            raise ConfigError(doing, f"{section} must be a table: [{section}]")
        if section not in _NAMED_SECTIONS:
            yield section, kind, table
            continue
        for name, inner in table.items():
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    doing,
                    f"[{section}.{name}] is no usable name",
                    "use letters, digits, dots, dashes and underscores",
                )
            if not isinstance(inner, dict):
                known = ", ".join(kind.__struct_fields__)
                raise ConfigError(
                    doing,
                    f"{section}.{name} must be a table of its own: [{section}.{name}]",
                    f"its keys: {known}",
                )
            yield f"{section}.{name}", kind, inner


def _listed(
    section: str, kind: type, tables: object, doing: str
) -> Iterator[tuple[str, type, dict[str, Any]]]:
    if not isinstance(tables, list) or not all(isinstance(inner, dict) for inner in tables):
        raise ConfigError(doing, f"{section} must be a list of tables", f"write [[{section}]]")
    for index, inner in enumerate(tables):
        yield f"{section}[{index}]", kind, inner


def _refuse_unknown(raw: dict[str, Any], doing: str) -> None:
    for section in raw:
        if section not in _SECTIONS:
            raise ConfigError(doing, f"unknown key {section!r}", nearest(section, _SECTIONS))
    for where, kind, table in _tables(raw, doing):
        _refuse_unknown_in(where, kind, table, doing)


def _refuse_unknown_in(where: str, kind: type, table: dict[str, Any], doing: str) -> None:
    """Refuse an unknown key of a table, or of the tables listed in it."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            raise ConfigError(doing, f"unknown key {key!r} in [{where}]", nearest(key, fields))
        elements = get_args(fields[key].type)
        if not elements or not hasattr(elements[0], "__struct_fields__"):
            continue
        if not isinstance(value, list):
            raise ConfigError(
                doing,
                f"{where}.{key} must be a list of tables",
                f"write [[{where}.{key}]], or {key} = [{{ … }}]",
            )
        for index, inner in enumerate(value):
            if isinstance(inner, dict):
                _refuse_unknown_in(f"{where}.{key}[{index}]", elements[0], inner, doing)


def _read_instants(raw: dict[str, Any], doing: str) -> None:
    """Read the instants of zones and windows: without an offset they would be nobody's clock."""
    for where, kind, table in _tables(raw, doing):
        if kind is Annotation and "time" in table:
            table["time"] = _read_instant(table["time"], f"{where}.time", doing)
        for key, names in _INSTANT_KEYS.items():
            for index, inner in enumerate(table.get(key, ())):
                for name in names if isinstance(inner, dict) else ():
                    if name in inner:
                        inner[name] = _read_instant(
                            inner[name], f"{where}.{key}[{index}].{name}", doing
                        )


def _read_instant(value: object, where: str, doing: str) -> datetime:
    instant = _instant(value)
    if instant is None:
        raise ConfigError(
            doing,
            f"{where} is {str(value)!r}, which is no instant with an offset",
            "write 2026-02-01T00:00:00Z, or 2026-02-01T00:00:00-05:00",
        )
    return instant


def _instant(value: object) -> datetime | None:
    if isinstance(value, str):
        return parse_instant(value) if _WITH_OFFSET.search(value) else None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return None


def _read_durations(raw: dict[str, Any], doing: str) -> None:
    for where, _, table in _tables(raw, doing):
        for key in _DURATION_KEYS & table.keys():
            value = table[key]
            match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
            if match is None:
                raise ConfigError(
                    doing,
                    f"{where}.{key} is {value!r}, which is no duration",
                    'write "90s", "30m", "4h" or "7d"',
                )
            seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
            if seconds > _LONGEST.total_seconds():
                raise ConfigError(
                    doing, f"{where}.{key} is {value!r}, over a century", "shorten it"
                )
            table[key] = timedelta(seconds=seconds)


def _override(raw: dict[str, Any], environment: Mapping[str, str], doing: str) -> None:
    """Set each key that an `ARCHIVER_` variable names; refuse one that names no key."""
    keys: dict[str, list[tuple[str, dict[str, Any], str, type]]] = {}
    for section in _SECTIONS:
        if section not in _NAMED_SECTIONS | _LISTED_SECTIONS:
            raw.setdefault(section, {})
    for where, kind, table in _tables(raw, doing):
        for key in kind.__struct_fields__:  # type: ignore[attr-defined]
            keys.setdefault(_variable(f"{where}.{key}"), []).append((where, table, key, kind))
    for variable, text in sorted(environment.items()):
        name = re.sub("_+", "_", variable)
        if not name.startswith(tuple(f"{PREFIX}{s.upper()}_" for s in _SECTIONS)):
            continue
        if name not in keys:
            close = difflib.get_close_matches(name, keys, n=1, cutoff=0.5)
            raise ConfigError(
                doing,
                f"the environment variable {variable} names no key of the file",
                f"did you mean {close[0]}?" if close else "",
            )
        if len(keys[name]) > 1:
            meant = " or ".join(f"{where}.{key}" for where, _, key, _ in keys[name])
            raise ConfigError(
                doing,
                f"the environment variable {variable} can mean {meant}",
                "set it in the file, or rename one of them",
            )
        ((_, table, key, kind),) = keys[name]
        table[key] = _from_text(text, key, kind, variable, doing)


def _variable(dotted: str) -> str:
    return PREFIX + re.sub(r"[^A-Z0-9]+", "_", dotted.upper())


def _from_text(text: str, key: str, kind: type, variable: str, doing: str) -> Any:
    field = next(f for f in msgspec.structs.fields(kind) if f.name == key)
    if field.type is str or key in _DURATION_KEYS or "str" in str(field.type).split("[")[0]:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if isinstance(field.default, str) or str(field.type).startswith("typing.Literal"):
            return text
        if "Literal" in str(field.type) or "str |" in str(field.type):
            return text
        raise ConfigError(
            doing,
            f"the environment variable {variable} holds {text!r}, which does not fit {key}",
            'numbers as 0.01, lists as ["a", "b"]',
        ) from None
