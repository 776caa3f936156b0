"""`archiver report`: a kept run, for people and scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.common import (
    Settings,
    check_days,
    console,
    json_option,
    output_options_with,
    pass_settings,
    question_options,
    write_output,
)
from archiver.cli.messages import say
from archiver.errors import UsageError, blaming_the_path

if TYPE_CHECKING:
    from rich.console import Console


# For people: everything of a run on one page.
_PAGES = ("html", "markdown")


@click.command("report", short_help="Show a kept run, or what changed.")
@question_options
@click.option("--changes", is_flag=True, help="What changed since the run before, and why.")
@click.option("--since", metavar="RUN_ID", help="With --changes: since this kept run.")
@output_options_with(*_PAGES)
@json_option
@pass_settings
def command(
    settings: Settings,
    destination: str | None,
    from_day: date | None,
    to_day: date | None,
    as_of: datetime | None,
    changes: bool,
    since: str | None,
    format_name: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Show the gap per day: a run that was kept, the last one by default.

    With --as-of, the last run for that instant. With --changes, the account days whose figures
    differ from those of the run that was asked for before it, and why.

    --format html is one file to look at or mail, which needs no network; markdown is short, for a
    chat.
    """
    from archiver.report.kept import kept_run
    from archiver.warehouse.runs import kept_runs

    check_days(from_day, to_day)
    if destination is not None:
        settings.config.destination(destination)
    if as_json:
        format_name = "json"
    if format_name == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE")
    if since is not None and not changes:
        raise click.UsageError("--since needs --changes")
    if changes and format_name in _PAGES:
        why = "is the whole report, with what changed since the run before"
        raise click.UsageError(f"--format {format_name} {why}; leave --changes out")
    folder = kept_run(
        kept_runs(settings.config.warehouse_path),
        destination=destination,
        as_of=as_of,
        from_day=from_day,
        to_day=to_day,
    )
    before = _named_run(folder, since, destination) if since is not None else None
    picked = _Picked(destination, from_day, to_day)
    shown = (
        _shown_changes(folder, before, picked)
        if changes
        else _shown_report(settings, folder, picked)
    )
    if format_name == "parquet" and output is not None:
        with blaming_the_path(f"writing {output}"):
            shown.write_parquet(output)
    elif format_name == "table" and output is None:
        shown.print(console())
        return 0
    else:
        text = shown.texts[format_name]()
        if output is None:
            click.echo(text, nl=False)
            return 0
        write_output(output, text)
    say(f"{output} is written", path=output)
    return 0


@dataclass(frozen=True)
class _Picked:
    """The part of a run that is shown: one destination, some account days; None: all."""

    destination: str | None
    from_day: date | None
    to_day: date | None


@dataclass(frozen=True)
class _Shown:
    """What is shown, in each of its forms."""

    print: Callable[[Console], None]
    texts: dict[str, Callable[[], str]]
    write_parquet: Callable[[Path], None]


def _shown_report(settings: Settings, folder: Path, picked: _Picked) -> _Shown:
    from archiver.report import formats, terminal
    from archiver.report.model import build_report

    report = build_report(
        folder, destination=picked.destination, from_day=picked.from_day, to_day=picked.to_day
    )
    return _Shown(
        partial(terminal.print_report, report),
        {
            "table": partial(terminal.table_text, report),
            "json": partial(formats.json_text, report),
            "csv": partial(formats.csv_text, report),
            **{name: partial(_page_text, settings, folder, picked, name) for name in _PAGES},
        },
        partial(formats.write_parquet, report),
    )


def _page_text(settings: Settings, folder: Path, picked: _Picked, name: str) -> str:
    from archiver.report.markdown import markdown_text
    from archiver.report.page import build_page
    from archiver.report.page_html import html_text

    page = build_page(
        settings.config,
        settings.archive,
        folder,
        destination=picked.destination,
        from_day=picked.from_day,
        to_day=picked.to_day,
    )
    return html_text(page) if name == "html" else markdown_text(page)


def _shown_changes(folder: Path, before: Path | None, picked: _Picked) -> _Shown:
    from archiver.report import changes, changes_table

    found = changes.build_changes(
        folder,
        since=before,
        destination=picked.destination,
        from_day=picked.from_day,
        to_day=picked.to_day,
    )
    return _Shown(
        partial(changes_table.print_changes, found),
        {
            "table": partial(changes_table.table_text, found),
            "json": partial(changes.json_text, found),
            "csv": partial(changes.csv_text, found),
        },
        partial(changes.write_parquet, found),
    )


def _named_run(run: Path, name: str, destination: str | None) -> Path:
    """The kept run to compare with; UsageError where there is none, or none of its destinations."""
    from archiver.warehouse.runs import kept_runs, read_run

    doing = f"comparing the run {run.name} with {name}"
    known = {kept.name: kept for kept in kept_runs(run.parent.parent)}
    if name not in known:
        last = ", ".join([*known][-5:])
        raise UsageError(doing, "no such run is kept", f"the last kept are {last}")
    wanted = {destination} if destination else read_run(run).destinations.keys()
    if not wanted & read_run(known[name]).destinations.keys():
        raise UsageError(doing, f"it has not {' or '.join(sorted(wanted))}", "name another run")
    return known[name]
