"""What a page shows, ready to be laid out: made by `page`, rendered as HTML and Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from archiver.report.changes import DestinationChanges
from archiver.report.model import DestinationReport, Incident, Row
from archiver.report.page_facts import GapCode, Stake
from archiver.report.recovery import Tick
from archiver.report.staleness import Feed
from archiver.report.totals import TotalsSum
from archiver.warehouse.runs import RunRecord

Tone = Literal["bad", "warn", "good"]


@dataclass(frozen=True)
class Verdict:
    """What is said first.

    Attributes:
        tone: how it is coloured; never the only sign.
        mark: a word or two.
        text: one sentence.
    """

    tone: Tone
    mark: str
    text: str


@dataclass(frozen=True)
class Action:
    """What can be done, with the command or the folder that does it."""

    text: str
    command: str | None = None


@dataclass(frozen=True)
class Pin:
    """An annotation's place on a time axis: `percent` from its left end."""

    number: int
    percent: float


@dataclass(frozen=True)
class AxisLabel:
    """A label below an axis; a `minor` one is left out where there is little room."""

    text: str
    percent: float
    minor: bool = False


@dataclass(frozen=True)
class Bar:
    """A piece of a bar, in per cent of the panel."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Series:
    """The bars of one meaning; `total` is their sum."""

    name: str
    label: str
    total: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Panel:
    """One of the charts that share an axis; `top` is the count at its upper end."""

    title: str
    top: int
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Chart:
    """Panels over one axis of time.

    Attributes:
        title: its caption.
        summary: what it shows, in words, for who does not see it.
        slots: how many bars.
        slot_titles: what each bar stands for; empty where there are too many.
        labels: of the axis.
        pins: annotations.
        shade: from where to where the incident reaches, in per cent; None: nowhere.
    """

    title: str
    summary: str
    slots: int
    slot_titles: tuple[str, ...]
    panels: tuple[Panel, ...]
    labels: tuple[AxisLabel, ...]
    pins: tuple[Pin, ...]
    shade: tuple[float, float] | None = None


@dataclass(frozen=True)
class DayCell:
    """A day of the calendar.

    Attributes:
        day: None where the calendar has a blank.
        level: 0 no gap, 1 to 4 how large a share of the settled ones is in the gap, 5 nothing is
            known of most, 6 nothing was expected.
        title: its figures in words.
        text: the gap, or a word.
        column, row: its place, from 0.
        is_over: the day is over the threshold.
        is_provisional: it may still change.
    """

    day: date | None
    level: int
    title: str
    text: str
    column: int
    row: int
    is_over: bool
    is_provisional: bool


@dataclass(frozen=True)
class Calendar:
    """All days, week by week.

    Attributes:
        weeks: rows of seven, where they are few; empty otherwise.
        cells: days, a column a week, where they are many; empty otherwise.
        columns: how many weeks.
        months: name and column of the months.
        summary: in words.
    """

    weeks: tuple[tuple[DayCell, ...], ...]
    cells: tuple[DayCell, ...]
    columns: int
    months: tuple[tuple[str, int], ...]
    summary: str


@dataclass(frozen=True)
class Annotated:
    """An annotation of the configuration that lies in the time of a page, with its number."""

    number: int
    time: datetime
    text: str
    destination: str | None


@dataclass(frozen=True)
class StripRow:
    """What arrived in an hour, or in several: status → conversions."""

    start: datetime
    counts: dict[str, int]


@dataclass(frozen=True)
class Strip:
    """An incident, by the hour; `chart` is None where the page has too many of them.

    Attributes:
        what: what happened.
        cost: what it cost.
        upload: when to send again; None where that is no question.
        statuses: columns of the rows.
        hours: of each row.
    """

    incident: Incident
    what: str
    cost: str
    upload: str | None
    chart: Chart | None = None
    statuses: tuple[str, ...] = ()
    hours: int = 1
    rows: tuple[StripRow, ...] = ()


@dataclass(frozen=True)
class CodeRow:
    """A code of the gap; `meaning` is None where it is not known."""

    found: GapCode
    meaning: str | None


@dataclass(frozen=True)
class DayRow:
    """An account day's sum, with its totals where others count."""

    row: Row
    is_over: bool
    totals: TotalsSum | None
    is_short: bool


@dataclass(frozen=True)
class Section:
    """A destination's part of a page.

    Attributes:
        anchor: its id in the page.
        zone: its account's zone as of the run.
        verdict: what is said first.
        warnings: what must be known before the figures are believed.
        actions: what to do.
        stake: what can still be sent, and what is lost.
        days: one row per day.
        events: one row per event name, sums.
        gap_currencies: those that the table of days has a column for.
        calendar, daily: charts; None without days.
        strips: incidents, the newest first.
        hidden_strips: how many of them have no chart.
        clock: rows of the recovery clock: what expires, and all up to it.
        clock_chart: None where nothing has a deadline.
        timeless: what can be sent at any age.
        changes: since the run before; None: there is none.
        codes: the most frequent first.
        hidden_codes: how many are not shown.
        coverage: what is said of its feed.
        backfills: backfill and how many conversions of the gap it holds.
        feed: its feed; None where it is not configured any more.
        sources: those that it gets events from.
    """

    part: DestinationReport
    anchor: str
    zone: str
    verdict: Verdict
    warnings: tuple[str, ...]
    actions: tuple[Action, ...]
    stake: Stake
    days: tuple[DayRow, ...]
    events: tuple[Row, ...]
    gap_currencies: tuple[str, ...]
    calendar: Calendar | None
    daily: Chart | None
    strips: tuple[Strip, ...]
    hidden_strips: int
    clock: tuple[tuple[Tick, Tick], ...]
    clock_chart: Chart | None
    timeless: Tick
    changes: DestinationChanges | None
    codes: tuple[CodeRow, ...]
    hidden_codes: int
    coverage: str
    backfills: dict[str, int]
    feed: Feed | None
    sources: tuple[str, ...]

    @property
    def in_clock(self) -> int:
        """How many conversions the recovery clock has, with those that have no deadline."""
        return sum(tick.conversions for tick in self.part.clock)

    @property
    def gap_values(self) -> dict[str, Decimal]:
        """The gap's amount per currency."""
        return {c: terms["gap"] for c, terms in self.part.totals.values.items()}

    @property
    def expected_values(self) -> dict[str, Decimal]:
        """The expected amount per currency."""
        return {c: terms["expected"] for c, terms in self.part.totals.values.items()}


@dataclass(frozen=True)
class Quarantined:
    """Records of one feed and reason that are no events."""

    kind: str
    name: str
    reason: str
    records: int


@dataclass(frozen=True)
class Page:
    """A kept run for people.

    Attributes:
        run: its record.
        scope: which days, where not all.
        warnings: what concerns all destinations.
        sections: one per destination.
        notes: annotations, by their time.
        feeds: how far each reaches.
        quarantined: bad records of the run's files.
        value_totals: gap per currency, over all destinations.
    """

    run: RunRecord
    scope: str | None
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[Annotated, ...]
    feeds: tuple[Feed, ...]
    quarantined: tuple[Quarantined, ...]
    value_totals: dict[str, Decimal]

    def zone_of(self, note: Annotated) -> str:
        """The zone that an annotation is shown in: its destination's, or that of all of them."""
        zones = {
            section.zone
            for section in self.sections
            if note.destination in (None, section.part.destination)
        }
        return zones.pop() if len(zones) == 1 else "UTC"
