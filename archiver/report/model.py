"""The gap report as data: built from a kept run, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.report.recovery import Tick, ticks
from archiver.warehouse.run_tables import COUNTS, RUN_TABLES
from archiver.warehouse.runs import RunRecord, read_run

# The parts of the gap, worst first.
GAP_PARTS = ("missing", "failed", "rejected", "ambiguous", "conflict")
# What is worth a look beside the gap, what concerns money first.
FINDINGS = (
    "order_under_several_ids",
    "id_on_several_orders",
    "value_mismatch",
    "currency_missing",
    "refund_without_order",
    "conflict_accepted",
    "name_renamed",
    "time_in_future",
    "no_time",
)
ALL_EVENTS = "(all)"
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
    """Hours in which something was wrong. Runs of earlier versions do not know all of it.

    Attributes:
        start, end: UTC.
        diagnosis: as DESIGN §6 names it.
        conversions: how many it counts.
        values: currency → amount of those.
        source: which one fell silent; of source_outage only.
        code: of the refusals, or of most of the receipts that decided.
        ratio: with four decimals, of what the diagnosis compares.
        is_open: nothing good has followed by the run's instant; None: not known.
        first_safe_upload: when the hub has stopped retrying all of them, UTC.
        last_safe_upload: when the first of them cannot be sent safely any more, UTC.
    """

    start: datetime
    end: datetime
    diagnosis: str
    conversions: int
    values: dict[str, Decimal]
    source: str | None = None
    code: str | None = None
    ratio: Decimal | None = None
    is_open: bool | None = None
    first_safe_upload: datetime | None = None
    last_safe_upload: datetime | None = None


@dataclass(frozen=True)
class DailyTotal:
    """What was expected of one event on one account day, beside what others counted.

    Attributes:
        day: account day.
        event: the destination's event name; `(all)`: all names of the day.
        expected, pending: conversions.
        delivered, received, attributed: the hub's or the destination's counts; None: none known.
        compared_with: delivered or received; None: neither is known.
        difference: expected − pending − that count.
        tolerance: by how many it may be short.
        is_over_tolerance: it is short by more.
        provisional: the day is younger than `provisional_after`.
    """

    day: date
    event: str
    expected: int
    pending: int
    delivered: int | None
    received: int | None
    attributed: int | None
    compared_with: str | None
    difference: int | None
    tolerance: Decimal
    is_over_tolerance: bool
    provisional: bool


@dataclass(frozen=True)
class DestinationReport:
    """One destination's part of the report.

    Attributes:
        days: one row per account day and event, in that order, zeros included.
        daily_totals: one row per account day and event that others counted, in that order.
        clock: hours of deadlines still ahead, and last what has none; empty for runs of earlier
            versions.
        findings: how many of each; those that an earlier version did not look for are left out.
        no_key: of the unknown, those without an id.
        newest_attempt: up to when its feed reaches, UTC.
        newest_arrival: up to when its sources reach, UTC.
        coverage: what the feed's silence means.
        reports: whether the feed reports all attempts, failures, or totals only.
        pixel: what the site's browser pixel does.
        totals_tolerance: share of a day's conversions by which a total may be short.
    """

    destination: str
    account_timezone: str
    days: list[Row]
    incidents: list[Incident]
    daily_totals: list[DailyTotal]
    findings: dict[str, int]
    no_key: int
    newest_attempt: datetime | None
    newest_arrival: datetime | None
    coverage: str
    reports: str = "all"
    pixel: str = "none"
    totals_tolerance: Decimal = Decimal(0)
    clock: tuple[Tick, ...] = ()

    @cached_property
    def totals(self) -> Row:
        """The sum over all rows."""
        return sum_rows(self.days)

    def by_day(self) -> Iterator[tuple[Row, list[Row]]]:
        """Each account day's sum with its rows."""
        yield from self._sums_by_day

    @cached_property
    def _sums_by_day(self) -> list[tuple[Row, list[Row]]]:
        per_day: dict[date | None, list[Row]] = {}
        for row in self.days:
            per_day.setdefault(row.day, []).append(row)
        return [(sum_rows(rows, day), rows) for day, rows in per_day.items()]

    def totals_by_day(self) -> Iterator[tuple[date, list[DailyTotal]]]:
        """Each account day with its rows of `daily_totals`."""
        per_day: dict[date, list[DailyTotal]] = {}
        for total in self.daily_totals:
            per_day.setdefault(total.day, []).append(total)
        yield from per_day.items()


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
    """Read a kept run, also one of an earlier version, which lacks tables or columns.

    Args:
        folder: the run's folder.
        destination: this one only.
        from_day: this account day and later ones only.
        to_day: this account day and earlier ones only.
    """
    run = read_run(folder)

    def is_shown(day: date | None) -> bool:
        return day is None or not (
            (from_day is not None and day < from_day) or (to_day is not None and day > to_day)
        )

    tables = {
        name: _table(folder, name).to_pylist()
        for name in (
            *("daily_gaps", "daily_values", "recovery_clock"),
            *("incidents", "incident_values", "daily_totals"),
        )
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
    incident_values: dict[tuple[Any, ...], dict[str, Decimal]] = {}
    for line in tables["incident_values"]:
        incident_values.setdefault(_incident_key(line), {})[line["currency"]] = line["value"]
    findings = _findings(folder, run, is_shown)
    parts = []
    for name, zone in run.destinations.items():
        if destination not in (None, name):
            continue
        asked = run.parameters[name]
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
                    if line["destination"] == name and is_shown(line["day"])
                ],
                incidents=[
                    _incident(line, incident_values.get(_incident_key(line), {}))
                    for line in tables["incidents"]
                    if line["destination"] == name and _touches(line, from_day, to_day)
                ],
                daily_totals=[
                    DailyTotal(**{field: line[field] for field in DailyTotal.__annotations__})
                    for line in tables["daily_totals"]
                    if line["destination"] == name and is_shown(line["day"])
                ],
                clock=ticks(
                    line
                    for line in tables["recovery_clock"]
                    if line["destination"] == name and is_shown(line["day"])
                ),
                findings=findings[name],
                no_key=sum(
                    line["destination"] == name and is_shown(line["account_day"])
                    for line in keyless
                ),
                newest_attempt=run.newest_attempts[name],
                newest_arrival=run.newest_arrivals[name],
                coverage=asked["coverage"],
                reports=asked.get("reports", "all"),
                pixel=asked.get("pixel", "none"),
                totals_tolerance=Decimal(asked.get("totals_tolerance", "0")),
            )
        )
    return Report(run, parts)


def _table(folder: Path, name: str) -> pa.Table:
    """A table of the run, empty where it has none, with NULL for columns that it lacks."""
    path = folder / f"{name}.parquet"
    schema = RUN_TABLES[name]
    if not path.exists():
        return schema.empty_table()
    table = pq.read_table(path)
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table


def _findings(
    folder: Path, run: RunRecord, is_shown: Callable[[date | None], bool]
) -> dict[str, dict[str, int]]:
    """How many of each finding, by destination. What is in no day (`no_time`) always counts."""
    if not (folder / "findings.parquet").exists():
        return {name: {"no_time": run.no_time[name]} for name in run.destinations}
    found = {name: dict.fromkeys(FINDINGS, 0) for name in run.destinations}
    table = _table(folder, "findings").select(["destination", "finding", "account_day"])
    counted = table.group_by(table.column_names).aggregate([([], "count_all")])
    for line in counted.to_pylist():
        if line["destination"] in found and is_shown(line["account_day"]):
            found[line["destination"]][line["finding"]] += line["count_all"]
    return found


def _incident_key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line[n] for n in ("destination", "starts_at", "diagnosis", "source", "code"))


def _incident(line: dict[str, Any], values: dict[str, Decimal]) -> Incident:
    ratio = line["ratio"]
    return Incident(
        start=line["starts_at"],
        end=line["ends_at"],
        diagnosis=line["diagnosis"],
        conversions=line["conversions"],
        values=values,
        source=line["source"],
        code=line["code"],
        ratio=None if ratio is None else Decimal(str(ratio)).quantize(Decimal("0.0001")),
        is_open=line["is_open"],
        first_safe_upload=line["first_safe_upload"],
        last_safe_upload=line["last_safe_upload"],
    )


def _touches(line: dict[str, Any], from_day: date | None, to_day: date | None) -> bool:
    """Whether an incident has an instant on one of the account days; of older runs all have."""
    first, last = line.get("first_day"), line.get("last_day")
    return (from_day is None or last is None or last >= from_day) and (
        to_day is None or first is None or first <= to_day
    )
