"""Decides which lost conversions can be sent again without counting anything twice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from archiver import __version__, resources
from archiver.archive.store import Archive
from archiver.config import Config, DestinationSettings
from archiver.destinations import request_builder
from archiver.destinations.base import RequestBuilder
from archiver.errors import ConfigError
from archiver.reconcile.binding import dedup_window
from archiver.reconcile.run import Question, reconcile
from archiver.warehouse.database import connect, create
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.runs import read_run

# Why a conversion in the gap is not in the backfill, and what could be done.
LEFT_OUT = {
    "suppressed": "an occurrence of it says that it must not be delivered",
    "accepted_since": "the destination accepted it after the as-of",
    "conflict": "one id stands for different contents: decide by hand which is right",
    "rejected": "the destination refused it: repair the cause, then --include rejected",
    "ambiguous": "an attempt may have landed: --include ambiguous if counting twice is the lesser "
    "harm",
    "in_earlier_backfill": "it is in an earlier backfill that no receipt has settled: import the "
    "replies, or --force",
    "no_time": "it has no usable time, and none is made up",
    "pixel_other_id": "the browser pixel may have counted it under another id: --include "
    "beyond-dedup",
    "beyond_dedup": "the destination no longer recognises a repeated event: --include beyond-dedup",
    "unsendable": "no request can be made of it that is true to it",
}


@dataclass(frozen=True)
class Order:
    """What a backfill is asked.

    Attributes:
        question: destination, days and as-of, which is the instant of the export.
        include: tiers beyond the confirmed losses, `ambiguous`, `rejected`, `beyond-dedup`.
        force: also what is in an earlier, unsettled backfill.
    """

    question: Question
    include: frozenset[str] = frozenset()
    force: bool = False


@dataclass
class Candidate:
    """One conversion in the gap, and what is done with it.

    Attributes: as `sql/backfill/candidates.sql` yields them; `disposition` is `send`, `expired`,
        or a key of LEFT_OUT.
    """

    event_id: str
    event: str
    source: str
    message_id: str
    file_id: str
    record_number: int
    account_day: Any
    arrival: datetime
    event_time: datetime | None
    status: str
    code: str | None
    attempts: int
    value: Decimal | None
    currency: str
    backfill_deadline: datetime | None
    earlier_backfill_id: str | None
    is_within_dedup: bool
    disposition: str

    @property
    def why_safe(self) -> str:
        """Why sending it counts nothing twice, or which risk was accepted."""
        window = (
            "inside the de-duplication window"
            if self.is_within_dedup
            else "beyond the de-duplication window"
        )
        if self.status == "missing":
            return f"no attempt in a covered time; {window}"
        if self.status == "failed":
            return f"none of {self.attempts} attempts was taken (last code {self.code}); {window}"
        if self.status == "rejected":
            return f"refused with code {self.code}, included on request; {window}"
        return f"may have landed, included on request; {window}"


@dataclass
class Plan:
    """What a backfill will hold.

    Attributes:
        backfill_id: hash of the run and of what was asked.
        run_id: the run whose gap it is.
        candidates: every conversion in the gap, by event time.
    """

    backfill_id: str
    run_id: str
    destination: str
    settings: DestinationSettings
    order: Order
    candidates: list[Candidate]

    def chosen(self, disposition: str) -> list[Candidate]:
        """The candidates with this disposition."""
        return [c for c in self.candidates if c.disposition == disposition]

    def left_out(self) -> dict[str, int]:
        """Reason → how many are left out for it."""
        counts = Counter(c.disposition for c in self.candidates)
        return {name: counts[name] for name in LEFT_OUT if counts[name]}


def sum_values(candidates: Iterable[Candidate]) -> dict[str, Decimal]:
    """Amounts per currency."""
    sums: dict[str, Decimal] = {}
    for candidate in candidates:
        if candidate.value is not None:
            sums[candidate.currency] = sums.get(candidate.currency, Decimal(0)) + candidate.value
    return dict(sorted(sums.items()))


def plan(config: Config, archive: Archive, order: Order) -> Plan:
    """Reconcile, and decide about every conversion in the gap. Hold both locks, and load before.

    Raises:
        ConfigError: requests to the destination cannot be built, or its `event_source_id` is not
            set.
    """
    name = order.question.destination
    if name is None:
        raise ValueError("a backfill is for one destination")
    settings = config.destination(name)
    builder(name, settings)
    if not settings.event_source_id:
        raise ConfigError(
            f"planning a backfill for {name}",
            f"destinations.{name}.event_source_id is missing",
            "set it to the account's id for the event source, such as the pixel code",
        )
    run = reconcile(config, archive, order.question)
    run_id = read_run(run).run_id
    backfill_id = _backfill_id(run_id, name, settings, order)
    with connect(spill=config.warehouse_path / ".spill") as connection:
        bind_archive(connection, config, archive)
        _bind_run(connection, run, name)
        create(
            connection,
            "candidates",
            "backfill/candidates",
            {
                "as_of": order.question.as_of,
                "backfill_id": backfill_id,
                "pixel": settings.pixel or "none",
                "dedup_window_us": _microseconds(dedup_window(settings)),
                "include_rejected": "rejected" in order.include,
                "include_ambiguous": "ambiguous" in order.include,
                "include_beyond_dedup": "beyond-dedup" in order.include,
                "force": order.force,
            },
        )
        rows = connection.sql(
            "SELECT * FROM candidates ORDER BY event_time, event_id, event, file_id, record_number"
        ).to_arrow_table()
    return Plan(
        backfill_id=backfill_id,
        run_id=run_id,
        destination=name,
        settings=settings,
        order=order,
        candidates=[Candidate(**row) for row in rows.to_pylist()],
    )


def builder(name: str, settings: DestinationSettings) -> RequestBuilder:
    """What builds a destination's requests.

    Raises:
        ConfigError: nothing does, for its type with its preset.
    """
    found = request_builder(settings.type, settings.preset)
    if found is None:
        raise ConfigError(
            f"planning a backfill for {name}",
            f"archiver cannot build requests of type {settings.type} with preset "
            f"{settings.preset!r} yet",
            "the events to send again, with ids and amounts, are those of the last run in the "
            "table reconciliation with status missing or failed: archiver sql",
        )
    return found


def _bind_run(connection: duckdb.DuckDBPyConnection, run: Path, destination: str) -> None:
    connection.execute(
        "CREATE TEMP TABLE reconciliation AS"
        " SELECT * FROM read_parquet($path) WHERE destination = $destination",
        {"path": str(run / "reconciliation.parquet"), "destination": destination},
    )


def _microseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(microseconds=1)


def _backfill_id(run_id: str, name: str, settings: DestinationSettings, order: Order) -> str:
    asked = [
        run_id,
        name,
        settings.pixel,
        settings.event_source,
        settings.event_source_id,
        settings.preset,
        str(dedup_window(settings)),
        sorted(order.include),
        order.force,
        resources.sql("backfill/candidates"),
        __version__,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
