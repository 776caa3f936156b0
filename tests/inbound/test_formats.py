"""Formats are told by the content, and can be forced."""

from __future__ import annotations

import json

import pytest
from reading import read
from support import event

from archiver.errors import ConfigError
from archiver.inbound.formats import FORMATS, choose_format

RAW_LOG = event("m1", originalTimestamp="2026-01-15T12:00:00Z")
PLAIN = b'{"type":"track","messageId":"m1"}'
RUDDER = b'{"type":"track","messageId":"m1","rudderId":"r","receivedAt":"2026-01-15T12:00:00Z"}'
GATEWAY = b'{"userId":"u","payload":' + PLAIN + b',"createdAt":"2026-01-15T12:00:00Z"}'
BATCH = b'{"batch":[' + PLAIN + b'],"writeKey":"k"}'
GATEWAY_BATCH = b'{"batch":[' + PLAIN + b'],"requestIP":"::1"}'
JOB = b'{"UUID":"1","JobID":7,"EventPayload":' + GATEWAY_BATCH + b"}"
CALL = b'{"userId":"u","event":"Order Completed"}'


def pretty(record: bytes) -> bytes:
    return json.dumps(json.loads(record), indent=2).encode()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (RAW_LOG + b"\n" + b"junk", "segment-s3"),
        (b"\n \r\n" + RAW_LOG, "segment-s3"),
        (b"\xef\xbb\xbf" + RAW_LOG, "segment-s3"),
        (b"junk\n" + RAW_LOG, "segment-s3"),
        (RAW_LOG[:-9] + b"\n" + RAW_LOG, "segment-s3"),
        (pretty(RAW_LOG), "segment-webhook"),
        (event("m1"), "segment-webhook"),
        (event("m1") + b"\n" + event("m2"), "ndjson"),
        (b'{"type": "track"}\n' + RAW_LOG, "segment-s3"),
        (b"", "ndjson"),
        (b"\xff" + RAW_LOG, "ndjson"),
        (PLAIN + b"\n" + PLAIN, "ndjson"),
        (PLAIN + b"\r" + PLAIN + b"\r", "ndjson"),
        (PLAIN, "ndjson"),
        (RUDDER + b"\n" + RUDDER, "rudderstack-s3"),
        (GATEWAY + b"\n" + GATEWAY, "rudderstack-gateway"),
        (b"[" + GATEWAY + b"]", "rudderstack-gateway"),
        (GATEWAY_BATCH, "rudderstack-batch"),
        (pretty(GATEWAY_BATCH) + pretty(GATEWAY_BATCH), "rudderstack-batch"),
        (JOB, "rudderstack-jobs"),
        (BATCH, "segment-http"),
        (BATCH + b"\n" + BATCH, "segment-http"),
        (BATCH[:-20], "segment-http"),
        (CALL, "segment-http"),
        (pretty(CALL), "segment-http"),
        (CALL + b"\n" + CALL, "segment-http"),
        (b"[" + CALL + b"," + CALL + b"]", "segment-http"),
        (CALL + b"\n" + PLAIN, "ndjson"),
        (PLAIN + b"\n" + BATCH, "segment-http"),
        (b'{"payload":null,"createdAt":"x","messageId":"m"}\n' + GATEWAY, "rudderstack-gateway"),
        (PLAIN[:-1] + b',"payload":{},"createdAt":"x"}', "ndjson"),
        (PLAIN[:-1] + b',"batch":[{}],"receivedAt":"x"}\n' + PLAIN, "ndjson"),
        (b"[" + RAW_LOG + b"]", "json-array"),
        *[
            (first + b"\n" + second + b"\n" + (PLAIN + b"\n") * 9, "ndjson")
            for first in (PLAIN[:20], b'{"a":"x', b"{", b"[x", b"[INFO] start", b'{"a":NaN}')
            for second in (PLAIN[:20], b"# comment", bytes(9), b"foo", b'{"b":"x', b"[1] x")
        ],
        (b"[" + PLAIN + b"]", "json-array"),
        (b"[\n" + PLAIN + b",\n" + PLAIN + b"\n]\n", "json-array"),
        (b"[" + PLAIN + b"]\n[" + PLAIN + b"]\n", "json-array"),
        (b"[" + RAW_LOG + b"," + RAW_LOG, "json-array"),
        (b"[]", "json-array"),
        (b"[1]\n" + PLAIN, "ndjson"),
        (b"[" * 100_000 + b"\n" + PLAIN, "ndjson"),
        (b"[junk\n" + PLAIN + b"\n" + PLAIN, "ndjson"),
        (PLAIN + PLAIN, "concatenated-json"),
        (PLAIN + b" " + PLAIN + b"\n" + PLAIN, "concatenated-json"),
        (PLAIN + b" junk\n" + PLAIN + b"\n" + PLAIN, "ndjson"),
        (PLAIN + PLAIN + b"\nbad\n" + PLAIN + b"\n" + PLAIN, "ndjson"),
        (pretty(PLAIN) + b"\n{bad", "concatenated-json"),
        (pretty(PLAIN) + b"\n" + pretty(PLAIN), "concatenated-json"),
        (b'{"a":\n' + PLAIN + b"\n" + PLAIN, "ndjson"),
    ],
)
def test_the_first_object_tells_the_format(head: bytes, name: str) -> None:
    assert choose_format("auto", head).name == name


def test_a_format_can_be_forced() -> None:
    assert choose_format("ndjson", b"[" + PLAIN + b"]").name == "ndjson"
    assert read(BATCH, "ndjson").payloads == [BATCH]
    assert read(b"[" + PLAIN + b"]", "concatenated-json").payloads == [PLAIN]
    with pytest.raises(ConfigError, match=r"known: .*segment-s3, .*ndjson"):
        choose_format("segment-s4", b"")


def test_every_format_says_what_it_is() -> None:
    assert len({known.name for known in FORMATS}) == len(FORMATS) == 10
    assert all(known.about and known.detected_by for known in FORMATS)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_every_format_takes_anything_and_loses_nothing(known: object) -> None:
    name = known.name  # type: ignore[attr-defined]
    for data in (b"", b"\n", b"junk", b"{}", b"[]", b"\xff\xfe", RAW_LOG, BATCH, GATEWAY, JOB):
        assert read(data, name).rebuilt() == data
