"""App events of the `segment` preset."""

import json
from hashlib import sha256
from typing import Any

import building
import pytest

from archiver.destinations.requests import BuiltEvent, UnsendableEvent

APP = building.requests("tiktok-events", event_source="app", event_source_id="APP")


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def build(name: str = "LaunchAPP", **members: Any) -> BuiltEvent:
    context = {"app": {"namespace": "com.shop"}, **members.pop("context", {})}
    event = {"context": context, **members}
    return APP.build_event(json.dumps(event).encode(), name, "m", 0)


def item(name: str = "LaunchAPP", **members: Any) -> dict[str, Any]:
    return json.loads(build(name, **members).item)


def device_user(system: str, version: Any = "17.1", **device: Any) -> dict[str, Any]:
    context = {"device": {"type": system, **device}, "os": {"version": version}}
    return item(context=context)["user"]


def test_an_event_with_nothing_but_an_app() -> None:
    assert item() == {
        "event": "LaunchAPP",
        "event_time": 0,
        "event_id": "m",
        "user": {"att_status": "NOT_APPLICABLE"},
        "properties": {"contents": [], "content_type": "product"},
        "app": {"app_id": "com.shop"},
        "ad": {},
        "limited_data_use": False,
    }


def test_the_app_and_the_ad() -> None:
    app = {"namespace": 12, "name": "Shop", "version": "", "build": "7"}
    campaign = {"name": "c", "ad_group": "g", "ad_creative": None}
    found = item(context={"app": app}, properties={"campaign": campaign, "provider": "p"})
    assert found["app"] == {"app_id": "12", "app_name": "Shop"}
    assert found["ad"] == {"campaign_id": "c", "ad_id": "g", "attribution_provider": "p"}


def test_device_ids_go_by_the_kind_of_device() -> None:
    ids = {"advertisingId": " Ab-1 ", "id": "Dev"}
    ios, android = device_user("iOS", **ids), device_user("Android", **ids)
    assert (ios["idfa"], ios["idfv"]) == (hashed("ab-1"), "Dev")
    assert "gaid" not in ios
    assert android["gaid"] == hashed("Ab-1")
    assert not {"idfa", "idfv"} & android.keys()
    assert not {"idfa", "idfv", "gaid"} & device_user("web", **ids).keys()
    assert "idfa" not in device_user("ios", advertisingId=" ")


@pytest.mark.parametrize(
    ("system", "version", "tracking", "status"),
    [
        ("ios", "17.1", True, "AUTHORIZED"),
        ("ios", "14.0.0", "false", "DENIED"),
        ("ios", "14", None, "NOT_DETERMINED"),
        ("ios", "13.9.9", True, "NOT_APPLICABLE"),
        ("ios", 9, True, "NOT_APPLICABLE"),
        ("ios", "iOS 9", True, "AUTHORIZED"),
        ("ios", "14.x", True, "AUTHORIZED"),
        ("ios", ".5", True, "NOT_APPLICABLE"),
        ("ios", None, True, "AUTHORIZED"),
        ("android", "14", True, "NOT_APPLICABLE"),
    ],
)
def test_the_status_of_tracking(system: str, version: Any, tracking: Any, status: str) -> None:
    assert device_user(system, version, adTrackingEnabled=tracking)["att_status"] == status


ORDER = {"currency": "EUR", "value": 9, "products": [{"product_id": "1", "quantity": 0}]}


def test_products_lose_a_price_of_zero_and_empty_texts() -> None:
    odd = [{"product_id": 7, "price": 0, "quantity": 0, "name": "", "brand": "b"}]
    found = item("Purchase", properties={**ORDER, "products": odd})["properties"]
    assert found["contents"] == [{"content_id": "7", "quantity": 0, "brand": "b"}]


@pytest.mark.parametrize("name", ["AddPaymentInfo", "Checkout", "Purchase"])
def test_contents_of_an_order_are_its_products(name: str) -> None:
    found = item(name, properties={**ORDER, "product_id": "own"})["properties"]
    assert found["contents"] == [{"content_id": "1", "quantity": 0}]


@pytest.mark.parametrize("name", ["ViewContent", "AddToCart", "AddToWishlist"])
def test_contents_of_one_product_are_the_properties(name: str) -> None:
    found = item(name, properties={**ORDER, "product_id": "own", "price": 2})["properties"]
    assert found["contents"] == [{"content_id": "own", "price": 2}]


@pytest.mark.parametrize(
    ("name", "missing", "why"),
    [
        ("Purchase", "currency", "has no currency"),
        ("Checkout", "value", "has no value"),
        ("ViewContent", "value", "has no value"),
        ("Purchase", "products", "has no products"),
        ("AddToCart", None, "a product without product_id"),
        ("ViewContent", None, "a product without product_id"),
    ],
)
def test_what_segment_refuses_is_unsendable(name: str, missing: str | None, why: str) -> None:
    found = {key: value for key, value in ORDER.items() if key != missing}
    with pytest.raises(UnsendableEvent, match=why):
        build(name, properties=found)
    assert build("Search", properties=found).notes == ()


def test_to_view_content_no_contents_are_needed() -> None:
    ours = building.requests("tiktok-events", event_source="app", overrides={"contents": ()})
    event = {"context": {"app": {"namespace": "a"}}, "properties": ORDER}
    payload = json.dumps(event).encode()
    assert ours.build_event(payload, "ViewContent", "m", 0).notes == ()
    with pytest.raises(UnsendableEvent, match="has no products"):
        ours.build_event(payload, "AddToCart", "m", 0)


def test_without_an_app_it_is_unsendable() -> None:
    assert item(context={"app": {"namespace": ""}})["app"] == {"app_id": ""}
    with pytest.raises(UnsendableEvent, match=r"no app id \(context\.app\.namespace\)"):
        build(context={"app": {"name": "Shop"}})


def test_an_unusual_name_is_built_and_noted() -> None:
    assert item("Plan Upgraded")["event"] == "Plan Upgraded"
    assert len(build("Plan Upgraded").notes) == 1
