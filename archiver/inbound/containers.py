"""Containers, told by their magic bytes and never by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader, BytesIO

from archiver.errors import CorruptInputError
from archiver.inbound.decompress import (
    MAGIC_BYTES,
    UnreadableError,
    container_of,
    decompressed,
)
from archiver.inbound.zips import zipped_files

CHUNK_BYTES = 4 << 20

File = BufferedReader | BufferedRandom


@dataclass(frozen=True)
class Member:
    """One file inside a container: the file itself, or one file of a zip.

    Attributes:
        path: of the container, for messages.
        name: the name inside the zip; None where the container is no zip, or a zip of no files.
    """

    path: str
    name: str | None
    _source: Callable[[], File]
    _outer: str = ""

    def open(self) -> Stream:
        """Its bytes from the beginning; ends the use of a stream opened before.

        Raises:
            CorruptInputError: it cannot be read.
        """
        shown = self.path if self.name is None else f"{self.path} ({self.name!r})"
        with _explained(shown):
            source = self._source()
        return Stream(shown, source, self._outer)


def members(path: str, file: File) -> list[Member]:
    """The files inside one file: those of a zip in the order of its directory, else one.

    Folders and hidden files of a zip are left out; a zip that holds nothing else is one member
    without a name and without bytes.

    Args:
        path: for messages.
        file: the opened file, seekable; it must stay open while members are read.

    Raises:
        CorruptInputError: the file is unreadable, or a zip with a damaged directory.
    """

    def whole() -> File:
        file.seek(0)
        return file

    with _explained(path):
        if container_of(whole().peek(MAGIC_BYTES)) != "zip":
            return [Member(path, None, whole)]
        zipped = [Member(path, entry.name, entry.open, "zip") for entry in zipped_files(file)]
    return zipped or [Member(path, None, _nothing, "zip")]


class Stream:
    """A file's decompressed bytes in chunks, with their hash.

    Args:
        path: for messages.
        file: at its beginning; is not closed.
        outer: `zip` for a file inside a zip.

    Attributes:
        container: `none`, `gzip`, `zstd`, `bzip2` or `xz`; inside a zip `zip`, or `zip+gzip` and
            so on where the file is compressed itself.
        bytes: decompressed bytes read so far.

    Raises:
        CorruptInputError: the beginning cannot be read, or is that of a zip.
    """

    def __init__(self, path: str, file: File, outer: str = "") -> None:
        self.path = path
        self.bytes = 0
        self._hash = hashlib.sha256()
        with _explained(path, self.bytes):
            container = container_of(file.peek(MAGIC_BYTES))
            if container == "zip":
                raise UnreadableError("it is a zip inside a zip", "unpack it and re-run")
            self._read_bytes = decompressed(container, file)
        is_plain_in_outer = outer and container == "none"
        self.container = outer if is_plain_in_outer else f"{outer}+{container}".lstrip("+")
        self._head = self._read()

    @property
    def head(self) -> bytes:
        """The first chunk; it comes again from `chunks`."""
        return self._head

    def chunks(self) -> Iterator[bytes]:
        """All decompressed bytes, in chunks of `CHUNK_BYTES` except for the last; none is empty.

        Raises:
            CorruptInputError: the container is truncated or damaged, or the file unreadable.
        """
        chunk = self._head
        while chunk:
            self.bytes += len(chunk)
            self._hash.update(chunk)
            yield chunk
            chunk = self._read()

    @property
    def file_id(self) -> str:
        """SHA-256 of the decompressed bytes read so far, hex."""
        return self._hash.hexdigest()

    def _read(self) -> bytes:
        with _explained(self.path, self.bytes):
            piece = self._read_bytes(CHUNK_BYTES)
            if not piece or len(piece) == CHUNK_BYTES:
                return piece
            # Pieces may be of a byte each; a list of them would weigh forty times that.
            chunk = BytesIO()
            chunk.write(piece)
            while missing := CHUNK_BYTES - chunk.tell():
                piece = self._read_bytes(missing)
                if not piece:
                    break
                chunk.write(piece)
            return chunk.getvalue()


def _nothing() -> BufferedReader:
    return BufferedReader(BytesIO())


@contextmanager
def _explained(path: str, read_bytes: int = 0) -> Iterator[None]:
    """Say of a failure which file it concerns and where."""
    try:
        yield
        return
    except UnreadableError as error:
        why, hint = error.why, error.hint
    except OSError as error:
        why, hint = error.strerror or str(error), "deliver it again and re-run"
    raise CorruptInputError(
        f"reading {path} after {read_bytes} bytes", why, f"nothing of it was imported; {hint}"
    ) from None
