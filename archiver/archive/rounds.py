"""The records of the rounds: what each `nightly` and `watch` did, in `<archive>/_runs/*.ndjson`.

One JSON object per line. A round appends one line before it starts and one when it ends; the last
line of a `run_id` counts. A line that a power cut tore is no record.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from archiver.archive.lock import Holder
from archiver.files import fsync_folder

FOLDER = "_runs"
_MONTH = re.compile(r"(\d{4}-\d{2})(-watch)?\.ndjson")

StepOutcome = Literal["done", "unchanged", "partial", "failed", "skipped"]
RoundOutcome = Literal[
    "started", "done", "gap", "stale", "partial", "failed", "interrupted", "died"
]


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one step of a round.

    Attributes:
        step: `ingest`, `receipts`, `load`, `reconcile`, `report`, `alerts`, `housekeeping`,
            `metrics`, `record` or `publish`; of `watch` also `performance`.
        name: the source or destination; None where the step is for all.
        outcome: `partial`: done but for some files; `skipped`: not tried, `error` says why.
        seconds: how long it took.
        counts: what it did, by name, as in `imported` files or `quarantined` records.
        error: what went wrong; neither personal data nor secrets.
        next: what to do about it; may be empty.
    """

    step: str
    name: str | None = None
    outcome: StepOutcome = "done"
    seconds: float = 0.0
    counts: dict[str, int] = {}
    error: str | None = None
    next: str = ""


class DayOver(msgspec.Struct, frozen=True, kw_only=True):
    """An account day over its threshold: what is wrong with it, in words."""

    destination: str
    day: str
    event: str | None
    what: str


class StaleFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that is older than it may be.

    Attributes:
        kind: `source` or `destination`.
        newest: its newest arrival or last sign of life, UTC; None: there was none ever.
        allowed_seconds: how old that may be.
        note: why it is stale, where its age does not say that.
    """

    kind: str
    name: str
    newest: datetime | None
    allowed_seconds: int
    note: str = ""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's newest reconciliation leaves open, over all its days.

    Attributes:
        gap, recoverable: conversions.
        value: currency → amount of the gap, as text.
        backfill_deadline: the first deadline of what is recoverable, UTC.
    """

    destination: str
    gap: int
    recoverable: int
    value: dict[str, str]
    backfill_deadline: datetime | None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round.

    Attributes:
        run_id: names the round.
        command: `nightly` or `watch`.
        as_of: the instant that it played, UTC.
        started_at, ended_at: UTC; a round that died has no end.
        seconds: how long it took.
        outcome: `started` while it runs; `died` where it never ended.
        exit_code: None of a round without an end.
        pid, host: of its process.
        reconciliation: the run_id that it made or kept.
        steps: in their order.
        versions: archiver, duckdb and python.
        took_over: whose lock it took over from a dead process.
        died: run_ids of the rounds that it found dead.
        over_threshold, stale, gaps: what the exit code is judged by, and what is open.
        alerts: what was told: `sent`, `resolved` and `failed`, as `alerts.model.Told` has them.
        report: paths of the files that it wrote.
    """

    run_id: str
    command: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None = None
    seconds: float | None = None
    outcome: RoundOutcome = "started"
    exit_code: int | None = None
    pid: int = 0
    host: str = ""
    reconciliation: str | None = None
    steps: list[StepResult] = []
    versions: dict[str, str] = {}
    took_over: Holder | None = None
    died: list[str] = []
    over_threshold: list[DayOver] = []
    stale: list[StaleFeed] = []
    gaps: list[Gap] = []
    alerts: dict[str, list[Any]] = {}
    report: list[str] = []


def append_round(root: Path, record: Round) -> None:
    """Append a record to its month's file, durably. Hold the archive's lock.

    The month is that of its start, UTC, so that both of its lines stand in one file. Rounds of
    `watch` have files of their own, since they are many.
    """
    folder = root / FOLDER
    is_new_folder = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if is_new_folder:
        fsync_folder(root)
    path = (
        folder / f"{record.started_at:%Y-%m}{'-watch' if record.command == 'watch' else ''}.ndjson"
    )
    is_new = not path.exists()
    with open(path, "ab+") as file:
        line = msgspec.json.encode(record) + b"\n"
        if file.tell() and _last_byte(file.fileno()) != b"\n":
            # Ends what a power cut tore: the new record stands on a line of its own.
            line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        fsync_folder(folder)


def _last_byte(descriptor: int) -> bytes:
    return os.pread(descriptor, 1, os.fstat(descriptor).st_size - 1)


def read_rounds(
    root: Path,
    *,
    command: str | None = None,
    months: int | None = None,
    last_bytes: int | None = None,
) -> list[Round]:
    """The rounds, the one that started last last; those without an end have outcome `started`.

    Args:
        root: the archive's folder.
        command: those of this command only.
        months: of so many of the newest months only, of those that have rounds; None: all.
        last_bytes: of each month those in so many bytes at its end only; None: all.
    """
    found: dict[str, Round] = {}
    for path in _files(root, command, months):
        for line in _end(path, last_bytes).splitlines():
            try:
                record = msgspec.json.decode(line, type=Round)
            except msgspec.DecodeError:
                continue
            found[record.run_id] = record
    rounds = [r for r in found.values() if command in (None, r.command)]
    return sorted(rounds, key=lambda r: (r.started_at, r.run_id))


def _end(path: Path, last_bytes: int | None) -> bytes:
    """The last bytes of a file; the line that they begin in is no record."""
    size = path.stat().st_size
    if last_bytes is None or size <= last_bytes:
        return path.read_bytes()
    with open(path, "rb") as file:
        file.seek(size - last_bytes)
        return file.read()


def last_round(root: Path, command: str) -> Round | None:
    """The round of a command that started last, if there was any."""
    rounds = read_rounds(root, command=command, months=1)
    return rounds[-1] if rounds else None


def _files(root: Path, command: str | None, months: int | None) -> Iterator[Path]:
    by_kind: dict[bool, list[tuple[str, Path]]] = {False: [], True: []}
    for path in sorted((root / FOLDER).glob("*.ndjson")):
        match = _MONTH.fullmatch(path.name)
        if match:
            by_kind[match[2] is not None].append((match[1], path))
    for is_watch, known in by_kind.items():
        if command is None or (command == "watch") == is_watch:
            yield from (path for _, path in known[-months if months else 0 :])


def document(record: Round) -> dict[str, Any]:
    """A record as JSON has it."""
    built: dict[str, Any] = msgspec.to_builtins(record)
    return built
