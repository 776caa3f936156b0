"""What archiver asks of TikTok besides building and judging."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from archiver.destinations import DESTINATIONS, destination, request_builder
from archiver.destinations.base import RequestItem, Settings
from archiver.destinations.tiktok_events import TikTokEvents

TIKTOK = TikTokEvents()


def test_look_up_by_type_names_the_known_ones() -> None:
    assert destination("tiktok-events") in DESTINATIONS
    with pytest.raises(ValueError, match=r"'tiktok'.*known: tiktok-events"):
        destination("tiktok")


def test_limits_window_and_names() -> None:
    limits = TIKTOK.limits("web")
    assert (limits.max_events, limits.max_body_bytes, limits.max_age) == (1000, None, None)
    assert TIKTOK.dedup_window == timedelta(hours=48)
    assert TIKTOK.takes_pixel("web")
    assert TIKTOK.integration_name("web", "segment") == "TikTok Conversions"
    assert TIKTOK.integration_name("web", "rudderstack") == "TikTok Ads"
    assert [header.environment for header in TIKTOK.request_headers if header.environment] == [
        "TIKTOK_ACCESS_TOKEN"
    ]


def test_unknown_event_sources_and_presets_are_refused() -> None:
    for ask in (TIKTOK.limits, TIKTOK.takes_pixel):
        with pytest.raises(ValueError, match=r"event_source 'shop'.*known: web"):
            ask("shop")
    with pytest.raises(ValueError, match=r"event_source 'shop'.*known: web"):
        TIKTOK.integration_name("shop", "segment")
    for about in (TIKTOK.rules, TIKTOK.match_keys):
        with pytest.raises(ValueError, match=r"preset 'snowplow'.*known: segment, rudderstack"):
            about("snowplow")


def test_requests_are_built_as_segment_does_and_not_as_rudderstack() -> None:
    assert request_builder("tiktok-events", "segment") is destination("tiktok-events")
    assert request_builder("tiktok-events", "rudderstack") is None


def test_the_events_that_segment_subscribes_to() -> None:
    rules = {
        (rule.call_type, rule.event): rule.destination_event for rule in TIKTOK.rules("segment")
    }
    assert rules == {
        ("track", "Order Completed"): "CompletePayment",
        ("track", "Order Placed"): "PlaceAnOrder",
        ("track", "Checkout Started"): "InitiateCheckout",
        ("track", "Payment Info Entered"): "AddPaymentInfo",
        ("track", "Product Added"): "AddToCart",
        ("track", "Product Added to Wishlist"): "AddToWishlist",
        ("track", "Product Viewed"): "ViewContent",
        ("track", "Product Clicked"): "ClickButton",
        ("track", "Products Searched"): "Search",
        ("track", "Signed Up"): "CompleteRegistration",
        ("track", "Callback Started"): "Contact",
        ("track", "Subscription Created"): "Subscribe",
        ("track", "Form Submitted"): "SubmitForm",
        ("track", "Download Link Clicked"): "Download",
        ("page", None): "PageView",
    }


def test_the_events_that_rudderstack_maps() -> None:
    rules = TIKTOK.rules("rudderstack")
    assert all(rule.call_type == "track" and rule.is_folded for rule in rules)
    renamed = {r.event: r.destination_event for r in rules if r.event != r.destination_event}
    assert renamed == {
        "Order Completed": "PlaceAnOrder",
        "Checkout Step Completed": "CompletePayment",
        "Checkout Started": "InitiateCheckout",
        "Payment Info Entered": "AddPaymentInfo",
        "Product Added": "AddToCart",
        "Product Added to Wishlist": "AddToWishlist",
        "Application Approval": "ApplicationApproval",
        "Submit Application": "SubmitApplication",
        "Start Trial": "StartTrial",
    }
    unchanged = {rule.event for rule in rules if rule.event == rule.destination_event}
    assert unchanged == {
        *("ViewContent", "ClickButton", "Search", "Contact", "Download", "SubmitForm"),
        *("CompleteRegistration", "Subscribe", "Purchase", "Lead", "CustomizeProduct"),
        *("FindLocation", "Schedule"),
    }


def test_where_the_hubs_take_the_id_from() -> None:
    assert [key.path for key in TIKTOK.match_keys("segment")] == ["messageId"]
    assert [key.path for key in TIKTOK.match_keys("rudderstack")] == [
        "properties.eventId",
        "properties.event_id",
        "messageId",
    ]


def test_every_rule_can_be_built_and_no_event_has_two_names() -> None:
    rules = TIKTOK.rules("segment")
    assert len({(rule.call_type, rule.event) for rule in rules}) == len(rules) == 15
    payload = b'{"messageId":"m","timestamp":"2026-01-15T00:00:00Z"}'
    for rule in rules:
        built = TIKTOK.build_event(payload, rule.destination_event)
        assert json.loads(built.item)["event"] == built.event_name == rule.destination_event


def test_request_body_joins_items_under_the_root_fields() -> None:
    body = TIKTOK.request_body([b'{"event_id":"a"}', b'{"event_id":"b"}'], Settings("web", 'P"1'))
    assert json.loads(body) == {
        "event_source": "web",
        "event_source_id": 'P"1',
        "partner_name": "Segment",
        "data": [{"event_id": "a"}, {"event_id": "b"}],
    }
    assert json.loads(TIKTOK.request_body([], Settings("web", "P")))["data"] == []


FULL = (
    b'{"event":"CompletePayment","event_id":"m-1","event_time":1768477920,'
    b'"properties":{"value":39.90,"currency":"usd"}}'
)


def test_a_logged_request_is_taken_apart() -> None:
    assert TIKTOK.request_items(b'{"data":[%s]}' % FULL) == [
        RequestItem(
            event_id="m-1",
            event_name="CompletePayment",
            event_time=datetime(2026, 1, 15, 11, 52, tzinfo=UTC),
            value=Decimal("39.90"),
            currency="usd",
        )
    ]


def test_bodies_come_as_objects_strings_and_mappings() -> None:
    body = b'{"data":[%s]}' % FULL
    expected = TIKTOK.request_items(body)
    assert TIKTOK.request_items(json.dumps(body.decode()).encode()) == expected
    assert TIKTOK.request_items(json.loads(body, parse_float=Decimal)) == expected


@pytest.mark.parametrize(
    ("event_id", "read"),
    [
        (b'"a"', "a"),
        (b"1.10", "1.10"),
        (b"18446744073709551617", "18446744073709551617"),
        (b"null", None),
        (b"true", None),
        (b'""', None),
        (b'"\\ud800"', "\ufffd"),
    ],
)
def test_a_numeric_event_id_keeps_its_text(event_id: bytes, read: str | None) -> None:
    assert TIKTOK.request_items(b'{"data":[{"event_id":%s}]}' % event_id)[0].event_id == read


def test_positions_hold_even_for_items_that_are_no_events() -> None:
    items = TIKTOK.request_items(b'{"data":[null,%s,[],{"event":7,"event_time":"?"}]}' % FULL)
    nothing = RequestItem(None, None, None, None, None)
    assert [item == nothing for item in items] == [True, False, True, True]


@pytest.mark.parametrize(
    ("value", "read"),
    [(b'"1,299.00"', Decimal("1299")), (b'"twelve"', None), (b"null", None), (b"[1]", None)],
)
def test_a_logged_value_is_an_exact_amount_or_none(value: bytes, read: Decimal | None) -> None:
    body = b'{"data":[{"properties":{"value":%s}}]}' % value
    assert TIKTOK.request_items(body)[0].value == read


def test_an_item_with_a_number_beyond_every_reader_keeps_its_place() -> None:
    body = b'{"data":[{"event_id":"a","event_time":1e99999999999999999999},%s]}' % FULL
    assert [found.event_id for found in TIKTOK.request_items(body)] == [None, "m-1"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"data":{}}', b'"text"', b"\xff"])
def test_no_list_of_events_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object with a list"):
        TIKTOK.request_items(body)


def test_what_is_built_is_read_back() -> None:
    payload = (
        b'{"messageId":"m-1","timestamp":"2026-01-15T11:52:00.9Z",'
        b'"properties":{"value":"1,299.00","currency":"GBP"}}'
    )
    built = TIKTOK.build_event(payload, "CompletePayment")
    body = TIKTOK.request_body([built.item], Settings("web", "P"))
    assert TIKTOK.request_items(body) == [
        RequestItem(
            built.event_id,
            built.event_name,
            built.event_time.replace(microsecond=0),
            Decimal("1299"),
            "GBP",
        )
    ]
