r"""What keys and types an event has: one small signature, equal for all events that are alike.

A signature is
- for a scalar its Python type; so for an object or array that is too deep to be followed;
- for an object its Shape or, where it holds others, `(Shape, *signatures of those)`;
- for an object used as a map, `(MAP, *different signatures of its values)`, whatever its keys;
- for an array the frozenset of the different signatures of its elements.

Paths are written as DuckDB's JSON functions take them: `$.properties.products[*].price`,
`$.context."Previous ID"`. In quotes, `"` and `\` stand behind a backslash. DuckDB cannot ask for
two keys: it refuses an empty one, `$.""`, and takes `$."*"` for any key. A lone surrogate, which no
UTF-8 can hold and DuckDB no JSON, is written as its escape, `\ud800`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from types import NoneType
from typing import Any

MAX_LEVELS = 32
"""Steps of the longest path; the object or array at its end is noted and not followed."""
MAX_KEYS = 200
"""An object with more keys than that is a map: its values stand under `.*`, together."""

MAP = ".*"
ELEMENTS = "[*]"
ROOT = "$"

Signature = Any
"""A type, a Shape, a tuple or a frozenset: see the module."""

_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}
_CONTAINERS = frozenset({"object", "array"})
_NOTHING: frozenset[Signature] = frozenset()
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_STEP = re.compile(r'\.(?:"(?:[^"\\]|\\.)*"|[A-Za-z0-9_]+|\*)|\[\*\]', re.ASCII)


class Shape:
    """The keys of one object and the types of their values.

    Attributes:
        keys: in the object's order.
        types: JSON types, in the same order.
        inner: the keys whose values are objects or arrays.
    """

    __slots__ = ("_paths", "inner", "keys", "types")

    def __init__(self, keys: tuple[str, ...], types: tuple[str, ...]) -> None:
        self.keys = keys
        self.types = types
        pairs = zip(keys, types, strict=True)
        self.inner = tuple(key for key, kind in pairs if kind in _CONTAINERS)
        self._paths: dict[str, tuple[list[tuple[str, str]], list[str]]] = {}

    def paths(self, path: str) -> tuple[list[tuple[str, str]], list[str]]:
        """Where the object is at `path`: path and type of each scalar; paths of `inner`."""
        known = self._paths.get(path)
        if known is None:
            pairs = [
                (path + step(key), kind) for key, kind in zip(self.keys, self.types, strict=True)
            ]
            known = self._paths[path] = (
                [pair for pair in pairs if pair[1] not in _CONTAINERS],
                [at for at, kind in pairs if kind in _CONTAINERS],
            )
        return known


class Shapes:
    """Makes signatures; it remembers every shape, so make a new one now and then."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], Shape] = {}
        self._shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], Shape] = {}

    def of_object(self, value: dict[str, Any], levels: int = MAX_LEVELS) -> Signature:
        """The signature of an object below which paths may have so many more steps."""
        seen = (*value, *map(type, value.values()))
        shape = self._seen.get(seen)
        if shape is None:
            if len(value) > MAX_KEYS:
                return (MAP, *self._of_each(value.values(), levels))
            shape = self._learn(seen)
        inner = shape.inner
        if not inner:
            return shape
        levels -= 1
        if not levels:
            return (shape, *[type(value[key]) for key in inner])
        parts: list[Signature] = [shape]
        for key in inner:
            part = value[key]
            if type(part) is dict:
                parts.append(self.of_object(part, levels))
            else:
                parts.append(self._of_each(part, levels) if part else _NOTHING)
        return tuple(parts)

    def _of_each(self, values: Collection[Any], levels: int) -> frozenset[Signature]:
        """The different signatures among the elements of an array or the values of a map."""
        types = frozenset(map(type, values))
        levels -= 1
        if not levels or (dict not in types and list not in types):
            return types
        return frozenset(
            [
                self.of_object(value, levels)
                if type(value) is dict
                else self._of_each(value, levels)
                if type(value) is list
                else type(value)
                for value in values
            ]
        )

    def _learn(self, seen: tuple[Any, ...]) -> Shape:
        count = len(seen) // 2
        keys, types = seen[:count], tuple([_TYPES[kind] for kind in seen[count:]])
        shape = self._shapes.get((keys, types))
        if shape is None:
            shape = self._shapes[keys, types] = Shape(keys, types)
        self._seen[seen] = shape
        return shape


def step(key: str) -> str:
    """The step of a path to a key."""
    if _PLAIN.fullmatch(key):
        return f".{key}"
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'."{quoted}"'.encode("utf-8", "backslashreplace").decode()


def parent(path: str) -> str | None:
    """The path of the object or array that a path's last step is taken from; None for `$`."""
    starts = [match.start() for match in _STEP.finditer(path, 1)]
    return path[: starts[-1]] if starts else None


def parts(signature: Signature, folded: Collection[str] = ()) -> list[tuple[str, Signature]]:
    """An event in parts that have no path in common, so that each can be counted by itself.

    Args:
        signature: the event's.
        folded: paths of objects that are taken for maps.

    Returns:
        Path and signature of each part: the Shape of one object without what is inside it, or a
        whole array or map, where one path can be reached in several ways.
    """
    found: list[tuple[str, Signature]] = []
    _separate(signature, ROOT, folded, found)
    return found


def _separate(
    signature: Signature, path: str, folded: Collection[str], found: list[tuple[str, Signature]]
) -> None:
    kind, inner = _parts(signature)
    if not isinstance(kind, Shape) or path in folded:
        found.append((path, signature))
        return
    found.append((path, kind))
    for at, each in zip(kind.paths(path)[1], inner, strict=True):
        _separate(each, at, folded, found)


def expand(path: str, part: Signature, folded: Collection[str] = ()) -> set[tuple[str, str]]:
    """Path and JSON type of everything in a part."""
    if isinstance(part, Shape) and path not in folded:
        return {(path, "object"), *part.paths(path)[0]}
    found: set[tuple[str, str]] = set()
    _expand(part, path, folded, found)
    return found


def _expand(
    signature: Signature, path: str, folded: Collection[str], found: set[tuple[str, str]]
) -> None:
    kind, inner = _parts(signature)
    if isinstance(kind, type):
        found.add((path, _TYPES[kind]))
    elif isinstance(kind, str):
        found.add((path, "array" if kind == ELEMENTS else "object"))
        for each in inner:
            _expand(each, path + kind, folded, found)
    elif path in folded:
        found.add((path, "object"))
        found.update((path + MAP, scalar) for _, scalar in kind.paths(path)[0])
        for each in inner:
            _expand(each, path + MAP, folded, found)
    else:
        found.add((path, "object"))
        scalars, containers = kind.paths(path)
        found.update(scalars)
        for at, each in zip(containers, inner, strict=True):
            _expand(each, at, folded, found)


def _parts(signature: Signature) -> tuple[type | Shape | str, Collection[Signature]]:
    """What a signature is (a type, a shape, MAP or ELEMENTS), and the signatures inside."""
    if isinstance(signature, tuple):
        return signature[0], signature[1:]
    if isinstance(signature, frozenset):
        return ELEMENTS, signature
    return signature, ()


def crowded(signatures: Collection[Signature], most: int) -> set[str]:
    """Paths of objects that have more than `most` different keys over all these events.

    Folding one merges what lies below it, which can make another one crowded.
    """
    folded: set[str] = set()
    while True:
        keys: dict[str, set[str]] = {}
        for signature in signatures:
            _collect_keys(signature, ROOT, folded, keys)
        full = {path for path, names in keys.items() if len(names) > most}
        if not full:
            return folded
        folded |= full


def _collect_keys(
    signature: Signature, path: str, folded: Collection[str], keys: dict[str, set[str]]
) -> None:
    kind, inner = _parts(signature)
    if isinstance(kind, str):
        for each in inner:
            _collect_keys(each, path + kind, folded, keys)
    elif isinstance(kind, Shape) and path in folded:
        for each in inner:
            _collect_keys(each, path + MAP, folded, keys)
    elif isinstance(kind, Shape):
        keys.setdefault(path, set()).update(kind.keys)
        for at, each in zip(kind.paths(path)[1], inner, strict=True):
            _collect_keys(each, at, folded, keys)
