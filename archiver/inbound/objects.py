"""JSON objects one after the other, on one line or over several."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

from archiver.inbound.frames import Buffer, Frame, with_head
from archiver.inbound.json_spans import WHITE, skip_space, value_end

_JUNK = re.compile(rb"[^{\r\n]++")


def frame_objects(chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Objects delimited by their own braces, with or without white space between them.

    What stands between two objects and is no white space is a record, up to the end of its line.
    An object that the file does not end is a record too.
    """
    head, chunks = with_head(chunks)
    buffer = Buffer()
    before = BOM_UTF8 if head.startswith(BOM_UTF8) else b""
    skipped = len(before)
    for chunk in chunks:
        if not buffer.add(chunk):
            continue
        frame, rest = _delimit(before, buffer.take()[skipped:])
        skipped = 0
        if frame.records:
            yield frame
            before = b""
        else:
            before = frame.before
        buffer.keep(rest)
    rest = buffer.take()
    frame, rest = _delimit(before, rest, is_last=True)
    yield frame
    if rest:
        record = rest.rstrip(WHITE)
        yield Frame(b"", [record], [rest[len(record) :]], is_broken=True)


def _delimit(before: bytes, data: bytes, *, is_last: bool = False) -> tuple[Frame, bytes]:
    """The whole objects in the data, and what is not whole yet."""
    records: list[bytes] = []
    texts = [before]
    at = 0
    while True:
        start = skip_space(data, at)
        texts[-1] += data[at:start]
        at = start
        if at == len(data):
            break
        if data[at : at + 1] == b"{":
            end = value_end(data, at)
        else:
            junk = _JUNK.match(data, at)
            assert junk
            end = junk.end() if junk.end() < len(data) or is_last else None
            while end is not None and data[end - 1] in WHITE:
                end -= 1
        if end is None:
            break
        records.append(data[at:end])
        texts.append(b"")
        at = end
    return Frame(texts[0], records, texts[1:]), data[at:]
