"""Conservation: each record is archived or quarantined, once, with its exact bytes."""

from __future__ import annotations

import io
import re

import pyarrow as pa
import pytest
from feeds import parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.account_days import Zone
from archiver.receipts import (
    FORMATS,
    REASONS,
    BadRecord,
    Parsed,
    ReceiptFormat,
    ReceiptSettings,
    choose_by_columns,
)
from archiver.receipts.api_log import ApiLog
from archiver.receipts.generic import GenericCsv, GenericNdjson
from archiver.receipts.parquet_rows import column_names, json_rows
from archiver.receipts.rudderstack_errors import RudderstackErrors
from archiver.receipts.rudderstack_failed_records import RudderstackFailedRecords
from archiver.receipts.rudderstack_states import RudderstackStates
from archiver.receipts.segment_multistatus import SegmentMultistatus
from archiver.receipts.totals import TOTALS_FORMATS, TotalsSettings, choose_totals
from archiver.receipts.upload_log import UploadLog

SETTINGS = ReceiptSettings("tiktok", "tiktok-events", columns={"message": "error.text"})
CSV_SETTINGS = ReceiptSettings("tiktok", "tiktok-events")
CSV_HEADER = b"event_id,outcome,attempted_at\r\n"

GOOD_LINES = [
    b'{"event_id": "a", "outcome": "accepted", "attempted_at": 1768477920}',
    b'{"event_id": 1e2, "outcome": "Failed", "attempted_at": "2026-01-15", "x": "\\ud800"}',
    b'{"sent_at": 1768477920, "request_body": {"data": [{"event_id": "a"}, 1]}}',
    b'{"sent_at": "2026-01-15", "request_body": "{\\"data\\": [{}]}", "response_body": "?"}',
]
NEW_GOOD_LINES = [
    b'{"message_id": "a", "failed_stage": "router", "failed_at": 1768477920000001}',
    b'{"message_id": "a", "job_state": "aborted", "error_code": 400, "exec_time": "2026-01-15"}',
    b'{"message_id": "a", "job_state": "executing"}',
    b'{"fetched_at": 1768477920, "tasks": [{"sources": [{"records": [1, {"record": "a"}]}]}]}',
    b'{"fetched_at": 1768477920, "tasks": [{"sources": []}]}',
    b'{"sent_at": 1768477920, "multistatus": [{"status": 200, "sent": {"event_id": "a"}}, null]}',
    b'{"sent_at": 1768477920, "destination": "meta", "multistatus": []}',
    b'{"archiver_upload": "b", "sent_at": 1768477920, "request_body": {"data": [{}]}, "type": 1}',
    b'{"archiver_upload": 1, "sent_at": 1, "request_body": {"data": [{}]}, "event_ids": [2]}',
]
TOTAL_LINES = [
    b'{"account_day": "2026-01-15", "count": 1}',
    b'{"account_day": "2026-01-15", "count": -1}',
    b'{"data": {"dataset": [{"series": [{"time": "2026-01-15", "count": 1}]}]}}',
    b'{"data": {"dataset": []}}',
]
LINE_FORMATS: list[ReceiptFormat] = [
    ApiLog(),
    GenericNdjson(),
    RudderstackFailedRecords(),
    SegmentMultistatus(),
    UploadLog(),
]
_SPREAD = ("rudderstack-failed-records", "segment-multistatus")
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
    if not record.receipts:
        return b""
    text, *others = [receipt.payload for receipt in record.receipts]
    assert text is not None and not any(others)
    return text.encode()


def records_of(
    data: bytes, kind: ReceiptFormat, settings: ReceiptSettings
) -> list[Parsed | BadRecord]:
    records = list(kind.read(iter(physical_lines(data)), settings))
    assert [record.record_number for record in records] == list(range(len(records)))
    return records


@pytest.mark.parametrize("kind", LINE_FORMATS, ids=lambda kind: kind.name)
@given(data=files(GOOD_LINES + NEW_GOOD_LINES))
def test_each_line_that_is_not_blank_is_one_record(kind: ReceiptFormat, data: bytes) -> None:
    lines = [line for line in physical_lines(data) if not is_blank(line)]
    records = records_of(data, kind, SETTINGS)
    if len(records) == 1 < len(lines) and kind.name in _SPREAD:
        # A document may be spread over lines, if it is one.
        assert own_bytes(records[0]).strip() in (data.strip(), b"")
        return
    own = [own_bytes(record) for record in records]
    expected = [without_end(line) for line in lines]
    # A record of another destination, or about no attempt, is archived and holds nothing here.
    assert len(own) == len(expected)
    assert [a for a in own if a] == [b for a, b in zip(own, expected, strict=True) if a]


@pytest.mark.parametrize("kind", [RudderstackErrors(), RudderstackStates()], ids=lambda k: k.name)
@settings(max_examples=50)
@given(data=files(NEW_GOOD_LINES))
def test_feeds_of_rows_lose_no_line(kind: ReceiptFormat, data: bytes) -> None:
    data = NEW_GOOD_LINES[0] + b"\n" + data
    lines = [line for line in physical_lines(data) if not is_blank(line)]
    records = records_of(data, kind, CSV_SETTINGS)
    assert len(records) == len(lines)


cells = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["router", "aborted", "accepted", "2026-01-15", "1768477920"]),
)
rows = st.lists(
    st.tuples(cells, cells, cells).map(
        lambda c: {
            "message_id": c[0],
            "failed_stage": c[1],
            "failed_at": c[2],
            "outcome": "accepted",
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30)
@given(rows=rows)
@pytest.mark.parametrize("forced", ["auto", "generic-parquet", "rudderstack-states"])
def test_each_row_of_parquet_is_one_record(forced: str, rows: list[dict[str, str | None]]) -> None:
    text = dict.fromkeys(("message_id", "failed_stage", "failed_at"), pa.string())
    data = parquet(rows, **text)
    columns = {"event_id": "message_id", "attempted_at": "failed_at"}
    mapped = ReceiptSettings("t", "tiktok-events", columns={**columns, "outcome": "failed_stage"})
    known = choose_by_columns(column_names(io.BytesIO(data)), forced)
    records = list(known.read_parquet(io.BytesIO(data), mapped))
    assert [record.record_number for record in records] == list(range(len(rows)))
    texts = list(json_rows(io.BytesIO(data))[1])
    assert all(own_bytes(r) in (text, b"") for r, text in zip(records, texts, strict=True))


@pytest.mark.parametrize("name", [known.name for known in TOTALS_FORMATS[:2]])
@settings(max_examples=50)
@given(data=files(TOTAL_LINES))
def test_totals_lose_no_line(name: str, data: bytes) -> None:
    feed = TotalsSettings("t", "received", [Zone(None, None, "UTC")])
    lines = [line for line in physical_lines(data) if not is_blank(line)]
    records = list(choose_totals(b"", name).read(iter(physical_lines(data)), feed))
    assert [r.record_number for r in records] == list(range(len(records)))
    is_spread = name == "segment-delivery-overview" and len(records) == 1
    assert is_spread or len(records) == len(lines)
    for record, line in zip(records, lines, strict=False):
        if isinstance(record, BadRecord):
            assert record.reason in REASONS
            assert is_spread or record.data == without_end(line)


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
    for kind, good in (
        (ApiLog(), GOOD_LINES[2]),
        (GenericNdjson(), GOOD_LINES[0]),
        (RudderstackFailedRecords(), NEW_GOOD_LINES[3]),
        (SegmentMultistatus(), NEW_GOOD_LINES[5]),
    ):
        records = records_of(data + b"\n" + good, kind, SETTINGS)
        assert isinstance(records[-1], Parsed)


def test_every_format_is_held_to_conservation() -> None:
    held = {known.name for known in LINE_FORMATS}
    held |= {"generic-csv", "generic-parquet", "rudderstack-errors", "rudderstack-states"}
    assert {known.name for known in FORMATS} == held
