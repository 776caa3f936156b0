"""The `segment` preset for TikTok web, CRM and offline events: the `data[]` items of Segment.

Field by field the default mapping of Segment's TikTok Conversions and TikTok Offline Conversions
destinations, with their quirks, because a backfilled event must equal its lost twin (see
`segment_tiktok_fields`; for app events `segment_tiktok_app`). Besides those of all three:

* city, state and country keep only ASCII letters and digits, so `東京` becomes empty;
* web and CRM: absent names and addresses are sent as empty text;
* web and CRM: `ttclid` in the page's URL wins over the event's own, even when it is empty;
  offline, the event's own wins;
* absent contents are sent as an empty list.

An event name that no preset of Segment has is built as a mapping of one's own begins there: with
the defaults of the action's fields, and so without contents.

Differences from Segment, all on purpose:

* the time and the id are the caller's, never the present;
* an event that Segment's validation refuses for a field of the wrong type is built without that
  field, and says so in `notes`, unless it would not have been sent anyway, as the lead id of a web
  event;
* a number that is none in JSON, as the text `Infinity`, is left out and noted, where Segment sends
  null;
* a whole number of 2^53 and more keeps its digits, where Segment sends the nearest double;
* a CRM event with neither lead id, e-mail nor phone is unsendable, where Segment sends it.

Source: segmentio/action-destinations 3.497, tiktok-conversions and tiktok-offline-conversions;
checked by running it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archiver.destinations.fields import Field, overridden, sources
from archiver.destinations.javascript import url_parameter
from archiver.destinations.mapping import EventRecord, RecordMapping
from archiver.destinations.paths import Source
from archiver.destinations.requests import BuiltEvent, FieldInfo, UnsendableEvent
from archiver.destinations.segment_fields import nested_text, number_field, text_field, text_list
from archiver.destinations.segment_tiktok_fields import (
    CONTEXT,
    INTEGRATIONS,
    LIMITED,
    NAMES,
    PAGE,
    UPPER_CASE,
    VALUE,
    contents,
    encoder,
    filled_text,
    ids,
    own,
    property_field,
)

Finish = Callable[[Any, str, list[str]], None]
"""What the table cannot say: (event, an `EventRecord`'s; TikTok's event name; notes).

It may raise UnsendableEvent.
"""

NOBODY = "has neither lead id, e-mail nor phone, one of which CRM events need"

_FROM_PRODUCTS = "$.properties.products"
_FROM_ITSELF = "$.properties"

# Which part of the properties holds the contents, by TikTok's event name. Source: index.ts.
CONTENTS = {
    "CompletePayment": _FROM_PRODUCTS,
    "PlaceAnOrder": _FROM_PRODUCTS,
    "InitiateCheckout": _FROM_PRODUCTS,
    "AddPaymentInfo": _FROM_PRODUCTS,
    "PageView": _FROM_PRODUCTS,
    "ViewContent": _FROM_ITSELF,
    "ClickButton": _FROM_ITSELF,
    "Search": _FROM_ITSELF,
    "AddToWishlist": _FROM_ITSELF,
    "AddToCart": _FROM_ITSELF,
}


@dataclass(frozen=True, slots=True)
class Table:
    """What one of Segment's destinations sends.

    Attributes:
        fields: all but the contents.
        contents: path of the products, by TikTok's event name; others have none.
        options: options of the field of the contents.
        finish: what the fields cannot say.
        kept: parts that `finish` needs also where they are empty.
        finished: names of the fields that only `finish` sets.
    """

    fields: tuple[Field, ...]
    contents: Mapping[str, str]
    options: Mapping[str, Any]
    finish: Finish
    kept: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()


class SegmentEvents:
    """Builds the `data[]` items of one of Segment's TikTok destinations.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(
        self, table: Table, *, strict: bool, overrides: Mapping[str, tuple[Source, ...]]
    ) -> None:
        self._finish = table.finish
        self._buffer = bytearray()
        names = [field.name for field in (*table.fields, contents())]
        record = EventRecord(_GIVEN, [*names, *table.finished], table.kept)
        mappings = {}
        for paths in {(path,) for path in table.contents.values()} | {()}:
            of_contents = contents(*paths, **table.options)
            fields = overridden((*table.fields, of_contents), overrides)
            sent = [field for field in fields if _can_be_sent(field)]
            mappings[paths] = RecordMapping(sent, record, strict=strict)
        self._others = mappings[()]
        self._mappings = {name: mappings[(path,)] for name, path in table.contents.items()}
        self.fields = _infos(table, strict=strict, overrides=overrides)

    def event(
        self,
        payload: bytes,
        destination_event: str,
        event_id: str,
        event_time_us: int,
        notes: list[str],
    ) -> Any:
        """One item as an `EventRecord`'s; adds to the notes what was left out."""
        apply = self._mappings.get(destination_event, self._others).apply
        event = apply(payload, notes, destination_event, event_time_us // 1_000_000, event_id)
        self._finish(event, destination_event, notes)
        return event

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one item (see `Requests.build_event`)."""
        notes: list[str] = []
        event = self.event(payload, destination_event, event_id, event_time_us, notes)
        # Bytes of its own would grow, and move, while it is encoded.
        encoder.encode_into(event, self._buffer)
        item = bytes(self._buffer)
        return BuiltEvent(item, b"", tuple(dict.fromkeys(notes))) if notes else BuiltEvent(item)


def _can_be_sent(field: Field) -> bool:
    return bool(field.sources) or field.name not in _ONLY_BY_OVERRIDE


def _infos(
    table: Table, *, strict: bool, overrides: Mapping[str, tuple[Source, ...]]
) -> tuple[FieldInfo, ...]:
    alone = sorted(name for name, path in table.contents.items() if path == _FROM_ITSELF)
    words = f"products; for {', '.join(alone)} the properties themselves"
    of_contents = replace(contents(_FROM_PRODUCTS, **table.options), words=words)
    preset = (*table.fields, of_contents)
    return tuple(
        field.info(strict=strict, is_overridden=field not in preset)
        for field in overridden(preset, overrides)
    )


def _finish_web(event: Any, destination_event: str, notes: list[str]) -> None:
    page, user = event.page, event.user
    if page is not None and page.url and "?" in page.url:
        in_url = url_parameter(page.url, "ttclid")
        if in_url is not None and (in_url or user.ttclid is not None):
            user.ttclid = in_url


def _finish_crm(event: Any, destination_event: str, notes: list[str]) -> None:
    user, lead = event.user, event.lead
    if not (lead.lead_id or any(user.email or ()) or any(user.phone or ())):
        raise UnsendableEvent(NOBODY)
    if lead.lead_id is None:
        event.lead = None
    _finish_web(event, destination_event, notes)


def _finish_offline(event: Any, destination_event: str, notes: list[str]) -> None:
    user, page = event.user, event.page
    if not (user.email or user.phone or user.external_id):
        raise UnsendableEvent(
            "has neither e-mail, phone nor external id, one of which offline events need"
        )
    if user.ttclid is None and page.url is not None:
        in_url = url_parameter(page.url, "ttclid")
        if in_url:
            user.ttclid = in_url


def _clicks(integration: str, words: str) -> tuple[Field, ...]:
    return (
        Field("user.ttclid", own("ttclid", integration), filled_text, words=words),
        Field("user.ttp", own("ttp", integration), filled_text),
    )


_GIVEN = ("event", "event_time", "event_id")
_ONLY_BY_OVERRIDE = frozenset({"properties.description"})
_DELIVERY_CATEGORIES = frozenset({"in_store", "curbside", "home_delivery"})


def _delivery_category(value: Any, name: str, notes: list[str]) -> str | None:
    category = text_field(value, name, notes)
    if category is None or category in _DELIVERY_CATEGORIES:
        return category
    notes.append(f"{name} left out: not one of TikTok's")
    return None


_WEB = (
    *ids(absent=[]),
    *NAMES,
    *_clicks(INTEGRATIONS["web"], "plain; in the page's URL it wins"),
    *CONTEXT,
    *VALUE,
    property_field("currency", text_field, UPPER_CASE),
    property_field("query", text_field),
    property_field("order_id", text_field),
    property_field("shop_id", text_field),
    property_field("content_ids", text_list),
    property_field("delivery_category", _delivery_category),
    property_field("num_items", number_field),
    property_field("predicted_ltv", number_field),
    property_field("search_string", text_field),
    *PAGE,
    *LIMITED,
)
_LEAD = (
    Field("lead.lead_id", sources("$.properties.lead_id"), nested_text),
    Field("lead.lead_event_source", sources("$.properties.lead_event_source"), filled_text),
)
_OFFLINE = (
    *ids(absent=[]),
    *_clicks(INTEGRATIONS["offline"], "plain, else that in the page's URL"),
    Field("user.lead_id", sources("$.properties.lead_id"), filled_text),
    *CONTEXT,
    *VALUE,
    property_field("currency", filled_text, UPPER_CASE),
    property_field("query", filled_text),
    property_field("order_id", filled_text),
    property_field("shop_id", filled_text),
    *PAGE,
    *LIMITED,
)

WEB = Table(_WEB, CONTENTS, {"absent": []}, _finish_web, ("user",))
CRM = Table((*_WEB, *_LEAD), CONTENTS, {"absent": []}, _finish_crm, ("user", "lead"))
OFFLINE = Table(_OFFLINE, CONTENTS, {"absent": []}, _finish_offline, ("user", "page"))
