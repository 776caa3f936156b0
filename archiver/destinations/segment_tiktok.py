"""The `segment` preset for TikTok web: the `data[]` item that Segment would have sent.

Field by field the default mapping of Segment's TikTok Conversions destination, with its quirks,
because a backfilled event must equal its lost twin. Where they leave TikTok's documentation:

* e-mail is lower-cased, never trimmed; an address of white space alone is sent as empty text;
* phone is `+` and its ASCII digits, cut to 15 characters in all, so a 15-digit number loses its
  last digit; no country code is ever added; text without digits is hashed as `+`;
* external ids are lower-cased, not trimmed;
* what already looks like 64 hex digits passes unhashed; upper case stays so in phone numbers;
* city, state and country keep only ASCII letters and digits, so `東京` becomes empty;
* absent names and addresses are sent as empty text, absent contents as an empty list;
* a null price or quantity in a product is sent as 0, a null name as empty text;
* `ttclid` in the page's URL wins over the event's own, even when it is empty;
* `camelCase` traits such as `firstName` are not read.

Two things differ from Segment on purpose. An event without a usable `timestamp` raises
UnsendableEvent, where Segment sends the present. An event that Segment's validation refuses for a
field of the wrong type is built without that field, and says so in `notes`.

Source: segmentio/action-destinations, tiktok-conversions (index.ts, reportWebEvent/{utils,
formatter}.ts, fields/common_fields.ts, lib/hashing-utils.ts), action-destinations 3.497;
checked by running it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from archiver.destinations.base import BuiltEvent, Rule, UnsendableEvent
from archiver.destinations.hashing import is_sha256_hex, sha256_hex
from archiver.destinations.javascript import is_blank, url_parameter, without_whitespace
from archiver.destinations.json_text import id_of
from archiver.destinations.segment_fields import (
    SegmentEvent,
    boolean_field,
    item_members,
    members,
    nested_number,
    nested_text,
    number_field,
    read_event,
    text_field,
    text_list,
)
from archiver.values import EPOCH, parse_instant

INTEGRATION = "TikTok Conversions"

_PRODUCTS, _ITSELF, _NONE = "products", "properties", ""

# Which part of the properties holds the contents, by TikTok's event name. Source: index.ts.
_CONTENTS = {
    "CompletePayment": _PRODUCTS,
    "PlaceAnOrder": _PRODUCTS,
    "InitiateCheckout": _PRODUCTS,
    "AddPaymentInfo": _PRODUCTS,
    "PageView": _PRODUCTS,
    "ViewContent": _ITSELF,
    "ClickButton": _ITSELF,
    "Search": _ITSELF,
    "AddToWishlist": _ITSELF,
    "AddToCart": _ITSELF,
    "Contact": _NONE,
    "Subscribe": _NONE,
    "SubmitForm": _NONE,
    "Download": _NONE,
    "CompleteRegistration": _NONE,
}

WEB_RULES = (
    Rule("track", "Order Completed", "CompletePayment"),
    Rule("track", "Order Placed", "PlaceAnOrder"),
    Rule("track", "Checkout Started", "InitiateCheckout"),
    Rule("track", "Payment Info Entered", "AddPaymentInfo"),
    Rule("track", "Product Added", "AddToCart"),
    Rule("track", "Product Added to Wishlist", "AddToWishlist"),
    Rule("track", "Product Viewed", "ViewContent"),
    Rule("track", "Product Clicked", "ClickButton"),
    Rule("track", "Products Searched", "Search"),
    Rule("track", "Signed Up", "CompleteRegistration"),
    Rule("track", "Callback Started", "Contact"),
    Rule("track", "Subscription Created", "Subscribe"),
    Rule("track", "Form Submitted", "SubmitForm"),
    Rule("track", "Download Link Clicked", "Download"),
    Rule("page", None, "PageView"),
)

_DELIVERY_CATEGORIES = frozenset({"in_store", "curbside", "home_delivery"})
_PHONE_CHARACTERS = 15  # of the E.164 form, the plus sign counted.
_SECOND = timedelta(seconds=1)

_NOT_DIGIT = re.compile(r"[^0-9]+")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
_encoder = msgspec.json.Encoder(decimal_format="number")


def build_web_event(payload: bytes, destination_event: str) -> BuiltEvent:
    """Build the `data[]` item for one inbound event.

    Args:
        payload: the inbound event's JSON text.
        destination_event: TikTok's event name.

    Raises:
        UnsendableEvent: no usable `timestamp` or `messageId`, no readable JSON object, or a name
            that only a mapping of the user's own sends.
    """
    if destination_event not in _CONTENTS:
        raise UnsendableEvent(
            f"is {destination_event!r}, which Segment's presets do not send: how the mapping that "
            "does fills its fields is not known"
        )
    event = read_event(payload)
    event_id = id_of(bytes(event.messageId))
    if event_id is None:
        raise UnsendableEvent("has no messageId, by which TikTok would know a repetition")
    event_time = parse_instant(event.timestamp)
    if event_time is None:
        raise UnsendableEvent("has no timestamp that can be read")

    notes: list[str] = []
    properties = members(event.properties)
    context = members(event.context)
    page = members(context.get("page"))
    url = text_field(page.get("url"), "context.page.url", notes)
    referrer = text_field(page.get("referrer"), "context.page.referrer", notes)
    item: dict[str, Any] = {
        "event": destination_event,
        "event_time": (event_time - EPOCH) // _SECOND,
        "event_id": event_id,
        "user": _user(event, properties, context, url, notes),
        "properties": _properties(event, properties, _CONTENTS[destination_event], notes),
    }
    if url or referrer:
        item["page"] = {key: text for key, text in (("url", url), ("referrer", referrer)) if text}
    limited = boolean_field(properties.get("limited_data_use"), "limited_data_use", notes)
    item["limited_data_use"] = bool(limited)
    return BuiltEvent(
        item=_encoder.encode(item),
        event_id=event_id,
        event_name=destination_event,
        event_time=event_time,
        notes=tuple(dict.fromkeys(notes)),
    )


def _user(
    event: SegmentEvent,
    properties: dict[str, Any],
    context: dict[str, Any],
    url: str | None,
    notes: list[str],
) -> dict[str, Any]:
    traits = members(context.get("traits"))
    address, address_traits = members(properties.get("address")), members(traits.get("address"))
    external_id = event.userId
    if external_id is UNSET or external_id is None:
        external_id = event.anonymousId
    user: dict[str, Any] = {
        "external_id": _hashes(external_id, "userId", _lower_hash, notes),
        "phone": _hashes(_first("phone", properties, traits), "phone", _phone_hash, notes),
        "email": _hashes(_first("email", properties, traits), "email", _lower_hash, notes),
    }
    for sent, key, form in _NAMES:
        text = text_field(_first(key, properties, traits), key, notes)
        user[sent] = form(text) if text else ""
    for sent, key, form in _ADDRESS:
        text = text_field(_first(key, address, address_traits), key, notes)
        user[sent] = form(text) if text else ""
    integrations = members(event.integrations)
    sent_along = members(integrations.get(INTEGRATION)) if integrations else integrations
    ttclid = text_field(_first("ttclid", properties, sent_along), "ttclid", notes)
    in_url = url_parameter(url, "ttclid") if url else None
    if ttclid or in_url:
        user["ttclid"] = ttclid if in_url is None else in_url
    ttp = text_field(_first("ttp", properties, sent_along), "ttp", notes)
    if ttp:
        user["ttp"] = ttp
    for sent, key in _FROM_CONTEXT:
        text = text_field(context.get(key), key, notes)
        if text:
            user[sent] = text
    return user


def _properties(
    event: SegmentEvent, properties: dict[str, Any], contents_from: str, notes: list[str]
) -> dict[str, Any]:
    contents: list[dict[str, Any]] = []
    if contents_from == _PRODUCTS:
        contents = _contents(properties.get("products"), notes)
    elif contents_from == _ITSELF:
        contents = _contents(event.properties, notes)
    found: dict[str, Any] = {"contents": contents, "content_type": "product"}
    value = properties.get("value")
    if value is None:
        value = properties.get("revenue")
    if value is not None:
        amount = number_field(value, "value", notes)
        if amount is not None:
            found["value"] = amount
    for key, read in _PROPERTIES:
        value = properties.get(key)
        if value is not None:
            field = read(value, key, notes)
            if field is not None:
                found[key] = field
    return found


def _contents(products: Any, notes: list[str]) -> list[dict[str, Any]]:
    if isinstance(products, dict):
        products = [products]
    elif not isinstance(products, list):
        if products is not None and products is not UNSET and products != "":
            notes.append("contents left out: not a list of products")
        return []
    contents = []
    for product in products:
        get = item_members(product).get
        content: dict[str, Any] = {}
        for sent, key, read in _CONTENT_FIELDS:
            value = get(key, UNSET)
            if value is not UNSET:
                field = read(value, key, notes)
                if field is not None:
                    content[sent] = field
        contents.append(content)
    return contents


def _first(key: str, before: dict[str, Any], after: dict[str, Any]) -> Any:
    """A member of the first mapping, unless it is null or absent there."""
    value = before.get(key)
    return after.get(key) if value is None else value


def _delivery_category(value: Any, name: str, notes: list[str]) -> str | None:
    category = text_field(value, name, notes)
    if category is None or category in _DELIVERY_CATEGORIES:
        return category
    notes.append(f"{name} left out: not one of TikTok's")
    return None


def _hashes(value: Any, name: str, form: Callable[[str], str], notes: list[str]) -> list[str]:
    if type(value) is str:
        return [form(value)] if value else []
    texts = text_list(value, name, notes)
    return [form(text) for text in texts] if texts else []


def _lower_hash(text: str) -> str:
    return _hash(text.lower())


def _phone_hash(text: str) -> str:
    if is_blank(text):
        return ""
    if is_sha256_hex(text):
        return text
    return sha256_hex(f"+{_NOT_DIGIT.sub('', text)}"[:_PHONE_CHARACTERS])


def _name_hash(text: str) -> str:
    return _hash(without_whitespace(text).lower())


def _hash(text: str) -> str:
    if is_blank(text):
        return ""
    return text if is_sha256_hex(text) else sha256_hex(text)


def _plain(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        text = _NOT_ALPHANUMERIC.sub("", text)
    return text.lower()


_Read = Callable[[Any, str, list[str]], Any]

_NAMES = (("first_name", "first_name", _name_hash), ("last_name", "last_name", _name_hash))
_ADDRESS = (
    ("city", "city", _plain),
    ("state", "state", _plain),
    ("country", "country", _plain),
    ("zip_code", "postal_code", _name_hash),
)
_FROM_CONTEXT = (("ip", "ip"), ("user_agent", "userAgent"), ("locale", "locale"))
_PROPERTIES: tuple[tuple[str, _Read], ...] = (
    ("currency", text_field),
    ("query", text_field),
    ("order_id", text_field),
    ("shop_id", text_field),
    ("content_ids", text_list),
    ("delivery_category", _delivery_category),
    ("num_items", number_field),
    ("predicted_ltv", number_field),
    ("search_string", text_field),
)
_CONTENT_FIELDS: tuple[tuple[str, str, _Read], ...] = (
    ("price", "price", nested_number),
    ("quantity", "quantity", nested_number),
    ("content_category", "category", nested_text),
    ("content_id", "product_id", nested_text),
    ("content_name", "name", nested_text),
    ("brand", "brand", nested_text),
)
