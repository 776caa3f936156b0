"""Conditions on the values of an event, as the configuration writes them, ready to be applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from archiver.config import Condition
from archiver.values import parse_number
from archiver.warehouse.event_values import NumberText, Value, ValuePath, Values

_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "at_least": ge,
    "more_than": gt,
    "at_most": le,
    "less_than": lt,
}


@dataclass(frozen=True)
class ReadyCondition:
    """One condition.

    Attributes:
        path: where the value is.
        definition: the condition as JSON values, for a fingerprint.
        holds: the test on the value.
    """

    path: ValuePath
    definition: tuple[Any, ...]
    holds: Callable[[Value], bool]


def ready(conditions: Iterable[Condition]) -> tuple[ReadyCondition, ...]:
    """Conditions ready to be applied.

    A value that is absent, null, or of another type than the test needs, fails every test but
    `is_not` and `exists = false`. Numbers are compared exactly, whatever their spelling; text
    counts as a number for `at_least`, `more_than`, `at_most` and `less_than` only.

    Args:
        conditions: as checked when the configuration was read.
    """
    tests = []
    for condition in conditions:
        ((name, wanted),) = condition.tests.items()
        holds = _test(name, wanted)
        tests.append(ReadyCondition(condition.names, (condition.names, name, wanted), holds))
    return tuple(tests)


def all_hold(tests: Iterable[ReadyCondition], values: Values) -> bool:
    """Whether every condition holds; so it does where there is none."""
    return all(test.holds(values.get(test.path)) for test in tests)


def any_holds(tests: Iterable[ReadyCondition], values: Values) -> bool:
    """Whether some condition holds."""
    return any(test.holds(values.get(test.path)) for test in tests)


def _test(name: str, wanted: Any) -> Callable[[Value], bool]:
    if name == "is":
        return _is(wanted)
    if name == "is_not":
        is_equal = _is(wanted)
        return lambda value: not is_equal(value)
    if name == "matches":
        search = re.compile(wanted).search
        return lambda value: type(value) is str and search(value) is not None
    if name == "exists":
        return lambda value: (value is not None) is wanted
    return _compares(_COMPARISONS[name], wanted)


def _is(wanted: Any) -> Callable[[Value], bool]:
    wanted = wanted if isinstance(wanted, list) else [wanted]
    texts = {one for one in wanted if isinstance(one, str)}
    booleans = {one for one in wanted if isinstance(one, bool)}
    plain = [one for one in wanted if isinstance(one, int | float) and not isinstance(one, bool)]
    numbers = {parse_number(one) for one in plain}

    def is_equal(value: Value) -> bool:
        if type(value) is str:
            return value in texts
        if isinstance(value, NumberText):
            return parse_number(value) in numbers
        return isinstance(value, bool) and value in booleans

    return is_equal


def _compares(
    compare: Callable[[Decimal, Decimal], bool], wanted: str | int | float
) -> Callable[[Value], bool]:
    bound = parse_number(wanted)
    assert bound is not None

    def is_beyond(value: Value) -> bool:
        number = parse_number(value) if isinstance(value, str) else None
        return number is not None and compare(number, bound)

    return is_beyond
