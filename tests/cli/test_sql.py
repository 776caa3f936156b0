"""`archiver sql`: any question on the published warehouse, nothing changed by it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars
import pytest
from support import Workspace, order


@pytest.fixture
def loaded(workspace: Workspace) -> Workspace:
    workspace.write(
        "inbound/web/a.ndjson",
        order("a", properties={"value": 1.10, "currency": "USD", "tags": ["x", None]}),
        order("b", "2026-01-15T13:30:00.5+01:00", properties={"value": "2.50"}),
    )
    workspace.done("ingest")
    workspace.done("load")
    return workspace


def test_json_keeps_decimals_times_and_nesting(loaded: Workspace) -> None:
    rows = loaded.sql("SELECT message_id, value, event_time, body FROM events ORDER BY 1")
    assert [row["value"] for row in rows] == ["1.1", "2.5"]
    assert rows[1]["event_time"] == "2026-01-15T12:30:00.5Z"
    assert rows[0]["body"]["properties"]["tags"] == ["x", None]


def test_csv_and_parquet(loaded: Workspace, tmp_path: Path) -> None:
    query = "SELECT message_id, value, body.properties.value AS sent FROM events ORDER BY 1"
    lines = list(csv.DictReader(io.StringIO(loaded.done("sql", query, "--format", "csv").out)))
    assert lines == [
        {"message_id": "a", "value": "1.1", "sent": "1.1"},
        {"message_id": "b", "value": "2.5", "sent": "2.50"},
    ]
    path = tmp_path / "rows.parquet"
    loaded.done(
        "sql", "SELECT message_id, value FROM events", "--format", "parquet", "--output", path
    )
    assert sorted(polars.read_parquet(path)["message_id"]) == ["a", "b"]


def test_a_file_of_statements_shows_the_last_rows(loaded: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "question.sql"
    path.write_text("SET TimeZone = 'Asia/Tokyo';\nSELECT 1;\nSELECT COUNT(*) AS n FROM events;")
    assert loaded.done("sql", "--file", path, "--json").json == [{"n": 2}]


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'x.csv'",
        "DROP VIEW events",
        "CREATE TABLE t (i INT)",
        "INSERT INTO runs DEFAULT VALUES",
        "ATTACH 'x.duckdb'",
        "INSTALL httpfs",
        "SELECT 1; DELETE FROM runs",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
        "SET log_query_path = 'x.log'",
        "PRAGMA profiling_output = 'x.json'",
        "CALL enable_logging(storage = 'file', storage_path = 'x')",
    ],
)
def test_nothing_can_be_written(loaded: Workspace, query: str) -> None:
    before = loaded.listing()
    result = loaded.run("sql", query)
    assert result.code == 2
    assert "no reading statement" in result.err
    assert loaded.listing() == before


def test_json_keeps_every_column_and_only_what_is_json(loaded: Workspace) -> None:
    (row,) = loaded.sql("SELECT 1 AS a, 2 AS a, '1e400'::JSON::VARIANT AS huge, NULL::JSON AS n")
    assert row == {"a": 1, "a_2": 2, "huge": None, "n": None}
    out = loaded.done("sql", """SELECT '{"v": 1.10}'::JSON AS j""", "--json").out
    assert '{"j": {"v": 1.10}}' in out


def test_times_are_utc_whatever_the_session_says(loaded: Workspace) -> None:
    rows = loaded.sql("SET TimeZone = 'Asia/Tokyo'; SELECT MIN(event_time) AS t FROM events")
    assert rows == [{"t": "2026-01-15T12:00:00Z"}]


def test_explaining_a_reading_query_is_fine(loaded: Workspace) -> None:
    assert "event" in loaded.done("sql", "EXPLAIN SELECT * FROM events").out.lower()


def test_a_broken_file_says_what_to_do(loaded: Workspace) -> None:
    loaded.database.chmod(0o600)
    loaded.database.write_bytes(b"")
    result = loaded.run("sql", "SELECT 1 FROM events")
    assert result.code == 2
    loaded.database.write_bytes(b"no database at all" * 1000)
    result = loaded.run("sql", "SELECT 1")
    assert result.code == 2
    assert "archiver load" in result.err


def test_a_wrong_query_says_why(loaded: Workspace) -> None:
    result = loaded.run("sql", "SELECT nothing FROM events")
    assert result.code == 2
    assert "nothing" in result.err


def test_before_the_first_load_it_says_what_to_do(workspace: Workspace) -> None:
    result = workspace.run("sql", "SELECT 1")
    assert result.code == 2
    assert "archiver load" in result.err


@pytest.mark.comments
def test_every_table_and_column_is_described(loaded: Workspace) -> None:
    missing = loaded.sql(
        "SELECT view_name AS name FROM duckdb_views() WHERE NOT internal AND comment IS NULL"
        " UNION ALL SELECT table_name FROM duckdb_tables() WHERE comment IS NULL"
    )
    assert missing == []
    columns = loaded.sql(
        "SELECT table_name || '.' || column_name AS name FROM duckdb_columns()"
        " WHERE NOT internal AND comment IS NULL"
    )
    assert columns == []
