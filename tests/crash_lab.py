"""Runs a command in a process of its own that dies or finds the disk full at a chosen step.

Also the inputs for it, and what must be the same after another run as after an undisturbed one.
"""

from __future__ import annotations

import io
import itertools
import multiprocessing
import os
import resource
import shutil
import signal
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from support import CONFIG, Workspace, lines, order, receipt, table_rows

from archiver.archive.tables import (
    EVENTS,
    INBOUND_FILES,
    INBOUND_PATHS,
    LAYOUTS,
    QUARANTINE,
    RECEIPTS,
)

# Forked from a server that has imported everything and started no thread: no start-up to pay.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "pytest",
        "archiver.cli.compact",
        "archiver.cli.main",
        "archiver.cli.imports",
        "archiver.cli.ingest",
        "archiver.cli.load",
        "archiver.cli.receipts",
        "archiver.archive.ingest",
        "archiver.archive.lock",
        "archiver.archive.receive",
        "archiver.nightly.housekeeping",
        "archiver.warehouse.publish",
    ]
)

# What depends on the time of the import.
_WHEN = {"imported_at", "imported_date", "seen_at"}
Rows = dict[str, list[tuple[Any, ...]]]

Before = Callable[[str], None]
"""Called with the name of each change on the disk, just before it."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said on stdout and stderr."""

    code: int
    said: str


def make_inputs(folder: Path) -> Workspace:
    """Lines, a JSON array in zstd and a zip of two files, imported in two commits, and receipts.

    Several partitions, bad records, blank lines, and an id in two files.
    """
    workspace = Workspace(folder)
    workspace.configure(CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1))
    days = [f"2026-01-{day}T12:00:00Z" for day in (14, 15)]
    many = [order(f"a{n}", days[n % 2]) for n in range(9)]
    workspace.write("inbound/web/a.ndjson", *many, b"{bad", b"", b"[1]")
    array = b"[ " + order("b1", days[0]) + b",\n nope ]"
    workspace.write("inbound/web/b.zst", data=pa.compress(array, codec="zstd", asbytes=True))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("c1.ndjson", lines(order("a1", days[0], userId="again"), order("c1")))
        file.writestr("c2.json", b"[" + order("c2") + b"]\n")
    workspace.write("inbound/web/c.zip", data=zipped.getvalue())
    for name, at in ("a1", days[0]), ("c1", days[1]):
        workspace.write(f"receipts/{name}.ndjson", receipt(name, at=at))
    return workspace


def copy_of(workspace: Workspace, folder: Path) -> Workspace:
    """The workspace at another place, whatever was there before."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(workspace.folder, folder)
    copy = Workspace.__new__(Workspace)
    copy.folder = folder
    return copy


def archived(workspace: Workspace) -> Rows:
    """The rows of the archive's tables without what depends on the time."""
    return {
        table.name: table_rows(
            workspace.folder / "data/archive",
            table,
            *[name for name in table.schema.names if name not in _WHEN],
        )
        for table in (EVENTS, RECEIPTS, QUARANTINE, LAYOUTS, INBOUND_FILES, INBOUND_PATHS)
    }


def published(workspace: Workspace) -> Rows | None:
    """The rows of the warehouse; None where none is published."""
    if not workspace.database.exists():
        return None
    with duckdb.connect(str(workspace.database), read_only=True) as connection:
        return {
            view: sorted(connection.execute(f"SELECT {columns} FROM {view}").fetchall(), key=repr)
            for view, columns in (
                ("events", "* REPLACE (body::JSON::VARCHAR AS body)"),
                ("conversions", "*"),
                ("recurrences", "*"),
                ("event_records", "* EXCLUDE (imported_at)"),
            )
        }


def assert_no_partial_file(workspace: Workspace, whole: Rows) -> None:
    """Each file's rows are all visible or none, in each table by itself."""
    found = archived(workspace)
    for table in (EVENTS, RECEIPTS, QUARANTINE, LAYOUTS):
        place = [name for name in table.schema.names if name not in _WHEN].index("file_id")
        visible, expected = (
            Counter(row[place] for row in rows[table.name]) for rows in (found, whole)
        )
        assert all(expected[file] == rows for file, rows in visible.items())


def undisturbed(workspace: Workspace, command: str) -> None:
    """Run a command to its end."""
    assert not run_for(workspace.config_path, command, None)


def run_to_step(config: Path, command: str, step: int) -> bool:
    """Run a command that is killed just before its `step`-th change on the disk.

    Returns:
        Whether it came that far; if not, it ran to its end.
    """
    process = _SERVER.Process(target=_run, args=(str(config), command, step))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def run_for(config: Path, command: str, seconds: float | None) -> bool:
    """Run a command that is killed after so many seconds, or run it to its end.

    Returns:
        Whether it was killed.
    """
    process = _SERVER.Process(target=_run, args=(str(config), command))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def run_on_full_disk(config: Path, command: str, most_bytes: int = 0, start: str = "") -> Ended:
    """Run a command that can make no file larger than so many bytes: writing more fails.

    Args:
        config: the configuration file.
        command: the command.
        most_bytes: the largest size of any file.
        start: the change on the disk before which this begins, as `create_checkpoint`; empty: it
            holds from the beginning.
    """
    return _told(_run_on_full_disk, str(config), command, most_bytes, start)


def run_without_privileges(config: Path, command: str) -> Ended:
    """Run a command that may read what its user may, also where this process is root's."""
    return _told(_run_without_privileges, str(config), command)


def _told(target: Callable[..., None], *arguments: Any) -> Ended:
    receiver, sender = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=target, args=(*arguments, sender))
    process.start()
    sender.close()
    with os.fdopen(os.dup(receiver.fileno()), encoding="utf-8") as file:
        said = file.read()
    process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, said)


def _run(config: str, command: str, step: int = 0) -> None:
    if step:
        _die_before(step)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _run_to_end(config, command)


def _run_on_full_disk(
    config: str, command: str, most_bytes: int, start: str, output: Connection
) -> None:
    def fill(operation: str) -> None:
        if operation == start:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    if start:
        _announce_changes(fill)
    else:
        fill("")
    _run_to_end(config, command)


def _run_without_privileges(config: str, command: str, output: Connection) -> None:
    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    if os.geteuid() == 0:
        _obey_permissions()
    _run_to_end(config, command)


def _run_to_end(config: str, command: str) -> None:
    import sys

    from archiver.archive import compact, importer, store, vacuum
    from archiver.cli.main import run
    from archiver.warehouse import tidy

    # Small input, and yet more than one commit and a checkpoint.
    importer._COMMIT_FILES = 2
    store._CHECKPOINT_EVERY = 2
    compact.MANY_FILES = tidy.MANY_SEGMENTS = 2
    compact._COMMIT_FILES = 4
    vacuum._CHECKPOINT_AFTER = 1
    # Flushing makes no difference to a killed process, only to the time that this takes.
    os.fsync = lambda descriptor: None
    code = run(["--config", config, *command.split()])
    sys.stdout.flush()
    os._exit(code)


def _die_before(step: int) -> None:
    steps = itertools.count(1)

    def die(_: str) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    _announce_changes(die)


def _announce_changes(before: Before) -> None:
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    def announced(operation: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            before(operation.__name__)
            return operation(*arguments, **options)

        return wrapped

    os.replace, os.unlink = map(announced, (os.replace, os.unlink))
    Path.write_text = announced(Path.write_text)
    pq.ParquetWriter.close = announced(pq.ParquetWriter.close)
    DeltaTable.create = staticmethod(announced(DeltaTable.create))
    for name in ("create_write_transaction", "create_checkpoint"):
        setattr(DeltaTable, name, announced(getattr(DeltaTable, name)))


def _obey_permissions() -> None:
    """Give up root's capabilities to read and write everything (capabilities(7), bits 1 and 2)."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    # Effective, permitted, inheritable; the lower 32 bits, then the higher.
    sets = (ctypes.c_uint32 * 6)()
    if library.capget(header, sets) == 0:
        sets[0] &= ~0b110
        sets[1] &= ~0b110
        library.capset(header, sets)
