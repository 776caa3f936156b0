"""Totals on a terminal: what was expected beside what the destination or the hub counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from archiver.report.model import DailyTotal, DestinationReport
from archiver.report.terminal_words import conversions, labelled, percent, worth
from archiver.report.totals import TotalsSum, sum_of_day, sum_of_days, uncounted_names
from archiver.texts import plain

_KINDS = ("delivered", "received", "attributed")
_MIN_EVENT_WIDTH = 22


@dataclass(frozen=True)
class _Line:
    """A row of the table: the sum of a day, or one event."""

    day: str
    event: str
    figures: DailyTotal | TotalsSum
    is_over: bool
    is_sum: bool = False


def totals_headline(part: DestinationReport) -> Text:
    """What was expected, what was counted, and the difference, over all days."""
    whole = sum_of_days(part)
    if not whole.expected:
        return Text("No conversion was expected in these days: check that the sources deliver.")
    money = worth({c: terms["expected"] for c, terms in part.totals.values.items()})
    were = f"{conversions(whole.expected)} {'was' if whole.expected == 1 else 'were'} expected"
    were += f", worth {money}" if money else ""
    if whole.compared + whole.uncounted == 0:
        return Text(f"{were}: the hub may still retry all of them.")
    if whole.difference is None or not whole.compared:
        return Text(f"{were}, and there is no count of how many arrived.", "bold yellow")
    if whole.compared == whole.expected:
        text = f"{were}, and {whole.counted:,} were counted: {_difference(whole)}."
    else:
        text = (
            f"{were}. Of the {whole.compared:,} that can be compared with a count, "
            f"{whole.counted:,} were counted: {_difference(whole)}."
        )
    short = sum(any(row.is_over_tolerance for row in rows) for _, rows in part.totals_by_day())
    if short:
        days = "1 day is" if short == 1 else f"{short:,} days are"
        text += f" {days} short by more than the tolerance."
    lacking = _days_lacking_counts(part)
    if lacking:
        days = "1 day" if lacking == 1 else f"{lacking:,} days"
        text += f" On {days} conversions are without a count."
    if short or lacking:
        return Text(text, "bold red" if short else "bold yellow")
    what = "count" if whole.uncounted else "day"
    return Text(f"{text} No {what} is short by more than {_allowed(part)}.", "green")


def _days_lacking_counts(part: DestinationReport) -> int:
    """On how many days, not provisional, nobody counted a name."""
    days = (rows for _, rows in part.totals_by_day() if not rows[0].provisional)
    return sum(bool(uncounted_names(rows)) for rows in days)


def _allowed(part: DestinationReport, share: str = "") -> str:
    """What no count exceeds: the tolerance alone, or, where one does, that and `min_gap`."""
    tolerance = f"the tolerance{share}"
    exceeds = any((row.difference or 0) > row.tolerance for row in part.daily_totals)
    return f"both {tolerance} and min_gap" if exceeds else tolerance


def totals_sentence(part: DestinationReport) -> str:
    """The same without words, for where `reconcile` says how it went."""
    whole = sum_of_days(part)
    counted = "" if whole.difference is None else f" ({whole.counted:,} counted)"
    return (
        f"{whole.expected:,} expected = {whole.pending:,} pending + {whole.uncounted:,} without a "
        f"count + {whole.compared:,} compared{counted}"
    )


def _difference(whole: TotalsSum) -> str:
    difference = whole.difference or 0
    if not difference:
        return "as many"
    if difference < 0:
        return f"{-difference:,} more"
    return f"{difference:,} fewer ({percent(Decimal(difference) / whole.compared)})"


def totals_parts(part: DestinationReport) -> Iterator[RenderableType]:
    """The table of totals, and what it says: all days, or those that fall short."""
    if not part.daily_totals:
        return
    lines = [*_days(part)] if part.reports == "totals" else [*_short_events(part)]
    share = f" of {percent(part.totals_tolerance)}"
    whole = sum_of_days(part)
    if lines:
        if part.reports != "totals":
            yield labelled("totals", "counts that are short of what was expected by too much")
        yield _table(lines)
    elif whole.difference is not None:
        yield labelled("totals", f"no count is short by more than {_allowed(part, share)}")
    if whole.difference is not None:
        yield labelled(
            "difference",
            "expected without pending, less received, else less delivered. It cannot be "
            "attributed to single events, and so neither to an amount nor to a backfill",
        )
    if any(line.is_over for line in lines):
        yield labelled("!", f"short by more than the tolerance{share}")
    if part.reports == "totals" and whole.uncounted and whole.difference is not None:
        yield labelled("no count", f"{conversions(whole.uncounted)}, of which nothing is known")
    if whole.attributed is not None:
        credited = f"{conversions(whole.attributed)} credited to ads"
        yield labelled("attributed", f"{credited}: never subtracted from anything")


def _days(part: DestinationReport) -> Iterator[_Line]:
    """Each day's sum, and below it those events that fall short, or that nobody counted.

    Where nobody counted some, or others than the rest, the day's sums are of other conversions
    each: no difference stands beside them, and every event has its line.
    """
    for day, rows in part.totals_by_day():
        mark = f"{day}{' ~' if rows[0].provisional else ''}"
        if len(rows) == 1:
            yield _Line(mark, rows[0].event, rows[0], rows[0].is_over_tolerance, is_sum=True)
            continue
        whole = sum_of_day(rows)
        is_mixed = whole.difference is not None and not _adds_up(whole)
        shown = replace(whole, difference=None) if is_mixed else whole
        yield _Line(mark, "all", shown, any(row.is_over_tolerance for row in rows), is_sum=True)
        for row in rows:
            if row.is_over_tolerance or is_mixed:
                yield _Line("", f"  {row.event}", row, row.is_over_tolerance)


def _adds_up(whole: TotalsSum) -> bool:
    """Whether the difference is the one between the sums that stand beside it."""
    count = whole.delivered if whole.received is None else whole.received
    return whole.difference == whole.expected - whole.pending - (count or 0)


def _short_events(part: DestinationReport) -> Iterator[_Line]:
    for row in part.daily_totals:
        if row.is_over_tolerance:
            yield _Line(f"{row.day}{' ~' if row.provisional else ''}", row.event, row, True)


def _table(lines: list[_Line]) -> Table:
    shown = ["expected"]
    shown += ["pending"] if any(line.figures.pending for line in lines) else []
    shown += [k for k in _KINDS if any(getattr(line.figures, k) is not None for line in lines)]
    shown.append("difference")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("event", overflow="ellipsis", min_width=_MIN_EVENT_WIDTH)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in lines:
        table.add_row(
            line.day,
            Text(plain(line.event)),
            *(_cell(getattr(line.figures, name), name, line.is_over) for name in shown),
            Text("!", "red") if line.is_over else "",
            style="bold" if line.is_sum and line.is_over else "",
        )
    return table


def _cell(count: int | None, name: str, is_over: bool) -> Text:
    if count is None:
        return Text("·")
    return Text(f"{count:,}", "red" if name == "difference" and is_over else "")
