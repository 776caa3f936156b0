"""What archiver asks of TikTok besides building and judging."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import building
import pytest

from archiver.destinations import DESTINATIONS, destination, request_builder
from archiver.destinations.base import RequestItem, rules_of
from archiver.destinations.tiktok_events import TikTokEvents

TIKTOK = TikTokEvents()


def test_look_up_by_type_names_the_known_ones() -> None:
    assert destination("tiktok-events") in DESTINATIONS
    with pytest.raises(ValueError, match=r"'tiktok'.*known: tiktok-events"):
        destination("tiktok")


def test_limits_per_event_source() -> None:
    for source in TIKTOK.event_sources:
        limits = TIKTOK.limits(source)
        assert (limits.max_events, limits.max_requests_per_second) == (1000, 10)
        assert limits.max_age == (timedelta(days=28) if source == "offline" else None)
    assert TIKTOK.dedup_window == timedelta(hours=48)
    assert [source for source in TIKTOK.event_sources if TIKTOK.takes_pixel(source)] == ["web"]


@pytest.mark.parametrize(
    ("source", "segment", "rudderstack"),
    [
        ("web", "TikTok Conversions", "TikTok Ads"),
        ("crm", "TikTok Conversions", "TikTok Ads"),
        ("app", "TikTok App Events", "TikTok Ads"),
        ("offline", "TikTok Offline Conversions", "TikTok Ads Offline Events"),
    ],
)
def test_integration_names(source: str, segment: str, rudderstack: str) -> None:
    assert TIKTOK.integration_name(source, "segment") == segment
    assert TIKTOK.integration_name(source, "rudderstack") == rudderstack


def test_unknown_event_sources_and_presets_are_refused() -> None:
    for ask in (TIKTOK.limits, TIKTOK.takes_pixel):
        with pytest.raises(ValueError, match=r"event_source 'shop'.*known: web"):
            ask("shop")
    with pytest.raises(ValueError, match=r"event_source 'shop'.*known: web"):
        TIKTOK.integration_name("shop", "segment")
    for about in (TIKTOK.rules, TIKTOK.match_keys):
        with pytest.raises(ValueError, match=r"preset 'snowplow'.*known: segment, rudderstack"):
            about("snowplow")


def test_what_can_be_built() -> None:
    assert request_builder("tiktok-events") is destination("tiktok-events")
    for preset, source in TIKTOK.buildable:
        assert building.requests("tiktok-events", preset=preset, event_source=source).fields
    with pytest.raises(ValueError, match=r"preset 'rudderstack' and event_source 'offline'"):
        building.requests("tiktok-events", preset="rudderstack", event_source="offline")


def test_the_events_that_segment_subscribes_to() -> None:
    for source in ("web", "offline", "crm"):
        assert names("segment", source) == FROM_PAGES
    assert names("segment", "app") == FROM_APPS


FROM_PAGES = {
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
FROM_APPS = {
    ("track", "Order Completed"): "Purchase",
    ("track", "Checkout Started"): "Checkout",
    ("track", "Payment Info Entered"): "AddPaymentInfo",
    ("track", "Product Added"): "AddToCart",
    ("track", "Product Added to Wishlist"): "AddToWishlist",
    ("track", "Product Viewed"): "ViewContent",
    ("track", "Products Searched"): "Search",
    ("track", "Signed Up"): "Registration",
    ("track", "Signed In"): "Login",
    ("track", "Application Installed"): "InstallApp",
    ("track", "Application Opened"): "LaunchAPP",
}


def names(preset: str, source: str) -> dict[tuple[str, str | None], str]:
    rules = rules_of(TIKTOK, preset, source)
    assert len({(rule.call_type, rule.event) for rule in rules}) == len(rules)
    return {(rule.call_type, rule.event): rule.destination_event for rule in rules}


def test_rudderstacks_legacy_offline_destination_maps_four_events() -> None:
    assert names("rudderstack", "offline") == {
        ("track", "Checkout Step Completed"): "CompletePayment",
        ("track", "Contact"): "Contact",
        ("track", "SubmitForm"): "SubmitForm",
        ("track", "Subscribe"): "Subscribe",
    }


def test_the_events_that_rudderstack_maps() -> None:
    rules = rules_of(TIKTOK, "rudderstack", "web")
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


def test_a_body_joins_items_under_the_root_fields_and_comes_apart_again() -> None:
    ours = building.requests("tiktok-events", event_source_id='P"1')
    items = [b'{"event_id":"a"}', b'{"event_id":"b"}']
    body = ours.body(items, b"")
    assert json.loads(body) == {
        "event_source": "web",
        "event_source_id": 'P"1',
        "partner_name": "Segment",
        "data": [{"event_id": "a"}, {"event_id": "b"}],
    }
    assert ours.split(body) == (items, b"")
    assert ours.split(ours.body([], b"")) == ([], b"")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":{}}', b'{"data":[]}'])
def test_what_is_no_body_of_ours_does_not_come_apart(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        building.requests("tiktok-events").split(body)


def test_host_and_token_can_be_given() -> None:
    ours = building.requests("tiktok-events", base_url="http://127.0.0.1:1", token_env="T")
    assert ours.url == "http://127.0.0.1:1/open_api/v1.3/event/track/"
    assert [(h.name, h.value, h.environment) for h in ours.headers] == [
        ("Access-Token", None, "T"),
        ("Content-Type", "application/json", None),
    ]
    ours = building.requests("tiktok-events")
    assert ours.url == "https://business-api.tiktok.com/open_api/v1.3/event/track/"
    assert ours.headers[0].environment == TIKTOK.token_env == "TIKTOK_ACCESS_TOKEN"


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
    payload = b'{"properties":{"value":"1,299.00","currency":"GBP"}}'
    ours = building.requests("tiktok-events")
    built = ours.build_event(payload, "CompletePayment", "m-1", 1768477920_900000)
    moment = datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
    assert TIKTOK.request_items(ours.body([built.item], built.root)) == [
        RequestItem("m-1", "CompletePayment", moment, Decimal("1299"), "GBP")
    ]
