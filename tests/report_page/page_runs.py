"""Kept runs of any size, written as a reconciliation would write them, without playing one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.config import Config, load_config
from archiver.report.model import GAP_PARTS
from archiver.warehouse.run_tables import COUNTS, RUN_TABLES
from archiver.warehouse.runs import INPUTS, Asked, RunRecord

AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)
RUN_ID = "945b053be99cad29"
_WINDOW = timedelta(days=7)
Line = dict[str, Any]


@dataclass
class PageRun:
    """A run in the making: conversions go in, the run's tables follow from them.

    Attributes:
        folder: of the configuration.
        destinations: name → account zone.
    """

    folder: Path
    destinations: dict[str, str] = field(default_factory=lambda: {"tiktok": "America/New_York"})
    reports: dict[str, str] = field(default_factory=dict)
    as_of: datetime = AS_OF
    run_id: str = RUN_ID
    newest_attempt: datetime | None = AS_OF
    previous: str | None = None
    lines: list[Line] = field(default_factory=list)
    incidents: list[Line] = field(default_factory=list)
    incident_values: list[Line] = field(default_factory=list)
    totals: list[Line] = field(default_factory=list)
    findings: list[Line] = field(default_factory=list)
    days: list[tuple[str, date, str]] = field(default_factory=list)

    def conversions(
        self,
        count: int,
        status: str,
        at: datetime,
        *,
        destination: str = "tiktok",
        event: str = "CompletePayment",
        value: str | None = "12.50",
        currency: str | None = "USD",
        code: str | None = None,
        outcome: str | None = None,
    ) -> None:
        """Conversions that arrived at an instant."""
        line = {
            "run_id": self.run_id,
            "destination": destination,
            "source": "web",
            "event": event,
            "account_day": at.date(),
            "event_time": at,
            "status": status,
            "value": None if value is None else Decimal(value),
            "currency": None if value is None else currency,
            "attempts": 1 if code else 0,
            "resolved_outcome": outcome,
            "code": code,
            "arrival": at,
            "backfill_deadline": at + _WINDOW,
        }
        self.lines += [line] * count

    def incident(self, diagnosis: str, start: datetime, end: datetime, **more: Any) -> None:
        """An incident of the first destination, unless another is named."""
        self.incidents.append(
            {
                "run_id": self.run_id,
                "destination": next(iter(self.destinations)),
                "starts_at": start,
                "ends_at": end,
                "diagnosis": diagnosis,
                "conversions": 0,
                "is_open": False,
                **more,
            }
        )

    def write(self) -> Path:
        """Keep the run, as the last one that was asked for; returns its folder."""
        run = self.folder / "data" / "warehouse" / "runs" / self.run_id
        run.mkdir(parents=True)
        tables: dict[str, Iterable[Line]] = {
            "reconciliation": self.lines,
            "incidents": self.incidents,
            "incident_values": self.incident_values,
            "daily_totals": self.totals,
            "findings": self.findings,
            "daily_gaps": self._daily_gaps(),
            "daily_values": self._daily_values(),
            "recovery_clock": self._clock(),
        }
        for name, schema in RUN_TABLES.items():
            pq.write_table(pa.Table.from_pylist([*tables[name]], schema), run / f"{name}.parquet")
        pq.write_table(INPUTS.empty_table(), run / "inputs.parquet")
        record = RunRecord(
            run_id=self.run_id,
            as_of=self.as_of,
            from_day=None,
            to_day=None,
            destinations=self.destinations,
            parameters={
                name: {
                    "coverage": "infer",
                    "reports": self.reports.get(name, "all"),
                    "totals_tolerance": "0.02",
                }
                for name in self.destinations
            },
            no_time=dict.fromkeys(self.destinations, 0),
            newest_attempts=dict.fromkeys(self.destinations, self.newest_attempt),
            newest_arrivals=dict.fromkeys(self.destinations, self.as_of),
            archiver_version="0.1.0",
        )
        (run / "run.json").write_bytes(msgspec.json.encode(record))
        before = dict.fromkeys(self.destinations, self.previous) if self.previous else {}
        number = 2 if self.previous else 1
        asked = Asked(number=number, first_asked_at=self.as_of, previous=before)
        (run / ".asked").write_bytes(msgspec.json.encode(asked))
        return run

    def _daily_gaps(self) -> list[Line]:
        found: dict[tuple[str, date, str], Line] = {}
        names: dict[str, set[str]] = {}
        for line in self.lines:
            names.setdefault(line["destination"], set()).add(line["event"])
        for destination, events in names.items():
            of = [ln["account_day"] for ln in self.lines if ln["destination"] == destination]
            for offset in range((max(of) - min(of)).days + 1):
                for event in sorted(events):
                    day = min(of) + timedelta(days=offset)
                    found[destination, day, event] = self._row(destination, day, event)
        for line in self.lines:
            row = found[line["destination"], line["account_day"], line["event"]]
            row[line["status"]] += 1
            if line["status"] != "suppressed":
                row["expected"] += 1
            if line["status"] in GAP_PARTS:
                row["gap"] += 1
                deadline = line["backfill_deadline"]
                if deadline < self.as_of:
                    row["expired"] += 1
                else:
                    row["recoverable"] += 1
                    row["backfill_deadline"] = min(row["backfill_deadline"] or deadline, deadline)
        return [*found.values()]

    def _row(self, destination: str, day: date, event: str) -> Line:
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=4)
        return {
            "run_id": self.run_id,
            "destination": destination,
            "day": day,
            "event": event,
            **dict.fromkeys(("expected", *COUNTS, "unarchived", "recoverable", "expired"), 0),
            "backfill_deadline": None,
            "provisional": end > self.as_of,
        }

    def _daily_values(self) -> list[Line]:
        found: dict[tuple[Any, ...], Line] = {}
        for line in self.lines:
            if line["value"] is None:
                continue
            key = tuple(line[n] for n in ("destination", "account_day", "event", "currency"))
            row = found.setdefault(
                key,
                {
                    "run_id": self.run_id,
                    **dict(zip(("destination", "day", "event", "currency"), key, strict=True)),
                    **dict.fromkeys(("expected", *COUNTS), Decimal(0)),
                },
            )
            row[line["status"]] += line["value"]
            if line["status"] != "suppressed":
                row["expected"] += line["value"]
            if line["status"] in GAP_PARTS:
                row["gap"] += line["value"]
        return [*found.values()]

    def _clock(self) -> list[Line]:
        found: dict[tuple[Any, ...], Line] = {}
        for line in self.lines:
            deadline = line["backfill_deadline"]
            is_sendable = line["status"] in GAP_PARTS and line["status"] != "conflict"
            if not is_sendable or deadline < self.as_of:
                continue
            hour = deadline.replace(minute=0, second=0, microsecond=0)
            key = line["destination"], line["account_day"], hour, line["currency"]
            names = ("destination", "day", "deadline_hour", "currency")
            blank = {"run_id": self.run_id, "conversions": 0, "value": None}
            row = found.setdefault(key, {**blank, **dict(zip(names, key, strict=True))})
            row["conversions"] += 1
            if line["value"] is not None:
                row["value"] = (row["value"] or Decimal(0)) + line["value"]
        return [*found.values()]


def configure(
    folder: Path, destinations: dict[str, str], more: str = "", *, reports: str = "all"
) -> Config:
    """A configuration with these destinations, each in its zone."""
    import json

    text = '[archive]\nroot = "data/archive"\n[warehouse]\npath = "data/warehouse"\n'
    text += '[sources.web]\npaths = ["inbound/*"]\n'
    for name, zone in destinations.items():
        key = json.dumps(name, ensure_ascii=False)
        text += (
            f'[destinations.{key}]\ntype = "tiktok-events"\nsources = ["web"]\n'
            f'event_source_id = "P"\npixel = "none"\naccount_timezone = "{zone}"\n'
            f'reports = "{reports}"\nreceipts = ["receipts/*"]\n'
        )
    path = folder / "archiver.toml"
    path.write_text(text + more, encoding="utf-8")
    return load_config(path, {})


def long_run(folder: Path, days: int, destinations: int, *, each: int = 40) -> PageRun:
    """Many days at many destinations: some outages, some refusals, several event names."""
    chance = random.Random(7)
    zones = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC", "Pacific/Auckland")
    names = [f"destination-{number:02}" for number in range(1, destinations + 1)]
    run = PageRun(folder, {name: zones[i % 5] for i, name in enumerate(names)})
    first = AS_OF - timedelta(days=days)
    for name in names:
        outages = set(chance.sample(range(days), max(1, days // 60)))
        for number in range(days):
            for event in ("CompletePayment", "AddToCart", "Subscribe"):
                at = first + timedelta(days=number, hours=chance.randrange(3))
                more: Line = {"destination": name, "event": event}
                if number in outages:
                    run.conversions(each, "failed", at, code="40100", outcome="failed", **more)
                    continue
                run.conversions(each, "accepted", at, **more)
                if chance.random() < 0.1:
                    run.conversions(1, "rejected", at, code="40002", outcome="rejected", **more)
                if chance.random() < 0.02:
                    run.conversions(each // 2, "unknown", at, **more)
        for number in outages:
            start = first + timedelta(days=number)
            run.incident(
                "delivery_outage",
                start,
                start + timedelta(hours=3),
                destination=name,
                conversions=3 * each,
                code="40100",
                ratio=Decimal("0.0"),
            )
    return run
