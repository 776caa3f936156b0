"""Reading places of an event: all ways give the same, and each event is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import event_reader
from archiver.destinations.event_reader import Way, defined_by_ways, ways_to_read
from archiver.destinations.paths import PathSteps, json_path
from archiver.destinations.requests import UnsendableEvent

PLACES = tuple(
    json_path(text).steps
    for text in ("$.a", "$.a.b", "$.c.d", "$.c.d.e", "$.c.f", "$.c.g[0].h", "$.c['d e']", "$.i.j.k")
)
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "d e"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=6)


def whole(payload: bytes, places: Any = PLACES) -> tuple[Any, ...]:
    return event_reader._read_whole(payload, places=places)


def reader(
    places: Sequence[PathSteps],
    members: dict[PathSteps, tuple[str, ...]] | None = None,
    texts: Sequence[PathSteps] = (),
) -> Callable[[bytes], tuple[Any, ...]]:
    def values(way: Way) -> list[str]:
        return [f"return ({''.join(f'{way.values[place]}, ' for place in places)})"]

    function = defined_by_ways("payload", ways_to_read(places, members, texts), values)
    return cast(Callable[[bytes], tuple[Any, ...]], function)


@given(EVENTS, st.sets(st.sampled_from(PLACES)))
def test_all_ways_give_the_same(event: dict[str, Any], texts: set[PathSteps]) -> None:
    payload = json.dumps(event).encode()
    assert reader(PLACES, texts=list(texts))(payload) == whole(payload)


def test_where_text_is_expected_the_quickest_way_says_so() -> None:
    a, b, c = (json_path(text).steps for text in ("$.a", "$.a.b", "$.c"))
    assert [way.texts for way in ways_to_read((a, c), texts=[c])] == [set(), set(), {c}]
    assert [way.texts for way in ways_to_read((a, b, c), texts=[b])] == [set(), set(), set()]
    quickest = ways_to_read((c, b), {c: ("d",)}, [b])[-1]
    assert quickest.texts == {b}
    for text in ("null", '""', '"t"'):
        quickest.known["decode"](b'{"a":{"b":%s}}' % text.encode())


@pytest.mark.parametrize("text", ["5", "true", "[]", '{"d":1}'])
def test_of_another_value_where_text_is_expected_nothing_is_lost(text: str) -> None:
    c = json_path("$.c").steps
    payload = b'{"c":%s}' % text.encode()
    assert reader([c], texts=[c])(payload) == (json.loads(text),)


@given(EVENTS)
def test_of_a_place_with_members_these_are_there(event: dict[str, Any]) -> None:
    payload = json.dumps(event).encode()
    c = json_path("$.c").steps
    places = (c, *PLACES)
    found = reader(places, {c: ("d", "h")})(payload)
    (object_, *others) = whole(payload, places)
    assert list(found[1:]) == others
    if isinstance(object_, dict) and isinstance(found[0], dict):
        object_ = {name: value for name, value in object_.items() if name in ("d", "h")}
        found = ({n: value for n, value in found[0].items() if n in ("d", "h")}, *found[1:])
    assert found[0] == object_


def test_absent_and_null_are_none_and_an_empty_object_is_one() -> None:
    c = json_path("$.c").steps
    read = reader((c, json_path("$.c.d").steps), {c: ("d",)})
    assert read(b"{}") == (None, None)
    assert read(b'{"c":null}') == (None, None)
    assert read(b'{"c":{}}') == ({}, None)
    assert read(b'{"c":{"d":null,"x":1}}') == ({"d": None}, None)


def test_numbers_keep_their_digits() -> None:
    (number,) = reader([json_path("$.n").steps])(b'{"n":0.10000000000000000001}')
    assert number == Decimal("0.10000000000000000001")


def test_a_name_may_have_any_characters() -> None:
    steps = ("a'\"\n);", "c")
    payload = json.dumps({"a'\"\n);": {"c": 1}}).encode()
    assert reader([steps])(payload) == (1,)


@pytest.mark.parametrize("payload", [b"[]", b"{", b"1", b'{"a":' + b"[" * 5000])
def test_what_is_no_object_cannot_be_sent(payload: bytes) -> None:
    with pytest.raises(UnsendableEvent):
        reader(PLACES)(payload)
