"""What holds for each destination that requests are built for, and for each route.

A new destination is tested here by its line in `DESTINATIONS` alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import DESTINATIONS, ROUTES
from archiver.destinations.base import rules_of
from archiver.destinations.paths import Fixed
from archiver.destinations.requests import (
    ANY_SOURCE,
    Advice,
    BuiltEvent,
    RequestBuilder,
    Requests,
    RequestSettings,
    UnsendableEvent,
)

EVENT_TIME_US = 1768477920_000000  # 2026-01-15T11:52:00Z
STEPS = {"done", "wait", "isolate", "stop", "unsure"}
EMAIL = "Ada.Raw@Example.com"
PHONE = "+1 (415) 555-0123"

Case = tuple[RequestBuilder, RequestSettings]


# What only the user knows, since no hub has it: by type and event source.
MAPPED = {("ga4", "app"): {"app_instance_id": (Fixed("i-1"),)}}


def settings(kind: RequestBuilder, preset: str, source: str, **more: Any) -> RequestSettings:
    of = "web" if source == ANY_SOURCE else source
    overrides = MAPPED.get((kind.type, of), {})
    return RequestSettings(
        of, "ID", preset, integration="The Destination", overrides=overrides, **more
    )


def _cases() -> list[Case]:
    kinds = [kind for kind in (*DESTINATIONS, *ROUTES) if isinstance(kind, RequestBuilder)]
    found = []
    for kind in kinds:
        for preset, source in kind.buildable:
            found.append((kind, settings(kind, preset, source)))
            files = settings(kind, preset, source, as_csv=True)
            with suppress(ValueError):
                kind.requests(files)
                found.append((kind, files))
    return found


CASES = _cases()
KINDS = list({case[0].type: case[0] for case in CASES}.values())


def _name(case: Case) -> str:
    kind, of = case
    return f"{kind.type}-{of.preset}-{of.event_source}{'-csv' if of.as_csv else ''}"


ELSEWHERE = {"base_url": "http://127.0.0.1:9", "token_env": "OUR_SECRET"}
_MADE: dict[tuple[str, ...], Requests] = {}


def made(case: Case, **more: Any) -> Requests:
    """The requests of a case, made once: that takes much longer than an event."""
    kind, of = case
    key = (_name(case), *more)
    if key not in _MADE:
        _MADE[key] = kind.requests(replace(of, **more))
    return _MADE[key]


every_case = pytest.mark.parametrize("case", CASES, ids=map(_name, CASES))
every_preset = pytest.mark.parametrize(
    "case", list({(kind.type, of.preset): (kind, of) for kind, of in CASES}.values()), ids=_name
)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
cases = st.sampled_from(CASES)


def event(message_id: str = "m-1") -> dict[str, Any]:
    """An event with all that some destination needs."""
    person = {
        "email": EMAIL,
        "phone": PHONE,
        "firstName": "Ada",
        "first_name": "Ada",
        "address": {"city": "London", "country": "GB", "postal_code": "SW1A 1AA"},
    }
    product = {"product_id": "sku-1", "sku": "sku-1", "name": "Hat", "price": 12.5, "quantity": 1}
    return {
        "messageId": message_id,
        "type": "track",
        "event": "Order Completed",
        "userId": "u-1",
        "anonymousId": "a-1",
        "timestamp": "2026-01-15T11:52:00Z",
        "traits": person,
        "context": {
            "ip": "8.8.8.8",
            "userAgent": "Mozilla/5.0",
            "locale": "en-GB",
            "page": {"url": "https://shop.example/?x=1", "referrer": "https://ref.example/"},
            "traits": person,
            "app": {"namespace": "com.shop", "name": "Shop", "version": "1.2"},
            "device": {
                "id": "d-1",
                "type": "ios",
                "advertisingId": "AB-12",
                "adTrackingEnabled": True,
            },
            "os": {"name": "iOS", "version": "17.1"},
        },
        "properties": {
            **person,
            **product,
            "value": 12.5,
            "revenue": 12.5,
            "total": 12.5,
            "currency": "EUR",
            "order_id": "o-1",
            "query": "hat",
            "lead_id": "l-1",
            "app_id": "123",
            "products": [product],
        },
        "integrations": {"All": True},
    }


def names(case: Case) -> list[str]:
    kind, of = case
    rules = rules_of(kind, of.preset, of.event_source)
    return list(dict.fromkeys(rule.destination_event for rule in rules)) or ["Order Completed"]


def build(requests: Requests, name: str, payload: dict[str, Any] | bytes) -> BuiltEvent:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message_id = payload["messageId"] if isinstance(payload, dict) else "m-1"
    return requests.build_event(data, name, message_id, EVENT_TIME_US)


def sendable(case: Case, requests: Requests, payload: dict[str, Any]) -> list[BuiltEvent]:
    """The event under each of the destination's names; those that need more are left out."""
    found = []
    for name in names(case):
        try:
            found.append(build(requests, name, payload))
        except UnsendableEvent:
            continue
    return found


@every_kind
def test_what_is_buildable_is_known_and_said_once(kind: RequestBuilder) -> None:
    assert len(set(kind.buildable)) == len(kind.buildable) > 0
    for preset, source in kind.buildable:
        assert preset in kind.presets
        assert source == ANY_SOURCE or source in kind.event_sources
    assert set(kind.quirks) <= set(kind.presets)
    assert all(quirk.hub and quirk.documentation for of in kind.quirks.values() for quirk in of)
    with pytest.raises(ValueError, match=r"cannot be built for preset 'snowplow'"):
        kind.requests(settings(kind, "snowplow", kind.buildable[0][1]))


@every_case
def test_an_event_with_everything_is_sendable(case: Case) -> None:
    assert sendable(case, made(case), event())


@every_preset
def test_so_it_is_where_the_documentation_counts(case: Case) -> None:
    assert sendable(case, made(case, strict=True), event())


@every_case
def test_where_requests_go_and_with_which_secret(case: Case) -> None:
    kind, of = case
    requests = made(case, **ELSEWHERE)
    assert (requests.url is None) == of.as_csv
    first, second = requests.file_name.format(1), requests.file_name.format(2)
    assert first != second and first.rpartition(".")[2] == ("csv" if of.as_csv else "json")
    if requests.url is not None:
        assert requests.url.startswith("http://127.0.0.1:9/")
        assert (made(case).url or "").startswith("https://")
        in_headers = [header.environment for header in requests.headers if header.value is None]
        assert in_headers == ["OUR_SECRET"] or "$OUR_SECRET" in requests.url
        assert kind.token_env


@every_case
def test_fields_have_names_forms_and_overrides(case: Case) -> None:
    kind, of = case
    fields = made(case).fields
    assert len(set(fields)) == len(fields) > 0
    assert all(field.name and field.form for field in fields)
    assert {field.name for field in fields if field.is_overridden} == of.overrides.keys()
    if kind not in ROUTES and not of.as_csv:
        with pytest.raises(ValueError, match=r"no field 'no_such_field'"):
            kind.requests(replace(of, overrides={"no_such_field": ()}))


@every_case
def test_a_body_is_taken_apart_into_what_it_was_made_of(case: Case) -> None:
    requests = made(case)
    built = [found for n in range(3) for found in sendable(case, requests, event(f"m-{n}"))]
    root = built[0].root
    items = [found.item for found in built if found.root == root]
    for some in (items, items[:1]):
        body = requests.body(some, root)
        assert requests.split(body) == (some, root)
        assert requests.body(*requests.split(body)) == body
        most = len(requests.body([], root)) + sum(len(item) + 1 for item in some)
        assert len(body) <= most
    for wrong in (b"", b"[]", b"{}", b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            requests.split(wrong)


@every_case
def test_a_body_is_read_back_with_its_ids_and_names(case: Case) -> None:
    kind, of = case
    if of.as_csv:
        return
    requests = made(case)
    for found in sendable(case, requests, event()):
        (item,) = kind.request_items(requests.body([found.item], found.root))
        assert item.event_id in (None, "m-1")
        assert item.event_name in {*names(case), "Order Completed"}


@every_case
def test_the_same_event_has_the_same_bytes(case: Case) -> None:
    assert sendable(case, made(case, **ELSEWHERE), event()) == sendable(case, made(case), event())


@every_case
def test_an_item_stays_as_it_was_made(case: Case) -> None:
    requests = made(case)
    built = sendable(case, requests, event("m-1"))
    items = [bytes(found.item) for found in built]
    sendable(case, requests, event("another"))
    assert [found.item for found in built] == items


@every_case
def test_raw_personal_data_is_in_no_body(case: Case) -> None:
    if case[0] in ROUTES:
        return
    requests = made(case)
    digits = "".join(c for c in PHONE if c.isdigit())
    for found in sendable(case, requests, event()):
        body = requests.body([found.item], found.root).decode().lower()
        for raw in (EMAIL.lower(), PHONE.lower(), digits, f"+{digits}"):
            assert raw not in body
        assert not any(EMAIL in note or PHONE in note for note in found.notes)


MEMBERS = (
    *("email", "phone", "first_name", "firstName", "address", "city", "value", "revenue", "total"),
    *("currency", "products", "order_id", "query", "url", "traits", "page", "app", "device", "os"),
    *("type", "id", "version", "name", "ip", "userAgent", "price", "quantity", "lead_id", "All"),
    *("advertisingId", "adTrackingEnabled", "locale", "limited_data_use", "birthday", "gender"),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([EMAIL, PHONE, "", " ", "\u00a0", "USD", "1,299.00", "ios", "a" * 64, "東京"])
    | st.text(max_size=4)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4)
    ),
    max_leaves=10,
)
payloads = st.fixed_dictionaries(
    {"messageId": st.just("m-1")},
    optional=dict.fromkeys(
        (
            *("type", "event", "userId", "anonymousId", "timestamp", "traits"),
            *("context", "properties", "integrations"),
        ),
        values,
    ),
)


@given(case=cases, payload=payloads | st.binary(max_size=20), data=st.data())
def test_any_payload_is_sent_or_unsendable(
    case: Case, payload: dict[str, Any] | bytes, data: st.DataObject
) -> None:
    kind, of = case
    requests = made(case)
    try:
        found = build(requests, data.draw(st.sampled_from(names(case))), payload)
    except UnsendableEvent as unsendable:
        assert unsendable.reason
        return
    body = requests.body([found.item], found.root)
    assert requests.split(body) == ([found.item], found.root)
    if not of.as_csv:
        json.loads(body)
        assert len(kind.request_items(body)) == 1


replies = st.binary(max_size=20) | st.dictionaries(
    st.sampled_from(["code", "message", "error", "success", "status", "events_received"]),
    scalars | st.sampled_from([0, 20001, 40002, 40100, 2, "OK", True]),
    max_size=3,
).map(lambda reply: json.dumps(reply).encode())


@every_kind
@given(status=st.none() | st.integers(100, 599), reply=st.none() | replies, items=st.integers(1, 4))
def test_advice_never_contradicts_the_verdict(
    kind: RequestBuilder, status: int | None, reply: bytes | None, items: int
) -> None:
    advice = kind.advise(status, reply, items)
    outcomes = {verdict.outcome for verdict in kind.judge(status, reply, items).verdicts}
    assert advice.step in STEPS
    assert all(0 <= row < items for row in advice.rows)
    assert not advice.rows or advice.step == "isolate"
    if advice.step in ("wait", "isolate", "stop"):  # Nothing was taken.
        assert "accepted" not in outcomes
    if advice.step == "done":
        assert "failed" not in outcomes


@every_kind
@pytest.mark.parametrize(
    ("status", "steps"),
    [
        (401, {"stop"}),
        (403, {"stop"}),
        (429, {"wait"}),
        (503, {"wait"}),
        (413, {"isolate"}),
        (None, {"unsure"}),
        (408, {"unsure"}),
        (502, {"unsure"}),
        (504, {"unsure"}),
    ],
)
def test_replies_without_a_body_are_the_same_everywhere(
    kind: RequestBuilder, status: int | None, steps: set[str]
) -> None:
    assert kind.advise(status, None, 2).step in steps
    assert isinstance(kind.advise(status, b"<html>", 2), Advice)


@every_case
def test_limits_can_be_kept(case: Case) -> None:
    kind, of = case
    limits = kind.limits(of.event_source)
    for limit in (limits.max_events, limits.max_body_bytes, limits.max_event_bytes):
        assert limit is None or limit > 0
    assert limits.max_requests_per_second is None or limits.max_requests_per_second > 0
    for duration in (limits.max_age, kind.dedup_window):
        assert duration is None or duration >= timedelta(hours=1)
