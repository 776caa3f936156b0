"""Reads the values at some places of an inbound event, as JavaScript would find them there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from itertools import count, takewhile
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET

from archiver.destinations.json_text import repair_unicode
from archiver.destinations.paths import PathSteps
from archiver.destinations.requests import UnsendableEvent

# Prices come again and again; of a text, a Decimal is made in twice the time.
_number = lru_cache(2048)(Decimal)
_any_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_number)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError, RecursionError)
_IN_NO_TYPE = re.compile(r'["\\\x00-\x1f]')

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to read the places of an event, as Python for a function that is generated.

    Attributes:
        lines: statements; `payload` is the event's JSON text. Unless it is the last way, the first
            raises one of `unreadable` for an event that has to be read in the next slower way.
        values: an expression for each place, None where it is absent or null.
        known: the names that lines and values refer to.
        texts: places whose values are texts or None.
        is_last: reads every event that can be read, and raises UnsendableEvent for any other.
    """

    lines: tuple[str, ...]
    values: Mapping[PathSteps, str]
    known: Mapping[str, Any]
    texts: frozenset[PathSteps] = frozenset()
    is_last: bool = False


def ways_to_read(
    places: Sequence[PathSteps],
    members: Mapping[PathSteps, Names] | None = None,
    texts: Collection[PathSteps] = (),
) -> list[Way]:
    """The ways to read some places, the slowest first; they all give the same.

    The last decodes an event as a whole and walks to the places. The quicker ones decode it by a
    type made of the places, which skips all else, where the containers on the way to them are
    objects (of nearly all events), and the quickest where besides what is mostly text is.

    Numbers are int or Decimal, so that no digit is lost. Text that is no valid Unicode is read with
    U+FFFD in its place. What is no JSON object, too deep, or has a number beyond any reader cannot
    be read.

    Args:
        places: what to read.
        members: of these places, the only members that matter where the value is an object; others
            may be missing there.
        texts: of the places, those where mostly text is.
    """
    ways = [_last_way(places)]
    # msgspec has no types with such names.
    if places and not any(_IN_NO_TYPE.search(name) for place in places for name in _names(place)):
        ways.append(_quick_way(places, members or {}, frozenset()))
        if texts:
            ways.append(_quick_way(places, members or {}, frozenset(texts)))
    return ways


def defined_by_ways(
    parameters: str,
    ways: Sequence[Way],
    rest: Callable[[Way], Sequence[str]],
    known: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """A function that reads an event in the quickest way that can.

    Args:
        parameters: of the function; one is `payload`.
        ways: as `ways_to_read` gives them.
        rest: the statements after the reading.
        known: the names that they refer to, besides those of the way.
    """
    function = None
    for way in ways:
        lines = [*way.lines, *rest(way)]
        if not way.is_last:
            slower = f"    return slower({parameters})"
            lines[:1] = ["try:", f"    {lines[0]}", "except unreadable:", slower]
        names = {**known, **way.known, "slower": function, "unreadable": _UNREADABLE}
        body = "\n    ".join(lines)
        exec(compile(f"def apply({parameters}):\n    {body}\n", "<mapping>", "exec"), names)
        function = names["apply"]
    return function


def _last_way(places: Sequence[PathSteps]) -> Way:
    values = {place: f"value{at}" for at, place in enumerate(places)}
    read = f"{''.join(f'{value}, ' for value in values.values())} = read(payload)"
    known = {"read": partial(_read_whole, places=places)}
    return Way((read,) if places else (), values, known, is_last=True)


def _quick_way(
    places: Sequence[PathSteps], members: Mapping[PathSteps, Names], texts: frozenset[PathSteps]
) -> Way:
    """Names of an event stand in it as numbers only, whatever characters they have."""
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
    types = _Types(_tree(list(ends)), inside, texts)
    lines: list[str] = []
    values: dict[PathSteps, str] = {}
    for position, place in enumerate(places):
        if place in limited:
            lines += types.members(f"v{position}", _names(place), limited[place])
            values[place] = f"v{position}"
            continue
        names = _names(place)
        above = next(names[:end] for end in range(1, len(names) + 1) if names[:end] in ends)
        value = types.member(above)
        if len(above) < len(place):
            types.known[f"s{position}"] = place[len(above) :]
            value = f"present(walked({value}, s{position}))"
        elif above in inside:
            value = f"present({value})"
        values[place] = value
    decode = msgspec.json.Decoder(types.root, float_hook=_number).decode
    known = {
        **types.known,
        "decode": decode,
        "walked": _walked,
        "present": _present,
        "UNSET": UNSET,
    }
    return Way(("c0 = decode(payload)", *types.lines, *lines), values, known, types.texts)


class _Types:
    """The types that an event is decoded by, and the expressions that take them apart.

    Attributes:
        root: the type of an event.
        lines: statements that name the containers.
        known: what the statements refer to.
        texts: the places that are decoded as text.
    """

    def __init__(
        self, tree: dict[str, Any], members: Mapping[Names, None], texts: Collection[PathSteps]
    ) -> None:
        self.lines: list[str] = []
        self.known: dict[str, Any] = {}
        self._members = members
        self._texts = texts
        self._found_texts: set[PathSteps] = set()
        self._containers: dict[Names, str] = {(): "c0"}
        self._fields: dict[Names, str] = {}
        self._numbers = count(1)
        self.root = self._struct((), tree)
        self.texts = frozenset(self._found_texts)

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
                is_text = here in self._texts
                if is_text:
                    self._found_texts.add(here)
                absent = UNSET if here in self._members else None
                fields.append((field, str | None if is_text else Any, absent))
                continue
            self._containers[here] = f"c{number}"
            self.lines.append(f"c{number} = {container}.{field}")
            kind = self._struct(here, below)
            empty = kind()
            self.known[f"absent_c{number}"] = empty
            fields.append((field, kind, empty))
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


def _read_whole(payload: bytes, *, places: Sequence[PathSteps]) -> tuple[Any, ...]:
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
