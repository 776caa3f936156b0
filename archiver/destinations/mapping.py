"""Tables of fields: from an inbound event to a destination's event, as a preset's hub does it.

A preset is a tuple of `Field`s: where each is taken from, how it is read, in which form it is sent.
What a table cannot say (a value that depends on two fields) is done by the preset's own code on the
finished event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar, cast

from archiver.destinations.event_reader import EventReader, defined
from archiver.destinations.paths import JsonPath, PathSteps, Source, json_path
from archiver.destinations.requests import FieldInfo
from archiver.nearest import nearest

Read = Callable[[Any, str, list[str]], Any]
"""Reads a raw value: (value, the field's name, notes) → the value; None where it has none.

It is not called for null and absent values. It adds to the notes what it had to leave out.
"""


class Apply(Protocol):
    """See `EventMapping`."""

    def __call__(  # noqa: D102 - described there
        self, payload: bytes, notes: list[str], event: dict[str, Any] | None = None
    ) -> dict[str, Any]: ...


R = TypeVar("R", bound=Read)

_OMITTED: Any = object()
# Names, cities and people come again and again; a hash costs ten times a look into a cache.
_REMEMBERED_TEXTS = 2048
# What readers make of text that is not empty, where that is known without calling them.
_OF_TEXT: dict[Read, Literal["text", "list"]] = {}


def keeps_text(read: R) -> R:
    """Say of a reader that it gives text that is not empty as it is."""
    _OF_TEXT[read] = "text"
    return read


def lists_text(read: R) -> R:
    """Say of a reader that of text that is not empty it makes a list with nothing else in it."""
    _OF_TEXT[read] = "list"
    return read


@dataclass(frozen=True, slots=True)
class Form:
    """How a text is sent.

    Attributes:
        words: for people, as `lower case, SHA-256`.
        apply: the text as it is sent; None leaves the field out.
    """

    words: str
    apply: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a destination's event.

    Attributes:
        name: its place in the destination's event: one name, or a part's name and its own, as
            `user.email`.
        sources: where it is taken from; the first that is neither null nor absent counts.
        read: how the value is read; a value of None is no value.
        form: how the text, or each text of a list, is sent; None: as it was read.
        strict_form: likewise, where `strict = true` says otherwise than the hub.
        absent: sent where there is no value; left out by default.
        skips_empty: empty text lets the next source count, as at RudderStack; otherwise it is a
            value of its own, as at Segment.
        words: the form, for people, where it is not the form's own words.
        members: where the value is an object, the only members that `read` looks at, so that the
            others need not be decoded; empty: it may look at each.
    """

    name: str
    sources: tuple[Source, ...]
    read: Read
    form: Form | None = None
    strict_form: Form | None = None
    absent: Any = _OMITTED
    skips_empty: bool = False
    words: str = "plain"
    members: tuple[str, ...] = ()

    def info(self, *, strict: bool, is_overridden: bool) -> FieldInfo:
        """The field, for people."""
        form = self.strict_form if strict and self.strict_form else self.form
        return FieldInfo(
            self.name,
            tuple(str(source) for source in self.sources),
            form.words if form else self.words,
            is_overridden,
        )


def sources(*texts: str) -> tuple[Source, ...]:
    """JSON paths, the first that has a value."""
    return tuple(json_path(text) for text in texts)


def overridden(
    fields: Sequence[Field], overrides: Mapping[str, tuple[Source, ...]]
) -> tuple[Field, ...]:
    """The fields with the sources of `[destinations.x.map]`; one without any is not sent.

    Raises:
        ValueError: an override names no field, or several.
    """
    chosen: dict[str, tuple[Source, ...]] = {}
    for key, given in overrides.items():
        found = [f.name for f in fields if f.name == key] or [
            f.name for f in fields if f.name.rpartition(".")[2] == key
        ]
        if not found:
            raise ValueError(f"there is no field {key!r}; {nearest(key, [f.name for f in fields])}")
        if len(found) > 1:
            raise ValueError(f"{key!r} could be {' or '.join(found)}: write it in full")
        chosen[found[0]] = given
    return tuple(
        replace(field, sources=chosen[field.name], skips_empty=True, members=())
        if field.name in chosen
        else field
        for field in fields
        if chosen.get(field.name) != ()
    )


def own_overrides(
    table: Sequence[Field], overrides: Mapping[str, tuple[Source, ...]]
) -> tuple[Field, ...]:
    """A table with those overrides that concern it, where an event has not all of the fields.

    That each override names a field of some table is checked before, on all fields together.
    """
    names = {field.name for field in table}
    names |= {name.rpartition(".")[2] for name in names}
    return overridden(table, {key: given for key, given in overrides.items() if key in names})


class EventMapping:
    """A table of fields, ready to be applied.

    Args:
        fields: the table.
        strict: follow the documentation where the hub departs from it.

    Attributes:
        apply: takes an inbound event's JSON text, and a list to which it adds what was left out,
            field by field, without personal data; and, where there is something in it already, the
            destination's event. It gives the destination's event, one object for each part of it;
            empty parts are left out. It raises UnsendableEvent for an event that cannot be read.
    """

    def __init__(self, fields: Sequence[Field], *, strict: bool = False) -> None:
        self.apply: Apply = _compiled(fields, strict=strict)


def _compiled(fields: Sequence[Field], *, strict: bool) -> Apply:
    """The function `apply`, as Python with a few statements for each field.

    A loop over the table would take twice as long. Functions and constants that a field brings
    along stand in the source as numbered names; nothing of the configuration stands in it.
    """
    places: dict[PathSteps, int] = {}
    for field in fields:
        for source in field.sources:
            if isinstance(source, JsonPath):
                places.setdefault(source.steps, len(places))
    reader = EventReader(list(places), _members(fields))
    known = {**_known(fields, strict=strict), "whole": reader.read_whole}
    names = [f"value{at}" for at in places.values()]
    values = "".join(f"{name}, " for name in names)
    whole = [f"{values} = whole(payload)"] if names else []
    put = _put(fields, dict(zip(places, names, strict=True)), strict=strict)
    apply = defined("apply", _PARAMETERS, [*whole, *put], known)
    if reader.quick is not None and names:
        known = {**known, **reader.quick.known, "apply_to_whole": apply}
        first = reader.quick.statements("apply_to_whole(payload, notes, event)")
        expressions = dict(zip(places, reader.quick.values, strict=True))
        put = _put(fields, expressions, strict=strict)
        apply = defined("apply", _PARAMETERS, [*first, *put], known)
    return cast(Apply, apply)


_PARAMETERS = "payload, notes, event=None"


def _known(fields: Sequence[Field], *, strict: bool) -> dict[str, Any]:
    """The names that the statements refer to."""
    known: dict[str, Any] = {}
    for number, field in enumerate(fields):
        form = _form(field, strict=strict)
        known[f"read{number}"] = field.read
        known[f"absent{number}"] = field.absent
        if form is not None:
            known[f"form{number}"] = form.apply
            known[f"remembered{number}"] = _Remembered(form.apply)
        for index, source in enumerate(field.sources):
            if not isinstance(source, JsonPath):
                known[f"fixed{number}_{index}"] = source.value
    return known


class _Remembered(dict[str, str | None]):
    """What a form gives, of the texts that came last."""

    def __init__(self, apply: Callable[[str], str | None]) -> None:
        super().__init__()
        self._apply = apply

    def __missing__(self, text: str) -> str | None:
        if len(self) >= _REMEMBERED_TEXTS:
            self.clear()
        self[text] = sent = self._apply(text)
        return sent


def _form(field: Field, *, strict: bool) -> Form | None:
    return field.strict_form if strict and field.strict_form else field.form


def _put(fields: Sequence[Field], values: Mapping[PathSteps, str], *, strict: bool) -> list[str]:
    """The statements that make the event; `values` are expressions for what is at the places."""
    parts: dict[str, int] = {"": 0}
    lines: list[str] = []
    for number, field in enumerate(fields):
        part, _, name = field.name.rpartition(".")
        into = f"part{parts.setdefault(part, len(parts))}[{name!r}]"
        of_field = [
            values[source.steps] if isinstance(source, JsonPath) else f"fixed{number}_{index}"
            for index, source in enumerate(field.sources)
        ]
        has_form = _form(field, strict=strict) is not None
        lines += _statements(number, of_field, into, field, has_form=has_form)
    named = [(part, at) for part, at in parts.items() if part]
    return [
        "part0 = {} if event is None else event",
        *(f"part{at} = {{}}" for _, at in named),
        *lines,
        *(f"if part{at}: part0[{part!r}] = part{at}" for part, at in named),
        "return part0",
    ]


def _statements(
    number: int, values: Sequence[str], into: str, field: Field, *, has_form: bool
) -> list[str]:
    """What puts one field into its part; `values` are where it may come from."""
    # A Decimal compares with text slowly: only what is falsy is compared.
    empty = 'not x and x == ""'
    missing = "x is None" + (f" or {empty}" if field.skips_empty else "")
    lines = [f"x = {values[0] if values else 'None'}"]
    for value in values[1:]:
        lines += [f"if {missing}:", f"    x = {value}"]
    if field.skips_empty and values:
        lines += [f"if {empty}:", "    x = None"]
    # Nearly all values are text. A list is of ids, which are too many to be remembered.
    one, listed = (f"remembered{number}[x]", f"[form{number}(x)]") if has_form else ("x", "[x]")
    known_text = {"text": one, "list": listed}.get(_OF_TEXT.get(field.read, ""))
    absent = "pass" if field.absent is _OMITTED else f"{into} = absent{number}"
    put = ["if x is not None:", f"    {into} = x", "else:", f"    {absent}"]
    lines += ["if x is None:", f"    {absent}"]
    if known_text in ("x", "[x]", listed):
        lines += ["elif type(x) is str and x:", f"    {into} = {known_text}"]
    elif known_text:
        lines += ["elif type(x) is str and x:", f"    x = {known_text}", *_indented(put)]
    lines += ["else:", f"    x = read{number}(x, {field.name!r}, notes)"]
    if has_form:
        lines += [
            "    if x is not None:",
            f"        x = [form{number}(y) for y in x] if type(x) is list else {one}",
        ]
    return [*lines, *_indented(put)]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _members(fields: Sequence[Field]) -> dict[PathSteps, tuple[str, ...]]:
    """The members that matter, of places that are read by such fields only."""
    found: dict[PathSteps, tuple[str, ...]] = {}
    unlimited = set()
    for field in fields:
        for source in field.sources:
            if not isinstance(source, JsonPath):
                continue
            if field.members:
                found[source.steps] = (*found.get(source.steps, ()), *field.members)
            else:
                unlimited.add(source.steps)
    return {
        steps: tuple(dict.fromkeys(names))
        for steps, names in found.items()
        if steps not in unlimited
    }
