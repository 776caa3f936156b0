"""Help, version, and a start-up that stays light."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest
from support import Workspace

from archiver.cli.main import COMMANDS, run

HEAVY = {"pyarrow", "duckdb", "deltalake", "rich", "polars", "msgspec", "isal"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option(workspace: Workspace, name: str) -> None:
    command: click.Command = importlib.import_module(f"archiver.cli.{COMMANDS[name]}").command
    result = workspace.done(name, "--help")
    assert "Usage: archiver" in result.out
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in result.out
            assert parameter.help, f"{name} {parameter.opts[0]} is not explained"
    assert max(map(len, result.out.splitlines())) <= 100


def test_help_lists_every_command_and_every_exit_code(workspace: Workspace) -> None:
    out = workspace.done("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in out
    for code in ("0 done", "1 unexpected", "2 usage", "3 a gap", "4 done in part", "5 another"):
        assert code in " ".join(out.split())


def test_the_bare_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: archiver")
    assert shown.err == ""


def test_every_command_takes_json(workspace: Workspace) -> None:
    # The commands below alerts take it.
    for name in set(COMMANDS) - {"demo", "alerts"}:
        assert "--json" in workspace.done(name, "--help").out, name


def test_python_m_archiver_says_its_version() -> None:
    from archiver import __version__

    out = subprocess.check_output([sys.executable, "-m", "archiver", "--version"], text=True)
    assert out == f"archiver, version {__version__}\n"


def test_start_up_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from archiver.cli.main import run\n"
        "for command in ([], ['ingest'], ['report'], ['sql']):\n"
        "    run([*command, '--help'])\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not HEAVY & set(done.stderr.split())


def test_a_closed_pipe_is_no_traceback(workspace: Workspace) -> None:
    process = workspace.start("--help")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait()
