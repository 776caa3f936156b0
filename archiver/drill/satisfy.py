"""Gives an invented event the values that a destination's conditions ask for."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from archiver.warehouse.conditions import ReadyCondition
from archiver.warehouse.event_values import ValueReader

_ABSENT: Any = object()
_ANY = ("drill", "yes", "US", "1", "a@example.com", "a@example.org", 1, 0, 100, True, False)


def satisfied(
    event: dict[str, Any],
    wanted: Sequence[ReadyCondition],
    unwanted: Sequence[ReadyCondition],
) -> dict[str, Any] | None:
    """The event with the values that make all conditions hold and none of the others.

    Only values that are in the way are changed. Of a regular expression only what it says
    literally is tried.

    Args:
        event: is left as it is.
        wanted: must hold.
        unwanted: must not hold.

    Returns:
        A changed copy, or the event where nothing is asked; None where no value was found.
    """
    if not wanted and not unwanted:
        return event
    changed = copy.deepcopy(event)
    for path in dict.fromkeys(condition.path for condition in (*wanted, *unwanted)):
        asked = [condition for condition in wanted if condition.path == path]
        refused = [condition for condition in unwanted if condition.path == path]
        for candidate in _candidates(_get(changed, path), [*asked, *refused]):
            tried = copy.deepcopy(changed)
            if not _put(tried, path, candidate):
                continue
            value = ValueReader([path]).read(json.dumps(tried)).get(path)
            if all(c.holds(value) for c in asked) and not any(c.holds(value) for c in refused):
                changed = tried
                break
        else:
            return None
    return changed


def _candidates(present: Any, conditions: Sequence[ReadyCondition]) -> Iterator[Any]:
    yield present
    yield _ABSENT
    for condition in conditions:
        _, test, wanted = condition.definition
        for one in wanted if isinstance(wanted, list) else [wanted]:
            if test == "matches":
                yield from _literals(str(one))
            elif test in ("at_least", "at_most", "more_than", "less_than"):
                number = Decimal(str(one))
                yield from (float(number), float(number + 1), float(number - 1))
            else:
                yield one
    yield from _ANY


def _literals(pattern: str) -> Iterator[str]:
    """What a regular expression says literally, branch by branch."""
    for branch in re.sub(r"\(\?[a-zA-Z]+\)", "", pattern).split("|"):
        plain = branch.strip("^$()").replace(".*", "").replace(".+", "x")
        yield re.sub(r"\\(.)", r"\1", plain)


def _get(event: dict[str, Any], path: Sequence[str]) -> Any:
    found: Any = event
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return _ABSENT
        found = found[name]
    return found


def _put(event: dict[str, Any], path: Sequence[str], value: Any) -> bool:
    """Set a value, or remove it; whether that could be."""
    *above, last = path
    inside: Any = event
    for name in above:
        if value is _ABSENT and name not in inside:
            return True
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            return False
    if value is _ABSENT:
        inside.pop(last, None)
    else:
        inside[last] = value
    return True
