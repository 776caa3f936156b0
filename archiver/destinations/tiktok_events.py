"""TikTok Events API 2.0: web, app, offline and CRM events; names, limits, requests, replies.

Requests are built as Segment's mappings do, and for web as RudderStack's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from archiver.destinations.base import (
    Limits,
    MatchKey,
    Reply,
    RequestItem,
    Tabled,
)
from archiver.destinations.json_text import id_of
from archiver.destinations.logged_requests import decoded_body, decoded_event
from archiver.destinations.requests import (
    Advice,
    Quirk,
    Requests,
    RequestSettings,
    check_buildable,
)
from archiver.destinations.rudderstack_tiktok import RUDDERSTACK_QUIRKS, RUDDERSTACK_RULES
from archiver.destinations.segment_tiktok_fields import INTEGRATIONS, QUIRKS, SEGMENT_RULES
from archiver.destinations.tiktok_facts import FACTS
from archiver.destinations.tiktok_replies import advise, judge
from archiver.destinations.tiktok_requests import BUILDABLE, TOKEN_ENV, ApiRequests, CrmFile
from archiver.values import parse_amount, parse_instant

_TYPE = "tiktok-events"
_RULES = {"segment": SEGMENT_RULES, "rudderstack": RUDDERSTACK_RULES}
_MATCH_KEYS = {
    "segment": (MatchKey("messageId"),),
    "rudderstack": (
        MatchKey("properties.eventId"),
        MatchKey("properties.event_id"),
        MatchKey("messageId"),
    ),
}
_RUDDERSTACK = "TikTok Ads"
_INTEGRATIONS = {
    "segment": INTEGRATIONS,
    "rudderstack": {
        "web": _RUDDERSTACK,
        "app": _RUDDERSTACK,
        "crm": _RUDDERSTACK,
        "offline": "TikTok Ads Offline Events",
    },
}
_MAX_EVENTS = 1000
_CRM_FILE_BYTES = 50_000_000
_REQUESTS_PER_SECOND = 10
_LIMITS = {
    "web": Limits(_MAX_EVENTS, None, None, max_requests_per_second=_REQUESTS_PER_SECOND),
    "app": Limits(_MAX_EVENTS, None, None, max_requests_per_second=_REQUESTS_PER_SECOND),
    "offline": Limits(
        _MAX_EVENTS, None, timedelta(days=28), max_requests_per_second=_REQUESTS_PER_SECOND
    ),
    "crm": Limits(_MAX_EVENTS, _CRM_FILE_BYTES, None, max_requests_per_second=_REQUESTS_PER_SECOND),
}


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


class TikTokEvents(Tabled):
    """TikTok Events API 2.0, `type = "tiktok-events"` (see `RequestBuilder`)."""

    type = _TYPE
    source_limits = _LIMITS
    preset_rules = _RULES
    preset_keys = _MATCH_KEYS
    preset_integrations = _INTEGRATIONS
    buildable = BUILDABLE
    dedup_window: timedelta | None = timedelta(hours=48)
    quirks: Mapping[str, tuple[Quirk, ...]] = {
        "segment": QUIRKS,
        "rudderstack": RUDDERSTACK_QUIRKS,
    }
    has_verdicts = True
    token_env = TOKEN_ENV
    api_version: str | None = None
    documentation = FACTS

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `data`."""
        return [_request_item(bytes(raw)) for raw in decoded_body(body, _body_decoder, "data").data]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by the body's `code`; the table is in `tiktok_replies`."""
        return judge(http_status, reply, items)

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """Likewise, for an upload."""
        return advise(http_status, reply, items)

    def requests(self, settings: RequestSettings) -> Requests:
        """Requests as the preset's hub would have sent them, but for the batching."""
        check_buildable(self, settings, csv_sources=("crm",))
        return CrmFile(settings) if settings.as_csv else ApiRequests(settings)


def _request_item(raw: bytes) -> RequestItem:
    item = decoded_event(raw, _item_decoder, _EMPTY)
    properties = item.properties if isinstance(item.properties, dict) else {}
    currency = properties.get("currency")
    return RequestItem(
        event_id=id_of(bytes(item.event_id)),
        event_name=item.event if isinstance(item.event, str) else None,
        event_time=parse_instant(item.event_time),
        value=parse_amount(properties.get("value")),
        currency=currency if isinstance(currency, str) else None,
    )
