"""Ctrl-C and SIGTERM end the work at once, with their exit codes, and a re-run converges."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import Workspace, order, receipt

from archiver import interruption

# Runs in the process under test: its signals are handled as the program's own `main` has it, and
# `at(module, name)` sends one at the call of a function.
SIGNALLED = """
import importlib, os, signal
from archiver import interruption
handling = interruption.interruptible()
handling.__enter__()
def at(module, name):
    owner = importlib.import_module(module)
    for part in name.split(".")[:-1]:
        owner = getattr(owner, part)
    whole = getattr(owner, name.split(".")[-1])
    def signalled(*args, **options):
        os.kill(os.getpid(), signal.{signal})
        return whole(*args, **options)
    setattr(owner, name.split(".")[-1], signalled)
at("{module}", "{name}")
"""

# A query of hours, interrupted by a thread once it runs.
QUERY = """
import os, signal, sys, threading, time
from archiver import database, interruption

def end():
    while connection.query_progress() < 0:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

with interruption.interruptible():
    connection = database.connect()
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    connection.execute("SET progress_bar_time = 0")
    threading.Thread(target=end, daemon=True).start()
    try:
        connection.execute(
            "SELECT COUNT(*) FROM range(100_000_000) a, range(1_000_000) b"
            " WHERE (a.range * b.range) % 7 = 3"
        ).fetchall()
    except Exception:
        interruption.check()
"""


def world(workspace: Workspace) -> Workspace:
    workspace.write("inbound/web/a.ndjson", *(order(f"m{n}") for n in range(9)))
    workspace.write("inbound/web/b.ndjson", *(order(f"n{n}") for n in range(9)))
    workspace.write("receipts/a.ndjson", *(receipt(f"m{n}") for n in range(9)))
    return workspace


@pytest.mark.parametrize(
    ("command", "module", "name"),
    [
        ("ingest", "pyarrow.parquet", "ParquetWriter.write_table"),
        ("ingest", "archiver.archive.store", "replace_durably"),
        ("ingest", "archiver.archive.store", "Archive._commit_one"),
        ("load", "archiver.warehouse.load", "write_segment"),
        ("reconcile", "archiver.reconcile.run", "write_table"),
        ("nightly", "archiver.reconcile.run", "write_table"),
    ],
)
def test_ctrl_c_in_the_middle_ends_with_130_and_a_re_run_converges(
    workspace: Workspace, command: str, module: str, name: str
) -> None:
    world(workspace)
    if command in ("load", "reconcile"):
        workspace.done("ingest")
    code = SIGNALLED.format(signal="SIGINT", module=module, name=name)
    out, err = (process := workspace.start(command, code=code)).communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "interrupted" in err
    assert "Traceback" not in err
    workspace.done("ingest")
    workspace.done("load")
    assert len(workspace.rows("events")) == 18
    assert workspace.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 18}]
    workspace.done("verify", "--rebuild")


def test_sigterm_ends_as_cleanly_with_143(workspace: Workspace) -> None:
    code = SIGNALLED.format(
        signal="SIGTERM", module="pyarrow.parquet", name="ParquetWriter.write_table"
    )
    process = world(workspace).start("ingest", "--json", code=code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, (out, err)
    assert "ended by SIGTERM" in err
    assert '"exit_code": 143' in out
    workspace.done("ingest")
    assert len(workspace.rows("events")) == 18


def test_a_query_in_duckdb_is_interrupted() -> None:
    done = subprocess.run([sys.executable, "-c", QUERY], capture_output=True, text=True, timeout=60)
    assert done.stderr.rstrip().endswith("Interruption: SIGINT")


def test_a_closed_connection_does_not_keep_the_others_running() -> None:
    class Query:
        is_interrupted = False

        def interrupt(self) -> None:
            self.is_interrupted = True

    class Closed:
        def interrupt(self) -> None:
            raise ValueError("already closed")

    connections = [Closed(), *(queries := [Query() for _ in range(9)]), Closed()]
    for connection in connections:
        interruption.watch(connection)
    interruption._interrupt_queries()
    assert all(query.is_interrupted for query in queries)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    program = (
        "import os, signal\n"
        "from archiver import interruption\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with interruption.interruptible():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(interruption.received())\n"
    )
    out = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert out == "None\n"
