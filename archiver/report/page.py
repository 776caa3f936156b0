"""Builds the page that people look at, from a kept run, the configuration and the archive.

It knows no clock: ages are those at the run's instant. The same run, configuration and archive
give the same page; of the archive it reads how far feeds reach, what is in quarantine of the run's
files, and which backfills hold conversions of the gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from archiver.archive.store import Archive
from archiver.config import Config
from archiver.report.changes import build_changes
from archiver.report.model import DestinationReport, Report, build_report
from archiver.report.page_charts import strip_span
from archiver.report.page_facts import Window, read_facts
from archiver.report.page_model import Annotated, Page, Quarantined
from archiver.report.page_sections import SectionBuilder
from archiver.report.page_words import stale_words
from archiver.report.staleness import Feed, feeds
from archiver.report.threshold import days_over_threshold
from archiver.texts import plain

__all__ = ["Page", "build_page"]

_MOST_STRIPS = 8
_MOST_STRIPS_OF_A_PAGE = 24
_MOST_STALE = 3
_MOST_NAMES = 10
_DAY = timedelta(days=1)


def build_page(
    config: Config,
    archive: Archive,
    run_folder: Path,
    *,
    destination: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Page:
    """Read a kept run and all that is shown beside it.

    Args:
        config: annotations, sources and destinations as they are today.
        archive: feeds, quarantine and backfills.
        run_folder: the run's folder.
        destination: this one only.
        from_day: this account day and later ones only.
        to_day: this account day and earlier ones only.
    """
    report = build_report(run_folder, destination=destination, from_day=from_day, to_day=to_day)
    as_of = report.run.as_of
    shown = _shown_strips(report)
    spans = [(part, index, strip_span(part.incidents[index], as_of)) for part, index in shown]
    windows = [
        Window(part.destination, part.incidents[index].source, span[0], span[1])
        for part, index, span in spans
    ]
    facts = read_facts(archive, run_folder, report.run, windows, from_day=from_day, to_day=to_day)
    changes = build_changes(run_folder, destination=destination, from_day=from_day, to_day=to_day)
    changed = {part.destination: part for part in changes.destinations}
    known = [part for part in report.destinations if part.destination in config.destinations]
    over = {
        (day.destination, day.day)
        for day in days_over_threshold(replace(report, destinations=known), config)
    }
    found_feeds = feeds(config, archive, as_of)
    notes = _notes(config, report)
    builder = SectionBuilder(config, report, facts, found_feeds, over, notes)
    sections = tuple(
        builder.section(
            part,
            f"d{number}",
            [(index, n, span) for n, (of, index, span) in enumerate(spans) if of is part],
            changed.get(part.destination),
        )
        for number, part in enumerate(report.destinations, 1)
    )
    return Page(
        run=report.run,
        scope=_scope(report, from_day, to_day),
        warnings=tuple(_page_warnings(report, found_feeds)),
        sections=sections,
        notes=tuple(notes),
        feeds=tuple(found_feeds),
        quarantined=tuple(Quarantined(*key, records) for key, records in facts.quarantined.items()),
        value_totals=_gap_values(report),
    )


def _page_warnings(report: Report, found: Sequence[Feed]) -> Iterator[str]:
    stale = [feed for feed in found if feed.is_stale]
    many = [feed for feed in stale if feed.kind == "destination"]
    if len(many) > _MOST_STALE:
        stale = [feed for feed in stale if feed.kind != "destination"]
    yield from (stale_words(feed) for feed in stale)
    if len(many) > _MOST_STALE:
        names = ", ".join(plain(feed.name) for feed in many[:_MOST_NAMES])
        more = f" and {len(many) - _MOST_NAMES} more" if len(many) > _MOST_NAMES else ""
        yield f"The feeds of {len(many)} destinations are stale: {names}{more}. See each."
    if not report.destinations:
        yield "No destination is configured: nothing was reconciled."


def _scope(report: Report, from_day: date | None, to_day: date | None) -> str | None:
    first = max(filter(None, (report.run.from_day, from_day)), default=None)
    last = min(filter(None, (report.run.to_day, to_day)), default=None)
    if first is None and last is None:
        return None
    return f"Only the account days from {first or 'the beginning'} to {last or 'the end'}."


def _gap_values(report: Report) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in report.destinations:
        for currency, terms in part.totals.values.items():
            found[currency] = found.get(currency, Decimal(0)) + terms["gap"]
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


def _shown_strips(report: Report) -> list[tuple[DestinationReport, int]]:
    """The incidents that get a chart: per destination the open ones, then the largest."""
    each = _MOST_STRIPS_OF_A_PAGE // max(1, len(report.destinations))
    each = max(2, min(_MOST_STRIPS, each))
    found = []
    for part in report.destinations:
        order = sorted(
            range(len(part.incidents)),
            key=lambda i: (
                not part.incidents[i].is_open,
                -part.incidents[i].conversions,
                -part.incidents[i].start.timestamp(),
            ),
        )
        found += [(part, index) for index in sorted(order[:each])]
    return found


def _notes(config: Config, report: Report) -> list[Annotated]:
    """Annotations of the page's destinations, between its first day and its as-of, numbered."""
    names = {part.destination for part in report.destinations}
    days = [row.day for part in report.destinations for row in part.days if row.day]
    if not days:
        return []
    first, last = min(days), max(max(days), report.run.as_of.date())
    found = [
        note
        for note in config.annotations
        if note.destination in (None, *names)
        # A zone is a day away at most.
        and first - _DAY <= note.time.date() <= last + _DAY
    ]
    return [
        Annotated(number, note.time, note.text, note.destination)
        for number, note in enumerate(found, 1)
    ]
