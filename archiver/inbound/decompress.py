"""Decompressors: they accept nothing but whole and sound data, and hold a few MiB at a time."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Protocol

import pyarrow as pa
from isal import igzip, igzip_lib, isal_zlib

# Small, since what is left of it behind a stream is copied once per stream.
_INPUT_BYTES = 64 << 10
# What the decoder may need besides its output: `xz -9` 65 MiB; zstd's own limit is 128 MiB.
_XZ_MEMORY_BYTES = 256 << 20

_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"  # a frame, a skippable frame
    rb"|(?P<bzip2>BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90))"
    rb"|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<zip>PK(?:\x03\x04|\x05\x06))"
)
MAGIC_BYTES = 10
_MAGIC_BEGINNINGS = (
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"BZh91AY&SY",
    b"\xfd7zXZ\x00",
    b"PK\x03\x04",
)

Read = Callable[[int], bytes]
"""At most this many bytes, empty only at the end."""


class UnreadableError(Exception):
    """Data that cannot be read whole.

    Attributes:
        why: the cause.
        hint: what to do next.
    """

    def __init__(self, why: str, hint: str = "deliver it again and re-run") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


class Source(Protocol):
    """Where compressed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most this many bytes, empty only at the end."""


def container_of(head: bytes) -> str:
    """The container of data that begins with these `MAGIC_BYTES` bytes.

    Returns:
        `gzip`, `zstd`, `bzip2`, `xz`, `zip` or `none`.

    Raises:
        UnreadableError: the data end within what all files of a container begin with.

    Source: RFC 1952 §2.3.1, RFC 8878 §3.1, the .xz format 1.1.0 §2.1.1.1, APPNOTE 6.3.10 §4.3.
    """
    match = _MAGIC.match(head)
    if match:
        return match.lastgroup or "none"
    if len(head) < MAGIC_BYTES and _is_cut_magic(head):
        raise UnreadableError("it ends within the first bytes of a container")
    return "none"


def _is_cut_magic(data: bytes) -> bool:
    """Whether all there is may be the beginning of a container; one letter may be a text, too."""
    is_letter = len(data) == 1 and data.isascii() and data != b"\x1f"
    return bool(data) and not is_letter and any(m.startswith(data) for m in _MAGIC_BEGINNINGS)


def decompressed(compression: str, source: Source) -> Read:
    """Reads the decompressed bytes of `source`, which stands at its beginning.

    Args:
        compression: `none`, `gzip`, `zstd`, `bzip2`, `xz` or `deflate` (without any header).
        source: is read to its end and never closed.

    Returns:
        A function that raises UnreadableError for data that is truncated, damaged, needs too much
        memory or has anything behind it that belongs to no stream, and passes on the OSError of
        a source that fails.
    """
    read = _DECOMPRESSORS[compression](source)

    def checked(size: int) -> bytes:
        try:
            return read(size)
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _unreadable(compression, error) from None

    return checked


_DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    OSError,  # bz2, gzip and pyarrow: without a number
    zlib.error,
    isal_zlib.error,  # type: ignore[assignment]
    igzip_lib.error,
    lzma.LZMAError,
    pa.ArrowException,
)


def _unreadable(compression: str, error: Exception) -> UnreadableError:
    text = str(error)
    if isinstance(error, EOFError) or "Truncated compressed stream" in text:
        return UnreadableError(f"the {compression} data ends before its end marker")
    if "memory" in text.lower():
        return UnreadableError(
            f"decompressing the {compression} data needs too much memory: {text}",
            "compress it with a window of at most 128 MiB and re-run",
        )
    return UnreadableError(f"the {compression} data is damaged: {text}")


class _Decoder(Protocol):
    """One stream, as the decompressor objects of bz2, lzma and isal read it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Streams:
    """Streams one behind the other.

    The files of bz2 and lzma would not do: they take a damaged second stream for the end.

    Args:
        source: the compressed bytes.
        decoder: makes the decoder of one stream.
        is_padded: whether zero bytes, a multiple of four, may follow a stream.
    """

    def __init__(
        self, source: Source, decoder: Callable[[], _Decoder], *, is_padded: bool = False
    ) -> None:
        self._source = source
        self._new_decoder = decoder
        self._is_padded = is_padded
        self._decoder: _Decoder | None = decoder()
        self._pending = b""

    def read(self, size: int) -> bytes:
        while True:
            if self._decoder is None:
                if not self._is_another():
                    return b""
                self._decoder = self._new_decoder()
            data = b""
            is_hungry = self._decoder.needs_input
            if is_hungry:
                data = self._pending or self._source.read(_INPUT_BYTES)
                self._pending = b""
            # Also without input: bytes may be left in the decoder.
            piece = self._decoder.decompress(data, size)
            if self._decoder.eof:
                self._pending = self._decoder.unused_data
                self._decoder = None
            elif is_hungry and not data and not piece:
                raise EOFError
            if piece:
                return piece

    def _is_another(self) -> bool:
        """Whether something follows that is no padding; it then is `_pending`."""
        padding_bytes = 0
        while data := self._pending or self._source.read(_INPUT_BYTES):
            self._pending = data.lstrip(b"\0") if self._is_padded else data
            padding_bytes += len(data) - len(self._pending)
            if self._pending:
                break
        if padding_bytes % 4:
            raise lzma.LZMAError("the padding is not a multiple of four bytes")
        return bool(self._pending)


class _Borrowed:
    """A source for pyarrow, which would close the file behind it."""

    closed = False

    def __init__(self, source: Source) -> None:
        self.read = source.read

    def close(self) -> None:
        pass


def _gzip(source: Source) -> Read:
    return igzip.IGzipFile(fileobj=source, mode="rb").read  # type: ignore[no-untyped-call]


def _zstd(source: Source) -> Read:
    file = pa.PythonFile(_Borrowed(source), "r")
    return pa.CompressedInputStream(file, "zstd").read  # type: ignore[no-any-return]


def _bzip2(source: Source) -> Read:
    return _Streams(source, bz2.BZ2Decompressor).read


def _xz(source: Source) -> Read:
    def decoder() -> _Decoder:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)

    return _Streams(source, decoder, is_padded=True).read


def _deflate(source: Source) -> Read:
    return _Streams(source, lambda: igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)).read


_DECOMPRESSORS: dict[str, Callable[[Source], Read]] = {
    "none": lambda source: source.read,
    "gzip": _gzip,
    "zstd": _zstd,
    "bzip2": _bzip2,
    "xz": _xz,
    "deflate": _deflate,
}
