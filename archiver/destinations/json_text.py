"""JSON text as it comes: ids that may be numbers, text that is no valid Unicode."""

from __future__ import annotations

import re

import msgspec

# One escape at a time, so that the text `\\ud800` (a backslash and letters) is left alone.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_REPLACEMENT = rb"\ufffd"
_NUMBER_STARTS = frozenset(bytes([character]) for character in b"-0123456789")
_text_decoder = msgspec.json.Decoder(str)


def repair_unicode(data: bytes) -> bytes:
    r"""Put U+FFFD in the place of bytes that are not UTF-8 and of escapes such as `\ud800` alone.

    Both are legal enough to be archived and refused by most JSON readers; one such text must not
    sink the batch that it is sent in.
    """
    return _ESCAPE.sub(_repaired_escape, data.decode("utf-8", "replace").encode())


def text_of(raw: bytes) -> str:
    """Decode a JSON string.

    Raises:
        msgspec.MsgspecError: not a JSON string.
    """
    try:
        return _text_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _text_decoder.decode(repair_unicode(raw))


def id_of(raw: bytes) -> str | None:
    """An id from its JSON value: text, or a number's JSON text; None for others and empty text."""
    if raw[:1] == b'"':
        return text_of(raw) or None
    return raw.decode() if raw[:1] in _NUMBER_STARTS else None


def _repaired_escape(escape: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if _LONE_SURROGATE.fullmatch(escape[0]) else escape[0]
