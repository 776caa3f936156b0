"""What Meta's replies mean. There is no verdict for single events: a count, or one error for all.

| reply | outcome | confidence |
|---|---|---|
| no error, `events_received` as many as were sent | accepted | high |
| no error, another count, or none | unknown: by the count alone nobody can say which; without a \
count by the HTTP status | medium |
| 100 with subcode 2804000 to 2804099 (2804003 too old, 2804009 Purchase without value, 2804019, \
2804050 …) | rejected: the event that was alone, or those that the error names by index; the \
others of the request failed, since it is refused whole | high; index medium |
| 100 without subcode, the error names an index | likewise, that event rejected | medium |
| 100 / 33, 803 (wrong id, no permission), 3, 10, 200 to 299 (permission) | failed | high |
| 190, 102 (token) | failed | high |
| 1, 2, 341, 368, 5000, 21009, `is_transient` | failed: Meta's own fault | medium |
| 4, 17, 32, 613, 80003, 80004 … | failed: too many calls | high |
| any other code above 0 | failed: refused, and not known to be for good | none |
| 0 or below (-2: time-out) | unknown | low |

`failed` is right for a refusal that nobody has explained: nothing was taken, so sending again
counts nothing twice, while `rejected` would keep the event out of the backfill. The code of a
verdict is `100/2804003`, code and subcode, or the code alone.

An index stands in the error's words as `data[3]…` or `$['data'][3]…`, after which come the names
of fields; `custom_data[0]` names no event.

Sources: developers.facebook.com, Conversions API, using the API (one invalid event refuses the
batch; at most 1,000) and server event (7 days); facebook-python-business-sdk, event_response;
rudder-transformer's facebook_pixel network handler and fixtures; facebook-nodejs-business-sdk
issue 258 and two public projects for the index. DESIGN §4 for replies without a code.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from archiver.destinations.base import Reply, Verdict
from archiver.destinations.logged_requests import text_or_none
from archiver.destinations.reply_bodies import (
    advice_by_status,
    is_success,
    judged_by_status,
    read_reply,
    status_code,
    whole_number,
)
from archiver.destinations.requests import Advice

_INVALID_PARAMETER = 100
_FIRST_EVENT_SUBCODE, _LAST_EVENT_SUBCODE = 2804000, 2804099
_PASSING = frozenset({1, 2, 4, 17, 32, 341, 368, 613, 5000, 21009})
_USE_CASE_LIMITS = range(80000, 80100)
_LASTING = frozenset({3, 10, _INVALID_PARAMETER, 102, 190, *range(200, 300), 803})
_ROW = re.compile(r"""(?:\bdata|\[["']data["']\])\[([0-9]{1,9})\]""", re.IGNORECASE)


class _Body(msgspec.Struct):
    error: Any = None
    events_received: Any = None
    messages: Any = None
    fbtrace_id: Any = None


_decoder = msgspec.json.Decoder(_Body)


def judge(http_status: int | None, reply: bytes | None, items: int) -> Reply:
    """Decide what a reply means for each of `items` events (see `ApiLogReader.judge`)."""
    body = read_reply(reply, _decoder) or _Body()
    if isinstance(body.error, dict):
        return _refused(http_status, body.error, items)
    request_id = text_or_none(body.fbtrace_id)
    message = _joined(body.messages if isinstance(body.messages, list) else [])
    received = whole_number(body.events_received)
    if received is None:
        return judged_by_status(http_status, items, message, request_id)
    took_all = received == items and is_success(http_status)
    if not took_all:
        message = _joined([f"{received} of {items} events received", message])
    verdict = Verdict("accepted" if took_all else "unknown", status_code(http_status), message)
    return Reply(request_id, (verdict,) * items)


def advise(http_status: int | None, reply: bytes | None, items: int) -> Advice:
    """What to do after a reply to a request of `items` events (see `RequestBuilder.advise`).

    What throttles, is Meta's own fault or called transient by it passes: 1, 2, 4, 17, 32, 341, 368,
    613, 5000, 21009, 800xx. A token, a permission or a wrong id stops the upload; so does a refusal
    that nobody has explained, unless its HTTP status blames the server. A count of events that is
    not the one that was sent says nothing: some of them may have landed. Confidence as in the table
    above.
    """
    body = read_reply(reply, _decoder) or _Body()
    if not isinstance(body.error, dict):
        received = whole_number(body.events_received)
        if received is None:
            return advice_by_status(http_status)
        return Advice("done" if received == items and is_success(http_status) else "unsure")
    number = whole_number(body.error.get("code"))
    if number is None:
        return advice_by_status(http_status)
    if number <= 0:
        return Advice("unsure")
    if body.error.get("is_transient") is True or number in _PASSING or number in _USE_CASE_LIMITS:
        return Advice("wait")
    subcode = whole_number(body.error.get("error_subcode"))
    if number == _INVALID_PARAMETER and _is_about_event(subcode):
        rows = tuple(sorted(row for row in _rows(body.error) if row < items))
        if rows or subcode is not None:
            return Advice("done") if items == 1 else Advice("isolate", rows)
    is_servers_fault = http_status is not None and http_status >= 500
    return Advice("wait" if is_servers_fault and number not in _LASTING else "stop")


def _refused(http_status: int | None, error: dict[str, Any], items: int) -> Reply:
    request_id = text_or_none(error.get("fbtrace_id"))
    message = _joined([error.get("message"), error.get("error_user_title")])
    number, subcode = whole_number(error.get("code")), whole_number(error.get("error_subcode"))
    if number is None:
        return judged_by_status(http_status, items, message, request_id)
    code = str(number) if subcode is None else f"{number}/{subcode}"
    if number <= 0:
        return Reply(request_id, (Verdict("unknown", code, message),) * items)
    failed = Verdict("failed", code, message)
    rejected = Verdict("rejected", code, message)
    is_transient = error.get("is_transient") is True
    if number != _INVALID_PARAMETER or is_transient or not _is_about_event(subcode):
        return Reply(request_id, (failed,) * items)
    if items == 1 and subcode is not None:
        return Reply(request_id, (rejected,))
    rows = _rows(error)
    return Reply(request_id, tuple(rejected if i in rows else failed for i in range(items)))


def _rows(error: dict[str, Any]) -> set[int]:
    """The events that an error names, by position."""
    told = [error.get(key) for key in ("message", "error_user_title", "error_user_msg")]
    return {int(row) for row in _ROW.findall(_joined(told) or "")}


def _is_about_event(subcode: int | None) -> bool:
    return subcode is None or _FIRST_EVENT_SUBCODE <= subcode <= _LAST_EVENT_SUBCODE


def _joined(texts: list[Any]) -> str | None:
    return ": ".join(text for text in texts if isinstance(text, str) and text) or None
