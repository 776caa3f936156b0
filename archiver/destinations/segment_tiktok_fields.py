"""What Segment's three TikTok destinations have in common: names, fields, hashing.

Where they leave TikTok's documentation is listed in QUIRKS; further habits that a backfilled event
must share with its lost twin:

* an address of white space alone is sent as empty text; text without digits is hashed as the phone
  number `+`; no country code is ever added;
* what already looks like 64 hex digits passes unhashed; upper case stays so in phone numbers;
* in a product, a null price or quantity is 0, a null name empty text;
* `camelCase` traits such as `firstName` are not read.

Source: segmentio/action-destinations 3.497, tiktok-conversions, tiktok-offline-conversions,
tiktok-app-events (index, fields, formatter, utils) and lib/hashing-utils; checked by running them.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from archiver.destinations.base import Rule
from archiver.destinations.fields import Field, Form, Read, keeps_text, sources
from archiver.destinations.hashing import is_sha256_hex, sha256, sha256_hex
from archiver.destinations.javascript import WHITESPACE, is_blank, without_whitespace
from archiver.destinations.paths import Fixed, Source
from archiver.destinations.requests import Quirk
from archiver.destinations.segment_fields import (
    boolean_field,
    item_members,
    nested_number,
    nested_text,
    number_field,
    text_field,
    text_list,
)

INTEGRATIONS = {
    "web": "TikTok Conversions",
    "crm": "TikTok Conversions",
    "offline": "TikTok Offline Conversions",
    "app": "TikTok App Events",
}

_PAGES = frozenset({"web", "crm", "offline"})
_APPS = frozenset({"app"})
SEGMENT_RULES = (
    *(
        Rule("track", event, name, event_sources=_PAGES)
        for event, name in (
            ("Order Completed", "CompletePayment"),
            ("Order Placed", "PlaceAnOrder"),
            ("Checkout Started", "InitiateCheckout"),
            ("Payment Info Entered", "AddPaymentInfo"),
            ("Product Added", "AddToCart"),
            ("Product Added to Wishlist", "AddToWishlist"),
            ("Product Viewed", "ViewContent"),
            ("Product Clicked", "ClickButton"),
            ("Products Searched", "Search"),
            ("Signed Up", "CompleteRegistration"),
            ("Callback Started", "Contact"),
            ("Subscription Created", "Subscribe"),
            ("Form Submitted", "SubmitForm"),
            ("Download Link Clicked", "Download"),
        )
    ),
    Rule("page", None, "PageView", event_sources=_PAGES),
    *(
        Rule("track", event, name, event_sources=_APPS)
        for event, name in (
            ("Order Completed", "Purchase"),
            ("Checkout Started", "Checkout"),
            ("Payment Info Entered", "AddPaymentInfo"),
            ("Product Added", "AddToCart"),
            ("Product Added to Wishlist", "AddToWishlist"),
            ("Product Viewed", "ViewContent"),
            ("Products Searched", "Search"),
            ("Signed Up", "Registration"),
            ("Signed In", "Login"),
            ("Application Installed", "InstallApp"),
            ("Application Opened", "LaunchAPP"),
        )
    ),
)

QUIRKS = (
    Quirk(
        "user.email, user.external_id",
        "lower-cased, never trimmed",
        "trimmed and lower-cased (of the external id, Segment's own comment says so)",
    ),
    Quirk(
        "user.phone",
        "cut to 15 characters with its +; 0044 stays 0044",
        "whole, in the form of E.164: 0044 is 44",
    ),
    Quirk("properties.currency", "as it is written", "upper case, as ISO 4217 has it"),
)

_HASH_CHARACTERS = 64
_LEAST_VISIBLE, _BEYOND_ASCII = "!", "\x7f"  # Of a text's first character.
_PHONE_CHARACTERS = 15  # of the E.164 form, the plus sign counted.

_NOT_DIGIT = re.compile(r"[^0-9]+")
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
encoder = msgspec.json.Encoder(decimal_format="number")


# -- forms


def hashed(text: str) -> str:
    """SHA-256 in hex; empty for white space alone, as it was for what is hashed already."""
    if text and len(text) != _HASH_CHARACTERS and text[0] not in WHITESPACE:
        return sha256_hex(text)  # Nearly always, and so at once.
    if is_blank(text):
        return ""
    return text if is_sha256_hex(text) else sha256_hex(text)


def _lower_hash(text: str) -> str:
    if text.isascii() and len(text) != _HASH_CHARACTERS and text >= _LEAST_VISIBLE:
        return sha256(text.lower().encode()).hexdigest()  # Nearly always, and so at once.
    return hashed(text.lower())


def _phone_hash(text: str) -> str:
    plain = text.replace(" ", "").lstrip("+")
    if plain.isdecimal() and plain.isascii() and len(plain) < _HASH_CHARACTERS:  # Mostly.
        return sha256(b"+" + plain[: _PHONE_CHARACTERS - 1].encode()).hexdigest()
    if len(text) >= _HASH_CHARACTERS or not _LEAST_VISIBLE <= text < _BEYOND_ASCII:  # Hardly ever.
        if is_blank(text):
            return ""
        if is_sha256_hex(text):
            return text
    digits = text.encode("utf-8", "replace").translate(None, _NO_DIGITS)
    return sha256(b"+" + digits[: _PHONE_CHARACTERS - 1]).hexdigest()


def _name_hash(text: str) -> str:
    return hashed(without_whitespace(text).lower())


def _plain(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        text = _NOT_ALPHANUMERIC.sub("", text)
    return text.lower()


def _trimmed_hash(text: str) -> str:
    return hashed(text.strip(WHITESPACE).lower())


def _whole_phone_hash(text: str) -> str:
    text = text.strip(WHITESPACE)
    if is_sha256_hex(text):
        return text.lower()
    digits = _NOT_DIGIT.sub("", text)
    if digits.startswith("00"):  # An international prefix, which E.164 writes as +.
        digits = digits.lstrip("0")
    return sha256_hex(f"+{digits}") if digits else ""


TRIMMED = Form("trimmed, lower case, SHA-256", _trimmed_hash)
E164 = Form("+ and its digits, SHA-256", _whole_phone_hash)
_LOWER = Form("lower case, SHA-256", _lower_hash)
_PHONE = Form("+ and its digits, cut to 15 characters, SHA-256", _phone_hash)
_NAME = Form("lower case without white space, SHA-256", _name_hash)
UPPER_CASE = Form("upper case", str.upper)
_ADDRESS = Form("ASCII letters and digits, lower case", _plain)


# -- texts and products


@keeps_text
def filled_text(value: Any, name: str, notes: list[str]) -> str | None:
    """A text that is left out where it is empty, also where it becomes so only by coercion."""
    if type(value) is str:
        return value or None
    return text_field(value, name, notes) or None


_NUMBERS = (("price", "price"), ("quantity", "quantity"))
_TEXTS = (
    ("content_category", "category"),
    ("content_id", "product_id"),
    ("content_name", "name"),
    ("brand", "brand"),
)


def products(value: Any, name: str, notes: list[str]) -> list[dict[str, Any]] | None:
    """The items of `contents`, from a list of products or from one."""
    if type(value) is dict:
        return [_product(value, notes)]
    if not isinstance(value, list):
        if value != "":
            notes.append(f"{name} left out: not a list of products")
        return None
    return [_product(product, notes) for product in value]


def _product(product: Any, notes: list[str]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if not product and type(product) is dict:
        return content
    get = item_members(product).get
    for sent, key in _NUMBERS:
        number = get(key, UNSET)
        if number is not UNSET:
            number = nested_number(number, key, notes)
            if number is not None:
                content[sent] = number
    for sent, key in _TEXTS:
        text = get(key, UNSET)
        if type(text) is str:
            content[sent] = text
        elif text is not UNSET:
            text = nested_text(text, key, notes)
            if text is not None:
                content[sent] = text
    return content


# -- fields


def person(name: str) -> tuple[Source, ...]:
    """A property, else the trait of that name."""
    return sources(f"$.properties.{name}", f"$.context.traits.{name}")


def own(name: str, integration: str) -> tuple[Source, ...]:
    """A property, else what was sent along for the integration."""
    return sources(f"$.properties.{name}", f"$.integrations['{integration}'].{name}")


def ids(**options: Any) -> tuple[Field, ...]:
    """Who it was, as lists of hashes; the options are those of a field."""
    user = sources("$.userId", "$.anonymousId")
    return (
        Field("user.external_id", user, text_list, _LOWER, TRIMMED, **options),
        Field("user.phone", person("phone"), text_list, _PHONE, E164, **options),
        Field("user.email", person("email"), text_list, _LOWER, TRIMMED, **options),
    )


NAMES = (
    Field("user.first_name", person("first_name"), text_field, _NAME, absent=""),
    Field("user.last_name", person("last_name"), text_field, _NAME, absent=""),
    Field("user.city", person("address.city"), text_field, _ADDRESS, absent=""),
    Field("user.state", person("address.state"), text_field, _ADDRESS, absent=""),
    Field("user.country", person("address.country"), text_field, _ADDRESS, absent=""),
    Field("user.zip_code", person("address.postal_code"), text_field, _NAME, absent=""),
)
CONTEXT = (
    Field("user.ip", sources("$.context.ip"), filled_text),
    Field("user.user_agent", sources("$.context.userAgent"), filled_text),
    Field("user.locale", sources("$.context.locale"), filled_text),
)
VALUE = (
    Field("properties.content_type", (Fixed("product"),), text_field),
    Field("properties.value", sources("$.properties.value", "$.properties.revenue"), number_field),
    Field("properties.description", (), text_field),
)
PAGE = (
    Field("page.url", sources("$.context.page.url"), filled_text),
    Field("page.referrer", sources("$.context.page.referrer"), filled_text),
)
LIMITED = (
    Field(
        "limited_data_use", sources("$.properties.limited_data_use"), boolean_field, absent=False
    ),
)


def contents(*path: str, **options: Any) -> Field:
    """The contents, from the products under a path; without one only an override gives them."""
    keys = tuple(key for _, key in (*_NUMBERS, *_TEXTS))
    return Field(
        "properties.contents",
        sources(*path),
        products,
        words="products",
        # Where the event is the product; elsewhere there are lists.
        members=keys if path == ("$.properties",) else (),
        **options,
    )


def property_field(name: str, read: Read, strict_form: Form | None = None) -> Field:
    """A field that is the property of the same name."""
    return Field(f"properties.{name}", sources(f"$.properties.{name}"), read, None, strict_form)
