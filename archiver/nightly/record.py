"""The record of a round: begun, ended, or found where a round died (docs/nightly.md)."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from archiver.archive.lock import Holder
from archiver.archive.rounds import (
    DayOver,
    Gap,
    Round,
    RoundOutcome,
    StaleFeed,
    StepOutcome,
    StepResult,
    append_round,
    last_round,
    read_rounds,
)
from archiver.errors import (
    EXIT_DONE,
    EXIT_GAP,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_STALE,
    EXIT_UNEXPECTED,
)

__all__ = [
    "DayOver",
    "Gap",
    "Round",
    "RoundOutcome",
    "StaleFeed",
    "StepOutcome",
    "StepResult",
    "append_round",
    "begin",
    "bury",
    "last_round",
    "outcome_of",
    "read_rounds",
    "worst",
]

# Worst first: what is wrong with the run comes before what is wrong with the world.
_WORST_FIRST = (EXIT_UNEXPECTED, EXIT_PARTIAL, EXIT_STALE, EXIT_GAP, EXIT_DONE)
_OUTCOMES: dict[int, RoundOutcome] = {
    EXIT_DONE: "done",
    EXIT_GAP: "gap",
    EXIT_STALE: "stale",
    EXIT_PARTIAL: "partial",
    EXIT_UNEXPECTED: "failed",
    EXIT_INTERRUPTED: "interrupted",
}


def begin(
    command: str, as_of: datetime, started_at: datetime, took_over: Holder | None = None
) -> Round:
    """The record of a round that starts now; nothing is written yet."""
    from archiver.warehouse.runs import program_versions

    return Round(
        run_id=f"{command}-{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        command=command,
        as_of=as_of,
        started_at=started_at,
        pid=os.getpid(),
        host=socket.gethostname(),
        versions=program_versions(),
        took_over=took_over,
    )


def bury(root: Path, command: str) -> list[Round]:
    """Enter the rounds of a command that died as `died`, and return them, the last one last.

    Hold the archive's lock: who holds it knows that no other round is running.
    """
    found = []
    for record in read_rounds(root, command=command, months=2):
        if record.outcome == "started":
            dead = msgspec.structs.replace(record, outcome="died")
            append_round(root, dead)
            found.append(dead)
    return found


def worst(codes: Iterable[int]) -> int:
    """The worst of exit codes: 1 before 4 before 6 before 3."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), EXIT_DONE)


def outcome_of(exit_code: int) -> RoundOutcome:
    """The word for a round that ended with this code."""
    return _OUTCOMES[exit_code]
