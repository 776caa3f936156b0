"""Meta Conversions API: names, limits, what a logged request holds. Requests are not built yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from archiver.destinations.base import Fact, Limits, MatchKey, Reply, RequestItem, Rule, known
from archiver.destinations.json_text import id_of, text_of
from archiver.destinations.logged_requests import decoded_body, decoded_event, text_or_none
from archiver.destinations.meta_replies import judge
from archiver.values import parse_amount, parse_instant

_TYPE = "meta-capi"

# Source: segmentio/action-destinations, facebook-conversions-api; checked by running 3.497.
_SEGMENT_RULES = (
    Rule("track", "Order Completed", "Purchase"),
    Rule("track", "Checkout Started", "InitiateCheckout"),
    Rule("track", "Product Added", "AddToCart"),
    Rule("track", "Product Viewed", "ViewContent"),
    Rule("track", "Products Searched", "Search"),
    Rule("page", None, "PageView"),
)

# RudderStack sends every track event: those of its map renamed, all others under their own name,
# of which Meta's own are listed here. Both compare as written: `purchase` is no Purchase.
# Source: rudderlabs/rudder-transformer, facebook_conversions/{config,utils,transform}.js.
_RUDDERSTACK_RULES = (
    Rule("track", "Order Completed", "Purchase", is_folded=True),
    Rule("track", "Checkout Started", "InitiateCheckout", is_folded=True),
    Rule("track", "Payment Info Entered", "AddPaymentInfo", is_folded=True),
    Rule("track", "Product Added", "AddToCart", is_folded=True),
    Rule("track", "Product Added to Wishlist", "AddToWishlist", is_folded=True),
    Rule("track", "Product Viewed", "ViewContent", is_folded=True),
    Rule("track", "Product List Viewed", "ViewContent", is_folded=True),
    Rule("track", "Products Searched", "Search", is_folded=True),
    Rule("page", None, "PageView"),
    Rule("screen", None, "PageView"),
    *(
        Rule("track", name, name)
        for name in (
            "AddPaymentInfo",
            "AddToCart",
            "AddToWishlist",
            "CompleteRegistration",
            "Contact",
            "CustomizeProduct",
            "Donate",
            "FindLocation",
            "InitiateCheckout",
            "Lead",
            "PageView",
            "Purchase",
            "Schedule",
            "Search",
            "StartTrial",
            "SubmitApplication",
            "Subscribe",
            "ViewContent",
        )
    ),
)

_RULES = {"segment": _SEGMENT_RULES, "rudderstack": _RUDDERSTACK_RULES}
_MATCH_KEYS = {
    "segment": (MatchKey("messageId"),),
    "rudderstack": (
        MatchKey("traits.event_id"),
        MatchKey("context.traits.event_id"),
        MatchKey("properties.event_id"),
        MatchKey("messageId"),
    ),
}
_INTEGRATIONS = {
    "segment": "Facebook Conversions API (Actions)",
    "rudderstack": "Facebook Conversions",
}

_MAX_EVENTS = 1000
_WITHIN_A_WEEK = Limits(_MAX_EVENTS, max_body_bytes=None, max_age=timedelta(days=7))
# Meta's `action_source`, but that `web` stands for `website`.
_LIMITS = {
    "web": _WITHIN_A_WEEK,
    "app": _WITHIN_A_WEEK,
    "physical_store": Limits(_MAX_EVENTS, max_body_bytes=None, max_age=timedelta(days=62)),
    "system_generated": _WITHIN_A_WEEK,
    "email": _WITHIN_A_WEEK,
    "phone_call": _WITHIN_A_WEEK,
    "chat": _WITHIN_A_WEEK,
    "business_messaging": _WITHIN_A_WEEK,
    "other": _WITHIN_A_WEEK,
}

_FACTS = (
    Fact("batch", "at most 1,000 events in a request", "Meta: using the API; RudderStack", "high"),
    Fact("age", "7 days; one older event refuses the whole request", "Meta: server event", "high"),
    Fact("age (physical_store)", "62 days", "RudderStack, Amperity", "medium"),
    Fact("body size", "no limit in Meta's pages; RudderStack speaks of about 1 MB",
         "rudder-transformer facebook_pixel README", "low"),
    Fact("de-duplication", "same event_name and event_id within 48 hours: the first counts",
         "Meta: server event", "high"),
    Fact("de-duplication of two server events", "promised for browser and server only",
         "Meta: de-duplication, partly read", "medium"),
    Fact("one bad event", "the whole request is refused", "Meta: using the API", "high"),
    Fact("replies", "a count of events received, no verdict for single events",
         "facebook-python-business-sdk event_response", "high"),
    Fact("index in errors", "data[3] or $['data'][3] before the field's name",
         "facebook-nodejs-business-sdk issue 258; two public projects", "medium"),
    Fact("test events", "events with test_event_code are not dropped and count",
         "Meta: using the API", "high"),
    Fact("names (segment)", "six presets; event_id is messageId, event_time the timestamp's text",
         "segmentio/action-destinations 3.497", "high"),
    Fact("names (rudderstack)", "as the destination Facebook Conversions has them; Facebook Pixel "
         "has neither Payment Info Entered nor Product Added to Wishlist, and names page calls "
         "after the page: give it rules of its own, and integration = \"Facebook Pixel\"",
         "rudderlabs/rudder-transformer facebook_conversions, facebook_pixel", "high"),
    Fact("id (rudderstack)", "traits.event_id, context.traits.event_id, properties.event_id, "
         "messageId, in that order", "rudder-transformer FBCCommonConfig.json", "high"),
    Fact("integrations", "the key is Facebook Conversions API (Actions) at Segment, Facebook "
         "Conversions at RudderStack, exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    data: list[msgspec.Raw] | str


class _LoggedItem(msgspec.Struct):
    event_id: msgspec.Raw = msgspec.Raw(b"")
    event_name: Any = None
    event_time: Any = None
    custom_data: Any = None


_EMPTY = _LoggedItem()
_body_decoder = msgspec.json.Decoder(_LoggedBody)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_item_decoder = msgspec.json.Decoder(_LoggedItem, float_hook=Decimal)


class MetaConversions:
    """Meta Conversions API, `type = "meta-capi"` (see `ApiLogReader`)."""

    type = _TYPE
    presets = tuple(_RULES)
    event_sources = tuple(_LIMITS)
    dedup_window: timedelta | None = timedelta(hours=48)
    documentation = _FACTS

    def limits(self, event_source: str) -> Limits:
        """1,000 events; 7 days, in a physical store 62."""
        return known(_LIMITS, event_source, "event_source", _TYPE)

    def takes_pixel(self, event_source: str) -> bool:
        """Web events may have a browser twin."""
        known(_LIMITS, event_source, "event_source", _TYPE)
        return event_source == "web"

    def integration_name(self, event_source: str, preset: str) -> str | None:
        """The hub's name for it, the same for every event source."""
        known(_LIMITS, event_source, "event_source", _TYPE)
        return known(_INTEGRATIONS, preset, "preset", _TYPE)

    def rules(self, preset: str) -> tuple[Rule, ...]:
        """The inbound events of a preset, one of Meta's names each."""
        return known(_RULES, preset, "preset", _TYPE)

    def match_keys(self, preset: str) -> tuple[MatchKey, ...]:
        """Where a preset takes `event_id` from."""
        return known(_MATCH_KEYS, preset, "preset", _TYPE)

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `data`.

        `data` and its elements may be text that holds JSON, as in form posts: RudderStack logs
        them so.
        """
        data = decoded_body(body, _body_decoder, "data").data
        if isinstance(data, str):
            data = decoded_body(data.encode(), _list_decoder, "data")
        return [_request_item(bytes(raw)) for raw in data]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by the error's code, else by the count; the table is in `meta_replies`."""
        return judge(http_status, reply, items)


def _request_item(raw: bytes) -> RequestItem:
    if raw[:1] == b'"':
        raw = text_of(raw).encode()
    item = decoded_event(raw, _item_decoder, _EMPTY)
    custom = item.custom_data if isinstance(item.custom_data, dict) else {}
    return RequestItem(
        event_id=id_of(bytes(item.event_id)),
        event_name=text_or_none(item.event_name),
        event_time=parse_instant(item.event_time),
        value=parse_amount(custom.get("value")),
        currency=text_or_none(custom.get("currency")),
    )
