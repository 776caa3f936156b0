"""The fields of Segment's Meta destination: their sources, how they are read, their forms.

Source: segmentio/action-destinations, facebook-conversions-api (shared/{fields,functions}.ts,
lib/hashing-utils.ts), 3.497; checked by running it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from archiver.destinations import meta_forms as strict
from archiver.destinations.fields import Field, Form, Read, sources
from archiver.destinations.hashing import is_sha256_hex, sha256_hex
from archiver.destinations.javascript import without_whitespace
from archiver.destinations.meta_fields import CUSTOM_DATA
from archiver.destinations.paths import Fixed, Source
from archiver.destinations.requests import Quirk
from archiver.destinations.segment_currencies import CURRENCIES
from archiver.destinations.segment_fields import (
    boolean_field,
    item_members,
    nested_number,
    nested_text,
    number_field,
    text_field,
    text_list,
)
from archiver.destinations.segment_meta_codes import COUNTRIES, STATES

_NOT_DIGIT = re.compile(r"[^0-9]+")
_CONTAINS_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_MALE = frozenset({"m", "male"})
_FEMALE = frozenset({"f", "female"})
_EXACT_BELOW = 2**53
_COUNTRY_OPTIONS = frozenset({0, 1})
_STATE_OPTIONS = frozenset({0, *range(1000, 1011)})
_ANDROID, _APPLE = "a2", "i2"
_SYSTEMS = {
    _ANDROID: _ANDROID,
    _APPLE: _APPLE,
    "android": _ANDROID,
    **dict.fromkeys(("ios", "iphone os", "ipados", "watchos", "tvos"), _APPLE),
}


def _text(value: Any, name: str, notes: list[str]) -> str | None:
    return text_field(value, name, notes) or None


def _ids(value: Any, name: str, notes: list[str]) -> list[str] | None:
    texts = text_list(value, name, notes) or []
    return [text for text in texts if without_whitespace(text)] or None


def _texts(value: Any, name: str, notes: list[str]) -> list[str] | None:
    return text_list(value, name, notes) or None


def _whole(number: int | Decimal | None, name: str, notes: list[str]) -> int | Decimal | None:
    if isinstance(number, Decimal):
        if number != number.to_integral_value():
            notes.append(f"{name} left out: not a whole number")
            return None
        return int(number) if abs(number) < _EXACT_BELOW else number
    return number


def _integer(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    return _whole(number_field(value, name, notes), name, notes)


def _option(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    number = _integer(value, name, notes)
    known = _COUNTRY_OPTIONS if name.endswith("country") else _STATE_OPTIONS
    if number is None or number in known:
        return number
    notes.append(f"{name} left out: not one of Meta's")
    return None


def _currency(value: Any, name: str, notes: list[str]) -> str | None:
    text = text_field(value, name, notes)
    if not text or text in CURRENCIES:
        return text or None
    code = text.strip().upper()
    if code in CURRENCIES:
        notes.append(f"{name} put into upper case")
        return code
    notes.append(f"{name} left out: not a currency code")
    return None


def _contents(products: Any, name: str, notes: list[str]) -> list[dict[str, Any]] | None:
    """The items of `contents`, from a list of products or from one."""
    if isinstance(products, dict):
        products = [products]
    elif not isinstance(products, list):
        if products != "":
            notes.append(f"{name} left out: not a list of products")
        return None
    contents = []
    for product in products:
        if product is None or product == "":
            notes.append(f"{name}: an item without id left out")
            continue
        get = item_members(product).get
        content: dict[str, Any] = {"id": nested_text(get("product_id", UNSET), f"{name}.id", notes)}
        if not content["id"]:
            notes.append(f"{name}: an item without id left out")
            continue
        label = f"{name}.quantity"
        quantity = _whole(nested_number(get("quantity", UNSET), label, notes), label, notes)
        if quantity is not None:
            content["quantity"] = quantity
        price = nested_number(get("price", UNSET), f"{name}.item_price", notes)
        if price is not None:
            content["item_price"] = price
        contents.append(content)
    return contents or ([] if not products else None)


def _system(value: Any, name: str, notes: list[str]) -> str | None:
    text = text_field(value, name, notes)
    system = _SYSTEMS.get(text.lower()) if text else None
    if text and system is None:
        notes.append(f"{name} left out: neither iOS nor Android")
    return system


def _hash(text: str) -> str | None:
    if not text:
        return None
    return text if is_sha256_hex(text) else sha256_hex(text)


def _cleaned(text: str) -> str:
    return without_whitespace(text).lower()


def _clean_hash(text: str) -> str | None:
    return _hash(_cleaned(text))


def _phone_hash(text: str) -> str | None:
    if _CONTAINS_HASH.search(text):
        return text if is_sha256_hex(without_whitespace(text)) else None
    return _hash(_NOT_DIGIT.sub("", text))


def _gender_hash(text: str) -> str | None:
    if is_sha256_hex(without_whitespace(text)):
        return text
    gender = _cleaned(text)
    return _hash("m") if gender in _MALE else _hash("f") if gender in _FEMALE else None


def _state_hash(text: str) -> str | None:
    state = _cleaned(text)
    return _hash(STATES.get(state, state))


def _country_hash(text: str) -> str | None:
    country = _cleaned(text)
    return _hash(COUNTRIES.get(country, country))


_CLEAN = Form("lower case without white space, SHA-256", _clean_hash)
_PHONE = Form("digits, SHA-256", _phone_hash)
_GENDER = Form("m or f, SHA-256", _gender_hash)
_STATE = Form("lower case without white space, US states by their code, SHA-256", _state_hash)
_COUNTRY = Form("lower case without white space, countries by their code, SHA-256", _country_hash)


def _traits(name: str) -> tuple[Source, ...]:
    return sources(f"$.context.traits.{name}")


OPTION_FIELDS = ("data_processing_options_country", "data_processing_options_state")
COMMON = (
    Field("event_source_url", sources("$.context.page.url"), _text),
    Field("user_data.em", _traits("email"), _text, _CLEAN, strict.EMAIL),
    Field("user_data.ph", _traits("phone"), _text, _PHONE, strict.PHONE),
    Field("user_data.ge", (), _text, _GENDER, strict.GENDER),
    Field("user_data.db", _traits("birthday"), _text, _CLEAN, strict.BIRTHDAY),
    Field("user_data.ln", _traits("lastName"), _text, _CLEAN, strict.NAME),
    Field("user_data.fn", _traits("firstName"), _text, _CLEAN, strict.NAME),
    Field("user_data.ct", _traits("address.city"), _text, _CLEAN, strict.CITY),
    Field("user_data.st", _traits("address.state"), _text, _STATE, strict.STATE),
    Field("user_data.zp", _traits("address.postalCode"), _text, _CLEAN, strict.ZIP),
    Field("user_data.country", (), _text, _COUNTRY, strict.COUNTRY),
    Field(
        "user_data.external_id",
        sources("$.userId", "$.anonymousId"),
        _ids,
        _CLEAN,
        strict.EXTERNAL_ID,
    ),
    Field("user_data.client_ip_address", sources("$.context.ip"), _text),
    Field("user_data.client_user_agent", sources("$.context.userAgent"), nested_text),
    Field("user_data.fbc", sources("$.properties.fbc"), _text),
    Field("user_data.fbp", sources("$.properties.fbp"), _text),
    Field("user_data.subscription_id", (), _text),
    Field("user_data.lead_id", (), _integer),
    Field("user_data.anon_id", (), _text),
    Field("user_data.madid", (), _text),
    Field("user_data.fb_login_id", (), _integer),
    Field("user_data.partner_id", (), _text),
    Field("user_data.partner_name", (), _text),
    Field("data_processing_options", (), boolean_field, words="true: limited data use"),
    *(Field(name, (), _option) for name in OPTION_FIELDS),
)

EXTINFO = (
    ("version", None),
    ("package_name", "$.context.app.namespace"),
    ("short_version", None),
    ("long_version", "$.context.app.version"),
    ("os_version", "$.context.os.version"),
    ("device_name", "$.context.device.model"),
    ("locale", "$.context.locale"),
    ("timezone", None),
    ("carrier", "$.context.network.carrier"),
    ("width", "$.context.screen.width"),
    ("height", "$.context.screen.height"),
    ("density", "$.context.screen.density"),
    ("cpu_cores", None),
    ("storage_size", None),
    ("free_storage", None),
    ("device_timezone", "$.context.timezone"),
)
"""The parts of Meta's `extinfo`, in its order, and where Segment takes them from."""


def app_fields(*, is_app: bool) -> tuple[Field, ...]:
    """The fields of `app_data`, which app events carry, and others where `map` says so."""
    system = sources("$.context.device.type", "$.context.os.name") if is_app else ()
    return (
        Field("app_data.use_app_data", (Fixed(True),) if is_app else (), boolean_field),
        Field("app_data.advertiser_tracking_enabled", (), boolean_field, words="0 or 1"),
        Field(
            "app_data.application_tracking_enabled",
            sources("$.context.device.adTrackingEnabled"),
            boolean_field,
            words="0 or 1",
        ),
        Field("app_data.madid", sources("$.context.madId"), _text),
        Field("app_data.version", system, _system, words="i2 for Apple's systems, a2 for Android"),
        *(
            Field(f"app_data.{name}", sources(path) if path else (), _text)
            for name, path in EXTINFO[1:]
        ),
    )


def _custom(name: str, read: Read, *paths: str, words: str = "plain") -> Field:
    return Field(f"{CUSTOM_DATA}{name}", sources(*paths), read, words=words)


_CURRENCY = _custom("currency", _currency, "$.properties.currency", words="upper case")
_REVENUE = _custom("value", number_field, "$.properties.revenue")
_PRICE = _custom("value", number_field, "$.properties.price")
_NO_VALUE = _custom("value", number_field)
_PRODUCTS = _custom("contents", _contents, "$.properties.products", words="products")
_ITSELF = _custom("contents", _contents, "$.properties", words="products")
_IDS = _custom("content_ids", _texts)
_CATEGORY = _custom("content_category", _text)
_NAME = _custom("content_name", _text)
_TYPE = _custom("content_type", _text)
_NUM_ITEMS = _custom("num_items", _integer)
_NET_REVENUE = _custom("net_revenue", number_field)
_SEARCH = _custom("search_string", _text, "$.properties.query")

CUSTOM_DATA_FIELDS = {
    "Purchase": (*(_CURRENCY, _REVENUE, _NET_REVENUE, _IDS, _NAME, _TYPE, _PRODUCTS, _NUM_ITEMS),),
    "InitiateCheckout": (_CURRENCY, _REVENUE, _IDS, _PRODUCTS, _NUM_ITEMS, _CATEGORY),
    "AddToCart": (_CURRENCY, _PRICE, _IDS, _NAME, _TYPE, _ITSELF),
    "ViewContent": (
        *(_CURRENCY, _PRICE, _custom("content_ids", _texts, "$.properties.product_id")),
        *(_NAME, _TYPE, _ITSELF, _CATEGORY),
    ),
    "Search": (_CURRENCY, _NO_VALUE, _IDS, _ITSELF, _CATEGORY, _SEARCH),
}
"""The members of `custom_data`, by Meta's event name."""

ALL_CUSTOM_DATA = (
    _CURRENCY,
    replace(_REVENUE, words="plain; AddToCart, ViewContent: of price; Search: none"),
    replace(_PRODUCTS, words="products; AddToCart, ViewContent, Search: the properties"),
    replace(_IDS, words="plain; ViewContent: of product_id"),
    *(_CATEGORY, _NAME, _TYPE, _NUM_ITEMS, _NET_REVENUE, _SEARCH),
)
"""All of them, for people; an event has its own of these."""

SEGMENT_QUIRKS = (
    Quirk(
        "user_data.em",
        "all white space removed, also inside",
        "white space around it removed",
    ),
    Quirk(
        "user_data.ph",
        "leading zeros kept, as in 0044; a hash may have white space around it",
        "leading zeros removed",
    ),
    Quirk("user_data.fn, user_data.ln", "punctuation kept", "letters and digits only"),
    Quirk("user_data.ct", "punctuation and digits kept", "letters only"),
    Quirk(
        "user_data.st",
        "names of US states become codes, punctuation and digits stay",
        "letters only, then likewise",
    ),
    Quirk("user_data.zp", "dashes kept", "five digits of a US code; others without dashes"),
    Quirk(
        "user_data.country",
        "names of its list become codes; others are hashed as they are",
        "two letters, or it is not sent",
    ),
    Quirk("user_data.db", "hashed as it is written", "YYYYMMDD, or it is not sent"),
    Quirk(
        "user_data.external_id",
        "all white space removed, also inside",
        "white space around it removed",
    ),
)
