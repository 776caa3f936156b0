"""The report on a terminal of 100 columns, in words where numbers alone would mislead."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import chain

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archiver.report.model import GAP_PARTS, DestinationReport, Report, Row
from archiver.report.recovery import clock_lines
from archiver.report.terminal_incidents import finding_lines, incident_lines
from archiver.report.terminal_totals import totals_headline, totals_parts
from archiver.report.terminal_words import WIDTH, labelled, lined_up, when, worth
from archiver.texts import plain

__all__ = ["WIDTH", "lined_up", "print_report", "render", "table_text", "when"]

_MIN_EVENT_WIDTH = 22
_STALE = timedelta(hours=24)
_WORDS = {
    "missing": "no receipt at all",
    "failed": "not delivered",
    "rejected": "refused for good",
    "ambiguous": "may have landed",
    "conflict": "one id, different contents",
}


def render(report: Report) -> Group:
    """The whole report, ready for a console."""
    run = report.run
    parts: list[RenderableType] = [
        Text.assemble(
            ("Gap report", "bold"),
            f"  as of {when(run.as_of)} · run {run.run_id}",
        )
    ]
    if not run.is_unbounded:
        first, last = run.from_day or "the beginning", run.to_day or "the end"
        parts.append(Text(f"Only the days from {first} to {last} were reconciled.", "yellow"))
    for part in report.destinations:
        parts += _destination(part, report)
    if not report.destinations:
        parts.append(Text("No destination is configured: nothing to reconcile."))
    return Group(*parts)


def print_report(report: Report, console: Console) -> None:
    """Print it, never wider than 100 columns."""
    console.print(render(report), width=min(WIDTH, console.width))


def table_text(report: Report) -> str:
    """The same as plain text, for a file."""
    console = Console(width=WIDTH, file=io.StringIO(), highlight=False, color_system=None)
    print_report(report, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def _destination(part: DestinationReport, report: Report) -> list[RenderableType]:
    totals, as_of = part.totals, report.run.as_of
    gives_totals = part.reports == "totals"
    out: list[RenderableType] = [
        Text(),
        Text.assemble((part.destination, "bold cyan"), f"  days in {part.account_timezone}"),
        Text(),
        totals_headline(part) if gives_totals else _headline(part, totals),
    ]
    if totals.counts["gap"]:
        out += [Text(_gap_sentence(totals), "bold red")] if gives_totals else []
        out.append(_recovery(totals))
        out += [_indented(line) for line in clock_lines(part.clock)]
    if part.newest_arrival is None or as_of - part.newest_arrival > _STALE:
        reach = f"the newest is of {when(part.newest_arrival)}" if part.newest_arrival else "none"
        out.append(
            Text(
                f"No event arrived in the last 24 hours ({reach}): do the sources deliver?",
                "bold yellow",
            )
        )
    for what_happened, *what_follows in incident_lines(part, as_of):
        out += [_indented(what_happened), *(_indented(line, 4) for line in what_follows)]
    if part.days and not (gives_totals and part.daily_totals):
        out += [_table(part, totals), *_money(part, totals)]
    figures, counts = _explanations(part, totals), totals_parts(part)
    below: Iterable[RenderableType] = chain(
        *([counts, figures] if gives_totals else [figures, counts]),
        finding_lines(part, report.run.run_id),
    )
    return [*out, *(_indented(line) if isinstance(line, Text) else line for line in below)]


def _indented(line: Text, columns: int = 2) -> Padding:
    return Padding(line, (0, 0, 0, columns), expand=False)


def _headline(part: DestinationReport, totals: Row) -> Text:
    counts = totals.counts
    if not counts["expected"]:
        return Text("No conversion was expected in these days: check that the sources deliver.")
    if not counts["gap"]:
        if counts["unknown"]:
            return Text(
                f"Nothing is known to be lost, but of {counts['unknown']:,} of "
                f"{counts['expected']:,} conversions nothing is known: see below.",
                "bold yellow",
            )
        if any(not day.counts["expected"] and day.counts["unarchived"] for day, _ in part.by_day()):
            return Text(
                "Nothing is known to be lost, but on some day there are receipts and no event: "
                "events are missing in the archive.",
                "bold yellow",
            )
        return Text("No gap among the settled conversions.", "green")
    return Text(_gap_sentence(totals), "bold red")


def _gap_sentence(totals: Row) -> str:
    counts = totals.counts
    lost = worth({currency: terms["gap"] for currency, terms in totals.values.items()})
    return (
        f"{counts['gap']:,} of {counts['expected']:,} conversions did not arrive"
        f"{f', worth {lost}' if lost else ''}."
    )


def _recovery(totals: Row) -> Text:
    counts = totals.counts
    text = Text(f"{counts['recoverable']:,} are young enough to be sent again")
    if totals.backfill_deadline:
        text.append(", the first until ").append(when(totals.backfill_deadline), "bold")
    if counts["expired"]:
        text.append(f"; {counts['expired']:,} are too old")
    return text.append(".")


def _table(part: DestinationReport, totals: Row) -> Table:
    shown = [
        name
        for name in ("expected", "accepted", "pending", "unknown", "gap")
        if name != "pending" or totals.counts[name]
    ]
    aligned = {
        currency: lined_up(_gap_amounts(part, totals, currency))
        for currency in _money_columns(part, totals, shown)
    }
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_footer=True)
    table.add_column("day", footer="total", no_wrap=True)
    # Names may be cut where numbers need the room; numbers never are.
    table.add_column("event", overflow="ellipsis", min_width=_MIN_EVENT_WIDTH)
    for name in shown:
        table.add_column(name, footer=_count(totals, name), justify="right", no_wrap=True)
    for currency, text_of in aligned.items():
        total = text_of(totals.values[currency]["gap"])
        table.add_column(f"gap {currency}", footer=total, justify="right", no_wrap=True)
    for day, rows in part.by_day():
        table.add_row(
            f"{day.day}{' ~' if day.provisional else ''}",
            Text("all" if len(rows) > 1 else plain(rows[0].event or "")),
            *_cells(day, shown, aligned),
            style="bold" if day.counts["gap"] else "",
        )
        for row in rows if len(rows) > 1 else ():
            if _is_telling(row):
                table.add_row("", Text(f"  {plain(row.event or '')}"), *_cells(row, shown, aligned))
    return table


def _gap_amounts(part: DestinationReport, totals: Row, currency: str) -> list[Decimal]:
    rows = [*part.days, *(day for day, _ in part.by_day()), totals]
    return [row.values[currency]["gap"] for row in rows if currency in row.values]


def _gap_currencies(part: DestinationReport, totals: Row) -> list[str]:
    """The currencies in which anything is in the gap, even if it adds up to nothing."""
    return [c for c in totals.values if any(_gap_amounts(part, totals, c))]


def _money_columns(part: DestinationReport, totals: Row, shown: list[str]) -> list[str]:
    """The currencies that have a gap, where their columns fit beside the counts; else none."""
    currencies = _gap_currencies(part, totals)
    width = len("2026-01-15 ~") + 1 + _MIN_EVENT_WIDTH + 1
    width += sum(2 + max(len(name), len(_count(totals, name))) for name in shown)
    for currency in currencies:
        amounts = _gap_amounts(part, totals, currency)
        text_of = lined_up(amounts)
        width += 2 + max(len(f"gap {currency}"), *(len(text_of(a)) for a in amounts))
    return currencies if width <= WIDTH else []


def _count(row: Row, name: str) -> str:
    return f"{row.counts[name]:,}"


def _cells(
    row: Row, shown: list[str], aligned: dict[str, Callable[[Decimal], str]]
) -> Iterator[Text]:
    styles = {"gap": "red", "unknown": "yellow", "pending": "yellow"}
    for name in shown:
        blank = not row.counts[name] and name != "expected"
        yield Text("·") if blank else Text(_count(row, name), styles.get(name, ""))
    for currency, text_of in aligned.items():
        amount = row.values.get(currency, {}).get("gap")
        yield Text(text_of(amount) if amount else "·")


def _is_telling(row: Row) -> bool:
    counts = row.counts
    return bool(counts["gap"] or counts["unknown"] or counts["pending"])


def _money(part: DestinationReport, totals: Row) -> list[RenderableType]:
    """Money in a table of its own, where its columns do not fit beside the counts."""
    currencies = _gap_currencies(part, totals)
    shown = ("expected", "accepted", "gap")
    if not currencies or _money_columns(part, totals, [*shown, "pending", "unknown"]):
        return []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("currency")
    for term in shown:
        table.add_column(term, justify="right", no_wrap=True)
    for currency in currencies:
        terms = totals.values[currency]
        text_of = lined_up(terms[term] for term in shown)
        table.add_row(currency, *(text_of(terms[term]) for term in shown))
    return [table]


def _explanations(part: DestinationReport, totals: Row) -> Iterator[Text]:
    counts = totals.counts
    if counts["gap"]:
        reasons = " · ".join(
            f"{counts[name]:,} {name} ({_WORDS[name]})" for name in GAP_PARTS if counts[name]
        )
        yield labelled("gap", reasons)
    uncovered = counts["unknown"] - part.no_key
    if uncovered and part.reports == "totals":
        yield labelled(
            "unknown",
            f"{uncovered:,} (the destination gives counts only, and nothing about single events)",
        )
    elif uncovered:
        silent = any(i.diagnosis == "receipts_missing" for i in part.incidents)
        why = (
            "the receipts feed was silent around them"
            if silent
            else "the receipts feed does not cover their time"
            if part.newest_attempt
            else "there are no receipts at all"
        )
        yield labelled(
            "unknown",
            f"{uncovered:,} (neither delivered nor lost: {why}, with coverage = "
            f'"{part.coverage}"). If you know that the feed is complete for a time, vouch for it: '
            f"archiver receipts --destination {part.destination} --covers START/END",
        )
    if part.no_key:
        yield labelled("unknown", f"{part.no_key:,} (without an id, so that no receipt can match)")
    for name, meaning in (
        ("pending", "the hub may still retry"),
        ("suppressed", "must not be delivered, so not expected"),
        ("unarchived", "receipts for events that the archive does not have"),
    ):
        if counts[name]:
            yield labelled(name, f"{counts[name]:,} ({meaning})")
    if totals.provisional:
        yield labelled("~", "the day is provisional: late events and receipts may still change it")
    events = when(part.newest_arrival) if part.newest_arrival else "never"
    receipts = when(part.newest_attempt) if part.newest_attempt else "never"
    if part.reports != "totals":
        yield labelled("feeds", f"events reach up to {events}, receipts up to {receipts}")
        return
    counted = max((t.day for t in part.daily_totals if t.compared_with), default="no day")
    yield labelled("feeds", f"events reach up to {events}, counts up to {counted}")
