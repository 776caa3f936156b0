"""One inbound Segment event in, one TikTok `data[]` item out."""

import json
from hashlib import sha256
from typing import Any

import building
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import destination
from archiver.destinations.base import rules_of
from archiver.destinations.paths import json_path
from archiver.destinations.requests import BuiltEvent, UnsendableEvent

TIKTOK = building.requests("tiktok-events")


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def build(name: str = "CompletePayment", **members: Any) -> BuiltEvent:
    event = {"messageId": "m-1", "timestamp": "2026-01-15T11:52:00Z", **members}
    return building.build(TIKTOK, name, event)


def item(name: str = "CompletePayment", **members: Any) -> dict[str, Any]:
    return json.loads(build(name, **members).item)


def user(**members: Any) -> dict[str, Any]:
    return item(**members)["user"]


def properties(found: Any, name: str = "CompletePayment") -> dict[str, Any]:
    return item(name, properties=found)["properties"]


def test_an_event_with_nothing_but_id_and_time() -> None:
    assert item("Contact") == {
        "event": "Contact",
        "event_time": 1768477920,
        "event_id": "m-1",
        "user": {
            "external_id": [],
            "phone": [],
            "email": [],
            "first_name": "",
            "last_name": "",
            "city": "",
            "state": "",
            "country": "",
            "zip_code": "",
        },
        "properties": {"contents": [], "content_type": "product"},
        "limited_data_use": False,
    }


# -- time, id and name


@pytest.mark.parametrize(
    ("microseconds", "seconds"), [(1768477920_999999, 1768477920), (-1_500_000, -2), (0, 0)]
)
def test_event_time_is_the_floor_of_the_time_given(microseconds: int, seconds: int) -> None:
    built = TIKTOK.build_event(b"{}", "Contact", "m-1", microseconds)
    assert json.loads(built.item)["event_time"] == seconds


def test_the_id_given_counts_not_the_messages_own() -> None:
    built = TIKTOK.build_event(b'{"messageId":"own"}', "Contact", 'o"1', 0)
    assert json.loads(built.item)["event_id"] == 'o"1'


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{", b'{"a":1}x', b"\xff"])
def test_no_json_object_is_unsendable(payload: bytes) -> None:
    with pytest.raises(UnsendableEvent):
        TIKTOK.build_event(payload, "Contact", "m", 0)


def test_a_name_that_no_preset_has_is_built_with_the_defaults_of_the_fields() -> None:
    found = {"value": 5, "currency": "EUR", "products": [{"product_id": "1"}]}
    assert properties(found, "Purchase") == {
        "contents": [],
        "content_type": "product",
        "value": 5,
        "currency": "EUR",
    }
    assert item("Plan Upgraded")["event"] == "Plan Upgraded"


# -- who


def test_email_is_lower_cased_and_not_trimmed() -> None:
    found = user(properties={"email": ["Ada@Example.com", " ada@x.io ", "\u00a0"]})
    assert found["email"] == [hashed("ada@example.com"), hashed(" ada@x.io "), ""]


@pytest.mark.parametrize(
    ("phone", "form"),
    [
        ("+1 (415) 555-0100", "+14155550100"),
        ("415-555-0100", "+4155550100"),
        ("+123456789012345", "+12345678901234"),
        ("+12345678901234567890", "+12345678901234"),
        ("n/a", "+"),
        ("+٤١٥", "+"),
        (14155550100, "+14155550100"),
    ],
)
def test_phone_is_plus_and_digits_cut_to_fifteen_characters(phone: Any, form: str) -> None:
    assert user(properties={"phone": phone})["phone"] == [hashed(form)]


def test_external_id_is_the_user_else_the_anonymous_id() -> None:
    assert user(userId="U 1", anonymousId="a")["external_id"] == [hashed("u 1")]
    assert user(userId=None, anonymousId="A")["external_id"] == [hashed("a")]
    assert user(userId="", anonymousId="A")["external_id"] == []
    assert user(userId=9007199254740993)["external_id"] == [hashed("9007199254740992")]


def test_names_and_zip_lose_white_space_before_hashing() -> None:
    found = user(
        properties={"first_name": " Mary\tAnn ", "address": {"postal_code": "SW1A 1AA"}},
        context={"traits": {"last_name": " \u3000 "}},
    )
    assert found["first_name"] == hashed("maryann")
    assert found["zip_code"] == hashed("sw1a1aa")
    assert found["last_name"] == ""


@pytest.mark.parametrize(
    ("city", "sent"),
    [("San Francisco", "sanfrancisco"), ("São Paulo", "sopaulo"), ("東京", ""), (12, "12")],
)
def test_places_keep_only_ascii_letters_and_digits_and_are_not_hashed(city: Any, sent: str) -> None:
    assert user(properties={"address": {"city": city}})["city"] == sent


def test_what_is_hashed_already_passes_and_case_stays_only_in_phones() -> None:
    upper = "ABCDEF0123456789" * 4
    found = user(
        userId=upper,
        properties={"email": upper, "phone": [upper, upper + " "], "first_name": f" {upper}"},
    )
    assert found["external_id"] == found["email"] == [upper.lower()]
    assert found["first_name"] == upper.lower()
    assert found["phone"] == [upper, hashed("+" + ("0123456789" * 4)[:14])]


def test_properties_win_over_traits_unless_null() -> None:
    traits = {"email": "t@x.io", "phone": "2", "address": {"city": "T", "state": "TS"}}
    found = user(
        properties={"email": "p@x.io", "phone": None, "address": {"city": "P"}},
        context={"traits": traits},
    )
    assert found["email"] == [hashed("p@x.io")]
    assert found["phone"] == [hashed("+2")]
    assert (found["city"], found["state"]) == ("p", "ts")


def test_camel_case_traits_are_not_read() -> None:
    assert user(context={"traits": {"firstName": "Ada"}})["first_name"] == ""


@pytest.mark.parametrize(
    ("url", "own", "sent"),
    [
        ("https://shop.example/?ttclid=URL", "own", "URL"),
        ("https://shop.example/?x=1", "own", "own"),
        ("https://shop.example/?ttclid=", "own", ""),
        ("https://shop.example/?ttclid=", None, None),
        ("https://shop.example/", [""], None),
        ("/relative?ttclid=URL", "own", "own"),
        ("https://shop.example/?ttclid=a%20b+c", None, "a b c"),
        ("https://shop.example/", None, None),
    ],
)
def test_ttclid_in_the_page_url_wins(url: str, own: Any, sent: Any) -> None:
    found = user(properties={"ttclid": own}, context={"page": {"url": url}})
    assert found.get("ttclid") == sent


def test_click_ids_may_be_sent_along_in_integrations() -> None:
    found = user(integrations={"TikTok Conversions": {"ttclid": "c", "ttp": "p"}})
    assert (found["ttclid"], found["ttp"]) == ("c", "p")
    assert "ttp" not in user(integrations={"TikTok Conversions": True})


def test_context_is_sent_plain_and_left_out_when_empty() -> None:
    context = {"ip": "8.8.8.8", "userAgent": "UA", "locale": "", "page": {"referrer": "r"}}
    found = item(context=context)
    assert (found["user"]["ip"], found["user"]["user_agent"]) == ("8.8.8.8", "UA")
    assert "locale" not in found["user"]
    assert found["page"] == {"referrer": "r"}


# -- what


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        *(("products", name) for name in ("CompletePayment", "PlaceAnOrder", "InitiateCheckout")),
        *(("products", name) for name in ("AddPaymentInfo", "PageView")),
        *(("properties", name) for name in ("ViewContent", "ClickButton", "Search")),
        *(("properties", name) for name in ("AddToCart", "AddToWishlist")),
        *(("nowhere", name) for name in ("Contact", "Subscribe", "SubmitForm", "Download")),
        ("nowhere", "CompleteRegistration"),
    ],
)
def test_contents_come_from_the_products_or_the_properties_themselves(
    origin: str, name: str
) -> None:
    own = {"product_id": "1", "name": "n", "category": "c", "brand": "b", "price": 2, "quantity": 3}
    sent = {
        "content_id": "1",
        "content_name": "n",
        "content_category": "c",
        "brand": "b",
        "price": 2,
        "quantity": 3,
    }
    found = {**own, "products": [own, {}]}
    assert (
        properties(found, name)["contents"]
        == {
            "products": [sent, {}],
            "properties": [sent],
            "nowhere": [],
        }[origin]
    )


@pytest.mark.parametrize(
    ("products", "contents"),
    [
        (None, []),
        ([], []),
        ({"product_id": 7}, [{"content_id": "7"}]),
        ([{"price": None, "name": None}], [{"price": 0, "content_name": ""}]),
        ([{"price": "12.50", "quantity": "2"}], [{"price": 12.5, "quantity": 2}]),
        ([{"product_id": 1.10}], [{"content_id": "1.1"}]),
        (["x"], [{}]),
        ([{"price": 2**64 + 1}], [{"price": 2**64 + 1}]),
    ],
)
def test_odd_products_are_sent_as_segment_sends_them(products: Any, contents: Any) -> None:
    assert properties({"products": products})["contents"] == contents


def test_value_is_the_value_else_the_revenue_and_zero_counts() -> None:
    assert properties({"value": 0, "revenue": 5})["value"] == 0
    assert properties({"value": None, "revenue": 5})["value"] == 5
    assert "value" not in properties({"value": "", "revenue": 5})
    assert "value" not in properties({"total": 5})


@pytest.mark.parametrize("text", ["39.90", "0.1000000000000000055511151231257827", "1E+2", "-5"])
def test_numbers_keep_every_digit(text: str) -> None:
    payload = b'{"messageId":"m","timestamp":"2026-01-15","properties":{"value":%s}}'
    sent = building.build(TIKTOK, "Contact", payload % text.encode()).item
    assert f'"value":{text}' in sent.decode()


def test_huge_integers_survive() -> None:
    assert properties({"value": 2**64 + 1})["value"] == 2**64 + 1


def test_other_properties_pass_and_empty_ones_are_left_out() -> None:
    found = {
        "currency": "EUR",
        "order_id": 17,
        "shop_id": "",
        "query": None,
        "content_ids": "one",
        "delivery_category": "curbside",
        "num_items": "3",
        "search_string": "shoes",
        "coupon": "not known to TikTok",
    }
    assert properties(found, "Contact") == {
        "contents": [],
        "content_type": "product",
        "currency": "EUR",
        "order_id": "17",
        "content_ids": ["one"],
        "delivery_category": "curbside",
        "num_items": 3,
        "search_string": "shoes",
    }


@pytest.mark.parametrize(
    ("given_value", "sent"), [(True, True), ("true", True), (1, True), ("false", False), (0, False)]
)
def test_limited_data_use(given_value: Any, sent: bool) -> None:
    assert item(properties={"limited_data_use": given_value})["limited_data_use"] is sent


def test_nulls_in_lists() -> None:
    assert user(properties={"email": [None, "a", None]})["email"] == [hashed("a")]
    nothing = {"price": 0, "quantity": 0}
    names = dict.fromkeys(("content_category", "content_id", "content_name", "brand"), "")
    assert properties({"products": [None]})["contents"] == [{**nothing, **names}]


# -- the configuration's own sources, and TikTok's documentation


def overridden(event: dict[str, Any], name: str = "Contact", **paths: str) -> dict[str, Any]:
    table = {key.replace("__", "."): (json_path(path),) for key, path in paths.items()}
    ours = building.requests("tiktok-events", overrides=table)
    return json.loads(ours.build_event(json.dumps(event).encode(), name, "m", 0).item)


def test_an_overridden_field_keeps_its_form() -> None:
    event = {"properties": {"email": "a@x.io"}, "context": {"traits": {"work": "B@x.io"}}}
    sent = overridden(event, user__email="$.context.traits.work")
    assert sent["user"]["email"] == [hashed("b@x.io")]


def test_contents_and_description_can_be_given_where_the_preset_has_none() -> None:
    event = {"properties": {"items": [{"product_id": "1"}], "about": "blue"}}
    paths = {"contents": "$.properties.items", "description": "$.properties.about"}
    sent = overridden(event, "Purchase", **paths)["properties"]
    assert (sent["contents"], sent["description"]) == ([{"content_id": "1"}], "blue")


def test_without_any_user_field_the_click_in_the_url_is_still_sent() -> None:
    names = [f.name for f in TIKTOK.fields if f.name.startswith("user.")]
    ours = building.requests("tiktok-events", overrides=dict.fromkeys(names, ()))
    payload = b'{"context":{"page":{"url":"https://shop.example/?ttclid=C"}}}'
    sent = json.loads(ours.build_event(payload, "Contact", "m", 0).item)
    assert sent["user"] == {"ttclid": "C"}


def test_strict_trims_and_keeps_the_whole_number() -> None:
    ours = building.requests("tiktok-events", strict=True)
    event = {
        "userId": " U-1 ",
        "properties": {"email": " Ada@x.io\n", "phone": "+12 3456 7890 12345"},
    }
    sent = json.loads(ours.build_event(json.dumps(event).encode(), "Contact", "m", 0).item)
    assert sent["user"]["email"] == [hashed("ada@x.io")]
    assert sent["user"]["external_id"] == [hashed("u-1")]
    assert sent["user"]["phone"] == [hashed("+123456789012345")]


def test_a_currency_is_in_upper_case_only_where_strict() -> None:
    for strict, currency in ((False, "usd"), (True, "USD")):
        ours = building.requests("tiktok-events", strict=strict)
        payload = b'{"properties":{"currency":"usd"}}'
        sent = json.loads(ours.build_event(payload, "Contact", "m", 0).item)
        assert sent["properties"]["currency"] == currency


# -- what Segment would have refused


@pytest.mark.parametrize(
    ("found", "note"),
    [
        ({"value": {"amount": 1}}, "properties.value left out: not a number"),
        ({"value": "Infinity"}, "properties.value left out: not a number"),
        ({"value": "12 euros"}, "properties.value left out: not a number"),
        ({"currency": {}}, "properties.currency left out: not a text"),
        ({"email": [["a", "b"]]}, "user.email left out: not a text"),
        ({"products": "many"}, "properties.contents left out: not a list of products"),
        ({"products": [{"price": ""}] * 2}, "price left out: not a number"),
        (
            {"delivery_category": "drone"},
            "properties.delivery_category left out: not one of TikTok's",
        ),
        ({"limited_data_use": "maybe"}, "limited_data_use left out: not true or false"),
    ],
)
def test_one_bad_field_is_left_out_and_noted(found: Any, note: str) -> None:
    built = build(properties={**found, "order_id": "o-1"})
    assert built.notes == (note,)
    assert json.loads(built.item)["properties"]["order_id"] == "o-1"


def test_thousands_commas_are_read_as_the_reconciliation_reads_them() -> None:
    built = build(properties={"value": "1,299.00"})
    assert json.loads(built.item)["properties"]["value"] == 1299
    assert built.notes == ("properties.value read as a number: it has thousands commas",)


# -- text that breaks readers


def test_a_lone_surrogate_never_reaches_the_request() -> None:
    payload = (
        rb'{"messageId":"m","userId":"\udc00u",'
        rb'"properties":{"order_id":"\\ud800 \ud83d\ude00 \ud83d"}}'
    )
    sent = json.loads(TIKTOK.build_event(payload, "Contact", "m", 0).item)
    assert sent["user"]["external_id"] == [hashed("\ufffdu")]
    assert sent["properties"]["order_id"] == "\\ud800 😀 \ufffd"


def test_the_last_of_duplicate_keys_counts() -> None:
    payload = b'{"userId":"a","userId":"b","properties":{"value":1,"value":2}}'
    sent = json.loads(TIKTOK.build_event(payload, "Contact", "m", 0).item)
    assert sent["user"]["external_id"] == [hashed("b")]
    assert sent["properties"]["value"] == 2


# -- properties of every item

NAMES = sorted(
    rule.destination_event for rule in rules_of(destination("tiktok-events"), "segment", "web")
)
PRODUCT_KEYS = ["products", "price", "quantity", "name", "brand"]
USER_KEYS = ["email", "phone", "address", "city", "traits", "ttclid", "TikTok Conversions", "ip"]
OTHER_KEYS = ["value", "revenue", "order_id", "content_ids", "limited_data_use", "page", "url"]
KEYS = st.sampled_from(PRODUCT_KEYS + USER_KEYS + OTHER_KEYS) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["1,299.00", "Infinity", "1e999", "https://a.example/?ttclid=%", "A" * 64])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
TOP_KEYS = ("properties", "context", "integrations", "userId", "anonymousId")
EVENTS = st.fixed_dictionaries({}, optional=dict.fromkeys(TOP_KEYS, VALUES))


@given(EVENTS, st.sampled_from([*NAMES, "Purchase"]), st.text(min_size=1))
def test_any_event_gives_one_deterministic_item(event: Any, name: str, event_id: str) -> None:
    payload = json.dumps(event).encode()
    built = TIKTOK.build_event(payload, name, event_id, 1768477920_500000)
    sent = json.loads(built.item)
    assert built == TIKTOK.build_event(payload, name, event_id, 1768477920_500000)
    assert (sent["event"], sent["event_id"], sent["event_time"]) == (name, event_id, 1768477920)
    assert all(isinstance(sent["user"][key], list) for key in ("email", "phone", "external_id"))


@given(st.dictionaries(KEYS, VALUES), st.binary())
def test_anything_else_is_unsendable_and_nothing_worse(event: Any, tail: bytes) -> None:
    for payload in (json.dumps(event).encode(), json.dumps(event).encode()[:-1] + tail):
        try:
            TIKTOK.build_event(payload, "CompletePayment", "m", 0)
        except UnsendableEvent as error:
            assert error.reason


@pytest.mark.parametrize(
    "number", [b"1e400", b"1e99999999999999999999999", b"1" * 400, b"1" * 6000, b"-1E400"]
)
def test_numbers_beyond_every_reader_are_left_out_or_unsendable(number: bytes) -> None:
    payload = b'{"properties":{"value":%s}}' % number
    try:
        built = TIKTOK.build_event(payload, "CompletePayment", "m", 0)
    except UnsendableEvent:
        return
    assert built.notes == ("properties.value left out: not a number",)
    assert "value" not in json.loads(built.item)["properties"]


def test_no_note_and_no_reason_repeats_a_value() -> None:
    built = build(properties={"email": {"secret": "s3cret"}, "value": "s3cret"})
    assert built.notes and "s3cret" not in " ".join(built.notes)
