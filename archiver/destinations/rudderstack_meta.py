"""The `rudderstack` preset for Meta: the `data[]` item of RudderStack's Facebook Conversions.

What its transformer does on its own, besides reading fields from the tables below:

* `custom_data` holds all properties but `opt_out`, `event_id`, `action_source` and those whose name
  says that they are personal (`email`, `firstName`, `city` …), then what the tables make of them;
* products without an id are left out of `contents`, `content_ids` and `num_items`; the quantity is
  the product's, else that of the properties, else 1;
* an event of another name has the tables of the name that it is sent under, as if the dashboard had
  mapped it; one that is sent under its own name (`ViewContent`) has only value and currency;
* `action_source` in the event wins over the configured one, where it is one of Meta's;
* a name of two words is split; a click id is made of `fbclid` in the page's URL;
* values are passed as they are where `integrations` says that they are `hashed`; archiver hashes
  what does not look so.

Unlike there, personal properties are left out at any depth, not only at the top: Meta takes none in
clear. What Meta refuses is unsendable (see `meta_requirements`), the hash of an empty text
is not sent, and `context.dataProcessingOptions` is sent wherever an event has them, not only where
the dashboard has limited data use switched on: they hold a person's choice. An event that the hub
would refuse for a field is built without it, and says so in `notes`. What an account's dashboard
adds (removed external ids, allowed or hashed properties, content types by category) is said with
`map`, as far as fields go.

Source: rudderlabs/rudder-transformer, src/v0/destinations/facebook_conversions, src/v0/util and
util/facebookUtils (high); for what its fixtures of v20.0 and v25.0 show beyond the sources that
could be read (delivery_category, content_type of the properties, one content id as a text, fbp and
fbc of the properties, anon_id of app events) medium; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.destinations.fields import Field, overridden, own_overrides
from archiver.destinations.javascript import url_parameter
from archiver.destinations.mapping import EventMapping
from archiver.destinations.meta_fields import CUSTOM_DATA, extra_fields
from archiver.destinations.meta_requirements import ACTION_SOURCES, APP, check_sendable
from archiver.destinations.requests import BuiltEvent, RequestSettings
from archiver.destinations.rudderstack_meta_fields import (
    ALL_CUSTOM_DATA,
    APP_DATA,
    APP_MEMBERS,
    CATEGORIES,
    EVENT_NAMES,
    EXTINFO,
    HINTS,
    LIST,
    ORDERS,
    SIMPLE,
    TOP,
    USER_DATA,
    WITHOUT_CONTENT_TYPE,
    name_hash,
)

_NOT_CUSTOM = frozenset({"opt_out", "event_id", "action_source"})
_PERSONAL = frozenset(
    {
        *("email", "firstName", "lastName", "firstname", "lastname", "first_name", "last_name"),
        *("gender", "city", "country", "phone", "state", "zip", "postalCode", "birthday"),
    }
)
_READ = frozenset({"value", "currency"})
_KNOWN_SOURCES = frozenset(ACTION_SOURCES.values())
_OPTIONS = (
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
)
_encoder = msgspec.json.Encoder(decimal_format="number")


class RudderStackMetaEvents:
    """Builds the `data[]` items of Meta as RudderStack does.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(self, settings: RequestSettings) -> None:
        self._strict = settings.strict
        self._action_source = ACTION_SOURCES[settings.event_source]
        known = (*TOP, *USER_DATA, *APP_DATA, *ALL_CUSTOM_DATA)
        extras = extra_fields(known, settings.overrides)
        whole = (*known, *extras)
        fields = overridden(whole, settings.overrides)
        self.fields = tuple(
            field.info(strict=settings.strict, is_overridden=field not in whole) for field in fields
        )
        names = {field.name for field in whole}
        # What `map` decides is not derived from other fields, and what it leaves out stays out.
        self._theirs = names - {field.name for field in fields if field in whole}
        self._unsent = [
            name.removeprefix(CUSTOM_DATA)
            for name in sorted(names - {field.name for field in fields})
            if name.startswith(CUSTOM_DATA)
        ]

        def mapping(own: tuple[Field, ...]) -> EventMapping:
            table = (*TOP, *USER_DATA, *APP_DATA, *own, *extras)
            return EventMapping(own_overrides(table, settings.overrides), strict=settings.strict)

        self._mapping_of = mapping
        self._mappings: dict[str, EventMapping] = {}
        # For the rare event whose values are hashed already: the strict forms let hashes pass.
        user_data = own_overrides(USER_DATA, settings.overrides)
        self._hashed = EventMapping(user_data, strict=True)
        self._hints = EventMapping(HINTS)

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one item (see `Requests.build_event`)."""
        notes: list[str] = []
        hints = self._hints.apply(payload, []).get("hints", {})
        category = _category_of(hints, destination_event)
        mapping = self._mappings.get(category)
        if mapping is None:
            mapping = self._mappings[category] = self._mapping_of(CATEGORIES[category])
        found = mapping.apply(payload, notes)
        if hints.get("hashed"):
            found["user_data"] = self._hashed.apply(payload, []).get("user_data", {})
        event: dict[str, Any] = {
            "user_data": self._user_data(found, hints, event_time_us),
            "event_name": destination_event,
            "event_time": event_time_us // 1_000_000,
        }
        for name in ("event_source_url", "opt_out"):
            if name in found:
                event[name] = found[name]
        event["event_id"] = event_id
        event["action_source"] = self._source_of(found, notes)
        for name, value in zip(_OPTIONS, found.get(_OPTIONS[0], ()), strict=False):
            event[name] = [value] if self._strict and isinstance(value, str) else value
        if event["action_source"] != APP:
            notes = [note for note in notes if not note.startswith("app_data.")]
        else:
            event["app_data"] = _app_data(found.get("app_data", {}))
        custom_data = self._custom_data(category, found.get("custom_data", {}), hints)
        for name in self._unsent:
            custom_data.pop(name, None)
        if custom_data:
            event["custom_data"] = custom_data
        check_sendable(event)
        return BuiltEvent(_encoder.encode(event), notes=tuple(dict.fromkeys(notes)))

    def _source_of(self, found: Mapping[str, Any], notes: list[str]) -> str:
        own = found.get("action_source")
        if own is None or own in _KNOWN_SOURCES:
            return own or self._action_source
        notes.append("action_source left out: not one of Meta's")
        return self._action_source

    def _user_data(
        self, found: Mapping[str, Any], hints: Mapping[str, Any], event_time_us: int
    ) -> dict[str, Any]:
        user_data: dict[str, Any] = found.get("user_data", {})
        words = hints.get("name", "").split(" ")
        if len(words) == 2:
            is_hashed = self._strict or bool(hints.get("hashed"))
            for field, word in zip(("fn", "ln"), words, strict=True):
                sent = name_hash(word, strict=is_hashed)
                if sent and f"user_data.{field}" not in self._theirs:
                    user_data[field] = sent
        if "fbc" not in user_data and "user_data.fbc" not in self._theirs:
            click_id = url_parameter(hints.get("url", ""), "fbclid")
            if click_id:
                user_data["fbc"] = f"fb.1.{event_time_us // 1000}.{click_id}"
        return user_data

    def _custom_data(
        self, category: str, own: dict[str, Any], hints: Mapping[str, Any]
    ) -> dict[str, Any]:
        properties = _without_personal(hints.get("properties", {}))
        custom_data = {
            key: value
            for key, value in properties.items()
            if key not in _NOT_CUSTOM and key not in _READ
        }
        if "currency" not in own and not self._strict:
            own["currency"] = "USD"
        elif own.get("currency") == "":
            del own["currency"]
        if category == SIMPLE:
            return {**custom_data, **own}
        is_order, is_list = category in ORDERS, category == LIST
        products = properties.get("products") if is_order or is_list else [properties]
        contents = _contents(products, properties, is_order=is_order)
        ids: Any = [content["id"] for content in contents]
        content_type = None if category in WITHOUT_CONTENT_TYPE else "product"
        if is_list and not ids:
            group = properties.get("category")
            content_type = "product_group" if group else None
            if group:
                ids = [group]
                contents = [{"id": group, "quantity": 1}]
        if is_order:
            own["num_items"] = len(ids)
        elif not is_list and len(ids) == 1 and not self._strict:
            ids = ids[0]
        custom_data.pop("content_category", None)
        content_type = properties.get("content_type") or hints.get("content_type") or content_type
        if content_type:
            own.setdefault("content_type", content_type)
        return {**custom_data, "content_ids": ids, "contents": contents, **own}


def _without_personal(value: Any) -> Any:
    """A value without the members, at any depth, whose name says that they are personal."""
    if isinstance(value, dict):
        return {k: _without_personal(v) for k, v in value.items() if k not in _PERSONAL}
    return [_without_personal(v) for v in value] if isinstance(value, list) else value


def _category_of(hints: Mapping[str, Any], destination_event: str) -> str:
    """The event's category: by its own name, else by the name that it is sent under."""
    if hints.get("type") in ("page", "screen"):
        return SIMPLE
    event = hints.get("event", "")
    if EVENT_NAMES.get(event.lower()) == destination_event:
        return str(event.lower())
    if event == destination_event:
        return SIMPLE
    return next((c for c, name in EVENT_NAMES.items() if name == destination_event), SIMPLE)


def _contents(
    products: Any, properties: Mapping[str, Any], *, is_order: bool
) -> list[dict[str, Any]]:
    contents = []
    for product in products if isinstance(products, list) else []:
        if not isinstance(product, dict):
            continue
        product_id = product.get("product_id") or product.get("sku") or product.get("id")
        if not product_id:
            continue
        # Of a single product, the properties are the product itself.
        quantity = product.get("quantity") or properties.get("quantity") or 1
        content = {"id": product_id, "quantity": quantity}
        if "price" in product:
            content["item_price"] = product["price"]
        delivery = product.get("delivery_category")
        if is_order:
            delivery = delivery or properties.get("delivery_category")
        if delivery:
            content["delivery_category"] = delivery
        contents.append(content)
    return contents


def _app_data(fields: Mapping[str, Any]) -> dict[str, Any]:
    app_data = {name: fields[name] for name, _ in APP_MEMBERS if name in fields}
    app_data["extinfo"] = [fields.get(name, "") for name in ("version", *dict(EXTINFO))]
    return app_data
