"""What archiver asks of Google besides judging replies."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from archiver.destinations import api_log_reader, destination, request_builder
from archiver.destinations.base import RequestItem
from archiver.destinations.google_ads import GoogleAds

GOOGLE = GoogleAds()
ACTION = "customers/1/conversionActions/2"
REST = {
    "gclid": "g",
    "conversionAction": ACTION,
    "conversionDateTime": "2026-01-15 06:52:00-05:00",
    "conversionValue": 39.95,
    "currencyCode": "USD",
    "orderId": "o-1",
}
GRPC = {
    "gclid": "g",
    "conversion_action": ACTION,
    "conversion_date_time": "2026-01-15 12:52:00+01:00",
    "conversion_value": 39.95,
    "currency_code": "USD",
    "order_id": "o-1",
}
READ = RequestItem(
    event_id="o-1",
    event_name=ACTION,
    event_time=datetime(2026, 1, 15, 11, 52, tzinfo=UTC),
    value=Decimal("39.95"),
    currency="USD",
)


def items(*conversions: Any, **more: Any) -> list[RequestItem]:
    return GOOGLE.request_items(json.dumps({"conversions": conversions, **more}).encode())


def test_its_log_is_judged_and_its_requests_are_not_built() -> None:
    assert api_log_reader("google-ads") is destination("google-ads")
    assert request_builder("google-ads") is None


def test_what_is_known_without_a_configuration() -> None:
    for source in GOOGLE.event_sources:
        assert GOOGLE.limits(source).max_events == 2000
        assert not GOOGLE.takes_pixel(source)
    assert "web" in GOOGLE.event_sources
    for preset in ("segment", "rudderstack"):
        assert GOOGLE.rules(preset) == ()
        assert [key.path for key in GOOGLE.match_keys(preset)] == [
            "properties.orderId",
            "properties.order_id",
        ]
    assert GOOGLE.integration_name("web", "segment") == "Google Ads Conversions"
    assert GOOGLE.integration_name("web", "rudderstack") == "Google Ads Offline Conversions"
    with pytest.raises(ValueError, match="google-ads knows no preset 'x'"):
        GOOGLE.rules("x")
    with pytest.raises(ValueError, match="google-ads knows no event_source 'shop'"):
        GOOGLE.limits("shop")


@pytest.mark.parametrize("conversion", [REST, GRPC], ids=["rest", "grpc"])
def test_a_logged_request_is_taken_apart(conversion: dict[str, Any]) -> None:
    assert items(conversion, partialFailure=True) == [READ]


def test_what_is_absent_or_unreadable_is_none() -> None:
    nothing = RequestItem(None, None, None, None, None)
    odd = {"orderId": True, "conversionDateTime": "noon", "conversionValue": [1], "currencyCode": 3}
    assert items({}, None, odd, "?", {"orderId": ""}) == [nothing] * 5
    assert items({"orderId": 1007, "conversionValue": 0})[0] == RequestItem(
        "1007", None, None, Decimal(0), None
    )


@pytest.mark.parametrize(
    ("flag", "rehearsal"),
    [
        ({"validateOnly": True}, "validate_only"),
        ({"validate_only": True}, "validate_only"),
        ({"validateOnly": False}, None),
        ({"validateOnly": "true"}, None),
        ({}, None),
    ],
)
def test_a_request_that_only_validates_is_a_rehearsal(
    flag: dict[str, Any], rehearsal: str | None
) -> None:
    assert [item.rehearsal for item in items(REST, REST, **flag)] == [rehearsal] * 2


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":[]}', b'{"conversionAdjustments":[{}]}'])
def test_no_list_of_conversions_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object with a list `conversions`"):
        GOOGLE.request_items(body)
