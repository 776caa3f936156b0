"""What stands between the records of a file, kept so that the file can be rebuilt."""

from __future__ import annotations

# Text that belongs to no record (millions of blank lines, say) is kept in pieces of this size.
_PIECE_BYTES = 1 << 20


class Layout:
    """Collects the text between records, in the file's order; equal ones are counted, not kept.

    The rows are those of the archive's table `layouts`: text, and before how many of the next
    records it stands; before none: the text alone.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[bytes, int]] = []
        self._text = b""
        self._count = 0
        self._pending = bytearray()

    def between(self, text: bytes) -> None:
        """Text that belongs to no record."""
        self._pending += text
        while len(self._pending) > _PIECE_BYTES:
            self._close_run()
            self._rows.append((bytes(self._pending[:_PIECE_BYTES]), 0))
            del self._pending[:_PIECE_BYTES]

    def records(self, count: int, after: bytes) -> None:
        """So many records, each with the same text after it."""
        if not count:
            return
        self._records(bytes(self._pending), 1)
        self._records(after, count - 1)
        self._pending[:] = after

    def take(self) -> list[tuple[bytes, int]]:
        """The rows that are complete; each is given once."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> list[tuple[bytes, int]]:
        """The remaining rows, at the end of the file."""
        self._close_run()
        if self._pending:
            self._rows.append((bytes(self._pending), 0))
            self._pending.clear()
        return self.take()

    def _records(self, text: bytes, count: int) -> None:
        if count and text == self._text:
            self._count += count
        elif count:
            self._close_run()
            self._text, self._count = text, count

    def _close_run(self) -> None:
        if self._count:
            self._rows.append((self._text, self._count))
            self._count = 0
