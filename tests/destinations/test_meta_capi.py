"""What archiver asks of Meta besides judging replies."""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import building
import pytest

from archiver.destinations import api_log_reader, destination, request_builder
from archiver.destinations.base import RequestItem
from archiver.destinations.meta_capi import MetaConversions
from archiver.destinations.requests import Header

META = MetaConversions()
CORPORA = os.environ.get("ARCHIVER_CORPORA", "")
GOLDEN = Path(CORPORA) / "golden"

PURCHASE = (
    b'{"event_name":"Purchase","event_id":"m-1","event_time":1768477920,'
    b'"custom_data":{"value":39.90,"currency":"usd"}}'
)
READ = RequestItem(
    event_id="m-1",
    event_name="Purchase",
    event_time=datetime(2026, 1, 15, 11, 52, tzinfo=UTC),
    value=Decimal("39.90"),
    currency="usd",
)


def test_its_log_is_judged_and_its_requests_are_built() -> None:
    meta = destination("meta-capi")
    assert api_log_reader("meta-capi") is request_builder("meta-capi") is meta
    assert META.has_verdicts
    # A business message needs a channel that no hub sends.
    sources = [source for source in META.event_sources if source != "business_messaging"]
    for preset in META.presets:
        assert [source for known, source in META.buildable if known == preset] == sources
        assert META.quirks[preset]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://graph.facebook.com/v24.0/123/events"),
        ({"preset": "rudderstack"}, "https://graph.facebook.com/v25.0/123/events"),
        ({"api_version": "v26.0"}, "https://graph.facebook.com/v26.0/123/events"),
        ({"api_version": "26.0"}, "https://graph.facebook.com/v26.0/123/events"),
        ({"base_url": "http://localhost:1"}, "http://localhost:1/v24.0/123/events"),
        ({"event_source_id": "1/2?"}, "https://graph.facebook.com/v24.0/1%2F2%3F/events"),
    ],
)
def test_where_requests_go(given: dict[str, str], url: str) -> None:
    assert building.requests("meta-capi", **{"event_source_id": "123", **given}).url == url


def test_the_token_stays_in_the_environment() -> None:
    for given, name in (({}, "META_ACCESS_TOKEN"), ({"token_env": "MINE"}, "MINE")):
        assert building.requests("meta-capi", **given).headers == (
            Header("Authorization", environment=name, scheme="bearer"),
            Header("Content-Type", value="application/json"),
        )


@pytest.mark.parametrize("items", [[], [b'{"a":1}'], [b'{"a":[]}', b'{"b":"]}"}']])
def test_a_body_is_taken_apart_as_it_was_joined(items: list[bytes]) -> None:
    of = building.requests("meta-capi")
    body = of.body(items, b"")
    assert of.split(body) == (items, b"")
    assert len(body) <= len(of.body([], b"")) + sum(len(item) + 1 for item in items)
    with pytest.raises(ValueError, match="no object with an array 'data'"):
        of.split(b"[]")


def test_what_cannot_be_built() -> None:
    with pytest.raises(ValueError, match=r"'business_messaging' \(known: segment web"):
        building.requests("meta-capi", event_source="business_messaging")


def test_limits_and_window() -> None:
    assert META.limits("web").max_events == 1000
    assert META.limits("web").max_age == timedelta(days=7)
    assert META.limits("physical_store").max_age == timedelta(days=62)
    assert META.dedup_window == timedelta(hours=48)
    assert META.limits("web").max_requests_per_second == 10
    assert [source for source in META.event_sources if META.takes_pixel(source)] == ["web"]
    with pytest.raises(ValueError, match=r"event_source 'website' \(known: web, app"):
        META.limits("website")


def test_names_in_integrations() -> None:
    assert META.integration_name("web", "segment") == "Facebook Conversions API (Actions)"
    assert META.integration_name("app", "rudderstack") == "Facebook Conversions"
    with pytest.raises(ValueError, match=r"preset 'snowplow'"):
        META.integration_name("web", "snowplow")


def test_the_events_that_rudderstack_maps() -> None:
    rules = META.rules("rudderstack")
    folded = {rule.event: rule.destination_event for rule in rules if rule.is_folded}
    assert folded == {
        "Order Completed": "Purchase",
        "Checkout Started": "InitiateCheckout",
        "Payment Info Entered": "AddPaymentInfo",
        "Product Added": "AddToCart",
        "Product Added to Wishlist": "AddToWishlist",
        "Product Viewed": "ViewContent",
        "Product List Viewed": "ViewContent",
        "Products Searched": "Search",
    }
    rest = [rule for rule in rules if not rule.is_folded]
    calls = [(rule.call_type, rule.destination_event) for rule in rest if rule.event is None]
    assert calls == [("page", "PageView"), ("screen", "PageView")]
    passed_on = [rule for rule in rest if rule.event is not None]
    assert len(passed_on) == 18
    assert all(rule.event == rule.destination_event for rule in passed_on)


def test_where_the_hubs_take_the_id_from() -> None:
    assert [key.path for key in META.match_keys("segment")] == ["messageId"]
    assert [key.path for key in META.match_keys("rudderstack")] == [
        "traits.event_id",
        "context.traits.event_id",
        "properties.event_id",
        "messageId",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[%s]}' % PURCHASE,
        json.dumps(f'{{"data":[{PURCHASE.decode()}]}}').encode(),
        json.dumps({"data": [PURCHASE.decode()]}).encode(),
        json.dumps({"data": f"[{PURCHASE.decode()}]"}).encode(),
        {"data": [json.loads(PURCHASE, parse_float=Decimal)]},
    ],
    ids=["text", "string", "strings inside", "list as string", "mapping"],
)
def test_a_logged_request_is_taken_apart_however_it_was_logged(body: bytes | dict) -> None:
    assert META.request_items(body) == [READ]


def test_segments_iso_time_is_read() -> None:
    iso = PURCHASE.replace(b"1768477920", b'"2026-01-15T11:52:00.000Z"')
    assert META.request_items(b'{"data":[%s]}' % iso) == [READ]


def test_positions_hold_even_for_items_that_are_no_events() -> None:
    items = META.request_items(b'{"data":[null,%s,"?",{"custom_data":[]}]}' % PURCHASE)
    assert [item == READ for item in items] == [False, True, False, False]
    assert items[0] == items[2] == items[3] == RequestItem(None, None, None, None, None)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data":{}}', b'{"data":"x"}', b'{"data":"{}"}', b"data=%5B%5D"]
)
def test_no_list_of_events_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object with a list `data`"):
        META.request_items(body)


@pytest.mark.skipif(
    not CORPORA or not (GOLDEN / "segment_meta.ndjson").exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)
def test_rules_and_ids_are_those_of_segments_golden_requests() -> None:
    inbound = (GOLDEN / "input.ndjson").read_bytes().splitlines()
    subscribed = sent = 0
    for line in (GOLDEN / "segment_meta.ndjson").read_text().splitlines():
        expected = json.loads(line)
        event = json.loads(inbound[expected["event_index"]])
        selected = [
            rule.destination_event
            for rule in META.rules("segment")
            if rule.call_type == event["type"] and rule.event in (None, event.get("event"))
        ]
        assert len(selected) == len(expected["subscribed"]), expected["messageId"]
        for request in expected["requests"]:
            (item,) = META.request_items(json.dumps(request["body"]).encode())
            assert [item.event_name] == selected
            assert item.event_id == event["messageId"]
            assert item.event_time is not None
            sent += 1
        subscribed += len(selected)
    assert (subscribed, sent) == (7, 5)
