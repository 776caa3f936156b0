"""What an envelope says about the events that it enclosed: kept verbatim, merged for reading.

Sources: Segment's documentation of its HTTP API (a batch's `context` and `integrations` are merged
with each item's own, which win; `sentAt` holds for all); RudderStack's server (a gateway body's
`receivedAt` and a stored job's time of creation hold for its events). Whether Segment merges below
the first level of `context` is not documented: here an item's member replaces the batch's of the
same name as a whole.
"""

from __future__ import annotations

import msgspec

from archiver.inbound.fields import is_one_value, text_of
from archiver.inbound.json_spans import Object, lenient_object, read_object

_NULL = msgspec.Raw(b"null")
_MERGED = ("context", "integrations")
# The event's key → its names in an envelope, best first.
_SHARED = {"sentAt": ("sentAt",), "receivedAt": ("receivedAt", "createdAt", "CreatedAt")}
_COLUMNS = {"sentAt": "sent_at", "receivedAt": "received_at", "messageId": "message_id"}


def as_read(payload: str, envelope: str | None) -> str:
    """An event as its readers should see it: with what its envelope says for it.

    Args:
        payload: the event's own text.
        envelope: the rest of what enclosed it, or None.

    Returns:
        JSON text of one object; the payload itself where the envelope adds nothing. Values keep
        their text. Of equal keys the last is left.
    """
    if envelope is None:
        return payload
    around = _layers(envelope.encode())
    shared = _shared(around)
    for key in _MERGED:
        for layer in around:
            if bytes(layer.get(key, _NULL))[:1] == b"{":
                shared[key] = layer[key]
                break
    if not shared:
        return payload
    event = lenient_object(payload.encode())
    for key in shared:
        own = event.get(key, _NULL)
        if key in _MERGED and bytes(own)[:1] == b"{":
            members = lenient_object(own)
            given = {name: raw for name, raw in members.items() if bytes(raw) != b"null"}
            merged = members | lenient_object(shared[key]) | given
            event[key] = msgspec.Raw(msgspec.json.encode(merged))
        elif bytes(own) == b"null":
            event[key] = shared[key]
    return msgspec.json.encode(event).decode()


def defaults(envelope: bytes) -> dict[str, str]:
    """Column → what holds for an event that does not say it itself."""
    texts = {_COLUMNS[key]: text_of(raw) for key, raw in _shared(_layers(envelope)).items()}
    return {column: text for column, text in texts.items() if text is not None}


def is_event(members: Object) -> bool:
    """Whether an object is an event itself, whatever else it holds: no envelope says these."""
    return "type" in members or {"event", "messageId"} <= members.keys()


def _shared(around: list[Object]) -> Object:
    """The event's keys that hold for each event in the envelope."""
    found: Object = {}
    for layer in around:
        for key, names in _SHARED.items():
            given = [layer[name] for name in names if bytes(layer.get(name, _NULL)) != b"null"]
            if given:
                found.setdefault(key, given[0])
        # A batch's own id, if it has one, is none of its events'.
        if "payload" in layer and bytes(layer.get("messageId", _NULL)) != b"null":
            found.setdefault("messageId", layer["messageId"])
    return found


def _layers(envelope: bytes) -> list[Object]:
    """The objects around the events, innermost first; of one that is bad what is valid in it."""
    try:
        outer = read_object(envelope)
        inner = outer.get("EventPayload")
        return [outer] if inner is None else [lenient_object(inner), outer]
    except (ValueError, RecursionError):
        outer = lenient_object(envelope)
        inner = outer.get("EventPayload")
        bad = [outer] if inner is None else [lenient_object(inner), outer]
        return [{k: raw for k, raw in layer.items() if is_one_value(bytes(raw))} for layer in bad]
