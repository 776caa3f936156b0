"""Snap Conversions API v3: names, limits, requests, replies.

Requests are built as Segment's mapping does (preset `segment`). Of RudderStack's, names and ids are
known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from archiver.destinations.base import Fact, Limits, MatchKey, Reply, RequestItem, Rule, Tabled
from archiver.destinations.logged_requests import decoded_body, meta_like_item, text_or_none
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
from archiver.destinations.segment_snap import (
    INTEGRATION,
    SEGMENT_SNAP_QUIRKS,
    SEGMENT_SNAP_RULES,
    SegmentSnapEvents,
)
from archiver.destinations.snap_replies import advise, judge

# RudderStack lower-cases the name and puts `_` for white space before it looks it up; each name is
# listed as RudderStack's event specification has it, and as the map has it where that is another.
# Source: rudderlabs/rudder-transformer, snapchat_conversion/{config,transformV3}.ts.
_RUDDERSTACK_RULES = (
    *(
        Rule("track", event, name, is_folded=True)
        for event, name in (
            ("Products Searched", "SEARCH"),
            ("Product List Viewed", "VIEW_CONTENT"),
            ("Promotion Viewed", "AD_VIEW"),
            ("Promotion Clicked", "AD_CLICK"),
            ("Product Viewed", "VIEW_CONTENT"),
            ("Product Added", "ADD_CART"),
            ("Checkout Started", "START_CHECKOUT"),
            ("Payment Info Entered", "ADD_BILLING"),
            ("Order Completed", "PURCHASE"),
            ("Product Added to Wishlist", "ADD_TO_WISHLIST"),
        )
    ),
    *(
        Rule("track", spelling, name, is_folded=True)
        for name in (
            *("SIGN_UP", "APP_OPEN", "SAVE", "SUBSCRIBE", "COMPLETE_TUTORIAL", "LEVEL_COMPLETE"),
            *("INVITE", "LOGIN", "SHARE", "RESERVE", "ACHIEVEMENT_UNLOCKED", "SPENT_CREDITS"),
            *("RATE", "START_TRIAL", "LIST_VIEW", "PAGE_VIEW", "APP_INSTALL"),
            *("CUSTOM_EVENT_1", "CUSTOM_EVENT_2", "CUSTOM_EVENT_3", "CUSTOM_EVENT_4"),
            "CUSTOM_EVENT_5",
        )
        for spelling in dict.fromkeys((name.lower(), name.lower().replace("_", " ")))
    ),
    Rule("page", None, "PAGE_VIEW"),
)

_TYPE = "snap-capi"
_RULES = {"segment": SEGMENT_SNAP_RULES, "rudderstack": _RUDDERSTACK_RULES}
_MATCH_KEYS = {
    "segment": (MatchKey("messageId", ("trim",)),),
    "rudderstack": (MatchKey("messageId"),),
}
_INTEGRATIONS = {"segment": INTEGRATION, "rudderstack": "Snapchat Conversion"}
_LIMIT = Limits(max_events=2000, max_body_bytes=None, max_age=timedelta(days=7))
_LIMITS = {"web": _LIMIT, "app": _LIMIT, "offline": _LIMIT}
_HOST = "https://tr.snapchat.com"
_VERSION = "v3"
_TOKEN_ENV = "SNAP_ACCESS_TOKEN"
_TEST = "test_event_code"

_FACTS = (
    Fact("endpoint", "one URL for each pixel (web, offline) or Snap app id (app)",
         "Snap: using the API; Segment; RudderStack", "high"),
    Fact("token", "access_token in the URL, which v3 requires; a header alone is in no page of it: "
         "keep the URL out of the logs of proxies", "Snapchat/business-sdk-v3-java", "high"),
    Fact("batch", "at most 2,000 events in a request", "RudderStack; api-evangelist", "medium"),
    Fact("body size", "no limit found", "-", "none"),
    Fact("age", "37 days in Snap's introduction, 28 in RudderStack's pages, 7 in Segment's and in "
         "RudderStack's code for v3: 7 is taken, max_age sets another",
         "Snap: introduction; RudderStack; Segment", "low"),
    Fact("time", "Unix seconds in Snap's examples; Segment sends milliseconds, which are taken too",
         "Snap: using the API; Segment", "medium"),
    Fact("de-duplication", "same event_id on the same pixel or app: the first counts, what the "
         "second has more is merged", "Snap: de-duplication", "high"),
    Fact("de-duplication window", "48 hours; 30 days for PURCHASE by order_id, which is not relied "
         "upon", "stape.io help desk", "medium"),
    Fact("identifiers", "e-mail, phone or advertising id, or IP address and user agent together",
         "Snap: parameters; Segment; RudderStack", "high"),
    Fact("PURCHASE", "needs value and currency", "Snap; Segment", "medium"),
    Fact("phone", "digits with country code, no leading zero", "Snap: best practices", "high"),
    Fact("advertising id", "lower case, plain; some pages speak of hashing",
         "Segment; RudderStack", "low"),
    Fact("replies", "status VALID or INVALID for the whole request, with reasons and codes",
         "Snapchat/business-sdk-v3-java", "high"),
    Fact("one bad event", "whether it refuses the whole request; taken so where the HTTP status is "
         "an error", "-", "none"),
    Fact("test events", "with test_event_code in the root, or sent to /events/validate, nothing is "
         "recorded", "Snapchat/business-sdk-v3-java", "high"),
    Fact("action_source", "website, app and OFFLINE as Segment sends them; Snap takes WEB, "
         "MOBILE_APP and OFFLINE too", "Snap: using the API; Segment", "high"),
    Fact("names (segment)", "fourteen presets; event_id is messageId, without white space around",
         "segmentio/action-destinations 3.497", "high"),
    Fact("differences (segment)", "event_time in seconds, no Authorization header; empty text is "
         "no identifier; what Segment refuses for one field is sent without that field; "
         "docs/differences.md has all", "compared with Segment's code on 60,000 events", "high"),
    Fact("names (rudderstack)", "compared without case, white space as _; all others are refused; "
         "what the dashboard maps otherwise needs rules of its own",
         "rudder-transformer snapchat_conversion", "high"),
    Fact("id (rudderstack)", "messageId, or the field that the dashboard names, where "
         "de-duplication is switched on there; else properties.client_dedup_id or the id of an "
         "order or a transaction, by event: set match_keys for another than messageId",
         "rudder-transformer snapchat_conversion", "high"),
    Fact("integrations", "the key is Snap Conversions Api at Segment, Snapchat Conversion at "
         "RudderStack, exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    data: list[msgspec.Raw]
    test_event_code: Any = None


_body_decoder = msgspec.json.Decoder(_LoggedBody)


class SnapConversions(Tabled):
    """Snap Conversions API v3, `type = "snap-capi"` (see `RequestBuilder`)."""

    type = _TYPE
    source_limits = _LIMITS
    preset_rules = _RULES
    preset_keys = _MATCH_KEYS
    preset_integrations = _INTEGRATIONS
    buildable = tuple(("segment", source) for source in _LIMITS)
    dedup_window: timedelta | None = timedelta(hours=48)
    quirks: Mapping[str, tuple[Quirk, ...]] = {"segment": SEGMENT_SNAP_QUIRKS}
    has_verdicts = True
    token_env = _TOKEN_ENV
    api_version: str | None = _VERSION
    documentation = _FACTS

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `data`.

        With a `test_event_code` Snap records nothing.
        """
        logged = decoded_body(body, _body_decoder, "data")
        rehearsal = _TEST if text_or_none(logged.test_event_code) else None
        return [meta_like_item(bytes(raw), rehearsal) for raw in logged.data]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by the body's `status`; the table is in `snap_replies`."""
        return judge(http_status, reply, items)

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """Likewise, for an upload."""
        return advise(http_status, reply, items)

    def requests(self, settings: RequestSettings) -> Requests:
        """Requests as the preset's hub would have sent them, but for the batching."""
        check_buildable(self, settings)
        return _SnapRequests(settings)


class _SnapRequests:
    """The requests of one configured pixel or app (see `Requests`)."""

    file_name = "batch-{:05d}.json"

    def __init__(self, settings: RequestSettings) -> None:
        events = SegmentSnapEvents(
            event_source=settings.event_source,
            strict=settings.strict,
            overrides=settings.overrides,
        )
        self.fields = events.fields
        self.build_event = events.build
        asset = quote(settings.event_source_id, safe="")
        path = f"/{settings.api_version or _VERSION}/{asset}/events"
        token = settings.token_env or _TOKEN_ENV
        self.url: str | None = f"{settings.base_url or _HOST}{path}?access_token=${token}"
        self.headers = (Header("Content-Type", value="application/json"),)

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Join items; the body holds nothing else."""
        return joined(b'{"data":[', items, b"]}")

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The elements of `data`."""
        return split_items(body, "data"), b""
