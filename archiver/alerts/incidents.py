"""Outages and gaps of a reconciliation, as conditions."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from archiver.alerts.model import Condition
from archiver.config import Config
from archiver.destinations import can_build
from archiver.report.model import DestinationReport, Incident, Report
from archiver.report.terminal_words import conversions, percent, when, when_over
from archiver.report.threshold import DayOverThreshold

_MOST_REASONS = 3


def outage_conditions(report: Report, config: Config) -> Iterator[Condition]:
    """The open incidents, one per destination, diagnosis, and source or code of refusals.

    Between two open incidents of one kind lies no good hour: for people they are one outage.
    """
    for part in report.destinations:
        alike: dict[tuple[str, str | None], list[Incident]] = {}
        for incident in part.incidents:
            if incident.is_open:
                code = incident.code if incident.diagnosis == "rejections" else None
                alike.setdefault((incident.diagnosis, incident.source or code), []).append(incident)
        for (diagnosis, which), incidents in alike.items():
            yield _outage(part, diagnosis, which, incidents, config)


def ended_outages(report: Report, config: Config) -> Iterator[Condition]:
    """The incidents that are over, as they are known now, one condition each."""
    for part in report.destinations:
        for incident in part.incidents:
            if not incident.is_open:
                code = incident.code if incident.diagnosis == "rejections" else None
                which = incident.source or code
                yield _outage(part, incident.diagnosis, which, [incident], config)


def _outage(
    part: DestinationReport,
    diagnosis: str,
    which: str | None,
    incidents: Sequence[Incident],
    config: Config,
) -> Condition:
    name = part.destination
    values: dict[str, Decimal] = {}
    for incident in incidents:
        for currency, amount in incident.values.items():
            values[currency] = values.get(currency, Decimal(0)) + amount
    last = incidents[-1]
    details = []
    if diagnosis == "source_outage":
        if last.ratio is not None:
            details.append(f"{percent(last.ratio)} of the events of the same hours in weeks before")
        details.append("what was never archived is not counted, and cannot be sent again")
    if any(incident.code for incident in incidents):
        codes = dict.fromkeys(incident.code for incident in incidents if incident.code)
        details.append(f"code {', '.join(codes)}")
    safe = [i.first_safe_upload for i in incidents if i.first_safe_upload is not None]
    if safe:
        details.append(f"the hub retries up to {when_over(max(safe))}; send nothing before")
    ends = [i.last_safe_upload for i in incidents if i.last_safe_upload is not None]
    source = next((i.source for i in incidents if i.source), None)
    return Condition(
        kind="outage",
        subject=" ".join(filter(None, (name, diagnosis, which))),
        destination=name,
        source=source,
        diagnosis=diagnosis,
        since=min(incident.start for incident in incidents),
        until=max(incident.end for incident in incidents),
        conversions=sum(i.conversions for i in incidents) if source is None else None,
        values=values,
        deadline=min(ends, default=None),
        account_timezone=part.account_timezone,
        details=tuple(details),
        next_steps=_outage_steps(name, diagnosis, config),
    )


def _outage_steps(name: str, diagnosis: str, config: Config) -> tuple[str, ...]:
    report = f"archiver report --destination {shlex.quote(name)}"
    if diagnosis == "source_outage":
        return ("archiver status", report)
    if diagnosis == "receipts_missing":
        return (f"archiver receipts --destination {shlex.quote(name)}", report)
    extra = " --include rejected" if diagnosis == "rejections" else ""
    return (report, *_backfill(name, config, extra))


def gap_conditions(
    report: Report, config: Config, over: Sequence[DayOverThreshold]
) -> Iterator[Condition]:
    """The days over their threshold, one condition per destination."""
    for part in report.destinations:
        days = [day for day in over if day.destination == part.destination]
        if days:
            yield _gap(part, days, config)


def _gap(part: DestinationReport, over: Sequence[DayOverThreshold], config: Config) -> Condition:
    name = part.destination
    chosen = {day.day for day in over}
    over = sorted(over, key=lambda day: day.day)
    rows = [row for row in part.days if row.day in chosen]
    values: dict[str, Decimal] = {}
    for row in rows:
        for currency, terms in row.values.items():
            values[currency] = values.get(currency, Decimal(0)) + terms["gap"]
    lost = sum(row.counts["gap"] for row in rows)
    if part.reports == "totals":
        keys = {(day.day, day.event) for day in over}
        lost += sum(
            total.difference if total.difference is not None else total.expected - total.pending
            for total in part.daily_totals
            if (total.day, total.event) in keys
        )
    deadlines = [row.backfill_deadline for row in rows if row.backfill_deadline is not None]
    first = datetime.combine(min(chosen), time(), ZoneInfo(part.account_timezone))
    steps = [f"archiver report --destination {shlex.quote(name)} --from {min(chosen)}"]
    return Condition(
        kind="gap",
        subject=name,
        destination=name,
        since=first.astimezone(UTC),
        conversions=lost,
        values={currency: amount for currency, amount in values.items() if amount},
        recoverable=None
        if part.reports == "totals"
        else sum(row.counts["recoverable"] for row in rows),
        deadline=min(deadlines, default=None),
        account_timezone=part.account_timezone,
        details=(
            *([f"{len(over)} findings on {len(chosen)} days, the last:"] if len(over) > 3 else []),
            *(f"{day.day}{f' {day.event}' if day.event else ''}: {day.what}" for day in over[-3:]),
            *_reasons(part, chosen),
        ),
        next_steps=(*steps, *_backfill(name, config, "")),
    )


def _reasons(part: DestinationReport, days: Collection[date]) -> Iterator[str]:
    """The incidents of these days with most conversions, also those that are over by now."""
    zone = ZoneInfo(part.account_timezone)
    during = [
        incident
        for incident in part.incidents
        if incident.conversions
        and any(incident.start.astimezone(zone).date() <= day for day in days)
        and any(day <= incident.end.astimezone(zone).date() for day in days)
    ]
    for incident in sorted(during, key=lambda i: (-i.conversions, i.start))[:_MOST_REASONS]:
        code = f", code {incident.code}" if incident.code else ""
        safe = ""
        if incident.first_safe_upload and incident.last_safe_upload:
            first, last = when_over(incident.first_safe_upload), when(incident.last_safe_upload)
            safe = f"; safe to send from {first} to {last}"
        yield (
            f"{incident.diagnosis} from {when(incident.start)} to {when(incident.end)}{code}:"
            f" {conversions(incident.conversions)}{safe}"
        )


def _backfill(name: str, config: Config, extra: str) -> tuple[str, ...]:
    settings = config.destinations.get(name)
    if settings is None or not can_build(settings.type, settings.preset, settings.event_source):
        return ()
    return (f"archiver backfill --destination {shlex.quote(name)}{extra} --plan",)
