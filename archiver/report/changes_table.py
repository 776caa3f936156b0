"""What changed since the run before, on a terminal of 100 columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import zip_longest

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archiver.report.changes import Change, Changes, DestinationChanges
from archiver.report.terminal import WIDTH, lined_up, when
from archiver.report.totals_changes import TOTALS_FIGURES, TotalsChange
from archiver.texts import plain
from archiver.warehouse.restatements import AMOUNTS, FIGURES
from archiver.warehouse.runs import RunRecord

_NO_CHANGE = "·"
# Reasons may go on in a second line where figures need the room.
_WHY_WIDTH = 30
# One, several, and what it means.
_REASONS = {
    "late_events": (
        "late event",
        "late events",
        "imported since the run before, or arrived after its instant",
    ),
    "late_receipts": ("late receipt", "late receipts", "other attempts are known now than then"),
    "coverage": (
        "by coverage",
        "by coverage",
        "the receipts feed now covers their time, or does not",
    ),
    "settled": ("settled", "settled", "the hub does not retry them any more"),
    "rule_change": (
        "by changed rules",
        "by changed rules",
        "settings, rules or the program are others than then",
    ),
    "other": ("other", "other", "none of the known reasons"),
}


_TOTALS_REASONS = {
    "late_totals": ("late totals", "other counts are known now than then"),
    "expected": ("expected", "the counts are the same; other conversions were expected"),
    "rule_change": ("by changed rules", "the difference is to another count than then"),
}


def render(changes: Changes) -> Group:
    """The whole report, ready for a console."""
    parts: list[RenderableType] = [
        Text.assemble(
            ("Changes", "bold"), f"  as of {when(changes.run.as_of)} · run {changes.run.run_id}"
        )
    ]
    if not changes.destinations:
        parts.append(Text("There is no run before it to compare it with."))
    for part in changes.destinations:
        parts += [Text(), *_destination(part)]
    return Group(*parts)


def print_changes(changes: Changes, console: Console) -> None:
    """Print it, never wider than 100 columns."""
    console.print(render(changes), width=min(WIDTH, console.width))


def table_text(changes: Changes) -> str:
    """The same as plain text, for a file."""
    out = io.StringIO()
    print_changes(changes, Console(width=WIDTH, file=out, highlight=False, color_system=None))
    return out.getvalue()


def _destination(part: DestinationChanges) -> Iterator[RenderableType]:
    name = Text(part.destination, "bold cyan")
    if not part.changes:
        where = " in these days" if part.is_of_some_days else ""
        what = "only counts of totals" if part.totals_changes else "nothing"
        yield Text.assemble(name, f": {what} changed{where} since {_run(part.previous)}.")
    else:
        yield from _restated(name, part)
    if part.totals_changes:
        yield Text()
        yield _totals_table(part.totals_changes)
        for reason in dict.fromkeys(change.reason for change in part.totals_changes):
            words, meaning = _TOTALS_REASONS[reason]
            line = Text.assemble((f"{words}: ", "bold"), meaning)
            yield Padding(line, (0, 0, 0, 2), expand=False)


def _restated(name: Text, part: DestinationChanges) -> Iterator[RenderableType]:
    days = len({change.day for change in part.changes})
    yield Text.assemble(
        name,
        f"  {days:,} {'day' if days == 1 else 'days'} restated since {_run(part.previous)}",
    )
    yield Text()
    rows = [(change, _cells(change)) for change in part.changes]
    columns = _columns(rows)
    yield _wide(rows, columns) if _width(rows, columns) <= WIDTH else _long(rows)
    for reason, (_, several, meaning) in _REASONS.items():
        if any(change.reasons[reason] for change in part.changes):
            line = Text.assemble((f"{several}: ", "bold"), meaning)
            yield Padding(line, (0, 0, 0, 2), expand=False)


def _run(run: RunRecord) -> str:
    return f"the run as of {when(run.as_of)} ({run.run_id})"


Cells = dict[str, tuple[str, str]]


def _cells(change: Change) -> Cells:
    """Figure → its text before and after; those only that differ.

    Of the amounts the gap's, and all where no count says that anything changed.
    """
    cells = {
        name: (f"{change.before[name]:,}", f"{change.after[name]:,}")
        for name in FIGURES
        if change.before[name] != change.after[name]
    }
    for currency, (before, after) in change.values.items():
        text_of = lined_up([*before.values(), *after.values()])
        for name in AMOUNTS if change.before == change.after else ("gap",):
            if before[name] != after[name]:
                cells[f"{name} {currency}"] = (text_of(before[name]), text_of(after[name]))
    return cells


def _columns(rows: list[tuple[Change, Cells]]) -> list[str]:
    """All figures that differ anywhere: counts in their order, then amounts by currency."""
    named = {name for _, cells in rows for name in cells}
    amounts = sorted(named - {*FIGURES}, key=lambda name: name.split(" ", 1)[1])
    return [*(name for name in FIGURES if name in named), *amounts]


def _why(change: Change) -> list[str]:
    return [
        f"{count:,} {_REASONS[name][count != 1]}" for name, count in change.reasons.items() if count
    ]


def _width(rows: list[tuple[Change, Cells]], columns: list[str]) -> int:
    widths = [len("2026-01-15"), max(len(plain(change.event)) for change, _ in rows)]
    for name in columns:
        texts = (_arrow(cells[name]) for _, cells in rows if name in cells)
        widths.append(max(len(name), *map(len, texts)))
    widths.append(min(_WHY_WIDTH, max(len(", ".join(_why(change))) for change, _ in rows)))
    return sum(widths) + 2 * len(widths)


def _arrow(texts: tuple[str, str]) -> str:
    return f"{texts[0]} → {texts[1]}"


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("event", overflow="ellipsis", no_wrap=True)
    return table


def _figures_table() -> Table:
    table = _table()
    table.add_column("figure", no_wrap=True)
    table.add_column("before", justify="right", no_wrap=True)
    table.add_column("after", justify="right", no_wrap=True)
    table.add_column("why")
    return table


def _wide(rows: list[tuple[Change, Cells]], columns: list[str]) -> Table:
    """A column for each figure, where they fit."""
    table = _table()
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    for change, cells in rows:
        texts = (_arrow(cells[name]) if name in cells else _NO_CHANGE for name in columns)
        table.add_row(str(change.day), Text(plain(change.event)), *texts, ", ".join(_why(change)))
    return table


def _totals_table(changes: list[TotalsChange]) -> Table:
    """A line for each figure that differs."""
    table = _figures_table()
    for change in changes:
        named: tuple[str, str | Text] = (str(change.day), Text(plain(change.event)))
        why = _TOTALS_REASONS[change.reason][0]
        for name in TOTALS_FIGURES:
            before, after = change.before[name], change.after[name]
            if before != after:
                table.add_row(*named, name, _count(before), _count(after), why)
                named, why = ("", ""), ""
    return table


def _count(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"


def _long(rows: list[tuple[Change, Cells]]) -> Table:
    """A line for each figure, where columns would not fit."""
    table = _figures_table()
    for change, cells in rows:
        named: tuple[str, str | Text] = (str(change.day), Text(plain(change.event)))
        for cell, why in zip_longest(cells.items(), _why(change), fillvalue=None):
            name, (before, after) = cell or ("", ("", ""))
            table.add_row(*named, name, before, after, why)
            named = ("", "")
    return table
