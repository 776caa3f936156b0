"""Reconciliation once more, in plain Python: the second opinion that the SQL is checked against.

Written from DESIGN §2, §4 and §6 alone. It shares no line with `archiver`, favours obvious loops
over speed, and knows nothing of files, tables or SQL: parsed events and receipts in, statuses, day
rows and incidents out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Any
from zoneinfo import ZoneInfo

GAP = ("conflict", "rejected", "ambiguous", "failed", "missing")
STATUSES = ("suppressed", "accepted", "pending", "unknown", *GAP)
UNNAMED = "(unnamed)"
NO_CURRENCY = "XXX"
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
SILENT_CONVERSIONS = 20
LONGEST_FILLED_HOLE = timedelta(days=366)

Stretch = tuple[datetime, datetime]  # Both ends included, on the grid of microseconds.


class Number(str):
    """A JSON number's own text: `json.loads(…, parse_int=Number, parse_float=Number)`."""

    __slots__ = ()


@dataclass(frozen=True)
class Settings:
    """One destination. Rules: (call type, event or None for any) → the destination's name."""

    account_timezone: str
    rules: Mapping[tuple[str, str | None], str]
    sources: tuple[str, ...] = ()
    integration: str = "TikTok Conversions"
    retry_window: timedelta = timedelta(hours=4)
    provisional_after: timedelta = timedelta(hours=72)
    max_age: timedelta | None = None
    reports: str = "all"
    coverage: str = "infer"
    incident_min: int = 10
    max_gap_ratio: float = 0.01
    min_gap: int = 5


@dataclass(frozen=True)
class Event:
    """One archived occurrence. `body` is its JSON, parsed with `Number` for numbers."""

    source: str
    file_id: str
    record_number: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """One attempt."""

    event_id: str | None
    event_name: str | None
    event_time: datetime | None
    outcome: str
    attempted_at: datetime
    file_id: str
    record_number: int
    attempt: int | None = None
    code: str | None = None
    value: Decimal | None = None
    currency: str | None = None


@dataclass
class Occurrence:
    """An event that a rule selects, typed."""

    source: str
    file_id: str
    record_number: int
    event_id: str | None
    name: str
    event_time: datetime | None
    arrival: datetime | None
    value: Decimal | None
    currency: str | None
    content: tuple[Any, ...]
    is_off: bool


@dataclass
class Conversion:
    """One match key, or one occurrence without an id, and what is said of it."""

    source: str
    event_id: str | None
    name: str
    event_time: datetime | None
    arrival: datetime
    account_day: date
    value: Decimal | None
    currency: str | None
    variants: int
    is_off: bool
    receipts: list[Receipt]
    has_other_names: bool
    deadline: datetime | None
    deciding: Receipt | None = None
    is_settled: bool = False
    is_covered: bool = False
    status: str = ""
    reason: str | None = None

    @property
    def outcome(self) -> str | None:
        """What all attempts come to."""
        return self.deciding.outcome if self.deciding else None


@dataclass
class DayRow:
    """One account day and destination event name."""

    provisional: bool
    counts: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    deadline: datetime | None = None


@dataclass(frozen=True)
class Incident:
    """An outage or a silence of the feed."""

    diagnosis: str
    start: datetime
    end: datetime
    conversions: int
    values: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class Result:
    """What a run must say about one destination."""

    conversions: list[Conversion]
    days: dict[tuple[date, str], DayRow]
    incidents: list[Incident]
    silences: list[Stretch]
    newest_attempt: datetime | None
    no_time: int
    is_over_threshold: bool


# --- reading JSON -------------------------------------------------------------------------------


def read_instant(value: Any) -> datetime | None:
    """ISO 8601, UTC where it has no offset, or a number of seconds or milliseconds."""
    if isinstance(value, Number):
        number = Decimal(value)
        seconds = number if abs(number) < 10**11 else number / 1000
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 10**6))
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant).astimezone(UTC)


def read_amount(value: Any) -> Decimal | None:
    """Exact, 18 decimals; thousands commas are allowed in text."""
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value if isinstance(value, Number) else value.replace(",", ""))
    except InvalidOperation:
        return None
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        return amount.quantize(Decimal(1).scaleb(-18))


def read_text(value: Any) -> str | None:
    """Text, or a number's own text; all else is absent."""
    return str(value) if isinstance(value, str) else None


def read_currency(value: Any) -> str | None:
    """Capitals without white space around; nothing but text is one."""
    if not isinstance(value, str) or isinstance(value, Number):
        return None
    return value.strip().upper() or None


def typed(event: Event, settings: Settings) -> Occurrence | None:
    """The event as the destination's rules see it; None where they do not select it."""
    body = event.body
    call_type, hub_name = read_text(body.get("type")), read_text(body.get("event"))
    if settings.sources and event.source not in settings.sources:
        return None
    name = settings.rules.get((call_type, hub_name)) or settings.rules.get((call_type, None))
    if name is None:
        return None
    properties = body.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    raw = properties.get("value")
    value = read_amount(properties.get("revenue") if raw is None else raw)
    currency = read_currency(properties.get("currency"))
    event_time = read_instant(body.get("timestamp"))
    happened = read_instant(body.get("originalTimestamp")) or event_time
    return Occurrence(
        source=event.source,
        file_id=event.file_id,
        record_number=event.record_number,
        event_id=read_text(body.get("messageId")),
        name=name,
        event_time=event_time,
        arrival=arrival(body),
        value=value,
        currency=currency,
        content=(hub_name, happened, read_text(properties.get("order_id")), value, currency),
        is_off=is_off(body.get("integrations"), settings.integration),
    )


def arrival(body: Mapping[str, Any]) -> datetime | None:
    """When the hub had it."""
    for key in ("receivedAt", "sentAt", "timestamp"):
        instant = read_instant(body.get(key))
        if instant is not None:
            return instant
    return None


def is_off(integrations: Any, name: str) -> bool:
    """Whether the destination, or where nothing is said of it everything, is exactly `false`."""
    if not isinstance(integrations, Mapping):
        return False
    said = integrations.get(name)
    return (integrations.get("All") if said is None else said) is False


# --- conversions and their receipts -------------------------------------------------------------


def conversions_of(
    events: Iterable[Event], receipts: list[Receipt], settings: Settings, as_of: datetime
) -> tuple[list[Conversion], int]:
    """One conversion per match key, each keyless occurrence by itself; and those without a time."""
    groups: dict[Any, list[Occurrence]] = defaultdict(list)
    for event in events:
        occurrence = typed(event, settings)
        if occurrence is not None:
            key: tuple[Any, ...] = (occurrence.event_id, occurrence.name)
            if occurrence.event_id is None:
                key = (event.source, event.file_id, event.record_number)
            groups[key].append(occurrence)
    by_id: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.event_id is not None:
            by_id[receipt.event_id].append(receipt)
    found = []
    no_time = 0
    for occurrences in groups.values():
        arrived = [o for o in occurrences if o.arrival is not None and o.arrival <= as_of]
        if not arrived:
            no_time += all(o.arrival is None for o in occurrences)
            continue
        first = min(arrived, key=lambda o: (o.arrival, o.file_id, o.record_number, o.source))
        assert first.arrival is not None
        same_id = by_id[first.event_id] if first.event_id is not None else []
        found.append(
            Conversion(
                source=first.source,
                event_id=first.event_id,
                name=first.name,
                event_time=first.event_time,
                arrival=first.arrival,
                account_day=day_in(settings.account_timezone, first.event_time or first.arrival),
                value=first.value,
                currency=first.currency,
                variants=len({o.content for o in arrived}),
                is_off=first.is_off,
                receipts=[r for r in same_id if r.event_name in (None, first.name)],
                has_other_names=any(r.event_name not in (None, first.name) for r in same_id),
                deadline=first.event_time + settings.max_age
                if first.event_time is not None and settings.max_age is not None
                else None,
            )
        )
    return found, no_time


def resolve(receipts: list[Receipt]) -> Receipt | None:
    """All attempts of one match key: the one whose outcome, code and amount speak for all."""
    ordered = sorted(
        receipts, key=lambda r: (r.attempted_at, -1 if r.attempt is None else r.attempt, *place(r))
    )
    for outcome in ("accepted", "unknown"):
        saying = [r for r in ordered if r.outcome == outcome]
        if saying:
            return saying[-1]
    return ordered[-1] if ordered else None


def place(receipt: Receipt) -> tuple[str, int]:
    """Where a receipt stands."""
    return receipt.file_id, receipt.record_number


def day_in(zone: str, instant: datetime) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


# --- coverage -----------------------------------------------------------------------------------


def silences_of(conversions: list[Conversion], receipts: list[Receipt]) -> list[list[Conversion]]:
    """Runs of conversions whose ids nobody tried to deliver, long enough in number and in time."""
    attempted = {r.event_id for r in receipts}
    runs: list[list[Conversion]] = [[]]
    watched = [c for c in conversions if not c.is_off and c.event_id is not None]
    for conversion in sorted(watched, key=lambda c: (c.arrival, c.event_id, c.name)):
        if conversion.event_id in attempted:
            runs.append([])
        else:
            runs[-1].append(conversion)
    return [
        run
        for run in runs
        if len(run) >= SILENT_CONVERSIONS and run[-1].arrival - run[0].arrival >= HOUR
    ]


def coverage_of(
    settings: Settings,
    newest_attempt: datetime | None,
    silences: list[Stretch],
    feed_days: Iterable[date],
    vouched: list[Stretch],
) -> list[Stretch]:
    """The stretches of time in which the feed's silence means something."""
    stretches = list(vouched)
    if settings.coverage == "daily":
        midnights = [datetime.combine(day, time(), UTC) for day in feed_days]
        stretches += [(midnight, midnight + DAY - TICK) for midnight in midnights]
    elif newest_attempt is not None:
        since = EARLIEST
        for first, last in sorted(silences) if settings.coverage == "infer" else []:
            stretches.append((since, min(first - TICK, newest_attempt)))
            since = last + TICK
        stretches.append((since, newest_attempt))
    return merge(stretches)


def merge(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join what overlaps or touches; drop what is empty."""
    merged: list[Stretch] = []
    for start, end in sorted(s for s in stretches if s[0] <= s[1]):
        if merged and start <= merged[-1][1] + TICK:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def holds(stretches: list[Stretch], start: datetime, end: datetime) -> bool:
    """Whether one stretch holds the whole span."""
    return any(first <= start and end <= last for first, last in stretches)


# --- judgement ----------------------------------------------------------------------------------


def judge(c: Conversion, settings: Settings) -> tuple[str, str | None]:
    """The first status that holds, in the order of DESIGN §6, and why where DESIGN says why."""
    is_silent = not c.receipts and not c.has_other_names
    is_inferred = (
        settings.reports == "failures"
        and c.event_id is not None
        and c.is_settled
        and c.is_covered
        and is_silent
    )
    if c.is_off:
        return "suppressed", "integration_off"
    if c.outcome == "accepted" or is_inferred:
        findings = {
            "inferred": is_inferred,
            "conflict_accepted": c.variants > 1,
            "value_mismatch": is_mismatch(c),
        }
        return "accepted", ",".join(f for f, is_found in findings.items() if is_found) or None
    if c.variants > 1:
        return "conflict", None
    if c.outcome == "rejected":
        return "rejected", None
    if not c.is_settled:
        return "pending", None
    if c.outcome == "unknown" or c.has_other_names:
        return "ambiguous", None
    if c.outcome == "failed":
        return "failed", None
    if c.event_id is None:
        return "unknown", "no_key"
    return ("missing", None) if c.is_covered else ("unknown", None)


def is_mismatch(c: Conversion) -> bool:
    """Whether both sides name an amount, and not the same."""
    r = c.deciding
    if r is None or r.value is None or c.value is None:
        return False
    is_other_currency = None not in (c.currency, r.currency) and c.currency != r.currency
    return r.value != c.value or is_other_currency


def unarchived_of(
    events: Iterable[Event], receipts: list[Receipt], settings: Settings, as_of: datetime
) -> dict[tuple[date, str], int]:
    """Match keys among the receipts whose id is on no event, per account day and name."""
    archived = set()
    for event in events:
        at = arrival(event.body)
        if at is None or at <= as_of:
            archived.add(read_text(event.body.get("messageId")))
    keys: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.event_id is not None and receipt.event_id not in archived:
            keys[receipt.event_id, receipt.event_name or UNNAMED].append(receipt)
    counts: dict[tuple[date, str], int] = Counter()
    for (_, name), attempts in keys.items():
        times = [r.event_time for r in attempts if r.event_time is not None]
        instant = min(times) if times else min(r.attempted_at for r in attempts)
        counts[day_in(settings.account_timezone, instant), name] += 1
    return counts


def day_rows(
    conversions: list[Conversion],
    unarchived: Mapping[tuple[date, str], int],
    settings: Settings,
    as_of: datetime,
    from_day: date | None,
    to_day: date | None,
) -> dict[tuple[date, str], DayRow]:
    """Every name that occurs on every day of the range."""
    occurring = {(c.account_day, c.name) for c in conversions} | set(unarchived)
    rows = {
        (day, name): DayRow(is_provisional(day, settings, as_of))
        for day in days_between({day for day, _ in occurring}, from_day, to_day)
        for name in {name for _, name in occurring}
    }
    for c in conversions:
        row = rows.get((c.account_day, c.name))
        if row is None:
            continue
        terms = [c.status]
        if c.status != "suppressed":
            terms.append("expected")
        if c.status in GAP:
            terms.append("gap")
        for term in terms:
            row.counts[term] += 1
            if c.value is not None:
                row.values[c.currency or NO_CURRENCY][term] += c.value
        if c.status in GAP:
            is_expired = c.deadline is not None and c.deadline < as_of
            row.counts["expired" if is_expired else "recoverable"] += 1
            if c.deadline is not None and not is_expired:
                row.deadline = min(row.deadline or c.deadline, c.deadline)
    for key, count in unarchived.items():
        if key in rows:
            rows[key].counts["unarchived"] += count
    return rows


def days_between(days: set[date], from_day: date | None, to_day: date | None) -> list[date]:
    """The range, its bounds included; by default it spans the days with rows.

    A hole of over 366 days is left out, unless the user asks for both its ends.
    """
    known = {d for d in days if (from_day or d) <= d <= (to_day or d)}
    known |= {bound for bound in (from_day, to_day) if bound is not None and days}
    filled: list[date] = []
    for day in sorted(known):
        is_asked_for = from_day is not None and to_day is not None
        if filled and (day - filled[-1] <= LONGEST_FILLED_HOLE or is_asked_for):
            filled += [filled[-1] + DAY * n for n in range(1, (day - filled[-1]).days + 1)]
        else:
            filled.append(day)
    return filled


def is_provisional(day: date, settings: Settings, as_of: datetime) -> bool:
    """Whether the account day ended too short a time ago."""
    ended = datetime.combine(day + DAY, time(), ZoneInfo(settings.account_timezone))
    return as_of < ended.astimezone(UTC) + settings.provisional_after


# --- incidents ----------------------------------------------------------------------------------


def outages_of(conversions: list[Conversion], settings: Settings) -> list[Incident]:
    """From the first to the last hour in which under half was accepted, none better between."""
    hours: dict[datetime, list[bool]] = defaultdict(list)
    for c in conversions:
        if c.is_settled and c.is_covered and c.event_id is not None and c.status != "suppressed":
            hours[hour_of(c.arrival)].append(c.status == "accepted")
    runs: list[list[datetime]] = []
    is_open = False
    for hour in sorted(hours):
        accepted, total = sum(hours[hour]), len(hours[hour])
        if total < settings.incident_min:
            continue
        if 2 * accepted >= total:
            is_open = False
        elif is_open:
            runs[-1].append(hour)
        else:
            runs.append([hour])
            is_open = True
    incidents = []
    for run in runs:
        start, end = run[0], run[-1] + HOUR
        lost = [c for c in conversions if c.status in GAP and start <= c.arrival < end]
        incidents.append(Incident("delivery_outage", start, end, len(lost), amounts(lost)))
    return incidents


def hour_of(instant: datetime) -> datetime:
    """The hour of an instant, UTC."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def amounts(conversions: list[Conversion]) -> tuple[tuple[str, Decimal], ...]:
    """Sums per currency."""
    sums: Counter[str] = Counter()
    for c in conversions:
        if c.value is not None:
            sums[c.currency or NO_CURRENCY] += c.value
    return tuple(sorted(sums.items()))


def is_over_threshold(days: Mapping[tuple[date, str], DayRow], settings: Settings) -> bool:
    """Whether `reconcile` must end with exit code 3."""
    totals: dict[date, Counter[str]] = defaultdict(Counter)
    for (day, _), row in days.items():
        totals[day].update(row.counts)
    return any(
        t["gap"] >= settings.min_gap
        and t["gap"] > 0
        and t["gap"] / (t["accepted"] + t["gap"]) > settings.max_gap_ratio
        for t in totals.values()
    )


# --- all of it ----------------------------------------------------------------------------------


def feed_days_of(files: Iterable[tuple[list[date], list[datetime]]], as_of: datetime) -> set[date]:
    """Days for which a feed's files were imported: those in the path, else those of its attempts.

    Args:
        files: per path the days that it names and the instants of its attempts.
        as_of: later attempts are ignored.
    """
    days: set[date] = set()
    for named, attempts in files:
        days.update(named or [a.astimezone(UTC).date() for a in attempts if a <= as_of])
    return days


def reconcile(
    events: list[Event],
    receipts: list[Receipt],
    settings: Settings,
    *,
    as_of: datetime,
    feed_days: Iterable[date] = (),
    vouched: Iterable[tuple[datetime, datetime]] = (),
    from_day: date | None = None,
    to_day: date | None = None,
) -> Result:
    """Judge everything that is true as of an instant.

    Args:
        events: every archived occurrence of every source, each file once.
        receipts: every archived attempt for the destination, each file once.
        settings: the destination.
        as_of: later arrivals and attempts are ignored.
        feed_days: UTC days for which a file of the feed was imported.
        vouched: ranges, the end excluded, for which the user says that the feed is complete.
        from_day: first account day of the rows.
        to_day: last account day of the rows, included.
    """
    known = [r for r in receipts if r.attempted_at <= as_of]
    conversions, no_time = conversions_of(events, known, settings, as_of)
    silences = silences_of(conversions, known) if settings.coverage == "infer" else []
    spans = [(run[0].arrival, run[-1].arrival) for run in silences]
    newest = max((r.attempted_at for r in known), default=None)
    sworn = merge((start, end - TICK) for start, end in vouched)
    covered = coverage_of(settings, newest, spans, feed_days, sworn)
    for c in conversions:
        c.is_settled = c.arrival + settings.retry_window < as_of
        c.is_covered = holds(covered, c.arrival, c.arrival + settings.retry_window)
        c.deciding = resolve(c.receipts)
        c.status, c.reason = judge(c, settings)
    unarchived = unarchived_of(events, known, settings, as_of)
    days = day_rows(conversions, unarchived, settings, as_of, from_day, to_day)
    incidents = outages_of(conversions, settings)
    for run, (first, last) in zip(silences, spans, strict=True):
        if not holds(sworn, first, last):
            incidents.append(Incident("receipts_missing", first, last, len(run), amounts(run)))
    return Result(
        conversions=conversions,
        days=days,
        incidents=sorted(incidents, key=lambda i: (i.start, i.diagnosis)),
        silences=spans,
        newest_attempt=newest,
        no_time=no_time,
        is_over_threshold=is_over_threshold(days, settings),
    )
