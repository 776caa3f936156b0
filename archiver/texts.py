"""Amounts, instants and texts from outside as text, the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal


def plain(text: str) -> str:
    """Text from outside: what a terminal might take for a command stands as its escape.

    Besides control characters those that show as nothing, or turn the direction of writing.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def amount_text(amount: Decimal) -> str:
    """An exact amount with at least two decimals, as in `12.50`."""
    whole, _, decimals = format(amount if amount else abs(amount), "f").partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def instant_text(instant: datetime | None) -> str | None:
    """An instant in UTC, as in `2026-01-15T12:00:00Z`; finer digits only where there are any."""
    if instant is None:
        return None
    text = instant.astimezone(UTC).isoformat().replace("+00:00", "")
    return (text.rstrip("0") if "." in text else text) + "Z"
