"""One inbound RudderStack event in, one Meta `data[]` item out.

Events and what is sent for them are like those of RudderStack's own fixtures.
"""

import json
from hashlib import sha256
from typing import Any

import building
import pytest

from archiver.destinations.paths import Fixed, json_path
from archiver.destinations.requests import UnsendableEvent

META = building.requests("meta-capi", preset="rudderstack")
STRICT = building.requests("meta-capi", preset="rudderstack", strict=True)
EMAIL = "48ddb93f0b30c475423fe177832912c5bcdce3cc72872f8051627967ef278e08"  # abc@gmail.com
ZIP = "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4"  # 1234
TRAITS = {"email": "    aBc@gmail.com   ", "address": {"zip": 1234}}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def item(event: str, name: str, properties: Any = None, *, of: Any = META, **members: Any) -> Any:
    inbound = {
        "type": "track",
        "messageId": "m-1",
        "timestamp": "2023-11-12T15:46:51.693229+05:30",
        "event": event,
        "context": {"traits": TRAITS},
        "properties": properties or {},
        **members,
    }
    return json.loads(building.build(of, name, inbound).item)


def user(*, of: Any = META, **members: Any) -> Any:
    return item("Lead", "Lead", of=of, **members)["user_data"]


PRODUCT = {"product_id": 1234, "quantity": 5, "price": 55}
CONTENT = {"id": 1234, "quantity": 5, "item_price": 55}


def test_an_event_under_its_own_name() -> None:
    assert item("spin_result", "spin_result", {"revenue": 400, "index": 0}) == {
        "user_data": {"em": EMAIL, "zp": ZIP},
        "event_name": "spin_result",
        "event_time": 1699784211,
        "event_id": "m-1",
        "action_source": "website",
        "custom_data": {"revenue": 400, "index": 0, "value": 400, "currency": "USD"},
    }


@pytest.mark.parametrize(
    ("event", "name", "properties", "sent"),
    [
        (
            *("Order Completed", "Purchase"),
            {"products": [{**PRODUCT, "delivery_category": "in_store"}, {"price": 1}, None]},
            {
                "content_ids": [1234],
                "contents": [{**CONTENT, "delivery_category": "in_store"}],
                "content_type": "product",
                "num_items": 1,
            },
        ),
        (
            *("checkout started", "InitiateCheckout"),
            {"products": [{"sku": "s"}], "quantity": 3, "content_type": "product_group"},
            {
                "content_ids": ["s"],
                "contents": [{"id": "s", "quantity": 3}],
                "content_type": "product_group",
                "num_items": 1,
            },
        ),
        (
            *("product list viewed", "ViewContent"),
            {"category": "shoes"},
            {
                "content_ids": ["shoes"],
                "contents": [{"id": "shoes", "quantity": 1}],
                "content_type": "product_group",
                "content_category": "shoes",
            },
        ),
        (
            *("product list viewed", "ViewContent"),
            {"products": [PRODUCT]},
            {"content_ids": [1234], "contents": [CONTENT], "content_type": "product"},
        ),
        (
            *("product viewed", "ViewContent"),
            {**PRODUCT, "name": "n", "category": ["a", 1]},
            {
                "content_ids": 1234,
                "contents": [CONTENT],
                "content_type": "product",
                "content_name": "n",
                "content_category": "a,1",
            },
        ),
        (
            *("product added", "AddToCart"),
            {"id": "45", "quantity": 5},
            {
                "content_ids": "45",
                "contents": [{"id": "45", "quantity": 5}],
                "content_type": "product",
            },
        ),
        (
            *("products searched", "Search"),
            {"query": "shoes"},
            {
                "content_ids": [],
                "contents": [],
                "content_type": "product",
                "search_string": "shoes",
            },
        ),
        ("payment info entered", "AddPaymentInfo", {}, {"content_ids": [], "contents": []}),
        (
            *("product added to wishlist", "AddToWishlist"),
            PRODUCT,
            {"content_ids": 1234, "contents": [CONTENT]},
        ),
        # Renamed in the dashboard, and under its own name.
        (
            *("Bought", "Purchase"),
            {"products": [PRODUCT]},
            {
                "content_ids": [1234],
                "contents": [CONTENT],
                "content_type": "product",
                "num_items": 1,
            },
        ),
        ("ViewContent", "ViewContent", PRODUCT, {}),
    ],
)
def test_each_event_has_its_own_custom_data(
    event: str, name: str, properties: Any, sent: Any
) -> None:
    found = item(event, name, {**properties, "value": "$40.005", "fbp": "p"})
    money = {"value": 40.01, "currency": "USD"}
    assert found["custom_data"] == {**properties, "fbp": "p", **sent, **money}
    assert found["user_data"]["fbp"] == "p"


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"revenue": 0, "value": 5}, 0),
        ({"revenue": "", "total": 5}, 5),
        ({"revenue": 1.005}, 1.0),
        ({"revenue": -2.345}, -2.35),
        ({"revenue": "12 euros"}, None),
    ],
)
def test_value_is_the_first_that_is_there_in_cents(properties: Any, value: Any) -> None:
    assert item("Lead", "Lead", properties)["custom_data"].get("value") == value


def test_personal_properties_stay_out_of_custom_data() -> None:
    properties = {"email": "a@b.c", "city": "x", "event_id": "e", "opt_out": True, "kept": 1}
    found = item("Lead", "Lead", properties)
    assert found["custom_data"] == {"kept": 1, "currency": "USD"}
    assert found["opt_out"] is True


def test_personal_properties_stay_out_at_any_depth() -> None:
    person = {"email": "a@b.c", "phone": "1", "plan": "gold"}
    found = item("Lead", "Lead", {"traits": person, "guests": [person, "x"]})
    kept = {"plan": "gold"}
    assert found["custom_data"] == {"traits": kept, "guests": [kept, "x"], "currency": "USD"}


def test_who() -> None:
    traits = {
        "phone": "+1 650",
        "name": "Mary Ann",
        "gender": "Woman",
        "birthday": "1990-05-17",
        "lastname": "LOST",
        "address": {"city": "PARIS", "country": "France"},
    }
    context = {"traits": traits, "ip": "8.8.8.8", "page": {"url": "https://a.example/?fbclid=c1"}}
    assert user(userId="U 1", context=context) == {
        "external_id": hashed("U 1"),
        "ph": hashed("+1 650"),
        "fn": hashed("Mary"),
        "ln": hashed("Ann"),
        "ge": hashed("f"),
        "db": hashed("1990-05-17"),
        "ct": hashed("paris"),
        "country": hashed("france"),
        "client_ip_address": "8.8.8.8",
        "fbc": "fb.1.1699784211693.c1",
    }
    strict = user(of=STRICT, userId="U 1", context=context)
    assert (strict["fn"], strict["ph"]) == (hashed("mary"), hashed("1650"))
    assert (strict["db"], strict["country"]) == (hashed("19900517"), hashed("fr"))


def test_hashes_are_hashed_again_unless_integrations_says_so() -> None:
    context = {"traits": {"email": EMAIL, "phone": "+1 650"}}
    flag = {"fb_conversions": {"hashed": True}}
    assert user(context=context)["em"] == hashed(EMAIL)
    assert user(of=STRICT, context=context)["em"] == EMAIL
    assert user(context=context, integrations=flag) == {"em": EMAIL, "ph": hashed("1650")}


def test_blank_texts_are_not_hashed() -> None:
    assert user(context={"traits": {"email": " ", "phone": "1"}}) == {"ph": hashed("1")}


def test_the_events_own_action_source_wins_where_it_is_one() -> None:
    assert item("Lead", "Lead", {"action_source": "chat"})["action_source"] == "chat"
    assert item("Lead", "Lead", {"action_source": "moon"})["action_source"] == "website"


PHONE = {
    "device": {"type": "Android", "model": "Redmi 6", "adTrackingEnabled": False},
    "os": {"version": "8.1.0"},
    "screen": {"density": 50},
    "traits": TRAITS,
}


def test_app_events_carry_app_data() -> None:
    of = building.requests("meta-capi", preset="rudderstack", event_source="app")
    flag = {"fb_conversions": {"installId": "i"}}
    found = item("Lead", "Lead", of=of, context=PHONE, integrations=flag)
    assert found["app_data"] == {
        "advertiser_tracking_enabled": False,
        "anon_id": "i",
        "extinfo": ["a2", "", "", "", "8.1.0", "Redmi 6", *[""] * 5, 50, *[""] * 4],
    }
    assert "app_data" not in item("Lead", "Lead", context=PHONE)
    with pytest.raises(UnsendableEvent, match="whether tracking is allowed"):
        item("Lead", "Lead", of=of, context={**PHONE, "device": {"type": "ios"}})


def test_a_persons_choice_is_always_sent() -> None:
    context = {"traits": TRAITS, "dataProcessingOptions": ["LDU", 1, 1000]}
    for of, options in ((META, "LDU"), (STRICT, ["LDU"])):
        found = item("Lead", "Lead", of=of, context=context)
        assert found["data_processing_options"] == options
        assert found["data_processing_options_country"] == 1
        assert found["data_processing_options_state"] == 1000


def test_dollars_are_assumed_only_where_no_currency_is_given_and_never_when_strict() -> None:
    assert item("Lead", "Lead", {"currency": "eur"})["custom_data"]["currency"] == "eur"
    with pytest.raises(UnsendableEvent, match="without currency"):
        item("Order Completed", "Purchase", {"revenue": 1, "currency": ""})
    with pytest.raises(UnsendableEvent, match="without currency"):
        item("Order Completed", "Purchase", {"revenue": 1}, of=STRICT)
    assert item("page", "PageView", type="page")["custom_data"] == {"currency": "USD"}


def test_what_map_leaves_out_or_gives_is_not_derived() -> None:
    of = building.requests(
        "meta-capi",
        preset="rudderstack",
        overrides={
            "fn": (),
            "fbc": (),
            "content_type": (),
            "custom_data.value": (json_path("$.properties.total"),),
            "custom_data.shop": (Fixed("s"),),
        },
    )
    context = {
        "traits": {**TRAITS, "name": "Mary Ann"},
        "page": {"url": "https://a.example/?fbclid=c1"},
    }
    sold = {"revenue": 1, "total": 2, "products": []}
    found = item("Order Completed", "Purchase", sold, of=of, context=context)
    assert set(found["user_data"]) == {"em", "zp", "ln"}
    custom_data = found["custom_data"]
    assert (custom_data["value"], custom_data["shop"]) == (2, "s")
    assert "content_type" not in custom_data
