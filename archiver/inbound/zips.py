"""Zip: its directory, held against what lies in the file, and the bytes of each of its files."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from typing import TYPE_CHECKING

from isal import isal_zlib

from archiver.inbound.decompress import UnreadableError, decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_UNPACK = "unpack it and re-run"
_COMPRESSIONS = {0: "none", 8: "deflate", 12: "bzip2"}
_ENCRYPTED = 1 << 0
_HAS_DESCRIPTOR = 1 << 3
_UTF8_NAME = 1 << 11
# The sizes behind a file whose header could not know them: 32 or 64 bits each, with a signature
# or without; some programs announce them and write none.
_DESCRIPTOR_BYTES = (0, 12, 16, 20, 24)
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_END_RECORD = struct.Struct("<4s4H2LH")

# What `zipfile` may raise for a damaged directory.
_DAMAGE = (zipfile.BadZipFile, struct.error, ValueError, EOFError)


@dataclass(frozen=True)
class ZippedFile:
    """One file of a zip.

    Attributes:
        name: as the zip names it.
        info: its entry in the directory.
        file: the zip.
        start: where its compressed bytes begin in the zip, in bytes.
    """

    name: str
    info: zipfile.ZipInfo
    file: BufferedReader | BufferedRandom
    start: int

    def open(self) -> BufferedReader:
        """Its decompressed bytes.

        Reading to the end raises UnreadableError where they are not those that the directory
        announces by size and CRC.

        Raises:
            UnreadableError: it is encrypted or compressed in an unknown way.
        """
        if self.info.flag_bits & _ENCRYPTED:
            raise UnreadableError("it is encrypted", _UNPACK)
        if self.info.compress_type not in _COMPRESSIONS:
            raise UnreadableError(
                f"its compression is not supported (method {self.info.compress_type} of zip)",
                _UNPACK,
            )
        return BufferedReader(_Contents(self))


def zipped_files(file: BufferedReader | BufferedRandom) -> list[ZippedFile]:
    """The files of a zip in the order of its directory, without folders and hidden files.

    Every byte in front of the directory must belong to one entry of it: so no file is lost with a
    damaged directory, or a zip appended to a zip.

    Raises:
        UnreadableError: the zip is truncated, damaged, or has something in it or behind it that
            belongs to no file.
        OSError: it cannot be read.
    """
    try:
        archive = zipfile.ZipFile(file)
        _check_end(file, archive.comment)
        starts = _starts(file, archive.filelist, archive.start_dir)
    except NotImplementedError as error:
        raise UnreadableError(f"it is not supported: {error}", _UNPACK) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged_directory(error) from None
    except _DAMAGE as error:
        raise _damaged_directory(error) from None
    return [
        ZippedFile(info.filename, info, file, starts[info.header_offset])
        for info in archive.filelist
        if not _is_folder(info) and not _is_hidden(info.filename)
    ]


def _damaged_directory(error: Exception) -> UnreadableError:
    return UnreadableError(f"the zip is truncated or its directory damaged: {error}")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith("/") and not info.file_size


def _is_hidden(name: str) -> bool:
    return any(
        part.startswith(".") or part == "__MACOSX"
        for part in re.split(r"[/\\]", name)
        if part not in (".", "..")
    )


def _check_end(file: BufferedReader | BufferedRandom, comment: bytes) -> None:
    """Refuse what `zipfile` passes over: bytes behind the end record and its comment."""
    file.seek(-_END_RECORD.size - len(comment), io.SEEK_END)
    signature, *_, comment_bytes = _END_RECORD.unpack(file.read(_END_RECORD.size))
    if signature != b"PK\x05\x06" or comment_bytes != len(comment):
        raise UnreadableError("the zip is truncated or has something behind its end")


def _starts(
    file: BufferedReader | BufferedRandom, infos: list[zipfile.ZipInfo], directory: int
) -> dict[int, int]:
    """Where the bytes of each entry begin, by the place of its header; all in bytes.

    Raises:
        UnreadableError: entries overlap, leave something out or have other names in their headers.
    """
    starts = {}
    ends = {0}  # where the next header may begin
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset not in ends:
            raise _gap(min(ends))
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) != _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise UnreadableError(
                f"the zip is damaged: {info.filename!r} is not where it should be"
            )
        _, _, flags, _, _, _, _, _, _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        encoding = "utf-8" if info.flag_bits & _UTF8_NAME else "cp437"
        if file.read(name_bytes) != info.orig_filename.encode(encoding):
            raise UnreadableError(f"the zip is damaged: {info.filename!r} has two names")
        start = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        starts[info.header_offset] = start
        end = start + info.compress_size
        has_descriptor = (flags | info.flag_bits) & _HAS_DESCRIPTOR
        ends = {end + more for more in _DESCRIPTOR_BYTES} if has_descriptor else {end}
    if directory not in ends:
        raise _gap(min(ends))
    return starts


def _gap(end: int) -> UnreadableError:
    return UnreadableError(
        f"the zip is damaged: what is at byte {end} of it is not what its directory says",
        "if other programs can read it, unpack it; else deliver it again; and re-run",
    )


class _Contents(io.RawIOBase):
    """The decompressed bytes of one file of a zip, checked against the directory.

    The reader of `zipfile` would not do: it decompresses bzip2 without a limit.
    """

    def __init__(self, zipped: ZippedFile) -> None:
        super().__init__()
        self._info = zipped.info
        self._read_bytes = decompressed(
            _COMPRESSIONS[zipped.info.compress_type],
            _Slice(zipped.file, zipped.start, zipped.info.compress_size),
        )
        self._bytes = 0
        self._crc = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        filled = 0
        # To the brim: who peeks at the beginning must see all of the magic bytes.
        while filled < len(view) and (piece := self._read_bytes(len(view) - filled)):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        self._crc = isal_zlib.crc32(view[:filled], self._crc)
        self._bytes += filled
        is_end = not filled and len(view) > 0
        if self._bytes > self._info.file_size or (is_end and self._bytes < self._info.file_size):
            raise UnreadableError("the zip is damaged: the size is not that in its directory")
        if is_end and self._crc != self._info.CRC:
            raise UnreadableError("the zip is damaged: the checksum is not that in its directory")
        return filled


class _Slice:
    """Some bytes of a file that others read too."""

    def __init__(self, file: BufferedReader | BufferedRandom, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._left = size

    def read(self, size: int, /) -> bytes:
        if not self._left:
            return b""
        self._file.seek(self._at)
        data = self._file.read(min(size, self._left))
        if not data:
            raise UnreadableError("the zip ended while it was read")
        self._at += len(data)
        self._left -= len(data)
        return data
