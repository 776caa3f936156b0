"""A small warehouse in memory, made of rows, for the tests of `explain`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from archiver.config import load_config
from archiver.report.explain import explain
from archiver.report.explanation import Delivery, Explanation
from archiver.warehouse.database import connect
from archiver.warehouse.runs import RunRecord

RELATIONS = Path(__file__).parents[1] / "sql" / "relations.sql"
AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)
AT = "2026-01-15T12:00:00Z"
CONFIG = """\
[sources.web]
[sources.app]
[destinations.tiktok]
type = "tiktok-events"
sources = ["web"]
event_source_id = "PIXEL"
pixel = "none"
account_timezone = "America/New_York"
[[destinations.tiktok.rules]]
event = "Internal Order"
ignore = true
"""
Row = dict[str, Any]


def run_record(run_id: str = "run", as_of: datetime = AS_OF, **more: Any) -> RunRecord:
    """A run of the one destination, judged with a retry window of four hours."""
    days: dict[str, date | None] = {"from_day": None, "to_day": None}
    return RunRecord(
        run_id=run_id,
        as_of=as_of,
        **(days | more),
        destinations={"tiktok": "America/New_York"},
        parameters={"tiktok": {"retry_window": "4:00:00"}},
        no_time={},
        newest_attempts={},
        newest_arrivals={},
        archiver_version="0",
    )


class Warehouse:
    """Rows by relation; the defaults of `tests/sql/relations.sql` are the usual row."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        path = folder / "archiver.toml"
        path.write_text(config)
        self.config = load_config(path, {})
        self.connection: duckdb.DuckDBPyConnection = connect()
        self.connection.execute(RELATIONS.read_text())

    def add(self, relation: str, *rows: Row) -> None:
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" for _ in row)
            self.connection.execute(
                f"INSERT INTO {relation} ({names}) VALUES ({marks})", list(row.values())
            )

    def order(self, message_id: str, **more: Any) -> None:
        """An archived order of `web`, which is a conversion under its message id."""
        row = {"record_number": len(self.rows("event_segments")), "arrival": AT, "event_time": AT}
        row |= {"message_id": message_id, "order_id": f"order of {message_id}"}
        row |= {"value": "12.5", "currency": "USD"} | more
        keyed = {name: row.pop(name) for name in ("suppressed_reason", "event_id") if name in row}
        self.add("event_segments", row | {"received_at": row["arrival"]})
        self.add(
            "conversion_occurrences",
            {"event_id": message_id, "content_time": row["event_time"]} | row | keyed,
        )

    def rows(self, relation: str) -> list[Any]:
        return self.connection.execute(f"FROM {relation}").fetchall()

    def explain(self, wanted_id: str, *runs: RunRecord) -> Explanation:
        return explain(self.connection, self.config, wanted_id, {"tiktok": list(runs)})

    def delivery(self, wanted_id: str, *runs: RunRecord) -> Delivery:
        """What became of the one event at the one destination."""
        (event,) = self.explain(wanted_id, *(runs or (run_record(),))).events
        (delivery,) = event.deliveries
        return delivery
