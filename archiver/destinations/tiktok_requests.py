"""Requests to TikTok's Events API 2.0, and the file of CRM events that people upload by hand.

The file: UTF-8, comma-separated, at most 50 MB, first row `Event_type,Timestamp,lead_id,Email,
Phone,click_id`; e-mail and phone may be hashed, and are; at least one of them or the lead's id
must be there. Source: TikTok help, how-to-postback-signals-through-csv (high). The format of the
timestamp is not documented: ISO 8601 in UTC to the second is a guess (low).

A spreadsheet takes a field that begins with `=`, `+`, `-` or `@` for a formula. An apostrophe
before it would change the id that TikTok reads, and no id of TikTok's begins so: such an id is left
out, and noted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec

from archiver.destinations.requests import (
    BuiltEvent,
    FieldInfo,
    Header,
    RequestSettings,
    UnsendableEvent,
    joined,
    split_items,
)
from archiver.destinations.rudderstack_tiktok import RudderStackEvents
from archiver.destinations.segment_tiktok import CRM, NOBODY, OFFLINE, WEB, SegmentEvents
from archiver.destinations.segment_tiktok_app import APP
from archiver.values import EPOCH

TOKEN_ENV = "TIKTOK_ACCESS_TOKEN"
BUILDABLE = (
    *(("segment", source) for source in ("web", "app", "offline", "crm")),
    ("rudderstack", "web"),
)

_HOST = "https://business-api.tiktok.com"
_PATH = "/open_api/v1.3/event/track/"
_PARTNERS = {"segment": "Segment", "rudderstack": "RudderStack"}
_TABLES = {"web": WEB, "app": APP, "offline": OFFLINE, "crm": CRM}
_COLUMNS = ("Event_type", "Timestamp", "lead_id", "Email", "Phone", "click_id")
_HEADER_ROW = ",".join(_COLUMNS).encode()
_UNFIT = re.compile(r"[=+\-@]|.*[\x00-\x1f]", re.DOTALL)


class _Events(Protocol):
    @property
    def fields(self) -> tuple[FieldInfo, ...]: ...
    def build(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent: ...


class ApiRequests:
    """The requests of one configured pixel, app or event set (see `Requests`)."""

    file_name = "batch-{:05d}.json"

    def __init__(self, settings: RequestSettings) -> None:
        self._source = settings.event_source.encode()
        strict, overrides = settings.strict, settings.overrides
        events: _Events
        if settings.preset == "rudderstack":
            events = RudderStackEvents(strict=strict, overrides=overrides)
        else:
            table = _TABLES[settings.event_source]
            events = SegmentEvents(table, strict=strict, overrides=overrides)
        self.fields = events.fields
        self.build_event = events.build
        self.url: str | None = f"{settings.base_url or _HOST}{_PATH}"
        self.headers = (
            Header("Access-Token", environment=settings.token_env or TOKEN_ENV),
            Header("Content-Type", value="application/json"),
        )
        partner = {
            "event_source_id": settings.event_source_id,
            "partner_name": _PARTNERS[settings.preset],
        }
        self._partner = msgspec.json.encode(partner)[1:-1]

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Join items under the root fields; the root is the event source, if it is another."""
        start = b'{"event_source":"%s",%s,"data":[' % (root or self._source, self._partner)
        return joined(start, items, b"]}")

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The elements of `data`, and the event source where it is not the configured one."""
        items = split_items(body, "data")
        source = msgspec.json.decode(body, type=_Root).event_source.encode()
        return items, b"" if source == self._source else source


class _Root(msgspec.Struct):
    event_source: str


class CrmFile:
    """The CSV of CRM events (see `Requests`)."""

    file_name = "upload-{:05d}.csv"
    url: str | None = None
    headers: tuple[Header, ...] = ()

    def __init__(self, settings: RequestSettings) -> None:
        self._events = SegmentEvents(CRM, strict=settings.strict, overrides=settings.overrides)
        self.fields = tuple(
            field for field in self._events.fields if field.name in _SOURCES_OF_COLUMNS
        )

    def build_event(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """One row, without the end of its line (see `Requests.build_event`)."""
        notes: list[str] = []
        event = self._events.event(payload, destination_event, event_id, event_time_us, notes)
        user = event.user
        ids = {
            "lead_id": _fit(event.lead and event.lead.lead_id, "lead_id", notes),
            "Email": _first(user.email, "email", notes),
            "Phone": _first(user.phone, "phone", notes),
        }
        if not any(ids.values()):
            raise UnsendableEvent(NOBODY)
        if _UNFIT.match(destination_event):
            raise UnsendableEvent("has an event name that cannot stand in a CSV file")
        row = {
            "Event_type": destination_event,
            "Timestamp": _timestamp(event_time_us),
            **ids,
            "click_id": _fit(user.ttclid, "ttclid", notes),
        }
        text = io.StringIO()
        csv.DictWriter(text, _COLUMNS, lineterminator="").writerow(row)
        return BuiltEvent(text.getvalue().encode(), notes=tuple(dict.fromkeys(notes)))

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """The header row and the rows, each with a line feed."""
        return b"\n".join([_HEADER_ROW, *items, b""])

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """The rows; none of them holds a line feed of its own."""
        lines = body.split(b"\n")
        if len(lines) < 2 or lines[0] != _HEADER_ROW or lines[-1]:
            raise ValueError("the file is no CSV of CRM events")
        return lines[1:-1], b""


_SOURCES_OF_COLUMNS = frozenset({"lead.lead_id", "user.email", "user.phone", "user.ttclid"})


def _timestamp(event_time_us: int) -> str:
    instant = EPOCH + timedelta(seconds=event_time_us // 1_000_000)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _fit(value: Any, name: str, notes: list[str]) -> str:
    """A member of a record, as it can stand in the file."""
    if not value:
        return ""
    if _UNFIT.match(value):
        notes.append(f"{name} left out: it cannot stand in a CSV file")
        return ""
    return str(value)


def _first(hashes: Sequence[str] | None, name: str, notes: list[str]) -> str:
    found = [text for text in hashes or () if text]
    if len(found) > 1:
        notes.append(f"{name}: only the first of several, since the file has one column for it")
    return found[0] if found else ""
