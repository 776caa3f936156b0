"""`archiver report`: a kept run, for people and scripts."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from archiver.cli.common import (
    Settings,
    check_days,
    console,
    json_option,
    output_options,
    pass_settings,
    question_options,
    write_output,
)
from archiver.errors import UsageError, blaming_the_path


@click.command("report", short_help="Show a kept run.")
@question_options
@output_options
@json_option
@pass_settings
def command(
    settings: Settings,
    destination: str | None,
    from_day: date | None,
    to_day: date | None,
    as_of: datetime | None,
    format_name: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Show the gap per day: a run that was kept, the last one by default.

    With --as-of, the last run for that instant.
    """
    from archiver.report import formats
    from archiver.report.model import build_report
    from archiver.report.terminal import print_report, table_text

    check_days(from_day, to_day)
    if destination is not None:
        settings.config.destination(destination)
    if as_json:
        format_name = "json"
    if format_name == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE")
    folder = _kept_run(settings, destination, as_of, (from_day, to_day))
    report = build_report(folder, destination=destination, from_day=from_day, to_day=to_day)
    if format_name == "parquet" and output is not None:
        with blaming_the_path(f"writing {output}"):
            formats.write_parquet(report, output)
    elif format_name == "table" and output is None:
        print_report(report, console())
        return 0
    else:
        text = {
            "table": table_text,
            "json": formats.json_text,
            "csv": formats.csv_text,
        }[format_name](report)
        if output is None:
            click.echo(text, nl=False)
            return 0
        write_output(output, text)
    click.echo(f"{output} is written", err=True)
    return 0


def _kept_run(
    settings: Settings,
    destination: str | None,
    as_of: datetime | None,
    days: tuple[date | None, date | None],
) -> Path:
    from archiver.texts import instant_text
    from archiver.warehouse.runs import kept_runs, read_run, was_asked

    runs = kept_runs(settings.config.warehouse_path)
    for run in reversed(runs):
        record = read_run(run)
        if (
            (was_asked(run) if as_of is None else record.as_of == as_of)
            and (destination is None or destination in record.destinations)
            and record.covers(*days)
        ):
            return run
    if not runs:
        why = "no run is kept yet"
    else:
        known = sorted({instant_text(read_run(run).as_of) or "" for run in runs})[-5:]
        why = f"none is kept for that; the last kept are as of {', '.join(known)}"
    raise UsageError("looking for a run to show", why, "make one: archiver reconcile")
