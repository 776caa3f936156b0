"""`archiver schema`: what the events look like, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import (
    Day,
    Settings,
    check_days,
    console,
    json_option,
    output_options,
    pass_settings,
    print_json,
    write_output,
)
from archiver.cli.messages import say
from archiver.errors import blaming_the_path

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from archiver.warehouse.query import Rows
    from archiver.warehouse.schema import SchemaChange, SeenPath

_WIDTH = 100


@click.command("schema", short_help="Which fields events have, and what changed.")
@click.argument("event", required=False)
@click.option("--changes", is_flag=True, help="What appeared, vanished or changed type, by day.")
@click.option("--source", metavar="NAME", help="This source only.")
@click.option("--from", "from_day", type=Day(), help="First UTC day of the changes.")
@click.option("--to", "to_day", type=Day(), help="Last UTC day of the changes, included.")
@output_options
@json_option
@pass_settings
def command(
    settings: Settings,
    event: str | None,
    changes: bool,
    source: str | None,
    from_day: date | None,
    to_day: date | None,
    format_name: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Show which fields the events have: JSON paths, types, first and last day, counts.

    EVENT is an event name, or the call type of events without one; without it, all are shown. A
    path such as $.properties.total can be given to DuckDB's JSON functions as it stands.
    """
    from archiver.warehouse.query import published, write_rows
    from archiver.warehouse.schema import SchemaQuestion, ask_schema

    check_days(from_day, to_day)
    if not changes and (from_day or to_day):
        raise click.UsageError("--from and --to are days of changes: add --changes")
    if as_json:
        format_name = "json"
    if format_name == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE")
    question = SchemaQuestion(event, source, changes, from_day, to_day)
    with published(settings.config.warehouse_path) as connection:
        rows = ask_schema(connection, settings.config, question)
        if format_name in ("csv", "parquet"):
            with blaming_the_path(f"writing {output or 'the rows'}"):
                write_rows(rows, format_name, output, console)
        elif format_name == "json":
            _write_json(rows, changes, output)
        else:
            _write_table(rows, changes, output)
    if output is not None:
        say(f"{output} is written", path=output)
    return 0


def _write_json(rows: Rows, changes: bool, output: Path | None) -> None:
    import json

    from msgspec import to_builtins

    found = [dict(zip(rows.columns, to_builtins(row), strict=True)) for row in rows]
    document: dict[str, Any] = {"changes" if changes else "paths": found}
    if output is None:
        print_json(document)
    else:
        write_output(output, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _write_table(rows: Rows, changes: bool, output: Path | None) -> None:
    import io

    from rich.console import Console, Group

    from archiver.warehouse.schema import SchemaChange, SeenPath

    parts = (
        _changes(SchemaChange(*row) for row in rows)
        if changes
        else _paths(SeenPath(*row) for row in rows)
    )
    if output is None:
        screen = console()
        screen.print(Group(*parts), width=min(_WIDTH, screen.width))
        return
    text = io.StringIO()
    Console(file=text, width=_WIDTH, color_system=None).print(Group(*parts))
    write_output(output, text.getvalue())


def _paths(paths: Iterable[SeenPath]) -> Iterator[RenderableType]:
    """For each event name a heading with its own count and days, and below it its paths."""
    from rich.text import Text

    found = False
    for (source, event), group in groupby(paths, lambda path: (path.source, path.event)):
        if found:
            yield Text()
        found = True
        whole, *inner = group
        noun = "event" if whole.occurrences == 1 else "events"
        yield Text.assemble(
            _name(source, event),
            f"  {whole.occurrences:,} {noun}, {whole.first_day} to {whole.last_day}",
        )
        table = _table(("path", None), ("types", 20), ("first day", 10), ("last day", 10))
        for path in inner:
            table.add_row(
                _plain(path.path),
                ", ".join(path.types),
                str(path.first_day),
                str(path.last_day),
                f"{path.occurrences:,}",
            )
        if inner:
            yield table
    if not found:
        yield Text("No event is in the warehouse.")


def _changes(changes: Iterable[SchemaChange]) -> Iterator[RenderableType]:
    """For each day a heading, in it one for each event name, and below that its changes."""
    from rich.padding import Padding
    from rich.text import Text

    found = False
    for day, on_day in groupby(changes, lambda change: change.day):
        if found:
            yield Text()
        found = True
        yield Text(str(day), "bold")
        names = groupby(on_day, lambda change: (change.source, change.event))
        for number, ((source, event), group) in enumerate(names):
            yield Text.assemble("  ", _name(source, event))
            table = _table(("change", 16), ("path", None), ("since", 10), ("last seen", 10))
            table.show_header = number == 0
            for change in group:
                table.add_row(
                    _what(change),
                    _where(change),
                    str(change.since),
                    str(change.last_seen),
                    f"{change.occurrences:,}",
                )
            yield Padding(table, (0, 0, 0, 2))
    if not found:
        yield Text("Nothing appeared, vanished or changed its type.")


def _what(change: SchemaChange) -> Text:
    from rich.text import Text

    verb = change.change.removeprefix("type_")
    words = verb if change.json_type is None else f"{change.json_type} {verb}"
    return Text(words, "green" if verb == "appeared" else "red")


def _where(change: SchemaChange) -> Text:
    from rich.text import Text

    below = f"  (and {change.paths_below:,} below)" if change.paths_below else ""
    whole = "the event itself" if change.path == "$" else _plain(change.path)
    return Text.assemble(whole, (below, "dim"))


def _name(source: str, event: str | None) -> Text:
    from rich.text import Text

    name = "(no event name, no type)" if event is None else _plain(event)
    return Text.assemble(f"{source} · ", (name, "bold cyan"))


def _table(*columns: tuple[str, int | None]) -> Table:
    """A table of these columns (name, width; one takes what is left) and a count of events."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 0, 0, 2), pad_edge=True, expand=True, header_style="dim")
    for name, width in columns:
        ratio = 1 if width is None else None
        table.add_column(name, width=width, ratio=ratio, overflow="fold")
    table.add_column("events", justify="right", min_width=9, no_wrap=True)
    return table


def _plain(text: str) -> str:
    """Names come from outside: what a terminal might take for a command stands as its escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
