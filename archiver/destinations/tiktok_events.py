"""TikTok Events API 2.0: requests, limits, replies. So far for web events with preset `segment`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from archiver.destinations.base import (
    BuiltEvent,
    Fact,
    Header,
    Limits,
    MatchKey,
    Reply,
    RequestItem,
    Rule,
    Settings,
)
from archiver.destinations.json_text import id_of, repair_unicode, text_of
from archiver.destinations.segment_tiktok import INTEGRATION, WEB_RULES, build_web_event
from archiver.destinations.tiktok_replies import judge
from archiver.values import parse_amount, parse_instant

T = TypeVar("T")

_RULES = {"segment": WEB_RULES}
_MATCH_KEYS = {"segment": (MatchKey("messageId"),)}
_LIMITS = {"web": Limits(max_events=1000, max_body_bytes=None, max_age=None)}
_PARTNER = "Segment"

_FACTS = (
    Fact("endpoint", "one URL for one or many events of every source", "Segment, RudderStack",
         "high"),
    Fact("batch", "at most 1,000 events in a request", "RudderStack, TikTok portal", "high"),
    Fact("body size", "no limit found", "-", "none"),
    Fact("age (web)", "no limit found; older than the click window counts but attributes nothing",
         "two public projects say that TikTok documents none", "none"),
    Fact("de-duplication", "same event and event_id within 48 hours of the first: first is kept",
         "TikTok help: event-deduplication", "high"),
    Fact("de-duplication clock", "whether the 48 hours run from arrival or from event_time", "-",
         "none"),
    Fact("renamed events", "CompletePayment is Purchase and SubmitForm is Lead since 2025-05-01; "
         "old names are taken and converted; whether both count as one for de-duplication is not "
         "known, so the name of the original is kept",
         "TikTok help: how-to-adopt-tiktoks-updated-standard-events", "high"),
    Fact("event_id", "must be a JSON string", "stape-io/tiktok-tag issue 10", "high"),
    Fact("replies", "HTTP 200 for business errors too; the body's code decides",
         "RudderStack, stape-io/tiktok-tag issue 10", "high"),
    Fact("one bad event", "code 40002, probably for the whole request",
         "RudderStack's fixtures", "medium"),
    Fact("field mapping", "as Segment's published default mapping, quirks included",
         "segmentio/action-destinations 3.497", "high"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    data: list[msgspec.Raw]


class _LoggedItem(msgspec.Struct):
    event_id: msgspec.Raw = msgspec.Raw(b"")
    event: Any = None
    event_time: Any = None
    properties: Any = None


_EMPTY = _LoggedItem()
_body_decoder = msgspec.json.Decoder(_LoggedBody)
_item_decoder = msgspec.json.Decoder(_LoggedItem, float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class TikTokEvents:
    """TikTok Events API 2.0, `type = "tiktok-events"` (see `Destination`)."""

    type = "tiktok-events"
    presets = tuple(_RULES)
    event_sources = tuple(_LIMITS)
    dedup_window: timedelta | None = timedelta(hours=48)
    request_url = "https://business-api.tiktok.com/open_api/v1.3/event/track/"
    request_headers = (
        Header("Access-Token", environment="TIKTOK_ACCESS_TOKEN"),
        Header("Content-Type", value="application/json"),
    )
    documentation = _FACTS

    def limits(self, event_source: str) -> Limits:
        """1,000 events; no limit of bytes or age is documented for web events."""
        return _known(_LIMITS, event_source, "event_source")

    def takes_pixel(self, event_source: str) -> bool:
        """Web events may have a browser twin."""
        _known(_LIMITS, event_source, "event_source")
        return event_source == "web"

    def integration_name(self, event_source: str) -> str:
        """Segment names each of TikTok's destinations differently; web is TikTok Conversions."""
        _known(_LIMITS, event_source, "event_source")
        return INTEGRATION

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """The inbound events of a preset, one TikTok name each."""
        return _known(_RULES, preset, "preset")

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """Where a preset takes `event_id` from."""
        return _known(_MATCH_KEYS, preset, "preset")

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `data`."""
        try:
            if not isinstance(body, bytes):
                body = _encoder.encode(body)
            elif body.lstrip()[:1] == b'"':
                body = text_of(body).encode()
            try:
                data = _body_decoder.decode(body).data
            except (msgspec.MsgspecError, UnicodeDecodeError):
                data = _body_decoder.decode(repair_unicode(body)).data
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise ValueError("the request body is no JSON object with a list `data`") from None
        return [_request_item(bytes(raw)) for raw in data]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by the body's `code`; the table is in `tiktok_replies`."""
        return judge(http_status, reply, items)

    def build_event(self, payload: bytes, destination_event: str) -> BuiltEvent:
        """Build a `data[]` item as Segment's web mapping does."""
        return build_web_event(payload, destination_event)

    def request_body(self, items: Sequence[bytes], settings: Settings) -> bytes:
        """Join items under the root fields, in the order in which Segment writes them."""
        root = {
            "event_source": settings.event_source,
            "event_source_id": settings.event_source_id,
            "partner_name": _PARTNER,
        }
        return b'%s,"data":[%s]}' % (msgspec.json.encode(root)[:-1], b",".join(items))


def _request_item(raw: bytes) -> RequestItem:
    item = _logged_item(raw)
    properties = item.properties if isinstance(item.properties, dict) else {}
    currency = properties.get("currency")
    return RequestItem(
        event_id=id_of(bytes(item.event_id)),
        event_name=item.event if isinstance(item.event, str) else None,
        event_time=parse_instant(item.event_time),
        value=parse_amount(properties.get("value")),
        currency=currency if isinstance(currency, str) else None,
    )


def _logged_item(raw: bytes) -> _LoggedItem:
    try:
        return _item_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except (ArithmeticError, RecursionError):
        return _EMPTY
    try:
        return _item_decoder.decode(repair_unicode(raw))
    except (msgspec.MsgspecError, ArithmeticError, RecursionError):
        return _EMPTY


def _known(table: Mapping[str, T], name: str, what: str) -> T:
    if name not in table:
        raise ValueError(f"tiktok-events knows no {what} {name!r} (known: {', '.join(table)})")
    return table[name]
