"""Applies a table of fields to events: code is made for the table, with an expression a field.

A loop over the table would take twice as long. The code is made when the first event comes: who
only looks at a configuration need not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import msgspec

from archiver.destinations.event_reader import Way, defined_by_ways, ways_to_read
from archiver.destinations.fields import OF_TEXT, OMITTED, Field, Form, Read
from archiver.destinations.paths import JsonPath, PathSteps

# Names, cities and people come again and again; a hash costs ten times a look into a cache.
_REMEMBERED_TEXTS = 2048


class EventMapping:
    """A table of fields, ready to be applied; it makes objects.

    Args:
        fields: the table.
        strict: follow the documentation where the hub departs from it.
    """

    def __init__(self, fields: Sequence[Field], *, strict: bool = False) -> None:
        self._fields, self._strict = fields, strict

    @cached_property
    def apply(self) -> Callable[[bytes, list[str]], dict[str, Any]]:
        """Makes the destination's event, one object for each part of it, without empty parts.

        It takes an inbound event's JSON text, and a list to which it adds what was left out, field
        by field, without personal data. It raises UnsendableEvent for an event that cannot be read.
        """
        return _compiled(self._fields, _Objects(self._fields), strict=self._strict)  # type: ignore[no-any-return]


class EventRecord:
    """The form of a destination's event as a record, which is made and encoded in less time.

    A part of the event is a record too. Members that are None are left out in JSON. All of them can
    be set.

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
    """

    def __init__(
        self, fields: Sequence[Field], record: EventRecord, *, strict: bool = False
    ) -> None:
        self._fields, self._record, self._strict = fields, record, strict

    @cached_property
    def apply(self) -> Callable[..., Any]:
        """As that of `EventMapping`; after its arguments it takes those that are given."""
        layout = _Records(self._fields, self._record)
        return _compiled(self._fields, layout, strict=self._strict)  # type: ignore[no-any-return]


def _record_type(name: str, members: Sequence[str]) -> type[msgspec.Struct]:
    fields = [(member, Any, None) for member in members]
    return msgspec.defstruct(name, fields, omit_defaults=True, gc=False)


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

    def put(self, field: Field, value: str) -> Sequence[str]:
        """Statements that put a field's value into the event; None is left out."""
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

    def put(self, field: Field, value: str) -> Sequence[str]:
        into = f"{self._parts[_part(field)]}[{field.name.rpartition('.')[2]!r}]"
        return [f"value = {value}", f"if value is not None: {into} = value"]


class _Records:
    """A record with a record for each part, whose members are variables first; see `_Layout`."""

    before: Sequence[str] = ()

    def __init__(self, fields: Sequence[Field], record: EventRecord) -> None:
        members = [*record.given, *(field.name for field in fields)]
        self._variables = {name: f"member{at}" for at, name in enumerate(members)}
        self.parameters = [self._variables[name] for name in record.given]
        self.known = {f"record{at}": kind for at, kind in enumerate(record.types.values())}
        self.after: list[str] = []
        whole = [self._variables.get(name, "None") for name in record.parts[""]]
        is_always_there = {_part(field) for field in fields if field.absent is not OMITTED}
        for at, part in enumerate(record.types):
            if not part:
                self.after.append(f"return record{at}({', '.join(whole)})")
                continue
            own = [self._variables.get(name, "None") for name in record.parts[part]]
            made = f"record{at}({', '.join(own)})"
            if part not in record.kept | is_always_there:
                made = f"None if {' is '.join([*own, 'None'])} else {made}"
            self.after.append(f"part{at} = {made}")
            whole.append(f"part{at}")

    def put(self, field: Field, value: str) -> Sequence[str]:
        return [f"{self._variables[field.name]} = {value}"]


def _part(field: Field) -> str:
    return field.name.rpartition(".")[0]


def _compiled(fields: Sequence[Field], layout: _Layout, *, strict: bool) -> Any:
    """The function `apply`.

    Functions and constants that a field brings along stand in the source as numbered names; nothing
    of the configuration stands in it.
    """
    forms = [field.chosen_form(strict=strict) for field in fields]
    known = {**layout.known}
    for number, (field, form) in enumerate(zip(fields, forms, strict=True)):
        known |= _known(number, field, form)

    def rest(way: Way) -> list[str]:
        lines = [*layout.before]
        for number, (field, form) in enumerate(zip(fields, forms, strict=True)):
            lines += layout.put(field, _value(number, field, way, has_form=form is not None))
        return [*lines, *layout.after]

    ways = ways_to_read(_places(fields), _members(fields), _texts(fields))
    parameters = ", ".join(["payload", "notes", *layout.parameters])
    return defined_by_ways(parameters, ways, rest, known)


def _known(number: int, field: Field, form: Form | None) -> dict[str, Any]:
    """The names that the expression of a field refers to."""
    absent = None if field.absent is OMITTED else field.absent
    known: dict[str, Any] = {
        f"fixed{number}_{index}": source.value
        for index, source in enumerate(field.sources)
        if not isinstance(source, JsonPath)
    }
    remembered = None if form is None else _Remembered(form.apply, absent)
    return known | {
        f"absent{number}": absent,
        f"form{number}": form and form.apply,
        f"remembered{number}": remembered,
        f"read{number}": _reader(field, absent, remembered),
    }


def _reader(field: Field, absent: Any, remembered: _Remembered | None) -> Read:
    """What makes the value that is sent of a raw value that is there."""
    read = field.read
    if absent is None and remembered is None:
        return read

    def sent(value: Any, name: str, notes: list[str]) -> Any:
        found = read(value, name, notes)
        if found is None:
            return absent
        if remembered is None:
            return found
        return list(map(remembered.form, found)) if type(found) is list else remembered[found]

    return sent


class _Remembered(dict[str, Any]):
    """What a form gives, of the texts that came last; `absent` where it leaves the field out."""

    def __init__(self, form: Callable[[str], str | None], absent: Any) -> None:
        super().__init__()
        self.form = form
        self._absent = absent

    def __missing__(self, text: str) -> Any:
        if len(self) >= _REMEMBERED_TEXTS:
            self.clear()
        found = self.form(text)
        self[text] = sent = self._absent if found is None else found
        return sent


def _value(number: int, field: Field, way: Way, *, has_form: bool) -> str:
    """The expression for a field's value as it is sent; None leaves it out."""
    steps = [source.steps for source in field.sources if isinstance(source, JsonPath)]
    is_text = len(steps) == len(field.sources) and way.texts.issuperset(steps)
    raw = _raw(number, field, way, is_text=is_text)
    absent = "None" if field.absent is OMITTED else f"absent{number}"
    read = f"read{number}(x, {field.name!r}, notes)"
    if field.read not in OF_TEXT:
        return f"{absent} if (x := {raw}) is None else {read}"
    # Nearly all values are text. A list is of ids, which are too many to be remembered.
    if OF_TEXT[field.read] == "list":
        known = f"[form{number}(x)]" if has_form else "[x]"
    else:
        known = f"remembered{number}[x]" if has_form else "x"
    is_filled = f"(x := {raw})" if is_text else f"type(x := {raw}) is str and x"
    return f"{known} if {is_filled} else {absent} if x is None else {read}"


def _raw(number: int, field: Field, way: Way, *, is_text: bool) -> str:
    """The expression for the first of a field's sources that counts."""
    values = [
        way.values[source.steps] if isinstance(source, JsonPath) else f"fixed{number}_{index}"
        for index, source in enumerate(field.sources)
    ]
    if not field.skips_empty:
        is_there, last = "(x := {}) is not None", values.pop() if values else "None"
    elif is_text:
        is_there, last = "(x := {})", "None"
    else:  # A Decimal compares with text slowly: only what is falsy is compared.
        is_there, last = '(x := {}) is not None and (x or x != "")', "None"
    return "".join(f"x if {is_there.format(value)} else " for value in values) + last


def _places(fields: Sequence[Field]) -> list[PathSteps]:
    return list(
        dict.fromkeys(
            source.steps
            for field in fields
            for source in field.sources
            if isinstance(source, JsonPath)
        )
    )


def _texts(fields: Sequence[Field]) -> set[PathSteps]:
    """The places that are only read by fields that make something of text at once."""
    of_text = [field for field in fields if field.read in OF_TEXT]
    others = [field for field in fields if field.read not in OF_TEXT]
    return set(_places(of_text)) - set(_places(others))


def _members(fields: Sequence[Field]) -> dict[PathSteps, tuple[str, ...]]:
    """The members that matter, of places that are read by such fields only."""
    limited = [field for field in fields if field.members]
    found: dict[PathSteps, tuple[str, ...]] = {}
    for field in limited:
        for place in _places([field]):
            found[place] = (*found.get(place, ()), *field.members)
    unlimited = set(_places([field for field in fields if not field.members]))
    return {
        place: tuple(dict.fromkeys(names))
        for place, names in found.items()
        if place not in unlimited
    }
