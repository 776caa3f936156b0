"""The `rudderstack` preset for TikTok: the `data[]` items of RudderStack's TikTok Ads, Events 2.0.

What its transformer does on its own, besides reading fields from the table below:

* values are hashed (its option `hashUserProperties`, on by default; where an account has it off,
  the events hold hashes already, and those are passed as they are);
* contents are `properties.contents` as they are, else made of `properties.products`; from them come
  `contents_ids` and `num_items`;
* `content_type` is `product` by default for AddToCart, CompletePayment, PlaceAnOrder, ViewContent;
* `value` is `properties.value` alone, never the revenue;
* the event source is that of `properties.eventSource` or `event_source`, where that is one of
  TikTok's, else web; the pixel code stays.

An event with `properties.testEventCode` went to TikTok's test page: it is unsendable. What cannot
be read is left out and noted. Device ids of app events (`idfa`, `gaid`, `idfv`) are not known to
this preset, nor is what is sent by the legacy API, as from TikTok Ads Offline Events.

Source: rudderlabs/rudder-transformer, src/v0/destinations/tiktok_ads: transformV2.js, util.js,
config.js (high), README.md and docs/businesslogic.md for names and address (medium), read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.destinations.base import Rule
from archiver.destinations.fields import Field, Form, Read, overridden, sources
from archiver.destinations.hashing import is_sha256_hex, sha256_hex
from archiver.destinations.javascript import WHITESPACE
from archiver.destinations.mapping import EventMapping
from archiver.destinations.paths import Source
from archiver.destinations.requests import BuiltEvent, Quirk, UnsendableEvent
from archiver.destinations.rudderstack_fields import (
    EMAIL,
    FIRST_NAME,
    IP,
    LAST_NAME,
    PHONE,
    ZIP_CODE,
    as_it_is,
    as_text,
    as_texts,
    external_id,
    is_sendable,
    scalar,
)
from archiver.destinations.segment_tiktok_fields import E164

# The hub lower-cases and trims the event's name before it looks it up; what its map does not
# have goes out only where the user switched custom events on, or mapped it in the dashboard.
# Source: rudderlabs/rudder-transformer, tiktok_ads/config.js (eventNameMapping), transformV2.js.
_NOT_OFFLINE = frozenset({"web", "app", "crm"})
_OFFLINE = frozenset({"offline"})
RUDDERSTACK_RULES = tuple(
    Rule("track", event, name, is_folded=True, event_sources=_NOT_OFFLINE)
    for event, name in (
        ("Order Completed", "PlaceAnOrder"),
        ("Checkout Step Completed", "CompletePayment"),
        ("Checkout Started", "InitiateCheckout"),
        ("Payment Info Entered", "AddPaymentInfo"),
        ("Product Added", "AddToCart"),
        ("Product Added to Wishlist", "AddToWishlist"),
        ("Application Approval", "ApplicationApproval"),
        ("Submit Application", "SubmitApplication"),
        ("Start Trial", "StartTrial"),
        ("ViewContent", "ViewContent"),
        ("ClickButton", "ClickButton"),
        ("Search", "Search"),
        ("Contact", "Contact"),
        ("Download", "Download"),
        ("SubmitForm", "SubmitForm"),
        ("CompleteRegistration", "CompleteRegistration"),
        ("Subscribe", "Subscribe"),
        ("Purchase", "Purchase"),
        ("Lead", "Lead"),
        ("CustomizeProduct", "CustomizeProduct"),
        ("FindLocation", "FindLocation"),
        ("Schedule", "Schedule"),
    )
) + tuple(
    Rule("track", event, name, is_folded=True, event_sources=_OFFLINE)
    for event, name in (
        ("Checkout Step Completed", "CompletePayment"),
        ("Contact", "Contact"),
        ("SubmitForm", "SubmitForm"),
        ("Subscribe", "Subscribe"),
    )
)

RUDDERSTACK_QUIRKS = (
    Quirk("user.phone", "trimmed, else as it is, before it is hashed", "in the form of E.164"),
    Quirk(
        "properties.contents_ids, properties.num_items",
        "the contents' ids under a misspelt name, and how many ids there are",
        "no content_ids beside contents; items, not products, are counted: neither is sent",
    ),
    Quirk(
        "properties.contents",
        'a product without an id has the content_id "undefined"',
        "no content_id",
    ),
)

_EVENT_SOURCES = ("web", "app", "offline", "crm")
_WITH_CONTENT_TYPE = frozenset({"AddToCart", "CompletePayment", "PlaceAnOrder", "ViewContent"})
_CONTENT_FIELDS = (
    ("content_category", "category"),
    ("content_name", "name"),
    ("price", "price"),
    ("quantity", "quantity"),
    ("description", "description"),
    ("brand", "brand"),
)
_encoder = msgspec.json.Encoder(decimal_format="number")


class RudderStackEvents:
    """Builds the `data[]` items of TikTok as RudderStack does.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(self, *, strict: bool, overrides: Mapping[str, tuple[Source, ...]]) -> None:
        self._strict = strict
        fields = overridden(_FIELDS, overrides)
        self.fields = tuple(
            field.info(strict=strict, is_overridden=field not in _FIELDS) for field in fields
        )
        self._mapping = EventMapping((*fields, *_HINTS), strict=strict)

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one item (see `Requests.build_event`); the root is a source other than web."""
        notes: list[str] = []
        event: dict[str, Any] = {
            "event_id": event_id,
            "event_time": event_time_us // 1_000_000,
        }
        event |= self._mapping.apply(payload, notes)
        hints = event.pop("hints", {})
        if "test_event_code" in hints:
            raise UnsendableEvent("is a test event: it has a properties.testEventCode")
        properties = event.setdefault("properties", {})
        contents = properties.get("contents")
        if contents is None and "products" in hints:
            contents = properties["contents"] = self._contents(hints["products"], notes)
        if contents and not self._strict:
            ids = [c["content_id"] for c in contents if isinstance(c, dict) and c.get("content_id")]
            if ids:
                properties["contents_ids"] = ids
                properties["num_items"] = len(ids)
        if destination_event in _WITH_CONTENT_TYPE:
            properties.setdefault("content_type", "product")
        if not properties:
            del event["properties"]
        if "url" not in event.get("page", {}):
            notes.append("page.url is missing: RudderStack may have refused the event")
        event["event"] = destination_event
        source = next(
            (hints[key] for key in ("source", "source_2") if hints.get(key) in _EVENT_SOURCES),
            "web",
        )
        root = b"" if source == "web" else source.encode()
        return BuiltEvent(_encoder.encode(event), root, tuple(dict.fromkeys(notes)))

    def _contents(self, products: Any, notes: list[str]) -> list[dict[str, Any]]:
        contents = []
        for product in products if isinstance(products, list) else ():
            if not isinstance(product, dict):
                notes.append("contents: a product is left out, which is no object")
                continue
            content: dict[str, Any] = {}
            content_id = product.get("product_id")
            if content_id is None:
                if not self._strict:
                    content["content_id"] = "null" if "product_id" in product else "undefined"
            elif (text := as_text(content_id, "product_id", notes)) is not None:
                content["content_id"] = text
            for sent, key in _CONTENT_FIELDS:
                value = product.get(key)
                if value is not None and is_sendable(value):
                    content[sent] = value
            contents.append(content)
        return contents


def _contents_as_they_are(value: Any, name: str, notes: list[str]) -> list[Any] | None:
    found = as_it_is(value, name, notes)
    return found if found is None or isinstance(found, list) else [found]


def _trimmed(text: str) -> str | None:
    text = text.strip(WHITESPACE)
    return (text if is_sha256_hex(text) else sha256_hex(text)) if text else None


def _lower_trimmed(text: str) -> str | None:
    return _trimmed(text.lower())


def _zip_code(text: str) -> str | None:
    return _trimmed(text.replace(" ", "").replace("-", ""))


_TRIMMED = Form("trimmed, SHA-256", _trimmed)
_LOWER = Form("trimmed, lower case, SHA-256", _lower_trimmed)
_ZIP = Form("without spaces and dashes, SHA-256", _zip_code)


def _field(
    name: str,
    paths: tuple[Source, ...],
    read: Read,
    form: Form | None = None,
    strict_form: Form | None = None,
    words: str = "plain",
) -> Field:
    return Field(name, paths, read, form, strict_form, skips_empty=True, words=words)


def _property(name: str, *keys: str, text: bool = False) -> Field:
    paths = sources(*(f"$.properties.{key}" for key in keys or (name,)))
    return _field(f"properties.{name}", paths, as_text if text else scalar)


_FIELDS = (
    _field("limited_data_use", sources("$.properties.limited_data_use"), scalar),
    _field(
        "properties.contents",
        sources("$.properties.contents"),
        _contents_as_they_are,
        words="as it is; else made of properties.products",
    ),
    _property("content_type", "contentType", "content_type"),
    _property("shop_id", "shop_id", "shopId", text=True),
    _property("order_id", "order_id", "orderId", text=True),
    _property("currency"),
    _property("value"),
    _property("description"),
    _property("query"),
    _field("page.url", sources("$.properties.url", "$.context.page.url"), scalar),
    _field("page.referrer", sources("$.properties.referrer", "$.context.page.referrer"), scalar),
    _field("user.locale", sources("$.context.locale"), scalar),
    _field("user.ttclid", sources("$.properties.ttclid"), scalar),
    _field("user.ttp", sources("$.properties.ttp"), scalar),
    _field("user.email", (*sources("$.context.user.email"), *EMAIL), as_text, _LOWER),
    _field("user.phone", PHONE, as_texts, _TRIMMED, E164),
    _field(
        "user.external_id",
        sources("$.context.externalId"),
        external_id("tiktokExternalId"),
        _TRIMMED,
        words="the id of the entry of type tiktokExternalId",
    ),
    _field("user.first_name", FIRST_NAME, as_text, _LOWER),
    _field("user.last_name", LAST_NAME, as_text, _LOWER),
    _field("user.city", sources("$.context.traits.city"), scalar),
    _field("user.state", sources("$.context.traits.state"), scalar),
    _field("user.country", sources("$.context.traits.country"), scalar),
    _field("user.zip_code", ZIP_CODE, as_text, _ZIP),
    _field("user.ip", IP, scalar),
    _field("user.user_agent", sources("$.context.userAgent"), scalar),
)
_HINTS = (
    _field("hints.products", sources("$.properties.products"), as_it_is),
    _field("hints.test_event_code", sources("$.properties.testEventCode"), as_it_is),
    _field("hints.source", sources("$.properties.eventSource"), as_it_is),
    _field("hints.source_2", sources("$.properties.event_source"), as_it_is),
)
