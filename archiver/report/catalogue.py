"""What is known of a destination, and from where: the model behind `archiver destinations`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import msgspec

from archiver.config import DestinationSettings
from archiver.config.request_checks import request_settings
from archiver.destinations import DESTINATIONS, ROUTES, can_build
from archiver.destinations import destination as destination_type
from archiver.destinations.base import ApiLogReader, Destination, Fact
from archiver.destinations.requests import ANY_SOURCE, RequestBuilder, Requests, RequestSettings
from archiver.reconcile.binding import dedup_window, max_age
from archiver.report.catalogue_model import (
    Configured,
    Details,
    Entry,
    FactOf,
    FieldOf,
    HeaderOf,
    LimitsOf,
    Pair,
    PresetOf,
    ReplyOf,
    RequestsOf,
    RuleOf,
    SettingOf,
)
from archiver.texts import instant_text

UNVERIFIED = frozenset({"low", "none"})
ANY = "any"
"""Stands for the event source where every one is taken."""

# Which key of a destination changes what a fact is about: facts begin with these words.
KEYS = (
    ("de-duplication clock", "dedup_clock"),
    ("de-duplication", "dedup_window"),
    ("age", "max_age"),
    ("batch", "max_events"),
    ("body size", "max_body_bytes"),
    ("rate", "max_requests_per_second"),
    ("endpoint", "base_url"),
    ("(API )?version", "api_version"),
    ("token", "token_env"),
    ("integrations", "integration"),
    ("names", "rules"),
    ("ids?", "match_keys"),
    ("field", "map"),
)
_TOPICS = tuple((re.compile(rf"{words}\b", re.IGNORECASE), key) for words, key in KEYS)
_STATUSES = (None, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504)
_SETTING_KEYS = (
    *("preset", "event_source", "event_source_id", "strict", "pixel", "integration"),
    *("max_age", "dedup_window", "dedup_clock", "retry_window"),
    *("max_events", "max_body_bytes", "max_requests_per_second"),
    *("base_url", "api_version", "token_env", "upload_as"),
)


def catalogue() -> list[Entry]:
    """All types, then all routes."""
    return [_entry(kind) for kind in (*DESTINATIONS, *ROUTES)]


def types() -> list[str]:
    """The names of all types and routes."""
    return [kind.type for kind in (*DESTINATIONS, *ROUTES)]


def details(type_name: str, preset: str | None = None, event_source: str | None = None) -> Details:
    """What is known of a type or a route.

    Args:
        type_name: its name.
        preset: only what concerns this one; None for all.
        event_source: likewise.

    Raises:
        ValueError: it does not know the preset or the event source; the message names those known.
    """
    kind = next(kind for kind in (*DESTINATIONS, *ROUTES) if kind.type == type_name)
    if preset is not None:
        kind.match_keys(preset)
    if event_source is not None:
        kind.limits(event_source)
    pairs = [
        pair
        for pair in _pairs(kind)
        if pair.preset == (preset or pair.preset)
        and pair.event_source in (event_source or pair.event_source, ANY)
    ]
    requests = [_requests_of(pair, _built(kind, pair, as_csv=False)) for pair in pairs] + [
        _requests_of(pair, _built(kind, pair, as_csv=True)) for pair in _with_csv(kind, pairs)
    ]
    return _details(kind, requests, preset, event_source)


def configured_details(name: str, settings: DestinationSettings) -> Details:
    """What is known of a configured destination.

    Limits, window, token and version are those in force: the configuration's, else the type's.
    """
    kind = destination_type(settings.type)
    requests = []
    if isinstance(kind, RequestBuilder) and can_build(
        settings.type, settings.preset, settings.event_source
    ):
        pair = Pair(settings.preset, settings.event_source)
        requests.append(_requests_of(pair, kind.requests(request_settings(settings))))
    found = _details(kind, requests, settings.preset, settings.event_source)
    (limits,) = found.limits
    return msgspec.structs.replace(
        found,
        limits=[
            msgspec.structs.replace(
                limits,
                max_events=settings.max_events or limits.max_events,
                max_body_bytes=settings.max_body_bytes or limits.max_body_bytes,
                max_age_seconds=_seconds(max_age(settings)),
                max_requests_per_second=settings.max_requests_per_second
                or limits.max_requests_per_second,
            )
        ],
        dedup_window_seconds=_seconds(dedup_window(settings)),
        token_env=settings.token_env or found.token_env,
        api_version=settings.api_version or found.api_version,
        configured=_configured(name, settings, kind),
    )


def _entry(kind: Destination) -> Entry:
    pairs = _pairs(kind)
    return Entry(
        type=kind.type,
        kind="route" if kind in ROUTES else "destination",
        presets=list(kind.presets),
        event_sources=list(kind.event_sources),
        judges_api_logs=isinstance(kind, ApiLogReader),
        has_verdicts=kind.has_verdicts if isinstance(kind, RequestBuilder) else None,
        builds=pairs,
        csv=_with_csv(kind, pairs),
        limits=[_limits(kind, source) for source in kind.event_sources or (ANY,)],
        dedup_window_seconds=_seconds(kind.dedup_window),
        facts=_counted(kind.documentation),
    )


def _details(
    kind: Destination, requests: list[RequestsOf], preset: str | None, event_source: str | None
) -> Details:
    entry = _entry(kind)
    presets = [one for one in kind.presets if one == (preset or one)]
    sources = [one for one in kind.event_sources if one == (event_source or one)] or [
        event_source or ANY
    ]
    return Details(
        **{
            **{name: getattr(entry, name) for name in Entry.__struct_fields__},
            "limits": [_limits(kind, source) for source in sources],
        },
        token_env=kind.token_env if isinstance(kind, RequestBuilder) else None,
        api_version=kind.api_version if isinstance(kind, RequestBuilder) else None,
        pixel=[source for source in sources if kind.takes_pixel(source)],
        by_preset=[_preset(kind, one, sources) for one in presets],
        requests=requests,
        replies=list(_replies(kind)),
        documentation=[_fact(fact, has_keys=kind not in ROUTES) for fact in kind.documentation],
    )


def _pairs(kind: Destination) -> list[Pair]:
    if not isinstance(kind, RequestBuilder):
        return []
    return [Pair(p, ANY if source == ANY_SOURCE else source) for p, source in kind.buildable]


def _with_csv(kind: Destination, pairs: list[Pair]) -> list[Pair]:
    """Those of which there is a file for uploading by hand, which nothing is posted of."""
    found = []
    for pair in pairs:
        try:
            if _built(kind, pair, as_csv=True).url is None:
                found.append(pair)
        except ValueError:
            continue
    return found


def _built(kind: Destination, pair: Pair, *, as_csv: bool) -> Requests:
    assert isinstance(kind, RequestBuilder)
    return kind.requests(
        RequestSettings(
            event_source=pair.event_source,
            event_source_id="EVENT_SOURCE_ID",
            preset=pair.preset,
            integration="DESTINATION",
            as_csv=as_csv,
        )
    )


def _requests_of(pair: Pair, requests: Requests) -> RequestsOf:
    return RequestsOf(
        preset=pair.preset,
        event_source=pair.event_source,
        url=requests.url,
        headers=[
            HeaderOf(header.name, header.value, header.environment, header.scheme)
            for header in requests.headers
        ],
        file_name=requests.file_name,
        fields=[
            FieldOf(field.name, list(field.sources), field.form, field.is_overridden)
            for field in requests.fields
        ],
    )


def _limits(kind: Destination, source: str) -> LimitsOf:
    limits = kind.limits(source)
    return LimitsOf(
        source,
        limits.max_events,
        limits.max_body_bytes,
        limits.max_event_bytes,
        _seconds(limits.max_age),
        limits.max_requests_per_second,
    )


def _preset(kind: Destination, preset: str, sources: list[str]) -> PresetOf:
    quirks = kind.quirks.get(preset, ()) if isinstance(kind, RequestBuilder) else ()
    return PresetOf(
        preset=preset,
        rules=[
            RuleOf(
                rule.call_type,
                rule.event,
                rule.destination_event,
                rule.is_folded,
                event_sources=sorted(rule.event_sources),
            )
            for rule in kind.rules(preset)
            if not rule.event_sources or rule.event_sources & set(sources)
        ],
        match_keys=[
            " → ".join((f"$.{key.path}", *key.transform)) for key in kind.match_keys(preset)
        ],
        integrations={source: kind.integration_name(source, preset) for source in sources},
        quirks=[
            {"field": quirk.field, "hub": quirk.hub, "documentation": quirk.documentation}
            for quirk in quirks
        ],
    )


def _replies(kind: Destination) -> Iterator[ReplyOf]:
    if isinstance(kind, ApiLogReader):
        for status in _STATUSES:
            verdict = kind.judge(status, None, 2).verdicts[0]
            step = kind.advise(status, None, 2).step if isinstance(kind, RequestBuilder) else None
            yield ReplyOf(status, verdict.outcome, step)


def _fact(fact: Fact, *, has_keys: bool) -> FactOf:
    keys = (key for words, key in _TOPICS if words.match(fact.topic)) if has_keys else iter(())
    return FactOf(
        fact.topic,
        fact.statement,
        fact.source,
        fact.confidence,
        fact.confidence in UNVERIFIED,
        next(keys, None),
    )


def _counted(facts: tuple[Fact, ...]) -> dict[str, int]:
    counts = Counter(fact.confidence for fact in facts)
    return {confidence: counts[confidence] for confidence in ("high", "medium", "low", "none")}


def _configured(name: str, settings: DestinationSettings, kind: Destination) -> Configured:
    limits = kind.limits(settings.event_source)
    of_type = {
        "integration": kind.integration_name(settings.event_source, settings.preset),
        "max_age": limits.max_age,
        "dedup_window": kind.dedup_window,
        "max_events": limits.max_events,
        "max_body_bytes": limits.max_body_bytes,
        "max_requests_per_second": limits.max_requests_per_second,
        "api_version": getattr(kind, "api_version", None),
        "token_env": getattr(kind, "token_env", None),
    }
    defaults = {field.name: field.default for field in msgspec.structs.fields(settings)}
    found = []
    for key in _SETTING_KEYS:
        value = getattr(settings, key)
        said_by: Literal["configuration", "type", "default"] = "configuration"
        if value == defaults[key]:
            said_by = "default"
            if value is None and of_type.get(key) is not None:
                value, said_by = of_type[key], "type"
        found.append(
            SettingOf(key, _text(value) if isinstance(value, timedelta) else value, said_by)
        )
    return Configured(
        name=name,
        settings=found,
        rules=[
            RuleOf(rule.type, rule.event, rule.name, is_folded=False, is_ignored=rule.ignore)
            for rule in settings.rules
        ],
        excluded=[
            {
                "from": instant_text(window.from_) or "",
                "to": instant_text(window.to) or "",
                "reason": window.reason,
            }
            for window in settings.exclude
        ],
    )


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _text(duration: timedelta) -> str:
    return duration_text(int(duration.total_seconds()))


def duration_text(seconds: int) -> str:
    """A duration as the configuration takes it: `48h`, `7d`, from three days on in days."""
    for unit, size, least in (("d", 86400, 3), ("h", 3600, 1), ("m", 60, 1)):
        if seconds % size == 0 and seconds >= least * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
