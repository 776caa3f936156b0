"""The typed keys of events: what becomes of a record's bytes where it is an event.

Nearly all records take the fast way, many at once; what it refuses is looked at one by one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from archiver.inbound.base import BadRecord, EventBatch

# Column → the event's key.
KEYS = {
    "message_id": "messageId",
    "type": "type",
    "event": "event",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "event_time": "timestamp",
    "original_timestamp": "originalTimestamp",
    "sent_at": "sentAt",
    "received_at": "receivedAt",
}


class Typed(dict[str, str | None]):
    """Column → text, the JSON text of a number, or None where absent, null or of another type.

    Attributes:
        untyped: the columns whose value is of another type.
    """

    untyped: list[str]


class _Texts(msgspec.Struct, gc=False):
    """The typed keys, in the order of KEYS, where each is text, null or absent: nearly all."""

    messageId: str | None = None
    type: str | None = None
    event: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None
    sentAt: str | None = None
    receivedAt: str | None = None


_RAW_KEYS = msgspec.defstruct(
    "_RawKeys", [(key, msgspec.Raw, msgspec.Raw(b"null")) for key in KEYS.values()], gc=False
)
_texts = msgspec.json.Decoder(_Texts).decode
_raws = msgspec.json.Decoder(_RAW_KEYS).decode
_GETTERS = {column: attrgetter(key) for column, key in KEYS.items()}


def read_records(
    records: list[bytes], first: int, envelopes: Sequence[bytes | None] = ()
) -> EventBatch:
    """Read records, each an event or bad.

    Args:
        records: their bytes, blank lines left out.
        first: number of the first record.
        envelopes: what encloses each; empty where nothing encloses any.
    """
    try:
        events = [_texts(record) for record in records]
        if not (text := b"".join(records)).isascii():
            text.decode("utf-8")
    except (ValueError, RecursionError):
        return _read_with_care(records, first, envelopes)
    return EventBatch(
        record_numbers=list(range(first, first + len(records))),
        payloads=records,
        fields={column: list(map(get, events)) for column, get in _GETTERS.items()},
        envelopes=list(envelopes),
    )


def _read_with_care(
    records: list[bytes], first: int, envelopes: Sequence[bytes | None]
) -> EventBatch:
    columns: dict[str, list[str | None]] = {column: [] for column in KEYS}
    batch = EventBatch(fields={**columns})
    for index, record in enumerate(records):
        typed = _fast(record) or typed_fields(record)
        if isinstance(typed, Typed):
            if typed.untyped:
                batch.untyped[len(batch.payloads)] = typed.untyped
            batch.record_numbers.append(first + index)
            batch.payloads.append(record)
            if envelopes:
                batch.envelopes.append(envelopes[index])
            for column, value in typed.items():
                columns[column].append(value)
        else:
            batch.bad.append(BadRecord(first + index, *typed, record))
    return batch


def _fast(record: bytes) -> Typed | None:
    if not record.isascii():
        return None
    try:
        typed = Typed(zip(KEYS, astuple(_texts(record)), strict=True))
    except (ValueError, RecursionError):
        return None
    typed.untyped = []
    return typed


def typed_fields(record: bytes) -> Typed | tuple[str, str]:
    """Read one record's typed keys; where it is no event, a reason and a detail."""
    try:
        return _typed_fields(record)
    except RecursionError:
        pass
    # How deep a reader can follow depends on the stack that it stands on; a thread of its own has
    # always the same, so that whether a record is an event does not depend on the caller.
    try:
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(_typed_fields, record).result()
    except RecursionError:
        return "nesting_too_deep", "beyond the JSON reader's limit"


def text_of(raw: msgspec.Raw | None) -> str | None:
    """A JSON value as a typed column holds it: text, a number's JSON text, or None."""
    text = None if raw is None else _text_of(raw)
    return None if text is _UNTYPED else text


def is_one_value(record: bytes) -> bool:
    """Whether the bytes are one complete JSON value, of any type."""
    typed = typed_fields(record)
    return isinstance(typed, Typed) or typed[0] == "not_an_object"


def _typed_fields(record: bytes) -> Typed | tuple[str, str]:
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        return "invalid_utf8", f"at byte {error.start}"
    try:
        raws = _raws(record)
        return _typed({column: _text_of(getattr(raws, key)) for column, key in KEYS.items()})
    except msgspec.ValidationError:
        detail = "not one complete JSON value"
    except msgspec.DecodeError as error:
        detail = str(error)
    # msgspec refuses lone surrogates, which JSON's grammar allows, and does not read on where a
    # value is no object: the standard library decides.
    try:
        value = json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
        )
    except ValueError:
        return "invalid_json", detail
    if not isinstance(value, dict):
        return "not_an_object", "a JSON value of another type"
    return _typed({column: _plain_text(value.get(key)) for column, key in KEYS.items()})


_UNTYPED = object()


def _typed(values: dict[str, Any]) -> Typed:
    """The columns' texts; where a value is _UNTYPED, None."""
    typed = Typed({c: None if value is _UNTYPED else value for c, value in values.items()})
    typed.untyped = [column for column, value in values.items() if value is _UNTYPED]
    return typed


class _Number(str):
    """A JSON number's own text."""

    __slots__ = ()


def _refuse_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no JSON")


def _plain_text(value: Any) -> Any:
    if value is None:
        return None
    return str(value) if isinstance(value, str) and _is_encodable(value) else _UNTYPED


def _text_of(raw: msgspec.Raw) -> Any:
    data = bytes(raw)
    if data[:1] == b'"':
        return msgspec.json.decode(data, type=str)
    if data[:1] in b"-0123456789" and data:
        return data.decode("ascii")
    return None if data == b"null" else _UNTYPED


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
