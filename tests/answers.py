"""What a run keeps, read back in the oracle's words, and compared with what the oracle says."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import oracle
import pyarrow.parquet as pq
from support import IMPORTED_AT
from worlds import NAME, UPLOADS, World

from archiver.archive import receive as receiving
from archiver.archive.store import Archive
from archiver.cli.main import run
from archiver.config import load_config
from archiver.inbound.paths import named_paths
from archiver.receipts.base import ReceiptSettings
from archiver.receipts.generic import GenericNdjson
from archiver.reconcile.binding import UPLOAD_LOG

TERMS = (*oracle.STATUSES, "gap", "expected")
_FINDING = ("finding", "source", "message_id", "event_id", "event", "account_day")
_TOTAL = (
    *("expected", "pending", "delivered", "received", "attributed", "compared_with"),
    *("difference", "is_over_tolerance", "provisional"),
)
_CONVERSION = (
    *("source", "message_id", "event_id", "event", "account_day", "event_time", "arrival"),
    *("status", "reason", "value", "currency", "attempts", "resolved_outcome", "code"),
    *("match_tier", "backfill_deadline"),
)
Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Answer:
    """What `reconcile` kept, in the oracle's words.

    `places`: event id, event, file and record of each conversion.
    """

    exit_code: int
    conversions: Counter[tuple[Any, ...]]
    places: Counter[tuple[Any, ...]]
    days: dict[Any, dict[str, Any]]
    values: dict[Any, dict[str, Decimal]]
    clock: dict[Any, Any]
    incidents: list[oracle.Incident]
    daily_totals: dict[Any, dict[str, Any]]
    findings: Counter[tuple[Any, ...]]
    newest_attempt: datetime | None

    def totals(self) -> Counter[str]:
        """Conversions of each status over all rows."""
        return Counter({term: sum(row[term] for row in self.days.values()) for term in TERMS})

    def figures(self) -> tuple[Any, ...]:
        """Everything in the report: day rows, values, incidents, totals, findings."""
        rows = {
            key: {name: value for name, value in row.items() if name != "run_id"}
            for key, row in self.days.items()
        }
        return rows, self.values, self.clock, self.incidents, self.daily_totals, self.findings


def answer(world: World, folder: Path, run: Run = run) -> Answer:
    """Put the world into files and ask the program."""
    world.write(folder)
    config = ["--config", str(folder / "archiver.toml")]
    assert run([*config, "ingest"]) == 0
    assert run([*config, "receipts"]) == 0
    if any(file.is_upload for file in world.feed):
        import_uploads(folder)
    for vouched in world.vouched:
        covers = ["receipts", "--destination", NAME, "--covers", vouched.text]
        assert run([*config, *covers]) == 0
    question = ["--as-of", world.as_of.isoformat()]
    question += ["--from", str(world.from_day)] if world.from_day else []
    question += ["--to", str(world.to_day)] if world.to_day else []
    with patch("archiver.warehouse.publish.publish"):  # Nobody looks at the published warehouse.
        exit_code = run([*config, "reconcile", *question])
    assert exit_code in (0, 3)
    (kept,) = (folder / "warehouse" / "runs").glob("[!.]*")
    tables = {path.stem: pq.read_table(path).to_pylist() for path in kept.glob("*.parquet")}
    record = json.loads((kept / "run.json").read_text())
    newest = record["newest_attempts"][NAME]
    return Answer(
        exit_code=exit_code,
        conversions=_rows(tables["reconciliation"], _CONVERSION),
        places=_rows(tables["reconciliation"], ("event_id", "event", "file_id", "record_number")),
        days={(row["day"], row["event"]): row for row in tables["daily_gaps"]},
        values={
            (row["day"], row["event"], row["currency"]): {term: row[term] for term in TERMS}
            for row in tables["daily_values"]
        },
        clock={
            (row["day"], row["deadline_hour"], row["currency"]): (row["conversions"], row["value"])
            for row in tables["recovery_clock"]
        },
        incidents=_incidents(tables["incidents"], tables["incident_values"]),
        daily_totals={
            (row["day"], row["event"]): {name: row[name] for name in _TOTAL}
            for row in tables["daily_totals"]
        },
        findings=_rows(tables["findings"], _FINDING),
        newest_attempt=newest and datetime.fromisoformat(newest),
    )


class _UploadedRows(GenericNdjson):
    """What an upload logs, in the words of these worlds."""

    name = UPLOAD_LOG


def import_uploads(folder: Path) -> None:
    """Import the logs of uploads."""
    config = load_config(folder / "archiver.toml", {})
    paths = named_paths([str(folder / UPLOADS)], folder, io.BytesIO())
    kind = replace(receiving._KIND, choose=lambda *_: _UploadedRows())
    with patch.object(receiving, "_KIND", kind):
        settings = ReceiptSettings(NAME, "tiktok-events")
        results = receiving.receive(Archive(config.archive_root), settings, paths, IMPORTED_AT)
    assert all(result.error is None for result in results)


def expected(world: World, result: oracle.Result | None = None) -> Answer:
    """What the oracle says, in the same form."""
    result = result or world.expect()
    first, last = world.from_day, world.to_day
    conversions = [
        c
        for c in result.conversions
        if (first or c.account_day) <= c.account_day <= (last or c.account_day)
    ]
    return Answer(
        exit_code=3 if result.is_over_threshold else 0,
        conversions=Counter(
            (
                c.first.source,
                c.first.message_id,
                c.event_id,
                c.name,
                c.account_day,
                c.first.event_time,
                c.arrival,
                c.status,
                c.reason,
                c.first.value,
                c.first.currency or oracle.NO_CURRENCY,
                len(c.receipts),
                c.outcome,
                c.deciding.code if c.deciding else None,
                c.match_tier,
                c.deadline,
            )
            for c in conversions
        ),
        places=Counter(
            (c.event_id, c.name, c.first.file_id, c.first.record_number) for c in conversions
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
        clock=result.clock,
        incidents=result.incidents,
        daily_totals={key: asdict(row) for key, row in result.totals.items()},
        findings=Counter(tuple(asdict(f)[name] for name in _FINDING) for f in result.findings),
        newest_attempt=result.newest_attempt,
    )


def check(world: World, folder: Path, result: oracle.Result | None = None) -> Answer:
    """Both must say the same; differences are shown, not whole worlds."""
    ours, theirs = answer(world, folder), expected(world, result)
    _same_rows(ours.conversions, theirs.conversions)
    _same_rows(ours.places, theirs.places)
    _same_tables(ours.days, theirs.days)
    _same_tables(ours.values, theirs.values)
    assert ours.clock == theirs.clock
    _same_rows(Counter(ours.incidents), Counter(theirs.incidents))
    _same_tables(ours.daily_totals, theirs.daily_totals)
    _same_rows(ours.findings, theirs.findings)
    assert ours.newest_attempt == theirs.newest_attempt
    assert ours.exit_code == theirs.exit_code
    return ours


def _rows(table: list[dict[str, Any]], names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in names) for row in table)


def _incidents(rows: list[dict[str, Any]], values: list[dict[str, Any]]) -> list[oracle.Incident]:
    key = ("starts_at", "diagnosis", "source", "code")
    sums: dict[Any, list[tuple[str, Decimal]]] = {}
    for row in values:
        sums.setdefault(tuple(row[name] for name in key), []).append(
            (row["currency"], row["value"])
        )
    return [
        oracle.Incident(
            diagnosis=row["diagnosis"],
            start=row["starts_at"],
            end=row["ends_at"],
            is_open=row["is_open"],
            conversions=row["conversions"],
            values=tuple(sorted(sums.get(tuple(row[name] for name in key), []))),
            source=row["source"],
            code=row["code"],
            ratio=row["ratio"] and Decimal(str(row["ratio"])).quantize(Decimal("0.0001")),
            first_safe_upload=row["first_safe_upload"],
            last_safe_upload=row["last_safe_upload"],
        )
        for row in rows
    ]


def _same_rows(ours: Counter[Any], theirs: Counter[Any]) -> None:
    assert sorted((ours - theirs).items(), key=repr) == sorted((theirs - ours).items(), key=repr)


def _same_tables(ours: dict[Any, dict[str, Any]], theirs: dict[Any, dict[str, Any]]) -> None:
    assert ours.keys() == theirs.keys()
    for key, row in theirs.items():
        assert {name: ours[key][name] for name in row} == row, key
