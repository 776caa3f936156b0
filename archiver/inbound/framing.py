"""Which framing a file has, told by how it begins."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import lru_cache
from itertools import islice

from archiver.inbound.arrays import frame_arrays
from archiver.inbound.fields import is_one_value
from archiver.inbound.frames import Framing
from archiver.inbound.json_spans import (
    WHITE,
    Object,
    elements,
    lenient_object,
    skip_space,
    value_end,
)
from archiver.inbound.lines import frame_lines
from archiver.inbound.objects import frame_objects

# How many records are looked at.
_LOOKED_AT = 100
# Where they nearly always are.
_BEGINNING_BYTES = 1 << 18
_LINE_END = re.compile(rb"[\r\n]")


@lru_cache(maxsize=1)
def framing_of(head: bytes) -> Framing:
    """The framing of a file that begins with these bytes.

    Lines, if the first line is one JSON value, or nothing better fits; elements of arrays, if the
    file begins with an array that is not just the first of several lines of other things;
    objects, if the first one spans lines, or all that follows are objects too.
    """
    text = head[skip_space(head, len(BOM_UTF8) if head.startswith(BOM_UTF8) else 0) :]
    line, rest = _first_line(text)
    if text[:1] == b"[":
        return frame_arrays if _is_array(text, line, rest) else frame_lines
    if text[:1] != b"{" or is_one_value(line):
        return frame_lines
    return frame_objects if _are_objects(text, line, rest) else frame_lines


@lru_cache(maxsize=1)
def first_objects(head: bytes) -> list[Object]:
    """The members of the first records that are objects, also of one that breaks off."""
    beginning = head[:_BEGINNING_BYTES]
    found = _objects(head, beginning)
    return found if found or len(beginning) == len(head) else _objects(head, head)


def _objects(head: bytes, part: bytes) -> list[Object]:
    frames = framing_of(head)(iter([part]))
    records = islice((record for frame in frames for record in frame.records), _LOOKED_AT)
    return [members for record in records if (members := lenient_object(record))]


def is_single(head: bytes) -> bool:
    """Whether the file is one JSON object: the body of a request."""
    text = head.removeprefix(BOM_UTF8)
    return text.lstrip(WHITE).startswith(b"{") and is_one_value(text)


def _first_line(text: bytes) -> tuple[bytes, bytes]:
    """The first line, and what follows it, without white space before it."""
    end = _LINE_END.search(text)
    if end is None:
        return text, b""
    return text[: end.start()], text[skip_space(text, end.end()) :]


def _are_objects(text: bytes, line: bytes, rest: bytes) -> bool:
    """Whether text that begins with an object, and no line that is one, is best read as objects.

    In a file of lines with bad ones this would make one record of all that follows.
    """
    end = value_end(text, 0)
    if end is None or not is_one_value(text[:end]):
        return bool(rest) and not _are_lines(text)
    if end > len(line):
        return True
    frame = next(frame_objects(iter([text[:_BEGINNING_BYTES]])))
    return all(map(is_one_value, frame.records[:_LOOKED_AT]))


def _are_lines(text: bytes) -> bool:
    """Whether at least half of the first lines are by themselves objects."""
    lines = [line for line in _LINE_END.split(text[:_BEGINNING_BYTES]) if line.strip(WHITE)]
    looked_at = lines[:_LOOKED_AT]
    objects = [line for line in looked_at if line.lstrip(WHITE)[:1] == b"{" and is_one_value(line)]
    return 2 * len(objects) >= len(looked_at)


def _is_array(text: bytes, line: bytes, rest: bytes) -> bool:
    if not rest:
        return True
    if is_one_value(line):
        found = elements(line, 1)
        return bool(found.spans) and all(line[n : n + 1] == b"{" for n, _ in found.spans)
    return not _are_lines(text)
