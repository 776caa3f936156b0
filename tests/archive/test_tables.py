"""The archive's tables: columns and partitions as DESIGN §3 has them, readable from outside."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars
import pytest
from deltalake import DeltaTable
from hypothesis import example, given
from hypothesis import strategies as st
from support import IMPORTED_AT, Workspace, event, ingest_files, lines, order, receipt, table_rows

from archiver.archive.events import instants
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS, TABLES
from archiver.values import parse_instant

EVENT_COLUMNS = [
    *("source", "received_date", "file_id", "record_number", "message_id", "type", "event"),
    *("user_id", "anonymous_id", "event_time", "original_timestamp", "sent_at", "received_at"),
    *("payload", "envelope", "type_issues", "imported_at"),
]
LAYOUT_COLUMNS = ["source", "file_id", "part", "records", "text"]
RECEIPT_COLUMNS = {
    *("destination", "event_id", "event_name", "event_time", "outcome", "code", "message"),
    *("attempted_at", "request_id", "attempt", "value", "currency", "file_id", "record_number"),
    *("payload", "attempted_date"),
}
PARTITIONS = {
    "events": ["source", "received_date"],
    "receipts": ["destination", "attempted_date"],
    "receipt_totals": ["destination"],
    "quarantine": ["source", "imported_date"],
    "inbound_files": [],
    "layouts": [],
}


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    days = [order(f"m{day}", f"2026-01-{day}T12:00:00Z") for day in (14, 15, 16)]
    workspace.write("inbound/web/a.ndjson", *days, b"{", event("m14"))
    workspace.write("receipts/r.ndjson", receipt("m14"), receipt("m15"))
    workspace.run("ingest")
    workspace.done("receipts")
    return workspace


def test_columns_and_partitions(filled: Workspace) -> None:
    for name in ("events", "receipts", "quarantine", "inbound_files", "layouts"):
        delta = DeltaTable(str(filled.archive.root / name))
        assert delta.metadata().partition_columns == PARTITIONS[name]
        assert [field.name for field in delta.schema().fields] == TABLES[name].schema.names
    assert list(TABLES["receipt_totals"].partitions) == PARTITIONS["receipt_totals"]
    assert EVENTS.schema.names == EVENT_COLUMNS
    assert TABLES["layouts"].schema.names == LAYOUT_COLUMNS
    assert set(TABLES["receipts"].schema.names) == RECEIPT_COLUMNS


def test_any_delta_reader_can_read_them(filled: Workspace) -> None:
    for name in ("events", "receipts", "quarantine", "inbound_files", "inbound_paths", "layouts"):
        protocol = DeltaTable(str(filled.archive.root / name)).protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
        assert not protocol.reader_features
        for log in (filled.archive.root / name / "_delta_log").glob("*.json"):
            assert "deletionVector" not in log.read_text()


def test_data_files_are_hive_partitioned_zstd_parquet(filled: Workspace) -> None:
    days = [f"source=web/received_date=2026-01-{day}" for day in (14, 15, 16)]
    folders = [
        str(path.parent.relative_to(filled.archive.root / "events"))
        for path in filled.archive.live_files(EVENTS)
    ]
    assert sorted(set(folders)) == days
    for path in filled.archive.live_files(EVENTS):
        codecs = "SELECT DISTINCT compression FROM parquet_metadata($path)"
        assert duckdb.execute(codecs, {"path": str(path)}).fetchall() == [("ZSTD",)]


def test_polars_and_duckdb_read_the_live_files_in_place(filled: Workspace) -> None:
    paths = [str(path) for path in filled.archive.live_files(EVENTS)]
    columns = ["source", "received_date", "message_id"]
    expected = filled.rows("events", *columns)
    frame = polars.scan_parquet(paths, hive_partitioning=True).select(columns).collect()
    assert sorted(frame.rows()) == sorted(expected)
    query = f"SELECT {', '.join(columns)} FROM read_parquet($paths, hive_partitioning = true)"
    assert sorted(duckdb.execute(query, {"paths": paths}).fetchall()) == sorted(expected)


@pytest.mark.parametrize(
    ("times", "day"),
    [
        ({"receivedAt": "2026-01-15T23:59:59.999Z", "timestamp": "2026-01-14T00:00:00Z"}, 15),
        ({"receivedAt": "2026-01-15T20:00:00-05:00"}, 16),
        ({"sentAt": "2026-01-14T00:00:00Z", "timestamp": "2026-01-10T00:00:00Z"}, 14),
        ({"timestamp": "2026-01-10T00:00:00Z"}, 10),
        ({"receivedAt": "tomorrow", "sentAt": None, "timestamp": 1768435200}, 15),
        ({"originalTimestamp": "2026-01-10T00:00:00Z"}, 20),
        ({}, 20),
        ({"receivedAt": "12026-01-10T00:00:00Z"}, 20),
    ],
)
def test_received_date_is_the_utc_day_of_the_arrival_else_of_the_import(
    tmp_path: Path, times: dict[str, object], day: int
) -> None:
    (tmp_path / "f").write_bytes(lines(event("a", "", **times)))
    ingest_files(tmp_path / "archive", tmp_path / "f")
    rows = table_rows(tmp_path / "archive", EVENTS, "received_date", "imported_at")
    assert rows == [(date(2026, 1, day), IMPORTED_AT)]


def test_times_are_utc_microseconds_and_null_where_absent(tmp_path: Path) -> None:
    times = {"timestamp": "2026-01-15T12:00:00.123456+05:30", "sentAt": 7.5, "receivedAt": True}
    (tmp_path / "f").write_bytes(lines(event("a", "", **times)))
    ingest_files(tmp_path / "archive", tmp_path / "f")
    columns = ("event_time", "original_timestamp", "sent_at", "received_at")
    at = datetime(2026, 1, 15, 6, 30, 0, 123456, UTC)
    sent = datetime(1970, 1, 1, 0, 0, 7, 500000, UTC)
    assert table_rows(tmp_path / "archive", EVENTS, *columns) == [(at, None, sent, None)]


TIMES = st.one_of(
    st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat()),
    st.datetimes().map(lambda t: t.isoformat() + "Z"),
    st.from_regex(
        r"(0000|0001|2026|9999)-(01|12)-(01|31)[T ](00|23|24)(:59)?(:59|:60)?([.,][0-9]{1,9})?"
        r"( ?Z|[+-](05|14)(:?30)?)?",
        fullmatch=True,
    ),
    st.none(),
    st.text(max_size=30),
)


@given(st.lists(TIMES, max_size=4))
@example(["2026-01-15T12:00:00Z", "9999-12-31T23:59:59-05:00"])
@example(["2026-01-15T12Z"])
def test_a_time_is_read_the_same_whatever_stands_beside_it(values: list[str | None]) -> None:
    expected = [None if value is None else parse_instant(value) for value in values]
    assert instants(values).to_pylist() == expected


def test_a_checkpoint_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archiver.archive.store._CHECKPOINT_EVERY", 3)
    root = tmp_path / "archive"
    for number in range(8):
        path = tmp_path / f"f{number}"
        path.write_bytes(lines(event(f"m{number}")))
        ingest_files(root, path)
    last = json.loads((root / "events/_delta_log/_last_checkpoint").read_text())
    assert last["version"] == 6
    assert len(table_rows(root, EVENTS)) == len(Archive(root).live_files(EVENTS)) == 8
