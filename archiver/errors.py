"""Failures that a user can act on, each with its exit code (DESIGN §8).

A message says what was being done, to which file and record, why it failed, and what to do next.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_DONE = 0
EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_GAP = 3
EXIT_PARTIAL = 4
EXIT_LOCKED = 5
EXIT_STALE = 6
EXIT_REFUSED = 7
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_WRONG_PATH = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


# How the libraries say that nothing more can be written; those in Rust and C++ give no number.
_FULL = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
}


class ArchiverError(Exception):
    """A failure with an explanation.

    Args:
        doing: what was being done, with the file and record, as in "reading web/a.gz, record 7".
        why: the cause.
        hint: what to do next; may be empty.
    """

    exit_code = EXIT_UNEXPECTED

    def __init__(self, doing: str, why: str, hint: str = "") -> None:
        super().__init__(f"{doing}: {why}" + (f" ({hint})" if hint else ""))
        self.doing = doing
        self.why = why
        self.hint = hint


class UsageError(ArchiverError):
    """A command line that cannot be carried out as given."""

    exit_code = EXIT_USAGE


@contextmanager
def blaming_the_path(doing: str) -> Iterator[None]:
    """Turn what the system says about a path that cannot be written into a UsageError.

    A full disk, say, is not the path's fault and goes on up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _WRONG_PATH:
            raise
        why = error.strerror or str(error)
        raise UsageError(doing, why, "name a path that can be written") from None


def full_disk(error: BaseException) -> str | None:
    """What the system said, where a failure of any library means that the disk is full."""
    text = str(error)
    number = getattr(error, "errno", None)
    return next((said for said, code in _FULL.items() if code == number or said in text), None)


class ConfigError(ArchiverError):
    """A configuration that cannot be used."""

    exit_code = EXIT_USAGE


class LockedError(ArchiverError):
    """Another run holds the lock on the folder."""

    exit_code = EXIT_LOCKED


class InterruptedRunError(ArchiverError):
    """The user ended the run."""

    exit_code = EXIT_INTERRUPTED


class TerminatedRunError(InterruptedRunError):
    """The system ended the run, by SIGTERM."""

    exit_code = EXIT_TERMINATED


class CorruptInputError(ArchiverError):
    """An inbound file that cannot be read whole; it stays unimported."""

    exit_code = EXIT_PARTIAL


class CheckFailedError(ArchiverError):
    """Figures that do not add up; they are not published."""
