"""One round: the steps in their order, the exit code, and the record (docs/nightly.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from archiver.archive.lock import Holder
from archiver.archive.store import Archive
from archiver.config import Config
from archiver.errors import EXIT_DONE, EXIT_GAP, EXIT_INTERRUPTED
from archiver.nightly.judging import Judgement, days_over, gaps, judged, stale_feeds
from archiver.nightly.record import (
    Round,
    StepResult,
    append_round,
    begin,
    bury,
    last_round,
    outcome_of,
    worst,
)
from archiver.nightly.reports import Written, write_what_is_new
from archiver.nightly.steps import Done, Steps, exit_code_of
from archiver.nightly.telling import outcome_of_telling, tell_of
from archiver.report.staleness import feeds

if TYPE_CHECKING:
    from archiver.alerts.model import Blind, Condition, Told

# Less than a day, so that a night that begins a little earlier than the last one still does it.
_VACUUM_EVERY = timedelta(hours=20)


def play(
    config: Config,
    archive: Archive,
    *,
    command: str = "nightly",
    as_of: datetime,
    started_at: datetime,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    took_over: Holder | None = None,
) -> Round:
    """Play one round, and keep its record. Hold the locks of archive and warehouse.

    Args:
        config: all sources and destinations.
        archive: `recover` was called.
        command: whose record it is.
        as_of: the instant of the reconciliation, of ages, deadlines and alerts, UTC.
        started_at: the real time, UTC: of imports and of the record.
        environment: where the URLs of channels and of the heartbeat are.
        say: takes what is to be said while it works, a line at a time.
        took_over: whose lock was taken over.

    Returns:
        The record as it is kept; `exit_code` is the round's.

    Raises:
        KeyboardInterrupt: the user ended it; its record says `interrupted`.
    """
    record = begin(command, as_of, started_at, took_over)
    return _Player(config, archive, record, environment, say).play()


@dataclass
class _Player:
    """A round that is being played."""

    config: Config
    archive: Archive
    record: Round
    environment: Mapping[str, str]
    say: Callable[[str], None]
    judgement: Judgement = field(default_factory=Judgement)
    run: Path | None = None
    is_new_run: bool = False
    report: Written = field(default_factory=Written)
    apis: tuple[list[Condition], list[Blind]] | None = None
    told: Told | None = None
    before: Round | None = None
    died: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self.steps = Steps(self.config, self.archive, self.record.started_at, self.say)

    def play(self) -> Round:
        self._only_if_it_fails("record", self._begin)
        try:
            self._play_steps()
        except KeyboardInterrupt:
            self._interrupted()
            raise
        return self._end()

    def _begin(self) -> Done:
        root, command = self.archive.root, self.record.command
        self.before = last_round(root, command)
        self.died = bury(root, command)
        append_round(root, self.record)
        return Done()

    def _play_steps(self) -> None:
        steps = self.steps
        steps.ingest()
        steps.receipts()
        self._only_if_it_fails("ingest", self._look_back)
        loaded = steps.run("load", self._load)
        steps.note("load", exit_code_of(loaded), loaded.counts, loaded.seconds)
        if not self.config.destinations:
            steps.skip("reconcile", "no destination is configured")
        elif loaded.outcome == "failed":
            steps.skip("reconcile", "load failed: the figures would not be true")
        else:
            made = steps.run("reconcile", self._reconcile)
            codes = [exit_code_of(made), EXIT_GAP if self.judgement.over else EXIT_DONE]
            summary = {"run_id": self.run.name if self.run else None}
            steps.note("reconcile", worst(codes), summary, made.seconds)
        self._only_if_it_fails("staleness", self._look_at_feeds)
        if self.run is None or self._has_failed("reconcile"):
            steps.skip("report", "there is no reconciliation of this round to show")
        else:
            written = steps.run("report", self._report)
            noted = {"shown": self.report.shown, "paths": self.report.paths}
            steps.note("report", exit_code_of(written), noted, written.seconds)
        if loaded.outcome != "failed":
            self._only_if_it_fails("performance", self._look_at_apis)
        told = steps.run("alerts", self._alert)
        steps.note("alerts", exit_code_of(told), told.counts, told.seconds)
        kept = steps.run("housekeeping", steps.writes(self._keep_house))
        steps.note("housekeeping", exit_code_of(kept), kept.counts, kept.seconds)

    def _look_back(self) -> Done:
        from archiver.nightly.unsaid import bad_files_of_broken_rounds

        return bad_files_of_broken_rounds(self.config, self.archive, self.record)

    def _load(self) -> Done:
        from archiver.warehouse.load import load
        from archiver.warehouse.snapshot import read_snapshot

        before = read_snapshot(self.config.warehouse_path).number
        loaded = load(self.config, self.archive)
        counts = {
            "occurrences": loaded.occurrences,
            "conversions": loaded.conversions,
            "segments": loaded.segments,
            "rebuilt": int(loaded.rebuilt),
        }
        if read_snapshot(self.config.warehouse_path).number == before:
            return Done("unchanged", counts)
        return Done("done", counts)

    def _reconcile(self) -> Done:
        from archiver.reconcile.inputs import still_true
        from archiver.reconcile.run import Question, reconcile
        from archiver.warehouse.runs import note_asked

        self.run = still_true(self.config, self.archive, self.record.as_of)
        self.is_new_run = self.run is None
        if self.run is None:
            self.run = reconcile(self.config, self.archive, Question(self.record.as_of))
            note_asked(self.run, self.record.started_at)
            self._publish()
        report, over = judged(self.run, self.config, self.record.as_of)
        self.judgement = Judgement(report, over)
        counts = {
            name: sum(part.totals.counts[name] for part in report.destinations)
            for name in ("expected", "accepted", "pending", "unknown", "gap", "recoverable")
        }
        return Done("done" if self.is_new_run else "unchanged", counts)

    def _publish(self) -> Done:
        from archiver.warehouse.publish import publish

        publish(self.config, self.archive)
        return Done()

    def _look_at_feeds(self) -> Done:
        found = feeds(self.config, self.archive, self.record.as_of)
        self.judgement = Judgement(self.judgement.report, self.judgement.over, found)
        return Done()

    def _report(self) -> Done:
        assert self.run is not None
        self.report = write_what_is_new(
            self.config, self.archive, self.run, self.record, is_new=self.is_new_run
        )
        return self.report.done

    def _look_at_apis(self) -> Done:
        from archiver.nightly.apis import api_conditions

        self.apis = api_conditions(self.config, self.record.as_of)
        return Done()

    def _alert(self) -> Done:
        told = tell_of(
            self.config,
            self.archive,
            self.record,
            self.environment,
            judgement=self.judgement,
            run=self.run,
            steps=self.steps,
            before=self.before,
            died=self.died,
            apis=self.apis,
        )
        self.told = told
        if told.is_past:
            self.say("alerts: nothing is compared or told: a later instant was told of before")
        for channel in told.failed:
            self.say(str(channel))
        return outcome_of_telling(told)

    def _keep_house(self) -> Done:
        from archiver.nightly.housekeeping import keep_house

        kept = keep_house(
            self.config, self.archive, self.record.started_at, vacuum_every=_VACUUM_EVERY
        )
        return Done("done" if kept.has_changed else "unchanged", dict(kept.counts))

    def _has_failed(self, step: str) -> bool:
        return any(s.step == step and s.outcome == "failed" for s in self.steps.results)

    def _only_if_it_fails(self, step: str, work: Callable[[], Done]) -> StepResult:
        """Do what is no step of its own, unless something goes wrong in it."""
        result = self.steps.run(step, work)
        if result.outcome == "done":
            self.steps.results.remove(result)
        return result

    def _end(self) -> Round:
        """Keep the record, publish it, write the metrics; then call the heartbeat."""
        record = self._kept()
        published = self._only_if_it_fails("publish", self._publish)
        measured = self._measure(self._ended())
        if published.outcome != "done" or measured.outcome not in ("done", "skipped"):
            record = self._kept()
        if record.exit_code in (EXIT_DONE, EXIT_GAP):
            called = self._only_if_it_fails("heartbeat", self._call)
            if called.outcome != "done":
                record = self._kept()
                self._measure(record)
        self.steps.note(record.command, record.exit_code or 0, self._noted(), record.seconds or 0.0)
        return record

    def _kept(self) -> Round:
        """The record as the steps are now, kept; where that fails, the exit code says it."""
        ended = self._ended()
        kept = self._only_if_it_fails("record", partial(self._append, ended))
        return ended if kept.outcome == "done" else self._ended()

    def _append(self, record: Round) -> Done:
        append_round(self.archive.root, record)
        return Done()

    def _ended(self) -> Round:
        codes = [exit_code_of(step) for step in self.steps.results]
        code = worst([*codes, *self.judgement.exit_codes])
        return self._record(code)

    def _record(self, exit_code: int) -> Round:
        seconds = time.monotonic() - self._began
        told = self.told
        return msgspec.structs.replace(
            self.record,
            ended_at=ended_at(self.record.started_at, seconds),
            seconds=round(seconds, 3),
            outcome=outcome_of(exit_code),
            exit_code=exit_code,
            reconciliation=self.run.name if self.run else None,
            steps=list(self.steps.results),
            died=[dead.run_id for dead in self.died],
            over_threshold=days_over(self.judgement.over),
            stale=stale_feeds(self.judgement.stale),
            gaps=gaps(self.judgement.report),
            alerts=told.as_json() if told else {"sent": [], "resolved": [], "failed": []},
            report=self.report.paths,
        )

    def _measure(self, record: Round) -> StepResult:
        if self.config.metrics.textfile is None:
            return StepResult(step="metrics", outcome="skipped")
        result = self.steps.run("metrics", partial(self._write_metrics, record))
        for old in [s for s in self.steps.results if s.step == "metrics"][:-1]:
            self.steps.results.remove(old)
        return result

    def _write_metrics(self, record: Round) -> Done:
        from archiver.report.metrics import write_metrics

        write_metrics(
            self.config,
            self.archive,
            now=self.record.as_of,
            current=record,
            feeds=self.judgement.feeds,
            open_alerts=self.told.open_alerts if self.told else {},
        )
        return Done()

    def _call(self) -> Done:
        from archiver.alerts.channels import heartbeat

        why = heartbeat(self.config, self.environment)
        return Done() if why is None else Done("partial", error=why, next="see [alerts]")

    def _noted(self) -> dict[str, Any]:
        return {"run_id": self.run.name if self.run else None, "round": self.record.run_id}

    def _interrupted(self) -> None:
        """Keep that the user ended the round, and in which step."""
        if self.steps.now is not None:
            step, name = self.steps.now
            self.steps.results.append(
                StepResult(step=step, name=name, outcome="skipped", error="interrupted")
            )
        self._only_if_it_fails("record", partial(self._append, self._record(EXIT_INTERRUPTED)))


def ended_at(started_at: datetime, seconds: float) -> datetime:
    """When a round ended: by the clock that does not jump."""
    return started_at + timedelta(seconds=round(seconds, 3))
