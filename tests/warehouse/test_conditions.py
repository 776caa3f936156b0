"""Conditions on an event's values (docs/reconciliation.md, Suppression)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from archiver.config import Condition
from archiver.warehouse.conditions import all_hold, any_holds, ready
from archiver.warehouse.event_values import ValueReader

ABSENT: Any = object()


def condition(**test: Any) -> Condition:
    return msgspec.convert({"path": "properties.x", **test}, Condition)


def holds(value: Any, test: dict[str, Any]) -> bool:
    """Whether one condition holds; a string that begins with `json:` is a value's JSON text."""
    is_json = isinstance(value, str) and value.startswith("json:")
    text = value[5:] if is_json else json.dumps(value, default=repr)
    payload = "{}" if value is ABSENT else f'{{"properties":{{"x":{text}}}}}'
    tests = ready([condition(**test)])
    values = ValueReader(one.path for one in tests).read(payload)
    assert all_hold(tests, values) is any_holds(tests, values)
    return all_hold(tests, values)


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        ({"is": "pro"}, ["pro"], ["Pro", "pro ", "", None, 1, True, ["pro"], {"pro": 1}, ABSENT]),
        ({"is": ["pro", "team"]}, ["pro", "team"], ["free", "proteam", None, ABSENT]),
        ({"is": ""}, [""], [None, ABSENT, "x"]),
        ({"is": 5}, [5, "json:5.0", "json:5e0", "json:50E-1"], ["5", 50, True, None, ABSENT]),
        ({"is": 0}, [0, "json:-0", "json:0.000"], [False, "", None, ABSENT]),
        ({"is": 0.1}, ["json:0.1", "json:1e-1"], ["json:0.10000000000000001", "0.1"]),
        ({"is": 10**20}, ["json:100000000000000000000", "json:1e20"], ["json:100000000000000001"]),
        ({"is": True}, [True], [False, 1, "true", None, ABSENT]),
        ({"is": False}, [False], [True, 0, "", None, ABSENT]),
        ({"is": ["a", 1, False]}, ["a", "json:1.0", False], [True, 0, "1", "b", ABSENT]),
        ({"is_not": "pro"}, ["free", 1, None, ABSENT, ["pro"], {}], ["pro"]),
        ({"is_not": ["a", 2]}, ["b", "2", None, ABSENT], ["a", 2, "json:2.0"]),
        ({"is_not": True}, [False, 1, "true", ABSENT], [True]),
        ({"matches": "a+b"}, ["aab", "xaby"], ["b", "AB", None, ABSENT, 1, True, ["ab"]]),
        ({"matches": "^x$"}, ["x"], ["xx", ""]),
        ({"matches": "1"}, ["21"], [1, "json:21"]),
        ({"exists": True}, ["", 0, False, [], {}, "json:1e400"], [None, ABSENT]),
        ({"exists": False}, [None, ABSENT], ["", 0, False, [], {}]),
        ({"at_least": 5}, [5, 6, "5", " 5.0 ", "1,000"], [4, "4.99", "x", True, None, ABSENT]),
        ({"more_than": 5}, ["json:5.000000000000000000001", "json:1e400"], [5, 4, ABSENT]),
        ({"at_most": 5}, [5, -1, "json:4.9", "json:-1e400"], [5.1, [1], {}, "", False, ABSENT]),
        ({"less_than": 5}, ["json:4.999999999999999999999"], [5, "5.0", 6, None, ABSENT]),
        ({"at_least": "0.1"}, ["json:0.1"], ["json:0.09999999999999999999"]),
        ({"at_least": "1,000.50"}, [1000.5], [1000.4]),
        ({"at_least": -1}, [0, -1], [-2]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_condition(test: dict[str, Any], yes: list[Any], no: list[Any]) -> None:
    assert [value for value in yes if not holds(value, test)] == []
    assert [value for value in no if holds(value, test)] == []


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"is": "\ufffd"}, False),
        ({"is_not": "x"}, True),
        ({"matches": "."}, False),
        ({"exists": True}, True),
    ],
    ids=str,
)
def test_text_that_is_no_unicode_is_a_value_of_another_type(
    test: dict[str, Any], expected: bool
) -> None:
    assert holds('json:"\\ud800"', test) is expected


def test_all_and_any() -> None:
    tests = ready([condition(at_least=1), condition(at_most=3)])
    for value, every, some in [(2, True, True), (5, False, True), (0, False, True)]:
        values = ValueReader([tests[0].path]).read(f'{{"properties":{{"x":{value}}}}}')
        assert (all_hold(tests, values), any_holds(tests, values)) == (every, some)
    assert all_hold([], {}) and not any_holds([], {})
