"""What is common to the feeds of a destination: their bytes to lines, or to a Parquet file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, Generic, Protocol, TypeVar

from archiver.archive.staged import Chunk
from archiver.errors import ConfigError, CorruptInputError
from archiver.receipts.base import UnreadableReceiptsError
from archiver.receipts.parquet_rows import MAGIC, column_names

S = TypeVar("S")
R = TypeVar("R")


class LineFormat(Protocol):
    """A format of the feed; the settings and what it yields are the feed's own."""

    name: str

    def read(self, lines: Iterator[bytes], settings: Any) -> Iterator[Any]:
        """Read physical lines with their ends."""
        ...


class ParquetFormat(Protocol):
    """A format of the feed that comes as Parquet."""

    name: str

    def read_parquet(self, file: IO[bytes], settings: Any) -> Iterator[Any]:
        """Read a seekable file."""
        ...


@dataclass(frozen=True)
class FeedKind(Generic[S, R]):
    """What tells a feed of receipts from one of totals.

    Attributes:
        what: for messages.
        choose: the format by the beginning of a file of lines, or by a forced name.
        choose_by_columns: the format of a Parquet file.
        collect: makes rows of the records that a format yields, given the settings and the file's
            id; no record is left out.
    """

    what: str
    choose: Callable[[bytes, str | None], LineFormat]
    choose_by_columns: Callable[[Collection[str], str | None], ParquetFormat]
    collect: Callable[[Iterator[R], S, str], Iterator[Chunk]]


class FeedReader(Generic[S, R]):
    """Reads files of one feed.

    Args:
        kind: receipts or totals.
        settings: what the kind's formats and its `collect` take.
        destination: its name, for messages.
        forced: `auto`, or a format that the content is not asked about.
    """

    def __init__(self, kind: FeedKind[S, R], settings: S, destination: str, forced: str) -> None:
        self._kind = kind
        self._settings = settings
        self._destination = destination
        self._forced = None if forced == "auto" else forced
        if self._forced is not None:
            try:
                kind.choose(b"", self._forced)
            except ValueError as error:
                raise ConfigError(f"choosing the format of {kind.what}", str(error)) from None

    def choose(self, head: bytes) -> str:
        """Name of the format of a file that begins with these bytes, as far as they show it."""
        with self._explained(self._kind.what):
            return self._kind.choose(head, self._forced).name

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        """Read a file to its end; no record is left out."""
        first = next(chunks, b"")
        whole = chain([first], chunks)
        with self._explained(format_name):
            if not first.startswith(MAGIC):
                known = self._kind.choose(b"", format_name)
                yield from self._collected(known.read(split_lines(whole), self._settings), file_id)
                return
            with spooled(whole) as file:
                found = self._kind.choose_by_columns(column_names(file), self._forced)
                records = found.read_parquet(file, self._settings)
                for part in self._collected(records, file_id):
                    part.format = found.name
                    yield part

    def _collected(self, records: Iterator[R], file_id: str) -> Iterator[Chunk]:
        return self._kind.collect(records, self._settings, file_id)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except UnreadableReceiptsError as error:
            doing = f"reading {what} of {self._destination}"
            raise CorruptInputError(doing, error.why, error.hint) from None


@contextmanager
def spooled(chunks: Iterator[bytes]) -> Iterator[IO[bytes]]:
    """A file's bytes where they can be read in any order.

    The copy has no name: nothing of it is left however the run ends, and nothing is written into
    the archive.
    """
    with tempfile.TemporaryFile() as file:
        for chunk in chunks:
            file.write(chunk)
        file.seek(0)
        yield file


def split_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Physical lines with their ends."""
    rest: list[bytes] = []
    for chunk in chunks:
        lines = chunk.splitlines(keepends=True) if b"\r" not in chunk else _split(chunk)
        if not lines:
            continue
        if len(lines) == 1 and not lines[0].endswith(b"\n"):
            rest.append(lines[0])
            continue
        if rest:
            lines[0] = b"".join([*rest, lines[0]])
            rest = []
        if not lines[-1].endswith(b"\n"):
            rest = [lines.pop()]
        yield from lines
    if rest:
        yield b"".join(rest)


def _split(chunk: bytes) -> list[bytes]:
    """Lines ended by LF only: a lone CR may stand inside a quoted CSV cell."""
    lines = [line + b"\n" for line in chunk.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
