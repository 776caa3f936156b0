"""Formats are told by the content; containers by their magic bytes."""

from __future__ import annotations

import gzip
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import event

from archiver.errors import ConfigError
from archiver.inbound.containers import Stream
from archiver.inbound.formats import choose_format

RAW_LOG = event("m1", originalTimestamp="2026-01-15T12:00:00Z")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (RAW_LOG + b"\n" + b"junk", "segment-s3"),
        (b"\n \r\n" + RAW_LOG, "segment-s3"),
        (b"\xef\xbb\xbf" + RAW_LOG, "segment-s3"),
        (b'{"type": "track"}\n' + RAW_LOG, "ndjson"),
        (b"junk\n" + RAW_LOG, "ndjson"),
        (b"", "ndjson"),
        (b"\xff" + RAW_LOG, "ndjson"),
        (b"[" * 100_000, "ndjson"),
    ],
)
def test_the_first_line_tells_the_format(head: bytes, name: str) -> None:
    assert choose_format("auto", head).name == name


def test_a_format_can_be_forced() -> None:
    assert choose_format("ndjson", RAW_LOG).name == "ndjson"
    with pytest.raises(ConfigError, match="known: segment-s3, ndjson"):
        choose_format("segment-s4", b"")


def stream(data: bytes) -> Stream:
    return Stream("a.gz", io.BufferedReader(io.BytesIO(data)))  # type: ignore[arg-type]


@given(st.binary(max_size=300), st.integers(0, 300), st.booleans())
def test_plain_gzip_and_several_members_give_the_same_bytes_and_id(
    data: bytes, cut: int, is_plain: bool
) -> None:
    members = gzip.compress(data[:cut]) + gzip.compress(data[cut:])
    if is_plain and data[:2] != b"\x1f\x8b":
        members = data
    read = stream(members)
    assert b"".join(read.chunks()) == data
    assert read.file_id == hashlib.sha256(data).hexdigest()
    assert read.bytes == len(data)


def test_a_plain_file_named_gz_is_plain() -> None:
    read = stream(RAW_LOG)
    assert (read.container, read.head) == ("none", RAW_LOG)
