"""Files of whole JSON documents: one a line, or one that is spread over all lines of the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from archiver.destinations.json_text import repair_unicode
from archiver.receipts.base import MAX_RECORD_BYTES
from archiver.receipts.records import BOM, is_blank, numbered, without_line_end


def numbered_documents(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each document of a file with its number, without its line end.

    A file whose first line is no whole JSON value is one document if all of it is one, up to the
    size of a record; otherwise each line is a record, good or bad.
    """
    first = next((line for line in lines if not is_blank(line)), None)
    if first is None:
        return
    if _is_value(first):
        yield from numbered(chain([first], lines))
        return
    held = [first]
    size_bytes = len(first)
    while size_bytes <= MAX_RECORD_BYTES and (line := next(lines, None)) is not None:
        held.append(line)
        size_bytes += len(line)
    whole = b"".join(held)
    if size_bytes <= MAX_RECORD_BYTES and _is_value(whole):
        while is_blank(held[-1]):
            held.pop()
        yield 0, without_line_end(b"".join(held))
        return
    yield from numbered(chain(held, lines))


def _is_value(data: bytes) -> bool:
    try:
        msgspec.json.decode(repair_unicode(data.removeprefix(BOM)), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
