"""The alerts of a round: what is true now, told where it is not told yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from archiver.alerts.conditions import conditions
from archiver.alerts.model import BadFile, Blind, Condition, FailedStep, Told
from archiver.alerts.telling import state_folder, tell
from archiver.archive.rounds import Round, StepResult
from archiver.archive.store import Archive
from archiver.config import Config
from archiver.nightly.judging import Judgement
from archiver.nightly.steps import Done, Steps

# Steps that come after the alerts: the next round tells of them.
_LATER = ("housekeeping", "publish", "metrics", "record")


def tell_of(
    config: Config,
    archive: Archive,
    record: Round,
    environment: Mapping[str, str],
    *,
    judgement: Judgement,
    run: Path | None,
    steps: Steps,
    before: Round | None,
    died: Sequence[Round],
    apis: tuple[list[Condition], list[Blind]] | None,
) -> Told:
    """Compare what is true after a round with what was told, and tell the difference.

    Args:
        config: the settings.
        archive: its lock is held.
        record: the round.
        environment: where the URLs of the channels are.
        judgement: what the reconciliation and the feeds say.
        run: folder of the kept reconciliation; None: there is none of this round.
        steps: the steps so far.
        before: the round before, if any.
        died: rounds that were found dead.
        apis: the APIs that fail, and those of which nothing is known; None: nobody looked.

    Raises:
        ArchiverError: the state cannot be read; nothing was sent then.
        OSError: it cannot be written; nothing was sent that is not written down.
    """
    failing, unseen = apis if apis is not None else (None, [])
    seen = conditions(
        config,
        archive,
        as_of=record.as_of,
        report=judgement.report,
        run_folder=run if judgement.report is not None else None,
        over=judgement.over,
        stale=judgement.stale,
        bad_files=[
            BadFile(source=file.name, path=file.path, bad=file.bad, records=file.records)
            for file in steps.over_bad
        ],
        failed=list(_failed(steps.results, before, died)),
        skipped=[step.step for step in steps.results if step.outcome == "skipped"],
        api=failing,
    )
    return tell(
        config,
        environment,
        state_folder(archive.root),
        seen.conditions,
        blind=[*seen.blind, *unseen],
        ended=seen.ended,
        as_of=record.as_of,
        now=record.started_at,
        run_id=run.name if run is not None else record.run_id,
    )


def outcome_of_telling(told: Told) -> Done:
    """What became of the step: a channel that did not take its messages makes it partial."""
    counts = {
        "sent": len(told.sent),
        "opened": len(told.opened),
        "updated": len(told.updated),
        "resolved": len(told.resolved),
        "failed": len(told.failed),
        "open": sum(told.open_alerts.values()),
    }
    if told.failed:
        why = f"not delivered: {told.failed[0]}"
        return Done("partial", counts, why, "archiver alerts test says which channel works")
    is_news = told.sent or told.opened or told.updated or told.resolved
    return Done("done" if is_news else "unchanged", counts)


def _failed(
    results: Sequence[StepResult], before: Round | None, died: Sequence[Round]
) -> Iterator[FailedStep]:
    """Dead rounds, steps after the alerts of the round before, and this round's steps so far."""
    for dead in died:
        when = f"{dead.started_at:%Y-%m-%d %H:%M} UTC"
        yield FailedStep("round", None, f"the round of {when} never ended: its process died")
    late = [step for step in (before.steps if before else ()) if step.step in _LATER]
    for step in (*late, *results):
        if step.outcome == "failed":
            yield FailedStep(step.step, step.name, step.error or "")
