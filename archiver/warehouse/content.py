"""What makes two occurrences of an event the same, read exactly from its JSON text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

from archiver.values import parse_amount

_NULL = msgspec.Raw(b"null")
_NO_INTEGRATIONS: dict[str, bool] = {}
_LONGEST_CODE = 8


class _Properties(msgspec.Struct, gc=False):
    order_id: msgspec.Raw = _NULL
    value: msgspec.Raw = _NULL
    revenue: msgspec.Raw = _NULL
    currency: msgspec.Raw = _NULL


class _Payload(msgspec.Struct, gc=False):
    properties: _Properties | None = None
    integrations: msgspec.Raw = _NULL


_payload = msgspec.json.Decoder(_Payload).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Content(msgspec.Struct, frozen=True, gc=False):
    """The parts of an event that reconciliation asks about.

    Attributes:
        order_id: `properties.order_id` as text; a number keeps its JSON text.
        value: `properties.value`, where null or absent `properties.revenue`; exact, scale 18;
            None where there is none or it is no number.
        currency: `properties.currency`, capitals; None where it is no code of letters and
            digits.
        integrations: per name in `integrations` whether it is exactly `false`; nulls left out.
        untyped: those of `value`, `currency`, `order_id` that were given, and not as null, and
            are None all the same.
    """

    order_id: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    integrations: dict[str, bool] = _NO_INTEGRATIONS
    untyped: tuple[str, ...] = ()


_EMPTY = Content()


def read_content(payload: str) -> Content:
    """Read an archived event; a part of another type than expected counts as absent."""
    try:
        event = _payload(payload)
    except (ValueError, RecursionError):
        return _read_with_care(payload)
    properties = event.properties
    integrations = _integrations(event.integrations)
    if properties is None:
        return Content(integrations=integrations) if integrations else _EMPTY
    amount = properties.value if _is_given(properties.value) else properties.revenue
    order_id = _text(properties.order_id)
    value = parse_amount(_text(amount)) if _is_given(amount) else None
    currency = _currency(_string(properties.currency))
    untyped: tuple[str, ...] = ()
    if value is None or currency is None or order_id is None:
        untyped = _untyped(
            value is None and _is_given(amount),
            currency is None and _is_given(properties.currency),
            order_id is None and _is_given(properties.order_id),
        )
    return Content(
        order_id=order_id,
        value=value,
        currency=currency,
        integrations=integrations,
        untyped=untyped,
    )


def _untyped(value: bool, currency: bool, order_id: bool) -> tuple[str, ...]:
    flags = (("value", value), ("currency", currency), ("order_id", order_id))
    return tuple([name for name, is_untyped in flags if is_untyped])


def _is_given(raw: msgspec.Raw) -> bool:
    return raw is not _NULL and bytes(raw) != b"null"


def _text(raw: msgspec.Raw) -> str | None:
    if raw is _NULL:
        return None
    data = bytes(raw)
    if data[:1] == b'"':
        return msgspec.json.decode(data, type=str)
    return data.decode() if data[:1] in b"-0123456789" else None


def _currency(text: str | None) -> str | None:
    """A code in capitals, such as USD, 978 or USDT; free text is no currency."""
    code = (text or "").strip().upper()
    is_code = len(code) <= _LONGEST_CODE and code.isascii() and code.isalnum()
    return code if is_code else None


def _string(raw: msgspec.Raw) -> str | None:
    return msgspec.json.decode(bytes(raw), type=str) if bytes(raw)[:1] == b'"' else None


def _integrations(raw: msgspec.Raw) -> dict[str, bool]:
    data = bytes(raw)
    if b"false" not in data or data[:1] != b"{":
        return _NO_INTEGRATIONS
    return {
        name: bytes(value) == b"false"
        for name, value in _members(data).items()
        if bytes(value) != b"null"
    }


class _Number(str):
    __slots__ = ()


def _read_with_care(payload: str) -> Content:
    """Read with the standard library what the fast reader refuses.

    That is properties of another type and lone surrogates; what nests too deep for both readers is
    an event without content.
    """
    try:
        event = json.loads(payload, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):
        return _EMPTY
    properties = event.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    amount = properties.get("value")
    amount = properties.get("revenue") if amount is None else amount
    order_id = _clean(properties.get("order_id"))
    value = parse_amount(_clean(amount))
    currency = _clean(properties.get("currency"))
    currency = None if isinstance(currency, _Number) else _currency(currency)
    integrations = event.get("integrations")
    integrations = integrations if isinstance(integrations, dict) else {}
    return Content(
        order_id=order_id,
        value=value,
        currency=currency,
        integrations={name: v is False for name, v in integrations.items() if v is not None},
        untyped=_untyped(
            value is None and amount is not None,
            currency is None and properties.get("currency") is not None,
            order_id is None and properties.get("order_id") is not None,
        ),
    )


def _clean(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value
