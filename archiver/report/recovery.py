"""The recovery clock: how much of the gap becomes unrecoverable by when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from rich.text import Text

from archiver.report.terminal_words import conversions, labelled, when, worth
from archiver.texts import amount_text, instant_text

_MOST_LINES = 6
_MOST_CURRENCIES = 2


@dataclass(frozen=True)
class Tick:
    """One hour of the clock, or all that has no deadline.

    Attributes:
        deadline: beginning of the hour, UTC, in which they become unrecoverable; None: never.
        conversions: how many.
        values: currency → amount, of those that have one.
    """

    deadline: datetime | None
    conversions: int
    values: dict[str, Decimal]


def ticks(lines: Iterable[Mapping[str, Any]]) -> tuple[Tick, ...]:
    """The rows of `recovery_clock` of one destination, by hour; what has no deadline comes last."""
    by_hour: dict[datetime | None, Tick] = {}
    for line in lines:
        hour = line["deadline_hour"]
        known = by_hour.get(hour, Tick(hour, 0, {}))
        values = _sum(known.values, {line["currency"]: line["value"]})
        by_hour[hour] = Tick(hour, known.conversions + line["conversions"], values)
    timeless = by_hour.pop(None, None)
    hours = sorted(by_hour.items(), key=lambda item: str(item[0]))
    return (*(tick for _, tick in hours), *([timeless] if timeless else []))


def cumulative(clock: Iterable[Tick]) -> Iterator[tuple[Tick, Tick]]:
    """Each hour, with all up to it; what has no deadline is left out."""
    so_far = Tick(None, 0, {})
    for tick in clock:
        if tick.deadline is None:
            continue
        so_far = Tick(
            tick.deadline, so_far.conversions + tick.conversions, _sum(so_far.values, tick.values)
        )
        yield tick, so_far


def clock_json(clock: Sequence[Tick]) -> list[dict[str, Any]]:
    """The clock for scripts: one object per hour of a deadline."""
    return [
        {
            "deadline": instant_text(tick.deadline),
            "conversions": tick.conversions,
            "value": value_texts(tick.values),
            "cumulative_conversions": so_far.conversions,
            "cumulative_value": value_texts(so_far.values),
        }
        for tick, so_far in cumulative(clock)
    ]


def without_deadline_json(clock: Sequence[Tick]) -> dict[str, Any]:
    """What the destination takes at any age."""
    timeless = _timeless(clock)
    return {"conversions": timeless.conversions, "value": value_texts(timeless.values)}


def clock_lines(clock: Sequence[Tick]) -> Iterator[Text]:
    """A few lines: the first hours, then days; each with all that is lost if not sent by then."""
    found = [so_far for _, so_far in cumulative(clock)]
    shown = _chosen(found)
    if shown:
        yield labelled("recovery clock", "what is not sent by then is lost, all in all")
    for tick in shown:
        assert tick.deadline is not None
        yield Text(f"  by {when(tick.deadline)}: {_amount(tick)}")
    timeless = _timeless(clock)
    if timeless.conversions:
        yield labelled("recovery clock", f"{_amount(timeless)}, can be sent at any age")


def value_texts(values: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts by currency, as the other documents have them."""
    return {currency: amount_text(amount) for currency, amount in values.items()}


def _timeless(clock: Sequence[Tick]) -> Tick:
    return next((tick for tick in clock if tick.deadline is None), Tick(None, 0, {}))


def _amount(tick: Tick) -> str:
    shown = dict([*tick.values.items()][:_MOST_CURRENCIES])
    more = len(tick.values) - len(shown)
    amount = worth(shown) + (f" and {more} other currencies" if more else "")
    return conversions(tick.conversions) + (f", worth {amount}" if amount else "")


def _chosen(found: list[Tick]) -> list[Tick]:
    """The hours of the first day, and of later days the last; of many the first and the last."""
    if not found or found[0].deadline is None:
        return []
    first_day = found[0].deadline + timedelta(days=1)
    hours = [tick for tick in found if tick.deadline and tick.deadline < first_day]
    later = groupby(found[len(hours) :], lambda t: t.deadline and t.deadline.date())
    chosen = hours[:2] + hours[2:][-1:] + [[*of_day][-1] for _, of_day in later]
    if len(chosen) <= _MOST_LINES:
        return chosen
    return [*chosen[: _MOST_LINES - 1], chosen[-1]]


def _sum(into: Mapping[str, Decimal], more: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
    found = dict(into)
    for currency, amount in more.items():
        if amount is not None:
            found[currency] = found.get(currency, Decimal(0)) + amount
    return dict(sorted(found.items()))
