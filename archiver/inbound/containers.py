"""Containers, told by their magic bytes and never by their names: plain or gzip."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from io import BufferedRandom, BufferedReader

from isal import igzip, isal_zlib

from archiver.errors import CorruptInputError

CHUNK_BYTES = 4 << 20


class Stream:
    """A file's decompressed bytes in chunks, with their hash.

    Args:
        path: for messages.
        file: the opened file; read once, from its beginning.

    Attributes:
        container: `none` or `gzip`.
        bytes: decompressed bytes read so far.
    """

    def __init__(self, path: str, file: BufferedReader | BufferedRandom) -> None:
        self.path = path
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._read_bytes: Callable[[int], bytes] = file.peek
        self.container = "gzip" if self._read()[:2] == b"\x1f\x8b" else "none"
        self._read_bytes = file.read
        if self.container == "gzip":
            self._read_bytes = igzip.IGzipFile(fileobj=file, mode="rb").read  # type: ignore[no-untyped-call]
        self._head = self._read()

    @property
    def head(self) -> bytes:
        """The first chunk; it comes again from `chunks`."""
        return self._head

    def chunks(self) -> Iterator[bytes]:
        """All decompressed bytes.

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
        try:
            return self._read_bytes(CHUNK_BYTES)
        except EOFError:
            why = "the gzip data ends before its end marker"
        except (igzip.BadGzipFile, zlib.error, isal_zlib.error) as error:  # type: ignore[misc]
            why = f"the gzip data is damaged: {error}"
        except OSError as error:
            why = error.strerror or str(error)
        raise CorruptInputError(
            f"reading {self.path} after {self.bytes} bytes",
            why,
            "nothing of it was imported; deliver it again and re-run",
        )
