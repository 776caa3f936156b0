"""Bars at a terminal for long work, and none elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import Workspace, order

from archiver import progress

PROGRAM = "import sys\nfrom archiver.cli.main import main\nmain()"


def at_a_terminal(
    workspace: Workspace, *arguments: str, environment: Mapping[str, str] = {}, folder: Path
) -> tuple[int, str, str]:
    """Exit code, stdout, and what the terminal got on stderr."""
    ours, theirs = pty.openpty()
    with open(folder / "stdout", "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--config", workspace.config_path, *arguments],
            stdout=out,
            stderr=theirs,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:
            pass  # the other end of a terminal is closed
        os.close(ours)
        code = process.wait()
    return code, (folder / "stdout").read_text(), shown.decode()


@pytest.fixture
def two_files(workspace: Workspace) -> Workspace:
    workspace.write("inbound/web/a.ndjson", order("m1"))
    workspace.write("inbound/web/b.ndjson", order("m2"))
    return workspace


def test_a_terminal_shows_bars_that_are_gone_at_the_end(
    two_files: Workspace, tmp_path: Path
) -> None:
    code, out, shown = at_a_terminal(two_files, "ingest", folder=tmp_path)
    assert code == 0
    assert "events of web" in shown
    assert "2 files" in shown
    assert shown.endswith("\r\x1b[2K\x1b[?25h\r"), "the line is taken away, the cursor is back"
    assert out.startswith("2 files imported")


def test_no_color_takes_the_colours_and_not_the_bars(two_files: Workspace, tmp_path: Path) -> None:
    colour = at_a_terminal(two_files, "ingest", folder=tmp_path)[2]
    two_files.write("inbound/web/c.ndjson", order("m3"))
    plain = at_a_terminal(two_files, "ingest", environment={"NO_COLOR": "1"}, folder=tmp_path)[2]
    assert "events of web" in plain
    assert "\x1b[38;" in colour
    assert "\x1b[38;" not in plain


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["ingest", "--json"], {}),
        (["ingest"], {"TERM": "dumb"}),
        (["--log-format", "json", "ingest"], {}),
    ],
)
def test_none_where_nobody_looks(
    two_files: Workspace, tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    code, _, shown = at_a_terminal(two_files, *arguments, environment=environment, folder=tmp_path)
    assert (code, shown) == (0, "")


def test_none_without_a_terminal(two_files: Workspace) -> None:
    for command in ("ingest", "load", "reconcile", "verify"):
        process = two_files.start(command)
        out, err = process.communicate(timeout=60)
        assert "\x1b" not in out + err, command


class Seen:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def begin(self, what: str, total: float | None, unit: str) -> int:
        self.told.append(("begin", what, total, unit))
        return len(self.told)

    def advance(self, task: int, amount: float) -> None:
        self.told.append(("advance", amount))

    def end(self, task: int) -> None:
        self.told.append(("end",))


def test_long_work_says_how_far_it_is(two_files: Workspace) -> None:
    seen = Seen()
    with progress.observed_by(seen):
        for command in ("ingest", "load", "reconcile", "verify"):
            two_files.run(command)
    begun = {what: total for kind, what, total, _ in (t for t in seen.told if t[0] == "begin")}
    assert begun["events of web"] == 2
    assert begun["load"] == 1
    assert {"reconcile", "verify events"} <= begun.keys()
    advanced = sum(amount for kind, amount in (t for t in seen.told if t[0] == "advance"))
    assert advanced == sum(begun.values())


def test_a_task_that_fails_is_ended_and_nobody_is_told_after_the_body() -> None:
    seen = Seen()
    with (
        pytest.raises(ValueError, match="no"),
        progress.observed_by(seen),
        progress.task("x", 2) as advance,
    ):
        advance(1)
        raise ValueError("no")
    assert list(progress.each("ab", "y", 2)) == ["a", "b"]
    assert seen.told == [("begin", "x", 2, ""), ("advance", 1), ("end",)]
