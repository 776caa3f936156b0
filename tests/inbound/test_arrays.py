"""JSON arrays: each element with its own bytes; one bad element costs no other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import read

FORMAT = "json-array"


@pytest.mark.parametrize("chunk_bytes", [1, 2, 7, 1000])
def test_elements_keep_their_bytes(chunk_bytes: int) -> None:
    data = b'\xef\xbb\xbf [ {"a": 1.10} ,\n{"b":"],[\\"{"},{ "c" : [1, {}] } ] \n'
    found = read(data, FORMAT, chunk_bytes)
    assert found.payloads == [b'{"a": 1.10}', b'{"b":"],[\\"{"}', b'{ "c" : [1, {}] }']


def test_what_is_no_object_is_a_bad_record_by_itself() -> None:
    found = read(b'[{"a":1}, null, [ ], {"b":2}, {"c": NaN}, {"d":"\xff"}, {"e":3}]')
    assert found.payloads == [b'{"a":1}', b'{"b":2}', b'{"e":3}']
    assert found.bad == [
        ("not_an_object", b"null"),
        ("not_an_object", b"[ ]"),
        ("invalid_json", b'{"c": NaN}'),
        ("invalid_utf8", b'{"d":"\xff"}'),
    ]


@pytest.mark.parametrize(
    ("data", "payloads", "bad"),
    [
        (b'[{"a":1},{"b":2},{"c":', [b'{"a":1}', b'{"b":2}'], [b'{"c":']),
        (b'[{"a":1},{"b":"x', [b'{"a":1}'], [b'{"b":"x']),
        (b'[{"a":1},{"b":2}', [b'{"a":1}', b'{"b":2}'], []),
        (b'[{"a":1},', [b'{"a":1}'], []),
        (b'[{"a":1},,{"b":2}]', [b'{"a":1}'], [b',{"b":2}]']),
        (b'[{"a":1},]', [b'{"a":1}'], [b"]"]),
        (b'[{"a":1}}, {"b":2}]', [], [b'{"a":1}}, {"b":2}]']),
        (b'[{"a":1}] {"b":2} x', [b'{"a":1}'], [b'{"b":2} x']),
        (b'[[{"a":1}]}, {"b":2}]', [], [b'[{"a":1}]}, {"b":2}]']),
        (b"[,]", [], [b",]"]),
        (b"[", [], []),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 1000])
def test_where_an_array_breaks_off_the_rest_is_one_record(
    data: bytes, payloads: list[bytes], bad: list[bytes], chunk_bytes: int
) -> None:
    found = read(data, FORMAT, chunk_bytes)
    assert found.payloads == payloads
    assert found.bad == [("broken_off", rest) for rest in bad]
    assert found.is_cut == (not bad), "somebody must hear about it"


def test_several_arrays_one_after_the_other() -> None:
    found = read(b'[{"a":1},{"b":2}]\n[{"c":3}]\n\n[][{"d":4}]')
    assert found.format == FORMAT
    assert found.payloads == [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}']
    assert not found.is_cut


def test_an_element_longer_than_many_chunks_is_not_scanned_over_and_over() -> None:
    long = b'{"a": "\\ud800' + b"x" * 3_000_000 + b'"}'
    assert read(b"[" + long + b",{}]", FORMAT, chunk_bytes=10_000).payloads == [long, b"{}"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.lists(JSON, max_size=8),
    st.sampled_from([",", " ,\n", ", "]),
    st.booleans(),
    st.integers(1, 60),
)
def test_any_array_gives_its_elements(
    values: list[object], comma: str, is_ascii: bool, chunk_bytes: int
) -> None:
    elements = [json.dumps(value, ensure_ascii=is_ascii) for value in values]
    try:
        data = f"[{comma.join(elements)}]".encode()
    except UnicodeEncodeError:
        return
    assert read(data, FORMAT, chunk_bytes).texts == [element.encode() for element in elements]


@given(st.binary(max_size=60) | st.text('[]{},:"\\ a1\n', max_size=60).map(str.encode))
def test_any_bytes_come_out_whole_whatever_the_chunks(data: bytes) -> None:
    found = read(b"[" + data, FORMAT)
    for chunk_bytes in (1, 5):
        again = read(b"[" + data, FORMAT, chunk_bytes)
        assert again.records == found.records


@given(
    st.lists(st.sampled_from([b'{"a":1}', b'{"b":[{}]}', b'{"c":"x,y"}']), max_size=5), st.data()
)
def test_wherever_an_array_is_cut_the_elements_before_are_events(
    elements: list[bytes], data: st.DataObject
) -> None:
    whole = b"[" + b", ".join(elements) + b"]"
    cut = data.draw(st.integers(1, len(whole)))
    found = read(whole[:cut], FORMAT)
    ends = [len(b"[" + b", ".join(elements[: n + 1])) for n in range(len(elements))]
    complete = sum(end <= cut for end in ends)
    assert found.payloads == elements[:complete]
    assert (len(found.bad), found.is_cut) in (
        [(1, False), (0, True)] if cut < len(whole) else [(0, False)]
    )
