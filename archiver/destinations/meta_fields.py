"""What the field tables of Meta's presets share: `custom_data` of any name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archiver.destinations.fields import Field
from archiver.destinations.paths import Source
from archiver.destinations.rudderstack_fields import is_sendable

CUSTOM_DATA = "custom_data."
"""What the names of the fields of `custom_data` begin with."""

Overrides = Mapping[str, tuple[Source, ...]]


def as_it_is(value: Any, name: str, notes: list[str]) -> Any:
    """Any value, unread: what `map` puts into `custom_data` under a name of its own."""
    if is_sendable(value):
        return value
    notes.append(f"{name} left out: holds a number beyond any reader")
    return None


def extra_fields(known: Sequence[Field], overrides: Overrides) -> tuple[Field, ...]:
    """The fields of `custom_data` that only the configuration names."""
    names = {field.name for field in known}
    return tuple(
        Field(key, (), as_it_is)
        for key in overrides
        if key.startswith(CUSTOM_DATA) and key not in names
    )
