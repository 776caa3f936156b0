"""Segment's own HTTP API as a route: the hub sends the lost events to the destination once more.

A route is no destination of its own: `archiver backfill --destination x --via segment-http` writes
batches for Segment instead of x. An item is the archived event with its own id, time and fields, in
which `integrations` switches everything off but x. What x then gets is made by Segment's own
mapping, as it was for every other event.

* What Segment adds on the way in is left out (`receivedAt`, `sentAt`, `_metadata` …). Without
  `sentAt` Segment takes `timestamp` as it is; with one it would move it by what it takes for the
  sender's clock skew: timestamp = receivedAt - (sentAt - originalTimestamp).
* All other members stand as they were archived, byte for byte; numbers keep their text.
* A reply says that Segment took a request, not that the destination did: no outcome is `accepted`.
* Segment drops ids that it has seen, silently and with a reply of success.

Sources are in `documentation`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from archiver.destinations.base import Fact, Limits, MatchKey, Reply, RequestItem, Rule, known
from archiver.destinations.json_text import id_of, repair_unicode, text_of
from archiver.destinations.logged_requests import decoded_body, decoded_event
from archiver.destinations.requests import (
    ANY_SOURCE,
    Advice,
    BuiltEvent,
    FieldInfo,
    Header,
    Quirk,
    Requests,
    RequestSettings,
    UnsendableEvent,
    check_buildable,
    joined,
    split_items,
)
from archiver.destinations.segment_http_replies import advise, judge
from archiver.texts import instant_text
from archiver.values import EPOCH, parse_amount, parse_instant

_TYPE = "segment-http"
_HOST = "https://api.segment.io"
_PATH = "/v1/batch"
_TOKEN_ENV = "SEGMENT_WRITE_KEY"
_MATCH_KEYS = {"segment": (MatchKey("messageId"),)}
_LIMITS = Limits(
    max_events=2500,
    max_body_bytes=500_000,
    max_age=None,
    max_event_bytes=32_000,
    max_requests_per_second=1000,
)

_CALL_TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
# Segment sets these itself; `timestamp` and `integrations` are written anew.
_LEFT_OUT = frozenset(
    {
        *("receivedAt", "sentAt", "originalTimestamp", "timestamp", "integrations"),
        *("projectId", "channel", "version", "_metadata", "writeKey"),
    }
)
# What Segment reads for sure: ISO 8601 with its offset. Anything else is written anew.
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)

_FIELDS = (
    FieldInfo("messageId", ("$.messageId",), "plain"),
    FieldInfo("timestamp", ("$.timestamp",), "ISO 8601"),
    FieldInfo(
        "integrations",
        ("$.integrations[the destination's name]", "True"),
        "everything else off; an object that the event has for the destination is kept",
    ),
    FieldInfo("every other member", ("$",), "as archived, without what Segment itself adds"),
)

_FACTS = (
    Fact("endpoint", "POST /v1/batch, HTTP basic authentication with the source's write key as "
         "user name; the key must be that of a source that is connected to the destination",
         "Segment: HTTP API source", "high"),
    Fact("endpoint (EU)", "workspaces in the EU take events at https://events.eu1.segmentapis.com "
         "alone; at the other host they vanish without an error",
         "Segment: HTTP API source", "high"),
    Fact("batch", "at most 2,500 events in a request; those beyond are dropped with reply 200",
         "Segment: HTTP API source, errors", "high"),
    Fact("body size", "500 KB for a request, 32 KB for an event, taken as 1,000 bytes each",
         "Segment: HTTP API source; its Node library counts 1,024", "high"),
    Fact("rate", "1,000 requests a second for a workspace; more may be queued or refused with 429; "
         "1,000 events a second where Engage is used", "Segment: HTTP API source", "high"),
    Fact("age", "no limit of Segment's own; the destination's holds", "-", "none"),
    Fact("time", "without sentAt the timestamp stays as sent and becomes originalTimestamp too; "
         "with it Segment sends receivedAt - (sentAt - originalTimestamp)",
         "Segment: spec, common fields; analytics-java issue 340, analytics-node issue 338",
         "medium"),
    Fact("de-duplication", "Segment keeps at least 24 hours of messageIds, of all sources, "
         "and drops what it has seen, with reply 200: an event sent again sooner never reaches the "
         "destination, and how much longer ids are kept is not said",
         "Segment: handling duplicate data", "high"),
    Fact("replies", "200 says nothing of a single event: a batch may be published in part, and "
         "missing ids, unknown names and even a wrong write key can get 200",
         "Segment: HTTP API source, errors; delivery overview", "high"),
    Fact("replies (400)", "too large, or no JSON, or no user: code and message in the body",
         "Segment: HTTP API source; analytics-python request.py", "medium"),
    Fact("one bad event", "whether the others of a request with reply 400 are taken is not known; "
         "sending them again is safe, since Segment drops what it has seen", "-", "none"),
    Fact("integrations", "All false and the destination's name, exactly as written, true or its "
         "options", "Segment: spec, common fields; filtering data", "high"),
    Fact("other receivers", "whether raw copies (S3) and warehouses get the event a second time "
         "in spite of All false is not known", "-", "none"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    batch: list[msgspec.Raw]


class _LoggedItem(msgspec.Struct):
    messageId: msgspec.Raw = msgspec.Raw(b"")
    event: Any = None
    timestamp: Any = None
    properties: Any = None


_EMPTY = _LoggedItem()
_body_decoder = msgspec.json.Decoder(_LoggedBody)
_item_decoder = msgspec.json.Decoder(_LoggedItem, float_hook=Decimal)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class SegmentHttpApi:
    """Segment's HTTP API, `--via segment-http` (see `RequestBuilder`)."""

    type = _TYPE
    presets = tuple(_MATCH_KEYS)
    buildable = (("segment", ANY_SOURCE),)
    event_sources: tuple[str, ...] = ()
    dedup_window: timedelta | None = timedelta(hours=24)
    quirks: Mapping[str, tuple[Quirk, ...]] = {}
    has_verdicts = False
    token_env = _TOKEN_ENV
    api_version: str | None = None
    documentation = _FACTS

    def limits(self, event_source: str) -> Limits:
        """Segment's, for any event source."""
        return _LIMITS

    def takes_pixel(self, event_source: str) -> bool:
        """Pixels report to destinations, not to Segment."""
        return False

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """None: a route leads to another destination, which has the name."""
        known(_MATCH_KEYS, preset, "preset", _TYPE)
        return None

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """None: the destination's select the events."""
        known(_MATCH_KEYS, preset, "preset", _TYPE)
        return ()

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """By what Segment tells events apart."""
        return known(_MATCH_KEYS, preset, "preset", _TYPE)

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `batch`.

        Names are those of the inbound events, not yet the destination's.
        """
        found = decoded_body(body, _body_decoder, "batch").batch
        return [_request_item(bytes(raw)) for raw in found]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by status and code; the table is in `segment_http_replies`."""
        return judge(http_status, reply, items)

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """Likewise, for an upload."""
        return advise(http_status, reply, items)

    def requests(self, settings: RequestSettings) -> Requests:
        """Requests that make Segment send to the destination named `settings.integration`.

        Overrides and `strict` are the destination's own and have no meaning here.

        Raises:
            ValueError: the preset is not Segment's, the destination's name in `integrations` is
                not known, or a CSV is asked for.
        """
        check_buildable(self, settings)
        if not settings.integration:
            raise ValueError(
                "the destination's name in Segment's integrations is not known: set integration"
            )
        return _SegmentRequests(settings, settings.integration)


class _SegmentRequests:
    """The requests that lead to one destination (see `Requests`)."""

    file_name = "batch-{:05d}.json"
    fields = _FIELDS

    def __init__(self, settings: RequestSettings, integration: str) -> None:
        self.url: str | None = f"{settings.base_url or _HOST}{_PATH}"
        self.headers = (
            Header("Authorization", environment=settings.token_env or _TOKEN_ENV, scheme="basic"),
            Header("Content-Type", value="application/json"),
        )
        self._integration = integration
        self._key = msgspec.json.encode(integration)

    def build_event(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """The archived event, as it would be sent to Segment for this destination alone."""
        members = _members(payload)
        _check(members)
        own = bytes(_member(members, "integrations").get(self._integration, b""))
        parts = [
            b"%s:%s" % (msgspec.json.encode(name), bytes(raw))
            for name, raw in members.items()
            if name not in _LEFT_OUT
        ]
        parts.append(b'"timestamp":%s' % _timestamp(members.get("timestamp"), event_time_us))
        parts.append(
            b'"integrations":{"All":false,%s:%s}' % (self._key, own if own[:1] == b"{" else b"true")
        )
        return BuiltEvent(b"{%s}" % b",".join(parts))

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Join items into a batch."""
        return joined(b'{"batch":[', items, b"]}")

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The elements of `batch`."""
        return split_items(body, "batch"), b""


def _members(payload: bytes) -> dict[str, msgspec.Raw]:
    if not payload.isascii() or b"\\u" in payload:
        payload = repair_unicode(payload)
    try:
        return _members_decoder.decode(payload)
    except RecursionError:
        raise UnsendableEvent("is nested too deeply to be read") from None
    except msgspec.MsgspecError:
        raise UnsendableEvent("cannot be read as a JSON object") from None


def _check(members: Mapping[str, msgspec.Raw]) -> None:
    """Refuse what Segment would drop, or take for a new event.

    Raises:
        UnsendableEvent: says which member is missing.
    """
    call_type = _text(members.get("type"))
    if call_type is None or call_type.lower() not in _CALL_TYPES:
        raise UnsendableEvent("has no type that Segment's batches take")
    if _text(members.get("messageId")) is None:
        raise UnsendableEvent("has no messageId: Segment would give it a new one")
    if _text(members.get("userId")) is None and _text(members.get("anonymousId")) is None:
        raise UnsendableEvent("has neither userId nor anonymousId, one of which Segment requires")
    if call_type.lower() == "track" and _text(members.get("event")) is None:
        raise UnsendableEvent("is a track call without an event name, which Segment drops")


def _text(raw: msgspec.Raw | None) -> str | None:
    return None if raw is None else id_of(bytes(raw))


def _member(members: Mapping[str, msgspec.Raw], name: str) -> Mapping[str, msgspec.Raw]:
    """An object among the members; empty where it is none."""
    raw = bytes(members.get(name, b""))
    return _members_decoder.decode(raw) if raw[:1] == b"{" else {}


def _timestamp(raw: msgspec.Raw | None, event_time_us: int) -> bytes:
    """The event's own text where Segment reads it as the same instant, else that instant."""
    event_time = EPOCH + timedelta(microseconds=event_time_us)
    text = text_of(bytes(raw)) if raw is not None and bytes(raw)[:1] == b'"' else ""
    if _ISO.fullmatch(text) and parse_instant(text) == event_time:
        return msgspec.json.encode(text)
    return msgspec.json.encode(instant_text(event_time))


def _request_item(raw: bytes) -> RequestItem:
    item = decoded_event(raw, _item_decoder, _EMPTY)
    properties = item.properties if isinstance(item.properties, dict) else {}
    amount = properties.get("value")
    currency = properties.get("currency")
    event_time: datetime | None = parse_instant(item.timestamp)
    return RequestItem(
        event_id=id_of(bytes(item.messageId)),
        event_name=item.event if isinstance(item.event, str) else None,
        event_time=event_time,
        value=parse_amount(properties.get("revenue") if amount is None else amount),
        currency=currency if isinstance(currency, str) else None,
    )
