"""What a page shows beside the report: hours, codes, money at stake, backfills, quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, INSTANT, QUARANTINE, RECEIPTS, TEXT, VOIDED_BACKFILLS
from archiver.database import run as run_sql
from archiver.resources import sql
from archiver.warehouse.database import bind_files, bind_table, connect
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import INPUTS, RunRecord

_STRIPS = pa.schema(
    [
        ("strip", pa.int64()),
        ("destination", TEXT),
        ("source", TEXT),
        ("starts_at", INSTANT),
        ("ends_at", INSTANT),
    ]
)


@dataclass(frozen=True)
class Window:
    """A time by whose hours conversions are counted.

    Attributes:
        destination: whose.
        source: of this one only; None: of all.
        starts_at, ends_at: whole hours, UTC; the end is not part of it.
    """

    destination: str
    source: str | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Stake:
    """How much of a gap can still be sent, and how much is too old.

    Attributes:
        recoverable, expired: conversions.
        sendable: status → how many of it are young enough and have a usable time.
        recoverable_value, expired_value: currency → amount, of those that have one.
    """

    recoverable: int
    expired: int
    sendable: dict[str, int]
    recoverable_value: dict[str, Decimal]
    expired_value: dict[str, Decimal]


@dataclass(frozen=True)
class GapCode:
    """A code that decided for conversions in the gap.

    Attributes:
        outcome: what it means for a conversion: rejected, failed, unknown.
        values: currency → amount.
        first, last: arrivals of the first and the last of them, UTC; None: the run is of an
            earlier version.
    """

    code: str
    outcome: str
    conversions: int
    values: dict[str, Decimal]
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its figures.

    Attributes:
        stakes: per destination with a gap.
        codes: per destination, those of most conversions first.
        hours: per window, in their order: (hour, status) → conversions.
        backfills: per destination, backfill → conversions of the gap in it that nothing settled.
        quarantined: (kind, source or destination, reason) → bad records of the run's files.
    """

    stakes: dict[str, Stake]
    codes: dict[str, list[GapCode]]
    hours: list[dict[tuple[datetime, str], int]]
    backfills: dict[str, dict[str, int]]
    quarantined: dict[tuple[str, str, str], int]


def read_facts(
    archive: Archive,
    folder: Path,
    record: RunRecord,
    windows: Sequence[Window],
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Facts:
    """Read what the run's folder and the archive know.

    Args:
        archive: for backfills, receipts that settled them, and quarantine.
        folder: the run's folder.
        record: the run.
        windows: by whose hours conversions are counted.
        from_day: this account day and later ones only.
        to_day: this account day and earlier ones only.
    """
    parameters = {"as_of": record.as_of, "from_day": from_day, "to_day": to_day}
    with connect() as connection:
        bind_files(
            connection,
            "reconciliation",
            [folder / "reconciliation.parquet"],
            RUN_TABLES["reconciliation"],
            may_lack_columns=True,
        )
        return Facts(
            stakes=_stakes(_rows(connection, "report/at_stake", parameters)),
            codes=_codes(_rows(connection, "report/gap_codes", parameters)),
            hours=_hours(connection, windows),
            backfills=_backfills(connection, archive, parameters),
            quarantined=_quarantined(connection, archive, folder),
        )


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, Any]
) -> list[dict[str, Any]]:
    found = run_sql(connection, name, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _stakes(rows: list[dict[str, Any]]) -> dict[str, Stake]:
    found: dict[str, Stake] = {}
    for row in rows:
        known = found.get(row["destination"], Stake(0, 0, {}, {}, {}))
        status, currency = row["status"], row["currency"]
        sendable = known.sendable.get(status, 0) + row["sendable"]
        found[row["destination"]] = Stake(
            known.recoverable + row["recoverable"],
            known.expired + row["expired"],
            known.sendable | {status: sendable},
            _added(known.recoverable_value, currency, row["recoverable_value"]),
            _added(known.expired_value, currency, row["expired_value"]),
        )
    return found


def _added(
    values: dict[str, Decimal], currency: str | None, value: Decimal | None
) -> dict[str, Decimal]:
    if currency is None or value is None:
        return values
    return dict(sorted({**values, currency: values.get(currency, Decimal(0)) + value}.items()))


def _codes(rows: list[dict[str, Any]]) -> dict[str, list[GapCode]]:
    by_code: dict[str, dict[tuple[str, str], GapCode]] = {}
    for row in rows:
        key = row["code"], row["outcome"] or ""
        of_destination = by_code.setdefault(row["destination"], {})
        known = of_destination.get(
            key, GapCode(*key, 0, {}, row["first_arrival"], row["last_arrival"])
        )
        of_destination[key] = GapCode(
            *key,
            known.conversions + row["conversions"],
            _added(known.values, row["currency"], row["value"]),
            min(filter(None, (known.first, row["first_arrival"])), default=None),
            max(filter(None, (known.last, row["last_arrival"])), default=None),
        )
    return {
        name: sorted(codes.values(), key=lambda c: (-c.conversions, c.code, c.outcome))
        for name, codes in by_code.items()
    }


def _hours(
    connection: duckdb.DuckDBPyConnection, windows: Sequence[Window]
) -> list[dict[tuple[datetime, str], int]]:
    lines = [
        {
            "strip": number,
            **{name: getattr(window, name) for name in _STRIPS.names if name != "strip"},
        }
        for number, window in enumerate(windows)
    ]
    found: list[dict[tuple[datetime, str], int]] = [{} for _ in windows]
    if lines:
        connection.register("strips", pa.Table.from_pylist(lines, schema=_STRIPS))
        for row in _rows(connection, "report/incident_hours", {}):
            found[row["strip"]][row["hour"], row["status"]] = row["conversions"]
        connection.unregister("strips")
    return found


def _backfills(
    connection: duckdb.DuckDBPyConnection, archive: Archive, parameters: dict[str, Any]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    if not archive.exists(BACKFILLS):
        return found
    bind_table(connection, archive, BACKFILLS, "backfill_events")
    bind_table(connection, archive, VOIDED_BACKFILLS)
    bind_table(connection, archive, RECEIPTS)
    connection.execute(f"CREATE TEMP VIEW backfills AS {sql('tables/backfills')}")
    for row in _rows(connection, "report/open_backfills", parameters):
        found.setdefault(row["destination"], {})[row["backfill_id"]] = row["conversions"]
    return found


def _quarantined(
    connection: duckdb.DuckDBPyConnection, archive: Archive, folder: Path
) -> dict[tuple[str, str, str], int]:
    """Bad records of the files that the run was made from: later imports change nothing."""
    inputs = folder / "inputs.parquet"
    if not archive.exists(QUARANTINE) or not inputs.exists():
        return {}
    bind_table(connection, archive, QUARANTINE)
    bind_files(connection, "inputs", [inputs], INPUTS)
    return {
        (row["kind"], row["name"], row["reason"]): row["records"]
        for row in _rows(connection, "report/quarantined", {})
    }
