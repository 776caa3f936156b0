"""What a run keeps, read back in the oracle's words, and compared with what the oracle says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracle
import pyarrow.parquet as pq
from worlds import NAME, World

from archiver.cli.main import run

TERMS = (*oracle.STATUSES, "gap", "expected")
Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Answer:
    """What `reconcile` kept, in the oracle's words."""

    exit_code: int
    conversions: Counter[tuple[Any, ...]]
    days: dict[Any, dict[str, Any]]
    values: dict[Any, dict[str, Decimal]]
    incidents: list[oracle.Incident]
    no_time: int
    newest_attempt: datetime | None

    def totals(self) -> Counter[str]:
        """Conversions of each status over all rows."""
        return Counter({term: sum(row[term] for row in self.days.values()) for term in TERMS})

    def figures(self) -> tuple[Any, ...]:
        """Everything in the report: day rows, values, incidents."""
        rows = {
            key: {name: value for name, value in row.items() if name != "run_id"}
            for key, row in self.days.items()
        }
        return rows, self.values, self.incidents, self.no_time


def answer(world: World, folder: Path, run: Run = run) -> Answer:
    """Put the world into files and ask the program."""
    world.write(folder)
    config = ["--config", str(folder / "archiver.toml")]
    assert run([*config, "ingest"]) == 0
    assert run([*config, "receipts"]) == 0
    for vouched in world.vouched:
        covers = ["receipts", "--destination", NAME, "--covers", vouched.text]
        assert run([*config, *covers]) == 0
    question = ["--as-of", world.as_of.isoformat()]
    question += ["--from", str(world.from_day)] if world.from_day else []
    question += ["--to", str(world.to_day)] if world.to_day else []
    exit_code = run([*config, "reconcile", *question])
    (kept,) = (folder / "warehouse" / "runs").glob("[!.]*")
    tables = {path.stem: pq.read_table(path).to_pylist() for path in kept.glob("*.parquet")}
    record = json.loads((kept / "run.json").read_text())
    sums: dict[Any, list[tuple[str, Decimal]]] = {}
    for row in tables["incident_values"]:
        key = row["starts_at"], row["diagnosis"]
        sums.setdefault(key, []).append((row["currency"], row["value"]))
    newest = record["newest_attempts"][NAME]
    return Answer(
        exit_code=exit_code,
        conversions=Counter(
            (
                row["source"],
                row["event_id"],
                row["event"],
                row["account_day"],
                row["event_time"],
                row["status"],
                row["reason"] if row["status"] in ("suppressed", "accepted") else None,
                row["value"],
                row["currency"],
                row["attempts"],
                row["resolved_outcome"],
                row["code"],
                row["backfill_deadline"],
            )
            for row in tables["reconciliation"]
        ),
        days={(row["day"], row["event"]): row for row in tables["daily_gaps"]},
        values={
            (row["day"], row["event"], row["currency"]): {term: row[term] for term in TERMS}
            for row in tables["daily_values"]
        },
        incidents=[
            oracle.Incident(
                diagnosis=row["diagnosis"],
                start=row["starts_at"],
                end=row["ends_at"],
                conversions=row["conversions"],
                values=tuple(sorted(sums.get((row["starts_at"], row["diagnosis"]), []))),
            )
            for row in tables["incidents"]
        ],
        no_time=record["no_time"][NAME],
        newest_attempt=newest and datetime.fromisoformat(newest),
    )


def expected(world: World) -> Answer:
    """What the oracle says, in the same form."""
    result = world.expect()
    first, last = world.from_day, world.to_day
    zone = world.settings.account_timezone
    return Answer(
        exit_code=3 if result.is_over_threshold else 0,
        conversions=Counter(
            (
                c.source,
                c.event_id,
                c.name,
                c.account_day,
                c.event_time,
                c.status,
                c.reason if c.status in ("suppressed", "accepted") else None,
                c.value,
                c.currency or oracle.NO_CURRENCY,
                len(c.receipts),
                c.outcome,
                c.deciding.code if c.deciding else None,
                c.deadline,
            )
            for c in result.conversions
            if (first or c.account_day) <= c.account_day <= (last or c.account_day)
        ),
        days={
            key: {
                **{term: row.counts[term] for term in TERMS},
                **{term: row.counts[term] for term in ("unarchived", "recoverable", "expired")},
                "backfill_deadline": row.deadline,
                "provisional": row.provisional,
            }
            for key, row in result.days.items()
        },
        values={
            (*key, currency): {term: sums[term] or Decimal(0) for term in TERMS}
            for key, row in result.days.items()
            for currency, sums in row.values.items()
        },
        incidents=[
            i
            for i in result.incidents
            if first is None
            or last is None
            or (oracle.day_in(zone, i.end) >= first and oracle.day_in(zone, i.start) <= last)
        ],
        no_time=result.no_time,
        newest_attempt=result.newest_attempt,
    )


def check(world: World, folder: Path) -> Answer:
    """Both must say the same; differences are shown, not whole worlds."""
    ours, theirs = answer(world, folder), expected(world)
    assert sorted((ours.conversions - theirs.conversions).items(), key=repr) == sorted(
        (theirs.conversions - ours.conversions).items(), key=repr
    )
    assert ours.days.keys() == theirs.days.keys()
    for key, row in theirs.days.items():
        assert {k: ours.days[key][k] for k in row} == row, key
    assert ours.values.keys() == theirs.values.keys()
    for key, sums in theirs.values.items():
        assert ours.values[key] == sums, key
    assert ours.incidents == theirs.incidents
    assert (ours.no_time, ours.newest_attempt) == (theirs.no_time, theirs.newest_attempt)
    assert ours.exit_code == theirs.exit_code
    return ours
