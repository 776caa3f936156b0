"""From bytes to records: lines, elements of JSON arrays, or JSON objects one after the other.

A frame also has what stands between its records, so that nothing of a file is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from archiver.inbound.base import MAX_RECORD_BYTES, UnreadableInputError

HEAD_BYTES = 4 << 20


@dataclass(slots=True)
class Frame:
    """Some records of a file, in its order.

    Attributes:
        before: text before the first record that belongs to none.
        records: each one's bytes; none is blank.
        after: the text behind each record, or one text that stands behind each of them.
        is_broken: an array or object breaks off here; its rest, if any, is the only record.
    """

    before: bytes
    records: list[bytes]
    after: list[bytes] | bytes
    is_broken: bool = False


Framing = Callable[[Iterator[bytes]], Iterator[Frame]]


def with_head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD_BYTES at least, or the whole file, and all of its chunks."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= HEAD_BYTES:
            break
    head = parts[0] if len(parts) == 1 else b"".join(parts)
    return head, chain([head] if head else [], chunks)


class Buffer:
    """Bytes that wait for the rest of their record.

    Scanning them again at each chunk would cost the square of a long record's size: they are given
    out only when there are twice as many as the last time.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = 0

    def add(self, chunk: bytes) -> bool:
        """Take a chunk; whether there is enough to look at."""
        self._parts.append(chunk)
        self._size += len(chunk)
        check_size(self._size)
        return self._size >= self._wanted

    def take(self) -> bytes:
        """All of them."""
        data = b"".join(self._parts)
        self._parts, self._size, self._wanted = [], 0, 0
        return data

    def keep(self, rest: bytes) -> None:
        """Put back what is no whole record yet."""
        self._parts, self._size, self._wanted = [rest], len(rest), 2 * len(rest)


def check_size(size_bytes: int) -> None:
    """Refuse a record that neither memory nor the archive's columns can hold."""
    if size_bytes > MAX_RECORD_BYTES:
        raise UnreadableInputError(
            f"one record is larger than {MAX_RECORD_BYTES >> 20} MiB",
            "nothing of it was imported; split the record, or see which format the file has",
        )
