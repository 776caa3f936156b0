"""How amounts, shares and instants read on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from rich.text import Text

from archiver.texts import instant_text

WIDTH = 100


def labelled(label: str, *text: str | tuple[str, str]) -> Text:
    """A line that says first what it is about."""
    return Text.assemble((f"{label}: ", "bold"), *text)


def lined_up(amounts: Iterable[Decimal | None]) -> Callable[[Decimal], str]:
    """Renders amounts with equally many decimals, so that a column lines up."""
    decimals = max((len(f"{a:f}".rstrip("0").partition(".")[2]) for a in amounts if a), default=2)
    return lambda amount: f"{amount:,.{max(2, decimals)}f}"


def worth(values: Mapping[str, Decimal]) -> str:
    """Amounts by currency, those of nothing left out; empty where all are."""
    known = [f"{lined_up([amount])(amount)} {name}" for name, amount in values.items() if amount]
    return " and ".join(known)


def percent(ratio: Decimal) -> str:
    """A share in whole per cent; only nothing is 0 % and only all is 100 %."""
    if 0 < ratio < Decimal("0.01"):
        return "under 1 %"
    if Decimal("0.99") < ratio < 1:
        return "over 99 %"
    return f"{100 * ratio:.0f} %"


def conversions(count: int) -> str:
    """So many of them."""
    return f"{count:,} conversion{'' if count == 1 else 's'}"


def when(instant: datetime) -> str:
    """To the minute that has begun, in UTC."""
    text = instant_text(instant.replace(second=0, microsecond=0)) or ""
    return text.replace("T", " ").replace(":00Z", " UTC")


def when_over(instant: datetime) -> str:
    """To the minute by which it has passed, in UTC."""
    past = instant.second or instant.microsecond
    return when(instant + timedelta(minutes=1) if past else instant)
