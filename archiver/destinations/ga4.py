"""Google Analytics 4, Measurement Protocol: names, limits, requests, replies.

Everything here differs from the ad destinations: the root of a body belongs to one person and one
instant, an event has no id, a repetition counts again, and every request is answered 2xx.

Requests are built as Segment's mapping does (preset `segment`). Of RudderStack's, names and ids are
known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from archiver.destinations.base import (
    Fact,
    Limits,
    MatchKey,
    Reply,
    RequestItem,
    Rule,
    Tabled,
    Verdict,
)
from archiver.destinations.logged_requests import decoded_body, decoded_event, text_or_none
from archiver.destinations.reply_bodies import (
    advice_by_status,
    is_success,
    judged_by_status,
    read_reply,
)
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
from archiver.destinations.segment_ga4 import (
    INTEGRATION,
    SEGMENT_GA4_QUIRKS,
    SEGMENT_GA4_RULES,
    SegmentGa4Events,
)
from archiver.values import parse_amount, parse_instant

# RudderStack puts `_` for white space and looks the name up without case; every other track event
# goes out under its own name. Each name is listed with white space and with `_`.
# Source: rudderlabs/rudder-transformer, ga4/{config,transform}.js.
_RUDDERSTACK_RULES = (
    *(
        Rule("track", spelling, name, is_folded=True)
        for event, name in (
            ("Login", "login"),
            ("Sign Up", "sign_up"),
            ("Generate Lead", "generate_lead"),
            ("Products Searched", "search"),
            ("Product List Viewed", "view_item_list"),
            ("Promotion Viewed", "view_promotion"),
            ("Promotion Clicked", "select_promotion"),
            ("Product Clicked", "select_item"),
            ("Product Viewed", "view_item"),
            ("Product Added", "add_to_cart"),
            ("Product Removed", "remove_from_cart"),
            ("Cart Viewed", "view_cart"),
            ("Checkout Started", "begin_checkout"),
            ("Payment Info Entered", "add_payment_info"),
            ("Checkout Step Completed", "add_shipping_info"),
            ("Order Completed", "purchase"),
            ("Order Refunded", "refund"),
            ("Product Added to Wishlist", "add_to_wishlist"),
            ("Product Shared", "share"),
            ("Cart Shared", "share"),
            ("View Search Results", "view_search_results"),
        )
        for spelling in dict.fromkeys((event, event.replace(" ", "_")))
    ),
    Rule("page", None, "page_view"),
    Rule("group", None, "join_group"),
)

_TYPE = "ga4"
_RULES = {"segment": SEGMENT_GA4_RULES, "rudderstack": _RUDDERSTACK_RULES}
_MATCH_KEYS = {"segment": (MatchKey("messageId"),), "rudderstack": (MatchKey("messageId"),)}
_INTEGRATIONS = {"segment": INTEGRATION, "rudderstack": "Google Analytics 4 (GA4)"}
_LIMIT = Limits(max_events=25, max_body_bytes=130_000, max_age=timedelta(hours=72))
_LIMITS = {"web": _LIMIT, "app": _LIMIT}
_STREAMS = {"web": "measurement_id", "app": "firebase_app_id"}
_HOST = "https://www.google-analytics.com"
_PATH = "/mp/collect"
_TOKEN_ENV = "GA4_API_SECRET"
_UNVERIFIED = "unverified"
_DEBUG = "debug_endpoint"

_FACTS = (
    Fact("endpoint", "/mp/collect, with measurement_id (web) or firebase_app_id (app) and "
         "api_secret in the URL", "Google: sending events", "high"),
    Fact("batch", "at most 25 events of one client in a request", "Google: sending events", "high"),
    Fact("body size", "Google names a limit; 130 kB was not seen in its text: max_body_bytes sets "
         "another", "Google: sending events", "low"),
    Fact("parameters", "at most 25 in an event, and 25 user properties; what is built has "
         "fewer", "Google: sending events", "high"),
    Fact("age", "72 hours, counted by Segment as 3 days in the property's time zone; what is older "
         "is dropped or moved, as the request asks", "Google: sending events; Segment", "high"),
    Fact("time", "timestamp_micros may stand in the root or in the event, where it wins; as at "
         "Segment it stands in the root", "Google: sending events", "high"),
    Fact("de-duplication", "none: an event sent twice counts twice; of a purchase with a known "
         "transaction_id it is not known", "RudderStack", "medium"),
    Fact("verdict", "every request is answered 2xx, whatever is in it; 2xx is kept as accepted "
         "with code unverified", "Google: sending events; RudderStack", "high"),
    Fact("debugging", "/debug/mp/collect validates and records nothing; its replies, which have "
         "validationMessages, count as failed", "Google: validating events", "high"),
    Fact("id", "an event has none: the match key is archiver's own (messageId), and a log of "
         "requests needs event_ids beside each body, as an upload writes them",
         "Google: sending events", "high"),
    Fact("client_id", "should be the id of the browser's tag (the _ga cookie); Segment sends the "
         "user id, else the anonymous id: an event under another client is another user's",
         "Google: sending events; Segment", "high"),
    Fact("session", "without session_id an event belongs to no session", "Google: sending events",
         "medium"),
    Fact("required", "purchase: currency, transaction_id, items; refund: transaction_id; others as "
         "Google's reference of events has it; GA4 refuses nothing", "Google: events; Segment",
         "high"),
    Fact("names (segment)", "seventeen named actions; the defaults send each track event as "
         "generate_lead and under its own name too, which are no twins",
         "segmentio/action-destinations 3.497", "high"),
    Fact("differences (segment)", "what Segment refuses for one field is sent without that field; "
         "docs/differences.md has all", "compared with Segment's code on 60,000 events", "high"),
    Fact("names (rudderstack)", "compared without case, white space as _; other track events go "
         "out under their own name and need rules of their own", "rudder-transformer ga4", "high"),
    Fact("integrations", "the key is Google Analytics 4 Cloud at Segment, Google Analytics 4 (GA4) "
         "at RudderStack, exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    events: list[msgspec.Raw]
    timestamp_micros: Any = None


class _LoggedItem(msgspec.Struct):
    name: Any = None
    params: Any = None
    timestamp_micros: Any = None


class _ReplyBody(msgspec.Struct):
    validationMessages: Any = None


_EMPTY = _LoggedItem()
_body_decoder = msgspec.json.Decoder(_LoggedBody, float_hook=Decimal)
_item_decoder = msgspec.json.Decoder(_LoggedItem, float_hook=Decimal)
_reply_decoder = msgspec.json.Decoder(_ReplyBody)


class GoogleAnalytics4(Tabled):
    """GA4 Measurement Protocol, `type = "ga4"` (see `RequestBuilder`)."""

    type = _TYPE
    source_limits = _LIMITS
    preset_rules = _RULES
    preset_keys = _MATCH_KEYS
    preset_integrations = _INTEGRATIONS
    buildable = tuple(("segment", source) for source in _LIMITS)
    dedup_window: timedelta | None = None
    quirks: Mapping[str, tuple[Quirk, ...]] = {"segment": SEGMENT_GA4_QUIRKS}
    has_verdicts = False
    token_env = _TOKEN_ENV
    api_version: str | None = None
    documentation = _FACTS

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `events`, none with an id.

        A `transaction_id` is the order's and not the event's: as an id it would join a purchase to
        nothing. The ids must stand beside the body, as `event_ids`.
        """
        logged = decoded_body(body, _body_decoder, "events")
        return [_request_item(bytes(raw), logged.timestamp_micros) for raw in logged.events]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """2xx is accepted with code `unverified`: GA4 says no more (DESIGN §4)."""
        if http_status is None or not is_success(http_status):
            return judged_by_status(http_status, items)
        verdict = Verdict("accepted", _UNVERIFIED, None)
        if _is_debug(reply):
            verdict = Verdict("failed", _DEBUG, "the debug endpoint records nothing")
        return Reply(None, (verdict,) * items)

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """Likewise, for an upload: 2xx is all that will ever be known."""
        if http_status is None or not is_success(http_status):
            return advice_by_status(http_status)
        return Advice("stop") if _is_debug(reply) else Advice("done")

    def requests(self, settings: RequestSettings) -> Requests:
        """Requests as the preset's hub would have sent them, but for the batching."""
        check_buildable(self, settings)
        return _Ga4Requests(settings)


class _Ga4Requests:
    """The requests of one configured stream (see `Requests`)."""

    file_name = "batch-{:05d}.json"

    def __init__(self, settings: RequestSettings) -> None:
        events = SegmentGa4Events(
            event_source=settings.event_source,
            strict=settings.strict,
            overrides=settings.overrides,
        )
        self.fields = events.fields
        self.build_event = events.build
        secret = settings.token_env or _TOKEN_ENV
        stream = f"{_STREAMS[settings.event_source]}={quote(settings.event_source_id, safe='')}"
        self.url: str | None = f"{settings.base_url or _HOST}{_PATH}?api_secret=${secret}&{stream}"
        self.headers = (Header("Content-Type", value="application/json"),)

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Put events into their common root, behind its other members."""
        return joined(root[:-1] + b',"events":[', items, b"]}")

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The elements of `events`, and the object without them."""
        items = split_items(body, "events")
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        del members["events"]
        return items, msgspec.json.encode(members)


def _is_debug(reply: bytes | None) -> bool:
    body = read_reply(reply, _reply_decoder)
    return body is not None and body.validationMessages is not None


def _request_item(raw: bytes, root_time: Any) -> RequestItem:
    item = decoded_event(raw, _item_decoder, _EMPTY)
    params = item.params if isinstance(item.params, dict) else {}
    own_time = parse_instant(item.timestamp_micros)
    return RequestItem(
        event_id=None,
        event_name=text_or_none(item.name),
        event_time=parse_instant(root_time) if own_time is None else own_time,
        value=parse_amount(params.get("value")),
        currency=text_or_none(params.get("currency")),
    )
