"""What a round is judged by: days over the threshold, stale feeds, and what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from archiver.account_days import account_day
from archiver.archive.rounds import DayOver, Gap, StaleFeed
from archiver.config import Config
from archiver.errors import EXIT_DONE, EXIT_GAP, EXIT_STALE
from archiver.report.model import Report, build_report
from archiver.report.staleness import Feed
from archiver.report.threshold import DayOverThreshold, days_over_threshold
from archiver.texts import amount_text


@dataclass(frozen=True)
class Judgement:
    """What the kept reconciliation and the feeds say as of a round.

    Attributes:
        report: the reconciliation's figures; None: there is none.
        over: days over their threshold, of the last `nightly.threshold_days` only.
        feeds: the age of every feed.
    """

    report: Report | None = None
    over: list[DayOverThreshold] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)

    @property
    def stale(self) -> list[Feed]:
        """The feeds that are older than they may be."""
        return [feed for feed in self.feeds if feed.is_stale]

    @property
    def exit_codes(self) -> list[int]:
        """What it adds to the round's exit code."""
        return [EXIT_GAP if self.over else EXIT_DONE, EXIT_STALE if self.stale else EXIT_DONE]


def judged(run: Path, config: Config, as_of: datetime) -> tuple[Report, list[DayOverThreshold]]:
    """A kept run's report, and which of the last account days are over their threshold."""
    report = build_report(run)
    return report, recent(days_over_threshold(report, config), config, as_of)


def recent(
    over: Sequence[DayOverThreshold], config: Config, as_of: datetime
) -> list[DayOverThreshold]:
    """Those of the last `nightly.threshold_days` account days: the as-of's, and those before it."""
    back = timedelta(days=config.nightly.threshold_days - 1)
    first = {
        name: account_day(as_of, about.zones) - back for name, about in config.destinations.items()
    }
    return [day for day in over if day.destination in first and day.day >= first[day.destination]]


def days_over(over: Sequence[DayOverThreshold]) -> list[DayOver]:
    """For the record."""
    return [
        DayOver(destination=day.destination, day=str(day.day), event=day.event, what=day.what)
        for day in over
    ]


def stale_feeds(stale: Sequence[Feed]) -> list[StaleFeed]:
    """For the record."""
    return [
        StaleFeed(
            kind=feed.kind,
            name=feed.name,
            newest=feed.newest,
            allowed_seconds=int(feed.allowed.total_seconds()),
            note=feed.note,
        )
        for feed in stale
    ]


def gaps(report: Report | None) -> list[Gap]:
    """What each destination's figures leave open, for the record."""
    found = []
    for part in report.destinations if report else ():
        total = part.totals
        found.append(
            Gap(
                destination=part.destination,
                gap=total.counts["gap"],
                recoverable=total.counts["recoverable"],
                value={
                    currency: amount_text(terms["gap"])
                    for currency, terms in total.values.items()
                    if terms["gap"]
                },
                backfill_deadline=total.backfill_deadline,
            )
        )
    return found
