"""Runs a command in a process of its own that dies at a chosen step or moment."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Forked from a server that has imported everything and started no thread: no start-up to pay.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "pytest",
        "archiver.cli.main",
        "archiver.cli.imports",
        "archiver.cli.ingest",
        "archiver.cli.load",
        "archiver.archive.ingest",
        "archiver.archive.lock",
        "archiver.warehouse.publish",
    ]
)


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
    process = _SERVER.Process(target=_run, args=(str(config), command, 0))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _run(config: str, command: str, step: int) -> None:
    from archiver.archive import importer, store
    from archiver.cli.main import run

    # Small input, and yet more than one commit and a checkpoint.
    importer._COMMIT_FILES = 2
    store._CHECKPOINT_EVERY = 2
    # Flushing makes no difference to a killed process, only to the time that this takes.
    os.fsync = lambda descriptor: None
    if step:
        _die_before(step)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os._exit(run(["--config", config, command]))


def _die_before(step: int) -> None:
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    counter = itertools.count(1)

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if next(counter) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **options)

        return wrapped

    os.replace, os.unlink = map(counted, (os.replace, os.unlink))
    pq.ParquetWriter.close = counted(pq.ParquetWriter.close)
    DeltaTable.create = staticmethod(counted(DeltaTable.create))
    for name in ("create_write_transaction", "create_checkpoint"):
        setattr(DeltaTable, name, counted(getattr(DeltaTable, name)))
