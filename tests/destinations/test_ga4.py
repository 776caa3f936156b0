"""What archiver asks of GA4 besides building one event."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import building
import pytest

from archiver.destinations.base import RequestItem
from archiver.destinations.ga4 import GoogleAnalytics4
from archiver.destinations.requests import Advice

GA4 = GoogleAnalytics4()


def test_limits_window_and_names() -> None:
    limits = GA4.limits("web")
    assert (limits.max_events, limits.max_body_bytes) == (25, 130_000)
    assert limits.max_age == timedelta(hours=72)
    assert (GA4.dedup_window, GA4.has_verdicts) == (None, False)
    assert GA4.takes_pixel("web") and not GA4.takes_pixel("app")
    assert GA4.integration_name("web", "segment") == "Google Analytics 4 Cloud"
    for ask in (GA4.limits, GA4.takes_pixel):
        with pytest.raises(ValueError, match="known: web, app"):
            ask("shop")
    with pytest.raises(ValueError, match="preset 'rudderstack'"):
        building.requests("ga4", preset="rudderstack")


def test_where_requests_go_and_how_they_name_the_secret() -> None:
    web = building.requests("ga4", event_source_id="G-1")
    app = building.requests(
        "ga4", event_source="app", event_source_id="1:2:ios:3", base_url="http://h", token_env="T"
    )
    assert web.url == (
        "https://www.google-analytics.com/mp/collect?api_secret=$GA4_API_SECRET&measurement_id=G-1"
    )
    assert app.url == "http://h/mp/collect?api_secret=$T&firebase_app_id=1%3A2%3Aios%3A3"


def test_only_one_client_and_instant_shares_a_root() -> None:
    def root(**members: Any) -> bytes:
        event = {"messageId": "m", "timestamp": "2026-01-15T11:52:00.789Z", "userId": "u"}
        return building.build(building.requests("ga4"), "login", event | members).root

    assert root() == root(messageId="other", properties={"x": 1})
    assert root() != root(userId="v")
    assert root() != root(timestamp="2026-01-15T11:52:00.790Z")


def test_what_is_joined_is_split_again_and_read_back() -> None:
    ours = building.requests("ga4", overrides={"user_id": ()})
    properties = {"name": "N", "value": "39.90", "currency": "USD"}
    event = {"messageId": "m-1", "timestamp": "2026-01-15T11:52:00Z", "userId": 'a"é'}
    built = building.build(ours, "view_item", event | {"properties": properties})
    body = ours.body([built.item, built.item], built.root)
    assert json.loads(body)["client_id"] == 'a"é'
    assert ours.split(body) == ([built.item, built.item], built.root)
    assert ours.split(ours.body([], built.root)) == ([], built.root)
    expected = RequestItem(
        None, "view_item", datetime(2026, 1, 15, 11, 52, tzinfo=UTC), Decimal("39.9"), "USD"
    )
    assert GA4.request_items(body) == [expected, expected]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events":[],"timestamp_micros":1}x'])
def test_what_is_no_body_cannot_be_split(body: bytes) -> None:
    with pytest.raises(ValueError, match="no object with an array 'events'"):
        building.requests("ga4").split(body)


def test_an_event_s_own_time_wins_and_an_order_is_no_event_id() -> None:
    event = {"name": "purchase", "timestamp_micros": 1_768_477_920_000_000}
    event["params"] = {"transaction_id": "o-1"}  # type: ignore[assignment]
    body = {"timestamp_micros": 1, "events": [event, {"name": 7}]}
    first, second = GA4.request_items(json.dumps(body).encode())
    assert first.event_time == datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
    assert first.event_id is None
    assert second.event_name is None


DEBUG = b'{"validationMessages":[]}'


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code", "advice"),
    [
        (204, None, "accepted", "unverified", Advice("done")),
        (200, b"anything", "accepted", "unverified", Advice("done")),
        (200, DEBUG, "failed", "debug_endpoint", Advice("stop")),
        (None, None, "unknown", "no_reply", Advice("unsure")),
        (302, None, "unknown", "302", Advice("unsure")),
        (403, None, "failed", "403", Advice("stop")),
        (404, None, "unknown", "404", Advice("stop")),
        (429, None, "failed", "429", Advice("wait")),
        (503, None, "failed", "503", Advice("wait")),
        (502, None, "unknown", "502", Advice("unsure")),
    ],
)
def test_replies(
    status: int | None, body: bytes | None, outcome: str, code: str, advice: Advice
) -> None:
    judged = GA4.judge(status, body, 2)
    assert [(v.outcome, v.code) for v in judged.verdicts] == [(outcome, code)] * 2
    assert GA4.advise(status, body, 2) == advice


def test_rudderstack_s_names_with_white_space_and_with_underscores() -> None:
    rules = {(r.call_type, r.event): r.destination_event for r in GA4.rules("rudderstack")}
    assert rules["track", "Order Completed"] == rules["track", "Order_Completed"] == "purchase"
    assert rules["track", "Checkout Step Completed"] == "add_shipping_info"
    assert rules["group", None] == "join_group"
