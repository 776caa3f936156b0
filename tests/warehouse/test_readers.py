"""Readers and the writer never block one another; what they read is exact and the same anywhere."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from support import Workspace, corpora, event, order

READER = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read") as connection:
    for _ in range(2):
        print(connection.execute("SELECT COUNT(*) FROM events").fetchone()[0], flush=True)
        sys.stdin.readline()
"""


def loaded(workspace: Workspace, name: str, *records: bytes) -> None:
    workspace.write(f"inbound/web/{name}", *records)
    workspace.done("ingest")
    workspace.done("load")


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_reader_elsewhere_keeps_its_snapshot_and_does_not_stop_load(
    workspace: Workspace, mode: str
) -> None:
    loaded(workspace, "a", event("a"))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, workspace.database, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "1\n"
    loaded(workspace, "b", event("b"))
    assert workspace.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 2}]
    out, _ = reader.communicate("\n\n", timeout=60)
    assert out == "1\n"
    assert reader.returncode == 0
    assert workspace.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 2}]


def test_a_connection_in_this_process_keeps_its_snapshot(workspace: Workspace) -> None:
    loaded(workspace, "a", order("a"))
    with duckdb.connect(str(workspace.database), read_only=True) as reader:
        loaded(workspace, "b", order("a", "2026-01-14T00:00:00Z"), order("b"))
        for query, count in (
            ("SELECT COUNT(*) FROM events WHERE occurrences = 1", 1),
            ("SELECT COUNT(*) FROM conversions", 1),
            ("SELECT COUNT(*) FROM event_records", 1),
            ("SELECT COUNT(*) FROM inbound_files", 1),
        ):
            assert reader.execute(query).fetchone() == (count,), query


def test_the_published_file_is_read_only_and_replaced_all_the_same(
    workspace: Workspace, tmp_path: Path
) -> None:
    """A client that writes into an old file leaves a log that no later file can be opened with."""
    for name in ("a", "b"):
        loaded(workspace, name, event(name))
        assert stat.S_IMODE(workspace.database.stat().st_mode) == 0o444
    with duckdb.connect(str(tmp_path / "old.duckdb")) as old:
        old.execute("CREATE TABLE mine AS SELECT 1")
        shutil.copy(tmp_path / "old.duckdb.wal", f"{workspace.database}.wal")
    assert workspace.run("sql", "SELECT 1").code != 0
    workspace.done("load")
    assert workspace.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 2}]


def test_results_are_the_same_under_any_time_zone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("inbound/web/a", order("a", "2026-01-15T23:30:00Z"), order("b", "2026-07-01"))
    found = []
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        path = workspace.folder / zone.replace("/", "-")
        path.mkdir()
        monkeypatch.setenv("ARCHIVER_ARCHIVE_ROOT", str(path / "archive"))
        monkeypatch.setenv("ARCHIVER_WAREHOUSE_PATH", str(path / "warehouse"))
        workspace.done("ingest")
        workspace.done("load")
        workspace.run("reconcile", "--as-of", "2026-07-03")
        queries = (
            "SELECT * EXCLUDE (body), CAST(event_time AS VARCHAR) AS text,"
            " CAST(event_time AS DATE) AS day FROM events ORDER BY message_id",
            "SELECT * EXCLUDE (run_id) FROM reconciliation ORDER BY event_id",
            "SELECT * EXCLUDE (run_id) FROM daily_gaps ORDER BY ALL",
        )
        found.append([workspace.sql(query) for query in queries])
    monkeypatch.undo()
    time.tzset()
    assert found[0] == found[1] == found[2]
    assert found[0][0][0]["text"] == "2026-01-15 23:30:00+00"
    assert [row["account_day"] for row in found[0][1]] == ["2026-01-15", "2026-06-30"]


def test_body_is_a_variant_that_reads_by_path(workspace: Workspace) -> None:
    loaded(workspace, "a", order("a", context={"page": {"path": "/x"}}), event("b", n=[1, "two"]))
    (row,) = workspace.sql("SELECT typeof(body) AS kind FROM events WHERE message_id = 'a'")
    assert row == {"kind": "VARIANT"}
    rows = workspace.sql(
        "SELECT body.properties.value AS value, body.context.page.path AS path, body.n[2] AS second"
        " FROM events ORDER BY message_id"
    )
    assert rows == [
        {"value": 12.5, "path": "/x", "second": None},
        {"value": None, "path": None, "second": "two"},
    ]


def test_payloads_come_back_through_sql_byte_for_byte(workspace: Workspace, tmp_path: Path) -> None:
    files = [*corpora().glob("segment_spec/*"), *corpora().glob("orders/*")]
    assert files
    workspace.done("ingest", *files)
    workspace.done("load")
    for file in files:
        query = (
            "SELECT payload FROM event_records JOIN inbound_files USING (source, file_id)"
            f" WHERE inbound_files.path = '{file}' ORDER BY record_number"
        )
        rows = workspace.sql(query)
        assert b"".join(row["payload"].encode() + b"\n" for row in rows) == file.read_bytes()
        workspace.done("sql", query, "--format", "csv", "--output", tmp_path / "out.csv")
        workspace.done("sql", query, "--format", "parquet", "--output", tmp_path / "out.parquet")
        again = duckdb.execute(f"FROM '{tmp_path / 'out.parquet'}'").fetchall()
        assert [row[0] for row in again] == [row["payload"] for row in rows]


ODD = [
    '{"price": 1.10, "exponent": 1e2, "zero": -0, "big": 18446744073709551617, "messageId": "a"}',
    '{"a": 1, "a": 2, "b": "\\u00e9\\/\\ud83d\\ude00", "messageId": "b"}',
    '  { "white" :\t[ 1 ,2 ] , "messageId": "c" }  ',
    '{"lone": "\\ud800", "properties": {"order_id": "\\ud800"}, "messageId": "d"}',
    '{"integrations": {"\\ud800": false}, "type": "track", "event": "Order Completed"}',
    '{"properties": [1], "integrations": 7, "messageId": {"a": 1}}',
    '{"": {"": 1}, "A": 1, "a": 2, "nul": "\\u0000", "messageId": "nul\\u0000"}',
    '{"properties": {"value": "1,234.50", "revenue": 7, "currency": 5}, "messageId": 1e2}',
    '{"deep": ' + "[" * 900 + "]" * 900 + "}",
    "{}",
]


@pytest.mark.parametrize("together", [True, False])
def test_odd_payloads_are_loaded_and_come_back_exactly(
    workspace: Workspace, together: bool
) -> None:
    if together:
        workspace.write("inbound/web/a", *[text.encode() for text in ODD])
    else:
        for number, text in enumerate(ODD):
            workspace.write(f"inbound/web/{number}", text.encode())
    workspace.done("ingest")
    workspace.done("load")
    rows = workspace.sql("SELECT payload FROM event_records")
    assert sorted(row["payload"] for row in rows) == sorted(ODD)
    bodies = workspace.sql("SELECT message_id, body FROM events WHERE message_id < 'd'")
    assert json.loads(json.dumps({row["message_id"]: row["body"] for row in bodies}))["a"][
        "price"
    ] == pytest.approx(1.1)
    assert len(workspace.sql("SELECT message_id FROM events")) == len(ODD)
