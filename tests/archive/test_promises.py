"""The promises of DESIGN §3: conservation, byte-exact, idempotent, one writer at a time."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from support import Workspace, event, file_id, ingest_files, lines, table_rows

from archiver.archive.tables import EVENTS, INBOUND_FILES, INBOUND_PATHS, QUARANTINE

ODD = [
    b'{"price": 1.10, "exponent": 1e2, "zero": -0, "big": 18446744073709551617}',
    b'{"a": 1, "a": 2, "messageId": "x", "messageId": "y"}',
    b'{"z": 1, "a": 2, "m": 3}',
    b'{"t": "\\u00e9\\/\\n\\ud83d\\ude00 \xc3\xa9"}',
    b'{"lone": "\\ud800"}',
    b'  { "white" :\t[ 1 ,2 ] }  ',
    b"{}",
    b'{"nul": "\\u0000", "del": "\x7f"}',
    b'{"huge": 1e400, "tiny": 1e-400, "long": 0.10000000000000000000000000000000001}',
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_conservation_records_in_are_archived_plus_quarantined(root: Path, tmp_path: Path) -> None:
    data = lines(event("a"), b"{bad", b"", b"[1]", event("b"), b"\xff", b"  ", b"null")
    (result,) = ingest_files(root, put(tmp_path, "f", data))
    assert (result.records, result.archived, result.quarantined) == (6, 2, 4)
    numbers = (
        table_rows(root, EVENTS, "record_number"),
        table_rows(root, QUARANTINE, "record_number"),
    )
    assert numbers == ([(0,), (3,)], [(1,), (2,), (4,), (5,)])
    columns = ("records", "archived", "quarantined", "rows", "bytes")
    assert table_rows(root, INBOUND_FILES, *columns) == [(6, 2, 4, 2, len(data))]


def test_payloads_are_byte_exact(root: Path, tmp_path: Path) -> None:
    ingest_files(root, put(tmp_path, "f", lines(*ODD)))
    rows = table_rows(root, EVENTS, "record_number", "payload")
    assert [payload.encode() for _, payload in rows] == ODD


def test_quarantine_keeps_the_bytes_the_reason_and_the_place(root: Path, tmp_path: Path) -> None:
    bad = [b"{", b"\xff\xfe\x00", b'"text"', b"[" * 100_000, b'{"a": 1} trailing', b"\xe2\x82"]
    (result,) = ingest_files(root, put(tmp_path, "f", lines(event(), *bad)))
    rows = table_rows(root, QUARANTINE, "record_number", "data", "reason", "file_id", "source")
    assert [row[1] for row in rows] == bad
    reasons = ["invalid_json", "invalid_utf8", "not_an_object", "nesting_too_deep"]
    assert [row[2] for row in rows] == [*reasons, "invalid_json", "invalid_utf8"]
    assert {row[3:] for row in rows} == {(result.file_id, "web")}


def test_the_same_content_is_imported_once_whatever_its_name_or_compression(
    root: Path, tmp_path: Path
) -> None:
    data = lines(event("a"), b"bad")
    first = put(tmp_path, "a.ndjson", data)
    assert [r.status for r in ingest_files(root, first)] == ["imported"]
    before = {table: table_rows(root, table) for table in (EVENTS, QUARANTINE, INBOUND_FILES)}
    same = [
        put(tmp_path, "other.ndjson", data),
        put(tmp_path, "a.gz", gzip.compress(data, 9)),
        put(tmp_path, "b.gz", gzip.compress(data[:9]) + gzip.compress(data[9:])),
    ]
    results = ingest_files(root, *same, first)
    assert {r.status for r in results} == {"already_imported"}
    assert {r.file_id for r in results} == {file_id(data)}
    assert {(r.records, r.bytes, r.rows) for r in results} == {(0, 0, 0)}
    assert before == {table: table_rows(root, table) for table in before}
    assert len(table_rows(root, INBOUND_PATHS)) == 4, "each name is known from now on"


def test_the_same_content_twice_in_one_run_is_imported_once(root: Path, tmp_path: Path) -> None:
    data = lines(event("a"))
    results = ingest_files(
        root, put(tmp_path, "a", data), put(tmp_path, "b.gz", gzip.compress(data))
    )
    assert [r.status for r in results] == ["imported", "already_imported"]
    assert len(table_rows(root, EVENTS)) == 1


def test_a_file_with_known_path_size_and_time_is_not_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "a", lines(event("a")))
    ingest_files(root, path)
    monkeypatch.setattr("archiver.archive.importer.members", None)
    assert [r.status for r in ingest_files(root, path)] == ["already_imported"]


def test_a_file_that_changed_under_its_name_is_read_again(root: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "a", lines(event("a")))
    ingest_files(root, path)
    os.utime(path, ns=(1, 1))
    assert [r.status for r in ingest_files(root, path)] == ["already_imported"]
    path.write_bytes(lines(event("b")))
    assert [r.status for r in ingest_files(root, path)] == ["imported"]
    assert table_rows(root, EVENTS, "message_id") == [("a",), ("b",)]


def test_two_sources_each_keep_the_same_file(root: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "a", lines(event("a")))
    for source in ("web", "app", "web"):
        ingest_files(root, path, source=source)
    assert table_rows(root, EVENTS, "source") == [("app",), ("web",)]
    assert table_rows(root, INBOUND_FILES, "source") == [("app",), ("web",)]


def test_overlapping_ids_stay_both_in_the_archive_and_are_one_event_in_the_warehouse(
    workspace: Workspace,
) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"), event("b"))
    workspace.write("inbound/web/b.ndjson", event("b"), event("c"))
    workspace.done("ingest")
    workspace.done("load")
    assert workspace.rows("events", "message_id") == [("a",), ("b",), ("b",), ("c",)]
    query = "SELECT message_id, occurrences FROM events ORDER BY message_id"
    assert [tuple(row.values()) for row in workspace.sql(query)] == [("a", 1), ("b", 2), ("c", 1)]


def test_a_second_writer_ends_with_5_and_says_who_or_waits(workspace: Workspace) -> None:
    first = workspace.start("ingest", "-", code="print('ready', flush=True)")
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    lock = workspace.folder / "data/archive/.lock"
    while not (lock.exists() and lock.read_text()):
        assert first.poll() is None
    workspace.write("inbound/web/b.ndjson", event("b"))
    refused = workspace.run("ingest")
    assert refused.code == 5
    assert str(first.pid) in refused.err
    second = workspace.start("ingest", "--wait")
    assert second.poll() is None
    first.communicate(event("a").decode() + "\n", timeout=60)
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert workspace.rows("events", "message_id") == [("a",), ("b",)]


def test_a_reader_that_loses_a_record_is_found_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conservation is checked on what is written, not on what a reader claims."""
    from archiver.archive import ingest as module

    whole = module.event_tables
    monkeypatch.setattr(
        module, "event_tables", lambda *given: (rows.slice(1) for rows in whole(*given))
    )
    workspace.write("inbound/web/a.ndjson", event("m1"), event("m2"))
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert "1 and 0 rows came out" in result.json["files"][0]["error"]
    assert workspace.rows("events") == workspace.rows("inbound_files") == []


def test_what_cannot_be_typed_is_named_and_refuses_no_event(root: Path, tmp_path: Path) -> None:
    records = [
        b'{"messageId":true,"event":["x"],"userId":{"a":1},"timestamp":"yesterday"}',
        b'{"messageId":"b","timestamp":"2026-01-15T12:00:00Z","sentAt":1768478400,"userId":null}',
        b'{"messageId":"\\ud800","receivedAt":99999999999999999999,"originalTimestamp":""}',
    ]
    ingest_files(root, put(tmp_path, "f", lines(*records)))
    assert table_rows(root, EVENTS, "record_number", "type_issues") == [
        (0, "message_id, event, user_id, event_time"),
        (1, None),
        (2, "message_id, original_timestamp, received_at"),
    ]
