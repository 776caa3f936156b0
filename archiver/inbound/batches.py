"""Bodies that hold a batch of events, cut into the events and the rest."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from archiver.inbound.envelopes import defaults, is_event
from archiver.inbound.fields import is_one_value
from archiver.inbound.json_format import Enclosed, Item
from archiver.inbound.json_spans import (
    WHITE,
    elements,
    lenient_object,
    members,
    read_object,
    skip_space,
)

_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


def open_batch(record: bytes, path: tuple[str, ...]) -> Enclosed | None:
    """Cut a body into the items of its batch and the rest.

    Args:
        record: the body.
        path: keys that lead to the array of events.

    Returns:
        The items, each bad one by itself; where the body breaks off, the rest is the last item.
        The envelope is the body without what is inside the array; where the array breaks off, the
        beginning up to it. None where there is no such array, or nothing in it, or where the body
        is an event that happens to have one.
    """
    found: tuple[int, list[tuple[int, int]], int | None] | None
    is_whole = True
    try:
        found = _strict_spans(record, path)
    except (ValueError, RecursionError):
        found = _lenient_spans(record, path)
        is_whole = False
    if found is None:
        return None
    start, spans, rest = found
    if rest is not None:
        envelope = record[:start]
        # Cut behind its first item, of all places.
        has_item = bool(spans) or is_one_value(record[rest:])
    else:
        envelope = record[:start] + record[spans[-1][1] if spans else start :].lstrip(WHITE)
        has_item = bool(spans)
        if not is_whole and spans and not is_one_value(envelope):
            rest = skip_space(record, spans[-1][1])
    if not has_item or not is_utf8(envelope) or is_event(lenient_object(envelope)):
        return None
    if rest is not None and rest < len(record):
        spans = [*spans, (rest, len(record))]
    starts = [first for first, _ in spans[1:]]
    items = [
        Item(record[first:last], record[last:following])
        for (first, last), following in zip(spans, [*starts, len(record)], strict=True)
    ]
    before = record[: spans[0][0]]
    return Enclosed(before, items, envelope, defaults(envelope), is_broken=rest is not None)


def span_of(record: bytes, part: msgspec.Raw) -> tuple[int, int]:
    """Where a part, decoded from the record, stands in it: it is a view, not a copy."""
    view = pa.py_buffer(memoryview(part))
    start = view.address - pa.py_buffer(record).address
    return start, start + view.size


def _strict_spans(
    record: bytes, path: tuple[str, ...]
) -> tuple[int, list[tuple[int, int]], None] | None:
    part = msgspec.Raw(record)
    for key in path:
        found = read_object(part).get(key)
        if found is None:
            return None
        part = found
    return span_of(record, part)[0] + 1, [span_of(record, raw) for raw in _raws(part)], None


def _lenient_spans(
    record: bytes, path: tuple[str, ...]
) -> tuple[int, list[tuple[int, int]], int | None] | None:
    """The same by structure alone, and where the rest begins if the array breaks off."""
    start, end = 0, len(record)
    for key in path:
        span = members(record[start:end]).get(key)
        if span is None:
            return None
        start, end = start + span[0], end if span[1] is None else start + span[1]
    if record[start : start + 1] != b"[":
        return None
    found = elements(record, start + 1)
    return start + 1, found.spans, None if found.state == "closed" else found.stop


def is_utf8(data: bytes) -> bool:
    """Whether the bytes can stand in a column of text."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
