"""What the replies of Segment's HTTP API mean. None says that a destination got anything.

| reply | outcome | code |
|---|---|---|
| 200 `{"success": true}` | unknown: the hub took it, the destination may have | handed_to_hub |
| 400, 413, 422 with a code or `"success": false` | of one event: rejected; else failed | its code |
| 401, 403, 429, 500, 503 | failed | its code, else the status |
| anything else, or nothing | unknown | the status, or no_reply |

Sources: Segment's documentation of its HTTP API and of delivery (200, 400, 429: high); Segment's
analytics-python, request.py (code and message in the body: medium).
"""

from __future__ import annotations

from typing import Any

import msgspec

from archiver.destinations.base import Reply, Verdict, outcome_of_status
from archiver.destinations.logged_requests import text_or_none
from archiver.destinations.reply_bodies import (
    advice_by_status,
    is_success,
    read_reply,
    status_code,
)
from archiver.destinations.requests import Advice

HANDED = "handed_to_hub"
_REFUSED = frozenset({400, 413, 422})


class _Body(msgspec.Struct):
    success: Any = None
    code: Any = None
    message: Any = None


_decoder = msgspec.json.Decoder(_Body)


def judge(http_status: int | None, reply: bytes | None, items: int) -> Reply:
    """Decide what a reply means for each of `items` events (see `ApiLogReader.judge`)."""
    body = read_reply(reply, _decoder) or _Body()
    code = text_or_none(body.code)
    if is_success(http_status) and body.success is True:
        verdict = Verdict("unknown", HANDED, None)
    else:
        outcome = outcome_of_status(http_status)
        if http_status in _REFUSED and (code is not None or body.success is False):
            outcome = "rejected" if items == 1 else "failed"
        verdict = Verdict(outcome, code or status_code(http_status), text_or_none(body.message))
    return Reply(None, (verdict,) * items)


def advise(http_status: int | None, reply: bytes | None, items: int) -> Advice:
    """What to do after a reply to a request of `items` events (see `RequestBuilder.advise`).

    A request that is too large or cannot be read is sent again in parts, whatever its body says:
    what Segment took of it, it recognises.
    """
    body = read_reply(reply, _decoder) or _Body()
    if is_success(http_status) and body.success is True:
        return Advice("done")
    if http_status in _REFUSED:
        return Advice("done") if items == 1 else Advice("isolate")
    return advice_by_status(http_status)
