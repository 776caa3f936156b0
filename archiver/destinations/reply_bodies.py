"""Bodies of replies, as far as all JSON APIs are alike: how they are read, and what if not."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from archiver.destinations.base import Reply, Verdict, outcome_of_status
from archiver.destinations.json_text import repair_unicode, text_of
from archiver.destinations.requests import Advice

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]{1,9}")


def read_reply(reply: bytes | None, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Decode a reply's body: JSON text, or a JSON string that holds it; None where it is neither.

    None too where it is not what the decoder takes, as an HTML page of a proxy.
    """
    if not reply:
        return None
    try:
        if reply.lstrip()[:1] == b'"':
            reply = text_of(reply).encode()
        return decoder.decode(repair_unicode(reply))
    except (msgspec.MsgspecError, RecursionError):
        return None


def whole_number(value: object) -> int | None:
    """A code or a count: a whole number, or its text; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        return None
    return int(value)


def is_success(http_status: int | None) -> bool:
    """Whether a status says nothing against the body: 2xx, or none was logged."""
    return http_status is None or 200 <= http_status < 300


def status_code(http_status: int | None) -> str:
    """The code of a verdict where the body has none: the HTTP status, else `no_reply`."""
    return "no_reply" if http_status is None else str(http_status)


def judged_by_status(
    http_status: int | None, items: int, message: str | None = None, request_id: str | None = None
) -> Reply:
    """The same verdict for every event, from the HTTP status alone (DESIGN §4)."""
    verdict = Verdict(outcome_of_status(http_status), status_code(http_status), message)
    return Reply(request_id, (verdict,) * items)


def advice_by_status(http_status: int | None) -> Advice:
    """What to do after a reply without a code of its own.

    401 and 403 need somebody to mend the token; 429, 500 and 503 pass; 413 (too large) goes through
    in parts; another 4xx refused what was sent, and will again. Without a reply, after 408 (the
    server, or a proxy, gave up waiting) and after all else, it may have landed.
    """
    if http_status in (401, 403):
        return Advice("stop")
    if http_status in (429, 500, 503):
        return Advice("wait")
    if http_status == 408:
        return Advice("unsure")
    if http_status == 413:
        return Advice("isolate")
    if http_status is not None and 400 <= http_status < 500:
        return Advice("stop")
    return Advice("unsure")
