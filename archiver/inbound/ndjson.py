"""One JSON object a line: plain NDJSON, and Segment's S3 raw logs.

Source of the raw log's layout: Segment's documentation of its S3 destination
(`segment-logs/{source}/{received day in ms}/….gz`, gzip NDJSON).
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator
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
_WHITE = b" \t\r\n"


class Ndjson:
    """One JSON object a line, ended by LF or CRLF.

    Blank lines are not records, and a byte order mark at the beginning is no part of one.
    """

    name = "ndjson"

    def detect(self, head: bytes) -> bool:
        """Anything at all can be read as lines."""
        return True

    def read(self, chunks: Iterator[bytes]) -> Iterator[EventBatch]:
        """Read line by line, in batches of a few MiB."""
        first = 0
        for number, lines in enumerate(whole_lines(chunks)):
            if number == 0:
                lines[0] = lines[0].removeprefix(BOM_UTF8)
            batch = read_lines(lines, first)
            first += batch.records
            yield batch


class SegmentS3(Ndjson):
    """Segment's S3 raw logs: NDJSON whose events carry what Segment adds on arrival."""

    name = "segment-s3"

    def detect(self, head: bytes) -> bool:
        """Whether the first line is an event that Segment has received."""
        line = head.removeprefix(BOM_UTF8).lstrip(_WHITE).split(b"\n", 1)[0]
        try:
            event = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except (ValueError, RecursionError):
            return False
        return {"type", "messageId", "receivedAt", "originalTimestamp"} <= event.keys()


def whole_lines(chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The lines of each chunk without their ends; one that runs on comes with the next chunk."""
    rest: list[bytes] = []
    for chunk in chunks:
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            rest.append(chunk)
            continue
        lines[0] = b"".join([*rest, lines[0]])
        rest = [lines.pop()]
        if b"\r" in chunk or lines[0].endswith(b"\r"):
            lines = [line.removesuffix(b"\r") for line in lines]
        yield lines
    last = b"".join(rest).removesuffix(b"\r")
    if last:
        yield [last]


def read_lines(lines: list[bytes], first: int) -> EventBatch:
    """Read lines into a batch.

    Args:
        lines: without their ends; blank ones are not records.
        first: number of the first record.
    """
    try:
        events = [_texts(line) for line in lines]
        if not (text := b"".join(lines)).isascii():
            text.decode("utf-8")
    except (ValueError, RecursionError):
        return _read_lines_with_care(lines, first)
    return EventBatch(
        record_numbers=list(range(first, first + len(lines))),
        payloads=lines,
        fields={column: list(map(get, events)) for column, get in _GETTERS.items()},
    )


def _read_lines_with_care(lines: list[bytes], first: int) -> EventBatch:
    columns: dict[str, list[str | None]] = {column: [] for column in KEYS}
    batch = EventBatch(fields={**columns})
    number = first
    for line in lines:
        if not line.strip(_WHITE):
            continue
        fields = _fields(line)
        if isinstance(fields, dict):
            batch.record_numbers.append(number)
            batch.payloads.append(line)
            for column, value in fields.items():
                columns[column].append(value)
        else:
            batch.bad.append(BadRecord(number, *fields, line))
        number += 1
    return batch


def _fields(line: bytes) -> dict[str, str | None] | tuple[str, str]:
    """The typed keys of one line, fast where all is as nearly always."""
    if line.isascii():
        try:
            return dict(zip(KEYS, astuple(_texts(line)), strict=True))
        except (ValueError, RecursionError):
            pass
    return typed_fields(line)


def typed_fields(record: bytes) -> dict[str, str | None] | tuple[str, str]:
    """Read one record's typed keys.

    Returns:
        Column → text, the JSON text of a number, or None for other types; or, where the record
        is no event, a reason and a detail.
    """
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


def _typed_fields(record: bytes) -> dict[str, str | None] | tuple[str, str]:
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        return "invalid_utf8", f"at byte {error.start}"
    try:
        raws = _raws(record)
        return {column: _text_of(getattr(raws, key)) for column, key in KEYS.items()}
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
    return {column: _plain_text(value.get(key)) for column, key in KEYS.items()}


class _Number(str):
    """A JSON number's own text."""

    __slots__ = ()


def _refuse_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no JSON")


def _plain_text(value: Any) -> str | None:
    if not isinstance(value, str) or not _is_encodable(value):
        return None
    return str(value)


def _text_of(raw: msgspec.Raw) -> str | None:
    data = bytes(raw).strip(_WHITE)
    if data[:1] == b'"':
        return msgspec.json.decode(data, type=str)
    if data[:1] in b"-0123456789" and data:
        return data.decode("ascii")
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
