"""Which format a receipts file has."""

from __future__ import annotations

import pytest

from archiver.receipts import FORMATS, UnreadableReceiptsError, choose


@pytest.mark.parametrize(
    ("first_record", "name"),
    [
        (b'{"sent_at": 1, "request_body": {"data": []}}\n', "api-log"),
        (b'{"sent_at": 1, "request_body": {"data": [{"ev', "api-log"),
        (b'\xef\xbb\xbf\n  {"request_body": null}', "api-log"),
        (b'{"event_id": "a", "outcome": "accepted"}', "generic-ndjson"),
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


def test_a_forced_format_needs_no_detection() -> None:
    for known in FORMATS:
        assert choose(b"\x00", known.name) is known


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'csv'; known: api-log, generic-ndjson, generic-csv"):
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
