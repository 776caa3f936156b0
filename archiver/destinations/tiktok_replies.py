"""What TikTok's replies mean. HTTP 200 says nothing: the body's `code` decides.

| code | outcome | confidence |
|---|---|---|
| 0 | accepted | high |
| 20001, other 2xxxx | unknown: a partial success that names no rows | medium, low |
| 40002 | rejected: the event that was alone, or those that the message names by index; the others \
of the request failed, since it is refused whole | high; index medium |
| 40002 that names a field of the request's root, as `event_source_id` | failed: no event is at \
fault | low |
| 40001 | failed: no permission, or a bad token | high |
| 40100 | failed: too many requests | high |
| 401xx (40101, 40105, 40106, 40131, 40133 …) | failed: quota, token, scope, advertiser | low |
| 5xxxx (50000, 50002 …), 6xxxx | failed: the server's fault, maintenance | low |
| other 4xxxx | failed: refused, and not known to be for good | low |
| anything else | unknown | none |

`failed` is right for a refusal that nobody has explained: nothing was taken, so sending again
counts nothing twice, while `rejected` would keep the event out of the backfill.

Sources: rudder-transformer's fixtures for tiktok_ads; stape-io/tiktok-tag issue 10; community lists
of TikTok Business API codes for those of low confidence. DESIGN §4 for replies without a code.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from archiver.destinations.base import Outcome, Reply, Verdict
from archiver.destinations.logged_requests import text_or_none
from archiver.destinations.reply_bodies import (
    advice_by_status,
    judged_by_status,
    read_reply,
    whole_number,
)
from archiver.destinations.requests import Advice

_ACCEPTED = 0
_BAD_PARAMETER = 40002
_PASSING = frozenset({40100, 40101})

# `Batch.0.properties.contents.0.content_id: …`, `data.3.event_time …`, `data[3] …`
_ROW = re.compile(r"\b(?:batch|data)(?:\.([0-9]+)\b|\[([0-9]+)\])", re.IGNORECASE)


# Fields of the request's root: with a wrong one every event would be refused, one by one.
_ROOT_FIELD = re.compile(r"\b(?:event_source(?:_id)?|pixel_code|partner_name)\b")


class _Body(msgspec.Struct):
    code: Any = UNSET
    message: Any = None
    request_id: Any = None


_decoder = msgspec.json.Decoder(_Body)


def judge(http_status: int | None, reply: bytes | None, items: int) -> Reply:
    """Decide what a reply means for each of `items` events (see `ApiLogReader.judge`)."""
    body = read_reply(reply, _decoder) or _Body()
    message = text_or_none(body.message)
    request_id = text_or_none(body.request_id)
    code = whole_number(body.code)
    if code is None:
        return judged_by_status(http_status, items, message, request_id)
    verdict = Verdict(_outcome(code), str(code), message)
    if code != _BAD_PARAMETER:
        return Reply(request_id, (verdict,) * items)
    rejected = Verdict("rejected", str(code), message)
    rows = _rows(message or "", items)
    if _is_of_root(message or "", rows):
        return Reply(request_id, (verdict,) * items)
    if items == 1:
        return Reply(request_id, (rejected,))
    return Reply(request_id, tuple(rejected if i in rows else verdict for i in range(items)))


def advise(http_status: int | None, reply: bytes | None, items: int) -> Advice:
    """What to do after a reply to a request of `items` events (see `RequestBuilder.advise`).

    A token, a scope, an advertiser or a pixel at fault (40001, 40105, 40106, 40131, 40133, 40300)
    stops the upload; so does a field of the root (40002) and a refusal that nobody has explained.
    40100, 40101 (quota), 5xxxx and 6xxxx pass. Confidence as in the table above.
    """
    body = read_reply(reply, _decoder) or _Body()
    code = whole_number(body.code)
    if code is None:
        return advice_by_status(http_status)
    if code == _BAD_PARAMETER:
        message = text_or_none(body.message) or ""
        rows = _rows(message, items)
        if _is_of_root(message, rows):
            return Advice("stop")
        return Advice("done") if items == 1 else Advice("isolate", tuple(sorted(rows)))
    if code == _ACCEPTED:
        return Advice("done")
    if code in _PASSING or 50000 <= code < 70000:
        return Advice("wait")
    return Advice("stop") if 40000 <= code < 50000 else Advice("unsure")


def _outcome(code: int) -> Outcome:
    """The outcome for an event that a code does not single out."""
    if code == _ACCEPTED:
        return "accepted"
    return "failed" if 40000 <= code < 70000 else "unknown"


def _rows(message: str, items: int) -> set[int]:
    """The events that a message names, of those in the request."""
    named = {int(dotted or bracketed) for dotted, bracketed in _ROW.findall(message)}
    return {row for row in named if row < items}


def _is_of_root(message: str, rows: set[int]) -> bool:
    return not rows and _ROOT_FIELD.search(message) is not None
