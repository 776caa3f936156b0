"""The `segment` preset for Meta: the `data[]` item that Segment would have sent.

Field by field the default mappings of Segment's Facebook Conversions API (Actions): Purchase,
InitiateCheckout, AddToCart, ViewContent, Search and PageView by their own actions, any other name
by its custom event, whose `custom_data` is empty unless `map` fills it. Fields without sources are
those that Segment's mapping offers and leaves empty; `custom_data.ANYTHING` may be mapped too.
Where the hub leaves Meta's documentation is said in `segment_meta_fields.SEGMENT_QUIRKS`.

Some things differ from Segment on purpose:

* `event_time` is Unix seconds, as Meta documents it, always; Segment sends the timestamp's text.
* What Meta refuses is unsendable (see `meta_requirements`), also where Segment would try.
* An event that Segment's own checks refuse for a field (a wrong type, a currency that is not one
  of its codes, a product without an id) is built without that field, and says so in `notes`; a
  currency in lower case is sent in upper case. A website event without user agent, which Segment
  refuses for its own presets, is built as it is.
* A number that JSON cannot say is left out, where Segment sends null; others keep every digit,
  also those that JavaScript rounds. Null and empty text have no value for `map`.
* A phone number that only contains a hash among other characters is left out: Segment sends it raw.
* App events carry `app_data`, without which Meta refuses them; Segment sends it only where its
  mapping says so. The system (`version`), empty at Segment by default, is that of the device.

Source: segmentio/action-destinations, facebook-conversions-api (shared/{fields,functions,
constants}.ts), 3.497, the code behind its FB_CAPI_REFACTOR flags; checked by running it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.destinations.fields import Field, overridden, own_overrides
from archiver.destinations.mapping import EventMapping
from archiver.destinations.meta_fields import extra_fields
from archiver.destinations.meta_requirements import ACTION_SOURCES, APP, WEBSITE, check_sendable
from archiver.destinations.requests import BuiltEvent, RequestSettings
from archiver.destinations.segment_meta_fields import (
    ALL_CUSTOM_DATA,
    COMMON,
    CUSTOM_DATA_FIELDS,
    EXTINFO,
    OPTION_FIELDS,
    app_fields,
)

_PAGE_VIEW = "PageView"
_CUSTOM_EVENT = ""

_encoder = msgspec.json.Encoder(decimal_format="number")


class SegmentMetaEvents:
    """Builds the `data[]` items of Meta as Segment does.

    Raises:
        ValueError: an override names no field.
    """

    def __init__(self, settings: RequestSettings) -> None:
        overrides = settings.overrides
        self._action_source = ACTION_SOURCES[settings.event_source]
        common = (*COMMON, *app_fields(is_app=self._action_source == APP))
        extras = extra_fields((*common, *ALL_CUSTOM_DATA), overrides)
        whole = (*common, *ALL_CUSTOM_DATA, *extras)
        fields = overridden(whole, overrides)
        self.fields = tuple(
            field.info(strict=settings.strict, is_overridden=field not in whole) for field in fields
        )

        def mapping(own: tuple[Field, ...]) -> EventMapping:
            table = (*common, *own)
            return EventMapping(own_overrides(table, overrides), strict=settings.strict)

        self._tables = {name: (*own, *extras) for name, own in CUSTOM_DATA_FIELDS.items()}
        self._tables |= {_PAGE_VIEW: (), _CUSTOM_EVENT: extras}
        self._mapping = mapping
        self._mappings: dict[str, EventMapping] = {}

    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Build one item (see `Requests.build_event`)."""
        action = destination_event if destination_event in self._tables else _CUSTOM_EVENT
        mapping = self._mappings.get(action)
        if mapping is None:
            mapping = self._mappings[action] = self._mapping(self._tables[action])
        notes: list[str] = []
        found = mapping.apply(payload, notes)
        user_data = found.get("user_data", {})
        agent = user_data.get("client_user_agent")
        if not agent:
            user_data.pop("client_user_agent", None)
        if agent is None and self._action_source == WEBSITE and action != _CUSTOM_EVENT:
            notes.append("user_data.client_user_agent is missing")
        event: dict[str, Any] = {
            "event_name": destination_event,
            "event_time": event_time_us // 1_000_000,
        }
        if "event_source_url" in found:
            event["event_source_url"] = found["event_source_url"]
        event["event_id"] = event_id
        event["action_source"] = self._action_source
        event["user_data"] = user_data
        app_data = found.get("app_data", {})
        if app_data.get("use_app_data"):
            event["app_data"] = _app_data(app_data)
        if found.get("data_processing_options"):
            event["data_processing_options"] = ["LDU"]
            for name in OPTION_FIELDS:
                event[name] = found.get(name, 0)
        if action != _PAGE_VIEW:
            event["custom_data"] = found.get("custom_data", {})
        check_sendable(event)
        return BuiltEvent(_encoder.encode(event), notes=tuple(dict.fromkeys(notes)))


def _app_data(fields: Mapping[str, Any]) -> dict[str, Any]:
    app_data: dict[str, Any] = {
        "advertiser_tracking_enabled": int(fields.get("advertiser_tracking_enabled", False)),
        "application_tracking_enabled": int(fields.get("application_tracking_enabled", False)),
    }
    if "madid" in fields:
        app_data["madid"] = fields["madid"]
    app_data["extinfo"] = [fields.get(name, "") for name, _ in EXTINFO]
    return app_data
