"""The exit codes of DESIGN §8, one by one; they are an interface."""

from __future__ import annotations

import fcntl
import json
import signal
from pathlib import Path

import pytest
from support import CONFIG, Workspace, event, order, receipt

AS_OF = "2026-01-20T00:00:00Z"


@pytest.fixture
def with_gap(workspace: Workspace) -> Workspace:
    """Ten orders accepted, five without a receipt, in a feed that the user vouches for."""
    workspace.configure(CONFIG + 'coverage = "complete"\n')
    workspace.write("inbound/web/a.ndjson", *[order(f"m{n}") for n in range(15)])
    accepted = [receipt(f"m{n}") for n in range(10)]
    workspace.write("receipts/r.ndjson", *accepted, receipt("x", at="2026-01-16T12:00:00Z"))
    workspace.done("ingest")
    workspace.done("receipts")
    return workspace


def test_0_done(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event())
    for command in ("ingest", "receipts", "load", "reconcile", "report", "backfill"):
        assert workspace.run(command).code == 0, command
    workspace.done("reconcile", "--as-of", "2026-01-15T13:00:00Z")
    workspace.done("status", "--as-of", "2026-01-15T13:00:00Z")
    assert workspace.run("sql", "SELECT 1").code == 0


def test_6_stale(workspace: Workspace) -> None:
    result = workspace.run("status")
    assert result.code == 6
    assert "nothing has run yet" in result.out


def test_1_unexpected_error(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    workspace.write("inbound/web/a.ndjson", event())
    monkeypatch.setattr("archiver.archive.store.replace_durably", full_disk)
    result = workspace.run("ingest")
    assert result.code == 1
    assert "No space left on device" in result.err
    assert "next: " in result.err
    monkeypatch.undo()
    assert workspace.run("ingest").code == 0
    assert len(workspace.rows("events")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ingest", "--nonsense"],
        ["ingest", "--source", "wep"],
        ["ingest", "no-such-file.gz"],
        ["reconcile", "--as-of", "yesterday"],
        ["reconcile", "--from", "2026-01-16", "--to", "2026-01-15"],
        ["reconcile", "--from", "2026-1-5"],
        ["report"],
        ["sql", "SELECT 1"],
        ["backfill", "--destination", "meta"],
        ["backfill", "--include", "everything"],
        ["receipts", "--covers", "2026-01-15"],
        ["receipts", "--covers", "0001-01-01/9999-12-31"],
        ["init", "/proc/x"],
        ["demo", "/proc/x"],
    ],
)
def test_2_usage(workspace: Workspace, arguments: list[str]) -> None:
    result = workspace.run(*arguments)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert result.out == ""


@pytest.mark.parametrize("text", ["[sources.web]\npath = []\n", "no toml", "[sources]\nweb = 1\n"])
def test_2_configuration(workspace: Workspace, text: str) -> None:
    workspace.configure(text)
    result = workspace.run("ingest")
    assert result.code == 2
    assert "archiver.toml" in result.err


def test_2_no_configuration(workspace: Workspace) -> None:
    workspace.config_path.unlink()
    result = workspace.run("load")
    assert result.code == 2
    assert "archiver init" in result.err


def test_3_a_gap_over_the_threshold_only_from_reconcile(with_gap: Workspace) -> None:
    assert with_gap.run("reconcile", "--as-of", AS_OF).code == 3
    assert with_gap.run("report", "--as-of", AS_OF).code == 0
    assert with_gap.run("backfill", "--as-of", AS_OF).code == 0
    only_later = with_gap.run("reconcile", "--as-of", AS_OF, "--from", "2026-01-16")
    assert only_later.code == 0


@pytest.mark.parametrize("setting", ["min_gap = 6", "max_gap_ratio = 0.34"])
def test_a_gap_up_to_the_threshold_is_0(with_gap: Workspace, setting: str) -> None:
    with_gap.configure(CONFIG + f'coverage = "complete"\n{setting}\n')
    assert with_gap.run("reconcile", "--as-of", AS_OF).code == 0


def test_4_a_file_that_could_not_be_imported(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.write("inbound/web/b.gz", data=b"\x1f\x8b\x08\x00 not gzip at all")
    workspace.write("inbound/web/c.ndjson", event("c"))
    result = workspace.run("ingest")
    assert result.code == 4
    assert "b.gz" in result.err
    assert workspace.rows("events", "message_id") == [("a",), ("c",)]


def test_4_more_bad_records_than_max_bad_ratio(workspace: Workspace) -> None:
    good = [event(f"m{n}") for n in range(99)]
    workspace.write("inbound/web/at.ndjson", *good, b"{")
    assert workspace.run("ingest").code == 0
    workspace.write("inbound/web/over.ndjson", *good[:98], b"{")
    result = workspace.run("ingest")
    assert result.code == 4
    assert "over.ndjson" in result.err
    assert len(workspace.rows("events")) == 99 + 98, "it is imported all the same"
    assert workspace.run("ingest").code == 0, "what was imported before is no news"


def test_5_another_run_holds_the_lock(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event())
    workspace.done("ingest")
    for folder, command in (("archive", "ingest"), ("archive", "receipts"), ("warehouse", "load")):
        lock = workspace.folder / "data" / folder / ".lock"
        lock.parent.mkdir(exist_ok=True)
        with open(lock, "a+") as held:
            held.truncate(0)
            json.dump({"command": "another ingest", "pid": 4711}, held)
            held.flush()
            fcntl.flock(held, fcntl.LOCK_EX)
            result = workspace.run(command)
        assert result.code == 5
        assert "another ingest" in result.err
        assert "4711" in result.err
        assert "--wait" in result.err
        assert workspace.run(command).code == 0


def test_130_interrupted_and_a_re_run_converges(workspace: Workspace) -> None:
    process = workspace.start("ingest", "-", code="print('ready', flush=True)")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(event("a").decode() + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    wait_until_it_reads(workspace.folder / "data/archive/.lock")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert workspace.rows("events") == []


def wait_until_it_reads(lock: Path) -> None:
    """A run that waits for its input holds the lock, and says so in the lock file."""
    import time

    deadline = time.monotonic() + 60
    while not (lock.exists() and lock.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
