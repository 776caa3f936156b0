"""TikTok Events API 2.0, as documented, on this machine.

| behaviour | source | confidence |
|---|---|---|
| one path, the token in `Access-Token` | Segment, RudderStack | high |
| HTTP 200 for business errors, `code` 0 and `OK` for success, no counts | RudderStack | high |
| at most 1,000 events | RudderStack, TikTok portal | high |
| one bad event refuses the request with 40002; whether an index is named is not known | \
rudder-transformer's fixtures, stape-io/tiktok-tag issue 10 | medium |
| `event_id` must be a JSON string | stape-io/tiktok-tag issue 10 | high |
| 40001 no permission on the pixel, 40100 too many requests | RudderStack, Airbyte | high |
| 40105 bad token, 50000 server's fault | community lists | low |
| same `event` and `event_id` within 48 hours of the first: not counted; later: counted | TikTok \
help: event-deduplication | high |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from archiver.drill.standin import (
    Account,
    Answer,
    Item,
    Refusal,
    as_json,
    decoded,
    is_currency,
    unix_seconds,
)

PATH = "/open_api/v1.3/event/track/"
_MAX_EVENTS = 1000
_SOURCES = ("web", "app", "offline", "crm")


class TikTokAccount(Account):
    """One pixel at TikTok (see `Account`)."""

    type = "tiktok-events"

    def takes(self, path: str) -> bool:
        """The one path of the Events API."""
        return path.partition("?")[0] == PATH

    def _read(self, path: str, headers: Mapping[str, str], body: bytes) -> list[Any]:
        if not self.takes(path):
            raise Refusal(Answer(404, b"404 page not found"))
        token = headers.get("access-token", "")
        if not token or self.token not in (None, token):
            raise Refusal(self._bad_token())
        document = decoded(body, self._invalid)
        if document.get("event_source") not in _SOURCES:
            raise self._invalid("event_source: Invalid value")
        if self.source_id not in (None, document.get("event_source_id")):
            raise self._refusal(40001, "No permission to operate the pixel code")
        data = document.get("data")
        if not isinstance(data, list) or not 1 <= len(data) <= _MAX_EVENTS:
            raise self._invalid(f"data: Length must be between 1 and {_MAX_EVENTS}")
        return data

    def _item(self, at: datetime, row: int, item: Any) -> Item:
        if not isinstance(item, dict):
            raise self._bad_row(row, "", "Invalid value: not an object")
        event, event_id = item.get("event"), item.get("event_id")
        if not isinstance(event, str) or not event:
            raise self._bad_row(row, "event", "Missing data for required field")
        if event_id is not None and not isinstance(event_id, str):
            raise self._bad_row(row, "event_id", "not a valid string")
        event_time = unix_seconds(item.get("event_time"))
        if event_time is None:
            raise self._bad_row(row, "event_time", "not a valid integer")
        if not isinstance(item.get("user", {}), dict):
            raise self._bad_row(row, "user", "not a valid object")
        properties = item.get("properties", {})
        if not isinstance(properties, dict):
            raise self._bad_row(row, "properties", "not a valid object")
        value = properties.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise self._bad_row(row, "properties.value", "not a valid number")
        if not is_currency(properties.get("currency")):
            raise self._bad_row(row, "properties.currency", "not a valid currency")
        return Item(event, event_id or None, event_time)

    def _names(self, item: Any) -> tuple[Any, Any]:
        return (item.get("event"), item.get("event_id")) if isinstance(item, dict) else (None, None)

    def _bad_row(self, row: int, name: str, why: str) -> Refusal:
        if self.names_rows:
            return self._invalid(f"data.{row}.{name}: {why}")
        return self._invalid(f"Invalid value for {name}: {why}.")

    def _invalid(self, message: str) -> Refusal:
        return self._refusal(40002, message)

    def _refusal(self, code: int, message: str) -> Refusal:
        return Refusal(self._reply(code, message))

    def _reply(self, code: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
        request_id = f"standin{self.requests:024d}"
        document = {"code": code, "message": message, "request_id": request_id, "data": {}}
        return as_json(200, document, headers)

    def _accepted(self, items: int) -> Answer:
        return self._reply(0, "OK")

    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        return self._reply(40100, "Too many requests. Please retry in some time.", headers)

    def _bad_token(self) -> Answer:
        return self._reply(40105, "Access token is incorrect or has been revoked.")

    def _server_error(self, status: int) -> Answer:
        if status == 503:
            return Answer(503, b"", {})
        return self._reply(50000, "Internal server error")
