"""TikTok Events API 2.0, web events: names, limits, requests, replies.

Requests are built as Segment's mapping does (preset `segment`), not yet as RudderStack's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

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
    known,
)
from archiver.destinations.json_text import id_of
from archiver.destinations.logged_requests import decoded_body, decoded_event
from archiver.destinations.segment_tiktok import INTEGRATION, WEB_RULES, build_web_event
from archiver.destinations.tiktok_replies import judge
from archiver.values import parse_amount, parse_instant

# RudderStack lower-cases and trims the event's name before it looks it up; what its map does not
# have goes out only where the user switched custom events on, or mapped it in the dashboard.
# Source: rudderlabs/rudder-transformer, tiktok_ads/config.js (eventNameMapping), transformV2.js.
RUDDERSTACK_RULES = tuple(
    Rule("track", event, name, is_folded=True)
    for event, name in (
        ("Order Completed", "PlaceAnOrder"),
        ("Checkout Step Completed", "CompletePayment"),
        ("Checkout Started", "InitiateCheckout"),
        ("Payment Info Entered", "AddPaymentInfo"),
        ("Product Added", "AddToCart"),
        ("Product Added to Wishlist", "AddToWishlist"),
        ("Application Approval", "ApplicationApproval"),
        ("Submit Application", "SubmitApplication"),
        ("Start Trial", "StartTrial"),
        ("ViewContent", "ViewContent"),
        ("ClickButton", "ClickButton"),
        ("Search", "Search"),
        ("Contact", "Contact"),
        ("Download", "Download"),
        ("SubmitForm", "SubmitForm"),
        ("CompleteRegistration", "CompleteRegistration"),
        ("Subscribe", "Subscribe"),
        ("Purchase", "Purchase"),
        ("Lead", "Lead"),
        ("CustomizeProduct", "CustomizeProduct"),
        ("FindLocation", "FindLocation"),
        ("Schedule", "Schedule"),
    )
)

_TYPE = "tiktok-events"
_RULES = {"segment": WEB_RULES, "rudderstack": RUDDERSTACK_RULES}
_MATCH_KEYS = {
    "segment": (MatchKey("messageId"),),
    "rudderstack": (
        MatchKey("properties.eventId"),
        MatchKey("properties.event_id"),
        MatchKey("messageId"),
    ),
}
_INTEGRATIONS = {"segment": INTEGRATION, "rudderstack": "TikTok Ads"}
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
    Fact("names (rudderstack)", "Order Completed is PlaceAnOrder, Checkout Step Completed is "
         "CompletePayment; names compare without case and surrounding white space; what the "
         "dashboard maps otherwise needs rules of its own",
         "rudderlabs/rudder-transformer tiktok_ads", "high"),
    Fact("id (rudderstack)", "properties.eventId, properties.event_id, messageId, in that order",
         "rudderlabs/rudder-transformer TikTokTrackV2.json", "high"),
    Fact("integrations", "the key is TikTok Conversions at Segment, TikTok Ads at RudderStack, "
         "exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
    Fact("field mapping (segment)", "as Segment's published default mapping, quirks included",
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


class TikTokEvents:
    """TikTok Events API 2.0, `type = "tiktok-events"` (see `RequestBuilder`)."""

    type = _TYPE
    presets = tuple(_RULES)
    buildable_presets = ("segment",)
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
        return known(_LIMITS, event_source, "event_source", _TYPE)

    def takes_pixel(self, event_source: str) -> bool:
        """Web events may have a browser twin."""
        known(_LIMITS, event_source, "event_source", _TYPE)
        return event_source == "web"

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """Segment names each of TikTok's destinations differently; web is TikTok Conversions."""
        known(_LIMITS, event_source, "event_source", _TYPE)
        return known(_INTEGRATIONS, preset, "preset", _TYPE)

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """The inbound events of a preset, one TikTok name each."""
        return known(_RULES, preset, "preset", _TYPE)

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """Where a preset takes `event_id` from."""
        return known(_MATCH_KEYS, preset, "preset", _TYPE)

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `data`."""
        return [_request_item(bytes(raw)) for raw in decoded_body(body, _body_decoder, "data").data]

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
