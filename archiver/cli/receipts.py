"""`archiver receipts`: acknowledgements into the archive."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from glob import escape
from typing import TYPE_CHECKING, Any, cast

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
    from collections.abc import Sequence

    from archiver.account_days import Zone
    from archiver.archive.staged import FileResult
    from archiver.config import Config, DestinationSettings
    from archiver.config.totals_settings import TotalsFeed
    from archiver.inbound.paths import InboundPath
    from archiver.receipts.base import ReceiptSettings

_KINDS = ("delivered", "received", "attributed")
_MAX_BAD_RATIO = 0.01
_UPLOAD_LOG = "upload-log"


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
    from archiver.cli.imports import chosen, configured, finish
    from archiver.inbound.paths import named_paths
    from archiver.texts import instant_text

    config = settings.config
    if destination is not None:
        config.destination(destination)
    if totals is not None and not paths:
        raise click.UsageError("--totals says what PATH holds; name a PATH")
    is_for_one = bool(paths) or covers is not None
    names = chosen(config.destinations, destination, "destination", is_for_one=is_for_one)
    named = named_paths(paths, config.folder, sys.stdin.buffer) if paths else None
    feeds: list[_Feed] = []
    for name in names:
        about = config.destination(name)
        if named is not None:
            feeds.append(_Feed(name, named, _named_totals(about, totals) if totals else None))
        elif covers is None:
            whose = f"destination {name}"
            feeds.append(_Feed(name, _upload_logs(config, name), None, _UPLOAD_LOG))
            feeds.append(_Feed(name, configured(config, about.receipts, whose), None))
            feeds += [
                _Feed(name, configured(config, feed.paths, f"totals of {whose}"), feed)
                for feed in about.totals
            ]
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
            click.echo(f"{names[0]}: {told} from {bounds['start']} up to {bounds['end']}", err=True)
        for feed in feeds:
            results += _import(settings, feed, dry_run=dry_run)
        return finish(
            [(result, _MAX_BAD_RATIO) for result in results],
            as_json=as_json,
            dry_run=dry_run,
            unit="receipts and totals" if any(feed.totals for feed in feeds) else "receipts",
            record=partial(settings.record, "receipts"),
            extra={"covers": vouched} if vouched else None,
        )


@dataclass(frozen=True)
class _Feed:
    """Files of one destination: receipts, or totals of this kind and form.

    Attributes:
        format: the format of receipts, whatever the configuration says of the feed; None: that.
    """

    destination: str
    paths: list[InboundPath]
    totals: TotalsFeed | None
    format: str | None = None


def _upload_logs(config: Config, name: str) -> list[InboundPath]:
    """The complete logs of the uploads of a destination's backfills."""
    from archiver.inbound.paths import configured_paths

    return configured_paths([f"backfills/{escape(name)}/*/upload-*.ndjson"], config.folder)


def _import(settings: Settings, feed: _Feed, *, dry_run: bool) -> list[FileResult]:
    """Import the files of one feed."""
    from archiver.archive.receive import receive
    from archiver.archive.totals import receive_totals
    from archiver.receipts import ONLY_FAILURES
    from archiver.receipts.totals import TotalsSettings

    about = settings.config.destination(feed.destination)
    archive, now = settings.archive, settings.started_at
    if feed.totals is not None:
        of = feed.totals
        counted = TotalsSettings(
            feed.destination, of.kind, about.zones, columns=of.columns, names=of.names
        )
        return receive_totals(
            archive, counted, feed.paths, now, format_name=of.format, dry_run=dry_run
        )
    results = receive(
        archive,
        _receipt_settings(settings, feed.destination),
        feed.paths,
        now,
        format_name=feed.format or about.receipts_format,
        dry_run=dry_run,
    )
    listed = next((r for r in results if r.archived and r.format in ONLY_FAILURES), None)
    if listed is not None and about.reports == "all":
        click.echo(
            f"{listed.path} lists failures only, and destinations.{feed.destination}.reports is "
            '"all": unless another feed has the rest, every delivered event will look lost '
            '(set reports = "failures")',
            err=True,
        )
    return results


def _receipt_settings(settings: Settings, name: str) -> ReceiptSettings:
    from archiver.receipts.base import ReceiptSettings, names_of_others, shares_type

    destinations = settings.config.destinations
    types = {other: of.type for other, of in destinations.items()}
    about = destinations[name]
    return ReceiptSettings(
        name,
        about.type,
        about.receipts_columns,
        about.receipts_outcomes,
        about.receipts_filter,
        names_of_others(name, types),
        shares_type(name, types),
    )


def _named_totals(about: DestinationSettings, kind: str) -> TotalsFeed:
    """How files of totals are read that the user names: as those of the first feed of the kind."""
    from archiver.config.totals_settings import TotalsFeed

    configured = (feed for feed in about.totals if feed.kind == kind)
    return next(configured, TotalsFeed(kind=cast(Any, kind)))


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
