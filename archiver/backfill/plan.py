"""Decides which lost conversions can be sent again without counting anything twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from archiver import __version__, resources
from archiver.archive.store import Archive
from archiver.backfill.route import Route, has_verdicts, route_of
from archiver.backfill.void import free_id
from archiver.config import Config, DestinationSettings
from archiver.errors import UsageError
from archiver.reconcile.binding import dedup_window, max_age
from archiver.reconcile.run import Question, reconcile
from archiver.warehouse.database import bind_files, connect, write_table
from archiver.warehouse.publish import bind_archive
from archiver.warehouse.runs import read_run, runs_folder

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


TIERS = ("ambiguous", "rejected", "beyond-dedup")
"""What can be included beyond the confirmed losses."""

# What changes the bytes of a backfill, of a destination's settings.
_SETTINGS = (
    *("type", "preset", "event_source", "event_source_id", "integration", "pixel", "strict", "map"),
    *("upload_as", "max_events", "max_body_bytes", "base_url", "api_version", "token_env"),
)
_SQL = ("candidates", "listed_events", "listed_expired", "listed_left_out")
_POSITION = (
    "ROW_NUMBER() OVER (ORDER BY event_time, event_id, event, source, file_id, record_number) - 1"
)


@dataclass(frozen=True)
class Order:
    """What a backfill is asked.

    Attributes:
        question: destination, days and as-of, which is the instant of the export.
        include: tiers beyond the confirmed losses, of TIERS.
        force: also what is in an earlier, unsettled backfill.
        unverified: also to a destination that gives no verdicts.
        via: type of the hub that is to send the events again; None: straight to the destination.
    """

    question: Question
    include: frozenset[str] = frozenset()
    force: bool = False
    unverified: bool = False
    via: str | None = None


@dataclass
class Tally:
    """How many events, and worth how much.

    Attributes:
        events: how many.
        value: their amounts per currency, those that have one.
    """

    events: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)

    def add(self, events: int, currency: str | None, value: Decimal | None) -> None:
        """Count the events of one currency, worth that much together; None: without an amount."""
        self.events += events
        if currency is not None and value is not None:
            self.value[currency] = self.value.get(currency, Decimal(0)) + value


@dataclass(frozen=True)
class Plan:
    """What a backfill will hold.

    Attributes:
        backfill_id: hash of the run and of all that changes the bytes.
        run_id: the run whose gap it is.
        destination: its name in the configuration.
        settings: its settings.
        order: what was asked.
        route: the requests.
        candidates: Parquet file with the columns that `sql/backfill/candidates.sql` yields and
            `position`, from 0 in the order of event time; one row per conversion in the gap.
        tallies: per disposition, by name; what turns out to be unsendable is not known yet.
        earlier: the earlier backfills that some are left out for.
        rules: hash of the rules and erased ids that the run was made with.
    """

    backfill_id: str
    run_id: str
    destination: str
    settings: DestinationSettings
    order: Order
    route: Route
    candidates: Path
    tallies: dict[str, Tally]
    earlier: tuple[str, ...]
    rules: str

    def tally(self, disposition: str) -> Tally:
        """The candidates with this disposition."""
        return self.tallies.get(disposition, Tally())


def check_order(config: Config, order: Order) -> DestinationSettings:
    """The destination's settings, where the order can be carried out.

    Raises:
        UsageError: the destination gives no verdicts, and the order does not accept that.
    """
    name = order.question.destination
    if name is None:
        raise ValueError("a backfill is for one destination")
    settings = config.destination(name)
    if not has_verdicts(settings) and not order.unverified:
        raise UsageError(
            f"making a backfill for {name}",
            f"{settings.type} neither recognises a repeated event nor says that it took one: "
            "what is sent cannot be proven, nor taken back",
            "--unverified accepts that; --plan says what would go",
        )
    return settings


def plan(config: Config, archive: Archive, order: Order, scratch: Path) -> Plan:
    """Reconcile, and decide about every conversion in the gap. Hold both locks, and load before.

    Args:
        config: destinations and their settings.
        archive: events, receipts and the ledger of backfills.
        order: what is asked.
        scratch: a folder that lives as long as the plan, for the candidates.

    Raises:
        ConfigError: requests to the destination cannot be built, or its `event_source_id` is not
            set.
    """
    name = order.question.destination
    if name is None:
        raise ValueError("a backfill is for one destination")
    settings = config.destination(name)
    route = route_of(name, settings, order.via)
    run = reconcile(config, archive, order.question)
    record = read_run(run)
    backfill_id = free_id(archive, name, identity(record.run_id, name, settings, order))
    path = scratch / "candidates.parquet"
    with _bound(config, archive, run) as connection:
        query = f"SELECT *, {_POSITION} AS position FROM ({resources.sql('backfill/candidates')})"
        parameters = _parameters(settings, order, backfill_id)
        write_table(connection, f"{query} ORDER BY position", path, parameters)
        bind_files(connection, "candidates", [path], "*")
        found = tallies(connection, "FROM candidates")
        earlier = connection.execute(
            "SELECT DISTINCT earlier_backfill_id FROM candidates"
            " WHERE disposition = 'in_earlier_backfill' ORDER BY ALL"
        ).fetchall()
    return Plan(
        backfill_id=backfill_id,
        run_id=record.run_id,
        destination=name,
        settings=settings,
        order=order,
        route=route,
        candidates=path,
        tallies=found,
        earlier=tuple(earlier_id for (earlier_id,) in earlier),
        rules=record.rules[name],
    )


@contextmanager
def decided(
    config: Config, archive: Archive, plan: Plan, orders: Sequence[Order]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with what other orders would decide about the candidates of a plan.

    Args:
        config: as for the plan.
        archive: as for the plan.
        plan: what was decided.
        orders: what else could be asked; each as if it were to replace the planned backfill.

    Returns:
        It has the relations `candidates`, of the plan, and `decided_0` for the first order and so
        on, with `position` as in the plan, disposition, currency and value.
    """
    run = runs_folder(config.warehouse_path) / plan.run_id
    query = (
        f"SELECT {_POSITION} AS position, disposition, currency, value"
        f" FROM ({resources.sql('backfill/candidates')})"
    )
    with _bound(config, archive, run) as connection:
        bind_files(connection, "candidates", [plan.candidates], "*")
        for number, order in enumerate(orders):
            path = plan.candidates.with_name(f"decided_{number}.parquet")
            parameters = _parameters(plan.settings, order, plan.backfill_id)
            write_table(connection, query, path, parameters)
            bind_files(connection, f"decided_{number}", [path], "*")
        yield connection


@contextmanager
def _bound(config: Config, archive: Archive, run: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with what the candidates are made of; the run has one destination."""
    with connect(spill=config.warehouse_path / ".spill") as connection:
        bind_archive(connection, config, archive)
        bind_files(connection, "reconciliation", [run / "reconciliation.parquet"], "*")
        yield connection


def tallies(connection: duckdb.DuckDBPyConnection, candidates: str) -> dict[str, Tally]:
    """Per disposition, how many and how much.

    Args:
        connection: it has what the candidates are made of.
        candidates: `FROM` and a relation or query with disposition, currency and value.
    """
    rows = connection.execute(
        "SELECT disposition, CASE WHEN value IS NOT NULL THEN currency END AS currency,"
        f" COUNT(*) AS events, SUM(value) AS value {candidates} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    found: dict[str, Tally] = {}
    for disposition, currency, events, value in rows:
        found.setdefault(disposition, Tally()).add(events, currency, value)
    return found


def _parameters(settings: DestinationSettings, order: Order, backfill_id: str) -> dict[str, Any]:
    window = dedup_window(settings)
    return {
        "as_of": order.question.as_of,
        "backfill_id": backfill_id,
        "destination": order.question.destination,
        "pixel": settings.pixel or "none",
        "dedup_window_us": None if window is None else window // timedelta(microseconds=1),
        "include_rejected": "rejected" in order.include,
        "include_ambiguous": "ambiguous" in order.include,
        "include_beyond_dedup": "beyond-dedup" in order.include,
        "force": order.force,
    }


def identity(run_id: str, name: str, settings: DestinationSettings, order: Order) -> str:
    """The backfill's id: a hash of the run, the order, and all else that changes the bytes."""
    asked = {
        "run": run_id,
        "destination": name,
        "settings": {key: getattr(settings, key) for key in _SETTINGS},
        "max_age": str(max_age(settings)),
        "dedup_window": str(dedup_window(settings)),
        "include": sorted(order.include),
        "force": order.force,
        "unverified": order.unverified,
        "via": order.via,
        "sql": [resources.sql(f"backfill/{query}") for query in _SQL],
        "archiver": __version__,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
