"""Where JSON values begin and end, by structure alone: strings, brackets and commas.

The strict reader says what is valid; this finds the parts of what it refuses, or of what has not
arrived to its end, so that one bad element costs no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import msgspec

WHITE = b" \t\r\n"

# A quote alone is a string without an end.
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\],]', re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,:{}\[\]\"]+")
_SPACE = re.compile(rb"[ \t\r\n]*+")

_QUOTE, _BRACE_END, _BRACKET_END = b'"}]'
_OPENING, _CLOSING = b"{[", b"}]"


@dataclass(slots=True)
class Elements:
    """The elements of an array, as far as they are delimited.

    Attributes:
        spans: start and end of each, without white space around it.
        stop: where the array goes on: behind its `]` if closed, else where the rest begins.
        state: `closed`; `open`: the end of the data came first; `broken`: what follows at `stop`
            is no element.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    stop: int = 0
    state: Literal["closed", "open", "broken"] = "open"


def skip_space(data: bytes, at: int) -> int:
    """The first place from `at` on that is no JSON white space."""
    found = _SPACE.match(data, at)
    assert found
    return found.end()


def elements(data: bytes, at: int, *, is_first: bool = True) -> Elements:
    """Delimit the elements of an array.

    Args:
        data: JSON text, whole or its beginning.
        at: behind the array's `[`, or behind the comma after an element.
        is_first: whether no element came before, so that the array may end at once.
    """
    found = Elements(stop=at)
    start, depth = at, 0
    for token in _STRUCTURE.finditer(data, at):
        sign = data[token.start()]
        if sign == _QUOTE:
            if token.end() == token.start() + 1:
                break
        elif sign in _OPENING:
            depth += 1
        elif sign in _CLOSING and depth:
            depth -= 1
        elif not depth:
            end = token.start()
            first, last = _trimmed(data, start, end)
            is_empty_array = sign == _BRACKET_END and is_first and not found.spans
            if sign == _BRACE_END or (first == last and not is_empty_array):
                found.stop, found.state = first, "broken"
                return found
            if first < last:
                found.spans.append((first, last))
            start = found.stop = token.end()
            if sign == _BRACKET_END:
                found.state = "closed"
                return found
    found.stop = skip_space(data, start)
    return found


def value_end(data: bytes, start: int) -> int | None:
    """Where the value that begins at `start` ends; None where the data ends first."""
    sign = data[start]
    if sign == _QUOTE:
        string = _STRING.match(data, start)
        return string.end() if string else None
    if sign not in _OPENING:
        scalar = _SCALAR.match(data, start)
        return scalar.end() if scalar else None
    depth = 0
    for token in _STRUCTURE.finditer(data, start):
        sign = data[token.start()]
        if sign == _QUOTE:
            if token.end() == token.start() + 1:
                return None
        elif sign in _OPENING:
            depth += 1
        elif sign in _CLOSING:
            depth -= 1
            if not depth:
                return token.end()
    return None


def members(data: bytes) -> dict[str, tuple[int, int | None]]:
    """Delimit the members of an object, as far as its text has the form of one.

    Returns:
        Key → start and end of its value; of equal keys the last counts. The end is None where the
        data ends first.
    """
    found: dict[str, tuple[int, int | None]] = {}
    at = skip_space(data, 0)
    if data[at : at + 1] != b"{":
        return found
    while (key := _STRING.match(data, skip_space(data, at + 1))) is not None:
        at = skip_space(data, key.end())
        start = skip_space(data, at + 1)
        if data[at : at + 1] != b":" or start == len(data) or data[start] in b",}]:":
            break
        end = value_end(data, start)
        found[_key_text(key.group())] = (start, end)
        if end is None:
            break
        at = skip_space(data, end)
        if data[at : at + 1] != b",":
            break
    return found


Object = dict[str, msgspec.Raw]
read_object = msgspec.json.Decoder(Object).decode


def lenient_object(data: bytes | msgspec.Raw) -> Object:
    """The members of an object, also of one that is invalid or breaks off, as far as they go."""
    try:
        return read_object(data)
    except (ValueError, RecursionError):
        text = bytes(data)
        return {key: msgspec.Raw(text[start:end]) for key, (start, end) in members(text).items()}


def _key_text(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except ValueError:
        return key.decode("utf-8", "replace")


def _trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    start = min(skip_space(data, start), end)
    while end > start and data[end - 1] in WHITE:
        end -= 1
    return start, end
