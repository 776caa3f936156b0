"""Which format a receipts file has."""

from __future__ import annotations

import pytest

from archiver.receipts import FORMATS, UnreadableReceiptsError, choose, choose_by_columns


@pytest.mark.parametrize(
    ("first_record", "name"),
    [
        (b'{"sent_at": 1, "request_body": {"data": []}}\n', "api-log"),
        (b'{"sent_at": 1, "request_body": {"data": [{"ev', "api-log"),
        (b'\xef\xbb\xbf\n  {"request_body": null}', "api-log"),
        (b'{"attempted_at": 1, "multistatus": [{"status": 200}]}', "segment-multistatus"),
        (b'{"sent_at": 1, "responses": [{"status": 200}]}', "segment-multistatus"),
        (b'{\n  "attempted_at": 1,\n  "multistatus": [', "segment-multistatus"),
        (b'{"id": "run", "tasks": []}', "rudderstack-failed-records"),
        (b'{\n  "id": "run",\n  "tasks": [', "rudderstack-failed-records"),
        (b'{"message_id": 1, "failed_stage": 1, "failed_at": 1}', "rudderstack-errors"),
        (b"failed_at,failed_stage,message_id\n", "rudderstack-errors"),
        (b'{"message_id": "a", "job_state": "aborted"}', "rudderstack-states"),
        (b'"state";"error_code";"message_id"\n', "rudderstack-states"),
        (b"PAR1\x15\x04", "generic-parquet"),
        (b'{"event_id": "a", "outcome": "accepted"}', "generic-ndjson"),
        (b'{"event_id": "a", "state": "accepted", "responses": 2}', "generic-ndjson"),
        (b'{"tasks in text": "tasks"}', "generic-ndjson"),
        (b'{"wrapped": {"request_body": {}}}', "generic-ndjson"),
        (b'{"broken": ', "generic-ndjson"),
        (b"event_id,outcome,attempted_at\r\n", "generic-csv"),
        (b"\xef\xbb\xbfevent_id;outcome;attempted_at\n", "generic-csv"),
        (b"event_id\toutcome\tattempted_at\n", "generic-csv"),
        (b'"event_id","outcome"\nmore,lines\n', "generic-csv"),
    ],
)
def test_the_first_record_shows_the_format(first_record: bytes, name: str) -> None:
    assert choose(first_record).name == name
    assert choose(first_record, "auto").name == name


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["failed_at", "failed_stage", "message_id", "more"], "rudderstack-errors"),
        (["message_id", "job_state"], "rudderstack-states"),
        (["event_id", "outcome", "attempted_at"], "generic-parquet"),
        ([], "generic-parquet"),
    ],
)
def test_the_columns_of_parquet_show_the_format(columns: list[str], name: str) -> None:
    assert choose_by_columns(columns).name == name
    assert choose_by_columns(columns, "rudderstack-states").name == "rudderstack-states"


def test_a_forced_format_needs_no_detection() -> None:
    for known in FORMATS:
        assert choose(b"\x00", known.name) is known


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"'csv'; known: upload-log, api-log, .*, generic-csv, generic-parquet"
    ):
        choose(b"a,b", "csv")


@pytest.mark.parametrize(
    "first_record", [b"one word", b'["an", "array"]', b"\xff\xfe{,}", b"[" * 9]
)
def test_content_that_no_format_knows_is_refused(first_record: bytes) -> None:
    with pytest.raises(UnreadableReceiptsError, match="name one as receipts_format"):
        choose(first_record)


@pytest.mark.parametrize("nothing", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_a_file_without_records_suits_every_format(nothing: bytes) -> None:
    assert choose(nothing).name
