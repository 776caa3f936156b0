"""`archiver nightly`: the whole round, made to run unattended."""

from __future__ import annotations

import os
from datetime import datetime

import click

from archiver.cli.common import (
    Instant,
    Settings,
    dry_run_option,
    json_option,
    pass_settings,
    print_json,
    wait_option,
)
from archiver.cli.messages import Level, is_json, say
from archiver.errors import EXIT_DONE, EXIT_GAP, ConfigError


@click.command("nightly", short_help="The whole round, from files to alerts.")
@click.option(
    "--as-of",
    type=Instant(),
    help="Play the round as of this instant: figures, ages of feeds, deadlines, alerts.",
)
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings, as_of: datetime | None, as_json: bool, dry_run: bool, wait: bool
) -> int:
    """Ingest, receipts, load, reconcile, report, alerts, housekeeping: what is due of each.

    It works on the difference between what is there and what is known, so that a missed night or
    a late file is made good by the next one. What fails does not stop the rest. The exit code is
    the worst: 1 a step failed, 4 done in part, 6 a feed is stale, 3 a day is over its threshold,
    0 none of these; 5 another run holds the lock.
    """
    from archiver.archive.rounds import document
    from archiver.nightly.dry_run import foresee
    from archiver.nightly.round import play
    from archiver.nightly.summary import summary

    config, archive = settings.config, settings.archive
    if not config.sources:
        raise ConfigError(
            f"reading {config.path}",
            "no source is configured: a night could say nothing, and would say that all is well",
            "add [sources.NAME], as archiver init writes it",
        )
    instant = as_of or settings.started_at
    if dry_run:
        record = foresee(config, archive, as_of=instant, started_at=settings.started_at, say=_warn)
    else:
        with settings.locked("nightly", archive=True, warehouse=True, wait=wait):
            if settings.took_over is not None:
                _warn(f"took over the lock of a dead process: {settings.took_over}")
            record = play(
                config,
                archive,
                as_of=instant,
                started_at=settings.started_at,
                environment=os.environ,
                say=_warn,
                took_over=settings.took_over,
            )
    lines = summary(record, dry_run=dry_run)
    if is_json():
        # One message, so that a machine gets the round as one.
        say("\n".join(lines), level=_level(record.exit_code), outcome=record.outcome)
    else:
        for line in lines:
            say(line)
    if as_json:
        print_json(document(record))
    return EXIT_DONE if record.exit_code is None else record.exit_code


def _warn(text: str) -> None:
    say(text, level="warning")


def _level(exit_code: int | None) -> Level:
    if exit_code == EXIT_DONE:
        return "info"
    return "warning" if exit_code == EXIT_GAP else "error"
