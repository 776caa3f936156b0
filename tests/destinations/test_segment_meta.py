"""One inbound Segment event in, one Meta `data[]` item out."""

import json
from typing import Any

import building
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.paths import Fixed, json_path
from archiver.destinations.requests import BuiltEvent, UnsendableEvent

META = building.requests("meta-capi")
NAMES = ("Purchase", "InitiateCheckout", "AddToCart", "ViewContent", "Search", "PageView", "Lead")
SOLD = {"revenue": 39.9, "currency": "EUR"}
SEEN = {"ip": "8.8.8.8", "userAgent": "UA", "page": {"url": "https://shop.example/"}}


def build(name: str = "Purchase", *, of: Any = META, **members: Any) -> BuiltEvent:
    event = {
        "messageId": "m-1",
        "timestamp": "2026-01-15T11:52:00.999Z",
        "anonymousId": "a-1",
        "context": SEEN,
        "properties": SOLD,
        **members,
    }
    return building.build(of, name, event)


def item(name: str = "Purchase", **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(name, **members).item)
    return found


def custom(name: str, properties: Any, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = item(name, properties=properties, **members)["custom_data"]
    return found


def test_a_purchase() -> None:
    assert item(userId="u-1") == {
        "event_name": "Purchase",
        "event_time": 1768477920,
        "event_source_url": "https://shop.example/",
        "event_id": "m-1",
        "action_source": "website",
        "user_data": {
            "external_id": ["a24a7f55f278dd49fb1f99c5507800cb198a5bfe10fe2126cd0b25672152b0da"],
            "client_ip_address": "8.8.8.8",
            "client_user_agent": "UA",
        },
        "custom_data": {"currency": "EUR", "value": 39.9},
    }


PRODUCT = {"product_id": 7, "quantity": "2", "price": "9.50", "name": "n", "category": "c"}
CONTENT = {"id": "7", "quantity": 2, "item_price": 9.5}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Purchase", {"value": 19, "contents": [CONTENT]}),
        ("InitiateCheckout", {"value": 19, "contents": [CONTENT]}),
        ("AddToCart", {"value": 9.5, "contents": [CONTENT]}),
        ("ViewContent", {"value": 9.5, "contents": [CONTENT], "content_ids": ["7"]}),
        ("Search", {"contents": [CONTENT], "search_string": "shoes"}),
        ("Lead", None),
    ],
)
def test_each_event_has_its_own_fields(name: str, sent: Any) -> None:
    properties = {**PRODUCT, "products": [PRODUCT], "revenue": 19, "query": "shoes", "fbc": "c"}
    found = item(name, properties={**properties, "currency": "EUR"})
    assert found["custom_data"] == ({} if sent is None else {"currency": "EUR", **sent})
    assert found["user_data"]["fbc"] == "c"


def test_a_page_view_has_no_custom_data_and_others_have_it_even_when_empty() -> None:
    assert "custom_data" not in item("PageView", properties=PRODUCT)
    assert custom("InitiateCheckout", {}) == {}


@pytest.mark.parametrize(
    ("properties", "note"),
    [
        ({"currency": "eur"}, "custom_data.currency put into upper case"),
        ({"currency": "euros"}, "custom_data.currency left out: not a currency code"),
        ({"revenue": "12 euros"}, "custom_data.value left out: not a number"),
        ({"products": "many"}, "custom_data.contents left out: not a list of products"),
        ({"products": [{"price": 1}]}, "custom_data.contents: an item without id left out"),
        ({"products": [None]}, "custom_data.contents: an item without id left out"),
        (
            {"products": [{"product_id": 1, "quantity": 1.5}]},
            "custom_data.contents.quantity left out: not a whole number",
        ),
        ({"fbp": {"a": 1}}, "user_data.fbp left out: not a text"),
    ],
)
def test_what_segment_would_refuse_is_left_out_and_noted(properties: Any, note: str) -> None:
    built = build("InitiateCheckout", properties=properties)
    assert built.notes == (note,)
    found = json.loads(built.item)
    assert found["custom_data"].get("currency") in (None, "EUR")
    assert found["custom_data"].get("contents") in (None, [{"id": "1"}])


def test_products_as_segment_reads_them() -> None:
    assert custom("InitiateCheckout", {"products": []}) == {"contents": []}
    assert custom("InitiateCheckout", {"products": {"product_id": 1}}) == {
        "contents": [{"id": "1"}]
    }
    assert custom("InitiateCheckout", {"products": [{"product_id": 1, "price": None}]}) == {
        "contents": [{"id": "1", "item_price": 0}]
    }
    whole = b'{"product_id":"1","quantity":2.0,"price":1.10}'
    payload = (
        b'{"messageId":"m","timestamp":"2026-01-15","userId":"u","properties":{"products":[%s]}}'
    )
    built = building.build(META, "InitiateCheckout", payload % whole)
    assert b'"contents":[{"id":"1","quantity":2,"item_price":1.10}]' in built.item


def test_an_empty_user_agent_passes_at_segment_and_a_missing_one_does_not() -> None:
    empty = build(context={**SEEN, "userAgent": ""})
    missing = build(context={"ip": "8.8.8.8"})
    assert empty.notes == ()
    assert missing.notes == ("user_data.client_user_agent is missing",)
    for built in (empty, missing):
        assert "client_user_agent" not in json.loads(built.item)["user_data"]
    assert build("Lead", context={}).notes == ()


# -- what Meta refuses


@pytest.mark.parametrize(
    ("properties", "missing"),
    [
        ({"currency": "EUR"}, "value"),
        ({"currency": "EUR", "revenue": None}, "value"),
        ({"revenue": 5}, "currency"),
        ({"revenue": 5, "currency": "euros"}, "currency"),
        ({}, "value and currency"),
    ],
)
def test_a_purchase_without_value_or_currency_is_unsendable(properties: Any, missing: str) -> None:
    with pytest.raises(UnsendableEvent, match=f"without {missing}, which"):
        build(properties=properties)
    build("AddToCart", properties=properties)


def test_a_purchase_for_nothing_has_a_value() -> None:
    assert custom("Purchase", {"revenue": 0, "currency": "EUR"})["value"] == 0


@pytest.mark.parametrize(
    ("members", "is_sendable"),
    [
        ({}, False),
        ({"userAgent": "UA"}, False),
        ({"userAgent": "UA", "traits": {"address": {"city": "Paris"}}}, False),
        ({"userAgent": "UA", "traits": {"birthday": "19900517"}}, False),
        ({"traits": {"birthday": "19900517", "address": {"city": "Paris"}}}, True),
        ({"traits": {"firstName": "Mary"}}, False),
        ({"userAgent": "UA", "traits": {"firstName": "Mary"}}, True),
        ({"userAgent": "UA", "ip": "8.8.8.8"}, True),
        ({"traits": {"email": "a@b.c"}}, True),
    ],
)
def test_too_little_user_data_is_unsendable(members: Any, is_sendable: bool) -> None:
    if is_sendable:
        build(anonymousId=None, context=members)
    else:
        with pytest.raises(UnsendableEvent, match="too little user data"):
            build(anonymousId=None, context=members)


def test_no_reason_and_no_note_repeats_a_value() -> None:
    built = build(
        "Lead", userId={"s3cret": 1}, context={**SEEN, "traits": {"email": {"s3cret": "s"}}}
    )
    with pytest.raises(UnsendableEvent) as caught:
        build(properties={"revenue": "s3cret", "currency": "s3cret"})
    assert built.notes and "s3cret" not in f"{built.notes}{caught.value.reason}"


# -- where events happened


@pytest.mark.parametrize("source", ["physical_store", "phone_call", "chat", "email", "other"])
def test_the_event_source_is_the_action_source(source: str) -> None:
    of = building.requests("meta-capi", event_source=source)
    found = build(of=of, context={})
    assert json.loads(found.item)["action_source"] == source
    assert found.notes == ()


APP = building.requests("meta-capi", event_source="app")
PHONE = {
    "device": {"type": "ios", "model": "iPhone15,2", "adTrackingEnabled": True},
    "os": {"version": "17.1"},
    "app": {"namespace": "com.shop", "version": "3.1"},
    "screen": {"width": 320, "height": 568, "density": 2.625},
    "network": {"carrier": "T"},
    "locale": "en-US",
    "timezone": "Europe/Paris",
    "madId": "mad-1",
}


def test_app_events_carry_app_data() -> None:
    assert item("Lead", of=APP, context=PHONE)["app_data"] == {
        "advertiser_tracking_enabled": 0,
        "application_tracking_enabled": 1,
        "madid": "mad-1",
        "extinfo": [
            *("i2", "com.shop", "", "3.1", "17.1", "iPhone15,2", "en-US", "", "T"),
            *("320", "568", "2.625", "", "", "", "Europe/Paris"),
        ],
    }
    assert "app_data" not in item("Lead", context=PHONE)


@pytest.mark.parametrize(
    "lost", [{"device": {}}, {"os": {}}, {"device": {"type": "fridge"}, "os": {"version": "1"}}]
)
def test_an_app_event_without_system_or_version_is_unsendable(lost: dict[str, Any]) -> None:
    with pytest.raises(UnsendableEvent, match="on which system and version"):
        build("Lead", of=APP, context={**PHONE, **lost})


# -- map


def test_fields_that_segment_leaves_empty_may_be_mapped() -> None:
    of = building.requests(
        "meta-capi",
        overrides={
            "value": (json_path("$.properties.total"),),
            "custom_data.order_id": (json_path("$.properties.order_id"),),
            "num_items": (json_path("$.properties.count"),),
            "data_processing_options": (Fixed(True),),
            "data_processing_options_state": (Fixed(1000),),
            "search_string": (Fixed("none"),),
            "fbp": (),
        },
    )
    sold = {"total": "5", "currency": "EUR", "order_id": [1], "count": 2, "fbp": "p", "revenue": 9}
    found = item(of=of, properties=sold)
    assert found["custom_data"] == {"currency": "EUR", "value": 5, "order_id": [1], "num_items": 2}
    assert found["data_processing_options"] == ["LDU"]
    assert found["data_processing_options_country"] == 0
    assert found["data_processing_options_state"] == 1000
    assert "fbp" not in found["user_data"]
    assert item("Search", of=of)["custom_data"]["search_string"] == "none"
    assert item("Lead", of=of, properties=sold)["custom_data"] == {"order_id": [1]}
    changed = {field.name for field in of.fields if field.is_overridden}
    assert {"custom_data.value", "custom_data.order_id"} <= changed
    assert "user_data.em" not in changed


@pytest.mark.parametrize(
    ("key", "words"),
    [("vallue", "there is no field 'vallue'"), ("madid", "could be user_data.madid or app_data")],
)
def test_an_override_must_name_one_field(key: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        building.requests("meta-capi", overrides={key: (Fixed("x"),)})


# -- properties of every item

# Each event's table is made when it is first needed: here, not in the time of an example.
MADE = [build(name) for name in NAMES]

KEYS = st.sampled_from(
    [
        *("properties", "context", "traits", "email", "phone", "address", "state", "products"),
        *("product_id", "quantity", "price", "revenue", "currency", "query", "page", "url"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["EUR", "eur", "1e999", "Infinity", "A" * 64, " ", "\ud800"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {"userId": st.just("u")}, optional=dict.fromkeys(("properties", "context"), VALUES)
    ),
    st.sampled_from(NAMES),
)
def test_any_event_gives_one_deterministic_item_or_is_unsendable(event: Any, name: str) -> None:
    payload = json.dumps(event).encode()
    try:
        built = META.build_event(payload, name, "m-1", 1_768_477_920_999_999)
    except UnsendableEvent:
        return
    sent = json.loads(built.item)
    assert built == META.build_event(payload, name, "m-1", 1_768_477_920_999_999)
    assert (sent["event_name"], sent["event_id"], sent["event_time"]) == (name, "m-1", 1768477920)
    assert all(sent["user_data"].values())
