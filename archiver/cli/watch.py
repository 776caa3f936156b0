"""`archiver watch`: receipts in, APIs judged, people told."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

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
from archiver.cli.messages import say

if TYPE_CHECKING:
    from archiver.nightly.watch import Watched


@click.command("watch", short_help="Receipts in, APIs judged, people told: every five minutes.")
@click.option(
    "--as-of",
    type=Instant(),
    help="Judge the APIs as of this instant; the hour that it lies in counts as far as archived.",
)
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings, as_of: datetime | None, as_json: bool, dry_run: bool, wait: bool
) -> int:
    """Import new receipts, load them, see which APIs are failing, and tell.

    It reads no inbound events, does not reconcile and writes no report. For cron:
    */5 * * * * archiver --config /path/archiver.toml watch
    """
    from contextlib import nullcontext

    from archiver.nightly.watch import watch

    lock = settings.locked("watch", archive=True, warehouse=True, wait=wait)
    with nullcontext() if dry_run else lock:
        watched = watch(
            settings.config,
            settings.archive,
            as_of=as_of or settings.started_at,
            started_at=settings.started_at,
            environment=os.environ,
            say=say,
            took_over=settings.took_over,
            dry_run=dry_run,
        )
    if as_json:
        print_json(watched.document())
    _summary(watched, dry_run=dry_run)
    return watched.exit_code


def _summary(watched: Watched, *, dry_run: bool) -> None:
    """What there is to say, on stderr: one line, and one for each thing that is wrong."""
    for step in watched.steps:
        if step.outcome in ("failed", "partial"):
            whose = f" {step.name}" if step.name else ""
            text = f"{step.step}{whose}: {step.error}"
            say(text + (f"\n  next: {step.next}" if step.next else ""), level="error")
    for incident in watched.failing:
        lines = "; ".join(incident.lines())
        say(
            f"{incident.destination} is failing since {incident.since:%Y-%m-%d %H:%M} UTC: {lines}",
            level="warning",
            destination=incident.destination,
            since=incident.since,
        )
    if watched.is_unchanged:
        say("nothing new", files=0)
        return
    files = sum(step.counts.get("imported", 0) for step in watched.steps)
    rows = sum(step.counts.get("rows", 0) for step in watched.steps)
    sent = len(watched.told.sent) if watched.told else 0
    failing = sorted(incident.destination for incident in watched.failing)
    say(
        f"{files:,} files {'would be ' if dry_run else ''}imported ({rows:,} receipts); "
        f"failing: {', '.join(failing) or 'none'}; "
        f"nothing can be said of: {', '.join(watched.unseen) or 'none'}; {sent:,} messages sent",
        files=files,
        receipts=rows,
        failing=failing,
        unseen=watched.unseen,
        messages=sent,
    )
