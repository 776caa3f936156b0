"""Single values of an event, by their paths, read exactly from its JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

ValuePath = tuple[str, ...]
"""The names on the way to a value, from the event's top level; elements of arrays have none."""


class NumberText(str):
    """A JSON number's own text."""

    __slots__ = ()


class Other:
    """A value that is there, and is neither text, number, boolean, null nor array.

    Attributes:
        is_object: an object, else text that is no Unicode (a lone surrogate).
    """

    __slots__ = ("is_object",)

    def __init__(self, is_object: bool) -> None:
        self.is_object = is_object


OBJECT: Final = Other(True)
UNREADABLE: Final = Other(False)

Value = str | bool | list[Any] | Other | None
"""Text, a NumberText, true or false, an array, another value; None: absent or null."""
Values = dict[ValuePath, Value]

_Tree = dict[str, "_Node"]
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_array = msgspec.json.Decoder(list[Any]).decode


class _Node:
    """A name in the tree of paths: the path that ends here, if any, and the names below."""

    __slots__ = ("below", "path")

    def __init__(self) -> None:
        self.path: ValuePath | None = None
        self.below: _Tree = {}


class ValueReader:
    """Reads the values under some paths.

    Args:
        paths: which; of equal keys in an object the last counts.
    """

    def __init__(self, paths: Iterable[ValuePath]) -> None:
        self._tree: _Tree = {}
        for path in paths:
            below = self._tree
            for name in path:
                node = below.setdefault(name, _Node())
                below = node.below
            node.path = path

    @property
    def is_idle(self) -> bool:
        """Whether there are no paths, so that nothing need be read."""
        return not self._tree

    def read(self, payload: str) -> Values:
        """The values of one event; what is absent or null is left out.

        Args:
            payload: JSON text of an object. What nests too deep for the readers has no values.
        """
        found: Values = {}
        try:
            _collect(_members(payload), self._tree, found)
        except (ValueError, RecursionError):
            found.clear()
            _read_with_care(payload, self._tree, found)
        return found


def _collect(members: dict[str, msgspec.Raw], tree: _Tree, found: Values) -> None:
    for name, node in tree.items():
        raw = members.get(name)
        if raw is None:
            continue
        data = bytes(raw)
        if node.path is not None:
            value = _value(data)
            if value is not None:
                found[node.path] = value
        if node.below and data[:1] == b"{":
            _collect(_members(data), node.below, found)


def _value(data: bytes) -> Value:
    first = data[:1]
    if first == b'"':
        return _text(data)
    if first in b"-0123456789":
        return NumberText(data.decode("ascii"))
    if first == b"{":
        return OBJECT
    if first == b"[":
        return _array(data)
    return None if first == b"n" else first == b"t"


def _read_with_care(payload: str, tree: _Tree, found: Values) -> None:
    """Read with the standard library what the fast reader refuses: lone surrogates."""
    try:
        event = json.loads(payload, parse_int=NumberText, parse_float=NumberText)
    except (ValueError, RecursionError):
        return
    _collect_parsed(event, tree, found)


def _collect_parsed(members: dict[str, Any], tree: _Tree, found: Values) -> None:
    for name, node in tree.items():
        value = members.get(name)
        if value is None:
            continue
        if node.path is not None:
            found[node.path] = _parsed_value(value)
        if isinstance(value, dict):
            _collect_parsed(value, node.below, found)


def _parsed_value(value: Any) -> Value:
    if isinstance(value, str):
        return value if _is_unicode(value) else UNREADABLE
    if isinstance(value, bool | list):
        return value
    return OBJECT


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
