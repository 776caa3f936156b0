"""The `segment` preset for Snap: the `data[]` item that Segment would have sent.

Field by field the default mapping of Segment's Snap Conversions API destination, with its quirks,
because a backfilled event must equal its lost twin. Where they leave Snap's documentation, they
are in `SEGMENT_SNAP_QUIRKS`. Less visible ones:

* `traits` at the top of the event is read for e-mail and phone, `context.traits` for the rest;
* an absent value is left out, an empty one is sent as empty text, but for e-mail and phone;
* what already looks like 64 hex digits passes unhashed, of either case;
* products without `product_id` do not count, neither as items nor in their number;
* the event id is sent without white space around it.

What differs from Segment on purpose:

* `event_time` is in seconds, as Snap documents it; Segment sends milliseconds;
* an event that Segment refuses for a field that it cannot read, or cannot hash, is built without
  that field, and says so in `notes`; without `value` too where it is the currency, and then not at
  all as PURCHASE, which needs both;
* empty text counts as no identifier: an event that has no other is not built;
* numbers keep the digits that JavaScript loses beyond 2^53; text beyond every number, as 1e400, is
  left out, where Segment sends null.

Source: segmentio/action-destinations, snap-conversions-api (index.ts, reportConversionEvent/{
snap-capi-v3,snap-capi-input-fields-v3,utils}.ts, lib/hashing-utils.ts), action-destinations 3.497;
checked by running it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from archiver.destinations.base import Rule
from archiver.destinations.fields import Field, overridden, sources
from archiver.destinations.hashing import is_sha256_hex
from archiver.destinations.javascript import WHITESPACE, is_blank
from archiver.destinations.mapping import EventMapping
from archiver.destinations.paths import Source
from archiver.destinations.requests import BuiltEvent, Quirk, UnsendableEvent
from archiver.destinations.segment_fields import (
    boolean_field,
    item_members,
    nested_text,
    number_field,
    text_field,
    text_list,
    whole_field,
)
from archiver.destinations.segment_snap_forms import (
    AS_IT_IS,
    BIRTHDAY,
    COUNTRY,
    EMAIL,
    GENDER,
    LOWER_CASE,
    NAME,
    PHONE,
    STATE,
    STRICT_EMAIL,
    STRICT_PHONE,
    phone_digits,
)
from archiver.destinations.segment_snap_places import CURRENCIES

INTEGRATION = "Snap Conversions Api"

SEGMENT_SNAP_RULES = (
    Rule("track", "Payment Info Entered", "ADD_BILLING"),
    Rule("track", "Product Added", "ADD_CART"),
    Rule("track", "Product Added to Wishlist", "ADD_TO_WISHLIST"),
    Rule("track", "Application Installed", "APP_INSTALL"),
    Rule("track", "Product List Viewed", "LIST_VIEW"),
    Rule("track", "Application Opened", "APP_OPEN"),
    Rule("track", "Signed In", "LOGIN"),
    Rule("page", None, "PAGE_VIEW"),
    Rule("track", "Order Completed", "PURCHASE"),
    Rule("track", "Products Searched", "SEARCH"),
    Rule("track", "Product Shared", "SHARE"),
    Rule("track", "Signed Up", "SIGN_UP"),
    Rule("track", "Checkout Started", "START_CHECKOUT"),
    Rule("track", "Product Viewed", "VIEW_CONTENT"),
)

_ACTION_SOURCES = {"web": "website", "app": "app", "offline": "OFFLINE"}
_PURCHASE = "PURCHASE"
_NO_PERSON = (
    "has neither e-mail, phone nor advertising id, nor IP address and user agent together: Snap "
    "refuses it"
)

_encoder = msgspec.json.Encoder(decimal_format="number")


class SegmentSnapEvents:
    """Builds the `data[]` items of Snap as Segment does.

    Args:
        event_source: `web`, `app` or `offline`.
        strict: follow Snap's documentation where Segment departs from it.
        overrides: other sources of fields, by name.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(
        self, *, event_source: str, strict: bool, overrides: Mapping[str, tuple[Source, ...]]
    ) -> None:
        known = (*_FIELDS, *_APP_FIELDS) if event_source == "app" else _FIELDS
        fields = overridden(known, overrides)
        self.fields = tuple(
            field.info(strict=strict, is_overridden=field not in known) for field in fields
        )
        self._mapping = EventMapping(fields, strict=strict)
        self._action_source = _ACTION_SOURCES[event_source]
        self._strict = strict

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one item (see `Requests.build_event`)."""
        notes: list[str] = []
        found = self._mapping.apply(payload, notes)
        event: dict[str, Any] = {
            "integration": "segment",
            "event_id": event_id,
            "event_name": destination_event,
            "event_time": event_time_us // 1_000_000,
            "action_source": self._action_source,
            "user_data": _user(found.pop("user_data", {})),
        }
        custom = _custom(found.pop("custom_data", {}), destination_event, notes)
        if self._strict and destination_event == _PURCHASE:
            for name in ("value", "currency"):
                if name not in custom:
                    raise UnsendableEvent(f"is a PURCHASE without {name}")
        if custom:
            event["custom_data"] = custom
        if self._action_source == "app":
            event["app_data"] = _app(found.pop("app_data", {}), found.pop("app_data.extinfo", {}))
        if found.pop("data_processing_options", False):
            event["data_processing_options"] = ["LDU"]
        event |= found
        return BuiltEvent(_encoder.encode(event), notes=tuple(dict.fromkeys(notes)))


def _user(user: dict[str, Any]) -> dict[str, Any]:
    for name in ("em", "ph"):
        if user.get(name):
            user[name] = [user[name]]
        else:
            user.pop(name, None)
    has_device = user.get("client_ip_address") and user.get("client_user_agent")
    if not ("em" in user or "ph" in user or user.get("madid") or has_device):
        raise UnsendableEvent(_NO_PERSON)
    return user


def _custom(custom: dict[str, Any], destination_event: str, notes: list[str]) -> dict[str, Any]:
    products = custom.pop("content_ids", None)
    if products is not None:
        custom["content_ids"] = [product_id for product_id, _, _ in products]
        custom["content_category"] = [category for _, category, _ in products]
        custom["brands"] = [brand for _, _, brand in products]
        custom.setdefault("num_items", len(products))
    if "currency" in custom and custom["currency"] not in CURRENCIES:
        if destination_event == _PURCHASE:
            raise UnsendableEvent("is a PURCHASE in no currency that Snap takes")
        del custom["currency"]
        notes.append("custom_data.currency left out: not one of Snap's")
        if custom.pop("value", None) is not None:
            notes.append("custom_data.value left out: it has no currency")
    return custom


def _app(app: dict[str, Any], info: dict[str, str]) -> dict[str, Any]:
    app["advertiser_tracking_enabled"] = int(app.get("advertiser_tracking_enabled", False))
    app["application_tracking_enabled"] = int(app.get("application_tracking_enabled", False))
    app_id = app.get("app_id", "")
    is_ios = app_id.isascii() and app_id.isdigit()
    info.setdefault("version", "i2" if is_ios else "a2")
    app["extinfo"] = [info.get(name, "") for name in _EXTINFO]
    return app


def _products(products: Any, name: str, notes: list[str]) -> list[tuple[str, str, str]] | None:
    """Id, category and brand of each product that has an id."""
    if isinstance(products, dict):
        products = [products]
    elif not isinstance(products, list):
        if products != "":
            notes.append(f"{name} left out: not a list of products")
        return None
    found = []
    for product in products:
        get = item_members(product).get
        product_id = nested_text(get("product_id", UNSET), "product_id", notes)
        if product_id is not None:
            category = nested_text(get("category", UNSET), "category", notes)
            brand = nested_text(get("brand", UNSET), "brand", notes)
            found.append((product_id, category or "", brand or ""))
    return found


def _trimmed(value: Any, name: str, notes: list[str]) -> str | None:
    text = nested_text(value, name, notes)
    return text.strip(WHITESPACE) or None if text else None


def _phone_number(value: Any, name: str, notes: list[str]) -> str | None:
    text = nested_text(value, name, notes)
    if text and not is_blank(text) and not phone_digits(text) and not is_sha256_hex(text):
        notes.append(f"{name} left out: no digits")
        return None
    return text


def _currency(value: Any, name: str, notes: list[str]) -> str | None:
    """Empty text, which is no currency, where it cannot be read."""
    if nested_text(value, name, []) is None:
        return ""
    text = _trimmed(value, name, notes)
    return text.upper() if text else None


def _trait(name: str) -> tuple[Source, ...]:
    return sources(f"$.context.traits.{name}", f"$.properties.{name}")


def _person(name: str) -> tuple[Source, ...]:
    return sources(f"$.properties.{name}", f"$.traits.{name}")


_FIELDS = (
    Field("event_source_url", sources("$.context.page.url"), text_field),
    Field("user_data.em", _person("email"), nested_text, EMAIL, STRICT_EMAIL),
    Field("user_data.ph", _person("phone"), _phone_number, PHONE, STRICT_PHONE),
    Field("user_data.external_id", sources("$.userId", "$.anonymousId"), text_list, NAME),
    Field("user_data.fn", _trait("first_name"), nested_text, NAME),
    Field("user_data.ln", _trait("last_name"), nested_text, NAME),
    Field("user_data.ge", _trait("gender"), nested_text, GENDER),
    Field("user_data.db", _trait("birthday"), nested_text, AS_IT_IS, BIRTHDAY),
    Field("user_data.ct", _trait("address.city"), nested_text, NAME),
    Field("user_data.st", _trait("address.state"), nested_text, STATE),
    Field("user_data.zp", _trait("address.postalCode"), nested_text, NAME),
    Field("user_data.country", _trait("address.country"), nested_text, COUNTRY),
    Field("user_data.client_ip_address", sources("$.context.ip"), nested_text),
    Field("user_data.client_user_agent", sources("$.context.userAgent"), nested_text),
    Field("user_data.idfv", sources("$.context.device.id"), nested_text),
    Field("user_data.madid", sources("$.context.device.advertisingId"), nested_text, LOWER_CASE),
    Field(
        "user_data.sc_click_id", sources(f"$.integrations['{INTEGRATION}'].click_id"), nested_text
    ),
    Field("user_data.sc_cookie1", sources(f"$.integrations['{INTEGRATION}'].uuid_c1"), nested_text),
    Field("user_data.lead_id", (), whole_field),
    Field("user_data.subscription_id", (), nested_text),
    Field("custom_data.value", sources("$.properties.revenue", "$.properties.total"), number_field),
    Field(
        "custom_data.currency",
        sources("$.properties.currency"),
        _currency,
        words="trimmed, upper case",
    ),
    Field("custom_data.num_items", sources("$.properties.quantity"), whole_field),
    Field("custom_data.order_id", sources("$.properties.order_id"), _trimmed, words="trimmed"),
    Field("custom_data.search_string", sources("$.properties.query"), _trimmed, words="trimmed"),
    Field("custom_data.sign_up_method", (), _trimmed, words="trimmed"),
    Field(
        "custom_data.content_ids",
        sources("$.properties.products"),
        _products,
        words="products: content_ids, content_category, brands, and num_items where it has none",
    ),
    Field("data_processing_options", (), boolean_field, words="LDU where true"),
    Field("data_processing_options_country", (), number_field),
    Field("data_processing_options_state", (), number_field),
)

_EXTINFO_SOURCES: dict[str, tuple[Source, ...]] = {
    "version": (),
    "package_name": sources("$.context.app.namespace"),
    "short_version": (),
    "long_version": sources("$.context.app.version"),
    "os_version": sources("$.context.os.version"),
    "device_name": sources("$.context.device.model"),
    "locale": sources("$.context.locale"),
    "timezone": (),
    "carrier": sources("$.context.network.carrier"),
    "width": sources("$.context.screen.width"),
    "height": sources("$.context.screen.height"),
    "density": sources("$.context.screen.density"),
    "cpu_cores": (),
    "storage_size": (),
    "free_storage": (),
    "device_timezone": sources("$.context.timezone"),
}
_EXTINFO = tuple(_EXTINFO_SOURCES)
_APP_FIELDS = (
    Field("app_data.app_id", (), _trimmed, words="trimmed"),
    Field("app_data.advertiser_tracking_enabled", (), boolean_field, words="1 or 0"),
    Field(
        "app_data.application_tracking_enabled",
        sources("$.context.device.adTrackingEnabled"),
        boolean_field,
        words="1 or 0",
    ),
    *(
        Field(f"app_data.extinfo.{name}", found, nested_text)
        for name, found in _EXTINFO_SOURCES.items()
    ),
)

SEGMENT_SNAP_QUIRKS = (
    Quirk("user_data.em", "lower-cased, all white space removed", "trimmed and lower-cased"),
    Quirk(
        "user_data.em, user_data.ph, user_data.db",
        "a hash is sent in the case that it has",
        "a hash is sent in lower case",
    ),
    Quirk(
        "user_data.ph",
        "zeros behind a + are kept: +0044 is sent as 0044",
        "digits with country code, no leading zero",
    ),
    Quirk(
        "user_data.db",
        "hashed as it is written",
        "YYYYMMDD; what is no such date is not sent (Segment's own text on the field)",
    ),
    Quirk(
        "custom_data.value, custom_data.currency",
        "a PURCHASE without them is sent",
        "both are needed: it is left out",
    ),
)
