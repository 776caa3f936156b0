"""`archiver watch`: receipts in, APIs judged, people told. Made for every five minutes.

It reads no inbound events, reconciles nothing and writes no report. Its cost follows what is new:
where nothing is, and no hour has ended since the run before, it ends after looking at the files.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from archiver.archive.last_runs import note_last
from archiver.archive.rounds import Round, StepResult, append_round
from archiver.archive.store import Archive
from archiver.archive.tables import RECEIPT_TOTALS, RECEIPTS
from archiver.config import Config
from archiver.errors import EXIT_DONE, EXIT_INTERRUPTED
from archiver.files import write_durably
from archiver.nightly.record import begin, bury, outcome_of, worst
from archiver.nightly.steps import Done, Steps, exit_code_of
from archiver.report.api_state import ApiIncident
from archiver.warehouse.snapshot import DATABASE, read_snapshot

if TYPE_CHECKING:
    from archiver.alerts.conditions import Seen
    from archiver.alerts.model import Condition, Told
    from archiver.archive.lock import Holder
    from archiver.report.api_state import ApiState

COMMAND = "watch"
# What the last answer rests on: it can be deleted at any time.
_ANSWER = Path("_cache") / "watch.json"


class _Answer(msgspec.Struct):
    """What a run found, and on what that rests."""

    basis: list[str | int]
    failing: list[ApiIncident]
    unseen: list[str]


@dataclass
class Watched:
    """What one run of `watch` did and saw.

    Attributes:
        exit_code: 0, 1 or 4.
        is_unchanged: nothing was new, and it ended after looking at the files.
        steps: in their order.
        failing: APIs that are failing.
        unseen: destinations of which nothing can be said now.
        told: what came of the alerts; None where none were compared.
        record: as it is kept; None where nothing was done.
    """

    exit_code: int
    is_unchanged: bool
    steps: list[StepResult]
    failing: list[ApiIncident] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    told: Told | None = None
    record: Round | None = None

    def document(self) -> dict[str, Any]:
        """For `watch --json`."""
        from archiver.alerts.model import Told

        return {
            "exit_code": self.exit_code,
            "unchanged": self.is_unchanged,
            "steps": msgspec.to_builtins(self.steps),
            "failing": [
                {**msgspec.to_builtins(i), "throttled_ratio": round(i.throttled_ratio, 4)}
                for i in self.failing
            ],
            "unseen": self.unseen,
            "alerts": (self.told or Told()).as_json(),
            "run_id": self.record.run_id if self.record else None,
        }


def watch(
    config: Config,
    archive: Archive,
    *,
    as_of: datetime,
    started_at: datetime,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    took_over: Holder | None = None,
    dry_run: bool = False,
) -> Watched:
    """Import receipts, load, judge the APIs, tell. Hold the locks of archive and warehouse.

    Args:
        config: all destinations.
        archive: `recover` was called, but for a dry run.
        as_of: the instant for which APIs are judged and alerts compared, UTC.
        started_at: the real time, UTC.
        environment: where the URLs of channels are.
        say: takes what is to be said while it works, a line at a time.
        took_over: whose lock was taken over.
        dry_run: count what is new, and judge what is loaded; write nothing, tell nothing.

    Raises:
        KeyboardInterrupt: the user ended it; its record says `interrupted`.
    """
    run = _Run(config, archive, as_of, started_at, environment, say, took_over)
    return run.rehearse() if dry_run else run.play()


class _Run:
    def __init__(
        self,
        config: Config,
        archive: Archive,
        as_of: datetime,
        started_at: datetime,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        took_over: Holder | None,
    ) -> None:
        self.config = config
        self.archive = archive
        self.as_of = as_of.astimezone(UTC)
        self.started_at = started_at
        self.environment = environment
        self.say = say
        self.took_over = took_over
        self.began = time.monotonic()
        self.steps = Steps(config, archive, started_at, say)
        self.state: ApiState | None = None
        self.told: Told | None = None

    def rehearse(self) -> Watched:
        """Write nothing: what would be imported, and what is failing as far as it is loaded."""
        self.steps = Steps(self.config, self.archive, self.started_at, self.say, dry_run=True)
        self.steps.receipts()
        self.steps.run("performance", self._judge)
        return self._watched()

    def play(self) -> Watched:
        """Do what there is to do."""
        record: Round | None = None
        try:
            self.steps.receipts()
            before = self._answer_before()
            if before is not None:
                watched = Watched(
                    self._exit_code(), True, self.steps.results, before.failing, before.unseen
                )
                self._note(watched)
                return watched
            died = bury(self.archive.root, COMMAND) if self.took_over else []
            record = msgspec.structs.replace(
                begin(COMMAND, self.as_of, self.started_at, self.took_over),
                died=[dead.run_id for dead in died],
            )
            append_round(self.archive.root, record)
            loaded = self.steps.run("load", self._load)
            if loaded.outcome == "failed":
                self.steps.skip("performance", "the load failed")
            else:
                self.steps.run("performance", self._judge)
            self.steps.run("alerts", lambda: self._tell(record))
            if self.config.metrics.textfile is not None:
                self.steps.run("metrics", lambda: self._measure(record))
        except KeyboardInterrupt:
            if record is not None:
                self._end(record, EXIT_INTERRUPTED)
            raise
        watched = self._watched()
        watched.record = self._end(record, watched.exit_code)
        self._note(watched)
        return watched

    def _load(self) -> Done:
        """Load what is new, and publish where anything changed since the last time."""
        from archiver.warehouse.load import load
        from archiver.warehouse.publish import publish

        folder = self.config.warehouse_path
        before = read_snapshot(folder).number
        loaded = load(self.config, self.archive)
        imported = sum(step.counts.get("imported", 0) for step in self.steps.results)
        published, snapshot = folder / DATABASE, folder / "snapshot.json"
        is_behind = _changed_ns(published) <= _changed_ns(snapshot)
        is_new = imported > 0 or is_behind or read_snapshot(folder).number != before
        if is_new:
            publish(self.config, self.archive)
        counts = {"occurrences": loaded.occurrences, "published": int(is_new)}
        return Done("done" if is_new else "unchanged", counts)

    def _judge(self) -> Done:
        from archiver.report.performance import api_state

        self.state = api_state(self.config, self.as_of)
        counts = {"failing": len(self.state.failing), "unseen": len(self.state.unseen)}
        return Done(counts=counts)

    def _tell(self, record: Round) -> Done:
        from archiver.alerts.telling import state_folder, tell
        from archiver.nightly.apis import conditions_of

        found, blind = (None, []) if self.state is None else conditions_of(self.state)
        seen = self._seen(found)
        self.told = tell(
            self.config,
            self.environment,
            state_folder(self.archive.root),
            seen.conditions,
            blind=[*blind, *seen.blind],
            as_of=self.as_of,
            now=self.started_at,
            run_id=record.run_id,
        )
        for failed in self.told.failed:
            self.say(str(failed))
        counts = {
            "sent": len(self.told.sent),
            "resolved": len(self.told.resolved),
            "failed": len(self.told.failed),
        }
        if self.told.failed:
            return Done("partial", counts, str(self.told.failed[0]), "archiver alerts test")
        return Done("done" if self.told.sent or self.told.resolved else "unchanged", counts)

    def _seen(self, found: list[Condition] | None) -> Seen:
        """What is wrong: APIs that fail, steps that failed, files with too many bad records."""
        from archiver.alerts.conditions import watch_conditions
        from archiver.alerts.model import BadFile, FailedStep

        failed = [
            FailedStep(step.step, step.name, step.error or "no reason given", COMMAND)
            for step in self.steps.results
            if step.outcome == "failed"
        ]
        if self.took_over is not None and self.took_over.command == COMMAND:
            failed.append(FailedStep("round", None, f"it died: {self.took_over}", COMMAND))
        return watch_conditions(
            self.config,
            self.archive,
            as_of=self.as_of,
            bad_files=[BadFile(o.name, o.path, o.bad, o.records) for o in self.steps.over_bad],
            failed=failed,
            api=found,
        )

    def _measure(self, record: Round) -> Done:
        from archiver.nightly.watch_metrics import refresh_metrics

        ended = self._ended(record, self._exit_code())
        open_alerts = self.told.open_alerts if self.told else None
        refresh_metrics(self.config, self.archive, ended, open_alerts, self.started_at)
        return Done()

    def _exit_code(self) -> int:
        return worst(exit_code_of(step) for step in self.steps.results)

    def _watched(self) -> Watched:
        return Watched(
            self._exit_code(),
            False,
            self.steps.results,
            self.state.failing if self.state else [],
            sorted(self.state.unseen) if self.state else [],
            self.told,
        )

    def _ended(self, record: Round, exit_code: int) -> Round:
        seconds = time.monotonic() - self.began
        return msgspec.structs.replace(
            record,
            ended_at=self.started_at + timedelta(seconds=seconds),
            seconds=round(seconds, 3),
            outcome="interrupted" if exit_code == EXIT_INTERRUPTED else outcome_of(exit_code),
            exit_code=exit_code,
            steps=self.steps.results,
            alerts=self.told.as_json() if self.told else {},
        )

    def _end(self, record: Round, exit_code: int) -> Round:
        ended = self._ended(record, exit_code)
        append_round(self.archive.root, ended)
        return ended

    def _note(self, watched: Watched) -> None:
        """Keep when it last ran, for `status`, and on what its answer rests."""
        summary = {
            "files": sum(step.counts.get("imported", 0) for step in watched.steps),
            "failing": [incident.destination for incident in watched.failing],
            "unchanged": watched.is_unchanged,
        }
        note_last(self.archive.root, COMMAND, self.started_at, watched.exit_code, summary)
        if watched.is_unchanged:
            return
        path = self.archive.root / _ANSWER
        if watched.exit_code != EXIT_DONE:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        answer = _Answer(self._basis(), watched.failing, watched.unseen)
        write_durably(path, msgspec.json.encode(answer))

    def _answer_before(self) -> _Answer | None:
        """The answer of the run before, where it ended with 0 and still is the answer."""
        if self.took_over or any(step.outcome != "unchanged" for step in self.steps.results):
            return None
        try:
            known = msgspec.json.decode((self.archive.root / _ANSWER).read_bytes(), type=_Answer)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return known if known.basis == self._basis() else None

    def _basis(self) -> list[str | int]:
        """What an answer rests on: receipts, what is loaded, told and configured, and the hour."""
        root, config = self.archive.root, self.config
        paths = (
            root / RECEIPTS.name / "_delta_log",
            root / RECEIPT_TOTALS.name / "_delta_log",
            root / "_alerts" / "state.json",
            config.warehouse_path / "snapshot.json",
            config.warehouse_path / DATABASE,
        )
        settings = repr((config.watch, config.destinations, config.channels, config.alerts))
        return [
            f"{self.as_of:%Y-%m-%dT%H}",
            hashlib.sha256(settings.encode()).hexdigest(),
            *map(_changed_ns, paths),
        ]


def _changed_ns(path: Path) -> int:
    """When a file or folder changed, nanoseconds since 1970; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
