"""Reads the values at some places of an inbound event, as JavaScript would find them there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import count, takewhile
from typing import Any, cast

import msgspec
from msgspec import UNSET

from archiver.destinations.json_text import repair_unicode
from archiver.destinations.paths import PathSteps
from archiver.destinations.requests import UnsendableEvent

# Prices come again and again; of a text, a Decimal is made in twice the time.
_number = lru_cache(2048)(Decimal)
_any_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_number)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError, RecursionError)
# msgspec has no types with such names.
_IN_NO_TYPE = re.compile(r'["\\\x00-\x1f]')

Names = tuple[str, ...]
Read = Callable[[bytes], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class QuickRead:
    """What reads the places of nearly all events, as Python for a function that is generated.

    Attributes:
        lines: statements; `payload` is the event's JSON text. The first raises one of `unreadable`
            for an event that has to be read as a whole.
        values: an expression for each place.
        known: the names that lines and values refer to.
    """

    lines: tuple[str, ...]
    values: tuple[str, ...]
    known: Mapping[str, Any]

    def statements(self, otherwise: str) -> list[str]:
        """The statements; for an event that has to be read as a whole, what `otherwise` gives."""
        return [
            "try:",
            f"    {self.lines[0]}",
            "except unreadable:",
            f"    return {otherwise}",
            *self.lines[1:],
        ]


class EventReader:
    """Reads a fixed list of places.

    An event whose containers are objects wherever the places lead through (nearly all are) is
    decoded by a type made of the places, which skips all else. Any other is decoded as a whole and
    walked. Both give the same.

    Args:
        places: what to read.
        members: of these places, the only members that matter where the value is an object; others
            may be missing there.

    Attributes:
        read: takes an event's JSON text and gives the value at each place; None where it is absent
            or null. Numbers are int or Decimal, so that no digit is lost. Text that is no valid
            Unicode is read with U+FFFD in its place. It raises UnsendableEvent for what is no JSON
            object, too deep, or has a number beyond any reader.
        quick: how `read` reads nearly all events; None where no type has such names.
    """

    def __init__(
        self, places: Sequence[PathSteps], members: Mapping[PathSteps, Names] | None = None
    ) -> None:
        self._places = list(places)
        self.quick = _quick(self._places, members or {})
        self.read: Read = self.read_whole if self.quick is None else self._compiled(self.quick)

    def read_whole(self, payload: bytes) -> tuple[Any, ...]:
        """As `read`, of any event, but slower."""
        return _read_whole(payload, self._places)

    def _compiled(self, quick: QuickRead) -> Read:
        lines = [
            *quick.statements("whole(payload)"),
            f"return ({''.join(f'{v}, ' for v in quick.values)})",
        ]
        known = {**quick.known, "whole": self.read_whole}
        return cast(Read, defined("read", "payload", lines, known))


def defined(name: str, parameters: str, lines: Sequence[str], known: dict[str, Any]) -> Any:
    """A function of these statements; `known` are the names that they refer to."""
    body = "\n    ".join(lines)
    exec(compile(f"def {name}({parameters}):\n    {body}\n", f"<{name}>", "exec"), known)
    return known[name]


def _quick(places: list[PathSteps], members: Mapping[PathSteps, Names]) -> QuickRead | None:
    """Names of an event stand in it as numbers only, whatever characters they have."""
    if any(_IN_NO_TYPE.search(name) for place in places for name in _names(place)):
        return None
    whole: dict[Names, None] = dict.fromkeys(_names(p) for p in places if p not in members)
    limited: dict[PathSteps, Names] = {
        place: names
        for place, names in members.items()
        if place == _names(place)
        and not any(place[:end] in whole for end in range(1, len(place) + 1))
    }
    whole |= dict.fromkeys(_names(p) for p in members if p not in limited)
    inside = dict.fromkeys(
        (*_names(place), name) for place, names in limited.items() for name in names
    )
    ends = whole | inside
    types = _Types(_tree(list(ends)), inside)
    lines: list[str] = []
    values: list[str] = []
    for position, place in enumerate(places):
        if place in limited:
            lines += types.members(f"v{position}", _names(place), limited[place])
            values.append(f"v{position}")
            continue
        names = _names(place)
        above = next(names[:end] for end in range(1, len(names) + 1) if names[:end] in ends)
        value = types.member(above)
        if len(above) < len(place):
            types.known[f"s{position}"] = place[len(above) :]
            value = f"present(walked({value}, s{position}))"
        elif above in inside:
            value = f"present({value})"
        values.append(value)
    decode = msgspec.json.Decoder(types.root, float_hook=_number).decode
    return QuickRead(
        ("c0 = decode(payload)", *types.lines, *lines),
        tuple(values),
        {
            **types.known,
            "decode": decode,
            "unreadable": _UNREADABLE,
            "walked": _walked,
            "present": _present,
            "UNSET": UNSET,
        },
    )


class _Types:
    """The types that an event is decoded by, and the expressions that take them apart.

    Attributes:
        root: the type of an event.
        lines: statements that name the containers.
        known: what the statements refer to.
    """

    def __init__(self, tree: dict[str, Any], members: Mapping[Names, None]) -> None:
        self.lines: list[str] = []
        self.known: dict[str, Any] = {}
        self._members = members
        self._containers: dict[Names, str] = {(): "c0"}
        self._fields: dict[Names, str] = {}
        self._numbers = count(1)
        self.root = self._struct((), tree)

    def member(self, names: Names) -> str:
        """The value of one member."""
        return f"{self._containers[names[:-1]]}.{self._fields[names]}"

    def members(self, variable: str, place: Names, names: Names) -> list[str]:
        """Statements that give a variable the object with those members that are there."""
        container = self._containers[place]
        lines = [f"{variable} = None if {container} is absent_{container} else {{}}"]
        for name in names:
            self.known[f"n{len(self.known)}"] = name
            key = f"n{len(self.known) - 1}"
            value = self.member((*place, name))
            lines.append(f"if {value} is not UNSET: {variable}[{key}] = {value}")
        return lines

    def _struct(self, path: Names, tree: dict[str, Any]) -> type[msgspec.Struct]:
        container = self._containers[path]
        fields: list[tuple[str, Any, Any]] = []
        rename = {}
        for name, below in tree.items():
            number = next(self._numbers)
            field, here = f"f{number}", (*path, name)
            rename[field] = name
            self._fields[here] = field
            if below is None:
                fields.append((field, Any, UNSET if here in self._members else None))
                continue
            self._containers[here] = f"c{number}"
            self.lines.append(f"c{number} = {container}.{field}")
            kind = self._struct(here, below)
            absent = kind()
            self.known[f"absent_c{number}"] = absent
            fields.append((field, kind, absent))
        return msgspec.defstruct("Places", fields, rename=rename, frozen=True, gc=False)


def _tree(ends: list[Names]) -> dict[str, Any]:
    """The members that lead to the ends, as objects in objects; None where one ends.

    An end below another one is reached from there.
    """
    tree: dict[str, Any] = {}
    for names in sorted(ends, key=len):
        node: dict[str, Any] | None = tree
        for name in names[:-1]:
            assert node is not None
            if name in node and node[name] is None:
                node = None
                break
            node = node.setdefault(name, {})
        if node is not None:
            node.setdefault(names[-1], None)
    return tree


def _names(place: PathSteps) -> Names:
    """The names with which a place begins, up to a position in an array."""
    return tuple(str(step) for step in takewhile(_is_name, place))


def _is_name(step: str | int) -> bool:
    return isinstance(step, str)


def _present(value: Any) -> Any:
    return None if value is UNSET else value


def _read_whole(payload: bytes, places: Sequence[PathSteps]) -> tuple[Any, ...]:
    event = _decoded(payload)
    return tuple(_present(_walked(event, place)) for place in places)


def _decoded(payload: bytes) -> Any:
    try:
        return _any_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except ArithmeticError:
        raise UnsendableEvent("holds a number that cannot be read") from None
    except RecursionError:
        raise UnsendableEvent("is nested too deeply to be read") from None
    try:
        return _any_decoder.decode(repair_unicode(payload))
    except (msgspec.MsgspecError, ArithmeticError, RecursionError):
        raise UnsendableEvent("cannot be read as a JSON object") from None


def _walked(value: Any, steps: PathSteps) -> Any:
    for step in steps:
        if type(value) is dict:
            value = value.get(step, UNSET)
        elif isinstance(value, list):
            is_there = isinstance(step, int) and step < len(value)
            value = value[step] if is_there else UNSET  # type: ignore[index]
        elif value is None or value is UNSET or value:
            return UNSET
        # What `value && value[key]` gives for a falsy value is itself, for every key.
    return value
