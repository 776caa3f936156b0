"""One inbound Segment event in, one TikTok `data[]` item out."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.base import BuiltEvent, UnsendableEvent
from archiver.destinations.tiktok_events import TikTokEvents

TIKTOK = TikTokEvents()


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def build(name: str = "CompletePayment", **members: Any) -> BuiltEvent:
    event = {"messageId": "m-1", "timestamp": "2026-01-15T11:52:00Z", **members}
    return TIKTOK.build_event(json.dumps(event).encode(), name)


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


# -- time and id


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2026-01-15T11:52:00.999Z", 1768477920),
        ("2026-01-15T17:22:00+05:30", 1768477920),
        ("2026-01-15T11:52:00", 1768477920),
        ("1969-12-31T23:59:58.5Z", -2),
        (1768477920999, 1768477920),
    ],
)
def test_event_time_is_the_floor_of_the_timestamp(timestamp: Any, seconds: int) -> None:
    assert item(timestamp=timestamp)["event_time"] == seconds


@pytest.mark.parametrize("timestamp", [None, "", "yesterday", "2026-02-30T00:00:00Z", {}, True])
def test_no_usable_timestamp_is_unsendable_never_now(timestamp: Any) -> None:
    with pytest.raises(UnsendableEvent, match="timestamp"):
        build(timestamp=timestamp)


def test_received_at_does_not_stand_in_for_the_timestamp() -> None:
    with pytest.raises(UnsendableEvent, match="timestamp"):
        TIKTOK.build_event(b'{"messageId":"m","receivedAt":"2026-01-15T11:52:00Z"}', "Contact")


@pytest.mark.parametrize(
    ("json_id", "event_id"),
    [(b'"a\\u00e9"', "aé"), (b"17", "17"), (b"1.10", "1.10"), (b"9007199254740993",) * 2],
)
def test_event_id_is_a_json_string_of_the_message_id(json_id: bytes, event_id: Any) -> None:
    payload = b'{"timestamp":"2026-01-15T11:52:00Z","messageId":%s}' % json_id
    expected = event_id.decode() if isinstance(event_id, bytes) else event_id
    assert json.loads(TIKTOK.build_event(payload, "Contact").item)["event_id"] == expected


@pytest.mark.parametrize("message_id", [None, "", True, {}, []])
def test_no_usable_message_id_is_unsendable(message_id: Any) -> None:
    with pytest.raises(UnsendableEvent, match="messageId"):
        build(messageId=message_id)


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{", b'{"a":1}x', b"\xff"])
def test_no_json_object_is_unsendable(payload: bytes) -> None:
    with pytest.raises(UnsendableEvent):
        TIKTOK.build_event(payload, "Contact")


def test_a_name_that_the_presets_do_not_send_is_unsendable() -> None:
    with pytest.raises(UnsendableEvent, match=r"'Purchase', which Segment's presets do not send"):
        build("Purchase")


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
    sent = TIKTOK.build_event(payload % text.encode(), "Contact").item
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


# -- what Segment would have refused


@pytest.mark.parametrize(
    ("found", "note"),
    [
        ({"value": {"amount": 1}}, "value left out: not a number"),
        ({"value": "12 euros"}, "value left out: not a number"),
        ({"currency": {}}, "currency left out: not a text"),
        ({"email": [["a", "b"]]}, "email left out: not a text"),
        ({"products": "many"}, "contents left out: not a list of products"),
        ({"products": [{"price": ""}] * 2}, "price left out: not a number"),
        ({"delivery_category": "drone"}, "delivery_category left out: not one of TikTok's"),
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
    assert built.notes == ("value read as a number: it has thousands commas",)


# -- text that breaks readers


def test_a_lone_surrogate_never_reaches_the_request() -> None:
    payload = (
        rb'{"messageId":"m\ud800","timestamp":"2026-01-15T00:00:00Z","userId":"\udc00u",'
        rb'"properties":{"order_id":"\\ud800 \ud83d\ude00 \ud83d"}}'
    )
    sent = json.loads(TIKTOK.build_event(payload, "Contact").item)
    assert sent["event_id"] == "m\ufffd"
    assert sent["user"]["external_id"] == [hashed("\ufffdu")]
    assert sent["properties"]["order_id"] == "\\ud800 😀 \ufffd"


def test_the_last_of_duplicate_keys_counts() -> None:
    payload = (
        b'{"messageId":"a","messageId":"b","timestamp":"2026-01-15","properties":'
        b'{"value":1,"value":2}}'
    )
    sent = json.loads(TIKTOK.build_event(payload, "Contact").item)
    assert (sent["event_id"], sent["properties"]["value"]) == ("b", 2)


# -- properties of every item

NAMES = sorted({rule.destination_event for rule in TIKTOK.rules("segment")})
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
EVENTS = st.fixed_dictionaries(
    {"messageId": st.text(min_size=1), "timestamp": st.just("2026-01-15T11:52:00.5Z")},
    optional=dict.fromkeys(TOP_KEYS, VALUES),
)


@given(EVENTS, st.sampled_from(NAMES))
def test_any_event_with_id_and_time_gives_one_deterministic_item(event: Any, name: str) -> None:
    payload = json.dumps(event).encode()
    built = TIKTOK.build_event(payload, name)
    sent = json.loads(built.item)
    assert built == TIKTOK.build_event(payload, name)
    assert sent["event_id"] == built.event_id == event["messageId"]
    assert (sent["event"], sent["event_time"]) == (name, 1768477920)
    assert all(isinstance(sent["user"][key], list) for key in ("email", "phone", "external_id"))


@given(st.dictionaries(st.sampled_from(["messageId", "timestamp"]) | KEYS, VALUES), st.binary())
def test_anything_else_is_unsendable_and_nothing_worse(event: Any, tail: bytes) -> None:
    for payload in (json.dumps(event).encode(), json.dumps(event).encode()[:-1] + tail):
        try:
            TIKTOK.build_event(payload, "CompletePayment")
        except UnsendableEvent as error:
            assert error.reason


@pytest.mark.parametrize(
    "number", [b"1e400", b"1e99999999999999999999999", b"1" * 400, b"1" * 6000, b"-1E400"]
)
def test_numbers_beyond_every_reader_are_left_out_or_unsendable(number: bytes) -> None:
    payload = b'{"messageId":"m","timestamp":"2026-01-15","properties":{"value":%s}}' % number
    try:
        built = TIKTOK.build_event(payload, "CompletePayment")
    except UnsendableEvent:
        return
    assert built.notes == ("value left out: not a number",)
    assert "value" not in json.loads(built.item)["properties"]


def test_no_note_and_no_reason_repeats_a_value() -> None:
    built = build(properties={"email": {"secret": "s3cret"}, "value": "s3cret"})
    assert built.notes and "s3cret" not in " ".join(built.notes)
