"""One inbound Segment event in, one GA4 event and the root around it out."""

import json
from typing import Any

import building
import pytest

from archiver.destinations.paths import Fixed, json_path
from archiver.destinations.requests import BuiltEvent, Requests, UnsendableEvent

GA4 = building.requests("ga4")
STRICT = building.requests("ga4", strict=True)
PRODUCT = {"product_id": "p", "name": "N", "price": 2.5, "quantity": 2, "position": 1}
ITEM = {"item_id": "p", "item_name": "N", "price": 2.5, "quantity": 2}


def build(name: str, of: Requests = GA4, **members: Any) -> BuiltEvent:
    event = {"messageId": "m-1", "timestamp": "2026-01-15T11:52:00.789456Z", "userId": "u"}
    return building.build(of, name, event | members)


def params(action: str, of: Requests = GA4, /, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(action, of, properties=properties).item)["params"]
    assert found.pop("engagement_time_msec") == 1
    return found


def root(**members: Any) -> dict[str, Any]:
    return json.loads(build("login", **members).root)


# -- root


def test_the_root_has_person_and_time_in_whole_milliseconds() -> None:
    assert root() == {"client_id": "u", "timestamp_micros": 1768477920789000}
    assert json.loads(build("login").item) == {
        "name": "login",
        "params": {"engagement_time_msec": 1},
    }


@pytest.mark.parametrize(
    ("ids", "client"),
    [
        ({"userId": "u", "anonymousId": "a"}, "u"),
        ({"userId": None, "anonymousId": "a"}, "a"),
        ({"userId": "", "anonymousId": "a"}, "a"),
        ({"userId": 12}, "12"),
    ],
)
def test_the_client_is_the_user_else_the_anonymous_one(ids: dict[str, Any], client: str) -> None:
    assert root(**ids)["client_id"] == client


def test_without_a_client_it_is_unsendable() -> None:
    with pytest.raises(UnsendableEvent, match="has no client_id"):
        build("login", userId=None)
    with pytest.raises(UnsendableEvent, match="has no app_instance_id"):
        build("login", building.requests("ga4", event_source="app"))


def test_fields_without_a_source_of_their_own_take_one() -> None:
    overrides = {
        "app_instance_id": (json_path("$.context.device.instance"),),
        "user_id": (json_path("$.userId"),),
        "consent.ad_user_data": (Fixed("GRANTED"),),
    }
    of = building.requests("ga4", event_source="app", overrides=overrides)
    built = json.loads(build("login", of, context={"device": {"instance": "i"}}).root)
    assert built == {
        "app_instance_id": "i",
        "user_id": "u",
        "consent": {"ad_user_data": "GRANTED"},
        "timestamp_micros": 1768477920789000,
    }


# -- parameters


def test_a_purchase() -> None:
    assert params(
        "purchase",
        **{"order_id": "o", "currency": "usd", "total": "9.5", "value": 1, "revenue": 2},
        **{"tax": 1, "shipping": 2, "coupon": "C", "affiliation": "A", "products": [PRODUCT]},
    ) == {
        **{"transaction_id": "o", "currency": "usd", "value": 9.5, "tax": 1, "shipping": 2},
        **{"coupon": "C", "affiliation": "A", "items": [ITEM | {"index": 1}]},
    }


def test_the_properties_are_the_one_product() -> None:
    assert params("add_to_cart", **PRODUCT, currency="EUR", value=5) == {
        "items": [ITEM],
        "currency": "EUR",
        "value": 5,
    }


def test_a_page_view() -> None:
    page = {"url": "https://x/", "referrer": "", "title": "T"}
    assert json.loads(build("page_view", context={"page": page}).item)["params"] == {
        "page_location": "https://x/",
        "page_title": "T",
        "engagement_time_msec": 1,
    }


def test_null_in_a_product_is_sent_as_zero_or_empty_text() -> None:
    product = {"product_id": None, "price": None, "quantity": None}
    assert params("view_item", **product)["items"] == [{"item_id": "", "price": 0, "quantity": 0}]


def test_a_list_of_products_may_be_empty_where_nothing_needs_one() -> None:
    assert params("begin_checkout", products=[])["items"] == []
    assert params("refund", order_id="o", currency="USD")["items"] == []
    with pytest.raises(UnsendableEvent, match="add_payment_info without products"):
        params("add_payment_info", currency="USD", products=[])


@pytest.mark.parametrize(
    ("destination_event", "sent"), [("Trial Started", "Trial_Started"), (" A\tb ", "A_b")]
)
def test_any_other_name_is_sent_as_the_generic_action_does(
    destination_event: str, sent: str
) -> None:
    built = build(destination_event, properties={"value": 5})
    assert json.loads(built.item) == {"name": sent, "params": {"engagement_time_msec": 1}}


# -- what neither Segment nor GA4's reference does without


@pytest.mark.parametrize(
    ("name", "properties", "missing"),
    [
        ("purchase", {"order_id": "o", "products": [PRODUCT]}, "currency"),
        ("purchase", {"order_id": "o", "currency": "€", "products": []}, "currency"),
        ("purchase", {"currency": "USD", "products": [PRODUCT]}, "transaction_id"),
        ("purchase", {"order_id": "o", "currency": "USD"}, "items"),
        ("purchase", {"order_id": "o", "currency": "USD", "products": [{}]}, "items"),
        ("refund", {"order_id": "o"}, "currency"),
        ("search", {"query": ""}, "search_term"),
        ("view_cart", {"products": [PRODUCT]}, "currency"),
        ("view_item", {"price": 5}, "items"),
    ],
)
def test_a_required_parameter_is_never_left_out(
    name: str, properties: dict[str, Any], missing: str
) -> None:
    with pytest.raises(UnsendableEvent, match=f"is {name} without .*{missing}"):
        params(name, **properties)


def test_what_cannot_be_read_is_left_out_and_noted() -> None:
    built = build(
        "begin_checkout",
        properties={
            **{"currency": ["USD", "EUR"], "value": 5, "coupon": {}},
            "products": [{"product_id": "p", "quantity": 1.5}, {"price": 1}],
        },
    )
    assert json.loads(built.item)["params"] == {
        "items": [{"item_id": "p"}],
        "engagement_time_msec": 1,
    }
    assert built.notes == (
        "params.coupon left out: not a text",
        "items.quantity left out: not a whole number",
        "params.items: a product with neither id nor name left out",
        "params.currency left out: not one of ISO 4217",
        "params.value left out: it has no currency",
    )


# -- strict, overrides


def test_strict_follows_the_documentation() -> None:
    assert params("generate_lead", STRICT, currency="usd", value=5)["currency"] == "USD"
    assert "value" in params("view_item", name="N", value=5)
    assert "value" not in params("view_item", STRICT, name="N", value=5)
    assert params("generate_lead", value=5) == {}
    assert params("generate_lead", value=0) == {"value": 0}


def test_an_override_holds_for_every_action_that_has_the_field() -> None:
    of = building.requests(
        "ga4", overrides={"value": (json_path("$.properties.worth"),), "tax": ()}
    )
    for name in ("purchase", "view_item"):
        properties = {"order_id": "o", "currency": "USD", "products": [], "name": "N", "worth": 7}
        found = params(name, of, **properties, tax=1, value=1, total=2)
        assert found["value"] == 7 and "tax" not in found
    assert params("login", of) == {}
    with pytest.raises(ValueError, match="there is no field 'valu'"):
        building.requests("ga4", overrides={"valu": ()})


def test_a_field_from_several_places_is_listed_with_its_actions() -> None:
    listed = {info.form: info.sources for info in GA4.fields if info.name == "params.value"}
    assert listed["plain; in purchase, refund"] == ("$.properties.total",)
    assert [info.name for info in GA4.fields].count("client_id") == 1
