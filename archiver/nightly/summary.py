"""A round in a few lines, for the person on call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from archiver.archive.rounds import Round, StepResult
from archiver.errors import (
    EXIT_DONE,
    EXIT_GAP,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_STALE,
    EXIT_UNEXPECTED,
)
from archiver.texts import plain

_WHY = {
    EXIT_DONE: "all done, nothing wrong",
    EXIT_GAP: "a day is over its threshold: archiver report",
    EXIT_STALE: "a feed is stale",
    EXIT_PARTIAL: "done in part",
    EXIT_UNEXPECTED: "a step failed",
    EXIT_INTERRUPTED: "interrupted",
}


def summary(record: Round, *, dry_run: bool = False) -> list[str]:
    """What was new, what failed and what to do next, what is open, and why it ends as it does.

    A dry run imports and judges nothing: it does not say that all is well.
    """
    lines = [*_steps(record), *_open(record), *_problems(record)]
    took = "" if record.seconds is None else f" in {record.seconds:.1f} s"
    code = record.exit_code if record.exit_code is not None else EXIT_DONE
    why = _WHY[code]
    if dry_run:
        why = "nothing was changed, and neither gap nor feeds were judged"
        why = why if code == EXIT_DONE else f"{_WHY[code]}; {why}"
    end = f"{record.command} as of {_instant(record.as_of)}{took}: exit code {code}, {why}"
    return [*lines, end]


def _steps(record: Round) -> Iterator[str]:
    for step in ("ingest", "receipts"):
        parts = [_imported(result) for result in record.steps if result.step == step]
        if parts:
            yield f"{step}: {'; '.join(parts)}"
    by_name = {result.step: result for result in record.steps if result.name is None}
    load = by_name.get("load")
    if load is not None and load.outcome in ("done", "unchanged"):
        new = load.counts.get("occurrences", 0)
        waiting = load.counts.get("data_files")
        again = " (everything again)" if load.counts.get("rebuilt") else ""
        if waiting is not None:
            yield f"load: {waiting:,} data files of the archive would be loaded"
        else:
            yield f"load: {new:,} event occurrences{again}" if new else "load: nothing new"
    made = by_name.get("reconcile")
    if made is not None and made.outcome in ("done", "unchanged"):
        kept = " still holds: nothing can have changed" if made.outcome == "unchanged" else ""
        run = f"run {record.reconciliation}" if record.reconciliation else "a run would be made"
        yield f"reconcile: {run}{kept}"
    if record.report:
        is_old = by_name["report"].outcome == "unchanged" if "report" in by_name else False
        yield f"report: {'unchanged, ' if is_old else ''}{_shown(record.report)}"
    yield from _alerts(record)
    house = by_name.get("housekeeping")
    if house is not None and house.outcome == "done":
        done = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in house.counts.items() if v)
        yield f"housekeeping: {done or 'done'}"
    if record.took_over:
        yield f"took over the lock of a dead process: {record.took_over}"
    for dead in record.died:
        yield f"the round {dead} never ended: its process died; this one made its work good"


def _shown(paths: list[str]) -> str:
    latest = [path for path in paths if "/latest." in path]
    return ", ".join(latest or paths[-1:])


def _imported(result: StepResult) -> str:
    counts = result.counts
    if result.outcome in ("failed", "skipped"):
        return f"{result.name} {result.outcome}"
    if not counts.get("imported") and not counts.get("failed"):
        return f"{result.name} nothing new"
    bad = counts.get("quarantined", 0)
    failed = counts.get("failed", 0)
    return (
        f"{result.name} {counts['imported']:,} new files, {counts['records']:,} records"
        f"{f', {bad:,} quarantined' if bad else ''}{f', {failed:,} files failed' if failed else ''}"
    )


def _alerts(record: Round) -> Iterator[str]:
    told = record.alerts
    sent, resolved, failed = (len(told.get(key, ())) for key in ("sent", "resolved", "failed"))
    if sent or resolved or failed:
        failing = f", {failed:,} channels failed" if failed else ""
        messages = "message" if sent == 1 else "messages"
        yield f"alerts: {sent:,} {messages} delivered, {resolved:,} resolved{failing}"


def _open(record: Round) -> Iterator[str]:
    """Gap and money per destination, days over the threshold, stale feeds."""
    for gap in record.gaps:
        if not gap.gap:
            continue
        worth = ", ".join(f"{amount} {currency}" for currency, amount in gap.value.items())
        until = _instant(gap.backfill_deadline) if gap.backfill_deadline else None
        yield (
            f"{gap.destination}: gap {gap.gap:,}{f' ({worth})' if worth else ''}, "
            f"{gap.recoverable:,} recoverable{f', the first until {until}' if until else ''}"
        )
    for day in record.over_threshold:
        event = f" {plain(day.event)}" if day.event else ""
        yield f"over the threshold: {day.destination} {day.day}{event}: {day.what}"
    for feed in record.stale:
        whose, hours = f"stale: {feed.kind} {feed.name}", feed.allowed_seconds / 3600
        if feed.note:
            yield f"{whose}: {feed.note}"
            continue
        reach = (
            f"reaches up to {_instant(feed.newest)}, older than {hours:g} hours"
            if feed.newest
            else "has nothing yet"
        )
        yield f"{whose} {reach}: see whether its files still come"


def _problems(record: Round) -> Iterator[str]:
    for step in record.steps:
        if step.outcome in ("failed", "partial") or (step.outcome == "skipped" and step.error):
            name = f" {step.name}" if step.name else ""
            yield f"{step.step}{name} {step.outcome}: {step.error}"
            if step.next:
                yield f"  next: {step.next}"


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
