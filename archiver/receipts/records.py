"""Shared by the formats: lines to records, JSON to plain text values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from archiver.destinations.json_text import repair_unicode, text_of
from archiver.receipts.base import BadRecord

BOM = b"\xef\xbb\xbf"
ABSENT = msgspec.Raw(b"null")

_WHITE = b" \t\r\n"
# Of a document that is spread over lines: enough for its first keys.
_BEGINNING_BYTES = 4096

T = TypeVar("T")
_MAX_ATTEMPT = 2**31
# Anything else may be personal data: the column may be mapped to the wrong field.
_WORD = re.compile(r"[\w .-]{1,40}")
_LONG_NUMBER = re.compile(r"\d{7}")


def is_blank(line: bytes) -> bool:
    """Whether a physical line is no record: nothing but white space and a byte order mark."""
    stripped = line.strip(_WHITE)
    return not stripped or stripped == BOM


def first_line(head: bytes) -> bytes:
    """The first line that is a record, without byte order mark and white space around it."""
    head = head.lstrip(_WHITE)
    while head.startswith(BOM):
        head = head[len(BOM) :].lstrip(_WHITE)
    return head.split(b"\n", 1)[0].rstrip(_WHITE)


def beginning(head: bytes) -> bytes:
    """What tells a file's format: its first line, or more where that is but an opening brace."""
    line = first_line(head)
    return head[head.index(b"{") :][:_BEGINNING_BYTES] if line == b"{" else line


def without_line_end(line: bytes) -> bytes:
    """The line without its final LF or CR LF."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(b"\n") else line


def numbered(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each record of a line-based file with its number, without its line end."""
    number = 0
    for line in lines:
        if not is_blank(line):
            yield number, without_line_end(line)
            number += 1


def decode_object(
    decoder: msgspec.json.Decoder[T], number: int, data: bytes
) -> tuple[T, str] | BadRecord:
    """Read one JSON object.

    Returns:
        What the decoder made of it and the record's text; or the record for quarantine. A byte
        order mark in front, as in files joined together, is not part of the JSON.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return BadRecord(number, "invalid_utf8", f"at byte {error.start}", data)
    json_text = data.removeprefix(BOM)
    try:
        try:
            return decoder.decode(json_text), text
        except msgspec.DecodeError:
            # msgspec refuses halves of surrogate pairs, which JavaScript writes where it cuts a
            # text inside an emoji. They are JSON, and the record's text keeps them.
            json_text = repair_unicode(json_text)
            return decoder.decode(json_text), text
    except RecursionError:
        return BadRecord(number, "nesting_too_deep", "", data)
    except msgspec.DecodeError:
        return BadRecord(number, *_json_fault(json_text), data)


def _json_fault(data: bytes) -> tuple[str, str]:
    try:
        kind = type(msgspec.json.decode(data)).__name__
    except RecursionError:
        return "nesting_too_deep", ""
    except msgspec.DecodeError as error:
        return "invalid_json", str(error)
    names = {"list": "array", "str": "string", "bool": "boolean", "NoneType": "null"}
    return "not_an_object", f"it is of type {names.get(kind, 'number')}"


def shown(text: str) -> str:
    """A word of the feed for a message or a detail, unless it may be personal data."""
    if not _WORD.fullmatch(text) or _LONG_NUMBER.search(text):
        return "(not shown)"
    return repr(text)


def text_value(raw: msgspec.Raw) -> str | None:
    """A JSON value as text: strings unescaped, all others as they are written; null is None."""
    data = bytes(raw)
    if data[:1] == b'"':
        return text_of(data) or None
    return None if data == b"null" else data.decode()


def attempt_value(text: str | int | None) -> int | None:
    """The number of an attempt; None unless it is a plain whole number."""
    if isinstance(text, int):
        return text if 0 <= text < _MAX_ATTEMPT else None
    if text is None or not text.isascii() or not text.strip().isdigit() or len(text) > 10:
        return None
    number = int(text)
    return number if number < _MAX_ATTEMPT else None


def currency_value(text: str | None) -> str | None:
    """A currency, upper case, without surrounding white space; None where empty."""
    return (text.strip().upper() or None) if text else None
