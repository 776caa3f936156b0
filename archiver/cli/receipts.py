"""`archiver receipts`: acknowledgements into the archive."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import (
    Day,
    Instant,
    Settings,
    dry_run_option,
    json_option,
    pass_settings,
    wait_option,
)

if TYPE_CHECKING:
    from archiver.archive.staged import FileResult
    from archiver.config import DestinationSettings

_MAX_BAD_RATIO = 0.01


@click.command("receipts", short_help="Acknowledgements into the archive.")
@click.argument("paths", nargs=-1, metavar="[PATH… | -]")
@click.option("--destination", metavar="NAME", help="Whose receipts these are.")
@click.option(
    "--covers",
    metavar="START/END",
    help="Vouch that the feed is complete from START to END: account days, both included, or"
    " instants. Without PATH nothing is imported.",
)
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings,
    paths: tuple[str, ...],
    destination: str | None,
    covers: str | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Archive what destinations acknowledged, one receipt per attempt per event.

    PATH is a file, a folder or a glob; `-` is standard input; without PATH, the configured paths.
    """
    from archiver.archive.coverage import vouch
    from archiver.archive.receive import receive
    from archiver.cli.imports import chosen, configured, finish
    from archiver.inbound.paths import named_paths
    from archiver.receipts.base import ReceiptSettings
    from archiver.texts import instant_text

    config = settings.config
    if destination is not None:
        config.destination(destination)
    is_for_one = bool(paths) or covers is not None
    names = chosen(config.destinations, destination, "destination", is_for_one=is_for_one)
    found = {
        name: named_paths(paths, config.folder, sys.stdin.buffer)
        if paths
        else configured(config, config.destination(name).receipts, f"destination {name}")
        if covers is None
        else []
        for name in names
    }
    results: list[tuple[FileResult, float]] = []
    lock = settings.locked("receipts", archive=True, wait=wait)
    with nullcontext() if dry_run else lock:
        if covers is not None:
            start, end = _range(covers, config.destination(names[0]))
            if not dry_run:
                vouch(settings.archive, names[0], start, end, settings.started_at)
            click.echo(
                f"{names[0]}: vouched for its feed from {instant_text(start)} "
                f"up to {instant_text(end)}",
                err=True,
            )
        for name in names:
            about = config.destination(name)
            feed = ReceiptSettings(
                name, about.type, about.receipts_columns, about.receipts_outcomes
            )
            results += [
                (result, _MAX_BAD_RATIO)
                for result in receive(
                    settings.archive,
                    feed,
                    found[name],
                    settings.started_at,
                    format_name=about.receipts_format,
                    dry_run=dry_run,
                )
            ]
        return finish(
            results,
            as_json=as_json,
            dry_run=dry_run,
            unit="receipts",
            record=partial(settings.record, "receipts"),
        )


def _range(covers: str, about: DestinationSettings) -> tuple[datetime, datetime]:
    """The instants, in UTC, from which and up to which, the latter excluded, the user vouches."""
    from zoneinfo import ZoneInfo

    start_text, slash, end_text = covers.partition("/")
    if not slash:
        raise click.UsageError(f"--covers {covers!r} has no slash; write 2026-01-15/2026-01-16")
    zone = ZoneInfo(about.account_timezone)

    def bound(text: str, *, is_end: bool) -> datetime:
        if len(text) == 10:
            day: Any = Day().convert(text, None, None)
            day += timedelta(days=1 if is_end else 0)
            return datetime.combine(day, time(), zone)
        instant = Instant().convert(text, None, None)
        return instant + timedelta(microseconds=1 if is_end else 0)

    try:
        start = bound(start_text.strip(), is_end=False).astimezone(UTC)
        end = bound(end_text.strip(), is_end=True).astimezone(UTC)
    except OverflowError:
        raise click.UsageError(f"--covers {covers!r} leads out of the calendar") from None
    if end <= start:
        raise click.UsageError(f"--covers {covers!r} ends before it starts")
    return start, end
