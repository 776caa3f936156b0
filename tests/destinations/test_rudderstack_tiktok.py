"""The `rudderstack` preset: what RudderStack's TikTok Ads destination, Events 2.0, would send."""

import json
from hashlib import sha256
from typing import Any

import building
import pytest

from archiver.destinations.requests import BuiltEvent, UnsendableEvent

WEB = building.requests("tiktok-events", preset="rudderstack", event_source_id="PIXEL")
STRICT = building.requests("tiktok-events", preset="rudderstack", strict=True)
PAGE = {"page": {"url": "https://shop.example/"}}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def build(name: str = "PlaceAnOrder", of: Any = WEB, **members: Any) -> BuiltEvent:
    event = {**members, "context": {**PAGE, **members.get("context", {})}}
    return of.build_event(json.dumps(event).encode(), name, "e-1", 1600372167_999000)


def item(name: str = "PlaceAnOrder", of: Any = WEB, **members: Any) -> dict[str, Any]:
    return json.loads(build(name, of, **members).item)


def user(**members: Any) -> dict[str, Any]:
    return item(**members).get("user", {})


def properties(found: dict[str, Any], name: str = "Contact", of: Any = WEB) -> dict[str, Any]:
    return item(name, of, properties=found).get("properties", {})


def test_a_whole_event() -> None:
    context = {
        "userAgent": "UA",
        "ip": "192.0.2.7",
        "locale": "en-US",
        "page": {"url": "https://shop.example/thanks", "referrer": "https://shop.example/"},
        "externalId": [
            {"type": "tiktokExternalId", "id": "the first"},
            {"type": "tiktokExternalId", "id": " Id5 "},
            {"type": "other", "id": "o"},
        ],
    }
    found = {
        "contents": [{"price": 8, "quantity": 2, "content_type": "socks", "content_id": "107"}],
        "currency": "USD",
        "value": 46,
        "email": " Ada@x.io ",
        "phone": " +1 415 ",
        "revenue": 99,
    }
    built = build(context=context, properties=found)
    assert json.loads(WEB.body([built.item], built.root)) == {
        "event_source": "web",
        "event_source_id": "PIXEL",
        "partner_name": "RudderStack",
        "data": [
            {
                "event": "PlaceAnOrder",
                "event_id": "e-1",
                "event_time": 1600372167,
                "properties": {
                    "contents": found["contents"],
                    "contents_ids": ["107"],
                    "num_items": 1,
                    "content_type": "product",
                    "currency": "USD",
                    "value": 46,
                },
                "page": context["page"],
                "user": {
                    "locale": "en-US",
                    "email": hashed("ada@x.io"),
                    "phone": hashed("+1 415"),
                    "external_id": hashed("Id5"),
                    "ip": "192.0.2.7",
                    "user_agent": "UA",
                },
            }
        ],
    }
    assert built.notes == ()


def test_an_event_with_nothing_but_a_page() -> None:
    assert item("Contact") == {
        "event": "Contact",
        "event_id": "e-1",
        "event_time": 1600372167,
        "page": {"url": "https://shop.example/"},
    }


def test_traits_win_over_properties_and_empty_text_does_not_count() -> None:
    found = user(
        traits={"email": "", "phone": "1"},
        context={"traits": {"email": "t@x.io", "phone": "2"}},
        properties={"email": "p@x.io", "phone": "3"},
    )
    assert (found["email"], found["phone"]) == (hashed("t@x.io"), hashed("1"))


def test_names_and_place() -> None:
    traits = {"firstName": " Ada ", "lastname": "LL", "city": "Bath", "state": "X", "country": "GB"}
    found = user(context={"traits": {**traits, "address": {"postalCode": "SW1-A 1AA"}}})
    assert found == {
        "first_name": hashed("ada"),
        "last_name": hashed("ll"),
        "city": "Bath",
        "state": "X",
        "country": "GB",
        "zip_code": hashed("SW1A1AA"),
    }


def test_several_phones_and_what_is_hashed_already() -> None:
    upper = "ABCDEF0123456789" * 4
    assert user(traits={"phone": ["1", " ", 2, upper]})["phone"] == [
        *(hashed("1"), hashed("2"), upper)
    ]
    assert user(traits={"email": upper})["email"] == upper.lower()


def test_contents_are_made_of_products_where_there_are_none() -> None:
    product = {"product_id": 7, "name": "n", "category": "c", "price": 2, "sku": "s", "brand": None}
    found = properties({"products": [product, {"price": 3}, {"product_id": None}]})
    assert found == {
        "contents": [
            {"content_id": "7", "content_name": "n", "content_category": "c", "price": 2},
            {"content_id": "undefined", "price": 3},
            {"content_id": "null"},
        ],
        "contents_ids": ["7", "undefined", "null"],
        "num_items": 3,
    }
    assert properties({"contents": {"content_id": "1"}, "products": [product]})["contents"] == [
        {"content_id": "1"}
    ]


def test_content_type_has_a_default_for_some_events_only() -> None:
    for name in ("AddToCart", "CompletePayment", "PlaceAnOrder", "ViewContent"):
        assert properties({}, name) == {"content_type": "product"}
    assert properties({}, "Purchase") == {}
    assert properties({"contentType": "product_group"}, "AddToCart") == {
        "content_type": "product_group"
    }


def test_values_are_passed_on_as_they_are_and_ids_as_text() -> None:
    found = {"value": "46.0", "order_id": 17, "shopId": 1.5, "limited_data_use": False}
    assert properties(found) == {"value": "46.0", "order_id": "17", "shop_id": "1.5"}
    assert item(properties=found)["limited_data_use"] is False


@pytest.mark.parametrize(
    ("found", "source"),
    [
        ({"eventSource": "offline"}, b"offline"),
        ({"eventSource": "shop", "event_source": "crm"}, b"crm"),
        ({"eventSource": "web", "event_source": "crm"}, b""),
        ({"eventSource": {}}, b""),
    ],
)
def test_an_event_may_say_its_source_itself(found: dict[str, Any], source: bytes) -> None:
    built = build(properties=found)
    assert built.root == source
    body = WEB.body([built.item], built.root)
    assert json.loads(body)["event_source"] == (source.decode() or "web")
    assert WEB.split(body) == ([built.item], source)


def test_a_test_event_is_unsendable() -> None:
    with pytest.raises(UnsendableEvent, match="test event"):
        build(properties={"testEventCode": "TEST1"})


def test_what_cannot_be_sent_is_left_out_and_noted() -> None:
    built = build("Contact", properties={"email": {"a": 1}, "currency": ["EUR"]})
    assert json.loads(built.item).keys() == {"event", "event_id", "event_time", "page"}
    assert built.notes == (
        "properties.currency left out: neither text nor number",
        "user.email left out: not a text",
    )
    assert len(WEB.build_event(b"{}", "Contact", "m", 0).notes) == 1  # It has no page.


def test_strict_follows_the_documentation() -> None:
    products = [{"product_id": "7"}, {"price": 2}]
    sent = item(of=STRICT, traits={"phone": "+1 (415)"}, properties={"products": products})
    assert sent["user"]["phone"] == hashed("+1415")
    assert sent["properties"] == {
        "contents": [{"content_id": "7"}, {"price": 2}],
        "content_type": "product",
    }
