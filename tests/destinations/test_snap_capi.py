"""What archiver asks of Snap besides building one event."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import building
import pytest

from archiver.destinations.base import RequestItem
from archiver.destinations.requests import Advice
from archiver.destinations.snap_capi import SnapConversions

SNAP = SnapConversions()


def test_limits_window_and_names() -> None:
    for source in ("web", "app", "offline"):
        limits = SNAP.limits(source)
        assert (limits.max_events, limits.max_age) == (2000, timedelta(days=7))
        assert SNAP.integration_name(source, "segment") == "Snap Conversions Api"
        assert SNAP.takes_pixel(source) == (source == "web")
    assert SNAP.dedup_window == timedelta(hours=48)
    for ask in (SNAP.limits, SNAP.takes_pixel):
        with pytest.raises(ValueError, match="known: web, app, offline"):
            ask("shop")


def test_where_requests_go_and_how_they_name_the_token() -> None:
    ours = building.requests("snap-capi", event_source_id="a/b")
    assert ours.url == "https://tr.snapchat.com/v3/a%2Fb/events?access_token=$SNAP_ACCESS_TOKEN"
    other = building.requests(
        "snap-capi", base_url="http://127.0.0.1:9", api_version="v4", token_env="T"
    )
    assert other.url == "http://127.0.0.1:9/v4/ID/events?access_token=$T"
    assert not any(header.environment for header in ours.headers)


def test_only_the_segment_preset_is_built() -> None:
    with pytest.raises(ValueError, match="preset 'rudderstack'"):
        building.requests("snap-capi", preset="rudderstack")


def test_rudderstack_s_names_with_white_space_and_with_underscores() -> None:
    rules = {(r.call_type, r.event): r for r in SNAP.rules("rudderstack")}
    assert rules["track", "Order Completed"].destination_event == "PURCHASE"
    assert rules["track", "Product List Viewed"].destination_event == "VIEW_CONTENT"
    assert rules["track", "sign up"].destination_event == "SIGN_UP"
    assert rules["track", "sign_up"].destination_event == "SIGN_UP"
    assert rules["page", None].destination_event == "PAGE_VIEW"
    assert all(rule.is_folded for rule in rules.values() if rule.call_type == "track")


def test_where_the_hubs_take_the_id_from() -> None:
    assert [(k.path, k.transform) for k in SNAP.match_keys("segment")] == [("messageId", ("trim",))]
    assert [(k.path, k.transform) for k in SNAP.match_keys("rudderstack")] == [("messageId", ())]


def test_what_is_joined_is_split_again_and_read_back() -> None:
    ours = building.requests("snap-capi")
    event = {
        "messageId": "m-1",
        "timestamp": "2026-01-15T11:52:00.789Z",
        "properties": {"email": "a@x.com", "total": "39.90", "currency": "usd"},
    }
    built = building.build(ours, "PURCHASE", event)
    body = ours.body([built.item, built.item], built.root)
    assert ours.split(body) == ([built.item, built.item], b"")
    expected = RequestItem(
        "m-1", "PURCHASE", datetime(2026, 1, 15, 11, 52, tzinfo=UTC), Decimal("39.9"), "USD"
    )
    assert SNAP.request_items(body) == [expected, expected]


def test_segment_s_milliseconds_are_read_too() -> None:
    [item] = SNAP.request_items(b'{"data":[{"event_time":1768477920789}]}')
    assert item.event_time == datetime(2026, 1, 15, 11, 52, 0, 789000, tzinfo=UTC)


INVALID = {"status": "INVALID", "reason": "no value"}
OUTCOMES = [
    # status, body, items: outcomes, advice
    (200, {"status": "VALID", "reason": "fine"}, 2, "accepted", Advice("done")),
    (200, {"status": "success"}, 1, "accepted", Advice("done")),
    (200, {"status": "PARTIAL"}, 2, "unknown", Advice("unsure")),
    (200, None, 2, "unknown", Advice("unsure")),
    (500, {"status": "VALID"}, 1, "failed", Advice("wait")),
    (None, None, 1, "unknown", Advice("unsure")),
    (400, INVALID, 1, "rejected", Advice("done")),
    (400, INVALID, 2, "failed", Advice("isolate")),
    (200, INVALID, 1, "rejected", Advice("done")),
    (200, INVALID, 2, "unknown", Advice("unsure")),
    (400, {"status": "INVALID", "reason": "Invalid token"}, 1, "failed", Advice("stop")),
    (404, {"status": "INVALID", "errors": {"error_msgs": ["bad Asset ID"]}}, 2, "failed",
     Advice("stop")),
    (404, INVALID, 1, "failed", Advice("stop")),
    (200, {"status": "INVALID", "reason": "no permission"}, 1, "unknown", Advice("unsure")),
    (200, {"status": "VALID", "event_logs": []}, 2, "failed", Advice("stop")),
    (200, {"status": "VALID", "test_event": True}, 2, "failed", Advice("stop")),
    (400, "<html>", 2, "unknown", Advice("stop")),
    (401, INVALID, 2, "failed", Advice("stop")),
    (403, None, 2, "failed", Advice("stop")),
    (429, INVALID, 2, "failed", Advice("wait")),
    (500, INVALID, 2, "failed", Advice("wait")),
    (504, None, 2, "unknown", Advice("unsure")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "items", "outcome", "advice"), OUTCOMES)
def test_replies(
    status: int | None, body: object, items: int, outcome: str, advice: Advice
) -> None:
    reply = None if body is None else json.dumps(body).encode()
    assert [v.outcome for v in SNAP.judge(status, reply, items).verdicts] == [outcome] * items
    assert SNAP.advise(status, reply, items) == advice


def test_a_verdict_keeps_snap_s_words() -> None:
    reply = INVALID | {"errors": {"codes": ["E1", "E2"], "error_msgs": ["first", 7, "second"]}}
    [verdict] = SNAP.judge(400, json.dumps(reply).encode(), 1).verdicts
    assert (verdict.code, verdict.message) == ("E1", "no value: first: second")
    [verdict] = SNAP.judge(400, json.dumps(INVALID | {"errors": ["E"]}).encode(), 1).verdicts
    assert (verdict.code, verdict.message) == ("INVALID", "no value")


def test_a_test_event_code_makes_a_rehearsal() -> None:
    for code, rehearsal in (("T1", "test_event_code"), ("", None), (None, None)):
        body = json.dumps({"data": [{"event_id": "a"}], "test_event_code": code}).encode()
        assert [item.rehearsal for item in SNAP.request_items(body)] == [rehearsal]
