"""Sums over the totals of several events or days, without counting anything twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archiver.report.model import ALL_EVENTS, DailyTotal, DestinationReport


@dataclass(frozen=True)
class TotalsSum:
    """What was expected beside what others counted, over several rows.

    Attributes:
        expected, pending: conversions.
        delivered, received, attributed: the counts added up; None: none known.
        difference: what the counts are short of, where there are any; None: there are none.
        compared: the settled conversions that the difference is of.
        uncounted: the settled conversions of rows without a count.
    """

    expected: int
    pending: int
    delivered: int | None
    received: int | None
    attributed: int | None
    difference: int | None
    compared: int
    uncounted: int

    @property
    def counted(self) -> int:
        """How many others counted of those that can be compared."""
        return self.compared - (self.difference or 0)


def uncounted_names(rows: Iterable[DailyTotal]) -> list[DailyTotal]:
    """Of one day, the names with settled conversions that nobody counted.

    None where there is a count of all names: theirs are in it.
    """
    rows = list(rows)
    if any(row.event == ALL_EVENTS and row.compared_with for row in rows):
        return []
    return [
        row
        for row in rows
        if row.event != ALL_EVENTS and not row.compared_with and row.expected > row.pending
    ]


def sum_of_day(rows: Iterable[DailyTotal]) -> TotalsSum:
    """Add up the events of one day; a count of all names stands for those of each."""
    rows = list(rows)
    named = [row for row in rows if row.event != ALL_EVENTS]
    whole = [row for row in rows if row.event == ALL_EVENTS]
    told = [row for row in whole if row.compared_with]
    told = told or [row for row in named if row.compared_with]
    return TotalsSum(
        expected=sum(row.expected for row in named),
        pending=sum(row.pending for row in named),
        delivered=_add(_first(whole, named, "delivered")),
        received=_add(_first(whole, named, "received")),
        attributed=_add(_first(whole, named, "attributed")),
        difference=_add(row.difference for row in told),
        compared=sum(row.expected - row.pending for row in told),
        uncounted=sum(row.expected - row.pending for row in uncounted_names(rows)),
    )


def sum_of_days(part: DestinationReport) -> TotalsSum:
    """Add up all days of a destination."""
    days = [sum_of_day(rows) for _, rows in part.totals_by_day()]
    return TotalsSum(
        expected=sum(day.expected for day in days),
        pending=sum(day.pending for day in days),
        delivered=_add(day.delivered for day in days),
        received=_add(day.received for day in days),
        attributed=_add(day.attributed for day in days),
        difference=_add(day.difference for day in days),
        compared=sum(day.compared for day in days),
        uncounted=sum(day.uncounted for day in days),
    )


def _first(whole: list[DailyTotal], named: list[DailyTotal], kind: str) -> list[int | None]:
    of_whole = [getattr(row, kind) for row in whole]
    return of_whole if _add(of_whole) is not None else [getattr(row, kind) for row in named]


def _add(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
