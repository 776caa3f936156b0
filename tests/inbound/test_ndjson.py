"""Lines to records to events: each record exactly once, with its bytes."""

from __future__ import annotations

import pytest
import reading
from hypothesis import given
from hypothesis import strategies as st
from support import corpora

from archiver.inbound.base import REASONS, BadRecord


def read(data: bytes, chunk_bytes: int = 1 << 20) -> reading.Read:
    """A file read as lines."""
    return reading.read(data, "ndjson", chunk_bytes)


def reason(record: bytes) -> str | None:
    """Why a record is no event; None where it is one."""
    found = read(record)
    assert len(found.records) == 1
    return found.bad[0][0] if found.bad else None


def test_lines_blank_lines_and_a_last_line_without_end() -> None:
    found = read(b'\n{"a":1}\n\n \t\r\n{"b":2}\r\n\r\n{"c":3}')
    assert found.payloads == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def test_bad_records_count_in_the_numbering_and_keep_their_bytes() -> None:
    records = read(b'{"a":1}\n{"a":\n\n[]\r\n{"b":2}\n \xff \n').records
    bad = [record for record in records if isinstance(record, BadRecord)]
    assert [(record.record_number, record.reason, record.data) for record in bad] == [
        (1, "invalid_json", b'{"a":'),
        (2, "not_an_object", b"[]"),
        (4, "invalid_utf8", b" \xff "),
    ]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 1000])
def test_a_byte_order_mark_is_no_part_of_the_first_record(chunk_bytes: int) -> None:
    mark = b"\xef\xbb\xbf"
    assert read(mark + b'{"a":1}\n{"b":2}', chunk_bytes).payloads == [b'{"a":1}', b'{"b":2}']
    assert read(mark + b"\n", chunk_bytes).records == read(mark, chunk_bytes).records == []
    later = read(b'{"a":1}\n' + mark + b"{}", chunk_bytes)
    assert later.bad == [("invalid_json", mark + b"{}")]


def test_whether_a_record_is_too_deep_does_not_depend_on_the_callers_stack() -> None:
    """Neither for the fast reader nor for the one that decides about lone surrogates."""

    def reason_below(frames: int, record: bytes) -> str | None:
        return reason_below(frames - 1, record) if frames else reason(record)

    for start in (b'{"a":', b'{"b":"\\ud800","a":'):
        for depth, expected in ((900, None), (20_000, "nesting_too_deep")):
            record = start + b"[" * depth + b"]" * depth + b"}"
            assert {reason_below(frames, record) for frames in (0, 300, 600)} == {expected}


def test_an_empty_file_has_no_records() -> None:
    assert read(b"").records == read(b"\n\r\n  \n").records == []


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
    (found,) = read(f'{{"messageId": {text}{beside}}}'.encode()).events
    assert found.fields.get("message_id") == expected
    assert found.untyped == ([] if expected is not None or text == "null" else ["message_id"])


def test_of_duplicate_keys_the_last_counts() -> None:
    found = read(b'{"messageId": 1, "messageId": "b"}\n{"messageId": "a", "messageId": "b"}')
    assert [event.fields["message_id"] for event in found.events] == ["b", "b"]


def test_a_record_longer_than_a_chunk() -> None:
    record = b'{"a": "' + b"x" * 10_000 + b'"}'
    assert read(record + b"\n" + record, chunk_bytes=100).payloads == [record, record]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r", b"\r\n \r\n"])
def test_lines_end_with_lf_crlf_or_cr(end: bytes, chunk_bytes: int) -> None:
    records = [b'{"a":1}', b"bad", b'{"b": 2}']
    for last in (b"", end):
        assert read(end.join(records) + last, chunk_bytes).texts == records


def test_line_ends_may_be_mixed() -> None:
    records = [b'{"a":1}', b'{"b":2}', b"bad", b'{"c":3}', b'{"d":4}']
    assert read(b"%b\r%b\r\n%b\r%b\n\r%b\r\r\n" % tuple(records)).texts == records


def test_a_cr_inside_one_value_is_white_space() -> None:
    assert read(b'{"a":\r1}\n{"b":2}\n').payloads == [b'{"a":\r1}', b'{"b":2}']


def test_equal_line_ends_cost_one_row() -> None:
    many = read(b'{"a":1}\r\n' * 1000)
    assert many.layout == [(b"", 1), (b"\r\n", 999), (b"\r\n", 0)]


def test_millions_of_blank_lines_are_kept_in_pieces() -> None:
    data = b"\n" * 5_000_000 + b"{}"
    assert max(len(text) for text, _ in read(data).layout) == 1 << 20


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


@given(FILES, st.integers(1, 40))
def test_any_bytes_are_events_or_bad_records_each_once_with_its_bytes(
    data: bytes, chunk_bytes: int
) -> None:
    found = read(data, chunk_bytes)
    assert found.records == read(data).records
    assert not any(text.strip(b" \t\r\n") == b"" for text in found.texts)
    assert b"".join(found.texts).translate(None, b" \t\r\n") == data.translate(None, b" \t\r\n")
    assert {reason for reason, _ in found.bad} <= REASONS.keys()
    if b"\r" not in data:
        lines = data.split(b"\n")
        assert found.texts == [line for line in lines if line.strip(b" \t\r\n")]


@given(FILES)
def test_a_record_is_read_the_same_whatever_stands_beside_it(data: bytes) -> None:
    together = read(data)
    # The line end before it: a byte order mark is one at the beginning of a file only.
    alone = [read(b"\n" + text + b"\n") for text in together.texts]
    assert [events for found in alone for events in found.events] == together.events
    assert [bad for found in alone for bad in found.bad] == together.bad


def test_the_json_test_suite() -> None:
    for path in sorted((corpora() / "json_test_suite").glob("*.json")):
        document = path.read_bytes()
        if b"\n" in document:
            continue
        is_event = reason(b'{"x": ' + document + b"}") is None
        assert is_event or path.name[0] != "y", path.name
        assert not is_event or path.name[0] != "n", path.name
