"""Applies a table of fields to events: code is made for the table, with a few statements a field.

A loop over the table would take twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from archiver.destinations.event_reader import EventReader, defined
from archiver.destinations.fields import OF_TEXT, OMITTED, Field
from archiver.destinations.paths import JsonPath, PathSteps

# Names, cities and people come again and again; a hash costs ten times a look into a cache.
_REMEMBERED_TEXTS = 2048


class EventMapping:
    """A table of fields, ready to be applied; it makes objects.

    Args:
        fields: the table.
        strict: follow the documentation where the hub departs from it.

    Attributes:
        apply: takes an inbound event's JSON text, and a list to which it adds what was left out,
            field by field, without personal data. It gives the destination's event, one object for
            each part of it; empty parts are left out. It raises UnsendableEvent for an event that
            cannot be read.
    """

    def __init__(self, fields: Sequence[Field], *, strict: bool = False) -> None:
        self.apply: Callable[[bytes, list[str]], dict[str, Any]] = _compiled(
            fields, _Objects(fields), strict=strict
        )


class EventRecord:
    """The form of a destination's event as a record, which is made and encoded in less time.

    A part of the event is a record too. Members that are `UNSET` are left out in JSON; elsewhere
    they are as false as None. All of them can be set.

    Args:
        given: the members that the caller of `RecordMapping.apply` gives.
        names: the others, as `Field.name`, in the order in which JSON has them: first those of the
            event itself, then part by part.
        kept: parts that are there also when they are empty.
    """

    def __init__(
        self, given: Sequence[str], names: Sequence[str], kept: Collection[str] = ()
    ) -> None:
        self.given = tuple(given)
        self.kept = frozenset(kept)
        self.parts: dict[str, list[str]] = {"": [*given]}
        for name in names:
            self.parts.setdefault(name.rpartition(".")[0], []).append(name)
        self.types = {
            part: _record_type(part, [name.rpartition(".")[2] for name in own])
            for part, own in self.parts.items()
            if part
        }
        self.types[""] = _record_type("Event", [*self.parts[""], *self.types])


class RecordMapping:
    """A table of fields, ready to be applied; it makes records.

    Args:
        fields: the table; each is in the record.
        record: what is made.
        strict: as with `EventMapping`.

    Attributes:
        apply: as that of `EventMapping`; after its arguments it takes those that are given.
    """

    def __init__(
        self, fields: Sequence[Field], record: EventRecord, *, strict: bool = False
    ) -> None:
        self.apply: Callable[..., Any] = _compiled(fields, _Records(fields, record), strict=strict)


def _record_type(name: str, members: Sequence[str]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, [(member, Any, UNSET) for member in members], gc=False)


class _Layout(Protocol):
    """How the destination's event is put together, as Python.

    Attributes:
        parameters: what `apply` takes after the payload and the notes.
        known: the names that the statements refer to.
        before: statements before those of the fields.
        after: statements after them; the last returns the event.
    """

    @property
    def parameters(self) -> Sequence[str]: ...
    @property
    def known(self) -> Mapping[str, Any]: ...
    @property
    def before(self) -> Sequence[str]: ...
    @property
    def after(self) -> Sequence[str]: ...

    def place(self, field: Field) -> str:
        """What a field's value is assigned to."""
        ...

    def omitted(self, field: Field) -> str:
        """The statement for a field that is left out."""
        ...


class _Objects:
    """An object with an object for each part; see `_Layout`."""

    parameters: Sequence[str] = ()
    known: Mapping[str, Any] = {}

    def __init__(self, fields: Sequence[Field]) -> None:
        parts = dict.fromkeys(_part(field) for field in fields)
        self._parts = {part: f"part{at}" for at, part in enumerate(["", *filter(None, parts)])}
        named = {part: variable for part, variable in self._parts.items() if part}
        self.before = [f"{variable} = {{}}" for variable in self._parts.values()]
        self.after = [
            *(f"if {variable}: part0[{part!r}] = {variable}" for part, variable in named.items()),
            "return part0",
        ]

    def place(self, field: Field) -> str:
        return f"{self._parts[_part(field)]}[{field.name.rpartition('.')[2]!r}]"

    def omitted(self, field: Field) -> str:
        return "pass"


class _Records:
    """A record with a record for each part, whose members are variables first; see `_Layout`."""

    before: Sequence[str] = ()

    def __init__(self, fields: Sequence[Field], record: EventRecord) -> None:
        members = [*record.given, *(field.name for field in fields)]
        self._variables = {name: f"member{at}" for at, name in enumerate(members)}
        self.parameters = [self._variables[name] for name in record.given]
        self.known: dict[str, Any] = {"UNSET": UNSET}
        self.after: list[str] = []
        whole = [self._variables.get(name, "UNSET") for name in record.parts[""]]
        is_always_there = {_part(field) for field in fields if field.absent is not OMITTED}
        for at, (part, kind) in enumerate(record.types.items()):
            self.known[f"record{at}"] = kind
            if not part:
                self.after.append(f"return record{at}({', '.join(whole)})")
                continue
            own = [self._variables.get(name, "UNSET") for name in record.parts[part]]
            made = f"record{at}({', '.join(own)})"
            if part not in record.kept | is_always_there:
                is_empty = " is ".join([*own, "UNSET"])
                made = f"UNSET if {is_empty} else {made}"
            self.after.append(f"part{at} = {made}")
            whole.append(f"part{at}")

    def place(self, field: Field) -> str:
        return self._variables[field.name]

    def omitted(self, field: Field) -> str:
        return f"{self.place(field)} = UNSET"


def _part(field: Field) -> str:
    return field.name.rpartition(".")[0]


def _compiled(fields: Sequence[Field], layout: _Layout, *, strict: bool) -> Any:
    """The function `apply`.

    Functions and constants that a field brings along stand in the source as numbered names; nothing
    of the configuration stands in it.
    """
    places: dict[PathSteps, int] = {}
    for field in fields:
        for source in field.sources:
            if isinstance(source, JsonPath):
                places.setdefault(source.steps, len(places))
    reader = EventReader(list(places), _members(fields))
    known = {**_known(fields, strict=strict), **layout.known, "whole": reader.read_whole}
    parameters = ", ".join(["payload", "notes", *layout.parameters])
    names = [f"value{at}" for at in places.values()]
    values = "".join(f"{name}, " for name in names)
    whole = [f"{values} = whole(payload)"] if names else []
    put = _put(fields, dict(zip(places, names, strict=True)), layout, strict=strict)
    apply = defined("apply", parameters, [*whole, *put], known)
    if reader.quick is not None and names:
        known = {**known, **reader.quick.known, "apply_to_whole": apply}
        first = reader.quick.statements(f"apply_to_whole({parameters})")
        expressions = dict(zip(places, reader.quick.values, strict=True))
        put = _put(fields, expressions, layout, strict=strict)
        apply = defined("apply", parameters, [*first, *put], known)
    return apply


def _known(fields: Sequence[Field], *, strict: bool) -> dict[str, Any]:
    """The names that the statements of the fields refer to."""
    known: dict[str, Any] = {}
    for number, field in enumerate(fields):
        form = field.chosen_form(strict=strict)
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


def _put(
    fields: Sequence[Field], values: Mapping[PathSteps, str], layout: _Layout, *, strict: bool
) -> list[str]:
    """The statements that make the event; `values` are expressions for what is at the places."""
    lines: list[str] = []
    for number, field in enumerate(fields):
        of_field = [
            values[source.steps] if isinstance(source, JsonPath) else f"fixed{number}_{index}"
            for index, source in enumerate(field.sources)
        ]
        has_form = field.chosen_form(strict=strict) is not None
        lines += _statements(number, of_field, field, layout, has_form=has_form)
    return [*layout.before, *lines, *layout.after]


def _statements(
    number: int, values: Sequence[str], field: Field, layout: _Layout, *, has_form: bool
) -> list[str]:
    """What puts one field into its part; `values` are where it may come from."""
    into = layout.place(field)
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
    known_text = {"text": one, "list": listed}.get(OF_TEXT.get(field.read, ""))
    absent = layout.omitted(field) if field.absent is OMITTED else f"{into} = absent{number}"
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
