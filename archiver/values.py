"""Instants and amounts as they come: many spellings in, one exact value out.

Inbound events and receipts read their times and money here, so that both sides of a
reconciliation agree on what a value means. What cannot be read exactly is None, never a guess.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Epoch numbers say their unit by their size. Seconds up to year 5138, milliseconds and
# microseconds each from 1973 to 5138: no instant from 1973 on can be read in two ways.
SECONDS_BELOW = 10**11
MILLISECONDS_BELOW = 10**14
MICROSECONDS_BELOW = 10**17

# Room for 10,000 of the largest amounts in a sum of DECIMAL(38,18).
AMOUNT_BELOW = 10**16
AMOUNT_SCALE = Decimal(1).scaleb(-18)

_ZERO = Decimal(0).quantize(AMOUNT_SCALE)
# 16 digits before the point and 18 behind it: what does not fit turns into NaN.
_AMOUNT = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[])
_MICROSECONDS = Context(prec=64, rounding=ROUND_FLOOR, traps=[])
# Lengths of 2026-01-15T11:52:00Z, with milliseconds, with microseconds.
_USUAL_CHARS = frozenset({20, 24, 27})
# No instant needs more; longer text is not worth a conversion.
_LONGEST_INSTANT_CHARS = 64

_ISO = re.compile(
    r"""
    (?P<local>
        \d{4}-\d\d-\d\d [Tt\x20] \d\d:\d\d (?: :\d\d (?: [.,]\d+ )? )?
      | \d{8} [Tt] \d{6} (?: [.,]\d+ )?
    )
    (?P<offset> \x20? (?: [Zz] | UTC | [+-]\d\d (?: :?\d\d )? ) )?
    | (?P<day> \d{4}-\d\d-\d\d )
    """,
    re.ASCII | re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


def parse_instant(value: object) -> datetime | None:
    """Read one point in time.

    Args:
        value: ISO 8601 text (extended with `T` or a space, or basic with `T`; `Z`, `UTC`, an
            offset such as `+05:30`, `+0530`, `+05`, or none, which means UTC; a date alone is its
            midnight and takes no offset), or a number of seconds, milliseconds or microseconds
            since 1970 as int, Decimal, float or text. The unit follows from the size: below 1e11
            seconds, below 1e14 milliseconds, below 1e17 microseconds, in absolute value.

    Returns:
        The instant in UTC, microseconds, finer digits cut off; None for anything else: other
        text, booleans, None, days that do not exist, years outside 1 to 9999 in UTC.
    """
    if isinstance(value, str):
        if len(value) in _USUAL_CHARS and value[-1] == "Z" and value[4:14:3] == "--T:":
            return _usual_instant(value)
        text = value.strip()
        if len(text) > _LONGEST_INSTANT_CHARS:
            return None
        iso = _ISO.fullmatch(text)
        if iso is not None:
            return _iso_instant(iso)
        return None if _NUMBER.fullmatch(text) is None else _epoch_instant(text)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _epoch_instant_of_int(value)
    if isinstance(value, Decimal):
        return _epoch_instant(value)
    if isinstance(value, float):
        return _epoch_instant(repr(value))
    return None


def parse_amount(value: object) -> Decimal | None:
    """Read one amount of money, exactly.

    Args:
        value: a number as int, Decimal, float (its shortest text counts) or text: `39.95`, `-5`,
            `1e2`, `.5`, with thousands commas in proper groups only (`1,299.00`; not `1,2,3.0`
            and not `0,123`, which would be a decimal comma).

    Returns:
        The amount with 18 decimals, rounded half to even, absolute value under 1e16, zero without
        a sign; None for anything else: other text, booleans, None, NaN, infinities, larger values.
    """
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text) is None:
            if _GROUPED.fullmatch(text) is None:
                return None
            text = text.replace(",", "")
        return _scaled(text)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _scaled(value) if abs(value) < AMOUNT_BELOW else None
    if isinstance(value, Decimal):
        return _scaled(value)
    if isinstance(value, float):
        return _scaled(repr(value))
    return None


def parse_number(value: object) -> Decimal | None:
    """Read one number as it is, of any size and with all its digits.

    Args:
        value: as for `parse_amount`: a number, or text with thousands commas in proper groups
            only.

    Returns:
        The number, not rounded; None for anything else: other text, booleans, None, NaN,
        infinities, exponents of more than 18 digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float | str):
        return None
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, str):
        text = text.strip()
        if _NUMBER.fullmatch(text) is None:
            if _GROUPED.fullmatch(text) is None:
                return None
            text = text.replace(",", "")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _usual_instant(text: str) -> datetime | None:
    """Read `2026-01-15T11:52:00.123Z`, the way in which nearly every instant comes."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _iso_instant(iso: re.Match[str]) -> datetime | None:
    offset = iso["offset"]
    text = iso["local"] or iso["day"]
    if offset is not None:
        offset = offset.lstrip()
        text += offset if offset[0] in "+-" else "Z"
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if offset is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        # A month 13, an hour 25, or an offset that leads out of the years 1 to 9999.
        return None


def _epoch_instant(value: str | Decimal) -> datetime | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    size = number.copy_abs()
    if size < SECONDS_BELOW:
        number = number.scaleb(6, context=_MICROSECONDS)
    elif size < MILLISECONDS_BELOW:
        number = number.scaleb(3, context=_MICROSECONDS)
    elif size >= MICROSECONDS_BELOW:
        return None
    return _after_epoch(int(number.to_integral_value(context=_MICROSECONDS)))


def _epoch_instant_of_int(number: int) -> datetime | None:
    size = abs(number)
    if size < SECONDS_BELOW:
        return _after_epoch(number * 1_000_000)
    if size < MILLISECONDS_BELOW:
        return _after_epoch(number * 1_000)
    return _after_epoch(number) if size < MICROSECONDS_BELOW else None


def _after_epoch(microseconds: int) -> datetime | None:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


def _scaled(value: str | int | Decimal) -> Decimal | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        # An exponent beyond what Decimal can hold.
        return None
    scaled = number.quantize(AMOUNT_SCALE, context=_AMOUNT)
    if not scaled.is_finite():
        return None
    return scaled or _ZERO  # DECIMAL knows no negative zero.
