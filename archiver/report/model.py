"""The gap report as data: built from a kept run, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from archiver.config import Config
from archiver.warehouse.run_tables import COUNTS
from archiver.warehouse.runs import RunRecord, read_run

# The parts of the gap, worst first.
GAP_PARTS = ("missing", "failed", "rejected", "ambiguous", "conflict")
_SUMMED = ("expected", *COUNTS, "unarchived", "recoverable", "expired")
_VALUE_TERMS = ("expected", *COUNTS)

Values = dict[str, dict[str, Decimal]]


@dataclass(frozen=True)
class Row:
    """Counts and values of one destination event on one account day, or of a sum of such rows.

    Attributes:
        day: account day; None in totals.
        event: the destination's event name; None in sums over events.
        counts: expected, accepted, pending, unknown, gap, its parts, suppressed, unarchived,
            recoverable, expired.
        values: currency → term → exact amount.
        backfill_deadline: first deadline of what is recoverable, UTC.
        provisional: the day is younger than `provisional_after`.
    """

    day: date | None
    event: str | None
    counts: dict[str, int]
    values: Values
    backfill_deadline: datetime | None
    provisional: bool


@dataclass(frozen=True)
class Incident:
    """An outage or a silence.

    Attributes:
        start, end: UTC.
        diagnosis: as DESIGN §6 names it.
        conversions: how many it counts.
        values: currency → amount of those.
    """

    start: datetime
    end: datetime
    diagnosis: str
    conversions: int
    values: dict[str, Decimal]


@dataclass(frozen=True)
class DestinationReport:
    """One destination's part of the report.

    Attributes:
        days: one row per account day and event, in that order, zeros included.
        no_time: conversions without any time, which are in no row.
        no_key: of the unknown, those without an id.
        newest_attempt: up to when its feed reaches, UTC.
        newest_arrival: up to when its sources reach, UTC.
        coverage: what the feed's silence means.
    """

    destination: str
    account_timezone: str
    days: list[Row]
    incidents: list[Incident]
    no_time: int
    no_key: int
    newest_attempt: datetime | None
    newest_arrival: datetime | None
    coverage: str

    @property
    def totals(self) -> Row:
        """The sum over all rows."""
        return sum_rows(self.days)

    def by_day(self) -> Iterator[tuple[Row, list[Row]]]:
        """Each account day's sum with its rows."""
        per_day: dict[date | None, list[Row]] = {}
        for row in self.days:
            per_day.setdefault(row.day, []).append(row)
        for day, rows in per_day.items():
            yield sum_rows(rows, day), rows


@dataclass(frozen=True)
class Report:
    """A run, for people and scripts."""

    run: RunRecord
    destinations: list[DestinationReport]


def sum_rows(rows: Iterable[Row], day: date | None = None) -> Row:
    """Add up counts and values; the deadline is the first, provisional if any is."""
    rows = list(rows)
    values: Values = {}
    for row in rows:
        for currency, terms in row.values.items():
            into = values.setdefault(currency, dict.fromkeys(_VALUE_TERMS, Decimal(0)))
            for term, amount in terms.items():
                into[term] += amount
    deadlines = [row.backfill_deadline for row in rows if row.backfill_deadline]
    return Row(
        day=day,
        event=None,
        counts={name: sum(row.counts[name] for row in rows) for name in _SUMMED},
        values=dict(sorted(values.items())),
        backfill_deadline=min(deadlines, default=None),
        provisional=any(row.provisional for row in rows),
    )


def build_report(
    folder: Path,
    *,
    destination: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Report:
    """Read a kept run.

    Args:
        folder: the run's folder.
        destination: this one only.
        from_day: this account day and later ones only.
        to_day: this account day and earlier ones only.
    """
    run = read_run(folder)
    tables: dict[str, list[dict[str, Any]]] = {
        name: pq.read_table(folder / f"{name}.parquet").to_pylist()
        for name in ("daily_gaps", "daily_values", "incidents", "incident_values")
    }
    keyless = pq.read_table(
        folder / "reconciliation.parquet",
        columns=["destination", "account_day"],
        filters=[("reason", "=", "no_key")],
    ).to_pylist()
    values: dict[tuple[str, date, str], Values] = {}
    for line in tables["daily_values"]:
        key = (line["destination"], line["day"], line["event"])
        values.setdefault(key, {})[line["currency"]] = {term: line[term] for term in _VALUE_TERMS}
    incident_values: dict[tuple[str, datetime, str], dict[str, Decimal]] = {}
    for line in tables["incident_values"]:
        key_ = (line["destination"], line["starts_at"], line["diagnosis"])
        incident_values.setdefault(key_, {})[line["currency"]] = line["value"]
    parts = []
    for name, zone in run.destinations.items():
        if destination not in (None, name):
            continue
        parts.append(
            DestinationReport(
                destination=name,
                account_timezone=zone,
                days=[
                    Row(
                        day=line["day"],
                        event=line["event"],
                        counts={count: line[count] for count in _SUMMED},
                        values=values.get((name, line["day"], line["event"]), {}),
                        backfill_deadline=line["backfill_deadline"],
                        provisional=line["provisional"],
                    )
                    for line in tables["daily_gaps"]
                    if line["destination"] == name
                    and (from_day is None or line["day"] >= from_day)
                    and (to_day is None or line["day"] <= to_day)
                ],
                incidents=[
                    Incident(
                        start=line["starts_at"],
                        end=line["ends_at"],
                        diagnosis=line["diagnosis"],
                        conversions=line["conversions"],
                        values=incident_values.get(
                            (name, line["starts_at"], line["diagnosis"]), {}
                        ),
                    )
                    for line in tables["incidents"]
                    if line["destination"] == name
                    and _overlaps(line["starts_at"], line["ends_at"], zone, from_day, to_day)
                ],
                no_time=run.no_time[name],
                no_key=sum(
                    line["destination"] == name
                    and (from_day is None or line["account_day"] >= from_day)
                    and (to_day is None or line["account_day"] <= to_day)
                    for line in keyless
                ),
                newest_attempt=run.newest_attempts[name],
                newest_arrival=run.newest_arrivals[name],
                coverage=run.parameters[name]["coverage"],
            )
        )
    return Report(run, parts)


def _overlaps(
    start: datetime, end: datetime, zone: str, from_day: date | None, to_day: date | None
) -> bool:
    local = ZoneInfo(zone)
    try:
        return (from_day is None or end.astimezone(local).date() >= from_day) and (
            to_day is None or start.astimezone(local).date() <= to_day
        )
    except OverflowError:  # the first or last hours that a calendar has
        return True


def days_over_threshold(report: Report, config: Config) -> list[tuple[str, Row]]:
    """Account days whose gap is over the destination's `max_gap_ratio` and `min_gap`."""
    found = []
    for part in report.destinations:
        settings = config.destination(part.destination)
        for day, _ in part.by_day():
            gap, accepted = day.counts["gap"], day.counts["accepted"]
            # As written in the configuration: 0.01 is no exact float.
            allowed = Decimal(str(settings.max_gap_ratio)) * (accepted + gap)
            if gap >= settings.min_gap and gap > allowed:
                found.append((part.destination, day))
    return found
