"""Chooses the kept run that a question about destinations and days is answered from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from archiver.errors import UsageError
from archiver.texts import instant_text
from archiver.warehouse.runs import read_run, was_asked


def kept_run(
    runs: Sequence[Path],
    *,
    destination: str | None = None,
    as_of: datetime | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Path:
    """The last run that has all that is asked.

    Args:
        runs: folders of kept runs, the last one last, as `kept_runs` gives them.
        destination: it must have this one; None: any.
        as_of: the last run for this instant, also one that only a backfill needed; None: the one
            that was asked for last.
        from_day: first account day that it must have; None: no bound.
        to_day: last account day that it must have; None: no bound.

    Raises:
        UsageError: none is kept for that.
    """
    for run in reversed(runs):
        record = read_run(run)
        if (
            (was_asked(run) if as_of is None else record.as_of == as_of)
            and (destination is None or destination in record.destinations)
            and record.covers(from_day, to_day)
        ):
            return run
    if not runs:
        why = "no run is kept yet"
    else:
        known = sorted({instant_text(read_run(run).as_of) or "" for run in runs})[-5:]
        why = f"none is kept for that; the last kept are as of {', '.join(known)}"
    raise UsageError("looking for a run to show", why, "make one: archiver reconcile")
