"""Values of an event by their paths: exact, and the same however the text must be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.warehouse.event_values import OBJECT, UNREADABLE, NumberText, ValueReader

EVENT = (
    '{"type":"track","n":1.10,"off":false,"on":true,"none":null,"list":["a",2],"text":"é\\n",'
    '"properties":{"a":{"b":"deep"},"a.b":"dotted","n":12345678901234567890.10,"":"empty"},'
    '"twice":{"x":1},"twice":{"y":2}}'
)
# What the fast reader refuses: the rest of the event must be read all the same.
WITH_SURROGATE = EVENT[:-1] + ',"odd":"\\ud800"}'


@pytest.mark.parametrize("payload", [EVENT, WITH_SURROGATE], ids=["fast", "with care"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("text", "é\n"),
        ("n", NumberText("1.10")),
        ("properties.n", NumberText("12345678901234567890.10")),
        ("on", True),
        ("off", False),
        ("none", None),
        ("absent", None),
        ("properties.absent", None),
        ("properties", OBJECT),
        ("properties.a", OBJECT),
        ("properties.a.b", "deep"),
        ("list", ["a", 2]),
        ("list.0", None),
        ("text.0", None),
        ("twice.x", None),
        ("twice.y", NumberText("2")),
    ],
)
def test_a_value_by_its_path(payload: str, path: str, value: Any) -> None:
    names = tuple(path.split("."))
    found = ValueReader([names]).read(payload).get(names)
    if isinstance(value, list):
        assert isinstance(found, list) and [str(one) for one in found] == ["a", "2"]
    else:
        assert found == value and type(found) is type(value)


def test_a_name_with_a_dot_is_one_step() -> None:
    dotted, steps = ("properties", "a.b"), ("properties", "a", "b")
    assert ValueReader([dotted, steps]).read(EVENT) == {dotted: "dotted", steps: "deep"}


def test_a_path_may_lie_below_another() -> None:
    outer, inner = ("properties", "a"), ("properties", "a", "b")
    assert ValueReader([inner, outer]).read(EVENT) == {outer: OBJECT, inner: "deep"}


def test_text_that_is_no_unicode_is_there_and_cannot_be_read() -> None:
    assert ValueReader([("odd",)]).read(WITH_SURROGATE) == {("odd",): UNREADABLE}


def test_what_nests_too_deep_has_no_values() -> None:
    deep = '{"a":1,"b":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert ValueReader([("a",)]).read(deep) == {}


def test_a_reader_without_paths_is_idle() -> None:
    assert ValueReader([]).is_idle
    assert not ValueReader([("a",)]).is_idle
    assert ValueReader([]).read(json.dumps({"a": 1})) == {}
