"""The documents of `archiver destinations`: what a type knows, one class for each part of it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """A preset and an event source of which something can be made."""

    preset: str
    event_source: str


class LimitsOf(msgspec.Struct, frozen=True):
    """What one request may hold; None where no limit is known."""

    event_source: str
    max_events: int | None
    max_body_bytes: int | None
    max_event_bytes: int | None
    max_age_seconds: int | None
    max_requests_per_second: float | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One type, as the list has it.

    Attributes:
        type: its name, in the configuration or for `--via`.
        kind: `destination`, or `route`: a hub that sends to a destination once more.
        presets: whose names and ids are known.
        event_sources: empty where any is taken.
        judges_api_logs: whether its logged requests and replies can be judged.
        has_verdicts: whether a reply says that events were accepted; None where none is judged.
        builds: of what requests can be built.
        csv: of what a file for uploading by hand can be written.
        limits: one for each event source.
        dedup_window_seconds: how long a repeated event is recognised; None: not, or not known.
        facts: how many are known with which confidence: `high`, `medium`, `low`, `none`.
    """

    type: str
    kind: Literal["destination", "route"]
    presets: list[str]
    event_sources: list[str]
    judges_api_logs: bool
    has_verdicts: bool | None
    builds: list[Pair]
    csv: list[Pair]
    limits: list[LimitsOf]
    dedup_window_seconds: int | None
    facts: dict[str, int]


class HeaderOf(msgspec.Struct, frozen=True):
    """A header of a request: a constant, or the variable that holds the secret."""

    name: str
    value: str | None
    environment: str | None
    scheme: str


class FieldOf(msgspec.Struct, frozen=True):
    """A field of the destination's event: where it is taken from, and in which form it is sent."""

    name: str
    sources: list[str]
    form: str
    is_overridden: bool


class RequestsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The requests, or files, of a preset and an event source; `url` is None for files."""

    preset: str
    event_source: str
    url: str | None
    headers: list[HeaderOf]
    file_name: str
    fields: list[FieldOf]


class RuleOf(msgspec.Struct, frozen=True):
    """An inbound event that must arrive.

    Attributes:
        type: its call type.
        event: its name; None stands for any event of the type.
        name: the destination's name for it; None: its own.
        is_folded: names are compared without regard to case and white space around them.
        is_ignored: it need not arrive.
        event_sources: the event sources for which that holds; empty: for each.
    """

    type: str
    event: str | None
    name: str | None
    is_folded: bool
    is_ignored: bool = False
    event_sources: list[str] = []


class PresetOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a preset means at this destination."""

    preset: str
    rules: list[RuleOf]
    match_keys: list[str]
    integrations: dict[str, str | None]
    quirks: list[dict[str, str]]


class ReplyOf(msgspec.Struct, frozen=True):
    """What a reply without a readable body means; `step` is what an upload does."""

    http_status: int | None
    outcome: str
    step: str | None


class FactOf(msgspec.Struct, frozen=True):
    """One thing known; `key` is the configuration key that changes it, where there is one."""

    topic: str
    statement: str
    source: str
    confidence: str
    is_unverified: bool
    key: str | None


class SettingOf(msgspec.Struct, frozen=True):
    """A value in force, and whether the configuration or the type says so."""

    key: str
    value: str | int | float | bool | None
    said_by: Literal["configuration", "type", "default"]


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """A configured destination: its values in force, and its rules before the preset's."""

    name: str
    settings: list[SettingOf]
    rules: list[RuleOf]
    excluded: list[dict[str, str]]


class Details(Entry, frozen=True, kw_only=True):
    """All that is known of one type, or of a configured destination of it."""

    token_env: str | None
    api_version: str | None
    pixel: list[str]
    by_preset: list[PresetOf]
    requests: list[RequestsOf]
    replies: list[ReplyOf]
    documentation: list[FactOf]
    configured: Configured | None = None
