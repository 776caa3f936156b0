"""Containers are told by their magic bytes; they give all of their bytes or an error."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import itertools
import lzma
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import event

from archiver.errors import CorruptInputError
from archiver.inbound.containers import CHUNK_BYTES, Member, Stream, members

ONE = event("m1") + b"\n" + bytes(range(50))
TWO = event("m2") + b"\n"
# As the zstd command writes them: with a checksum. "one\n" and "two\n"
ZSTD = [
    bytes.fromhex("28b52ffd04582100006f6e650adf166809"),
    bytes.fromhex("28b52ffd045821000074776f0a0f2d04f9"),
]
SKIPPABLE = bytes.fromhex("502a4d18 03000000") + b"any"


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(data)
    return sink.getvalue().to_pybytes()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


class _Pipe(io.RawIOBase):
    """Cannot be sought: sizes and checksums stand behind each file of the zip."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def zipped(
    *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    sink = io.BytesIO()
    write_zip(sink, *files, method=method, comment=comment)
    return sink.getvalue()


def piped_zip(*files: tuple[str, bytes]) -> bytes:
    sink = _Pipe()
    write_zip(sink, *files)
    return sink.data


def write_zip(
    sink: io.BytesIO | _Pipe,
    *files: tuple[str, bytes],
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> None:
    with zipfile.ZipFile(sink, "w", method) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = zipfile.ZipInfo(name, (2026, 1, 15, 12, 0, 0))
            archive.writestr(info, data, compress_type=method)
        archive.comment = comment


def opened(data: bytes) -> list[Member]:
    return members("web/a", io.BufferedReader(io.BytesIO(data)))  # type: ignore[arg-type]


def stream(data: bytes) -> Stream:
    (member,) = opened(data)
    return member.open()


def read(data: bytes) -> bytes:
    """What is in the one file."""
    return b"".join(stream(data).chunks())


def read_all(data: bytes) -> list[tuple[str | None, bytes]]:
    """What is in each file."""
    return [(member.name, b"".join(member.open().chunks())) for member in opened(data)]


@given(
    st.binary(max_size=300),
    st.lists(st.integers(0, 300), max_size=3),
    st.sampled_from(["none", *PACK]),
    st.booleans(),
)
def test_any_bytes_in_any_container_give_the_same_bytes_id_and_count(
    data: bytes, cuts: list[int], container: str, is_zipped: bool
) -> None:
    if container == "none":
        packed = b"{" + data
        data = packed
    else:
        bounds = [0, *sorted(cuts), len(data)]
        packed = b"".join(
            PACK[container](data[start:end]) for start, end in itertools.pairwise(bounds)
        )
    if is_zipped:
        packed = zipped(("a", packed))
        container = "zip" if container == "none" else f"zip+{container}"
    got = stream(packed)
    assert b"".join(got.chunks()) == data
    assert got.container == container
    assert got.file_id == hashlib.sha256(data).hexdigest()
    assert got.bytes == len(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ONE, id="a plain file, whatever its name"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"BZh1 is how bzip2 begins\n", id="text that begins like bzip2"),
        pytest.param(b"B", id="one letter"),
        pytest.param(b"PK is short for primary key\n", id="text that begins like zip"),
    ],
)
def test_what_has_no_magic_bytes_is_plain(data: bytes) -> None:
    got = stream(data)
    assert (got.container, got.head, b"".join(got.chunks())) == ("none", data, data)


@pytest.mark.parametrize(
    ("whole", "magic_bytes"),
    [
        *[(gzip.compress(ONE), 2), (zstd(ONE), 4), (bz2.compress(ONE), 10)],
        *[(lzma.compress(ONE), 6), (zipped(("a", ONE)), 4)],
    ],
)
def test_a_file_that_ends_within_its_magic_bytes_is_not_taken_for_text(
    whole: bytes, magic_bytes: int
) -> None:
    for size in range(2, magic_bytes):
        with pytest.raises(CorruptInputError, match="ends within the first bytes of a container"):
            stream(whole[:size])


@pytest.mark.parametrize(
    ("data", "content"),
    [
        pytest.param(b"".join(ZSTD), b"one\ntwo\n", id="zstd frames with checksums"),
        pytest.param(SKIPPABLE + ZSTD[0] + SKIPPABLE, b"one\n", id="zstd with skippable frames"),
        pytest.param(zstd(b"") + ZSTD[0], b"one\n", id="zstd with an empty frame first"),
        pytest.param(SKIPPABLE * 9000 + ZSTD[0], b"one\n", id="zstd after much to skip"),
        pytest.param(bz2.compress(b"") * 9000 + bz2.compress(ONE), ONE, id="empty bzip2 streams"),
        pytest.param(gzip.compress(ONE) + bytes(512), ONE, id="gzip with zeros behind it"),
        pytest.param(
            lzma.compress(ONE) + bytes(8) + lzma.compress(TWO) + bytes(1 << 17),
            ONE + TWO,
            id="xz with stream padding",
        ),
        pytest.param(lzma.compress(ONE, check=lzma.CHECK_NONE), ONE, id="xz without a check"),
    ],
)
def test_what_may_stand_between_and_behind(data: bytes, content: bytes) -> None:
    assert read(data) == content


def two_of(container: str) -> bytes:
    if container == "zstd":
        return b"".join(ZSTD)
    return PACK[container](ONE) + PACK[container](TWO)


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(two_of(name) + b"more", id=f"{name}, text behind it") for name in PACK),
        *(pytest.param(two_of(name) + b"\n", id=f"{name}, a line end behind it") for name in PACK),
        pytest.param(two_of("zstd") + bytes(4), id="zstd, zeros behind it"),
        pytest.param(two_of("bzip2") + bytes(4), id="bzip2, zeros behind it"),
        pytest.param(two_of("xz") + bytes(3), id="xz, padding of three bytes"),
        pytest.param(b"\x1f\x8b is how gzip begins", id="nothing of gzip but its magic bytes"),
        pytest.param(b"BZh9\x31AY&SY", id="nothing of bzip2 but its magic bytes"),
        pytest.param(b"\xfd7zXZ\0", id="nothing of xz but its magic bytes"),
        pytest.param(b"\x28\xb5\x2f\xfd", id="nothing of zstd but its magic bytes"),
        pytest.param(b"PK\3\4", id="nothing of zip but its magic bytes"),
    ],
)
def test_what_belongs_to_no_stream_is_an_error(data: bytes) -> None:
    with pytest.raises(CorruptInputError, match="nothing of it was imported"):
        read(data)


@pytest.mark.parametrize(
    ("container", "data"),
    [
        *((name, two_of(name)) for name in PACK),
        ("zip", zipped(("one", ONE), ("two", TWO))),
        ("zip", zipped(("one", ONE), ("two", TWO), method=zipfile.ZIP_STORED, comment=b"hi")),
        ("zip", zipped(("one", ONE), ("two", TWO), method=zipfile.ZIP_BZIP2)),
        ("zip", piped_zip(("one", ONE), ("two", TWO))),
    ],
)
def test_a_flipped_bit_or_a_missing_end_never_gives_other_bytes(
    container: str, data: bytes
) -> None:
    whole = [content for _, content in read_all(data)]
    magic_bytes = {"bzip2": 10, "xz": 6, "gzip": 2}.get(container, 4)
    # Cut between two streams it is a sound file: nothing in these formats says that one is missing.
    first = {"zstd": len(ZSTD[0]), "zip": -1}.get(container) or len(PACK[container](ONE))
    cut = [data[:end] for end in range(magic_bytes, len(data)) if end != first]
    for damaged in [*flipped(data, magic_bytes), *cut]:
        try:
            assert [content for _, content in read_all(damaged)] == whole
        except CorruptInputError:
            continue
        assert len(damaged) == len(data)


def flipped(data: bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(data)):
        for mask in (0x01, 0x10, 0x80, 0xFF):
            yield data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def test_the_error_says_what_where_why_and_what_next() -> None:
    with pytest.raises(CorruptInputError) as error:
        read(gzip.compress(ONE)[:-9])
    assert str(error.value) == (
        "reading web/a after 0 bytes: the gzip data ends before its end marker"
        " (nothing of it was imported; deliver it again and re-run)"
    )
    damaged = zipped(("in/b.gz", gzip.compress(ONE)[:-9]))
    with pytest.raises(CorruptInputError, match=r"reading web/a \('in/b.gz'\) after 0 bytes: the"):
        read(damaged)


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(CorruptInputError, match="reading web/a after 0 bytes: Input/output error"):
        members("web/a", io.BufferedReader(Failing()))  # type: ignore[arg-type]


def test_the_files_of_a_zip_come_in_the_order_of_its_directory() -> None:
    data = zipped(
        ("web/", b""),
        ("web/b.ndjson", ONE),
        ("a.gz", gzip.compress(TWO)),
        ("__MACOSX/web/b.ndjson", b"junk"),
        (".DS_Store", b"junk"),
        ("web/.git/config", b"junk"),
        ("./none.ndjson", b""),
        ("a.txt", TWO),
    )
    streams = [(member.name, member.open()) for member in opened(data)]
    assert [(name, got.container) for name, got in streams] == [
        ("web/b.ndjson", "zip"),
        ("a.gz", "zip+gzip"),
        ("./none.ndjson", "zip"),
        ("a.txt", "zip"),
    ]
    # Each at its own place, also when they are read in turn.
    assert [b"".join(got.chunks()) for _, got in streams] == [ONE, TWO, b"", TWO]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_both_files_of_one_name_are_read() -> None:
    assert read_all(zipped(("a", ONE), ("a", TWO))) == [("a", ONE), ("a", TWO)]


def test_a_folder_that_has_bytes_is_read() -> None:
    assert read_all(zipped(("web-", ONE)).replace(b"web-", b"web/")) == [("web/", ONE)]


@pytest.mark.parametrize("files", [[], [("web/", b"")], [(".hidden", b"junk")]])
def test_a_zip_of_no_files_is_a_file_of_no_bytes(files: list[tuple[str, bytes]]) -> None:
    (member,) = opened(zipped(*files))
    got = member.open()
    assert (member.name, got.container, got.head) == (None, "zip", b"")


def test_a_zip_with_64_bit_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    for data in (zipped(("a", ONE), ("b", TWO)), piped_zip(("a", ONE), ("b", TWO))):
        assert b"PK\6\6" in data
        assert read_all(data) == [("a", ONE), ("b", TWO)]


A_ZIP = zipped(("a", ONE))
STORED = zipped(("a", ONE), ("b", TWO), method=zipfile.ZIP_STORED)


def patched(data: bytes, signature: bytes, offset: int, new: bytes) -> bytes:
    """With other bytes in the first header of this kind."""
    at = data.index(signature) + offset
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(zipped(("a", A_ZIP)), "a zip inside a zip.*unpack it", id="zip in zip"),
        pytest.param(patched(A_ZIP, b"PK\1\2", 8, b"\1"), "encrypted.*unpack", id="encrypted"),
        pytest.param(patched(A_ZIP, b"PK\1\2", 10, b"\x09"), "not supported.*unpack", id="method"),
        pytest.param(patched(A_ZIP, b"PK\1\2", 6, b"\xff"), "not supported.*unpack", id="version"),
        pytest.param(patched(STORED, b"{", 1, b"X"), "the checksum is not", id="other bytes"),
        pytest.param(patched(STORED, b"PK\1\2", 24, b"\1"), "the size is not", id="less"),
        pytest.param(patched(A_ZIP, b"PK\1\2", 24, b"\xff"), "the size is not", id="more"),
        pytest.param(patched(A_ZIP, b"PK\1\2", 46, b"."), "has two names", id="hidden by damage"),
        pytest.param(
            patched(zipped(("é", ONE)), b"PK\1\2", 46, b"\xff"), "directory damaged", id="no UTF-8"
        ),
        pytest.param(A_ZIP[:-1], "truncated", id="truncated"),
        pytest.param(A_ZIP + b"{}", "something behind its end", id="a line behind it"),
        pytest.param(A_ZIP + A_ZIP, "at byte 0 of it is not what", id="a zip behind it"),
        pytest.param(A_ZIP + A_ZIP[:90], "something behind its end", id="half a zip behind it"),
    ],
)
def test_a_zip_that_cannot_be_read_whole(data: bytes, why: str) -> None:
    with pytest.raises(CorruptInputError, match=why):
        read_all(data)


def test_the_magic_bytes_are_seen_when_they_come_one_by_one() -> None:
    packed = gzip.compress(ONE)
    streams = b"".join(bz2.compress(bytes([byte])) for byte in packed)
    data = zipped(("a", streams), method=zipfile.ZIP_STORED)
    for offset, value in ((10, b"\x0c\0"), (16, crc(packed)), (24, bytes([len(packed), 0]))):
        data = patched(data, b"PK\1\2", offset, value)
    assert stream(data).container == "zip+gzip"
    assert read(data) == ONE


def crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def test_a_file_that_the_directory_leaves_out_is_missed() -> None:
    two = zipped(("a", ONE), ("b", TWO))
    entry_bytes = 47
    directory = two.index(b"PK\1\2")
    end = two.index(b"PK\5\6")
    for without in (directory, directory + entry_bytes):
        short = two[:without] + two[without + entry_bytes :]
        short = patched(short, b"PK\5\6", 8, b"\1\0\1\0" + entry_bytes.to_bytes(4, "little"))
        assert len(short) == len(two) - entry_bytes < end + 22
        with pytest.raises(CorruptInputError, match="is not what its directory says"):
            opened(short)


@pytest.mark.parametrize("container", ["none", *PACK, "zip"])
def test_chunks_are_full_and_a_member_opens_again(tmp_path: Path, container: str) -> None:
    data = ONE * (CHUNK_BYTES // len(ONE) * 2)
    pieces = [data[start : start + 1_000_000] for start in range(0, len(data), 1_000_000)]
    path = tmp_path / "a"
    if container == "zip":
        path.write_bytes(zipped(("a", data)))
    else:
        path.write_bytes(b"".join(map(PACK.get(container, bytes), pieces)))
    with open(path, "rb") as file:
        (member,) = members("a", file)
        for _ in range(2):
            got = member.open()
            assert got.head == data[:CHUNK_BYTES]
            chunks = list(got.chunks())
            assert [len(chunk) for chunk in chunks] == [CHUNK_BYTES, len(data) - CHUNK_BYTES]
            assert b"".join(chunks) == data
            del got
        assert not file.closed


@pytest.mark.parametrize("container", [*PACK, "zip deflate", "zip bzip2"])
def test_what_decompresses_to_very_much_takes_little_memory(container: str) -> None:
    size = 100_000_000
    if container == "zip deflate":
        packed = zipped(("a", bytes(size)))
    elif container == "zip bzip2":
        packed = zipped(("a", bytes(size)), method=zipfile.ZIP_BZIP2)
    elif container == "xz":
        packed = lzma.compress(bytes(size), preset=0)
    else:
        packed = PACK[container](bytes(size))
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        got = stream(packed)
        most_of_arrow = max(pa.total_allocated_bytes() for _ in got.chunks()) - before
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got.bytes == size
    assert most + most_of_arrow < 8 * CHUNK_BYTES


@pytest.mark.parametrize(
    "data",
    [
        # Frame header: no checksum, window of 2 GiB.
        pytest.param(bytes.fromhex("28b52ffd00a8") + bytes.fromhex("010000"), id="zstd --long=31"),
        pytest.param(
            lzma.compress(
                ONE, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
            ),
            id="xz with a dictionary of 512 MiB",
        ),
    ],
)
def test_what_needs_too_much_memory_says_so(data: bytes) -> None:
    with pytest.raises(CorruptInputError, match=r"needs too much memory.*at most 128 MiB"):
        read(data)
