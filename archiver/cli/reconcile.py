"""`archiver reconcile`: archived conversions against what destinations acknowledged."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from archiver.cli.common import (
    Settings,
    check_days,
    dry_run_option,
    json_option,
    pass_settings,
    print_json,
    question_options,
    wait_option,
)
from archiver.cli.messages import say
from archiver.errors import EXIT_DONE, EXIT_GAP

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.report.model import Report


@click.command("reconcile", short_help="One status per conversion, the gap per day.")
@question_options
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings,
    destination: str | None,
    from_day: date | None,
    to_day: date | None,
    as_of: datetime | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Give every conversion one status, count the gap per day, and keep the run.

    Loads first what is new in the archive. Ends with exit code 3 where the gap of some day is over
    the threshold of its destination (max_gap_ratio and min_gap); with reports = "totals" also
    where a day's count is short by more than totals_tolerance, or where a day has none.
    """
    from archiver.reconcile.run import Question, reconcile
    from archiver.report.model import build_report
    from archiver.report.threshold import days_over_threshold
    from archiver.warehouse.publish import publish
    from archiver.warehouse.runs import note_asked
    from archiver.warehouse.scratch import scratch_warehouse

    check_days(from_day, to_day)
    config = settings.config
    question = Question(as_of or settings.started_at, destination, from_day, to_day)
    lock = settings.locked("reconcile", warehouse=True, wait=wait)
    with scratch_warehouse(config) if dry_run else lock as scratch:
        used = scratch or config
        run = reconcile(used, settings.archive, question)
        note_asked(run, settings.started_at)
        report = build_report(run)
        over = days_over_threshold(report, config)
        code = EXIT_GAP if over else EXIT_DONE
        if not dry_run:
            publish(config, settings.archive)
            settings.record("reconcile", code, {"run_id": report.run.run_id})
    if as_json:
        from archiver.report.formats import as_json as document

        print_json(document(report))
    else:
        _print_text(report)
        if not dry_run:
            click.echo(f"run {report.run.run_id} is kept: archiver report shows it")
            _print_restated(run)
    for day in over:
        say(str(day), level="warning")
    return code


def _print_text(report: Report) -> None:
    from archiver.report.terminal_totals import totals_sentence

    for part in report.destinations:
        if part.reports == "totals":
            click.echo(f"{part.destination}: {totals_sentence(part)}")
            continue
        counts = part.totals.counts
        click.echo(
            f"{part.destination}: {counts['expected']:,} expected = {counts['accepted']:,} accepted"
            f" + {counts['pending']:,} pending + {counts['unknown']:,} unknown"
            f" + {counts['gap']:,} gap"
        )


def _print_restated(run: Path) -> None:
    from archiver.report.changes import build_changes

    days = build_changes(run).restated_days
    if days:
        were = "day was" if days == 1 else "days were"
        click.echo(f"{days:,} {were} restated since the run before: archiver report --changes")
