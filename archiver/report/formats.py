"""The report for scripts: JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.tables import AMOUNT, INSTANT
from archiver.report.model import (
    FINDINGS,
    DailyTotal,
    DestinationReport,
    Incident,
    Report,
    Row,
)
from archiver.report.recovery import clock_json, without_deadline_json
from archiver.texts import amount_text, instant_text
from archiver.warehouse.run_tables import COUNTS

_COUNT_ORDER = (
    "expected",
    "accepted",
    "pending",
    "unknown",
    "gap",
    "missing",
    "failed",
    "rejected",
    "ambiguous",
    "conflict",
    "suppressed",
    "unarchived",
)


def as_json(report: Report) -> dict[str, Any]:
    """The report in the shape of DESIGN §8; a finding that the run did not look for is null."""
    return {
        "run_id": report.run.run_id,
        "as_of": instant_text(report.run.as_of),
        "destinations": [_destination(part) for part in report.destinations],
    }


def _destination(part: DestinationReport) -> dict[str, Any]:
    totals = part.totals
    return {
        "destination": part.destination,
        "account_timezone": part.account_timezone,
        "totals": {
            **{name: totals.counts[name] for name in _COUNT_ORDER},
            "value": _values(totals),
            "recoverable": totals.counts["recoverable"],
            "expired": totals.counts["expired"],
            "backfill_deadline": instant_text(totals.backfill_deadline),
            "no_time": part.findings["no_time"],
        },
        "days": [_row(row) for row in part.days],
        "recovery_clock": clock_json(part.clock),
        "without_deadline": without_deadline_json(part.clock),
        "incidents": [_incident(incident) for incident in part.incidents],
        "findings": {name: part.findings.get(name) for name in FINDINGS},
        "totals_by_day": [_daily_total(total) for total in part.daily_totals],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "day": row.day.isoformat() if row.day else None,
        "event": row.event,
        **{name: row.counts[name] for name in _COUNT_ORDER},
        "value": _values(row),
        "recoverable": row.counts["recoverable"],
        "expired": row.counts["expired"],
        "backfill_deadline": instant_text(row.backfill_deadline),
        "provisional": row.provisional,
    }


def _values(row: Row) -> dict[str, dict[str, str]]:
    return {
        currency: {term: amount_text(amount) for term, amount in terms.items()}
        for currency, terms in row.values.items()
    }


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "start": instant_text(incident.start),
        "end": instant_text(incident.end),
        "diagnosis": incident.diagnosis,
        "conversions": incident.conversions,
        "value": {currency: amount_text(v) for currency, v in incident.values.items()},
        "source": incident.source,
        "code": incident.code,
        "ratio": None if incident.ratio is None else f"{incident.ratio:.4f}",
        "is_open": incident.is_open,
        "first_safe_upload": instant_text(incident.first_safe_upload),
        "last_safe_upload": instant_text(incident.last_safe_upload),
    }


def _daily_total(total: DailyTotal) -> dict[str, Any]:
    return {
        **asdict(total),
        "day": total.day.isoformat(),
        "tolerance": amount_text(total.tolerance),
        "unattributable": True,
    }


def json_text(report: Report) -> str:
    """The JSON document, the same bytes for the same run."""
    return json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n"


_FIXED = (
    "run_id",
    "as_of",
    "destination",
    "day",
    "event",
    "currency",
    *_COUNT_ORDER,
    "recoverable",
    "expired",
    "backfill_deadline",
    "provisional",
)
_VALUES = ("expected", *COUNTS)


def _lines(report: Report) -> list[dict[str, Any]]:
    """One line per destination, day, event and currency, the currency empty where none occurs.

    Counts stand on the first line of a day and event only, so that a sum over lines is right.
    """
    lines = []
    for part in report.destinations:
        for row in part.days:
            currencies: list[str | None] = [*row.values] or [None]
            for index, currency in enumerate(currencies):
                terms = row.values[currency] if currency else {}
                counts = row.counts if index == 0 else dict.fromkeys(row.counts)
                lines.append(
                    {
                        "run_id": report.run.run_id,
                        "as_of": report.run.as_of,
                        "destination": part.destination,
                        "day": row.day,
                        "event": row.event,
                        "currency": currency,
                        **{name: counts[name] for name in _COUNT_ORDER},
                        "recoverable": counts["recoverable"],
                        "expired": counts["expired"],
                        "backfill_deadline": row.backfill_deadline,
                        "provisional": row.provisional,
                        **{f"value_{term}": terms.get(term) for term in _VALUES},
                    }
                )
    return lines


def csv_text(report: Report) -> str:
    """One line per destination, day, event and currency."""
    out = io.StringIO()
    names = [*_FIXED, *(f"value_{term}" for term in _VALUES)]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for line in _lines(report):
        writer.writerow({name: cell(value) for name, value in line.items()})
    return out.getvalue()


def cell(value: Any) -> Any:
    """A value as CSV has it: exact amounts, instants in UTC, `true` and `false`."""
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def as_table(report: Report) -> pa.Table:
    """The lines of the CSV, typed."""
    counts = {*_COUNT_ORDER, "recoverable", "expired"}
    fields: list[tuple[str, pa.DataType]] = []
    for name in _FIXED:
        kind = pa.string()
        if name in counts:
            kind = pa.int64()
        elif name in ("as_of", "backfill_deadline"):
            kind = INSTANT
        elif name == "day":
            kind = pa.date32()
        elif name == "provisional":
            kind = pa.bool_()
        fields.append((name, kind))
    fields += [(f"value_{term}", AMOUNT) for term in _VALUES]
    return pa.Table.from_pylist(_lines(report), schema=pa.schema(fields))


def write_parquet(report: Report, path: Path) -> None:
    """The lines of the CSV, typed."""
    pq.write_table(as_table(report), path)
