"""The places of bars, days and labels: charts as numbers, drawn by the templates.

Why no chart library: pygal, the one that is kept and draws without a browser, was tried. It puts a
random id and the day's date into each chart, fixes fonts and colours in it, so that neither dark
mode nor print can change them, says nothing to screen readers, and takes 350 KB for 400 bars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from archiver.report.model import GAP_PARTS, Incident, Row
from archiver.report.page_model import (
    AxisLabel,
    Bar,
    Calendar,
    Chart,
    DayCell,
    Panel,
    Pin,
    Series,
)
from archiver.report.recovery import Tick
from archiver.report.totals import TotalsSum

STATUSES = ("accepted", "pending", "unknown", *GAP_PARTS)
MOST_SLOTS = 168
_HOUR = timedelta(hours=1)
_MOST_WEEKS = 6
_MOST_TITLES = 120
_LEVELS = (0.01, 0.05, 0.25)
_STEPS = (1, 2, 3, 4, 6, 8, 12, 24)
_LABEL_ROOM = 9
_MONTH_ROOM = 5
_LABELS = {
    "accepted": "accepted",
    "pending": "pending",
    "unknown": "not known",
    "missing": "missing",
    "failed": "failed",
    "rejected": "rejected",
    "ambiguous": "ambiguous",
    "conflict": "conflict",
}


def day_count(number: int) -> str:
    """So many account days."""
    return f"{number:,} account day{'' if number == 1 else 's'}"


def label_of(status: str) -> str:
    """A status as the legends have it."""
    return _LABELS[status]


def round_top(count: int) -> int:
    """The next round number, for the upper end of an axis: 1, 2 or 5 and zeros; at least 2."""
    top = 2
    while top < count:
        digits = str(top)
        top = {"1": 2, "2": 5, "5": 10}[digits[0]] * 10 ** (len(digits) - 1)
    return top


def stacked(title: str, columns: Sequence[Mapping[str, int]], names: Sequence[str]) -> Panel:
    """Bars one upon another, the first name at the bottom; names without any are left out.

    Args:
        title: what the panel counts.
        columns: per slot, name → count.
        names: in the order of the pile.
    """
    top = round_top(max((sum(c.get(n, 0) for n in names) for c in columns), default=0))
    width = 100 / max(1, len(columns))
    inset = 0.12 * width if len(columns) <= MOST_SLOTS else 0.0
    heights = [0.0] * len(columns)
    series = []
    for name in names:
        bars = []
        for slot, counts in enumerate(columns):
            height = 100 * counts.get(name, 0) / top
            if not height:
                continue
            heights[slot] += height
            bars.append(
                Bar(
                    round(slot * width + inset, 3),
                    round(100 - heights[slot], 2),
                    round(width - 2 * inset, 3),
                    round(height, 2),
                )
            )
        if bars:
            total = sum(counts.get(name, 0) for counts in columns)
            series.append(Series(name, _LABELS[name], total, tuple(bars)))
    return Panel(title, top, tuple(series))


def daily_chart(days: Sequence[Row], pins: Sequence[tuple[int, float]], zone: str) -> Chart:
    """Expected against accepted by account day, and below it the gap by reason.

    Args:
        days: one row per account day, in order.
        pins: number of an annotation, and its place in days from the first day's beginning.
        zone: of the account.
    """
    columns = [row.counts for row in days]
    worst = max(days, key=lambda row: row.counts["gap"])
    summary = f"{day_count(len(days))}. "
    if worst.counts["gap"]:
        summary += (
            f"The worst is {worst.day}: {worst.counts['gap']:,} of "
            f"{worst.counts['expected']:,} expected conversions are in the gap."
        )
    else:
        summary += "No day has a gap."
    panels = [stacked("expected, by what is known of them", columns, STATUSES)]
    if worst.counts["gap"]:
        panels.append(stacked("gap by reason", columns, GAP_PARTS))
    return Chart(
        title=f"Each account day, {zone}",
        summary=summary,
        slots=len(days),
        slot_titles=tuple(_title(row) for row in days) if len(days) <= _MOST_TITLES else (),
        panels=tuple(panels),
        labels=_day_labels([row.day for row in days if row.day is not None]),
        pins=tuple(Pin(number, _percent(place, len(days))) for number, place in pins),
    )


def counted_chart(
    days: Sequence[tuple[Row, TotalsSum | None]], pins: Sequence[tuple[int, float]], zone: str
) -> Chart:
    """What others counted of what was expected, by account day.

    Args:
        days: one row per account day, in order, with its totals.
        pins: number of an annotation, and its place in days from the first day's beginning.
        zone: of the account.
    """
    columns = []
    for row, totals in days:
        short = max(0, totals.difference or 0) if totals else 0
        compared = totals.compared if totals and totals.difference is not None else 0
        pending = totals.pending if totals else row.counts["pending"]
        counted = min(compared, compared - short)
        known = {"accepted": counted, "missing": short, "pending": pending}
        rest = row.counts["expected"] - sum(known.values())
        columns.append(known | {"unknown": max(0, rest)})
    panel = stacked("expected, by what others counted", columns, STATUSES)
    words = {"accepted": "counted", "missing": "short of", "unknown": "without a count"}
    series = tuple(replace(s, label=words.get(s.name, s.label)) for s in panel.series)
    short_days = sum(bool(column["missing"]) for column in columns)
    return Chart(
        title=f"Each account day, {zone}",
        summary=f"{day_count(len(days))}; on {short_days} fewer were counted than expected.",
        slots=len(days),
        slot_titles=(),
        panels=(replace(panel, series=series),),
        labels=_day_labels([row.day for row, _ in days if row.day is not None]),
        pins=tuple(Pin(number, _percent(place, len(days))) for number, place in pins),
    )


def _title(row: Row) -> str:
    counts = row.counts
    parts = [f"{row.day}: expected {counts['expected']:,}"]
    parts += [f"{_LABELS[name]} {counts[name]:,}" for name in STATUSES if counts[name]]
    return ", ".join(parts)


def _percent(place: float, slots: int) -> float:
    return round(100 * place / max(1, slots), 2)


def _day_labels(days: Sequence[date]) -> tuple[AxisLabel, ...]:
    """A label for each day where they are few, else for the first of weeks or of months."""
    if len(days) <= 14:
        marked = list(range(len(days)))
    elif len(days) <= 70:
        marked = [i for i, day in enumerate(days) if day.weekday() == 0]
    else:
        marked = [i for i, day in enumerate(days) if day.day == 1]
    every = 1 + len(marked) // 15
    marked = marked[::every]
    labels = []
    for place, index in enumerate(marked):
        day = days[index]
        text = f"{day:%b %Y}" if len(days) > 70 and (day.month == 1 or not place) else ""
        text = text or (f"{day:%b}" if len(days) > 70 else f"{day.day} {day:%b}")
        labels.append(AxisLabel(text, _percent(index + 0.5, len(days)), place % 2 == 1))
    return tuple(labels)


def level_of(gap: int, settled: int, unknown: int, expected: int) -> int:
    """The step of the scale that a day has (see `DayCell`)."""
    if not expected:
        return 6
    if gap:
        share = gap / settled if settled else 1.0
        return 1 + sum(share >= limit for limit in _LEVELS)
    return 5 if unknown * 2 >= expected else 0


def calendar(
    cells: Sequence[tuple[date, int, str, str, bool, bool]], summary: str
) -> Calendar | None:
    """Days by week.

    Args:
        cells: day, level, text, title, whether it is over the threshold, whether provisional; in
            order, without a day left out.
        summary: what it shows.
    """
    if not cells:
        return None
    first = cells[0][0] - timedelta(days=cells[0][0].weekday())
    placed = []
    for day, level, text, title, is_over, is_provisional in cells:
        column, row = divmod((day - first).days, 7)
        placed.append(DayCell(day, level, title, text, column, row, is_over, is_provisional))
    columns = placed[-1].column + 1
    if columns > _MOST_WEEKS:
        return Calendar((), tuple(placed), columns, _months(placed), summary)
    by_place = {(cell.column, cell.row): cell for cell in placed}
    weeks = tuple(
        tuple(
            by_place.get((week, row), DayCell(None, 6, "", "", week, row, False, False))
            for row in range(7)
        )
        for week in range(columns)
    )
    return Calendar(weeks, (), columns, (), summary)


def _months(cells: Sequence[DayCell]) -> tuple[tuple[str, int], ...]:
    """Each month above the week of its first day; a first one that is cut short gives way."""
    found: list[tuple[str, int]] = []
    for cell in cells:
        assert cell.day is not None
        if cell.day.day != 1 and found:
            continue
        if len(found) == 1 and found[0][1] == 0 and cell.column < _MONTH_ROOM:
            found.pop()
        is_named_in_full = not found or cell.day.month == 1
        found.append((f"{cell.day:%b %Y}" if is_named_in_full else f"{cell.day:%b}", cell.column))
    return tuple(found)


def strip_span(incident: Incident, as_of: datetime) -> tuple[datetime, datetime, int]:
    """From when to when a strip reaches, UTC, and how many hours one bar of it has."""
    start = _hour(incident.start)
    end = _hour(incident.end) + (_HOUR if incident.end > _hour(incident.end) else timedelta(0))
    end = max(end, start + _HOUR)
    margin = max(6 * _HOUR, min(24 * _HOUR, (end - start) / 2))
    first = _hour(start - margin)
    # What came after the as-of is in no run; its own hour has begun.
    last = min(_hour(end + margin), _hour(as_of) + _HOUR)
    last = max(last, first + _HOUR)
    hours = (last - first) // _HOUR
    step = next((s for s in _STEPS if hours <= s * MOST_SLOTS), -(-hours // MOST_SLOTS))
    return first, last, step


def strip_chart(
    incident: Incident,
    span: tuple[datetime, datetime, int],
    columns: Sequence[Mapping[str, int]],
    zone: str,
    pins: Sequence[tuple[int, datetime]],
) -> Chart:
    """Conversions by the hour of their arrival, around an incident.

    Args:
        incident: shaded.
        span: of the strip, as `strip_span` says.
        columns: per bar, status → conversions.
        zone: of the account, for the labels.
        pins: number of an annotation, and its instant.
    """
    first, last, step = span
    hours = (last - first) / _HOUR
    lost = sum(sum(c.get(n, 0) for n in (*GAP_PARTS, "unknown")) for c in columns)
    each = "hour" if step == 1 else f"{step} hours"
    return Chart(
        title=f"By {each} of the arrival",
        summary=f"{len(columns)} bars of one {each} each, the incident shaded; of "
        f"{sum(sum(c.values()) for c in columns):,} conversions {lost:,} are in the gap or not"
        " known.",
        slots=len(columns),
        slot_titles=(),
        panels=(stacked(f"conversions, by {each}", columns, STATUSES),),
        labels=_hour_labels(first, last, zone),
        pins=tuple(
            Pin(number, _percent((at - first) / _HOUR, int(hours)))
            for number, at in pins
            if first <= at < last
        ),
        shade=(
            _percent(max(0.0, (incident.start - first) / _HOUR), int(hours)),
            _percent(min(hours, (incident.end - first) / _HOUR), int(hours)),
        ),
    )


def _hour_labels(first: datetime, last: datetime, zone: str) -> tuple[AxisLabel, ...]:
    """A few round hours of the account's clock, the day where it is new."""
    hours = (last - first) // _HOUR
    every = next((s for s in (1, 2, 3, 6, 12, 24, 48, 96) if hours <= s * _LABEL_ROOM), hours)
    labels: list[AxisLabel] = []
    shown = None
    # A label stands to the right of its place: the last ones would stick out.
    for index in range(hours - hours // 12):
        local = (first + index * _HOUR).astimezone(ZoneInfo(zone))
        if (local.hour % every if every < 24 else local.hour) or (
            every > 24 and local.toordinal() % (every // 24)
        ):
            continue
        text = f"{local:%H:%M}" if every < 24 else ""
        if local.date() != shown:
            text = f"{local.day} {local:%b} {text}".strip()
        shown = local.date()
        labels.append(AxisLabel(text, _percent(index, hours), len(labels) % 2 == 1))
    return tuple(labels)


def clock_chart(clock: Sequence[tuple[Tick, Tick]], as_of: datetime, zone: str) -> Chart | None:
    """What can still be sent, from the as-of until nothing can be any more.

    Args:
        clock: each hour of deadlines, with all up to it, in order.
        as_of: where the axis begins.
        zone: of the account, for the labels.
    """
    if not clock:
        return None
    first = _hour(as_of)
    expiring = {tick.deadline: tick.conversions for tick, _ in clock if tick.deadline is not None}
    last = max(expiring) + _HOUR
    hours = max(1, (last - first) // _HOUR)
    step = next((s for s in _STEPS if hours <= s * MOST_SLOTS), -(-hours // MOST_SLOTS))
    left = sum(expiring.values())
    total, columns = left, []
    for slot in range(-(-hours // step)):
        columns.append({"pending": left})
        for index in range(slot * step, (slot + 1) * step):
            left -= expiring.get(first + index * _HOUR, 0)
    panel = stacked("can still be sent", columns, ("pending",))
    shown = tuple(Series("recoverable", "can still be sent", total, s.bars) for s in panel.series)
    return Chart(
        title="What can still be sent, hour by hour",
        summary=f"{total:,} conversions can be sent as of {_minute(as_of)}; none of them from "
        f"{_minute(last)} on.",
        slots=len(columns),
        slot_titles=(),
        panels=(Panel(panel.title, panel.top, shown),),
        labels=_hour_labels(first, first + len(columns) * step * _HOUR, zone),
        pins=(),
    )


def _hour(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
