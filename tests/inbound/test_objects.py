"""JSON objects one after the other, without regard to lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import read
from test_arrays import JSON

FORMAT = "concatenated-json"


@pytest.mark.parametrize("chunk_bytes", [1, 3, 1000])
def test_objects_keep_their_bytes(chunk_bytes: int) -> None:
    data = b'\xef\xbb\xbf{"a": "}{"}{"b":\n 2}\r\n\n  {\n"c": {"d": []}\n}\n'
    found = read(data, FORMAT, chunk_bytes)
    assert found.payloads == [b'{"a": "}{"}', b'{"b":\n 2}', b'{\n"c": {"d": []}\n}']


@pytest.mark.parametrize("chunk_bytes", [1, 3, 1000])
def test_what_stands_between_is_a_bad_record_and_an_end_that_lacks_is_one_too(
    chunk_bytes: int,
) -> None:
    found = read(b'{"a":1} junk , {"b":2},\n]\n{"c": NaN}{"d":', FORMAT, chunk_bytes)
    assert found.payloads == [b'{"a":1}', b'{"b":2}']
    assert found.bad == [
        ("invalid_json", b"junk ,"),
        ("invalid_json", b","),
        ("invalid_json", b"]"),
        ("invalid_json", b'{"c": NaN}'),
        ("broken_off", b'{"d":'),
    ]


@given(
    st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=5),
    st.sampled_from([None, 1]),
    st.sampled_from(["", " ", "\n", "\r\n\n"]),
    st.integers(1, 60),
)
def test_any_objects_come_out(
    values: list[object], indent: int | None, between: str, chunk_bytes: int
) -> None:
    records = [json.dumps(value, indent=indent) for value in values]
    data = between.join(records).encode()
    assert read(data, FORMAT, chunk_bytes).payloads == [record.encode() for record in records]


@given(st.binary(max_size=60) | st.text('[]{},:"\\ a1\n', max_size=60).map(str.encode))
def test_any_bytes_come_out_whole_whatever_the_chunks(data: bytes) -> None:
    found = read(data, FORMAT)
    for chunk_bytes in (1, 5):
        assert read(data, FORMAT, chunk_bytes).records == found.records
