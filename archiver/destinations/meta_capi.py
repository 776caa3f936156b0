"""Meta Conversions API: names, limits, requests, what a logged request holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

import msgspec

from archiver.destinations.base import Limits, MatchKey, Reply, RequestItem, Rule, Tabled
from archiver.destinations.json_text import text_of
from archiver.destinations.logged_requests import decoded_body, meta_like_item
from archiver.destinations.meta_facts import META_FACTS
from archiver.destinations.meta_replies import advise, judge
from archiver.destinations.meta_requirements import ACTION_SOURCES
from archiver.destinations.requests import (
    Advice,
    Header,
    Quirk,
    Requests,
    RequestSettings,
    check_buildable,
    joined,
    split_items,
)
from archiver.destinations.rudderstack_meta import RudderStackMetaEvents
from archiver.destinations.rudderstack_meta_fields import RUDDERSTACK_QUIRKS
from archiver.destinations.segment_meta import SegmentMetaEvents
from archiver.destinations.segment_meta_fields import SEGMENT_QUIRKS

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
_REQUESTS_PER_SECOND = 10.0


def _limits(max_age: timedelta) -> Limits:
    return Limits(
        _MAX_EVENTS,
        max_body_bytes=None,
        max_age=max_age,
        max_requests_per_second=_REQUESTS_PER_SECOND,
    )


_WITHIN_A_WEEK = _limits(timedelta(days=7))
# Meta's `action_source`, but that `web` stands for `website`.
_LIMITS = {
    "web": _WITHIN_A_WEEK,
    "app": _WITHIN_A_WEEK,
    "physical_store": _limits(timedelta(days=62)),
    "system_generated": _WITHIN_A_WEEK,
    "email": _WITHIN_A_WEEK,
    "phone_call": _WITHIN_A_WEEK,
    "chat": _WITHIN_A_WEEK,
    "business_messaging": _WITHIN_A_WEEK,
    "other": _WITHIN_A_WEEK,
}

_HOST = "https://graph.facebook.com"
_TOKEN_ENV = "META_ACCESS_TOKEN"
_EVENTS: dict[str, type[SegmentMetaEvents | RudderStackMetaEvents]] = {
    "segment": SegmentMetaEvents,
    "rudderstack": RudderStackMetaEvents,
}
_API_VERSIONS = {"segment": "v24.0", "rudderstack": "v25.0"}


class _LoggedBody(msgspec.Struct):
    data: list[msgspec.Raw] | str


_body_decoder = msgspec.json.Decoder(_LoggedBody)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class MetaConversions(Tabled):
    """Meta Conversions API, `type = "meta-capi"` (see `ApiLogReader`)."""

    type = _TYPE
    source_limits = _LIMITS
    preset_rules = _RULES
    preset_keys = _MATCH_KEYS
    preset_integrations = _INTEGRATIONS
    dedup_window: timedelta | None = timedelta(hours=48)
    buildable = tuple((preset, source) for preset in _EVENTS for source in ACTION_SOURCES)
    quirks: Mapping[str, tuple[Quirk, ...]] = {
        "segment": SEGMENT_QUIRKS,
        "rudderstack": RUDDERSTACK_QUIRKS,
    }
    has_verdicts = True
    token_env = _TOKEN_ENV
    api_version: str | None = _API_VERSIONS["segment"]
    documentation = META_FACTS

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

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """Likewise, for an upload."""
        return advise(http_status, reply, items)

    def requests(self, settings: RequestSettings) -> Requests:
        """Requests as the preset's hub would have sent them, but for the batching."""
        check_buildable(self, settings)
        return _MetaRequests(settings)


class _MetaRequests:
    """The requests of one configured pixel or dataset (see `Requests`)."""

    file_name = "batch-{:05d}.json"

    def __init__(self, settings: RequestSettings) -> None:
        events = _EVENTS[settings.preset](settings)
        self.fields = events.fields
        self.build_event = events.build
        version = (settings.api_version or _API_VERSIONS[settings.preset]).lstrip("v")
        dataset = quote(settings.event_source_id, safe="")
        self.url: str | None = f"{settings.base_url or _HOST}/v{version}/{dataset}/events"
        self.headers = (
            Header("Authorization", environment=settings.token_env or _TOKEN_ENV, scheme="bearer"),
            Header("Content-Type", value="application/json"),
        )

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Join items into one `data`."""
        return joined(b'{"data":[', items, b"]}")

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The elements of `data`."""
        return split_items(body, "data"), b""


def _request_item(raw: bytes) -> RequestItem:
    if raw[:1] == b'"':
        raw = text_of(raw).encode()
    return meta_like_item(raw)
