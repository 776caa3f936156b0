"""The `segment` preset for GA4: the event that Segment would have sent, and the root around it.

Action by action the default mapping of Segment's Google Analytics 4 Cloud destination, with its
quirks, because a backfilled event must equal its lost twin:

* `client_id` is the user id, else the anonymous id, not the id of the browser's tag, unless the
  mapping says otherwise; `user_id` and consent are not sent unless `map` names a source;
* `engagement_time_msec` is always 1;
* amounts come from `properties.total` in purchase and refund, from `properties.value` elsewhere;
* products are items of `properties.products`, or `properties` itself is the one product;
* a null price or quantity in a product is sent as 0, a null name as empty text;
* a name outside the presets is sent as the generic action does: white space becomes `_`, and there
  are no parameters.

Segment's defaults also send each track event by its own name and as generate_lead; these two are no
twins of the named action and in no rule here.

What differs from Segment on purpose: an event that Segment refuses for a field that it cannot read
is built without that field, and says so in `notes`; without `value` too where it is the currency.
A parameter that both Segment and Google's reference require is never left out: the event is
unsendable. Times are Segment's, in whole milliseconds, but for numbers and for texts that are no
ISO 8601. Numbers keep the digits that JavaScript loses beyond 2^53; text beyond every number, as
1e400, is left out, where Segment sends null. An empty user id lets the anonymous id count.

Source: segmentio/action-destinations, google-analytics-4 (each action's index.ts,
ga4-{properties,functions}.ts), action-destinations 3.497; checked by running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from archiver.destinations.base import Rule
from archiver.destinations.fields import Field, Form, Read, overridden, own_overrides, sources
from archiver.destinations.javascript import WHITESPACE
from archiver.destinations.mapping import EventMapping
from archiver.destinations.paths import Fixed, Source
from archiver.destinations.requests import BuiltEvent, FieldInfo, Quirk, UnsendableEvent
from archiver.destinations.segment_currencies import CURRENCIES
from archiver.destinations.segment_fields import (
    item_members,
    nested_number,
    nested_text,
    nested_whole,
    number_field,
    text_field,
)

INTEGRATION = "Google Analytics 4 Cloud"

SEGMENT_GA4_RULES = (
    Rule("track", "Order Completed", "purchase"),
    Rule("track", "Product Added", "add_to_cart"),
    Rule("page", None, "page_view"),
    Rule("track", "Product Clicked", "select_item"),
    Rule("track", "Checkout Started", "begin_checkout"),
    Rule("track", "Promotion Clicked", "select_promotion"),
    Rule("track", "Product Viewed", "view_item"),
    Rule("track", "Product Removed", "remove_from_cart"),
    Rule("track", "Cart Viewed", "view_cart"),
    Rule("track", "Products Searched", "search"),
    Rule("track", "Product List Viewed", "view_item_list"),
    Rule("track", "Signed Up", "sign_up"),
    Rule("track", "Promotion Viewed", "view_promotion"),
    Rule("track", "Payment Info Entered", "add_payment_info"),
    Rule("track", "Order Refunded", "refund"),
    Rule("track", "Signed In", "login"),
    Rule("track", "Product Added to Wishlist", "add_to_wishlist"),
)

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class _Action:
    """The parameters of one of Segment's actions.

    Attributes:
        params: the fields.
        required: those without which neither Segment nor Google's reference has the event.
        currency: whether it must be there: never, with an amount, or always.
        items: whether its list of products must not be empty.
    """

    params: tuple[Field, ...] = ()
    required: tuple[str, ...] = ()
    currency: Literal["free", "with value", "always"] = "free"
    needs_product: bool = False


class SegmentGa4Events:
    """Builds GA4's events as Segment does.

    Args:
        event_source: `web` or `app`.
        strict: follow Google's documentation where Segment departs from it.
        overrides: other sources of fields, by name.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(
        self, *, event_source: str, strict: bool, overrides: Mapping[str, tuple[Source, ...]]
    ) -> None:
        root = (_APP_INSTANCE_ID if event_source == "app" else _CLIENT_ID, *_ROOT)
        tables = {name: (*root, *action.params, _ENGAGEMENT) for name, action in _ACTIONS.items()}
        known = {field.name: field for table in tables.values() for field in table}
        fields = overridden(tuple(known.values()), overrides)
        changed = {field.name for field in fields if field is not known[field.name]}
        tables = {name: own_overrides(table, overrides) for name, table in tables.items()}
        self.fields = _infos(tables, changed, strict=strict)
        self._mappings = {
            name: EventMapping(table, strict=strict) for name, table in tables.items()
        }
        self._id_name = root[0].name
        self._strict = strict

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one event (see `Requests.build_event`); the event id has no place in GA4's."""
        name = _sent_name(destination_event)
        action_name = name if name in _ACTIONS else _CUSTOM
        notes: list[str] = []
        root = self._mappings[action_name].apply(payload, notes)
        params = root.pop("params", {})
        if self._id_name not in root:
            raise UnsendableEvent(f"has no {self._id_name}: GA4 knows no event without one")
        self._check(name, _ACTIONS[action_name], params, notes)
        root["timestamp_micros"] = event_time_us // 1000 * 1000
        return BuiltEvent(
            _encoder.encode({"name": name, "params": params}),
            root=_encoder.encode(root),
            notes=tuple(dict.fromkeys(notes)),
        )

    def _check(self, name: str, action: _Action, params: dict[str, Any], notes: list[str]) -> None:
        currency = params.get("currency")
        if currency is not None and currency.upper() not in CURRENCIES:
            del params["currency"]
            notes.append("params.currency left out: not one of ISO 4217")
        is_bad = currency is not None and "currency" not in params
        if action.currency == "always" and "currency" not in params:
            raise UnsendableEvent(f"is {name} without a currency of ISO 4217")
        for needed in action.required:
            if needed not in params:
                raise UnsendableEvent(f"is {name} without {needed}, or with one of no use")
        if action.needs_product and not params["items"]:
            raise UnsendableEvent(f"is {name} without products")
        needs = is_bad or action.currency == "with value" or self._strict
        if needs and "currency" not in params and params.get("value"):
            del params["value"]
            notes.append("params.value left out: it has no currency")


def _sent_name(destination_event: str) -> str:
    """The name as Segment's generic action writes it."""
    name = destination_event.strip(WHITESPACE)
    return "".join("_" if character in WHITESPACE else character for character in name)


def _infos(
    tables: Mapping[str, tuple[Field, ...]], changed: Any, *, strict: bool
) -> tuple[FieldInfo, ...]:
    """Each field once; where actions take it from different places, once for each of them."""
    users: dict[FieldInfo, list[str]] = {}
    for name, table in tables.items():
        for field in table:
            info = field.info(strict=strict, is_overridden=field.name in changed)
            users.setdefault(info, []).append(name)
    names = [info.name for info in users]
    return tuple(
        replace(info, form=f"{info.form}; in {', '.join(actions)}")
        if names.count(info.name) > 1
        else info
        for info, actions in users.items()
    )


def _many(products: Any, name: str, notes: list[str]) -> list[dict[str, Any]] | None:
    """The items of a list of products."""
    return _items(products, _ITEM_FIELDS, name, notes)


def _one(product: Any, name: str, notes: list[str]) -> list[dict[str, Any]] | None:
    """The one item that the properties of an event are; they have no position in a list."""
    return _items(product, _ONE_ITEM_FIELDS, name, notes)


def _items(
    products: Any, fields: Sequence[tuple[str, str, Read]], name: str, notes: list[str]
) -> list[dict[str, Any]] | None:
    if isinstance(products, dict):
        products = [products]
    elif not isinstance(products, list):
        if products != "":
            notes.append(f"{name} left out: not a list of products")
        return None
    items = []
    for product in products:
        get = item_members(product).get
        item: dict[str, Any] = {}
        for sent, key, read in fields:
            value = get(key, UNSET)
            if value is not UNSET:
                found = read(value, f"items.{sent}", notes)
                if found is not None:
                    item[sent] = found
        if "item_id" in item or "item_name" in item:
            items.append(item)
        else:
            notes.append(f"{name}: a product with neither id nor name left out")
    return items if items or not products else None


def _currency(value: Any, name: str, notes: list[str]) -> str | None:
    """Empty text, which is no currency, where it cannot be read."""
    text = text_field(value, name, [])
    return "" if text is None and value != "" else text


_ITEM_FIELDS: tuple[tuple[str, str, Read], ...] = (
    ("item_id", "product_id", nested_text),
    ("item_name", "name", nested_text),
    ("affiliation", "affiliation", nested_text),
    ("coupon", "coupon", nested_text),
    ("index", "position", nested_number),
    ("item_brand", "brand", nested_text),
    ("item_category", "category", nested_text),
    ("item_variant", "variant", nested_text),
    ("price", "price", nested_number),
    ("quantity", "quantity", nested_whole),
)

_ONE_ITEM_FIELDS = tuple(field for field in _ITEM_FIELDS if field[0] != "index")

_CLIENT_ID = Field("client_id", sources("$.userId", "$.anonymousId"), text_field, skips_empty=True)
_APP_INSTANCE_ID = Field("app_instance_id", (), text_field)
_ROOT = (
    Field("user_id", (), text_field),
    Field("consent.ad_user_data", (), text_field),
    Field("consent.ad_personalization", (), text_field),
)
_ENGAGEMENT = Field("params.engagement_time_msec", (Fixed(1),), number_field)


def _text(name: str, *places: str) -> Field:
    return Field(f"params.{name}", sources(*places), text_field)


def _number(name: str, *places: str) -> Field:
    return Field(f"params.{name}", sources(*places), number_field)


_MONEY = Field(
    "params.currency",
    sources("$.properties.currency"),
    _currency,
    strict_form=Form("upper case", str.upper),
)
_VALUE = _number("value", "$.properties.value")
_TOTAL = _number("value", "$.properties.total")
_TRANSACTION = _text("transaction_id", "$.properties.order_id")
_AFFILIATION = _text("affiliation", "$.properties.affiliation")
_SHIPPING = _number("shipping", "$.properties.shipping")
_COUPON = _text("coupon", "$.properties.coupon")
_MANY = Field("params.items", sources("$.properties.products"), _many, words="products")
_ONE = Field("params.items", sources("$.properties"), _one, words="one product")
_PROMOTION = (
    _text("creative_name"),
    _text("creative_slot", "$.properties.creative"),
    _text("promotion_id", "$.properties.promotion_id"),
    _text("promotion_name", "$.properties.name"),
)
_LIST = (_text("item_list_id"), _text("item_list_name"))
_CUSTOM = ""

_ACTIONS = {
    "purchase": _Action(
        (
            *(_AFFILIATION, _COUPON, _MONEY, _MANY, _TRANSACTION, _SHIPPING, _TOTAL),
            _number("tax", "$.properties.tax"),
        ),
        ("currency", "items", "transaction_id"),
    ),
    "add_to_cart": _Action((_MONEY, _ONE, _VALUE), ("items",)),
    "page_view": _Action(
        (
            _text("page_location", "$.context.page.url"),
            _text("page_referrer", "$.context.page.referrer"),
            _text("page_title", "$.context.page.title"),
        )
    ),
    "select_item": _Action((_ONE, *_LIST), ("items",)),
    "begin_checkout": _Action((_COUPON, _MONEY, _MANY, _VALUE), ("items",)),
    "select_promotion": _Action((*_PROMOTION, _text("location_id"), replace(_ONE, absent=[]))),
    "view_item": _Action((_MONEY, _ONE, _VALUE), ("items",)),
    "remove_from_cart": _Action((_MONEY, _VALUE, _ONE), ("items",), "always"),
    "view_cart": _Action((_MONEY, _VALUE, _MANY), ("items",), "always"),
    "search": _Action((_text("search_term", "$.properties.query"),), ("search_term",)),
    "view_item_list": _Action(
        (
            _text("item_list_id", "$.properties.list_id"),
            _text("item_list_name", "$.properties.category"),
            _MANY,
        ),
        ("items",),
    ),
    "sign_up": _Action((_text("method", "$.properties.type"),)),
    "view_promotion": _Action(
        (*_PROMOTION, _text("location_id", "$.properties.position"), _ONE), ("items",)
    ),
    "add_payment_info": _Action(
        (
            *(_MONEY, _VALUE, _text("coupon")),
            *(_text("payment_type", "$.properties.payment_method"), _MANY),
        ),
        ("items",),
        "always",
        needs_product=True,
    ),
    "refund": _Action(
        (
            *(_MONEY, _TRANSACTION, _TOTAL, _AFFILIATION, _text("coupon"), _SHIPPING),
            *(_number("tax"), replace(_MANY, absent=[])),
        ),
        ("transaction_id",),
        "always",
    ),
    "login": _Action((_text("method"),)),
    "generate_lead": _Action((_MONEY, _VALUE), currency="with value"),
    "add_to_wishlist": _Action((_MONEY, _VALUE, _ONE), ("items",), "always"),
    _CUSTOM: _Action(),
}

SEGMENT_GA4_QUIRKS = (
    Quirk("params.currency", "as it is written", "three capital letters"),
    Quirk(
        "params.value",
        "sent without a currency in add_to_cart, begin_checkout and view_item",
        "an amount needs a currency: it is left out",
    ),
)
