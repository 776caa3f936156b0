"""Fields as Segment's published mappings read them: which value counts, and as which type.

Segment resolves a path, drops null and (at the top) empty text, then coerces to the field's type:
a number in a text field becomes its JavaScript text, numeric text in a number field a number, and
an array of one its element. Whatever cannot be coerced makes Segment refuse the whole event. Here
the field alone is left out and noted: a refused event was never delivered, so it has no twin to
differ from, and the conversion is worth more than one bad field.

Source: segmentio/action-destinations, packages/core (mapping-kit, get, remove-empty-values,
schema-validation: AJV with `coerceTypes: 'array'`), read at actions-core 3.170.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import UNSET

from archiver.destinations.fields import keeps_text, lists_text
from archiver.destinations.javascript import (
    SURELY_FINITE_EXPONENT,
    is_finite,
    number_text,
    text_number,
)
from archiver.values import parse_amount


def item_members(value: object) -> dict[str, Any]:
    """The members of an item of a list, for `.get`, as JavaScript sees them.

    Text, numbers and arrays have none of ours; null and falsy values stand for each of their own
    members.
    """
    if type(value) is dict:
        return value
    if value is UNSET or isinstance(value, list) or (value and value is not None):
        return _NOTHING
    return _Constant(value)


class _Constant(dict[str, Any]):
    """What JavaScript's `value && value[key]` gives for a falsy value: itself, for every key."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self._value = value

    def get(self, key: str, default: object = None) -> Any:
        """The value, whatever is asked for."""
        return self._value


_NOTHING: dict[str, Any] = {}


@keeps_text
def text_field(value: Any, name: str, notes: list[str]) -> str | None:
    """A text field at the top of a mapping; None where Segment leaves it out."""
    if type(value) is str:
        return value or None
    if value is None or value is UNSET:
        return None
    return _as_text(value, name, notes)


@keeps_text
def nested_text(value: Any, name: str, notes: list[str]) -> str | None:
    """A text field in a list's item, where null is sent as empty text."""
    if type(value) is str:
        return value
    if value is UNSET:
        return None
    return _as_text(value, name, notes)


@lists_text
def text_list(value: Any, name: str, notes: list[str]) -> list[str] | None:
    """A field of several texts, given as one or as an array; None where Segment leaves it out."""
    if type(value) is str:
        return [value] if value else None
    if value is None or value is UNSET:
        return None
    items = value if isinstance(value, list) else [value]
    texts = [_as_text(item, name, notes) for item in items if item is not None]
    return [text for text in texts if text is not None]


def number_field(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """A number field at the top of a mapping; None where Segment leaves it out."""
    if type(value) is Decimal and value.adjusted() < SURELY_FINITE_EXPONENT:
        return value  # Nearly always; a Decimal compares with text slowly.
    if value is None or value is UNSET or (not value and value == ""):
        return None
    return _as_number(value, name, notes)


def nested_number(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """A number field in a list's item, where null is sent as 0."""
    if type(value) is Decimal and value.adjusted() < SURELY_FINITE_EXPONENT:
        return value
    return None if value is UNSET else _as_number(value, name, notes)


def whole_field(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """Likewise, where only a whole number will do."""
    return _whole(number_field(value, name, notes), name, notes)


def nested_whole(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """Likewise in a list's item, where null is sent as 0."""
    return _whole(nested_number(value, name, notes), name, notes)


def boolean_field(value: Any, name: str, notes: list[str]) -> bool | None:
    """A true-or-false field at the top of a mapping; None where Segment leaves it out."""
    if value is None or value is UNSET or value == "":
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return value
    if value is None or value == "false" or (value == 0 and not isinstance(value, list | dict)):
        return False
    if value == "true" or value == 1:
        return True
    notes.append(f"{name} left out: not true or false")
    return None


def _whole(number: int | Decimal | None, name: str, notes: list[str]) -> int | Decimal | None:
    if isinstance(number, Decimal) and number != number.to_integral_value():
        notes.append(f"{name} left out: not a whole number")
        return None
    return number


def _as_text(value: Any, name: str, notes: list[str]) -> str | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return number_text(value)
    notes.append(f"{name} left out: not a text")
    return None


def _as_number(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    kind = type(value)
    if (kind is Decimal or kind is int) and is_finite(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | Decimal) and is_finite(value):
        return value
    if isinstance(value, str) and value:
        number = text_number(value)
        if number is not None:
            return number
        if parse_amount(value) is not None:
            notes.append(f"{name} read as a number: it has thousands commas")
            return Decimal(value.strip().replace(",", ""))
    notes.append(f"{name} left out: not a number")
    return None
