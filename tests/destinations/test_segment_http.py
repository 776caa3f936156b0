"""One archived Segment event in, the same event for Segment's batches out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import building
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import DESTINATIONS, ROUTES, route
from archiver.destinations.base import RequestItem
from archiver.destinations.requests import (
    Advice,
    BuiltEvent,
    Requests,
    RequestSettings,
    UnsendableEvent,
)

SEGMENT = route("segment-http")
EVENT_TIME_US = 1768477920_123000  # 2026-01-15T11:52:00.123Z
EVENT = {
    "messageId": "m-1",
    "type": "track",
    "event": "Order Completed",
    "userId": "u",
    "timestamp": "2026-01-15T11:52:00.123Z",
}


def requests(**settings: Any) -> Requests:
    given_ = {"event_source": "web", "event_source_id": "", "preset": "segment"}
    return SEGMENT.requests(
        RequestSettings(**{**given_, "integration": "TikTok Conversions", **settings})
    )


TO_TIKTOK = requests()


def build(event: dict[str, Any] | bytes, of: Requests = TO_TIKTOK) -> BuiltEvent:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    return of.build_event(payload, "CompletePayment", "m-1", EVENT_TIME_US)


def item(**members: Any) -> dict[str, Any]:
    return json.loads(build({**EVENT, **members}).item)


def test_a_route_is_no_destination_of_a_configuration() -> None:
    assert route("segment-http") in ROUTES
    assert "segment-http" not in {kind.type for kind in DESTINATIONS}
    with pytest.raises(ValueError, match=r"unknown route 'rudderstack-http'.*known: segment-http"):
        route("rudderstack-http")


def test_the_event_goes_to_the_broken_destination_alone() -> None:
    assert item() == {**EVENT, "integrations": {"All": False, "TikTok Conversions": True}}


@pytest.mark.parametrize(
    ("own", "sent"),
    [({"ttclid": "c"}, {"ttclid": "c"}), (True, True), (None, True), ("x", True)],
)
def test_options_of_the_event_for_that_destination_are_kept(own: Any, sent: Any) -> None:
    found = item(integrations={"All": True, "Facebook Pixel": {}, "TikTok Conversions": own})
    assert found["integrations"] == {"All": False, "TikTok Conversions": sent}


def test_integrations_that_are_no_object_are_replaced() -> None:
    assert item(integrations=[1])["integrations"] == {"All": False, "TikTok Conversions": True}


def test_what_segment_adds_on_the_way_in_is_left_out() -> None:
    found = item(
        receivedAt="2026-01-15T12:00:00Z",
        sentAt="2026-01-15T11:53:00Z",
        originalTimestamp="2026-01-15T11:51:00Z",
        projectId="p",
        channel="server",
        version=2,
        _metadata={"bundled": []},
        writeKey="k",
        context={"ip": "8.8.8.8", "version": 1},
    )
    assert found.keys() == {*EVENT, "context", "integrations"}
    assert found["context"] == {"ip": "8.8.8.8", "version": 1}


def test_all_else_stands_byte_for_byte() -> None:
    payload = (
        b'{ "type":"track","event":"E","messageId":"m-1","anonymousId":"a",'
        b'"timestamp":"2026-01-15T11:52:00.123Z",'
        b'"properties":{"revenue":1.10, "big":18446744073709551617,"e":1e2,"z":-0,"n":"\\u0041"}}'
    )
    assert build(payload).item == (
        b'{"type":"track","event":"E","messageId":"m-1","anonymousId":"a",'
        b'"properties":{"revenue":1.10, "big":18446744073709551617,"e":1e2,"z":-0,"n":"\\u0041"},'
        b'"timestamp":"2026-01-15T11:52:00.123Z",'
        b'"integrations":{"All":false,"TikTok Conversions":true}}'
    )


@pytest.mark.parametrize(
    ("timestamp", "sent"),
    [
        ("2026-01-15T17:22:00.123+05:30", "2026-01-15T17:22:00.123+05:30"),
        ("2026-01-15T11:52:00.123000999Z", "2026-01-15T11:52:00.123000999Z"),
        ("2026-01-15T11:52:00.123", "2026-01-15T11:52:00.123Z"),
        (1768477920123, "2026-01-15T11:52:00.123Z"),
        ("2026-01-15T11:52:09Z", "2026-01-15T11:52:00.123Z"),
        (None, "2026-01-15T11:52:00.123Z"),
    ],
)
def test_the_time_is_the_events_own_in_a_form_that_segment_reads(timestamp: Any, sent: str) -> None:
    assert item(timestamp=timestamp)["timestamp"] == sent


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"messageId": None}, "no messageId"),
        ({"messageId": ""}, "no messageId"),
        ({"type": None}, "no type"),
        ({"type": "delete"}, "no type"),
        ({"userId": None, "anonymousId": ""}, "neither userId nor anonymousId"),
        ({"event": None}, "without an event name"),
    ],
)
def test_what_segment_would_drop_is_unsendable(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UnsendableEvent, match=told):
        build({**EVENT, **change})


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b'{"a":1}x', b'{"a":' + b"[" * 20_000])
def test_no_object_is_unsendable(payload: bytes) -> None:
    with pytest.raises(UnsendableEvent):
        build(payload)


def test_text_that_is_no_unicode_does_not_sink_a_batch() -> None:
    payload = json.dumps(EVENT).encode().replace(b'"u"', b'"\xff\\ud800"')
    assert json.loads(build(payload).item)["userId"] == "\ufffd\ufffd"


def test_a_page_call_needs_no_event_name() -> None:
    assert item(type="page", event=None)["type"] == "page"


def test_where_it_is_posted_with_which_key() -> None:
    assert TO_TIKTOK.url == "https://api.segment.io/v1/batch"
    eu = requests(base_url="https://events.eu1.segmentapis.com", token_env="KEY")
    assert eu.url == "https://events.eu1.segmentapis.com/v1/batch"
    assert [(h.name, h.environment, h.scheme) for h in eu.headers if h.environment] == [
        ("Authorization", "KEY", "basic")
    ]
    assert TO_TIKTOK.headers[0].environment == "SEGMENT_WRITE_KEY"


def test_a_quote_in_the_destinations_name_stays_in_it() -> None:
    built = json.loads(build(EVENT, requests(integration='A "b"')).item)
    assert built["integrations"] == {"All": False, 'A "b"': True}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"integration": None}, "set integration"),
        ({"preset": "rudderstack"}, "preset 'rudderstack'"),
        ({"as_csv": True}, "takes no CSV"),
    ],
)
def test_requests_that_cannot_be_made(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        requests(**settings)


def test_any_event_source_and_overrides_of_the_destination_are_taken() -> None:
    assert requests(event_source="crm", strict=True, overrides={"user.email": ()}).fields


def test_limits_and_window() -> None:
    limits = SEGMENT.limits("web")
    assert (limits.max_events, limits.max_body_bytes, limits.max_event_bytes) == (
        2500,
        500_000,
        32_000,
    )
    assert SEGMENT.dedup_window == timedelta(hours=24)
    assert not SEGMENT.has_verdicts
    assert not SEGMENT.takes_pixel("web")


def test_a_logged_batch_is_taken_apart() -> None:
    built = build({**EVENT, "properties": {"revenue": 39.9, "currency": "EUR"}})
    body = TO_TIKTOK.body(
        [built.item, b'{"messageId":7,"properties":{"value":1,"revenue":2}}'], b""
    )
    assert SEGMENT.request_items(body) == [
        RequestItem(
            "m-1",
            "Order Completed",
            datetime(2026, 1, 15, 11, 52, 0, 123000, tzinfo=UTC),
            Decimal("39.9"),
            "EUR",
        ),
        RequestItem("7", None, None, Decimal(1), None),
    ]


@pytest.mark.parametrize(
    ("status", "reply", "items", "outcome", "code", "advice"),
    [
        (200, b'{"success":true}', 2, "unknown", "handed_to_hub", Advice("done")),
        (None, b'{"success":true}', 2, "unknown", "handed_to_hub", Advice("done")),
        (200, b"<html>", 2, "unknown", "200", Advice("unsure")),
        (
            400,
            b'{"success":false,"code":"bad_request"}',
            1,
            "rejected",
            "bad_request",
            Advice("done"),
        ),
        (400, b'{"success":false}', 2, "failed", "400", Advice("isolate")),
        (400, b"", 2, "unknown", "400", Advice("isolate")),
        (413, b"", 2, "unknown", "413", Advice("isolate")),
        (401, b'{"success":true}', 1, "failed", "401", Advice("stop")),
        (404, b"", 1, "unknown", "404", Advice("stop")),
        (429, b"", 1, "failed", "429", Advice("wait")),
        (500, b"", 1, "failed", "500", Advice("wait")),
        (502, b"", 1, "unknown", "502", Advice("unsure")),
        (None, None, 1, "unknown", "no_reply", Advice("unsure")),
    ],
)
def test_replies(
    status: int | None, reply: bytes | None, items: int, outcome: str, code: str, advice: Advice
) -> None:
    verdicts = SEGMENT.judge(status, reply, items).verdicts
    assert [(verdict.outcome, verdict.code) for verdict in verdicts] == [(outcome, code)] * items
    assert SEGMENT.advise(status, reply, items) == advice


@given(status=st.none() | st.integers(100, 599), reply=st.binary(max_size=20))
def test_no_reply_of_a_hub_says_that_a_destination_accepted(
    status: int | None, reply: bytes
) -> None:
    for body in (reply, b'{"success":true}'):
        assert SEGMENT.judge(status, body, 1).verdicts[0].outcome != "accepted"


@pytest.mark.skipif(not building.GOLDEN.exists(), reason="no corpora")
def test_the_golden_events_come_back_with_their_own_members() -> None:
    sendable = 0
    for line in (building.GOLDEN / "input.ndjson").read_bytes().splitlines():
        given_ = json.loads(line, parse_float=Decimal)
        try:
            built = TO_TIKTOK.build_event(line, "X", given_["messageId"], EVENT_TIME_US)
        except UnsendableEvent:
            continue
        sent = json.loads(built.item, parse_float=Decimal)
        for name in ("messageId", "properties", "context", "traits", "userId", "event"):
            assert sent.get(name) == given_.get(name)
        sendable += 1
    assert sendable > 50
