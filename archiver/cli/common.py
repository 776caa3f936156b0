"""What the commands share: options, the configuration, locks, JSON, the record of the last run."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archiver.cli.messages import say_error
from archiver.cli.names import configured_names
from archiver.errors import ArchiverError, blaming_the_path

if TYPE_CHECKING:
    from rich.console import Console

    from archiver.archive.lock import Holder
    from archiver.archive.store import Archive
    from archiver.config import Config

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """What the group knows when a command starts.

    Attributes:
        path: the configuration file.
        started_at: when the command started, UTC.
        took_over: who held a lock that was taken over from a dead process.
    """

    path: Path
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    took_over: Holder | None = None

    @functools.cached_property
    def config(self) -> Config:
        """The configuration, read and checked on first use."""
        from archiver.config import load_config

        return load_config(self.path, os.environ)

    @functools.cached_property
    def archive(self) -> Archive:
        """The archive that the configuration names."""
        from archiver.archive.store import Archive

        return Archive(self.config.archive_root)

    @contextmanager
    def locked(
        self, what: str, *, archive: bool = False, warehouse: bool = False, wait: bool = False
    ) -> Iterator[None]:
        """Hold the locks that the command needs, in one order, and finish a dead run's commit."""
        from archiver.archive.lock import writing

        with ExitStack() as stack:
            if archive:
                root = self.config.archive_root
                self.took_over = stack.enter_context(writing(root, what, wait=wait))
                self.archive.recover()
            if warehouse:
                dead = stack.enter_context(writing(self.config.warehouse_path, what, wait=wait))
                self.took_over = self.took_over or dead
            yield

    def record(self, command: str, exit_code: int, summary: dict[str, Any]) -> None:
        """Keep when the command last ran and how it ended, for `status`."""
        from archiver.archive.last_runs import note_last

        note_last(self.config.archive_root, command, self.started_at, exit_code, summary)


pass_settings = click.make_pass_decorator(Settings)


class Instant(click.ParamType[datetime]):
    """An instant: ISO 8601, without an offset in UTC; a day means its first instant in UTC."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it, or fail with an example."""
        if isinstance(value, datetime):
            return value
        from archiver.values import parse_instant

        instant = parse_instant(value) if not str(value).strip().isdigit() else None
        if instant is None:
            self.fail(f"{value!r} is no instant; write 2026-01-19T12:00:00Z", param, ctx)
        return instant


class Day(click.ParamType[date]):
    """A calendar day in the ad account's zone."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it, or fail with an example."""
        if isinstance(value, date):
            return value
        try:
            if len(value) != 10:
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write 2026-01-15", param, ctx)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done; change nothing."
)
wait_option = click.option("--wait", is_flag=True, help="Wait for another run to end.")


def output_options(function: F) -> F:
    """The options that say as what, and where to, rows are written."""
    return output_options_with()(function)


def output_options_with(*formats: str) -> Callable[[F], F]:
    """The same, with these formats besides those that all rows have."""
    format_option = click.option(
        "--format",
        "format_name",
        type=click.Choice(["table", "csv", "json", "parquet", *formats]),
        default="table",
        show_default=True,
        help="parquet needs --output.",
    )
    output_option = click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to this file instead of stdout.",
    )
    return lambda function: format_option(output_option(function))


def question_options(function: F) -> F:
    """The options that say which destination, which days, and as of when."""
    options = (
        click.option(
            "--destination",
            metavar="NAME",
            shell_complete=configured_names,
            help="This destination only.",
        ),
        click.option("--from", "from_day", type=Day(), help="First account day."),
        click.option("--to", "to_day", type=Day(), help="Last account day, included."),
        click.option(
            "--as-of",
            type=Instant(),
            help="The instant for which the figures are true; what came later is ignored.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def check_days(from_day: date | None, to_day: date | None) -> None:
    """Refuse a range that ends before it starts."""
    if from_day is not None and to_day is not None and to_day < from_day:
        raise click.UsageError(f"--to {to_day} lies before --from {from_day}")


def write_output(path: Path, text: str) -> None:
    """Write a result to the file that the user named; UsageError where that cannot be."""
    with blaming_the_path(f"writing {path}"):
        path.write_text(text, encoding="utf-8")


def print_json(document: Any) -> None:
    """Print the one document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def console() -> Console:
    """A console on stdout: as wide as the terminal, 100 columns where there is none."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100
    return Console(width=width, highlight=False, soft_wrap=False)


def complain(error: ArchiverError, *, as_json: bool) -> None:
    """Say on stderr what failed, why, and what to do next."""
    say_error(error)
    if as_json:
        print_json(
            {
                "error": {
                    "doing": error.doing,
                    "why": error.why,
                    "next": error.hint,
                    "exit_code": error.exit_code,
                }
            }
        )
