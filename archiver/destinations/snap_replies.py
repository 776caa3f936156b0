"""What Snap's replies mean: one status for the whole request, with reasons in words.

| reply | outcome | upload | confidence |
|---|---|---|---|
| 2xx, `status` VALID | accepted | done | high |
| 2xx, `status` SUCCESS | accepted | done | low |
| 2xx or 4xx, `status` INVALID, one event | rejected | done | medium |
| 4xx, INVALID, several events | failed: taken for refused whole | isolate | low |
| 2xx, INVALID, several events | unknown: some may have landed | unsure | low |
| 4xx, INVALID, 404 or words of token, permission or pixel | failed | stop | low |
| `event_logs` or `test_event`: a request that was only validated | failed | stop | medium |
| 401, 403 | failed | stop | medium |
| 429, 500, 503 | failed | wait | medium |
| 2xx with any other body; anything else | unknown | unsure; after 413 isolate, after another 4xx \
than 408 stop | none |

The number `event` of an error is not read: whether it is the position in the request, and from 0,
is nowhere said. `failed` is right for a refusal that nobody has explained: nothing was taken, so
sending again counts nothing twice.

Source: Snapchat/business-sdk-v3-java (api/openapi.yaml: EventResponse, ErrorDetails,
ValidateResponse; ConversionApiClient: VALID is success). DESIGN §4 for replies without a code.
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
)
from archiver.destinations.requests import Advice

_ACCEPTED = frozenset({"VALID", "SUCCESS"})
_REFUSED = frozenset({"INVALID", "FAILURE", "FAILED", "ERROR"})
# These statuses decide, whatever the words.
_PLAIN_STATUSES = frozenset({401, 403, 408, 429})
_ONLY_VALIDATED = "validate"
_ACCOUNT = re.compile(
    r"token|unauthori[sz]ed|authenticat|authori[sz]ation|permission|forbidden"
    r"|(?:pixel|asset|snap[ _]?app)[ _]?id",
    re.IGNORECASE,
)


class _Body(msgspec.Struct):
    status: Any = None
    reason: Any = None
    errors: Any = None
    event_logs: Any = None
    test_event: Any = None


_decoder = msgspec.json.Decoder(_Body)


def judge(http_status: int | None, reply: bytes | None, items: int) -> Reply:
    """Decide what a reply means for each of `items` events (see `ApiLogReader.judge`)."""
    body = read_reply(reply, _decoder) or _Body()
    status, words, code = _status(body), _words(body), _code(body)
    if _is_only_validated(body):
        verdict = Verdict("failed", _ONLY_VALIDATED, "validated, not recorded")
    elif is_success(http_status) and status in _ACCEPTED:
        verdict = Verdict("accepted", code, words)
    elif not _is_refusal(http_status, status):
        return judged_by_status(http_status, items, words)
    elif items == 1 and not _is_about_account(http_status, words):
        verdict = Verdict("rejected", code, words)
    else:
        verdict = Verdict("unknown" if is_success(http_status) else "failed", code, words)
    return Reply(None, (verdict,) * items)


def advise(http_status: int | None, reply: bytes | None, items: int) -> Advice:
    """What to do after a reply to a request of `items` events (see `RequestBuilder.advise`)."""
    body = read_reply(reply, _decoder) or _Body()
    status = _status(body)
    if _is_only_validated(body):
        return Advice("stop")
    if is_success(http_status) and status in _ACCEPTED:
        return Advice("done")
    if not _is_refusal(http_status, status):
        return advice_by_status(http_status)
    if _is_about_account(http_status, _words(body)):
        return Advice("unsure" if is_success(http_status) else "stop")
    if items == 1:
        return Advice("done")
    return Advice("unsure" if is_success(http_status) else "isolate")


def _status(body: _Body) -> str:
    return (text_or_none(body.status) or "").upper()


def _is_only_validated(body: _Body) -> bool:
    return body.event_logs is not None or body.test_event is True


def _is_refusal(http_status: int | None, status: str) -> bool:
    """Whether a reply refuses what was sent, in Snap's own words."""
    if http_status in _PLAIN_STATUSES or status not in _REFUSED:
        return False
    return http_status is not None and 200 <= http_status < 500


def _is_about_account(http_status: int | None, words: str | None) -> bool:
    return http_status == 404 or (words is not None and _ACCOUNT.search(words) is not None)


def _words(body: _Body) -> str | None:
    found = [body.reason, *_texts(body, "error_msgs")]
    return ": ".join(text for text in found if isinstance(text, str) and text) or None


def _code(body: _Body) -> str | None:
    codes = [code for code in _texts(body, "codes") if isinstance(code, str) and code]
    return codes[0] if codes else text_or_none(body.status)


def _texts(body: _Body, name: str) -> list[Any]:
    texts = body.errors.get(name) if isinstance(body.errors, dict) else None
    return texts if isinstance(texts, list) else []
