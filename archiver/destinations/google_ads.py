"""Google Ads API, click conversions: limits, what a logged request holds. No requests are built.

Conversion actions are the user's own, so that no preset has rules: `[[destinations.x.rules]]`
gives each event's conversion action as `name`, as written in the requests
(`customers/123/conversionActions/456`). The order id is the event id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from archiver.destinations.base import Fact, Limits, MatchKey, Reply, RequestItem, Rule, Tabled
from archiver.destinations.google_replies import judge
from archiver.destinations.json_text import id_of
from archiver.destinations.logged_requests import decoded_body, decoded_event, text_or_none
from archiver.values import parse_amount, parse_instant

_TYPE = "google-ads"
_NO_RULES: tuple[Rule, ...] = ()
_RULES = {"segment": _NO_RULES, "rudderstack": _NO_RULES}
_ORDER_IDS = (MatchKey("properties.orderId"), MatchKey("properties.order_id"))
_MATCH_KEYS = {"segment": _ORDER_IDS, "rudderstack": _ORDER_IDS}
_INTEGRATIONS = {
    "segment": "Google Ads Conversions",
    "rudderstack": "Google Ads Offline Conversions",
}
_LIMITS_OF_REQUEST = Limits(max_events=2000, max_body_bytes=None, max_age=None)
_LIMITS = dict.fromkeys(("web", "app", "offline"), _LIMITS_OF_REQUEST)
_VALIDATE_ONLY = "validate_only"

_FACTS = (
    Fact("batch", "at most 2,000 conversions in a request",
         "Google: ConversionUploadError TOO_MANY_CONVERSIONS_IN_REQUEST", "high"),
    Fact("body size", "no limit found", "-", "none"),
    Fact("age", "the click must lie inside the click-through window of the conversion action, "
         "which the account sets: give it as max_age", "Google: EXPIRED_EVENT", "high"),
    Fact("de-duplication", "an order id is taken once per conversion action, else a click and "
         "time; no window is documented, so that none is assumed",
         "Google: ORDER_ID_ALREADY_IN_USE, CLICK_CONVERSION_ALREADY_EXISTS", "high"),
    Fact("one bad event", "refused by itself, with partialFailure; the others are recorded",
         "Google: conversion_upload_service", "high"),
    Fact("replies", "HTTP 200 with partialFailureError, errors located by conversions[index]; "
         "results are empty for rows with an error",
         "googleads/google-ads-python, rudder-transformer's fixtures", "high"),
    Fact("validateOnly", "nothing is recorded and no results are returned",
         "Google: conversion_upload_service", "high"),
    Fact("id (segment)", "orderId is properties.orderId, else properties.order_id; the older "
         "action Upload Click Conversion reads the first alone",
         "segmentio/action-destinations google-enhanced-conversions", "high"),
    Fact("id (rudderstack)", "properties.orderId, else properties.order_id",
         "rudder-transformer TrackClickConversionsConfig.json", "high"),
    Fact("integrations", "the key is Google Ads Conversions at Segment, Google Ads Offline "
         "Conversions at RudderStack, exactly as written",
         "segmentio/action-destinations; rudderlabs/rudder-integrations-config db-config.json",
         "high"),
)  # fmt: skip


class _LoggedBody(msgspec.Struct):
    conversions: list[msgspec.Raw]
    validateOnly: Any = None
    validate_only: Any = None


class _LoggedItem(msgspec.Struct):
    orderId: msgspec.Raw = msgspec.Raw(b"")
    order_id: msgspec.Raw = msgspec.Raw(b"")
    conversionAction: Any = None
    conversion_action: Any = None
    conversionDateTime: Any = None
    conversion_date_time: Any = None
    conversionValue: Any = None
    conversion_value: Any = None
    currencyCode: Any = None
    currency_code: Any = None


_EMPTY = _LoggedItem()
_body_decoder = msgspec.json.Decoder(_LoggedBody)
_item_decoder = msgspec.json.Decoder(_LoggedItem, float_hook=Decimal)


class GoogleAds(Tabled):
    """Google Ads API, `uploadClickConversions`, `type = "google-ads"` (see `ApiLogReader`)."""

    type = _TYPE
    source_limits = _LIMITS
    pixel_sources: frozenset[str] = frozenset()  # What is uploaded no browser tag counts.
    preset_rules = _RULES
    preset_keys = _MATCH_KEYS
    preset_integrations = _INTEGRATIONS
    dedup_window: timedelta | None = None
    documentation = _FACTS

    def request_items(self, body: bytes | Mapping[str, object]) -> list[RequestItem]:
        """Take a logged request body apart, one item per element of `conversions`.

        Names are those of the REST API, or of the gRPC clients (`order_id`).
        """
        request = decoded_body(body, _body_decoder, "conversions")
        is_rehearsal = request.validateOnly is True or request.validate_only is True
        rehearsal = _VALIDATE_ONLY if is_rehearsal else None
        return [_request_item(bytes(raw), rehearsal) for raw in request.conversions]

    def judge(self, http_status: int | None, reply: bytes | None, items: int) -> Reply:
        """Decide by the errors, which name their rows; the table is in `google_replies`."""
        return judge(http_status, reply, items)


def _request_item(raw: bytes, rehearsal: str | None) -> RequestItem:
    item = decoded_event(raw, _item_decoder, _EMPTY)
    value = item.conversion_value if item.conversionValue is None else item.conversionValue
    return RequestItem(
        event_id=id_of(bytes(item.orderId)) or id_of(bytes(item.order_id)),
        event_name=text_or_none(item.conversionAction) or text_or_none(item.conversion_action),
        event_time=parse_instant(item.conversionDateTime or item.conversion_date_time),
        value=parse_amount(value),
        currency=text_or_none(item.currencyCode) or text_or_none(item.currency_code),
        rehearsal=rehearsal,
    )
