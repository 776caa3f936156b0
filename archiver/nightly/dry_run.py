"""What a round would do: read, counted, and nothing changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from archiver.archive.rounds import Round
from archiver.archive.store import Archive
from archiver.config import Config
from archiver.nightly.record import begin, outcome_of, worst
from archiver.nightly.round import ended_at
from archiver.nightly.steps import Done, Steps, exit_code_of


def foresee(
    config: Config,
    archive: Archive,
    *,
    as_of: datetime,
    started_at: datetime,
    say: Callable[[str], None],
) -> Round:
    """The record of the round that `nightly` would play now; it is not kept. No lock is needed.

    New files are read and counted. The reconciliation, and what follows from it, is not made: the
    exit code is that of the imports alone.

    Args:
        config: all sources and destinations.
        archive: what is known.
        as_of: the instant that would be played, UTC.
        started_at: the real time, UTC.
        say: takes what is to be said while it works, a line at a time.
    """
    began = time.monotonic()
    steps = Steps(config, archive, started_at, say, dry_run=True)
    record = begin("nightly", as_of, started_at)
    steps.ingest()
    steps.receipts()
    has_new = any(step.counts.get("imported") for step in steps.results)

    def load() -> Done:
        from archiver.warehouse.load import new_files

        return Done("done", {"data_files": len(new_files(config, archive))})

    found: list[str] = []

    def reconcile() -> Done:
        from archiver.reconcile.inputs import still_true

        run = None if has_new else still_true(config, archive, as_of)
        found.extend([run.name] if run else [])
        return Done("unchanged" if run else "done")

    def housekeeping() -> Done:
        from archiver.nightly.housekeeping import keep_house

        kept = keep_house(config, archive, started_at, dry_run=True)
        return Done("done" if kept.has_changed else "unchanged", dict(kept.counts))

    steps.run("load", load)
    if config.destinations:
        steps.run("reconcile", reconcile)
    steps.run("housekeeping", housekeeping)
    code = worst(exit_code_of(step) for step in steps.results)
    seconds = time.monotonic() - began
    return msgspec.structs.replace(
        record,
        ended_at=ended_at(started_at, seconds),
        seconds=round(seconds, 3),
        outcome=outcome_of(code),
        exit_code=code,
        reconciliation=found[0] if found else None,
        steps=steps.results,
    )
