"""Conservation: each record is archived or quarantined, once, with its exact bytes."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.receipts import FORMATS, REASONS, BadRecord, Parsed, ReceiptFormat, ReceiptSettings
from archiver.receipts.api_log import ApiLog
from archiver.receipts.generic import GenericCsv, GenericNdjson

SETTINGS = ReceiptSettings("tiktok", "tiktok-events", columns={"message": "error.text"})
CSV_SETTINGS = ReceiptSettings("tiktok", "tiktok-events")
CSV_HEADER = b"event_id,outcome,attempted_at\r\n"

GOOD_LINES = [
    b'{"event_id": "a", "outcome": "accepted", "attempted_at": 1768477920}',
    b'{"event_id": 1e2, "outcome": "Failed", "attempted_at": "2026-01-15", "x": "\\ud800"}',
    b'{"sent_at": 1768477920, "request_body": {"data": [{"event_id": "a"}, 1]}}',
    b'{"sent_at": "2026-01-15", "request_body": "{\\"data\\": [{}]}", "response_body": "?"}',
]
GOOD_ROWS = [b"a,accepted,2026-01-15", b'"a\r\n\n""b",failed,1768477920']
noise = st.one_of(st.binary(max_size=20), st.text('{}[]":,\\ud\n\r \t1a', max_size=20))
noise_bytes = noise.map(lambda n: n if isinstance(n, bytes) else n.encode())
ends = st.sampled_from([b"\n", b"\r\n", b"", b" \n\n"])


def files(good: list[bytes]) -> st.SearchStrategy[bytes]:
    piece = st.tuples(st.one_of(st.sampled_from(good), noise_bytes), ends).map(b"".join)
    return st.lists(piece, max_size=12).map(b"".join)


def physical_lines(data: bytes) -> list[bytes]:
    return list(io.BytesIO(data))


def without_end(line: bytes) -> bytes:
    return re.sub(rb"\r?\n\Z", b"", line)


def is_blank(line: bytes) -> bool:
    return line.strip(b" \t\r\n") in (b"", b"\xef\xbb\xbf")


def own_bytes(record: Parsed | BadRecord) -> bytes:
    if isinstance(record, BadRecord):
        assert record.reason in REASONS
        return record.data
    text, *others = [receipt.payload for receipt in record.receipts]
    assert text is not None and not any(others)
    return text.encode()


def records_of(
    data: bytes, kind: ReceiptFormat, settings: ReceiptSettings
) -> list[Parsed | BadRecord]:
    records = list(kind.read(iter(physical_lines(data)), settings))
    assert [record.record_number for record in records] == list(range(len(records)))
    return records


@pytest.mark.parametrize("kind", [ApiLog(), GenericNdjson()], ids=lambda kind: kind.name)
@given(data=files(GOOD_LINES))
def test_each_line_that_is_not_blank_is_one_record(kind: ReceiptFormat, data: bytes) -> None:
    lines = [line for line in physical_lines(data) if not is_blank(line)]
    records = records_of(data, kind, SETTINGS)
    assert [own_bytes(record) for record in records] == [without_end(line) for line in lines]


@given(data=files(GOOD_ROWS))
def test_csv_records_cover_every_byte_but_line_ends_and_blank_lines(data: bytes) -> None:
    rest = data
    for record in records_of(CSV_HEADER + data, GenericCsv(), CSV_SETTINGS):
        rest = without_blank_lines(rest)
        row = own_bytes(record)
        assert row and rest.startswith(row)
        rest = re.sub(rb"\A\r?\n", b"", rest[len(row) :])
    assert without_blank_lines(rest) == b""


def without_blank_lines(data: bytes) -> bytes:
    lines = physical_lines(data)
    while lines and is_blank(lines[0]):
        lines.pop(0)
    return b"".join(lines)


@given(data=files(GOOD_LINES + GOOD_ROWS))
def test_good_records_are_archived_whatever_stands_around_them(data: bytes) -> None:
    for kind, good in ((ApiLog(), GOOD_LINES[2]), (GenericNdjson(), GOOD_LINES[0])):
        records = records_of(data + b"\n" + good, kind, SETTINGS)
        assert isinstance(records[-1], Parsed)


def test_every_format_is_held_to_conservation() -> None:
    assert {known.name for known in FORMATS} == {"api-log", "generic-ndjson", "generic-csv"}
