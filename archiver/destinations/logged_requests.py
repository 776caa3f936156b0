"""Logged request bodies, as far as all JSON APIs are alike: JSON in, however it was logged."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from archiver.destinations.base import RequestItem
from archiver.destinations.json_text import id_of, repair_unicode, text_of
from archiver.values import parse_amount, parse_instant

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="number")


def decoded_body(
    body: bytes | Mapping[str, object], decoder: msgspec.json.Decoder[T], events: str
) -> T:
    """Decode a request body (see `ApiLogReader.request_items`).

    Args:
        body: its JSON text, a JSON string that holds that text, or what it decodes to.
        decoder: for what the API takes.
        events: the key of the list of events, for the error.

    Raises:
        ValueError: no JSON, or not what the decoder takes; holds no value of the body.
    """
    try:
        if not isinstance(body, bytes):
            body = _encoder.encode(body)
        elif body.lstrip()[:1] == b'"':
            body = text_of(body).encode()
        try:
            return decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return decoder.decode(repair_unicode(body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ValueError(f"the request body is no JSON object with a list `{events}`") from None


def decoded_event(raw: bytes, decoder: msgspec.json.Decoder[T], nothing: T) -> T:
    """Decode one event of a request; `nothing` where it is no JSON object that can be read."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except (ArithmeticError, RecursionError):
        return nothing
    try:
        return decoder.decode(repair_unicode(raw))
    except (msgspec.MsgspecError, ArithmeticError, RecursionError):
        return nothing


def text_or_none(value: object) -> str | None:
    """A value that is text and not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


class _MetaLike(msgspec.Struct):
    event_id: msgspec.Raw = msgspec.Raw(b"")
    event_name: Any = None
    event_time: Any = None
    custom_data: Any = None


_EMPTY = _MetaLike()
_meta_like = msgspec.json.Decoder(_MetaLike, float_hook=Decimal)


def meta_like_item(raw: bytes, rehearsal: str | None = None) -> RequestItem:
    """An element of `data` in the form of Meta's API, which Snap's has too.

    Args:
        raw: its JSON.
        rehearsal: as in `RequestItem`.
    """
    item = decoded_event(raw, _meta_like, _EMPTY)
    custom = item.custom_data if isinstance(item.custom_data, dict) else {}
    return RequestItem(
        event_id=id_of(bytes(item.event_id)),
        event_name=text_or_none(item.event_name),
        event_time=parse_instant(item.event_time),
        value=parse_amount(custom.get("value")),
        currency=text_or_none(custom.get("currency")),
        rehearsal=rehearsal,
    )
