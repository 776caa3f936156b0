"""Which account days are over their destination's threshold: they make `reconcile` exit 3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from archiver.config import Config, DestinationSettings
from archiver.report.model import DailyTotal, DestinationReport, Report
from archiver.report.totals import uncounted_names
from archiver.texts import plain


@dataclass(frozen=True)
class DayOverThreshold:
    """An account day on which too much is lost, or nothing is known of what was expected.

    Attributes:
        event: the destination's event name, where it concerns one only.
        what: what is wrong with the day, in words.
    """

    destination: str
    day: date
    event: str | None
    what: str

    def __str__(self) -> str:
        """One line, for people."""
        event = f" {plain(self.event)}" if self.event else ""
        return f"{self.destination} {self.day}{event}: {self.what}"


def days_over_threshold(report: Report, config: Config) -> list[DayOverThreshold]:
    """Days whose gap is over the threshold, or, of totals, whose count falls short.

    A gap is over it above both `max_gap_ratio` and `min_gap`. Totals are looked at only with
    `reports = "totals"`: counts that fall short by more than the tolerance, and names of which
    settled conversions are expected and nobody counted any, on days that are not provisional and
    have no count of all names.
    """
    found: list[DayOverThreshold] = []
    for part in report.destinations:
        found += _gap_days(part, config.destination(part.destination))
        if part.reports == "totals":
            found += _short_days(part)
    return found


def _gap_days(part: DestinationReport, settings: DestinationSettings) -> Iterator[DayOverThreshold]:
    for day, _ in part.by_day():
        gap, accepted = day.counts["gap"], day.counts["accepted"]
        # As written in the configuration: 0.01 is no exact float.
        allowed = Decimal(str(settings.max_gap_ratio)) * (accepted + gap)
        if day.day is not None and gap >= settings.min_gap and gap > allowed:
            what = f"{gap:,} of {day.counts['expected']:,} conversions in the gap"
            yield DayOverThreshold(part.destination, day.day, None, f"{what}, over the threshold")


def _short_days(part: DestinationReport) -> Iterator[DayOverThreshold]:
    for day, totals in part.totals_by_day():
        for total in totals:
            if total.is_over_tolerance:
                yield DayOverThreshold(part.destination, day, total.event, _short(total))
        for total in [] if totals[0].provisional else uncounted_names(totals):
            settled = total.expected - total.pending
            what = f"settled conversions expected: {settled:,}; no total says how many arrived"
            yield DayOverThreshold(part.destination, day, total.event, what)


def _short(total: DailyTotal) -> str:
    settled, short = total.expected - total.pending, total.difference or 0
    return (
        f"of {settled:,} settled conversions {settled - short:,} {total.compared_with}, "
        f"{short:,} fewer, over the tolerance"
    )
