"""What a destination's own reply says, where a hub has kept it beside the HTTP status."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from archiver.destinations.base import ApiLogReader, Verdict
from archiver.destinations.json_text import repair_unicode, text_of

# Where hubs put the reply that they got: RudderStack's router writes {"response": "…"}, its
# transformer proxy {"destinationResponse": {"response": …}}. Source: rudder-server,
# router/worker.go (high); rudder-transformer, proxy responses (medium).
_WRAPPERS = ("response", "destinationResponse")
_DEEPEST = 4
# A status that means `failed` where the body says nothing. A reply whose verdict is `unknown` for
# its count alone shows by it that it has a say: under 200 a silent one is `unknown` as well.
_PROBE = 401
_COUNT = "events_received"

_Object = dict[str, msgspec.Raw]
_decoder = msgspec.json.Decoder(_Object)


def body_verdicts(
    reader: ApiLogReader, http_status: int | None, body: bytes, items: int
) -> tuple[Verdict, ...] | None:
    """The verdicts of a reply's body; None where only the HTTP status says anything.

    Hubs may keep the reply to a whole batch with each event of it. So Meta's count of one or more
    events, without an error, is taken for these events, and an error that names a row beyond them
    is `unknown`.

    Args:
        reader: the destination's type.
        http_status: HTTP status; None where none is known.
        body: a JSON object, JSON text that holds one, or anything else, which says nothing; the
            reply may stand in it as `response` or `destinationResponse`.
        items: events of which it is known that this is the reply to them.
    """
    for reply in _objects(body):
        counted = _counted(reply, items)
        verdicts = reader.judge(http_status, counted, items).verdicts
        if _differs(verdicts, reader.judge(http_status, None, items).verdicts):
            return verdicts
        probed = reader.judge(_PROBE, counted, items).verdicts
        if _differs(probed, reader.judge(_PROBE, None, items).verdicts):
            return verdicts
    return None


def _differs(said: tuple[Verdict, ...], bare: tuple[Verdict, ...]) -> bool:
    return any((a.outcome, a.code) != (b.outcome, b.code) for a, b in zip(said, bare, strict=True))


def _objects(body: bytes, depth: int = 0) -> Iterator[bytes]:
    """The object that a body is or holds, after those that are wrapped in it."""
    body = body.strip()
    try:
        if body[:1] == b'"':
            body = text_of(body).strip().encode()
        if body[:1] != b"{":
            return
        members = _members(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return
    if depth < _DEEPEST:
        for key in _WRAPPERS:
            if key in members:
                yield from _objects(bytes(members[key]), depth + 1)
    if members:
        yield body


def _members(body: bytes) -> _Object:
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError):
        return _decoder.decode(repair_unicode(body))


def _counted(reply: bytes, items: int) -> bytes:
    """The reply with a count of the batch's events made that of these."""
    if _COUNT.encode() not in reply:
        return reply
    members = _members(reply)
    count = bytes(members.get(_COUNT, b"")).strip(b'"')
    if not count.isdigit() or int(count[:9]) < 1:
        return reply
    return msgspec.json.encode({**members, _COUNT: msgspec.Raw(str(items).encode())})
