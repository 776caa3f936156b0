"""Settings: one TOML file, typed, with unknown keys refused and environment overrides.

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
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from archiver.errors import ConfigError

DEFAULT_FILE = "archiver.toml"
PREFIX = "ARCHIVER_"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h|d)$")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION_KEYS = {"retry_window", "provisional_after", "max_age", "dedup_window"}
_NAMED_SECTIONS = {"sources", "destinations"}
S = TypeVar("S")


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[archive]`: where the raw copy is kept."""

    root: str = "data/archive"


class WarehouseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[warehouse]`: the folder that analysts open."""

    path: str = "data/warehouse"


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[sources.NAME]`: where inbound files come from.

    Attributes:
        paths: files, folders or globs.
        format: `auto` detects by content; a format's name forces it.
        max_bad_ratio: share of bad records in one file above which `ingest` exits 4.
    """

    paths: list[str] = []
    format: str = "auto"
    max_bad_ratio: float = 0.01


class DestinationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[destinations.NAME]`: what must reach a destination, and how that is judged.

    Attributes:
        type: kind of destination, as `tiktok-events`.
        account_timezone: IANA zone of the ad account; account days are its calendar days.
        sources: the sources whose events count; empty for all.
        preset: whose event names, ids and fields are meant.
        event_source, event_source_id: the event set at the destination, needed by `backfill`.
        pixel: what the site's browser pixel does (DESIGN §7); a web destination must say.
        integration: the destination's name in Segment's `integrations`; the type knows a default.
        retry_window: how long the hub retries.
        provisional_after: age below which a day is marked provisional.
        max_age: oldest event that the destination takes; the type knows a default, if any.
        dedup_window: how long the destination recognises a repeated event.
        receipts: files, folders or globs of the receipts feed.
        receipts_format: `auto`, or a receipts format's name.
        receipts_columns: our column name to the feed's, for generic feeds.
        receipts_outcomes: the feed's word to our outcome, for generic feeds.
        reports: whether the feed reports `all` attempts or `failures` only.
        coverage: what the feed's silence means (DESIGN §4).
        max_gap_ratio, min_gap: a day above both makes `reconcile` exit 3.
        incident_min: conversions below which an hour neither starts nor ends an incident.
    """

    type: str
    account_timezone: str
    sources: list[str] = []
    preset: str = "segment"
    event_source: str = "web"
    event_source_id: str | None = None
    pixel: Literal["none", "same_id", "other_id"] | None = None
    integration: str | None = None
    retry_window: timedelta = timedelta(hours=4)
    provisional_after: timedelta = timedelta(hours=72)
    max_age: timedelta | None = None
    dedup_window: timedelta | None = None
    receipts: list[str] = []
    receipts_format: str = "auto"
    receipts_columns: dict[str, str] = {}
    receipts_outcomes: dict[str, str] = {}
    reports: Literal["all", "failures"] = "all"
    coverage: Literal["infer", "daily", "complete"] = "infer"
    max_gap_ratio: float = 0.01
    min_gap: int = 5
    incident_min: int = 10


class _File(msgspec.Struct, frozen=True, kw_only=True):
    archive: ArchiveSettings = ArchiveSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    sources: dict[str, SourceSettings] = {}
    destinations: dict[str, DestinationSettings] = {}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one project.

    Attributes:
        path: the configuration file, absolute.
        archive_root, warehouse_path: absolute folders.
        sources, destinations: settings by name.
    """

    path: Path
    archive_root: Path
    warehouse_path: Path
    sources: dict[str, SourceSettings]
    destinations: dict[str, DestinationSettings]

    @property
    def folder(self) -> Path:
        """The configuration file's folder, to which its paths are relative."""
        return self.path.parent

    def source(self, name: str) -> SourceSettings:
        """Settings of one source; raises ConfigError that names the nearest known one."""
        return _named(self.sources, name, "source", self.path)

    def destination(self, name: str) -> DestinationSettings:
        """Settings of one destination; raises ConfigError that names the nearest known one."""
        return _named(self.destinations, name, "destination", self.path)


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
    try:
        settings = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        raise ConfigError(doing, _explain(str(error))) from None
    for name, destination in settings.destinations.items():
        _check_destination(name, destination, settings, doing)
    for name, source in settings.sources.items():
        if not 0 <= source.max_bad_ratio <= 1:
            raise ConfigError(doing, f"sources.{name}.max_bad_ratio must lie between 0 and 1")
    return Config(
        path=path,
        archive_root=_absolute(path, settings.archive.root),
        warehouse_path=_absolute(path, settings.warehouse.path),
        sources=settings.sources,
        destinations=settings.destinations,
    )


def _absolute(path: Path, value: str) -> Path:
    return Path(os.path.abspath(path.parent / Path(value).expanduser()))


def _named(known: dict[str, S], name: str, what: str, path: Path) -> S:
    if name in known:
        return known[name]
    hint = f"known: {', '.join(sorted(known))}" if known else f"add [{what}s.{name}]"
    raise ConfigError(f"looking up the {what} {name!r} in {path}", "there is none", hint)


def _explain(message: str) -> str:
    match = re.match(r"(?s)(.*) - at `\$\.(.*)`$", message)
    return f"{match[2]}: {match[1]}" if match else message


def _nearest(name: str, known: Iterator[str] | list[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(names)}"


def _section_types() -> dict[str, type[msgspec.Struct]]:
    return {
        "archive": ArchiveSettings,
        "warehouse": WarehouseSettings,
        "sources": SourceSettings,
        "destinations": DestinationSettings,
    }


def _tables(raw: dict[str, Any], doing: str) -> Iterator[tuple[str, type, dict[str, Any]]]:
    """Each table of settings that is there, with its dotted name and its type."""
    for section, kind in _section_types().items():
        table = raw.get(section, {})
        if not isinstance(table, dict):
            raise ConfigError(doing, f"{section} must be a table: [{section}]")
        if section not in _NAMED_SECTIONS:
            yield section, kind, table
            continue
        for name, inner in table.items():
            if not _NAME.match(name):
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


def _refuse_unknown(raw: dict[str, Any], doing: str) -> None:
    for section in raw:
        if section not in _section_types():
            raise ConfigError(
                doing, f"unknown key {section!r}", _nearest(section, list(_section_types()))
            )
    for where, kind, table in _tables(raw, doing):
        known = list(kind.__struct_fields__)  # type: ignore[attr-defined]
        for key in table:
            if key not in known:
                raise ConfigError(doing, f"unknown key {key!r} in [{where}]", _nearest(key, known))


def _read_durations(raw: dict[str, Any], doing: str) -> None:
    for where, _, table in _tables(raw, doing):
        for key in _DURATION_KEYS & table.keys():
            value = table[key]
            match = _DURATION.match(value.strip()) if isinstance(value, str) else None
            if match is None:
                raise ConfigError(
                    doing,
                    f"{where}.{key} is {value!r}, which is no duration",
                    'write "90s", "30m", "4h" or "7d"',
                )
            table[key] = timedelta(seconds=float(match[1]) * _UNIT_SECONDS[match[2]])


def _override(raw: dict[str, Any], environment: Mapping[str, str], doing: str) -> None:
    """Set each key that an `ARCHIVER_` variable names; refuse one that names no key."""
    keys: dict[str, tuple[dict[str, Any], str, type]] = {}
    for section in _section_types():
        if section not in _NAMED_SECTIONS:
            raw.setdefault(section, {})
    for where, kind, table in _tables(raw, doing):
        for key in kind.__struct_fields__:  # type: ignore[attr-defined]
            keys[_variable(f"{where}.{key}")] = (table, key, kind)
    for variable, text in sorted(environment.items()):
        name = re.sub("_+", "_", variable)
        if not name.startswith(tuple(f"{PREFIX}{s.upper()}_" for s in _section_types())):
            continue
        if name not in keys:
            close = difflib.get_close_matches(name, keys, n=1, cutoff=0.5)
            raise ConfigError(
                doing,
                f"the environment variable {variable} names no key of the file",
                f"did you mean {close[0]}?" if close else "",
            )
        table, key, kind = keys[name]
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


def _check_destination(
    name: str, destination: DestinationSettings, settings: _File, doing: str
) -> None:
    from archiver.destinations import destination as known_destination

    where = f"destinations.{name}"
    try:
        kind = known_destination(destination.type)
    except ValueError as error:
        raise ConfigError(doing, f"{where}.type: {error}") from None
    if destination.preset not in kind.presets:
        raise ConfigError(
            doing,
            f"{where}.preset is {destination.preset!r}, which {destination.type} does not know",
            f"known: {', '.join(kind.presets)}",
        )
    try:
        ZoneInfo(destination.account_timezone)
    except (ValueError, OSError):
        raise ConfigError(
            doing,
            f"{where}.account_timezone is {destination.account_timezone!r}, which is no IANA zone",
            'write it as "America/New_York"',
        ) from None
    try:
        kind.limits(destination.event_source)
    except ValueError as error:
        raise ConfigError(doing, f"{where}.event_source: {error}") from None
    if kind.takes_pixel(destination.event_source) and destination.pixel is None:
        raise ConfigError(
            doing,
            f"{where}.pixel is missing: an event that the API never got may have been counted "
            "through the browser",
            'say what the site\'s pixel does: "none", "same_id" or "other_id"',
        )
    for source in destination.sources:
        if source not in settings.sources:
            raise ConfigError(
                doing,
                f"{where}.sources names {source!r}, which is no source",
                _nearest(source, list(settings.sources)),
            )
    if not 0 <= destination.max_gap_ratio <= 1:
        raise ConfigError(doing, f"{where}.max_gap_ratio must lie between 0 and 1")
    if destination.min_gap < 0 or destination.incident_min < 1:
        raise ConfigError(doing, f"{where}.min_gap and incident_min must be positive")
