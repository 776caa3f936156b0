"""Tables of fields: from an inbound event to a destination's event, as a preset's hub does it.

A preset is a tuple of `Field`s: where each is taken from, how it is read, in which form it is sent.
What a table cannot say (a value that depends on two fields) is done by the preset's own code on the
finished event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from archiver.destinations.paths import Source, json_path
from archiver.destinations.requests import FieldInfo
from archiver.nearest import nearest

Read = Callable[[Any, str, list[str]], Any]
"""Reads a raw value: (value, the field's name, notes) → the value; None where it has none.

It is not called for null and absent values. It adds to the notes what it had to leave out.
"""


R = TypeVar("R", bound=Read)

OMITTED: Any = object()
"""In `Field.absent`: nothing is sent."""
OF_TEXT: dict[Read, Literal["text", "list"]] = {}
"""What readers make of text that is not empty, where that is known without calling them."""


def keeps_text(read: R) -> R:
    """Say of a reader that it gives text that is not empty as it is."""
    OF_TEXT[read] = "text"
    return read


def lists_text(read: R) -> R:
    """Say of a reader that of text that is not empty it makes a list with nothing else in it."""
    OF_TEXT[read] = "list"
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
    absent: Any = OMITTED
    skips_empty: bool = False
    words: str = "plain"
    members: tuple[str, ...] = ()

    def chosen_form(self, *, strict: bool) -> Form | None:
        """The form that counts."""
        return self.strict_form if strict and self.strict_form else self.form

    def info(self, *, strict: bool, is_overridden: bool) -> FieldInfo:
        """The field, for people."""
        form = self.chosen_form(strict=strict)
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
