"""Meta's Conversions API, as documented, on this machine.

| behaviour | source | confidence |
|---|---|---|
| `/vN.0/ID/events`, the token as `access_token` or Bearer | Meta: using the API | high |
| at most 1,000 events; success says `events_received`, nothing of single events | Meta; \
facebook-python-business-sdk event_response | high |
| one event over 7 days (`physical_store`: 62) refuses the whole request, 100/2804003 | Meta: \
server event; rudder-transformer's fixtures | high (62 days: medium) |
| Purchase without value or currency: 100/2804009 | rudder-transformer's fixtures | high |
| what else is wrong with an event: 100/_WRONG, stood in for many subcodes | RudderStack | low |
| an index in the error's words, as `data[3]` | facebook-nodejs-business-sdk issue 258 | medium |
| 190 token, 100/33 wrong id, 4, 17, 80003 too many calls | RudderStack | high |
| 2 with `is_transient`: Meta's own fault | RudderStack | medium |
| same `event_name` and `event_id` within 48 hours: the first counts | Meta: server event | high |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

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

_PATH = re.compile(r"/v[0-9]+\.0/([^/]+)/events/?")
_MAX_EVENTS = 1000
_MAX_AGE = timedelta(days=7)
_MAX_AGE_IN_STORE = timedelta(days=62)
_TOO_OLD = 2804003
_WRONG = 2804050
_THROTTLES = (4, 17, 80003)


class MetaAccount(Account):
    """One data set at Meta (see `Account`)."""

    type = "meta-capi"

    def takes(self, path: str) -> bool:
        """The paths of the Conversions API, whatever the version."""
        return _PATH.fullmatch(urlsplit(path).path) is not None

    def _read(self, path: str, headers: Mapping[str, str], body: bytes) -> list[Any]:
        url = urlsplit(path)
        match = _PATH.fullmatch(url.path)
        if match is None:
            raise Refusal(Answer(404, b"Not Found"))
        document = decoded(body, lambda why: self._invalid(None, why))
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        in_query = parse_qs(url.query).get("access_token", [""])[0]
        token = in_query or document.get("access_token") or bearer
        if not token or self.token not in (None, token):
            raise Refusal(self._bad_token())
        if self.source_id not in (None, match[1]):
            raise self._invalid(33, f"Object with ID '{match[1]}' does not exist")
        data = document.get("data")
        if not isinstance(data, list) or not 1 <= len(data) <= _MAX_EVENTS:
            raise self._invalid(None, f"data must have 1 to {_MAX_EVENTS} events")
        return data

    def _item(self, at: datetime, row: int, item: Any) -> Item:
        if not isinstance(item, dict):
            raise self._bad_row(row, _WRONG, "must be an object")
        name, event_id = item.get("event_name"), item.get("event_id")
        if not isinstance(name, str) or not name:
            raise self._bad_row(row, _WRONG, "event_name is missing")
        if event_id is not None and not isinstance(event_id, str):
            raise self._bad_row(row, _WRONG, "event_id must be a string")
        if not isinstance(item.get("user_data"), dict) or not item["user_data"]:
            raise self._bad_row(row, _WRONG, "user_data has no customer information")
        source = item.get("action_source")
        if not isinstance(source, str):
            raise self._bad_row(row, _WRONG, "action_source is missing")
        event_time = unix_seconds(item.get("event_time"))
        if event_time is None:
            raise self._bad_row(row, _WRONG, "event_time must be Unix seconds")
        limit = _MAX_AGE_IN_STORE if source == "physical_store" else _MAX_AGE
        if event_time < at - limit:
            raise self._bad_row(row, _TOO_OLD, "Event Timestamp Too Old")
        custom = item.get("custom_data") or {}
        if name == "Purchase" and (
            not isinstance(custom.get("value"), int | float) or not custom.get("currency")
        ):
            raise self._bad_row(row, 2804009, "Missing Value or Currency for Purchase Event")
        if not is_currency(custom.get("currency")):
            raise self._bad_row(row, _WRONG, "Invalid Currency Code")
        return Item(name, event_id or None, event_time)

    def _names(self, item: Any) -> tuple[Any, Any]:
        return (
            (item.get("event_name"), item.get("event_id"))
            if isinstance(item, dict)
            else (None, None)
        )

    def _bad_row(self, row: int, subcode: int, title: str) -> Refusal:
        where = f"data[{row}]" if self.names_rows else ""
        return self._invalid(subcode, title, where, is_too_old=subcode == _TOO_OLD)

    def _invalid(
        self, subcode: int | None, title: str, where: str = "", *, is_too_old: bool = False
    ) -> Refusal:
        error: dict[str, Any] = {"message": "Invalid parameter", "type": "OAuthException"}
        error |= {"code": 100, "error_user_title": title}
        if subcode is not None:
            error["error_subcode"] = subcode
        if where:
            error["error_user_msg"] = f"{where}: {title}"
        return Refusal(self._error(400, error), is_too_old=is_too_old)

    def _error(
        self, status: int, error: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        return as_json(status, {"error": error | {"fbtrace_id": self._trace()}}, headers)

    def _trace(self) -> str:
        return f"StandIn{self.requests:016d}"

    def _accepted(self, items: int) -> Answer:
        document = {"events_received": items, "messages": [], "fbtrace_id": self._trace()}
        return as_json(200, document)

    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        code = _THROTTLES[self.requests % len(_THROTTLES)]
        return self._error(400, {"message": "Request limit reached", "code": code}, headers)

    def _bad_token(self) -> Answer:
        error = {"message": "Error validating access token", "type": "OAuthException", "code": 190}
        return self._error(401, error)

    def _server_error(self, status: int) -> Answer:
        if status == 503:
            return Answer(503, b"", {})
        return self._error(
            status, {"message": "Service temporarily unavailable", "code": 2, "is_transient": True}
        )
