"""Records that hold one event under a key, cut into the event and the rest."""

from __future__ import annotations

from archiver.inbound.batches import is_utf8, span_of
from archiver.inbound.envelopes import defaults, is_event
from archiver.inbound.fields import is_one_value
from archiver.inbound.json_format import Enclosed, Item
from archiver.inbound.json_spans import lenient_object, members, read_object

_HOLE = b"null"


def open_hole(record: bytes, key: str) -> Enclosed | None:
    """Cut out the object under a key; the envelope has `null` in its place.

    The record still counts as a whole, and `fill_hole` gives its bytes back. None where the record
    is not one JSON object with an object under that key, or is an event that happens to have one.
    """
    try:
        part = read_object(record).get(key)
        span = None if part is None else span_of(record, part)
    except (ValueError, RecursionError):
        span = _lenient_span(record, key)
    if span is None or record[span[0] : span[0] + 1] != b"{":
        return None
    start, end = span
    envelope = record[:start] + _HOLE + record[end:]
    if not is_utf8(record) or is_event(lenient_object(envelope)):
        return None
    return Enclosed(b"", [Item(record[start:end], b"")], envelope, defaults(envelope))


def fill_hole(payload: bytes, envelope: bytes, key: str) -> bytes:
    """The record that was cut: the event in the place of the `null` under the key."""
    start = members(envelope)[key][0]
    return envelope[:start] + payload + envelope[start + len(_HOLE) :]


def has_hole(envelope: bytes, key: str) -> bool:
    """Whether the envelope is one that `open_hole` made."""
    span = members(envelope).get(key)
    return span is not None and envelope[span[0] : span[1]] == _HOLE


def _lenient_span(record: bytes, key: str) -> tuple[int, int] | None:
    span = members(record).get(key)
    if span is None or span[1] is None or not is_one_value(record):
        return None
    return span[0], span[1]
