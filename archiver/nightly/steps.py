"""Runs steps one after the other: each is timed, and what goes wrong in one ends only that one."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import archiver
from archiver import interruption, progress
from archiver.archive.last_runs import note_last
from archiver.archive.rounds import StepOutcome, StepResult
from archiver.archive.store import Archive
from archiver.config import Config
from archiver.errors import (
    EXIT_DONE,
    EXIT_PARTIAL,
    EXIT_UNEXPECTED,
    ArchiverError,
    full_disk,
)
from archiver.nightly.imports import (
    MAX_BAD_RECEIPTS,
    event_files,
    import_events,
    import_feed,
    receipt_feeds,
    unreachable,
)

if TYPE_CHECKING:
    from archiver.archive.ledger import KnownFiles
    from archiver.archive.staged import FileResult

_RERUN = "run it again; nothing half done is visible, and a re-run converges"
_FULL = "free space for archive.root, warehouse.path and temporary files; a re-run converges"
# As many failing files are said one by one; the record has the first.
_MOST_SAID = 20


@dataclass
class Done:
    """What a step says of itself.

    Attributes:
        outcome: what became of it.
        counts: what it did, by name.
        error: why it is not simply done.
        next: what to do about it.
    """

    outcome: StepOutcome = "done"
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    next: str = ""


@dataclass(frozen=True)
class OverBad:
    """A file with more bad records than it may have.

    Attributes:
        kind: `events` or `receipts`.
        name: the source or destination.
        path: the file.
        bad, records: how many of how many.
    """

    kind: str
    name: str
    path: str
    bad: int
    records: int


def exit_code_of(step: StepResult) -> int:
    """What one step adds to the round's exit code."""
    return {"failed": EXIT_UNEXPECTED, "partial": EXIT_PARTIAL}.get(step.outcome, EXIT_DONE)


class Steps:
    """The steps of one round.

    Args:
        config: all sources and destinations.
        archive: its lock is held and `recover` was called, but for a dry run.
        started_at: the real time, UTC: of imports.
        say: takes what is to be said while it works, a line at a time.
        dry_run: read and count, write nothing.
    """

    def __init__(
        self,
        config: Config,
        archive: Archive,
        started_at: datetime,
        say: Callable[[str], None],
        *,
        dry_run: bool = False,
    ) -> None:
        self.config = config
        self.archive = archive
        self.started_at = started_at
        self.say = say
        self.dry_run = dry_run
        self.results: list[StepResult] = []
        self.over_bad: list[OverBad] = []
        self.now: tuple[str, str | None] | None = None
        self._known: KnownFiles | None = None
        self._must_recover = False

    def run(self, step: str, work: Callable[[], Done], *, name: str | None = None) -> StepResult:
        """Do one step, and keep its result.

        KeyboardInterrupt, and what else ends the process, goes on up; `now` names the step then.
        """
        began, self.now = time.monotonic(), (step, name)
        try:
            with progress.task(step if name is None else f"{step} {name}"):
                done = work()
        except Exception as error:
            # A query that a signal interrupts raises an error of its own.
            interruption.check()
            done = told(error)
        result = StepResult(
            step=step,
            name=name,
            outcome=done.outcome,
            seconds=round(time.monotonic() - began, 3),
            counts=done.counts,
            error=done.error,
            next=done.next,
        )
        self.now = None
        self.results.append(result)
        return result

    def skip(self, step: str, why: str) -> StepResult:
        """Keep that a step was not tried."""
        return self.run(step, lambda: Done("skipped", error=why))

    def writes(self, work: Callable[[], Done]) -> Callable[[], Done]:
        """The work of a step that writes into the archive.

        Where one before it broke off, its commit is finished or taken back first: a new one would
        overwrite the journal of the old.
        """

        def guarded() -> Done:
            if self._must_recover:
                self.archive.recover()
                self._known = None
            self._must_recover = True
            done = work()
            self._must_recover = False
            return done

        return work if self.dry_run else guarded

    def ingest(self) -> None:
        """Import the inbound files of every source."""
        for name in sorted(self.config.sources):
            self.run("ingest", self.writes(partial(self._ingest, name)), name=name)
        self._note("ingest")

    def receipts(self) -> None:
        """Import the logs of uploads, receipts and totals of every destination."""
        for name in sorted(self.config.destinations):
            self.run("receipts", self.writes(partial(self._receipts, name)), name=name)
        self._note("receipts")

    def note(self, command: str, exit_code: int, summary: dict[str, Any], seconds: float) -> None:
        """Keep when a step last ran, for `status`; a full disk is told by the round's record."""
        if self.dry_run:
            return
        try:
            note_last(
                self.archive.root, command, self.started_at, exit_code, summary, seconds=seconds
            )
        except OSError as error:
            self.say(f"{command}: its last run could not be noted: {error.strerror or error}")

    def _note(self, command: str) -> None:
        steps = [step for step in self.results if step.step == command]
        if not steps:
            return
        totals: dict[str, int] = {}
        for step in steps:
            for key in ("files", "records", "archived", "quarantined", "bytes"):
                totals[key] = totals.get(key, 0) + step.counts.get(key, 0)
        codes = {exit_code_of(step) for step in steps}
        code = next((c for c in (EXIT_UNEXPECTED, EXIT_PARTIAL) if c in codes), EXIT_DONE)
        self.note(command, code, totals, sum(step.seconds for step in steps))

    def _ledger(self) -> KnownFiles:
        from archiver.archive.ledger import known_files

        if self._known is None:
            self._known = known_files(self.archive)
        return self._known

    def _ingest(self, name: str) -> Done:
        lost: list[str] = []
        paths = event_files(self.config, name, self._unmatched(lost))
        results = import_events(
            self.config,
            self.archive,
            name,
            paths,
            self.started_at,
            dry_run=self.dry_run,
            known=self._ledger(),
        )
        allowed = self.config.source(name).max_bad_ratio
        return self._imported("events", name, results, allowed, lost)

    def _receipts(self, name: str) -> Done:
        lost: list[str] = []
        results: list[FileResult] = []
        for feed in receipt_feeds(self.config, name, self._unmatched(lost)):
            results += import_feed(
                self.config,
                self.archive,
                feed,
                self.started_at,
                dry_run=self.dry_run,
                known=self._ledger(),
                warn=self.say,
            )
        return self._imported("receipts", name, results, MAX_BAD_RECEIPTS, lost)

    def _unmatched(self, lost: list[str]) -> Callable[[str, str], None]:
        """Says each pattern without a file, and collects the folders that cannot be read."""

        def unmatched(pattern: str, whose: str) -> None:
            why = unreachable(self.config, pattern)
            if why is not None:
                lost.append(why)
            self.say(f"no file matches {pattern} ({whose})" + (f": {why}" if why else ""))

        return unmatched

    def _imported(
        self,
        kind: str,
        name: str,
        results: list[FileResult],
        allowed: float,
        lost: list[str],
    ) -> Done:
        imported = [r for r in results if r.status == "imported"]
        failed = [str(r.error) for r in results if r.status == "failed"]
        over = [r for r in imported if r.bad_ratio > allowed]
        for result in over:
            self.over_bad.append(
                OverBad(kind, name, result.path, result.quarantined, result.records)
            )
        bad = [
            f"{r.path}: {r.quarantined} of {r.records} records are bad, more than max_bad_ratio"
            for r in over
        ]
        for text in [*failed, *bad][:_MOST_SAID]:
            self.say(text)
        for result in (r for r in results if r.is_cut):
            self.say(f"{result.path} ends inside an array or a batch: is it whole?")
        counts = {
            "files": len(results),
            "imported": len(imported),
            "known": sum(r.status == "already_imported" for r in results),
            "failed": len(failed),
            **{
                key: sum(getattr(r, key) for r in imported)
                for key in ("records", "archived", "quarantined", "rows", "bytes")
            },
        }
        problems = [*lost, *failed, *bad]
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            hint = "make the folder readable, or correct the configuration" if lost else ""
            hint = hint or ("mend or move the file; it is tried again every time" if failed else "")
            hint = hint or "look at the quarantine; archiver ingest --retry-quarantine reads again"
            return Done("partial", counts, problems[0] + more, hint)
        return Done("done" if imported else "unchanged", counts)


def told(error: Exception) -> Done:
    """What is said of a step that an error ended: neither personal data nor secrets.

    What the program did not expect may hold anything in its text, of which only type and place
    are said.
    """
    said = full_disk(error)
    if said is not None:
        return Done("failed", error=f"the disk is full ({said})", next=_FULL)
    if isinstance(error, ArchiverError):
        outcome: StepOutcome = "partial" if error.exit_code == EXIT_PARTIAL else "failed"
        return Done(outcome, error=f"{error.doing}: {error.why}", next=error.hint or _RERUN)
    if isinstance(error, OSError) and error.strerror:
        path = f"{error.filename}: " if error.filename else ""
        return Done("failed", error=f"{path}{error.strerror}", next=_RERUN)
    return Done(
        "failed",
        error=f"unexpected {type(error).__name__} in {_place(error)}",
        next="archiver doctor names what is damaged; if nothing is, this is a defect, or memory is"
        f" short; {_RERUN}",
    )


def _place(error: Exception) -> str:
    """The line of this program that it came through last."""
    frames = traceback.extract_tb(error.__traceback__)
    home = str(Path(archiver.__file__).parent)
    own = [frame for frame in frames if frame.filename.startswith(home)]
    where = (own or list(frames))[-1]
    return f"{Path(where.filename).name}:{where.lineno}"
