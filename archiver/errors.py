"""Failures that a user can act on, each with its exit code (DESIGN §8).

A message says what was being done, to which file and record, why it failed, and what to do next.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_GAP = 3
EXIT_PARTIAL = 4
EXIT_LOCKED = 5
EXIT_INTERRUPTED = 130


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


class ConfigError(ArchiverError):
    """A configuration that cannot be used."""

    exit_code = EXIT_USAGE


class LockedError(ArchiverError):
    """Another run holds the lock on the folder."""

    exit_code = EXIT_LOCKED


class CorruptInputError(ArchiverError):
    """An inbound file that cannot be read whole; it stays unimported."""

    exit_code = EXIT_PARTIAL


class CheckFailedError(ArchiverError):
    """Figures that do not add up; they are not published."""
