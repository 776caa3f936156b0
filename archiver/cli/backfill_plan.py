"""What `backfill --plan` found, as a JSON document and as tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from rich import box
from rich.table import Table

from archiver.backfill.choices import Choice, FullPlan
from archiver.backfill.manifest import value_texts
from archiver.backfill.plan import LEFT_OUT, Tally
from archiver.cli.common import console
from archiver.texts import instant_text, plain

_WHAT = {"send": "would be sent", "expired": "too old for the destination: lost", **LEFT_OUT}


def plan_document(full: FullPlan) -> dict[str, Any]:
    """The member `plan` of the JSON document: amounts are texts, instants UTC."""
    deadlines = full.deadlines
    return {
        "run_id": full.plan.run_id,
        "as_of": instant_text(full.plan.order.question.as_of),
        "via": full.plan.route.via,
        "url": full.plan.route.requests.url,
        "bytes": sum(file.bytes for file in full.built.files),
        "deadlines": {
            "first": instant_text(deadlines.first),
            "last": instant_text(deadlines.last),
            "by": deadlines.step,
            "spans": [
                {deadlines.step: instant_text(start), **_tally(tally)}
                for start, tally in deadlines.spans.items()
            ],
        },
        "dispositions": [
            {"disposition": name, **_tally(full.tallies[name]), "meaning": meaning}
            for name, meaning in _WHAT.items()
            if name in full.tallies
        ],
        "unsendable": full.unsendable,
        "notes": full.built.notes,
        "choices": [
            {
                "option": choice.option,
                "chosen": choice.is_chosen,
                **_tally(choice.adds),
                "risk": choice.risk,
            }
            for choice in full.choices
        ],
    }


def print_plan(full: FullPlan) -> None:
    """The same as tables on the terminal."""
    out = console()
    sent = full.tallies.get("send", Tally())
    files = full.built.files
    click.echo(
        f"backfill {full.plan.backfill_id} for {full.plan.destination}: {sent.events:,} events"
        f"{_worth(sent, ', worth ')} in {len(files):,} requests, "
        f"{sum(file.bytes for file in files):,} bytes. Nothing was written."
    )
    out.print(_dispositions(full))
    if full.unsendable:
        out.print(_counted("Unsendable, because the event", full.unsendable))
    if full.built.notes:
        out.print(_counted("Sent, with a note", full.built.notes))
    if full.deadlines.spans:
        out.print(_deadlines(full))
    out.print(_choices(full.choices))


def _table(title: str, *, show_header: bool = True) -> Table:
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD if show_header else None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_header=show_header,
    )


def _dispositions(full: FullPlan) -> Table:
    table = _table(title="What becomes of the gap")
    table.add_column("disposition", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    table.add_column("worth", justify="right")
    table.add_column("what it means")
    for name, meaning in _WHAT.items():
        if name in full.tallies:
            tally = full.tallies[name]
            table.add_row(name, f"{tally.events:,}", _worth(tally), meaning)
    return table


def _deadlines(full: FullPlan) -> Table:
    deadlines = full.deadlines
    table = _table(
        title=f"Deadlines: the first {instant_text(deadlines.first)}, "
        f"the last {instant_text(deadlines.last)}",
    )
    table.add_column(f"{deadlines.step} of the deadline, UTC", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    table.add_column("worth", justify="right")
    for start, tally in deadlines.spans.items():
        table.add_row(_span(start, deadlines.step), f"{tally.events:,}", _worth(tally))
    return table


def _span(start: datetime, step: str) -> str:
    return start.strftime("%Y-%m-%d" if step == "day" else "%Y-%m-%d %H:00")


def _choices(choices: list[Choice]) -> Table:
    table = _table(title="What each choice adds by itself, and risks")
    table.add_column("choice", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    table.add_column("worth", justify="right")
    table.add_column("risk")
    for choice in choices:
        chosen = " (given)" if choice.is_chosen else ""
        table.add_row(
            choice.option + chosen, f"{choice.adds.events:,}", _worth(choice.adds), choice.risk
        )
    return table


def _counted(title: str, counts: dict[str, int]) -> Table:
    table = _table(title=title, show_header=False)
    for words, count in counts.items():
        table.add_row(f"{count:,}", plain(words))
    return table


def _worth(tally: Tally, before: str = "") -> str:
    worth = " and ".join(f"{value} {name}" for name, value in value_texts(tally.value).items())
    return before + plain(worth) if worth else ""


def _tally(tally: Tally) -> dict[str, Any]:
    return {"events": tally.events, "value": value_texts(tally.value)}
