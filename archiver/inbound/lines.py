"""One record a line."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

from archiver.inbound.fields import is_one_value
from archiver.inbound.frames import HEAD_BYTES, Frame, check_size, with_head
from archiver.inbound.json_spans import WHITE

_ANY_END = re.compile(rb"(\r\n|\r|\n)")


def frame_lines(chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Lines ended by LF, CRLF or CR; blank ones are no records, nor is a byte order mark.

    A CR inside a line that ends with LF is white space where the whole line is one JSON value, as
    JSON has it, and else the end of a line. In a file whose first MiBs have a CR and no LF, each
    CR ends a line.
    """
    head, chunks = with_head(chunks)
    has_cr_ends = b"\r" in head and b"\n" not in head[:HEAD_BYTES]
    split = _split_anywhere if has_cr_ends else _split_at_lf
    before = BOM_UTF8 if head.startswith(BOM_UTF8) else b""
    skipped = len(before)
    rest: list[bytes] = []
    rest_bytes = 0
    for chunk in chunks:
        chunk, skipped = (chunk[skipped:], 0) if skipped else (chunk, 0)
        lines, ends, last = split(chunk)
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest, rest_bytes = [], 0
            yield _without_blanks(before, *_cut_at_cr(lines, ends))
            before = b""
        rest.append(last)
        rest_bytes += len(last)
        check_size(rest_bytes)
    last = b"".join(rest)
    if before or last:
        yield _without_blanks(before, *_cut_at_cr([last], b""))


def _split_at_lf(chunk: bytes) -> tuple[list[bytes], list[bytes] | bytes, bytes]:
    """Whole lines, what ends them, and the beginning of the next."""
    lines = chunk.split(b"\n")
    last = lines.pop()
    return lines, b"\n", last


def _split_anywhere(chunk: bytes) -> tuple[list[bytes], list[bytes] | bytes, bytes]:
    parts = _ANY_END.split(chunk)
    return parts[:-1:2], parts[1::2], parts[-1]


def _cut_at_cr(
    lines: list[bytes], ends: list[bytes] | bytes
) -> tuple[list[bytes], list[bytes] | bytes]:
    """Lines without the CRs around them, and cut at the others where these are no white space."""
    if not isinstance(ends, bytes) or b"\r" not in b"".join(lines):
        return lines, ends
    cut: list[bytes] = []
    cut_ends: list[bytes] = []
    for line in lines:
        if b"\r" not in line:
            cut.append(line)
            cut_ends.append(ends)
            continue
        start, end = len(line) - len(line.lstrip(b"\r")), len(line.rstrip(b"\r"))
        if start:
            cut.append(b"")
            cut_ends.append(line[:start])
        line, end_text = line[start:end], line[max(start, end) :] + ends
        if b"\r" in line and not is_one_value(line):
            *earlier, line = line.split(b"\r")
            cut += earlier
            cut_ends += [b"\r"] * len(earlier)
        cut.append(line)
        cut_ends.append(end_text)
    return cut, cut_ends


def _without_blanks(before: bytes, lines: list[bytes], ends: list[bytes] | bytes) -> Frame:
    # `strip` gives back the same object where it has nothing to do: this costs next to nothing.
    if all(map(bytes.strip, lines)):
        return Frame(before, lines, ends)
    # Text before each record, and behind the last.
    records: list[bytes] = []
    texts: list[list[bytes]] = [[before]]
    for index, line in enumerate(lines):
        end = ends if isinstance(ends, bytes) else ends[index]
        if line.strip(WHITE):
            records.append(line)
            texts.append([end])
        else:
            texts[-1] += [line, end]
    first, *after = map(b"".join, texts)
    return Frame(first, records, after)
