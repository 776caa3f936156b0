"""Makes each destination's part of a page from its figures and the facts beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from archiver.account_days import account_day, zone_at
from archiver.config import Config, DestinationSettings
from archiver.report.changes import DestinationChanges
from archiver.report.model import DailyTotal, DestinationReport, Report, Row, sum_rows
from archiver.report.page_charts import (
    STATUSES,
    calendar,
    clock_chart,
    counted_chart,
    daily_chart,
    day_count,
    level_of,
    strip_chart,
)
from archiver.report.page_codes import meaning
from archiver.report.page_facts import Facts, Stake
from archiver.report.page_model import (
    Annotated,
    Calendar,
    Chart,
    CodeRow,
    DayRow,
    Section,
    Strip,
    StripRow,
)
from archiver.report.page_words import actions_of, coverage_words, verdict_of, warnings_of
from archiver.report.recovery import Tick, cumulative
from archiver.report.staleness import Feed
from archiver.report.terminal_incidents import cost_of, upload_when, what_happened
from archiver.report.totals import TotalsSum, sum_of_day

Span = tuple[datetime, datetime, int]

_MOST_CODES = 10
_MOST_WORST = 3
_MOST_TICKS = 31
_MOST_GAP_CURRENCIES = 3
_HOUR = timedelta(hours=1)
_NOTHING = Stake(0, 0, {}, {}, {})


class SectionBuilder:
    """Makes the sections: what all of them need."""

    def __init__(
        self,
        config: Config,
        report: Report,
        facts: Facts,
        found_feeds: Sequence[Feed],
        over: set[tuple[str, date]],
        notes: Sequence[Annotated],
    ) -> None:
        self.config = config
        self.as_of = report.run.as_of
        self.facts = facts
        self.feeds = {(feed.kind, feed.name): feed for feed in found_feeds}
        self.over = over
        self.notes = notes

    def section(
        self,
        part: DestinationReport,
        anchor: str,
        charted: Sequence[tuple[int, int, Span]],
        changes: DestinationChanges | None,
    ) -> Section:
        """One destination's part of the page.

        Args:
            part: its figures.
            anchor: its id in the page.
            charted: index of an incident, number of its window, and its span.
            changes: since the run before.
        """
        name = part.destination
        settings = self.config.destinations.get(name)
        zone = zone_at(self.as_of, settings.zones) if settings else part.account_timezone
        sources = tuple((settings.sources or sorted(self.config.sources)) if settings else ())
        keys = [*(("source", source) for source in sources), ("destination", name)]
        own = [self.feeds[key] for key in keys if key in self.feeds]
        warnings = tuple(warnings_of(part, own, self.as_of))
        totals = dict(part.totals_by_day())
        days = tuple(self._day(part, row, totals) for row, _ in part.by_day())
        stake = self.facts.stakes.get(name, _NOTHING)
        backfills = self.facts.backfills.get(name, {})
        kinds = {("events", source) for source in sources} | {("receipts", name), ("totals", name)}
        bad = sum(n for (kind, of, _), n in self.facts.quarantined.items() if (kind, of) in kinds)
        codes = self.facts.codes.get(name, [])
        clock = [*cumulative(part.clock)]
        return Section(
            part=part,
            anchor=anchor,
            zone=zone,
            verdict=verdict_of(
                part,
                warnings,
                bad + sum(part.findings.values()) + part.totals.counts["unarchived"],
                is_over=any(day.is_over for day in days),
                is_stale=not own or any(feed.is_stale for feed in own),
            ),
            warnings=warnings,
            actions=tuple(actions_of(part, settings, stake, backfills)),
            stake=stake,
            days=days,
            events=tuple(_by_event(part)),
            gap_currencies=_gap_currencies(part),
            calendar=_calendar(days),
            daily=self._daily(part, days, settings, zone),
            strips=self._strips(part, charted, zone),
            hidden_strips=len(part.incidents) - len(charted),
            clock=tuple(_condensed(clock)),
            clock_chart=clock_chart(clock, self.as_of, zone),
            timeless=next((t for t in part.clock if t.deadline is None), Tick(None, 0, {})),
            changes=changes,
            codes=tuple(
                CodeRow(code, meaning(settings.type if settings else "", code.code))
                for code in codes[:_MOST_CODES]
            ),
            hidden_codes=max(0, len(codes) - _MOST_CODES),
            coverage=coverage_words(part),
            backfills=backfills,
            feed=self.feeds.get(("destination", name)),
            sources=sources,
        )

    def _day(
        self, part: DestinationReport, row: Row, totals_by_day: dict[date, list[DailyTotal]]
    ) -> DayRow:
        assert row.day is not None
        totals = totals_by_day.get(row.day, [])
        return DayRow(
            row=row,
            is_over=(part.destination, row.day) in self.over,
            totals=sum_of_day(totals) if totals else None,
            is_short=any(total.is_over_tolerance for total in totals),
        )

    def _daily(
        self,
        part: DestinationReport,
        days: Sequence[DayRow],
        settings: DestinationSettings | None,
        zone: str,
    ) -> Chart | None:
        if not days:
            return None
        pins = self._pins(part, settings)
        if part.reports == "totals" and part.daily_totals and not part.totals.counts["gap"]:
            return counted_chart([(day.row, day.totals) for day in days], pins, zone)
        return daily_chart([day.row for day in days], pins, zone)

    def _pins(
        self, part: DestinationReport, settings: DestinationSettings | None
    ) -> list[tuple[int, float]]:
        """Where the annotations stand, in account days from the first one's beginning."""
        first = min(row.day for row in part.days if row.day)
        days = len({row.day for row in part.days})
        found = []
        for note in self._own_notes(part):
            if settings is None:
                local = note.time.astimezone(ZoneInfo(part.account_timezone))
                day = local.date()
            else:
                local = note.time.astimezone(ZoneInfo(zone_at(note.time, settings.zones)))
                day = account_day(note.time, settings.zones)
            place = (day - first).days + (local.hour * 60 + local.minute) / 1440
            if 0 <= place <= days:
                found.append((note.number, place))
        return found

    def _own_notes(self, part: DestinationReport) -> list[Annotated]:
        return [note for note in self.notes if note.destination in (None, part.destination)]

    def _strips(
        self,
        part: DestinationReport,
        charted: Sequence[tuple[int, int, Span]],
        zone: str,
    ) -> tuple[Strip, ...]:
        """All incidents, the newest first."""
        spans = {index: (window, span) for index, window, span in charted}
        strips = []
        for index, incident in enumerate(part.incidents):
            strip = Strip(
                incident,
                what_happened(incident),
                cost_of(incident),
                upload_when(incident, part, self.as_of),
            )
            if index in spans:
                window, span = spans[index]
                rows = _strip_rows(self.facts.hours[window], span)
                pins = [(note.number, note.time) for note in self._own_notes(part)]
                columns = [row.counts for row in rows]
                strip = replace(
                    strip,
                    chart=strip_chart(incident, span, columns, zone, pins),
                    statuses=tuple(s for s in STATUSES if any(s in c for c in columns)),
                    hours=span[2],
                    rows=tuple(rows),
                )
            strips.append(strip)
        return tuple(sorted(strips, key=lambda s: s.incident.start, reverse=True))


def _strip_rows(hours: dict[tuple[datetime, str], int], span: Span) -> list[StripRow]:
    first, last, step = span
    total = int((last - first) / _HOUR)
    counts: list[dict[str, int]] = [{} for _ in range(-(-total // step))]
    for (hour, status), number in hours.items():
        if status in STATUSES:
            into = counts[int((hour - first) / _HOUR) // step]
            into[status] = into.get(status, 0) + number
    return [StripRow(first + index * step * _HOUR, found) for index, found in enumerate(counts)]


def _by_event(part: DestinationReport) -> Iterator[Row]:
    by_event: dict[str, list[Row]] = {}
    for row in part.days:
        by_event.setdefault(row.event or "", []).append(row)
    sums = [replace(sum_rows(rows), event=event) for event, rows in by_event.items()]
    yield from sorted(sums, key=lambda row: (-row.counts["gap"], row.event or ""))


def _gap_currencies(part: DestinationReport) -> tuple[str, ...]:
    found = sorted({c for row in part.days for c, terms in row.values.items() if terms["gap"]})
    return tuple(found) if len(found) <= _MOST_GAP_CURRENCIES else ()


def _calendar(days: Sequence[DayRow]) -> Calendar | None:
    cells = []
    for day in days:
        row, counts = day.row, day.row.counts
        assert row.day is not None
        level, text, title = _shown_day(counts, day.totals)
        marks = [*(["over the threshold"] if day.is_over else [])]
        marks += ["provisional"] if row.provisional else []
        words = "; ".join((title, *marks))
        is_over = day.is_over or day.is_short
        cells.append((row.day, level, text, f"{row.day}: {words}", is_over, row.provisional))
    over = sum(cell[4] for cell in cells)
    worst = f"{over} over the threshold" if over else "none over the threshold"
    return calendar(cells, f"{day_count(len(cells))}, {worst}.{_worst(days)}")


def _worst(days: Sequence[DayRow]) -> str:
    """The days with the largest gaps, in words."""
    lost = [day.row for day in days if day.row.counts["gap"]]
    lost = sorted(lost, key=lambda row: (-row.counts["gap"], str(row.day)))[:_MOST_WORST]
    if not lost or len(days) == 1:
        return ""
    named = ", ".join(
        f"{row.day} ({row.counts['gap']:,} of {row.counts['expected']:,})" for row in lost
    )
    return f" Largest gaps: {named}."


def _shown_day(counts: dict[str, int], totals: TotalsSum | None) -> tuple[int, str, str]:
    """Level, text and figures in words of a day; where only counts are known, by those."""
    gap, expected = counts["gap"], counts["expected"]
    if totals is not None and totals.difference is not None and not gap:
        short = max(0, totals.difference)
        level = level_of(short, totals.compared, totals.uncounted, totals.expected)
        text = f"{short:,} short" if short else "agrees"
        return level, text, f"{totals.counted:,} counted of {totals.compared:,} compared"
    level = level_of(gap, counts["accepted"] + gap, counts["unknown"], expected)
    title = f"{gap:,} of {expected:,} in the gap, {counts['unknown']:,} not known"
    if not expected:
        return level, "none expected", title
    if gap:
        return level, f"{gap:,} gap", title
    return level, "not known" if level == 5 else "no gap", title


def _condensed(clock: Sequence[tuple[Tick, Tick]]) -> Iterator[tuple[Tick, Tick]]:
    """The hours of the clock; where they are many, those of a day (UTC) together."""
    if len(clock) <= _MOST_TICKS:
        yield from clock
        return
    by_day: dict[date, list[tuple[Tick, Tick]]] = {}
    for tick, so_far in clock:
        assert tick.deadline is not None
        by_day.setdefault(tick.deadline.date(), []).append((tick, so_far))
    for found in by_day.values():
        values: dict[str, Decimal] = {}
        for tick, _ in found:
            for currency, amount in tick.values.items():
                values[currency] = values.get(currency, Decimal(0)) + amount
        count = sum(tick.conversions for tick, _ in found)
        yield Tick(found[0][0].deadline, count, dict(sorted(values.items()))), found[-1][1]
