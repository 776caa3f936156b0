"""A file that cannot be read whole: nothing of it is imported, and the others go on."""

from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path

import pytest
from support import Workspace, event, ingest_files, lines, table_rows

from archiver.archive.tables import EVENTS, INBOUND_FILES, QUARANTINE
from archiver.errors import CorruptInputError

GOOD = gzip.compress(lines(*[event(f"m{n}") for n in range(2000)], b"bad"), mtime=0)
MIDDLE = len(GOOD) // 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GOOD[:MIDDLE], id="truncated"),
        pytest.param(GOOD[:-4], id="without its length"),
        pytest.param(GOOD[:2], id="nothing but the magic bytes"),
        pytest.param(GOOD[:MIDDLE] + b"\0" * 20 + GOOD[MIDDLE + 20 :], id="damaged"),
        pytest.param(GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], id="wrong checksum"),
        pytest.param(GOOD + b"more", id="with something behind it"),
        pytest.param(GOOD + GOOD[:100], id="with half a member behind it"),
        pytest.param(b"\x1f\x8b\x08\x00 not gzip at all", id="no gzip"),
    ],
)
def test_a_damaged_gzip_file_fails_whole_and_the_others_go_on(
    workspace: Workspace, data: bytes
) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.write("inbound/web/b.gz", data=data)
    workspace.write("inbound/web/c.ndjson", event("c"))
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["imported", "failed", "imported"]
    failed = result.json["files"][1]
    assert (failed["records"], failed["archived"], failed["quarantined"]) == (0, 0, 0)
    assert "b.gz" in failed["error"]
    assert workspace.rows("events", "message_id") == [("a",), ("c",)]
    assert workspace.rows("quarantine") == []
    assert len(workspace.rows("inbound_files")) == 2
    workspace.write("inbound/web/b.gz", data=GOOD)
    assert workspace.done("ingest", "--json").json["totals"]["archived"] == 2000


def test_a_failed_file_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.archive.staging._BUFFER_BYTES", 1)
    monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", 1)
    monkeypatch.setattr("archiver.inbound.containers.CHUNK_BYTES", 1000)
    (tmp_path / "a.gz").write_bytes(GOOD)
    from archiver.archive.ingest import EventReader

    def cut(self: EventReader, format_name: str, chunks: object, file_id: str) -> object:
        yield from itertools.islice(read(self, format_name, chunks, file_id), 5)
        raise CorruptInputError("reading a.gz", "it is cut")

    read = EventReader.read
    monkeypatch.setattr(EventReader, "read", cut)
    (result,) = ingest_files(tmp_path / "archive", tmp_path / "a.gz")
    assert (result.status, result.rows, result.records) == ("failed", 0, 0)
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_gzip_with_zeros_behind_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(GOOD + bytes(512))
    (result,) = ingest_files(tmp_path / "archive", tmp_path / "a.gz")
    assert (result.status, result.archived, result.quarantined) == ("imported", 2000, 1)


def test_a_file_that_vanishes_fails_and_the_others_go_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archiver.archive.importer import Importer

    def vanishing(self: Importer, paths: list[object]) -> object:
        (workspace.folder / "inbound/web/a.ndjson").unlink()
        return run(self, paths)

    run = Importer.run
    monkeypatch.setattr(Importer, "run", vanishing)
    workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.write("inbound/web/b.ndjson", event("b"))
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["failed", "imported"]
    assert "No such file" in result.json["files"][0]["error"]


def test_a_dangling_link_under_a_configured_path_is_a_failed_file(workspace: Workspace) -> None:
    workspace.write("inbound/web/b.ndjson", event("b"))
    (workspace.folder / "inbound/web/a.ndjson").symlink_to("nowhere")
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["failed", "imported"]


def test_a_read_error_fails_the_file_only(workspace: Workspace) -> None:
    workspace.write("inbound/web/b.ndjson", event("b"))
    # Reading another process's unmapped memory is an input/output error, also for root.
    result = workspace.run("ingest", "/proc/self/mem", workspace.folder / "inbound/web", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["failed", "imported"]


def test_a_file_that_changes_while_it_is_read_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", 10)
    path = tmp_path / "a"
    path.write_bytes(lines(event("a"), b"bad"))
    from archiver.archive.ingest import EventReader

    choose = EventReader.choose

    def appended(self: EventReader, head: bytes) -> str:
        with open(path, "ab") as file:
            file.write(lines(event("b")))
        return choose(self, head)

    monkeypatch.setattr(EventReader, "choose", appended)
    (result,) = ingest_files(tmp_path / "archive", path)
    assert result.status == "failed"
    assert "changed while it was read" in (result.error or "")
    assert table_rows(tmp_path / "archive", EVENTS) == []
    monkeypatch.undo()
    ingest_files(tmp_path / "archive", path)
    assert table_rows(tmp_path / "archive", EVENTS, "message_id") == [("a",), ("b",)]


def test_a_large_file_is_read_twice_and_imported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", 10)
    monkeypatch.setattr("archiver.inbound.containers.CHUNK_BYTES", 1000)
    path = tmp_path / "a.gz"
    path.write_bytes(GOOD)
    (result,) = ingest_files(tmp_path / "archive", path)
    assert (result.archived, result.quarantined, result.status) == (2000, 1, "imported")
    ids = table_rows(tmp_path / "archive", EVENTS, "message_id")
    assert sorted(ids) == sorted((f"m{n}",) for n in range(2000))


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_full_disk_ends_the_run_with_nothing_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    from archiver.archive.staging import OpenFile

    calls = iter(range(1, 100))
    write = OpenFile.write

    def full(self: OpenFile, rows: object) -> None:
        if next(calls) == call:
            raise OSError(28, "No space left on device")
        write(self, rows)

    monkeypatch.setattr(OpenFile, "write", full)
    # Rows are flushed while later files are read: a failure then concerns the earlier files too.
    monkeypatch.setattr("archiver.archive.staging._BUFFER_BYTES", 1)
    root = tmp_path / "archive"
    paths = [tmp_path / f"f{n}" for n in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(lines(event(f"m{number}")))
    with pytest.raises(OSError, match="No space"):
        ingest_files(root, *paths)
    monkeypatch.undo()
    ingest_files(root, *paths)
    assert table_rows(root, EVENTS, "message_id") == [("m0",), ("m1",), ("m2",)]
    assert len(table_rows(root, INBOUND_FILES)) == 3


def test_standard_input_and_pipes(workspace: Workspace, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = workspace.start("ingest", pipe, "--json")
    pipe.write_bytes(gzip.compress(lines(event("a"), event("b"))))
    process.communicate(timeout=60)
    assert process.returncode == 0
    again = workspace.start("ingest", "-", "--json")
    again.communicate(lines(event("a"), event("b")).decode(), timeout=60)
    assert again.returncode == 0
    assert workspace.rows("events", "message_id") == [("a",), ("b",)]
    assert table_rows(workspace.archive.root, QUARANTINE) == []
