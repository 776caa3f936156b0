"""The elements of JSON arrays: of one, or of several one after the other."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

import msgspec

from archiver.inbound.frames import Buffer, Frame, with_head
from archiver.inbound.json_spans import WHITE, Elements, elements, skip_space

_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_BETWEEN = re.compile(rb"[ \t\r\n,]*+")
# So much of an element's beginning is looked for to find where the last whole one may end.
_SAME_BYTES = 8
_GUESSES = 4


def frame_arrays(chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Elements of arrays, each delimited by itself, so that one bad element costs no other.

    Where an array breaks off (its end is missing, a comma stands alone, or something else than an
    array follows), the rest of the file is one record.
    """
    _, chunks = with_head(chunks)
    reader = _ArrayReader()
    buffer = Buffer()
    for chunk in chunks:
        if buffer.add(chunk):
            yield from reader.read(buffer.take())
            buffer.keep(reader.rest)
    yield from reader.read(buffer.take(), is_last=True)


class _ArrayReader:
    """Delimits the elements in one part of the file after the other.

    Attributes:
        rest: what of the last part has not been given out yet.
    """

    def __init__(self) -> None:
        self.rest = b""
        self._is_start = True
        self._is_inside = False
        self._is_first = True
        self._is_broken = False
        self._before = b""

    def read(self, data: bytes, *, is_last: bool = False) -> Iterator[Frame]:
        if self._is_start and data.startswith(BOM_UTF8):
            data = self._skip(data, len(BOM_UTF8))
        self._is_start = False
        while data and not self._is_broken:
            if not self._is_inside:
                at = skip_space(data, 0)
                self._is_broken = at < len(data) and data[at : at + 1] != b"["
                self._is_inside = self._is_first = at < len(data) and not self._is_broken
                data = self._skip(data, at + self._is_inside)
                continue
            found = _whole_elements(data, is_last=is_last) or elements(
                data, 0, is_first=self._is_first
            )
            if found.spans:
                yield self._frame(data, found)
                data = data[found.stop :]
                self._is_first = False
            else:
                data = self._skip(data, found.stop)
            self._is_broken = found.state == "broken"
            self._is_inside = found.state == "open"
            if self._is_inside:
                break
        self.rest = data
        if is_last:
            yield self._last(data)

    def _skip(self, data: bytes, count: int) -> bytes:
        self._before += data[:count]
        return data[count:]

    def _frame(self, data: bytes, found: Elements) -> Frame:
        spans = found.spans
        starts = [start for start, _ in spans[1:]]
        after = [data[end:n] for (_, end), n in zip(spans, [*starts, found.stop], strict=True)]
        before, self._before = self._before + data[: spans[0][0]], b""
        return Frame(before, [data[start:end] for start, end in spans], after)

    def _last(self, data: bytes) -> Frame:
        """What is left at the end of the file: nothing, or the rest of what breaks off."""
        rest = data.rstrip(WHITE)
        if not rest:
            return Frame(self._before + data, [], [], is_broken=self._is_inside)
        # An array that lacks only its end may have a whole last element.
        return Frame(self._before, [rest], [data[len(rest) :]], is_broken=True)


def _whole_elements(data: bytes, *, is_last: bool) -> Elements | None:
    """The elements as the fast reader finds them; None where it cannot."""
    if is_last:
        try:
            return _spans(data, _raws(b"[" + data), len(data), "closed")
        except (ValueError, RecursionError):
            return None
    # If the data up to a comma are whole elements, the fast reader takes them as an array. That
    # comma is looked for before the last text that begins as the first element does.
    start = skip_space(data, 0)
    pattern = data[start : start + _SAME_BYTES]
    place = len(data)
    for _ in range(_GUESSES):
        place = data.rfind(pattern, start + _SAME_BYTES, place)
        if place < 0:
            return None
        comma = len(data[:place].rstrip(WHITE)) - 1
        if data[comma] != ord(","):
            continue
        try:
            return _spans(data, _raws(b"[" + data[:comma] + b"]"), place, "open")
        except (ValueError, RecursionError):
            continue
    return None


def _spans(data: bytes, raws: list[msgspec.Raw], stop: int, state: str) -> Elements:
    spans: list[tuple[int, int]] = []
    end = 0
    for raw in raws:
        between = _BETWEEN.match(data, end)
        assert between
        start = between.end()
        end = start + len(memoryview(raw))
        spans.append((start, end))
    return Elements(spans, stop, "closed" if state == "closed" else "open")
