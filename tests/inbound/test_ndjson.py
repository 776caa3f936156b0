"""Lines to records to events: each record exactly once, with its bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import corpora

from archiver.inbound.base import REASONS, EventBatch
from archiver.inbound.ndjson import Ndjson


def read(data: bytes, chunk_bytes: int = 1 << 20) -> EventBatch:
    """All batches of a file as one."""
    chunks = (data[n : n + chunk_bytes] for n in range(0, len(data), chunk_bytes))
    whole = EventBatch()
    for batch in Ndjson().read(chunks):
        assert all(len(column) == len(batch.payloads) for column in batch.fields.values())
        whole.record_numbers += batch.record_numbers
        whole.payloads += batch.payloads
        whole.bad += batch.bad
        for name, column in batch.fields.items():
            whole.fields.setdefault(name, []).extend(column)
    return whole


def reason(record: bytes) -> str | None:
    """Why a record is no event; None where it is one."""
    batch = read(record)
    assert batch.records == 1
    return batch.bad[0].reason if batch.bad else None


def test_lines_blank_lines_and_a_last_line_without_end() -> None:
    batch = read(b'\n{"a":1}\n\n \t\r\n{"b":2}\r\n\r\n{"c":3}')
    assert batch.payloads == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert batch.record_numbers == [0, 1, 2]


def test_bad_records_count_in_the_numbering_and_keep_their_bytes() -> None:
    batch = read(b'{"a":1}\n{"a":\n\n[]\r\n{"b":2}\n \xff \n')
    assert batch.record_numbers == [0, 3]
    found = [(bad.record_number, bad.reason, bad.data) for bad in batch.bad]
    assert found == [
        (1, "invalid_json", b'{"a":'),
        (2, "not_an_object", b"[]"),
        (4, "invalid_utf8", b" \xff "),
    ]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 1000])
def test_a_byte_order_mark_is_no_part_of_the_first_record(chunk_bytes: int) -> None:
    mark = b"\xef\xbb\xbf"
    assert read(mark + b'{"a":1}\n{"b":2}', chunk_bytes).payloads == [b'{"a":1}', b'{"b":2}']
    assert read(mark + b"\n", chunk_bytes).records == read(mark, chunk_bytes).records == 0
    later = read(b'{"a":1}\n' + mark + b"{}", chunk_bytes)
    assert [bad.data for bad in later.bad] == [mark + b"{}"]


def test_whether_a_record_is_too_deep_does_not_depend_on_the_callers_stack() -> None:
    """Neither for the fast reader nor for the one that decides about lone surrogates."""

    def reason_below(frames: int, record: bytes) -> str | None:
        return reason_below(frames - 1, record) if frames else reason(record)

    for start in (b'{"a":', b'{"b":"\\ud800","a":'):
        for depth, expected in ((900, None), (20_000, "nesting_too_deep")):
            record = start + b"[" * depth + b"]" * depth + b"}"
            assert {reason_below(frames, record) for frames in (0, 300, 600)} == {expected}


def test_an_empty_file_has_no_records() -> None:
    assert read(b"").records == read(b"\n\r\n  \n").records == 0


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'{"a": 1}', None),
        (b"  {}\t", None),
        (b'{"a": "\\ud800"}', None),
        (b'{"a": 1e400, "b": -0, "c": 1.10}', None),
        (b"1", "not_an_object"),
        (b'"{}"', "not_an_object"),
        (b"[{}]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"[1", "invalid_json"),
        (b'"', "invalid_json"),
        (b"1 2", "invalid_json"),
        (b"{} {}", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": NaN}', "invalid_json"),
        (b'{"a": 01}', "invalid_json"),
        (b'{"a": "\t"}', "invalid_json"),
        (b'{"a": 1}\x00', "invalid_json"),
        (b'{"a": "\\x"}', "invalid_json"),
        (b'{"a": "\\ud800", "b": }', "invalid_json"),
        (b'{"a": "\xff"}', "invalid_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nesting_too_deep"),
    ],
)
def test_reasons(record: bytes, expected: str | None) -> None:
    assert reason(record) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"abc"', "abc"),
        ('""', ""),
        ('"\\u00e9"', "é"),
        ("17", "17"),
        ("1e2", "1e2"),
        ("-0.10", "-0.10"),
        ("18446744073709551617", "18446744073709551617"),
        ("null", None),
        ("true", None),
        ("[1]", None),
        ('{"a": 1}', None),
        ('"\\ud800"', None),
    ],
)
@pytest.mark.parametrize("beside", ["", ', "x": "\\ud800"'])
def test_an_id_is_text_or_the_text_of_a_number(
    text: str, expected: str | None, beside: str
) -> None:
    batch = read(f'{{"messageId": {text}{beside}}}'.encode())
    assert batch.fields["message_id"] == [expected]


def test_of_duplicate_keys_the_last_counts() -> None:
    batch = read(b'{"messageId": 1, "messageId": "b"}\n{"messageId": "a", "messageId": "b"}')
    assert batch.fields["message_id"] == ["b", "b"]


def test_a_record_longer_than_a_chunk() -> None:
    record = b'{"a": "' + b"x" * 10_000 + b'"}'
    batch = read(record + b"\n" + record, chunk_bytes=100)
    assert batch.payloads == [record, record]


PIECES = st.one_of(
    st.binary(max_size=12),
    st.text('{}[]":,\\ud8 0-1.e\n\r\t', max_size=20).map(str.encode),
    st.sampled_from(
        [b'{"a":1}', b'{"messageId":"m"}', b'{"messageId":1e2}', b'{"a":"\\ud800"}', b"[]", b"1"]
    ),
)
FILES = st.lists(
    st.tuples(PIECES, st.sampled_from([b"\n", b"\r\n", b"", b" \n"])), max_size=12
).map(lambda pieces: b"".join(piece + end for piece, end in pieces))


def in_order(batch: EventBatch) -> Iterator[bytes]:
    records = dict(zip(batch.record_numbers, batch.payloads, strict=True))
    records |= {bad.record_number: bad.data for bad in batch.bad}
    assert sorted(records) == list(range(batch.records))
    return (records[number] for number in range(batch.records))


@given(FILES, st.integers(1, 40))
def test_any_bytes_are_events_or_bad_records_each_once_with_its_bytes(
    data: bytes, chunk_bytes: int
) -> None:
    batch = read(data, chunk_bytes)
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    assert list(in_order(batch)) == [line for line in lines if line.strip(b" \t\r\n")]
    assert {bad.reason for bad in batch.bad} <= REASONS.keys()


@given(FILES)
def test_a_record_is_read_the_same_whatever_stands_beside_it(data: bytes) -> None:
    together = read(data)
    alone = [read(record) for record in in_order(together)]
    assert [b.payloads for b in alone if not b.bad] == [[p] for p in together.payloads]
    for name, column in together.fields.items():
        assert column == [b.fields[name][0] for b in alone if not b.bad]
    assert [b.bad[0].reason for b in alone if b.bad] == [bad.reason for bad in together.bad]


def test_the_json_test_suite() -> None:
    for path in sorted((corpora() / "json_test_suite").glob("*.json")):
        document = path.read_bytes()
        if b"\n" in document:
            continue
        is_event = reason(b'{"x": ' + document + b"}") is None
        assert is_event or path.name[0] != "y", path.name
        assert not is_event or path.name[0] != "n", path.name
