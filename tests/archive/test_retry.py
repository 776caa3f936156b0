"""Quarantined records read again by today's rules: what an import would archive today moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from support import CONFIG, Workspace, event, file_id, lines, order

from archiver.archive.tables import QUARANTINE
from archiver.inbound import fields

COUNTS = ("format", "records", "archived", "quarantined", "rows")


def forced(workspace: Workspace, format_name: str) -> None:
    """Configure the source's format."""
    setting = f'format = "{format_name}"\nmax_bad_ratio = 1.0\n[destinations'
    workspace.configure(CONFIG.replace("[destinations", setting, 1))


def archived(workspace: Workspace) -> dict[str, str]:
    """The archive's files, without the record of the last run."""
    files = {n: t for n, t in workspace.listing().items() if n.startswith("data/archive/")}
    return {n: t for n, t in files.items() if t and "archive/_" not in n}


@contextmanager
def refusing_surrogates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an earlier version might have done."""
    today = fields._typed_fields

    def earlier(record: bytes) -> fields.Typed | tuple[str, str]:
        return ("invalid_json", "a surrogate") if b"\\ud800" in record else today(record)

    with monkeypatch.context() as patch:
        patch.setattr(fields, "_typed_fields", earlier)
        yield


def whole(workspace: Workspace) -> bool:
    """Whether `verify --rebuild` finds the archive in order."""
    return bool(workspace.run("verify", "--rebuild", "--json").json["ok"])


def test_a_file_that_was_read_in_the_wrong_format_is_read_afresh(workspace: Workspace) -> None:
    forced(workspace, "ndjson")
    data = b'[{"messageId":"a"},\n {"messageId":"b"}, 7]\n'
    workspace.write("inbound/web/a.json", data=data)
    workspace.done("ingest")
    assert workspace.rows("inbound_files", *COUNTS) == [("ndjson", 2, 0, 2, 0)]
    forced(workspace, "auto")
    result = workspace.done("ingest", "--retry-quarantine", "--json").json
    assert result["totals"] == {
        **{"files": 1, "records": 3, "archived": 2, "quarantined": 1, "bytes": 0}
    }
    assert workspace.rows("events", "message_id", "payload", "file_id") == [
        ("a", '{"messageId":"a"}', file_id(data)),
        ("b", '{"messageId":"b"}', file_id(data)),
    ]
    assert workspace.rows("quarantine", "record_number", "data") == [(2, b"7")]
    assert workspace.rows("inbound_files", *COUNTS) == [("json-array", 3, 2, 1, 2)]
    assert whole(workspace)
    assert workspace.done("ingest", "--json").json["totals"]["records"] == 0, "known all the same"
    workspace.done("load")
    assert workspace.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 2}]


def test_records_that_pass_today_move_with_their_place(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced(workspace, "auto")
    odd = b'{"messageId": "b", "x": "\\ud800"}'
    records = [event("a"), odd, b"{bad", b'{"payload": 1}', odd.replace(b'"b"', b'"c"')]
    workspace.write("inbound/web/a.ndjson", *records)
    with refusing_surrogates(monkeypatch):
        workspace.done("ingest")
    assert workspace.rows("inbound_files", *COUNTS[1:]) == [(5, 2, 3, 2)]
    dry = workspace.done("ingest", "--retry-quarantine", "--dry-run", "--json").json["totals"]
    assert (dry["records"], dry["archived"]) == (3, 2)
    assert workspace.rows("inbound_files", *COUNTS[1:]) == [(5, 2, 3, 2)]
    workspace.done("ingest", "--retry-quarantine")
    numbered = [(n, r.decode()) for n, r in enumerate(records) if n != 2]
    assert workspace.rows("events", "record_number", "payload") == numbered
    assert workspace.rows("quarantine", "record_number", "data") == [(2, b"{bad")]
    assert workspace.rows("inbound_files", *COUNTS[1:]) == [(5, 4, 1, 4)]
    assert whole(workspace)


def test_items_of_a_batch_come_back_with_their_envelope(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"batch":[{"messageId":"a"},{"messageId":"b","x":"\\ud800"}],"sentAt":"2026-01-15"}'
    forced(workspace, "auto")
    workspace.write("inbound/web/a.json", data=body)
    with refusing_surrogates(monkeypatch):
        workspace.done("ingest")
    workspace.done("ingest", "--retry-quarantine")
    envelope = '{"batch":[],"sentAt":"2026-01-15"}'
    assert workspace.rows("events", "message_id", "envelope") == [("a", envelope), ("b", envelope)]
    assert whole(workspace)


def test_a_file_that_was_torn_into_lines_is_read_afresh_though_some_were_events(
    workspace: Workspace,
) -> None:
    forced(workspace, "ndjson")
    data = b'{"messageId":"a"}\n{\n"messageId":"b"\n}\n{"messageId":"c"}{"messageId":"d"}\n'
    workspace.write("inbound/web/a.json", data=data)
    workspace.done("ingest")
    assert workspace.rows("inbound_files", *COUNTS) == [("ndjson", 5, 1, 4, 1)]
    workspace.done("load")
    forced(workspace, "concatenated-json")
    workspace.done("ingest", "--retry-quarantine")
    assert workspace.rows("events", "record_number", "message_id") == list(enumerate("abcd"))
    assert workspace.rows("quarantine") == []
    assert workspace.rows("inbound_files", *COUNTS) == [("concatenated-json", 4, 4, 0, 4)]
    assert whole(workspace)
    workspace.done("load")
    found = workspace.sql("SELECT message_id FROM events ORDER BY message_id")
    assert [row["message_id"] for row in found] == list("abcd")


def test_a_reconciliation_counts_what_has_moved(workspace: Workspace) -> None:
    forced(workspace, "ndjson")
    workspace.write("inbound/web/a.json", data=b"[" + order("a") + b",\n" + order("b") + b"]")
    workspace.done("ingest")
    question = ("reconcile", "--as-of", "2026-01-20T00:00:00Z", "--json")
    before = workspace.run(*question).json
    assert before["destinations"][0]["days"] == []
    forced(workspace, "auto")
    workspace.done("ingest", "--retry-quarantine")
    after = workspace.run(*question).json
    assert after["run_id"] != before["run_id"]
    assert after["destinations"][0]["totals"]["expected"] == 2


def test_a_worse_reading_changes_nothing(workspace: Workspace) -> None:
    forced(workspace, "auto")
    workspace.write("inbound/web/a.ndjson", event("a"), b"{bad", event("b"))
    workspace.done("ingest")
    before = archived(workspace)
    forced(workspace, "json-array")
    workspace.done("ingest", "--retry-quarantine")
    assert archived(workspace) == before


def test_what_is_still_bad_stays_and_nothing_is_written(workspace: Workspace) -> None:
    forced(workspace, "auto")
    workspace.write("inbound/web/a.ndjson", event("a"), b"{bad", b"[1]")
    workspace.write("inbound/web/b.ndjson", b"\xff")
    workspace.done("ingest")
    before = archived(workspace)
    result = workspace.done("ingest", "--retry-quarantine")
    assert "3 quarantined records read again: 0 moved" in result.out
    assert archived(workspace) == before


def test_the_same_file_in_another_source_and_receipts_are_left_alone(workspace: Workspace) -> None:
    config = CONFIG.replace(
        "[destinations", 'format = "ndjson"\nmax_bad_ratio = 1.0\n[destinations', 1
    )
    other = '[sources.app]\nformat = "ndjson"\nmax_bad_ratio = 1.0\n'
    workspace.configure(config + other)
    path = workspace.write("inbound/web/a.json", data=b'[{"messageId":"a"}]')
    workspace.write("receipts/r.ndjson", b"{bad")
    workspace.done("ingest", "--source", "web", path)
    workspace.done("ingest", "--source", "app", path)
    workspace.run("receipts")
    workspace.configure(config.replace('"ndjson"\nmax', '"auto"\nmax') + other)
    workspace.done("ingest", "--retry-quarantine", "--source", "web")
    assert workspace.rows("events", "source") == [("web",)]
    assert workspace.rows("quarantine", "source", "kind") == [
        ("app", "events"),
        ("tiktok", "receipts"),
    ]
    assert workspace.rows("inbound_files", "source", "archived", "quarantined") == [
        *[("app", 0, 1), ("web", 1, 0)],
        (None, 0, 1),
    ]
    assert whole(workspace)


def test_a_record_whose_file_is_unknown_is_read_by_itself(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"), b"{bad")
    workspace.run("ingest")
    table = DeltaTable(str(workspace.archive.root / "quarantine"))
    (row,) = table.to_pyarrow_table().to_pylist()
    row |= {"file_id": "f" * 64, "record_number": 9, "data": b'{"messageId":"z"}'}
    write_deltalake(table, pa.Table.from_pylist([row], QUARANTINE.schema), mode="append")
    workspace.done("ingest", "--retry-quarantine")
    assert ("f" * 64, 9, "z") in workspace.rows("events", "file_id", "record_number", "message_id")
    assert workspace.rows("quarantine", "data") == [(b"{bad",)]


def test_it_takes_no_path(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(lines(event("a")))
    result = workspace.run("ingest", "--retry-quarantine", tmp_path / "f", "--json")
    assert result.code == 2
    assert "takes no PATH" in result.err
    assert json.loads(result.out)["error"]["exit_code"] == 2
