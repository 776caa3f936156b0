"""One inbound Segment event in, one Snap `data[]` item out."""

import json
from hashlib import sha256
from typing import Any

import building
import pytest

from archiver.destinations.paths import Fixed, json_path
from archiver.destinations.requests import BuiltEvent, Requests, UnsendableEvent

SNAP = building.requests("snap-capi")
STRICT = building.requests("snap-capi", strict=True)
DEVICE = {"ip": "8.8.8.8", "userAgent": "UA"}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def build(of: Requests = SNAP, name: str = "SIGN_UP", **members: Any) -> BuiltEvent:
    event = {"messageId": "m-1", "timestamp": "2026-01-15T11:52:00.789Z", "context": DEVICE}
    return building.build(of, name, event | members)


def item(of: Requests = SNAP, name: str = "SIGN_UP", **members: Any) -> dict[str, Any]:
    return json.loads(build(of, name, **members).item)


def user(of: Requests = SNAP, **properties: Any) -> dict[str, Any]:
    return item(of, properties=properties)["user_data"]


def custom(name: str = "SIGN_UP", **properties: Any) -> dict[str, Any]:
    return item(name=name, properties=properties).get("custom_data", {})


def test_an_event_with_nothing_but_a_device() -> None:
    assert item() == {
        "integration": "segment",
        "event_id": "m-1",
        "event_name": "SIGN_UP",
        "event_time": 1768477920,
        "action_source": "website",
        "user_data": {"client_ip_address": "8.8.8.8", "client_user_agent": "UA"},
    }


def test_a_name_outside_the_presets_is_built_like_any_other() -> None:
    assert item(name="CUSTOM_EVENT_1")["event_name"] == "CUSTOM_EVENT_1"


# -- identifiers


@pytest.mark.parametrize(
    ("email", "sent"),
    [
        (" Jane@Example.COM\n", [hashed("jane@example.com")]),
        ("two words@x.com", [hashed("twowords@x.com")]),
        ("JOSÉ@EXAMPLE.COM", [hashed("josé@example.com")]),
        ("A" * 64, ["A" * 64]),
        (["one@x.com"], [hashed("one@x.com")]),
        (" ", None),
    ],
)
def test_email(email: Any, sent: list[str] | None) -> None:
    assert user(email=email).get("em") == sent


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("+1 (415) 555-2671", "14155552671"),
        ("0044 20 7946 0958", "442079460958"),
        ("+0044 20", "004420"),
        (4155552671, "4155552671"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_phone_has_digits_only(phone: Any, digits: str) -> None:
    assert user(phone=phone)["ph"] == [hashed(digits)]


@pytest.mark.parametrize("phone", ["call me", "000", "+"])
def test_a_phone_without_digits_is_left_out_and_noted(phone: str) -> None:
    built = build(properties={"phone": phone})
    assert "ph" not in json.loads(built.item)["user_data"]
    assert built.notes == ("user_data.ph left out: no digits",)


def test_person_and_place_are_normalised_and_hashed() -> None:
    traits = {
        "first_name": " Mary Ann ",
        "last_name": "",
        "gender": "FEMALE",
        "birthday": "1990-05-17",
        "address": {
            "city": "New  York",
            "state": "New York",
            "country": "United States",
            "postalCode": "94105 ",
        },
    }
    found = item(context=DEVICE | {"traits": traits}, userId=" U 1", anonymousId="a")["user_data"]
    del found["client_ip_address"], found["client_user_agent"]
    assert found == {
        "fn": hashed("maryann"),
        "ln": "",
        "ge": hashed("f"),
        "db": hashed("1990-05-17"),
        "ct": hashed("newyork"),
        "st": hashed("ny"),
        "country": hashed("us"),
        "zp": hashed("94105"),
        "external_id": [hashed("u1")],
    }


def test_context_traits_win_over_properties_and_traits_give_email() -> None:
    found = item(
        context=DEVICE | {"traits": {"gender": "m", "email": "other@x.com"}},
        properties={"gender": "f"},
        traits={"email": "t@x.com"},
    )["user_data"]
    assert (found["ge"], found["em"]) == (hashed("m"), [hashed("t@x.com")])


def test_device_and_click_ids_are_plain() -> None:
    found = item(
        context=DEVICE | {"device": {"id": "DEV-1", "advertisingId": "AD-Id"}},
        integrations={"Snap Conversions Api": {"click_id": "C", "uuid_c1": "U"}},
    )["user_data"]
    assert (found["idfv"], found["madid"]) == ("DEV-1", "ad-id")
    assert (found["sc_click_id"], found["sc_cookie1"]) == ("C", "U")


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"ip": "8.8.8.8"},
        {"userAgent": "UA"},
        {"ip": "", "userAgent": "UA"},
        {"device": {"advertisingId": ""}},
    ],
)
def test_without_any_identifier_it_is_unsendable(context: dict[str, Any]) -> None:
    with pytest.raises(UnsendableEvent, match="neither e-mail, phone"):
        build(context=context, userId="u")
    assert build(context=context, properties={"email": "a@x.com"})
    assert build(context=context | {"device": {"advertisingId": "ad"}})


# -- money and products


@pytest.mark.parametrize(
    ("properties", "sent"),
    [
        ({"revenue": 19.99, "total": 25}, {"value": 19.99}),
        ({"total": "25.5"}, {"value": 25.5}),
        ({"revenue": "", "total": 25}, {}),
        ({"currency": " usd ", "total": 5}, {"currency": "USD", "value": 5}),
        ({"quantity": "3", "order_id": " o ", "query": " "}, {"num_items": 3, "order_id": "o"}),
    ],
)
def test_custom_data(properties: dict[str, Any], sent: dict[str, Any]) -> None:
    assert custom(**properties) == sent


def test_products_count_by_their_ids() -> None:
    products = [{"product_id": "p", "brand": "B"}, {"name": "no id"}, {"product_id": 7}]
    assert custom(products=products) == {
        "content_ids": ["p", "7"],
        "content_category": ["", ""],
        "brands": ["B", ""],
        "num_items": 2,
    }
    assert custom(products=products, quantity=5)["num_items"] == 5
    assert custom(products=[])["content_ids"] == []


@pytest.mark.parametrize("currency", ["ARS", "€", {"code": "USD"}])
def test_an_amount_in_no_currency_of_snap_s_is_left_out(currency: Any) -> None:
    built = build(properties={"currency": currency, "total": 5})
    assert "custom_data" not in json.loads(built.item)
    assert built.notes[-1] == "custom_data.value left out: it has no currency"
    with pytest.raises(UnsendableEvent, match="no currency that Snap takes"):
        build(name="PURCHASE", properties={"currency": currency, "total": 5})


def test_what_cannot_be_read_is_left_out_and_noted() -> None:
    built = build(
        properties={"products": "x", "quantity": 2.5, "email": ["a", "b"], "total": "free"}
    )
    assert "custom_data" not in json.loads(built.item)
    assert built.notes == (
        "user_data.em left out: not a text",
        "custom_data.value left out: not a number",
        "custom_data.num_items left out: not a whole number",
        "custom_data.content_ids left out: not a list of products",
    )


# -- strict


def test_strict_follows_the_documentation() -> None:
    assert user(STRICT, email=" two Words@x.com ")["em"] == [hashed("two words@x.com")]
    assert user(STRICT, phone="+0044 20")["ph"] == [hashed("4420")]
    assert user(STRICT, birthday="1990-05-17T00:00:00Z")["db"] == hashed("19900517")
    assert "db" not in user(STRICT, birthday="05/17/1990")
    assert user(STRICT, email=hashed("ada").upper())["em"] == [hashed("ada")]
    assert user(STRICT, phone=hashed("ada").upper())["ph"] == [hashed("ada")]


def test_a_hash_without_digits_is_a_phone_number_too() -> None:
    assert user(phone="a" * 64)["ph"] == ["a" * 64]
    assert "ph" not in user(phone="a" * 63)


def test_a_purchase_needs_value_and_currency_where_strict() -> None:
    assert "custom_data" not in item(name="PURCHASE")
    with pytest.raises(UnsendableEvent, match="PURCHASE without value"):
        build(STRICT, "PURCHASE", properties={"currency": "USD"})
    with pytest.raises(UnsendableEvent, match="PURCHASE without currency"):
        build(STRICT, "PURCHASE", properties={"total": 5})
    assert build(STRICT, "PURCHASE", properties={"total": 5, "currency": "USD"})


# -- app, offline, overrides


def test_app_events_tell_of_the_app() -> None:
    context = DEVICE | {
        "app": {"namespace": "com.shop", "version": "3.1"},
        "device": {"adTrackingEnabled": True, "model": "Pixel"},
        "os": {"version": 14},
        "screen": {"width": 1080},
        "timezone": "UTC",
    }
    overrides = {"app_data.app_id": (Fixed("1234"),), "cpu_cores": (json_path("$.cores"),)}
    of = building.requests("snap-capi", event_source="app", overrides=overrides)
    found = item(of, context=context, cores=8)
    assert found["action_source"] == "app"
    assert found["app_data"] == {
        "app_id": "1234",
        "advertiser_tracking_enabled": 0,
        "application_tracking_enabled": 1,
        "extinfo": [
            *("i2", "com.shop", "", "3.1", "14", "Pixel", "", "", "", "1080", "", "", "8"),
            *("", "", "UTC"),
        ],
    }
    plain = item(building.requests("snap-capi", event_source="app"))["app_data"]
    assert plain["extinfo"][0] == "a2" and "app_id" not in plain


def test_offline_events_say_so_and_web_ones_know_no_app() -> None:
    assert (
        item(building.requests("snap-capi", event_source="offline"))["action_source"] == "OFFLINE"
    )
    with pytest.raises(ValueError, match="there is no field"):
        building.requests("snap-capi", overrides={"app_id": ()})


def test_fields_without_a_source_of_their_own_take_one() -> None:
    overrides = {
        "data_processing_options": (Fixed(True),),
        "data_processing_options_country": (Fixed(1),),
        "lead_id": (json_path("$.properties.lead"),),
        "user_data.em": (),
    }
    of = building.requests("snap-capi", overrides=overrides)
    found = item(of, properties={"lead": "12", "email": "a@x.com"})
    assert found["data_processing_options"] == ["LDU"]
    assert found["data_processing_options_country"] == 1
    assert found["user_data"]["lead_id"] == 12
    assert "em" not in found["user_data"]
