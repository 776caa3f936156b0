"""One writer at a time on a folder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from archiver.errors import LockedError, blaming_the_path


@contextmanager
def writing(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the folder's lock.

    The kernel drops the lock when its owner ends, however it ends, so that a dead run never
    blocks a later one. The lock file says who holds it, for the message only.

    Args:
        folder: the archive or warehouse folder; made if absent.
        what: the command, for the message that another run shows.
        wait: wait for the other run to end instead of failing.

    Raises:
        LockedError: another run holds it and `wait` is false.
        UsageError: the folder cannot be made or written.
    """
    with blaming_the_path(f"locking {folder} for {what}"):
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "a+", encoding="utf-8")  # noqa: SIM115 - closed below
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            raise LockedError(
                f"locking {folder} for {what}",
                f"another run holds it: {file.read().strip() or 'unknown owner'}",
                "run again later, or with --wait",
            ) from None
        file.seek(0)
        file.truncate()
        json.dump(
            {
                "command": what,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            file,
        )
        file.flush()
        yield
        file.truncate(0)
