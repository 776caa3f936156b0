"""Reading places of an event: the quick way and the whole decode give the same."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations import event_reader
from archiver.destinations.event_reader import EventReader
from archiver.destinations.paths import json_path
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
    return event_reader._read_whole(payload, list(places))


@given(EVENTS)
def test_both_ways_give_the_same(event: dict[str, Any]) -> None:
    payload = json.dumps(event).encode()
    assert EventReader(PLACES).read(payload) == whole(payload)


@given(EVENTS)
def test_of_a_place_with_members_these_are_there(event: dict[str, Any]) -> None:
    payload = json.dumps(event).encode()
    c = json_path("$.c").steps
    places = (c, *PLACES)
    found = EventReader(places, {c: ("d", "h")}).read(payload)
    (object_, *others) = whole(payload, places)
    assert list(found[1:]) == others
    if isinstance(object_, dict) and isinstance(found[0], dict):
        object_ = {name: value for name, value in object_.items() if name in ("d", "h")}
        found = ({n: value for n, value in found[0].items() if n in ("d", "h")}, *found[1:])
    assert found[0] == object_


def test_absent_and_null_are_none_and_an_empty_object_is_one() -> None:
    c = json_path("$.c").steps
    reader = EventReader((c, json_path("$.c.d").steps), {c: ("d",)})
    assert reader.read(b"{}") == (None, None)
    assert reader.read(b'{"c":null}') == (None, None)
    assert reader.read(b'{"c":{}}') == ({}, None)
    assert reader.read(b'{"c":{"d":null,"x":1}}') == ({"d": None}, None)


def test_numbers_keep_their_digits() -> None:
    (number,) = EventReader([json_path("$.n").steps]).read(b'{"n":0.10000000000000000001}')
    assert number == Decimal("0.10000000000000000001")


def test_a_name_may_have_any_characters() -> None:
    steps = ("a'\"\n);", "c")
    payload = json.dumps({"a'\"\n);": {"c": 1}}).encode()
    assert EventReader([steps]).read(payload) == (1,)


@pytest.mark.parametrize("payload", [b"[]", b"{", b"1", b'{"a":' + b"[" * 5000])
def test_what_is_no_object_cannot_be_sent(payload: bytes) -> None:
    with pytest.raises(UnsendableEvent):
        EventReader(PLACES).read(payload)
