"""The records of rounds: one line each, durable, readable after a power cut; and the lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from support import Workspace, order

from archiver.archive.lock import Holder, writing
from archiver.archive.rounds import FOLDER, append_round, last_round, read_rounds
from archiver.errors import LockedError
from archiver.nightly.record import begin, bury

AT = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)


def test_the_last_line_of_a_round_counts_and_stands_in_the_month_of_its_start(
    tmp_path: Path,
) -> None:
    record = begin("nightly", AT, AT)
    append_round(tmp_path, record)
    later = AT + timedelta(minutes=5)
    ended = msgspec.structs.replace(record, outcome="done", exit_code=0, ended_at=later)
    append_round(tmp_path, ended)
    assert read_rounds(tmp_path) == [ended]
    (path,) = (tmp_path / FOLDER).iterdir()
    assert path.name == "2026-01.ndjson"
    assert len(path.read_text().splitlines()) == 2


def test_a_torn_last_line_is_no_record_and_spoils_no_other(tmp_path: Path) -> None:
    first = begin("nightly", AT, AT)
    append_round(tmp_path, first)
    path = tmp_path / FOLDER / "2026-01.ndjson"
    with path.open("ab") as file:
        file.write(b'{"run_id": "nightly-torn", "comm')
    assert read_rounds(tmp_path) == [first]
    second = begin("nightly", AT, AT + timedelta(seconds=1))
    append_round(tmp_path, second)
    assert read_rounds(tmp_path) == [first, second]


def test_rounds_of_watch_have_files_of_their_own(tmp_path: Path) -> None:
    nightly, watch = begin("nightly", AT, AT), begin("watch", AT, AT + timedelta(days=40))
    append_round(tmp_path, nightly)
    append_round(tmp_path, watch)
    assert last_round(tmp_path, "nightly") == nightly
    assert last_round(tmp_path, "watch") == watch
    assert read_rounds(tmp_path, months=1) == [nightly, watch]


def test_a_round_without_an_end_is_buried_once(tmp_path: Path) -> None:
    dead = begin("nightly", AT, AT)
    append_round(tmp_path, dead)
    append_round(tmp_path, begin("watch", AT, AT))
    assert [record.run_id for record in bury(tmp_path, "nightly")] == [dead.run_id]
    assert bury(tmp_path, "nightly") == []
    assert read_rounds(tmp_path, command="nightly")[0].outcome == "died"
    assert read_rounds(tmp_path, command="watch")[0].outcome == "started"


def test_the_lock_of_a_dead_process_is_taken_over_and_said_to_be(tmp_path: Path) -> None:
    holding = (
        "import os, sys\nfrom pathlib import Path\nfrom archiver.archive.lock import writing\n"
        "lock = writing(Path(sys.argv[1]), 'nightly')\nlock.__enter__()\nos.kill(os.getpid(), 9)\n"
    )
    dead = subprocess.Popen([sys.executable, "-c", holding, str(tmp_path)])
    assert dead.wait() == -9
    with writing(tmp_path, "ingest") as taken:
        assert taken is not None
        assert (taken.command, taken.pid) == ("nightly", dead.pid)
    with writing(tmp_path, "ingest") as taken:
        assert taken is None


@pytest.mark.parametrize("left", [b"{", b'{"pid": 7}', b"\xff\xfe"])
def test_a_torn_lock_file_is_one_of_a_dead_process(tmp_path: Path, left: bytes) -> None:
    (tmp_path / ".lock").write_bytes(left)
    with writing(tmp_path, "ingest") as taken:
        assert taken == Holder("an unknown run")


def test_who_fails_alive_leaves_no_lock_of_a_dead_process(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writing(tmp_path, "ingest"):
        raise KeyboardInterrupt
    with writing(tmp_path, "ingest") as taken:
        assert taken is None


def test_who_holds_the_lock_is_said_with_owner_host_process_and_start(tmp_path: Path) -> None:
    with (
        writing(tmp_path, "nightly"),
        pytest.raises(LockedError) as refused,
        writing(tmp_path, "nightly"),
    ):
        pass
    held = f"{os.uname().nodename}, process {os.getpid()}, since 2"
    assert held in refused.value.why
    assert "nightly of " in refused.value.why


def test_the_command_says_one_summary_and_prints_one_document(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", order("m1"))
    workspace.write("receipts/readme.txt", b"")
    at = ("--as-of", "2026-01-15T14:00:00Z")
    (workspace.folder / "data/archive").mkdir(parents=True)
    (workspace.folder / "data/archive/.lock").write_text('{"command": "nightly", "pid": 1}')
    foreseen = workspace.run("nightly", "--dry-run", *at)
    assert foreseen.code == 0
    assert not list((workspace.folder / "data/archive").glob("[!.]*"))
    result = workspace.run("nightly", *at, "--json")
    assert result.code == 0, result
    assert result.json["took_over"]["pid"] == 1
    assert result.json["as_of"] == "2026-01-15T14:00:00Z"
    assert "took over the lock of a dead process" in result.err
    assert "ingest: web 1 new files, 1 records" in result.err
    assert result.err.splitlines()[-1].endswith("exit code 0, all done, nothing wrong")
    foreseen = workspace.run("nightly", "--dry-run")
    assert "nothing wrong" not in foreseen.err and "nothing was changed" in foreseen.err
    for step in ("ingest", "receipts", "load", "reconcile", "report", "housekeeping"):
        kept = workspace.folder / f"data/archive/_last/{step}.json"
        assert json.loads(kept.read_text())["exit_code"] == 0
    with writing(workspace.config.archive_root, "ingest"):
        assert workspace.run("nightly", *at).code == 5
