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

import msgspec
from msgspec import UNSET

from archiver.destinations.base import UnsendableEvent
from archiver.destinations.javascript import is_finite, number_text, text_number
from archiver.destinations.json_text import repair_unicode
from archiver.values import parse_amount


class SegmentEvent(msgspec.Struct, frozen=True):
    """The members of an inbound event that mappings read; absent ones are UNSET.

    Numbers in them are int or Decimal, so that no digit is lost; `messageId` is raw JSON text.
    """

    messageId: msgspec.Raw = msgspec.Raw(b"")
    timestamp: Any = UNSET
    userId: Any = UNSET
    anonymousId: Any = UNSET
    properties: Any = UNSET
    context: Any = UNSET
    integrations: Any = UNSET


class Constant(dict[str, Any]):
    """What JavaScript's `value && value[key]` gives for a falsy value: itself, for every key."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self._value = value

    def get(self, key: str, default: object = None) -> Any:
        """The value, whatever is asked for."""
        return self._value


_NOTHING: dict[str, Any] = {}
_NULL = Constant(None)
_decoder = msgspec.json.Decoder(SegmentEvent, float_hook=Decimal)


def read_event(payload: bytes) -> SegmentEvent:
    """Decode an inbound event; text that is no valid Unicode is read with U+FFFD in its place.

    Raises:
        UnsendableEvent: not a JSON object, too deep, or a number beyond any reader.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except ArithmeticError:
        raise UnsendableEvent("holds a number that cannot be read") from None
    except RecursionError:
        raise UnsendableEvent("is nested too deeply to be read") from None
    try:
        return _decoder.decode(repair_unicode(payload))
    except (msgspec.MsgspecError, ArithmeticError, RecursionError):
        raise UnsendableEvent("cannot be read as a JSON object") from None


def members(value: object) -> dict[str, Any]:
    """The members of a value for `.get`, as JavaScript sees them.

    Text, numbers and arrays have none of ours; a falsy value other than undefined stands for each
    of its own members.
    """
    if type(value) is dict:
        return value
    if value is UNSET or value is None or value or isinstance(value, list):
        return _NOTHING
    return Constant(value)


def item_members(value: object) -> dict[str, Any]:
    """As `members`, for the items of a list, where null members and absent ones differ."""
    return _NULL if value is None else members(value)


def text_field(value: Any, name: str, notes: list[str]) -> str | None:
    """A text field at the top of a mapping; None where Segment leaves it out."""
    if type(value) is str:
        return value or None
    if value is None or value is UNSET:
        return None
    return _as_text(value, name, notes)


def nested_text(value: Any, name: str, notes: list[str]) -> str | None:
    """A text field in a list's item, where null is sent as empty text."""
    if type(value) is str:
        return value
    if value is UNSET:
        return None
    return _as_text(value, name, notes)


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
    if value is None or value is UNSET or value == "":
        return None
    return _as_number(value, name, notes)


def nested_number(value: Any, name: str, notes: list[str]) -> int | Decimal | None:
    """A number field in a list's item, where null is sent as 0."""
    return None if value is UNSET else _as_number(value, name, notes)


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
