"""Fields as RudderStack's transformer reads them: which value counts, and as which type.

A field's sources are tried in their order; null, absent values and empty text do not count (in a
table: `skips_empty=True`), 0 and false do. Values are otherwise passed on as they are, unless a
field says `toString`, `trim` or `toLower`.

Source: rudderlabs/rudder-transformer, src/v0/util (constructPayload, getValueFromMessage,
getDestinationExternalID, formatValues) and util/data/GenericFieldMapping.json, read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from archiver.destinations.fields import Read, sources
from archiver.destinations.javascript import is_blank, is_finite, number_text
from archiver.destinations.paths import Source

PHONE = sources("$.traits.phone", "$.context.traits.phone", "$.properties.phone")
EMAIL = sources("$.traits.email", "$.context.traits.email", "$.properties.email")
IP = sources("$.context.ip", "$.request_ip")

_NAME_SPELLINGS = ("{}Name", "{}name", "{}_name")
_ZIP_SPELLINGS = (
    "zip",
    "zipcode",
    "zip_code",
    "zipCode",
    "postalcode",
    "postal_code",
    "postalCode",
)
_ADDRESS_ZIPS = ("zipcode", "zip_code", "zip", "zipCode", "postalcode", "postal_code", "postalCode")
_TRAITS = ("traits", "context.traits")


def _names(which: str) -> tuple[Source, ...]:
    spellings = [spelling.format(which) for spelling in _NAME_SPELLINGS]
    return sources(*(f"$.{traits}.{name}" for traits in _TRAITS for name in spellings))


FIRST_NAME = _names("first")
LAST_NAME = _names("last")
ZIP_CODE = sources(
    *(f"$.traits.{name}" for name in _ZIP_SPELLINGS),
    *(f"$.traits.address.{name}" for name in _ADDRESS_ZIPS),
    *(f"$.context.traits.{name}" for name in _ZIP_SPELLINGS),
    *(f"$.context.traits.address.{name}" for name in _ZIP_SPELLINGS),
    "$.context.geo.postal",
)


def as_it_is(value: Any, name: str, notes: list[str]) -> Any:
    """Any value, unchanged; empty text is none, and so is a number that JSON cannot say."""
    if value == "":
        return None
    if not is_sendable(value):
        notes.append(f"{name} left out: holds a number beyond any reader")
        return None
    return value


def scalar(value: Any, name: str, notes: list[str]) -> Any:
    """A text, number or boolean, unchanged; objects and arrays are left out and noted."""
    if isinstance(value, dict | list):
        notes.append(f"{name} left out: neither text nor number")
        return None
    return as_it_is(value, name, notes)


def as_text(value: Any, name: str, notes: list[str]) -> str | None:
    """The JavaScript text of a text, number or boolean; others are left out and noted."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return number_text(value)
    notes.append(f"{name} left out: not a text")
    return None


def as_texts(value: Any, name: str, notes: list[str]) -> str | list[str] | None:
    """One text, or the list of them where it is a list; without blank ones."""
    if not isinstance(value, list):
        return as_text(value, name, notes)
    texts = [as_text(item, name, notes) for item in value if item is not None]
    return [text for text in texts if text is not None and not is_blank(text)] or None


def external_id(of_type: str) -> Read:
    """Reads `context.externalId`: the id of the last entry of a type; elsewhere, plain ids."""

    def read(value: Any, name: str, notes: list[str]) -> str | list[str] | None:
        if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
            entries = [entry for entry in value if isinstance(entry, dict)]
            ids = [entry.get("id") for entry in entries if entry.get("type") == of_type]
            value = ids[-1] if ids else None
        return None if value is None else as_texts(value, name, notes)

    return read


def is_sendable(value: Any) -> bool:
    """Whether JSON can say a value: no number in it is beyond a double."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return is_finite(value)
    if isinstance(value, dict):
        return all(map(is_sendable, value.values()))
    if isinstance(value, list):
        return all(map(is_sendable, value))
    return True
