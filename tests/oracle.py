"""Reconciliation once more, in plain Python: the second opinion that the SQL is checked against.

Written from DESIGN §2, §4 and §6 and docs/reconciliation.md alone. It shares no line with
`archiver`, favours obvious loops over speed, and knows nothing of files, tables or SQL: parsed
events, receipts and totals in, everything that a run must say out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from oracle_coverage import coverage_of, feed_days_of, holds, merge, silences_of, watched
from oracle_findings import daily_totals, findings_of, is_mismatch, is_short_of_totals
from oracle_incidents import incidents_of
from oracle_model import (
    DAY,
    GAP,
    NO_CURRENCY,
    STATUSES,
    TICK,
    UNNAMED,
    Condition,
    Conversion,
    DayRow,
    Event,
    Excluded,
    Finding,
    Incident,
    MatchKey,
    Number,
    Occurrence,
    Receipt,
    Rule,
    Settings,
    Stretch,
    Total,
    TotalRow,
    arrival,
    at_path,
    holds_true,
    ids_of,
    read_amount,
    read_currency,
    read_instant,
    read_text,
)

__all__ = [
    "NO_CURRENCY",
    "STATUSES",
    "Condition",
    "Conversion",
    "Event",
    "Excluded",
    "Finding",
    "Incident",
    "MatchKey",
    "Number",
    "Receipt",
    "Rule",
    "Settings",
    "Stretch",
    "Total",
    "TotalRow",
    "feed_days_of",
    "read_amount",
    "read_instant",
    "read_text",
    "reconcile",
    "silences",
]

LONGEST_FILLED_HOLE = timedelta(days=366)


Sums = tuple[int, Decimal | None]  # How many, and their amount, where any has one.


@dataclass(frozen=True)
class Result:
    """What a run must say about one destination; `conversions` are of all days."""

    conversions: list[Conversion]
    days: dict[tuple[date, str], DayRow]
    incidents: list[Incident]
    totals: dict[tuple[date, str], TotalRow]
    findings: list[Finding]
    silences: list[Stretch]
    clock: dict[tuple[date, datetime | None, str], Sums]
    newest_attempt: datetime | None
    is_over_threshold: bool


# --- conversions --------------------------------------------------------------------------------


def typed(event: Event, settings: Settings) -> Occurrence | None:
    """The event as the destination's rules see it; None where they do not select it."""
    body = event.body
    if settings.sources and event.source not in settings.sources:
        return None
    call_type, hub_name = read_text(body.get("type")), read_text(body.get("event"))
    fitting = [rule for rule in settings.rules if rule.fits(call_type, hub_name)]
    if not fitting or fitting[0].is_ignored:
        return None
    name = fitting[0].name or hub_name
    assert name is not None
    properties = body.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    raw = properties.get("value")
    value = read_amount(properties.get("revenue") if raw is None else raw)
    currency = read_currency(properties.get("currency"))
    event_time = read_instant(body.get("timestamp"))
    happened = read_instant(body.get("originalTimestamp")) or event_time
    order_id = read_text(properties.get("order_id"))
    return Occurrence(
        source=event.source,
        file_id=event.file_id,
        record_number=event.record_number,
        message_id=read_text(body.get("messageId")) or None,
        ids=ids_of(body, settings),
        name=name,
        event_time=event_time,
        arrival=arrival(body),
        order_id=order_id,
        value=value,
        currency=currency,
        content=(hub_name, happened, order_id, value, currency),
        suppressed=suppressed(body, fitting[0], settings),
    )


def suppressed(body: Mapping[str, Any], rule: Rule, settings: Settings) -> str | None:
    """The first reason for which the event must not be delivered."""
    if is_off(body.get("integrations"), settings.integration):
        return "integration_off"
    if settings.consent_categories and not consents(body, settings):
        return "no_consent"
    if any(holds_true(condition, body) for condition in settings.test_events):
        return "test_event"
    if not all(holds_true(condition, body) for condition in (*settings.filters, *rule.filters)):
        return "filtered"
    instant = read_instant(body.get("timestamp")) or arrival(body)
    for window in settings.excluded:
        is_inside = instant is not None and window.start <= instant < window.end
        if is_inside and all(holds_true(condition, body) for condition in window.filters):
            return "excluded"
    if any(
        read_text(body.get(key)) in settings.erased
        for key in ("userId", "anonymousId", "messageId")
    ):
        return "erased"
    return None


def is_off(integrations: Any, name: str) -> bool:
    """Whether the destination, or where nothing is said of it everything, is exactly `false`."""
    if not isinstance(integrations, Mapping):
        return False
    said = integrations.get(name)
    return (integrations.get("All") if said is None else said) is False


def consents(body: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the event's own record of consent, if it has one, lets it through."""
    wanted = settings.consent_categories
    if settings.preset == "segment":
        preferences = at_path(body, "context.consent.categoryPreferences")
        is_there = isinstance(preferences, Mapping)
        return not is_there or all(preferences.get(category) is True for category in wanted)
    record = at_path(body, "context.consentManagement")
    denied = at_path(record, "deniedConsentIds")
    denials = [isinstance(denied, list) and category in denied for category in wanted]
    is_any_enough = at_path(record, "resolutionStrategy") == "or"
    return not (all(denials) if is_any_enough else any(denials))


def groups_of(events: Iterable[Event], settings: Settings) -> list[list[Occurrence]]:
    """Selected occurrences by match key; each keyless one by itself."""
    groups: dict[Any, list[Occurrence]] = defaultdict(list)
    for event in events:
        occurrence = typed(event, settings)
        if occurrence is not None:
            key: Any = (occurrence.event_id, occurrence.name)
            groups[occurrence.place if occurrence.event_id is None else key].append(occurrence)
    return list(groups.values())


def conversions_of(
    groups: list[list[Occurrence]], settings: Settings, as_of: datetime
) -> list[Conversion]:
    """One conversion for each group of which anything arrived by the as-of."""
    found = []
    for occurrences in groups:
        arrived = [(o.arrival, o) for o in occurrences if o.arrival and o.arrival <= as_of]
        if not arrived:
            continue
        arrived_at, first = min(arrived, key=lambda pair: (pair[0], *pair[1].place))
        happened = first.event_time
        found.append(
            Conversion(
                first=first,
                arrival=arrived_at,
                account_day=settings.day_of(happened or arrived_at),
                variants=len({o.content for _, o in arrived}),
                orders={o.order_id for _, o in arrived if o.order_id is not None},
                deadline=happened + settings.max_age if happened and settings.max_age else None,
            )
        )
    return found


# --- receipts -----------------------------------------------------------------------------------


def hand_out(conversions: list[Conversion], receipts: list[Receipt]) -> set[str]:
    """Give each conversion its attempts; the event ids that have any in the hub's feed."""
    own_ids = {c.event_id for c in conversions}
    claims: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for c in conversions:
        for tier, further in c.first.ids[1:]:
            claims[further].append((tier, c.arrival, *c.first.place, c.event_id))
    owner: dict[str, str] = {}
    claimed_under: dict[str, int] = {}
    by_owner: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        named = receipt.event_id
        if named is None:
            continue
        if named in own_ids:
            owner[named] = named
        elif named in claims:
            winner = min(claims[named])
            owner[named], claimed_under[named] = winner[-1], winner[0]
        if named in owner:
            by_owner[owner[named]].append(receipt)
    for c in conversions:
        if c.event_id is None:
            continue
        same_id = by_owner[c.event_id]
        c.receipts = [r for r in same_id if r.event_name in (None, c.name)]
        c.has_other_names = any(r.event_name not in (None, c.name) for r in same_id)
        c.match_tier = min(
            (claimed_under.get(r.event_id or "", c.first.ids[0][0]) for r in c.receipts),
            default=None,
        )
        c.has_shared_key = not c.receipts and any(
            further in owner and owner[further] != c.event_id for _, further in c.first.ids[1:]
        )
        c.deciding = resolve(c.receipts)
    return {
        event_id
        for event_id, attempts in by_owner.items()
        if any(not attempt.is_upload for attempt in attempts)
    }


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


# --- judgement ----------------------------------------------------------------------------------


def judge(c: Conversion, settings: Settings) -> tuple[str, str | None]:
    """The first status that holds, in the order of DESIGN §6, and why."""
    has_none = not c.receipts and not c.has_other_names and not c.has_shared_key
    is_inferred = (
        settings.reports == "failures"
        and c.event_id is not None
        and c.is_settled
        and c.is_covered
        and has_none
    )
    is_counted = settings.reports == "totals"
    if c.first.suppressed is not None:
        return "suppressed", c.first.suppressed
    if not is_counted and (c.outcome == "accepted" or is_inferred):
        remarks = {
            "inferred": is_inferred,
            "conflict_accepted": c.variants > 1,
            "value_mismatch": is_mismatch(c),
        }
        return "accepted", ",".join(r for r, is_found in remarks.items() if is_found) or None
    if c.variants > 1:
        return "conflict", "different_contents"
    if not is_counted and c.outcome == "rejected":
        return "rejected", "refused"
    if not c.is_settled:
        return "pending", "retry_window"
    if is_counted:
        return "unknown", "no_key" if c.event_id is None else "totals_only"
    if c.outcome == "unknown":
        return "ambiguous", "may_have_landed"
    if c.has_shared_key:
        return "ambiguous", "shared_key"
    if c.has_other_names:
        return "ambiguous", "other_event_name"
    if c.outcome == "failed":
        return "failed", "not_delivered"
    if c.event_id is None:
        return "unknown", "no_key"
    return ("missing", "no_receipt") if c.is_covered else ("unknown", "not_covered")


def unarchived_of(
    events: Iterable[Event], receipts: list[Receipt], settings: Settings, as_of: datetime
) -> dict[tuple[date, str], int]:
    """Match keys among the receipts whose id is on no event, per account day and name."""
    archived: set[str | None] = set()
    for event in events:
        at = arrival(event.body)
        if at is None or at <= as_of:
            archived.add(read_text(event.body.get("messageId")) or None)
            occurrence = typed(event, settings)
            if occurrence is not None:
                archived.update(id_ for _, id_ in occurrence.ids)
    keys: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.event_id is not None and receipt.event_id not in archived:
            keys[receipt.event_id, receipt.event_name or UNNAMED].append(receipt)
    named = {id_ for id_, name in keys if name != UNNAMED}
    counts: dict[tuple[date, str], int] = Counter()
    for (id_, name), attempts in keys.items():
        if name == UNNAMED and id_ in named:
            continue
        times = [r.event_time for r in attempts if r.event_time is not None]
        instant = min(times) if times else min(r.attempted_at for r in attempts)
        counts[settings.day_of(instant), name] += 1
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
        (day, name): DayRow(as_of < settings.end_of(day) + settings.provisional_after)
        for day in days_between({day for day, _ in occurring}, from_day, to_day)
        for name in sorted({name for _, name in occurring})
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
            if c.first.value is not None:
                row.values[c.first.currency or NO_CURRENCY][term] += c.first.value
        if c.status in GAP:
            is_expired = c.deadline is not None and c.deadline < as_of
            row.counts["expired" if is_expired else "recoverable"] += 1
            if c.deadline is not None and not is_expired:
                row.deadline = min(row.deadline or c.deadline, c.deadline)
    for key, count in unarchived.items():
        if key in rows:
            rows[key].counts["unarchived"] += count
    return rows


def recovery_clock(
    conversions: list[Conversion], as_of: datetime
) -> dict[tuple[date, datetime | None, str], Sums]:
    """What a backfill can hold, by account day, hour of its deadline, and currency."""
    clock: dict[tuple[date, datetime | None, str], Sums] = {}
    for c in conversions:
        is_late = c.deadline is not None and c.deadline < as_of
        if c.status not in GAP or c.status == "conflict" or c.first.event_time is None or is_late:
            continue
        hour = c.deadline and c.deadline.replace(minute=0, second=0, microsecond=0)
        key = (c.account_day, hour, c.first.currency or NO_CURRENCY)
        count, amount = clock.get(key, (0, None))
        if c.first.value is not None:
            amount = (amount or Decimal(0)) + c.first.value
        clock[key] = (count + 1, amount)
    return clock


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


def silences(
    events: list[Event], receipts: list[Receipt], settings: Settings, as_of: datetime
) -> tuple[list[Stretch], datetime | None]:
    """The feed's silences, whatever its coverage, and its newest attempt."""
    known = by_then(receipts, as_of)
    conversions = conversions_of(groups_of(events, settings), settings, as_of)
    runs = silences_of(conversions, hand_out(conversions, known))
    spans = [(run[0].arrival, run[-1].arrival) for run in runs]
    return spans, newest_of_feed(known)


def newest_of_feed(known: list[Receipt]) -> datetime | None:
    """Up to when the hub's feed reaches."""
    return max((r.attempted_at for r in known if not r.is_upload), default=None)


def by_then(receipts: list[Receipt], as_of: datetime) -> list[Receipt]:
    """Attempts that are known."""
    return [r for r in receipts if r.attempted_at <= as_of]


def reconcile(
    events: list[Event],
    receipts: list[Receipt],
    settings: Settings,
    *,
    as_of: datetime,
    totals: Iterable[Total] = (),
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
        as_of: later arrivals, attempts and reports are ignored.
        totals: every archived total for the destination, each file once.
        feed_days: UTC days for which a file of the feed was imported.
        vouched: ranges, the end excluded, for which the user says that the feed is complete.
        from_day: first account day of the rows, findings and incidents.
        to_day: the last one, included.
    """
    known = by_then(receipts, as_of)
    groups = groups_of(events, settings)
    conversions = conversions_of(groups, settings, as_of)
    attempted = hand_out(conversions, known)
    runs = silences_of(conversions, attempted) if settings.coverage == "infer" else []
    spans = [(run[0].arrival, run[-1].arrival) for run in runs]
    newest = newest_of_feed(known)
    sworn = merge((start, end - TICK) for start, end in vouched)
    covered = coverage_of(settings, newest, spans, feed_days, sworn)
    for c in conversions:
        c.is_settled = c.arrival + settings.retry_window < as_of
        c.is_covered = holds(covered, c.arrival, c.arrival + settings.retry_window)
        c.status, c.reason = judge(c, settings)
    unarchived = unarchived_of(events, known, settings, as_of)
    days = day_rows(conversions, unarchived, settings, as_of, from_day, to_day)
    missed = [
        run
        for run, span in zip(runs, spans, strict=True)
        if settings.reports != "totals" and not holds(sworn, *span)
    ]
    incidents = incidents_of(
        conversions, known, events, watched(conversions), attempted, missed, settings, as_of
    )

    def is_asked_for(first: date, last: date) -> bool:
        return (from_day or last) <= last and first <= (to_day or first)

    rows = daily_totals(conversions, totals, settings, as_of, lambda day: is_asked_for(day, day))
    return Result(
        conversions=conversions,
        days=days,
        incidents=[
            i
            for i in incidents
            if is_asked_for(settings.day_of(i.start), settings.day_of(last_instant(i)))
        ],
        totals=rows,
        findings=[
            f
            for f in findings_of(groups, conversions, events, settings, as_of)
            if f.account_day is None or is_asked_for(f.account_day, f.account_day)
        ],
        silences=spans,
        clock=recovery_clock(
            [c for c in conversions if is_asked_for(c.account_day, c.account_day)], as_of
        ),
        newest_attempt=newest,
        is_over_threshold=is_over_threshold(days, settings) or is_short_of_totals(rows, settings),
    )


def last_instant(incident: Incident) -> datetime:
    """The end of hours is not part of them; a silence's is."""
    is_silence = incident.diagnosis == "receipts_missing"
    return incident.end if is_silence else incident.end - TICK
