"""What reports, explanations and queries say, as polars frames.

Instants are microseconds in UTC, days are dates, amounts are decimals of 38 digits, 18 of them
after the point: exact. A frame without rows has the same columns and types as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

import polars as pl
from duckdb.sqltypes import DuckDBPyType

from archiver.report.explanation import (
    Attempt,
    ConversionOccurrence,
    Delivery,
    ExplainedEvent,
    Explanation,
    FoundFinding,
    FoundIncident,
    FoundOccurrence,
    InBackfill,
    Status,
)
from archiver.report.formats import as_table
from archiver.report.model import Incident, Report
from archiver.warehouse.query import Rows

Schema = dict[str, pl.DataType]

INSTANT = pl.Datetime("us", "UTC")
AMOUNT = pl.Decimal(38, 18)
_PLAIN: dict[Any, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    bool: pl.Boolean(),
    datetime: INSTANT,
    date: pl.Date(),
    Decimal: AMOUNT,
}
# DuckDB's types that a frame has not, or not as what they are.
_AS_TEXT = frozenset({"bignum", "bit", "interval", "time with time zone", "union", "variant"})


def gaps_frame(report: Report) -> pl.DataFrame:
    """One row per destination, account day, event and currency, as `report --format parquet`."""
    return cast(pl.DataFrame, pl.from_arrow(as_table(report)))


_INCIDENTS: Schema = {
    "run_id": pl.String(),
    "as_of": INSTANT,
    "destination": pl.String(),
    "account_timezone": pl.String(),
    "diagnosis": pl.String(),
    "source": pl.String(),
    "code": pl.String(),
    "starts_at": INSTANT,
    "ends_at": INSTANT,
    "conversions": pl.Int64(),
    "values": pl.List(pl.Struct({"currency": pl.String(), "value": AMOUNT})),
    "ratio": pl.Decimal(18, 4),
    "is_open": pl.Boolean(),
    "first_safe_upload": INSTANT,
    "last_safe_upload": INSTANT,
}


def incidents_frame(report: Report) -> pl.DataFrame:
    """One row per incident of a run."""
    rows = [
        {
            "run_id": report.run.run_id,
            "as_of": report.run.as_of,
            "destination": part.destination,
            "account_timezone": part.account_timezone,
            **_incident(incident),
        }
        for part in report.destinations
        for incident in part.incidents
    ]
    return pl.DataFrame(rows, schema=_INCIDENTS, orient="row")


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "diagnosis": incident.diagnosis,
        "source": incident.source,
        "code": incident.code,
        "starts_at": incident.start,
        "ends_at": incident.end,
        "conversions": incident.conversions,
        "values": [
            {"currency": currency, "value": value} for currency, value in incident.values.items()
        ],
        "ratio": incident.ratio,
        "is_open": incident.is_open,
        "first_safe_upload": incident.first_safe_upload,
        "last_safe_upload": incident.last_safe_upload,
    }


def _polars_type(kind: Any) -> pl.DataType:
    """The type of a frame's column for what an attribute is annotated with."""
    if get_origin(kind) is UnionType:
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) in (list, tuple):
        return pl.List(_polars_type(get_args(kind)[0]))
    if is_dataclass(kind):
        return pl.Struct(_schema(kind))
    return _PLAIN[kind]


def _schema(kind: Any) -> Schema:
    hints = get_type_hints(kind)
    return {field.name: _polars_type(hints[field.name]) for field in fields(kind)}


_STATUS = ("status", "reason", "account_day", "value", "currency", "attempts", "resolved_outcome")
_STATUS_LAST = ("code", "match_tier", "backfill_deadline")


def _explanation_schema() -> Schema:
    status, delivery = _schema(Status), _schema_of_scalars()
    lists = {
        "occurrences": FoundOccurrence,
        "conversion_occurrences": ConversionOccurrence,
        "delivery_attempts": Attempt,
        "findings": FoundFinding,
        "incidents": FoundIncident,
        "backfills": InBackfill,
    }
    return {
        "id": pl.String(),
        "source": pl.String(),
        "message_id": pl.String(),
        "found_as": pl.List(pl.String()),
        **delivery,
        **{name: status[name] for name in (*_STATUS, *_STATUS_LAST)},
        "explanation": pl.String(),
        "next_step": pl.String(),
        "notes": pl.List(pl.String()),
        "run_id": pl.String(),
        "as_of": INSTANT,
        **{name: pl.List(pl.Struct(_schema(kind))) for name, kind in lists.items()},
    }


def _schema_of_scalars() -> Schema:
    hints = get_type_hints(Delivery)
    names = ("destination", "event", "event_id", "key_tier", "further_ids", "retry_ends_at")
    return {name: _polars_type(hints[name]) for name in names}


def explanation_frame(explanation: Explanation) -> pl.DataFrame:
    """One row per event and destination, and one per destination that names an unarchived id."""
    rows = [
        {"id": explanation.id, **row} for event in explanation.events for row in _event_rows(event)
    ]
    by_destination: dict[str, list[Attempt]] = {}
    for attempt in explanation.unarchived:
        by_destination.setdefault(attempt.destination, []).append(attempt)
    rows += [
        {
            "id": explanation.id,
            "destination": destination,
            "event_id": explanation.id,
            "explanation": "receipts name this id, and "
            + (
                "no conversion above has it"
                if explanation.events
                else "the archive has no such event"
            ),
            "delivery_attempts": [asdict(attempt) for attempt in attempts],
        }
        for destination, attempts in by_destination.items()
    ]
    schema = _explanation_schema()
    whole = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(whole, schema=schema, orient="row")


def _event_rows(event: ExplainedEvent) -> Iterator[dict[str, Any]]:
    known = {
        "source": event.source,
        "message_id": event.message_id,
        "found_as": list(dict.fromkeys(find.found_as for find in event.found_as)),
        "occurrences": [asdict(occurrence) for occurrence in event.occurrences],
    }
    if not event.deliveries:
        yield known
    for delivery in event.deliveries:
        status = vars(delivery.status) if delivery.status else {}
        yield {
            **known,
            **{name: getattr(delivery, name) for name in _schema_of_scalars()},
            **{name: status.get(name) for name in (*_STATUS, *_STATUS_LAST)},
            "explanation": delivery.explanation,
            "next_step": delivery.next_step,
            "notes": list(delivery.notes),
            "run_id": delivery.run.run_id if delivery.run else None,
            "as_of": delivery.run.as_of if delivery.run else None,
            "conversion_occurrences": [asdict(each) for each in delivery.occurrences],
            "delivery_attempts": [asdict(each) for each in delivery.attempts],
            "findings": [asdict(each) for each in delivery.findings],
            "incidents": [asdict(each) for each in delivery.incidents],
            "backfills": [asdict(each) for each in delivery.backfills],
        }


def rows_frame(rows: Rows) -> pl.DataFrame:
    """The rows of a query. What a frame cannot hold exactly comes as text, a VARIANT as its JSON.

    Whole numbers of more than 64 bits, such as sums of counts, are Int128.
    """
    relation = rows.relation
    if relation is None:
        return pl.DataFrame(list(rows), schema=rows.columns, orient="row", infer_schema_length=None)
    kinds: list[DuckDBPyType] = relation.types
    if any(map(_needs_text, kinds)):
        # By position, since names may repeat.
        relation = relation.project(
            ", ".join(
                f"{_text(position, kind)} AS {_quoted(name)}"
                for position, (name, kind) in enumerate(
                    zip(relation.columns, kinds, strict=True), 1
                )
            )
        )
    frame: pl.DataFrame = relation.pl()
    wide = [name for name, kind in zip(frame.columns, kinds, strict=True) if kind.id == "hugeint"]
    return frame.with_columns(pl.col(wide).cast(pl.Int128)) if wide else frame


def _needs_text(kind: DuckDBPyType) -> bool:
    if kind.id in _AS_TEXT:
        return True
    if kind.id not in ("list", "array", "struct", "map"):
        return False
    return any(isinstance(part, DuckDBPyType) and _needs_text(part) for _, part in kind.children)


def _text(position: int, kind: DuckDBPyType) -> str:
    if not _needs_text(kind):
        return f"#{position}"
    if "VARIANT" in str(kind):
        return f"CAST(CAST(#{position} AS JSON) AS VARCHAR)"
    return f"CAST(#{position} AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
