"""`archiver receipts`: acknowledgements into the archive."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
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
from archiver.cli.messages import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archiver.account_days import Zone
    from archiver.archive.staged import FileResult
    from archiver.config import DestinationSettings

_KINDS = ("delivered", "received", "attributed")


@click.command("receipts", short_help="Acknowledgements into the archive.")
@click.argument("paths", nargs=-1, metavar="[PATH… | -]")
@click.option("--destination", metavar="NAME", help="Whose receipts these are.")
@click.option(
    "--totals",
    metavar="KIND",
    type=click.Choice(_KINDS),
    help="PATH holds counts by day instead: delivered, received or attributed.",
)
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
    totals: str | None,
    covers: str | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Archive what destinations acknowledged, one receipt per attempt per event, and their counts.

    PATH is a file, a folder or a glob; `-` is standard input; without PATH, the configured paths
    and the logs of uploads.
    """
    from archiver.archive.coverage import vouch
    from archiver.archive.ledger import known_files
    from archiver.cli.imports import chosen, finish, say_unmatched
    from archiver.inbound.paths import named_paths
    from archiver.nightly.imports import (
        MAX_BAD_RECEIPTS,
        Feed,
        import_feed,
        named_totals,
        receipt_feeds,
    )
    from archiver.texts import instant_text

    config = settings.config
    if destination is not None:
        config.destination(destination)
    if totals is not None and not paths:
        raise click.UsageError("--totals says what PATH holds; name a PATH")
    is_for_one = bool(paths) or covers is not None
    names = chosen(config.destinations, destination, "destination", is_for_one=is_for_one)
    named = named_paths(paths, config.folder, sys.stdin.buffer) if paths else None
    feeds: list[Feed] = []
    for name in names:
        if named is not None:
            about = config.destination(name)
            feeds.append(Feed(name, named, named_totals(about, totals) if totals else None))
        elif covers is None:
            feeds += receipt_feeds(config, name, say_unmatched)
    results: list[FileResult] = []
    vouched: dict[str, str | None] | None = None
    lock = settings.locked("receipts", archive=True, wait=wait)
    with nullcontext() if dry_run else lock:
        if covers is not None:
            start, end = _range(covers, config.destination(names[0]))
            if not dry_run:
                vouch(settings.archive, names[0], start, end, settings.started_at)
            bounds = {"start": instant_text(start), "end": instant_text(end)}
            vouched = None if dry_run else {"destination": names[0], **bounds}
            told = "its feed would be vouched for" if dry_run else "vouched for its feed"
            say(f"{names[0]}: {told} from {bounds['start']} up to {bounds['end']}")
        known = known_files(settings.archive)
        for feed in feeds:
            results += import_feed(
                config,
                settings.archive,
                feed,
                settings.started_at,
                dry_run=dry_run,
                known=known,
                warn=say,
            )
        return finish(
            [(result, MAX_BAD_RECEIPTS) for result in results],
            as_json=as_json,
            dry_run=dry_run,
            unit="receipts and totals" if any(feed.totals for feed in feeds) else "receipts",
            record=partial(settings.record, "receipts"),
            extra={"covers": vouched} if vouched else None,
        )


def _range(covers: str, about: DestinationSettings) -> tuple[datetime, datetime]:
    """The instants, in UTC, from which and up to which, the latter excluded, the user vouches."""
    start_text, slash, end_text = covers.partition("/")
    if not slash:
        raise click.UsageError(f"--covers {covers!r} has no slash; write 2026-01-15/2026-01-16")

    def bound(text: str, *, is_end: bool) -> datetime:
        if len(text) == 10:
            day: Any = Day().convert(text, None, None)
            day += timedelta(days=1 if is_end else 0)
            return _midnight(day, about.zones)
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


def _midnight(day: date, zones: Sequence[Zone]) -> datetime:
    """The beginning of an account day: midnight in the zone that holds then, else in today's."""
    from zoneinfo import ZoneInfo

    from archiver.account_days import zone_at

    midnights = [(zone.name, datetime.combine(day, time(), ZoneInfo(zone.name))) for zone in zones]
    held = (instant for name, instant in midnights if zone_at(instant, zones) == name)
    return next(held, midnights[-1][1])
