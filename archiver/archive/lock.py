"""One writer at a time on a folder."""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from archiver.errors import LockedError, blaming_the_path


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as the lock file says.

    Attributes:
        command: what it runs.
        owner: name of the user, or the number of one without a name.
        host, pid: where it runs.
        since: when it took the lock, UTC, ISO 8601.
    """

    command: str
    owner: str = "?"
    host: str = "?"
    pid: int = 0
    since: str = "?"

    def __str__(self) -> str:
        return (
            f"{self.command} of {self.owner} on {self.host}, process {self.pid}, since {self.since}"
        )


@contextmanager
def writing(folder: Path, what: str, *, wait: bool = False) -> Iterator[Holder | None]:
    """Hold the folder's lock.

    The kernel drops the lock when its owner ends, however it ends, so that a dead run never
    blocks a later one. The lock file says who holds it; who ends alive empties it.

    Args:
        folder: the archive or warehouse folder; made if absent.
        what: the command, for the message that another run shows.
        wait: wait for the other run to end instead of failing.

    Yields:
        Who held it last, where that process died with it; else None.

    Raises:
        LockedError: another run holds it and `wait` is false.
        UsageError: the folder cannot be made or written.
    """
    with blaming_the_path(f"locking {folder} for {what}"):
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "ab+", buffering=0)  # noqa: SIM115 - closed below
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            raise LockedError(
                f"locking {folder} for {what}",
                f"another run holds it: {_holder(file.read()) or 'unknown owner'}",
                "run again later, or with --wait",
            ) from None
        file.seek(0)
        dead = _holder(file.read())
        file.truncate(0)
        try:
            file.write(msgspec.json.encode(_this_process(what)))
            yield dead
        finally:
            file.truncate(0)


def _this_process(what: str) -> Holder:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        owner = getpass.getuser()
    except (KeyError, OSError):
        # In a container a user need have no name.
        owner = str(os.getuid())
    return Holder(what, owner, socket.gethostname(), os.getpid(), now)


def _holder(text: bytes) -> Holder | None:
    """Who wrote that into a lock file; a dead run's may be torn."""
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=Holder)
    except msgspec.DecodeError:
        return Holder("an unknown run")
