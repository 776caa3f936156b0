"""Incidents, as docs/reconciliation.md defines them; part of `oracle`, which see."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from statistics import median

from oracle_model import (
    GAP,
    HOUR,
    NO_CURRENCY,
    Conversion,
    Event,
    Incident,
    Receipt,
    Settings,
    Stretch,
    arrival,
)

BRIDGED = timedelta(hours=2)
WEEK = timedelta(days=7)

Span = tuple[datetime, datetime, bool]  # First and last hour's ends, and whether it is open.


def incidents_of(
    conversions: list[Conversion],
    receipts: list[Receipt],
    events: list[Event],
    watched: list[Conversion],
    attempted: set[str],
    silences: list[list[Conversion]],
    settings: Settings,
    as_of: datetime,
) -> list[Incident]:
    """All incidents of a destination, by start, diagnosis, source and code.

    Args:
        conversions: of all days.
        receipts: attempts by the as-of.
        events: every archived occurrence of every source.
        watched: conversions whose attempts the feed should show, by arrival.
        attempted: event ids with attempts.
        silences: of the feed, without those that are wholly vouched for.
        settings: the destination.
        as_of: later arrivals are ignored.
    """
    found = [
        *outages(conversions, settings),
        *rejections(conversions, receipts, settings),
        *source_outages(events, settings, as_of),
        *missing_receipts(watched, attempted, silences),
    ]
    return sorted(found, key=lambda i: (i.start, i.diagnosis, i.source or "", i.code or ""))


def outages(conversions: list[Conversion], settings: Settings) -> list[Incident]:
    """Hours in which under half was accepted."""
    hours: dict[datetime, list[bool]] = defaultdict(list)
    for c in conversions:
        if c.is_settled and c.is_covered and c.status not in ("suppressed", "unknown"):
            hours[hour_of(c.arrival)].append(c.status == "accepted")
    telling = {
        hour: 2 * sum(accepted) < len(accepted)
        for hour, accepted in hours.items()
        if len(accepted) >= settings.incident_min
    }
    found = []
    for start, end, is_open in spans_of(telling, telling):
        lost = [c for c in conversions if c.status in GAP and start <= c.arrival < end]
        counted = [is_one for hour, all_ in hours.items() if start <= hour < end for is_one in all_]
        deciding = [c.deciding.code for c in lost if c.deciding is not None]
        incident = Incident(
            "delivery_outage", start, end, is_open, ratio=rounded(sum(counted), len(counted)),
            code=majority(deciding),
        )  # fmt: skip
        found.append(about(incident, lost, settings))
    return found


def rejections(
    conversions: list[Conversion], receipts: list[Receipt], settings: Settings
) -> list[Incident]:
    """Hours in which more than half of the attempts were refused with one and the same code.

    A conversion inferred to be accepted stands for the attempt that its feed does not report.
    """
    hours: dict[datetime, list[str | None]] = defaultdict(list)
    for r in receipts:
        if r.event_id is not None and not r.is_upload:
            hours[hour_of(r.attempted_at)].append(r.code if r.outcome == "rejected" else None)
    for c in conversions:
        if c.status == "accepted" and not c.receipts:
            hours[hour_of(c.arrival)].append(None)
    telling = {
        hour: majority(codes)
        for hour, codes in hours.items()
        if len(codes) >= settings.incident_min
    }
    is_bad = {hour: code is not None for hour, code in telling.items()}
    found = []
    for code in sorted({code for code in telling.values() if code is not None}):
        is_bad_with_it = {hour: code == its for hour, its in telling.items()}
        for start, end, is_open in spans_of(is_bad_with_it, is_bad):
            codes = [its for hour, all_ in hours.items() if start <= hour < end for its in all_]
            refused = [
                c
                for c in conversions
                if c.status == "rejected"
                and any(
                    r.outcome == "rejected" and r.code == code and start <= r.attempted_at < end
                    for r in c.receipts
                    if not r.is_upload
                )
            ]
            others = sum(its != code for its in codes)
            incident = Incident(
                "rejections", start, end, is_open, code=code, ratio=rounded(others, len(codes))
            )
            found.append(about(incident, refused, settings))
    return found


def source_outages(events: list[Event], settings: Settings, as_of: datetime) -> list[Incident]:
    """Hours in which far less was archived than in the same hours of the weeks before."""
    arrivals: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        at = arrival(event.body)
        if at is not None and at <= as_of and event.source in (settings.sources or (event.source,)):
            arrivals[event.source].append(at)
    found = []
    for source, instants in arrivals.items():
        counts = Counter(hour_of(at) for at in instants)
        baselines = {}
        # An hour with a baseline above nothing has events one to four weeks before.
        for hour in {hour + WEEK * n for hour in counts for n in range(1, 5)}:
            weeks = [hour - WEEK * n for n in range(1, 5) if counts[hour - WEEK * n]]
            if len(weeks) >= 2:
                baselines[hour] = Fraction(median(Fraction(counts[week]) for week in weeks))
        least = {
            hour: min(baseline, baselines[hour - HOUR], baselines[hour + HOUR])
            for hour, baseline in baselines.items()
            if hour - HOUR in baselines and hour + HOUR in baselines
        }
        baselines = {
            hour: baseline
            for hour, baseline in least.items()
            if baseline >= settings.incident_min and hour + HOUR + settings.arrival_lag <= as_of
        }
        is_bad = {
            hour: 4 * counts[hour] < baseline and (baseline - counts[hour]) ** 2 >= 9 * baseline
            for hour, baseline in baselines.items()
        }
        for start, end, is_open in spans_of(is_bad, is_bad):
            hours = [hour for hour in baselines if start <= hour < end]
            ratio = rounded(sum(counts[h] for h in hours), sum(baselines[h] for h in hours))
            found.append(Incident("source_outage", start, end, is_open, source=source, ratio=ratio))
    return found


def missing_receipts(
    watched: list[Conversion], attempted: set[str], silences: list[list[Conversion]]
) -> list[Incident]:
    """Silences of the feed that nobody vouched for."""
    found = []
    for start, end in bridged((run[0].arrival, run[-1].arrival) for run in silences):
        silent = [c for run in silences for c in run if start <= run[0].arrival <= end]
        is_open = not any(c.arrival > end and c.event_id in attempted for c in watched)
        incident = Incident("receipts_missing", start, end, is_open)
        found.append(replace(incident, conversions=len(silent), values=amounts(silent)))
    return found


# --- hours --------------------------------------------------------------------------------------


def spans_of(is_bad: dict[datetime, bool], is_bad_at_all: dict[datetime, bool]) -> list[Span]:
    """From the first to the last of each row of bad telling hours, two hours between bridged.

    Args:
        is_bad: each telling hour, and whether it is bad in the way that is looked at.
        is_bad_at_all: each telling hour, and whether it is bad in any way.
    """
    rows: list[list[datetime]] = [[]]
    for hour in sorted(is_bad):
        if is_bad[hour]:
            rows[-1].append(hour)
        else:
            rows.append([])
    spans = bridged((row[0], row[-1] + HOUR) for row in rows if row)
    good = [hour for hour, is_bad_hour in is_bad_at_all.items() if not is_bad_hour]
    return [(start, end, not any(hour >= end for hour in good)) for start, end in spans]


def bridged(spans: Iterable[Stretch]) -> list[Stretch]:
    """Those that at most two hours lie between are one."""
    joined: list[Stretch] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= BRIDGED:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def hour_of(instant: datetime) -> datetime:
    """The hour of an instant, UTC."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


# --- figures ------------------------------------------------------------------------------------


def about(incident: Incident, lost: list[Conversion], settings: Settings) -> Incident:
    """The incident with what was lost in it, and when that can be sent."""
    incident = replace(incident, conversions=len(lost), values=amounts(lost))
    if settings.pixel == "other_id" or not lost:
        return incident
    ends = []
    for c in lost:
        ends += [c.deadline] if c.deadline is not None else []
        is_recognised = settings.pixel == "same_id" or c.status == "ambiguous"
        if is_recognised and c.first.event_time is not None and settings.dedup_window is not None:
            ends.append(c.first.event_time + settings.dedup_window)
    return replace(
        incident,
        first_safe_upload=max(c.arrival for c in lost) + settings.retry_window,
        last_safe_upload=min(ends, default=None),
    )


def majority(codes: list[str | None]) -> str | None:
    """The code of more than half."""
    for code, count in Counter(codes).items():
        if code is not None and 2 * count > len(codes):
            return code
    return None


def rounded(part: int | Fraction, whole: int | Fraction) -> Decimal:
    """A ratio with four decimals, half away from zero."""
    ratio = Fraction(part) / Fraction(whole)
    with localcontext(prec=60):
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        return exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def amounts(conversions: list[Conversion]) -> tuple[tuple[str, Decimal], ...]:
    """Sums per currency."""
    sums: Counter[str] = Counter()
    for c in conversions:
        if c.first.value is not None:
            sums[c.first.currency or NO_CURRENCY] += c.first.value
    return tuple(sorted(sums.items()))
