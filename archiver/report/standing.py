"""How each destination stands: what its last reconciliation over all days left open, as of now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from archiver.config import Config
from archiver.report.formats import as_json
from archiver.report.model import build_report
from archiver.warehouse.database import bind_files, connect
from archiver.warehouse.database import run as run_sql
from archiver.warehouse.runs import RunRecord, kept_runs, read_run, was_asked

_COUNTS = ("gap", "unknown", "pending", "recoverable", "expired")
_PARTS = ("within_day", "ahead", "without_deadline", "expired_since")


@dataclass(frozen=True)
class Amount:
    """Conversions and what they are worth.

    Attributes:
        conversions: how many.
        values: currency → exact amount.
    """

    conversions: int = 0
    values: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """One destination.

    Attributes:
        destination: its name.
        run: the run that says so; None: it was not reconciled yet, and the rest is empty.
        counts: conversions over all days: gap, unknown, pending, recoverable, expired.
        gap_value: currency → amount in the gap, as text.
        backfill_deadline: the first deadline of what was recoverable at the run, as text.
        next_deadline: the first one from now on, UTC; None: none.
        parts: of what could be sent at the run: `within_day`: its deadline is within 24 hours from
            now; `ahead`: it has one from now on; `without_deadline`; `expired_since` the run.
        days_over_tolerance: days whose count by others is short.
        incidents: as JSON has them, in the order of time.
    """

    destination: str
    run: RunRecord | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    gap_value: Mapping[str, str] = field(default_factory=dict)
    backfill_deadline: str | None = None
    next_deadline: datetime | None = None
    parts: Mapping[str, Amount] = field(default_factory=dict)
    days_over_tolerance: int = 0
    incidents: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open_incidents(self) -> list[dict[str, Any]]:
        """Those after which nothing good had come by the run."""
        return [incident for incident in self.incidents if incident["is_open"]]

    @property
    def still_recoverable(self) -> int:
        """Conversions of the gap that can be sent now."""
        return self.parts["ahead"].conversions + self.parts["without_deadline"].conversions


def standings(config: Config, now: datetime, *, until: datetime | None = None) -> list[Standing]:
    """How every configured destination stands, by name.

    Args:
        config: destinations, and the warehouse.
        now: by which deadlines have passed, UTC.
        until: runs as of a later instant are left out; None: none is.
    """
    wanted = set(config.destinations)
    of_run: dict[Path, set[str]] = {}
    for run in reversed(kept_runs(config.warehouse_path)):
        if not wanted:
            break
        record = read_run(run)
        is_late = until is not None and record.as_of > until
        if was_asked(run) and record.is_unbounded and not is_late:
            found = wanted & record.destinations.keys()
            if found:
                of_run[run] = found
                wanted -= found
    known = [one for run, names in of_run.items() for one in _of_run(run, names, now)]
    known += [Standing(name) for name in wanted]
    return sorted(known, key=lambda one: one.destination)


def _of_run(run: Path, names: set[str], now: datetime) -> list[Standing]:
    record = read_run(run)
    (only,) = names if len(names) == 1 else (None,)
    found = []
    for part in as_json(build_report(run, destination=only))["destinations"]:
        name, totals = part["destination"], part["totals"]
        if name not in names:
            continue
        counts = {count: totals[count] for count in _COUNTS}
        deadline, parts = _recovery(run, name, record.as_of, now, any_left=counts["gap"] > 0)
        found.append(
            Standing(
                name,
                record,
                counts,
                {
                    currency: terms["gap"]
                    for currency, terms in totals["value"].items()
                    if Decimal(terms["gap"])
                },
                totals["backfill_deadline"],
                deadline,
                parts,
                len({day["day"] for day in part["totals_by_day"] if day["is_over_tolerance"]}),
                part["incidents"],
            )
        )
    return found


def _recovery(
    run: Path, destination: str, as_of: datetime, now: datetime, *, any_left: bool
) -> tuple[datetime | None, dict[str, Amount]]:
    """How much of a run's gap can still be sent, and by when; without a gap nothing is read."""
    counts: Counter[str] = Counter()
    values: dict[str, dict[str, Decimal]] = {part: {} for part in _PARTS}
    deadlines: list[datetime] = []
    if any_left:
        with connect() as connection:
            bind_files(connection, "reconciliation", [run / "reconciliation.parquet"], "*")
            parameters = {"destination": destination, "as_of": as_of, "now": now}
            found = run_sql(connection, "report/recovery", parameters)
            names = [column[0] for column in found.description]
            for row in found.fetchall():
                line = dict(zip(names, row, strict=True))
                if line["next_deadline"] is not None:
                    deadlines.append(line["next_deadline"])
                for part in _PARTS:
                    counts[part] += line[part]
                    if line[f"{part}_value"] is not None:
                        values[part][line["currency"]] = line[f"{part}_value"]
    parts = {part: Amount(counts[part], values[part]) for part in _PARTS}
    return min(deadlines, default=None), parts
