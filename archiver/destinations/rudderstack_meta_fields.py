"""The fields of RudderStack's Facebook Conversions: their sources, how they are read, their forms.

Source: rudderlabs/rudder-transformer, src/v0/destinations/facebook_conversions/data/*.json and
utils.js, src/v0/util (numberForRevenue, getFbGenderVal), read 2026-11; see `rudderstack_meta`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from archiver.destinations import meta_forms as strict_forms
from archiver.destinations.fields import Field, Form, Read, sources
from archiver.destinations.hashing import sha256_hex
from archiver.destinations.javascript import WHITESPACE, is_blank, is_finite, text_number
from archiver.destinations.meta_fields import CUSTOM_DATA
from archiver.destinations.requests import Quirk
from archiver.destinations.rudderstack_fields import IP, as_it_is, as_text, is_sendable, scalar

_GENDERS = {"f": "f", "female": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}
_SYSTEMS = {"android": "a2", **dict.fromkeys(("ios", "watchos", "ipados", "tvos"), "i2")}
_CENT = Decimal("0.01")
_NOT_ROUNDED_FROM = 10**21
_INTEGRATIONS = (
    *("fb_conversions", "fb conversions", "FacebookConversions", "Facebook Conversions"),
    *("FB Conversions", "Facebook_Conversions"),
)


def _revenue(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """A number, or its text after an optional `$`, rounded to cents as JavaScript does it."""
    number = text_number(value.removeprefix("$")) if isinstance(value, str) else value
    if not isinstance(number, int | Decimal) or not is_finite(number):
        notes.append(f"{name} left out: not a number")
        return None
    if not -_NOT_ROUNDED_FROM < number < _NOT_ROUNDED_FROM:
        return number
    rounded = Decimal(float(number)).quantize(_CENT, ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else rounded.normalize()


def _currency(value: Any, name: str, notes: list[str]) -> Any:
    """As it is, and empty text too: only where it is absent does RudderStack assume dollars."""
    return "" if value == "" else as_it_is(value, name, notes)


def _category(value: Any, name: str, notes: list[str]) -> Any:
    if isinstance(value, list):
        texts = [as_text(item, name, notes) for item in value]
        return ",".join(text for text in texts if text) or None
    return value if value is False or value == 0 else as_text(value, name, notes)


def _system(value: Any, name: str, notes: list[str]) -> str | None:
    system = _SYSTEMS.get(value.lower()) if isinstance(value, str) else None
    if system is None:
        notes.append(f"{name} left out: neither android nor one of Apple's")
    return system


def _properties(value: Any, name: str, notes: list[str]) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    return {key: found for key, found in value.items() if is_sendable(found)}


def _list(value: Any, name: str, notes: list[str]) -> list[Any] | None:
    return value if isinstance(value, list) and is_sendable(value) else None


def _hash(normalise: Callable[[str], str] = str) -> Callable[[str], str | None]:
    def apply(text: str) -> str | None:
        normal = normalise(text)
        return None if is_blank(normal) else sha256_hex(normal)

    return apply


def _gender(text: str) -> str:
    return _GENDERS.get(text.lower(), "")


_AS_IT_IS = Form("as it is, SHA-256", _hash())
_LOWER = Form("lower case, SHA-256", _hash(str.lower))
_TRIMMED = Form("trimmed, lower case, SHA-256", _hash(lambda t: t.strip(WHITESPACE).lower()))
_GENDER = Form("m or f, SHA-256", _hash(_gender))


def name_hash(word: str, *, strict: bool) -> str | None:
    """One word of a full name; RudderStack hashes it as it is."""
    return (strict_forms.NAME if strict else _AS_IT_IS).apply(word)


def _field(name: str, read: Read, *paths: str, words: str = "plain") -> Field:
    return Field(name, sources(*paths), read, skips_empty=True, words=words)


def _personal(name: str, form: Form, strict_form: Form, *paths: str) -> Field:
    return Field(f"user_data.{name}", sources(*paths), as_text, form, strict_form, skips_empty=True)


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"$.{part}.{name}" for part in ("traits", "context.traits") for name in names)


USER_DATA = (
    _personal(
        "external_id",
        _AS_IT_IS,
        strict_forms.EXTERNAL_ID,
        *("$.userId", *_both("userId", "id"), "$.anonymousId"),
    ),
    _personal("em", _TRIMMED, strict_forms.EMAIL, *_both("email")),
    _personal("ph", _AS_IT_IS, strict_forms.PHONE, *_both("phone")),
    _personal("ge", _GENDER, strict_forms.GENDER, *_both("gender")),
    _personal("db", _AS_IT_IS, strict_forms.BIRTHDAY, *_both("birthday")),
    _personal("ln", _TRIMMED, strict_forms.NAME, *_both("lastname", "lastName", "last_name")),
    _personal("fn", _TRIMMED, strict_forms.NAME, *_both("firstname", "firstName", "first_name")),
    _personal("ct", _LOWER, strict_forms.CITY, *_both("address.city"), "$.context.geo.city"),
    _personal("st", _LOWER, strict_forms.STATE, *_both("address.state"), "$.context.geo.region"),
    _personal(
        "zp",
        _LOWER,
        strict_forms.ZIP,
        *(*_both("address.zip"), *_both("address.postalCode"), "$.context.geo.postal"),
    ),
    _personal(
        "country", _LOWER, strict_forms.COUNTRY, *_both("address.country"), "$.context.geo.country"
    ),
    Field("user_data.client_ip_address", IP, scalar, skips_empty=True),
    _field("user_data.client_user_agent", scalar, "$.context.userAgent"),
    _field("user_data.fbc", scalar, "$.context.fbc", "$.properties.fbc"),
    _field("user_data.fbp", scalar, "$.context.fbp", "$.properties.fbp"),
    _field("user_data.subscription_id", scalar, "$.context.subscription_id"),
    _field("user_data.lead_id", scalar, "$.context.lead_id"),
    _field("user_data.fb_login_id", scalar, "$.context.fb_login_id"),
    _field("user_data.madid", scalar, "$.context.device.advertisingId"),
    _field("user_data.anon_id", scalar, "$.properties.anon_id", "$.context.device.advertisingId"),
)

TOP = (
    _field("event_source_url", scalar, "$.context.page.url", "$.properties.url"),
    _field("opt_out", scalar, *_both("opt_out"), "$.properties.opt_out"),
    _field(
        "action_source",
        scalar,
        *_both("action_source"),
        "$.properties.action_source",
        words="plain; else by event_source",
    ),
    _field(
        "data_processing_options",
        _list,
        "$.context.dataProcessingOptions",
        words="options, country and state, each into its field",
    ),
)

EXTINFO = (
    ("package_name", "$.context.app.namespace"),
    ("short_version", "$.context.app.build"),
    ("long_version", "$.context.app.version"),
    ("os_version", "$.context.os.version"),
    ("device_name", "$.context.device.model"),
    ("locale", "$.context.locale"),
    ("timezone", "$.context.abv_timezone"),
    ("carrier", "$.context.network.carrier"),
    ("width", "$.context.screen.width"),
    ("height", "$.context.screen.height"),
    ("density", "$.context.screen.density"),
    ("cpu_cores", "$.context.cpu_cores"),
    ("storage_size", "$.context.ext_storage_size"),
    ("free_storage", "$.context.avl_storage_size"),
    ("device_timezone", "$.context.timezone"),
)
"""The parts of Meta's `extinfo` after its version, in its order."""

APP_MEMBERS = (
    ("advertiser_tracking_enabled", ("$.context.device.adTrackingEnabled",)),
    ("application_tracking_enabled", ("$.properties.application_tracking_enabled",)),
    ("anon_id", tuple(f"$.integrations['{name}'].installId" for name in _INTEGRATIONS)),
    (
        "campaign_ids",
        ("$.properties.campaignId", "$.context.traits.campaignId", "$.context.campaign.name"),
    ),
    ("install_referrer", ("$.properties.install_referrer",)),
    ("installer_package", ("$.properties.installer_package",)),
    ("url_schemes", ("$.properties.url_schemes",)),
    ("windows_attribution_id", ("$.properties.windows_attribution_id",)),
)
"""The members of `app_data` besides `extinfo`, of app events alone."""

APP_DATA = (
    *(_field(f"app_data.{name}", as_it_is, *paths) for name, paths in APP_MEMBERS),
    _field(
        "app_data.version",
        _system,
        "$.context.device.type",
        words="i2 for Apple's systems, a2 for Android",
    ),
    *(_field(f"app_data.{name}", scalar, path) for name, path in EXTINFO),
)

_VALUE = _field(
    f"{CUSTOM_DATA}value",
    _revenue,
    *(f"$.properties.{name}" for name in ("revenue", "value", "price", "total")),
    words="a number of two decimals",
)
_CURRENCY = Field(
    f"{CUSTOM_DATA}currency", sources("$.properties.currency"), _currency, words="plain, else USD"
)
_CONTENT_CATEGORY = _field(f"{CUSTOM_DATA}content_category", _category, "$.properties.category")
_CONTENT_NAME = _field(
    f"{CUSTOM_DATA}content_name",
    as_it_is,
    *("$.properties.content_name", "$.properties.contentName"),
    words="plain; of a single product its name",
)
_PRODUCT_NAME = _field(
    f"{CUSTOM_DATA}content_name", as_it_is, "$.properties.name", "$.properties.product_name"
)
_SEARCH = _field(f"{CUSTOM_DATA}search_string", scalar, "$.properties.query")
_CONTENT_TYPE = Field(f"{CUSTOM_DATA}content_type", (), as_it_is)

SIMPLE = ""
"""The category of events that are sent under their own name."""

_SIMPLE = (_VALUE, _CURRENCY)
_WITH_CONTENTS = (*_SIMPLE, _CONTENT_CATEGORY, _CONTENT_TYPE)
CATEGORIES: dict[str, tuple[Field, ...]] = {
    SIMPLE: _SIMPLE,
    "order completed": (*_WITH_CONTENTS, _CONTENT_NAME),
    "checkout started": _WITH_CONTENTS,
    "product list viewed": (*_WITH_CONTENTS, _CONTENT_NAME),
    "product viewed": (*_WITH_CONTENTS, _PRODUCT_NAME),
    "product added": (*_WITH_CONTENTS, _PRODUCT_NAME),
    "product added to wishlist": (*_WITH_CONTENTS, _PRODUCT_NAME),
    "payment info entered": _WITH_CONTENTS,
    "products searched": (*_WITH_CONTENTS, _SEARCH),
}
"""The fields of `custom_data`, by the inbound event's name in lower case."""

ALL_CUSTOM_DATA = (*_WITH_CONTENTS, _CONTENT_NAME, _SEARCH)
"""All of them, for people; an event has its own of these."""

ORDERS = frozenset({"order completed", "checkout started"})
LIST = "product list viewed"
WITHOUT_CONTENT_TYPE = frozenset({"payment info entered", "product added to wishlist"})

EVENT_NAMES = {
    "order completed": "Purchase",
    "checkout started": "InitiateCheckout",
    LIST: "ViewContent",
    "product viewed": "ViewContent",
    "product added": "AddToCart",
    "product added to wishlist": "AddToWishlist",
    "payment info entered": "AddPaymentInfo",
    "products searched": "Search",
}
"""Meta's name of each category."""

HINTS = (
    Field("hints.properties", sources("$.properties"), _properties),
    Field("hints.event", sources("$.event"), as_text),
    Field("hints.type", sources("$.type"), as_text),
    _field("hints.name", as_text, *_both("name")),
    _field("hints.url", as_text, "$.context.page.url"),
    _field("hints.hashed", as_it_is, *(f"$.integrations['{n}'].hashed" for n in _INTEGRATIONS)),
    _field(
        "hints.content_type",
        as_it_is,
        *(f"$.integrations['{n}'].contentType" for n in _INTEGRATIONS),
    ),
)
"""What is not sent, but decides what is."""

RUDDERSTACK_QUIRKS = (
    Quirk(
        "user_data",
        "what is hashed already is hashed again, unless `integrations` says that it is",
        "sent as it is",
    ),
    Quirk("user_data.ph", "hashed as it is written", "digits without leading zeros"),
    Quirk("user_data.db", "hashed as it is written", "YYYYMMDD, or it is not sent"),
    Quirk(
        "user_data.external_id",
        "hashed as it is written",
        "white space around it removed, lower case",
    ),
    Quirk(
        "user_data.fn, user_data.ln",
        "inner white space and punctuation kept; of a full name, capitals too",
        "lower case, letters and digits only",
    ),
    Quirk(
        "user_data.ct, user_data.st, user_data.zp, user_data.country",
        "only put into lower case",
        "letters only; two-letter codes of US states and countries; five digits of a US code",
    ),
    Quirk("custom_data.currency", "USD where the event names none", "not sent"),
    Quirk("custom_data.content_ids", "one product's id as a text", "a list"),
    Quirk("data_processing_options", "as the event has them", "a list"),
)
