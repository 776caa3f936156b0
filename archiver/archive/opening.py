"""Opens inbound files: regular ones as they are, pipes and standard input by way of a copy."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom, BufferedReader
from typing import IO

from archiver.errors import CorruptInputError
from archiver.inbound.paths import InboundPath


@dataclass(frozen=True)
class Opened:
    """An opened file.

    Attributes:
        file: seekable, at its beginning.
        size_bytes: when it was opened.
        modified_ns: likewise, nanoseconds since 1970; None where its time says nothing.
    """

    file: BufferedReader | BufferedRandom
    size_bytes: int
    modified_ns: int | None

    @property
    def modified_at(self) -> datetime | None:
        """When it was modified, UTC; None where that is no date."""
        if self.modified_ns is None:
            return None
        try:
            return datetime.fromtimestamp(self.modified_ns // 1000 / 1e6, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def check_unchanged(self, shown: str) -> None:
        """Refuse a file that somebody wrote to since it was opened.

        Raises:
            CorruptInputError: its size or its time is another.
        """
        about = os.fstat(self.file.fileno())
        has_time = self.modified_ns is not None
        if about.st_size != self.size_bytes or (has_time and about.st_mtime_ns != self.modified_ns):
            raise CorruptInputError(
                f"reading {shown}",
                "it changed while it was read",
                "nothing of it was imported; re-run when it is complete",
            )


def stated(path: InboundPath) -> tuple[int, int | None]:
    """Size in bytes and time of modification, ns since 1970, without opening the file.

    The time is None where it says nothing, or the file cannot be asked: then it must be opened.
    """
    if path.stdin is not None:
        return 0, None
    try:
        about = os.stat(path.real)
    except OSError:
        return 0, None
    return about.st_size, about.st_mtime_ns if stat.S_ISREG(about.st_mode) else None


@contextmanager
def opened(path: InboundPath) -> Iterator[Opened]:
    """Open a file for reading; standard input and pipes are copied first.

    Raises:
        CorruptInputError: it cannot be opened.
    """
    if path.stdin is not None:
        with _spooled(path.stdin) as spool:
            yield Opened(spool, os.fstat(spool.fileno()).st_size, None)
        return
    try:
        # Asked first: opening a pipe waits for somebody to write to it.
        mode = os.stat(path.real).st_mode
        if not (path.is_named or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise CorruptInputError(
                f"opening {path.shown}",
                "it is a pipe, a device or a socket, and no file",
                "configure files and folders only; name a pipe on the command line",
            )
        file = open(path.real, "rb")  # noqa: SIM115 - closed below; its failure is the file's own
    except OSError as error:
        raise CorruptInputError(
            f"opening {path.shown}", error.strerror or str(error), "make it readable and re-run"
        ) from None
    with file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode):
            yield Opened(file, about.st_size, about.st_mtime_ns)
            return
        # A pipe: it cannot be read twice, and its time says nothing.
        with _spooled(file) as spool:
            yield Opened(spool, os.fstat(spool.fileno()).st_size, None)


@contextmanager
def _spooled(data: IO[bytes]) -> Iterator[BufferedRandom]:
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(data, spool)
        spool.seek(0)
        yield spool
