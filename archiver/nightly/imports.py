"""Imports what is configured: which files of which source or destination, and how they are read."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archiver.inbound.paths import InboundPath, configured_paths

if TYPE_CHECKING:
    from archiver.archive.ledger import KnownFiles
    from archiver.archive.staged import FileResult
    from archiver.archive.store import Archive
    from archiver.config import Config, DestinationSettings
    from archiver.config.totals_settings import TotalsFeed
    from archiver.receipts.base import ReceiptSettings

MAX_BAD_RECEIPTS = 0.01
"""Share of bad records in a file of receipts or totals above which an import is partial."""
_UPLOAD_LOG = "upload-log"

Unmatched = Callable[[str, str], None]
"""Takes a pattern that no file matches, and whose it is, for people."""


@dataclass(frozen=True)
class Feed:
    """Files of one destination: receipts, or totals of this kind and form.

    Attributes:
        format: the format of receipts, whatever the configuration says of the feed; None: that.
    """

    destination: str
    paths: list[InboundPath]
    totals: TotalsFeed | None = None
    format: str | None = None


def event_files(config: Config, source: str, unmatched: Unmatched) -> list[InboundPath]:
    """The inbound files that a source's patterns match now."""
    return _configured(config, config.source(source).paths, f"source {source}", unmatched)


def receipt_feeds(config: Config, destination: str, unmatched: Unmatched) -> list[Feed]:
    """What a destination's patterns match now: logs of uploads, receipts, totals."""
    about, whose = config.destination(destination), f"destination {destination}"
    logs = [f"backfills/{glob.escape(destination)}/*/upload-*.ndjson"]
    return [
        Feed(destination, configured_paths(logs, config.folder), format=_UPLOAD_LOG),
        Feed(destination, _configured(config, about.receipts, whose, unmatched)),
        *(
            Feed(destination, _configured(config, of.paths, f"totals of {whose}", unmatched), of)
            for of in about.totals
        ),
    ]


def _configured(
    config: Config, patterns: list[str], whose: str, unmatched: Unmatched
) -> list[InboundPath]:
    return configured_paths(
        patterns,
        config.folder,
        config.own_folders,
        lambda pattern: unmatched(pattern, whose),
    )


def unreachable(config: Config, pattern: str) -> str | None:
    """Why the folder of a pattern that no file matches cannot be read; None where it can.

    The folder is what stands before the first wildcard. What is named without a wildcard is a
    folder itself, unless it has an ending: then the folder that it is in must be there.
    """
    literal = os.path.join(config.folder, os.path.expanduser(pattern))
    fixed = "/".join(takewhile(lambda part: not glob.has_magic(part), literal.split("/"))) or "/"
    if fixed == literal and not os.path.isdir(literal) and Path(literal).suffix:
        fixed = os.path.dirname(literal)
    try:
        with os.scandir(fixed):
            return None
    except FileNotFoundError:
        return f"the folder {fixed} is not there"
    except OSError as error:
        return f"the folder {fixed} cannot be read: {error.strerror or error}"


def import_events(
    config: Config,
    archive: Archive,
    source: str,
    paths: Iterable[InboundPath],
    now: datetime,
    *,
    dry_run: bool = False,
    known: KnownFiles | None = None,
) -> list[FileResult]:
    """Import inbound files of a source. Hold the archive's lock, but for a dry run.

    Args:
        config: how they are read.
        archive: where to.
        source: whose they are.
        paths: the files.
        now: instant of the import, UTC.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already.

    Returns:
        One result per file, in order.
    """
    from archiver.archive.ingest import ingest

    format_name = config.source(source).format
    return ingest(
        archive, source, paths, now, format_name=format_name, dry_run=dry_run, known=known
    )


def import_feed(
    config: Config,
    archive: Archive,
    feed: Feed,
    now: datetime,
    *,
    dry_run: bool = False,
    known: KnownFiles | None = None,
    warn: Callable[[str], None],
) -> list[FileResult]:
    """Import the files of one feed. Hold the archive's lock, but for a dry run.

    Args:
        config: how they are read.
        archive: where to.
        feed: the files, and what they are.
        now: instant of the import, UTC.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already.
        warn: takes what people should know of the feed.

    Returns:
        One result per file, in order.
    """
    from archiver.archive.receive import receive
    from archiver.archive.totals import receive_totals
    from archiver.receipts import ONLY_FAILURES
    from archiver.receipts.totals import TotalsSettings

    about = config.destination(feed.destination)
    if feed.totals is not None:
        of = feed.totals
        counted = TotalsSettings(
            feed.destination, of.kind, about.zones, columns=of.columns, names=of.names
        )
        return receive_totals(
            archive, counted, feed.paths, now, format_name=of.format, dry_run=dry_run, known=known
        )
    results = receive(
        archive,
        _receipt_settings(config, feed.destination),
        feed.paths,
        now,
        format_name=feed.format or about.receipts_format,
        dry_run=dry_run,
        known=known,
    )
    listed = next((r for r in results if r.archived and r.format in ONLY_FAILURES), None)
    if listed is not None and about.reports == "all":
        warn(
            f"{listed.path} lists failures only, and destinations.{feed.destination}.reports is "
            '"all": unless another feed has the rest, every delivered event will look lost '
            '(set reports = "failures")'
        )
    return results


def named_totals(about: DestinationSettings, kind: str) -> TotalsFeed:
    """How files of totals are read that the user names: as those of the first feed of the kind."""
    from archiver.config.totals_settings import TotalsFeed

    configured = (feed for feed in about.totals if feed.kind == kind)
    return next(configured, TotalsFeed(kind=cast(Any, kind)))


def _receipt_settings(config: Config, name: str) -> ReceiptSettings:
    from archiver.receipts.base import ReceiptSettings, names_of_others, shares_type

    types = {other: of.type for other, of in config.destinations.items()}
    about = config.destinations[name]
    return ReceiptSettings(
        name,
        about.type,
        about.receipts_columns,
        about.receipts_outcomes,
        about.receipts_filter,
        names_of_others(name, types),
        shares_type(name, types),
    )
