"""`archiver status`: when what last ran, how far each feed reaches, what is open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from archiver.cli.common import Settings, console, json_option, pass_settings, print_json

_COMMANDS = ("ingest", "receipts", "load", "reconcile", "backfill", "upload", "verify")


@click.command("status", short_help="What last ran, how far feeds reach, what is open.")
@json_option
@pass_settings
def command(settings: Settings, as_json: bool) -> int:
    """Say when each step last ran, up to which time each feed reaches, and what is open."""
    from archiver.report.status import read_status

    status: dict[str, Any] = {"last_runs": _last_runs(settings)}
    status |= read_status(settings.config, settings.archive, settings.started_at)
    if as_json:
        print_json(status)
    else:
        _print_text(status)
    return 0


def _last_runs(settings: Settings) -> dict[str, Any]:
    folder = settings.config.archive_root / "_last"
    found = {}
    for name in _COMMANDS:
        path = folder / f"{name}.json"
        found[name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def _print_text(status: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    steps = Table("step", "last run", "took", "exit", box=box.SIMPLE_HEAD)
    for name, run in status["last_runs"].items():
        if run is None:
            steps.add_row(name, "never", "", "")
        else:
            steps.add_row(name, run["started_at"], f"{run['seconds']} s", str(run["exit_code"]))
    out.print(steps)
    feeds = Table("feed", "kind", "reaches up to", "files", "quarantined", box=box.SIMPLE_HEAD)
    for feed in status["feeds"]:
        feeds.add_row(
            feed["name"],
            feed["kind"],
            feed["reaches_up_to"] or "nothing yet",
            f"{feed['files']:,}",
            f"{feed['quarantined']:,}",
        )
    out.print(feeds)
    if status["waiting_data_files"]:
        out.print(
            f"{status['waiting_data_files']:,} data files of the archive are not loaded yet: "
            "archiver load"
        )
    for part in status["open"]:
        if part["run_id"] is None:
            out.print(f"{part['destination']}: not reconciled yet: archiver reconcile")
            continue
        worth = ", ".join(f"{v} {c}" for c, v in part["gap_value"].items())
        deadline, short = part["backfill_deadline"], part["days_over_tolerance"]
        out.print(
            f"{part['destination']}, as of {part['as_of']}: gap {part['gap']:,}"
            f"{f' ({worth})' if worth else ''}, {part['recoverable']:,} recoverable"
            f"{f', the first until {deadline}' if deadline else ''}; "
            f"unknown {part['unknown']:,}, pending {part['pending']:,}, "
            f"{f'days short of the totals {short:,}, ' if short else ''}"
            f"open incidents {part['open_incidents']:,}, past ones {part['past_incidents']:,}, "
            f"events in unsettled backfills {part['unsettled_backfill_events']:,}"
        )
        for line in _recovery_lines(part["recovery"]):
            out.print(f"  {line}")


def _recovery_lines(recovery: dict[str, Any]) -> Iterator[str]:
    """How much can still be sent, by when, and what has passed since the run."""
    deadline, ahead = recovery["next_deadline"], recovery["ahead"]
    if deadline:
        yield (
            f"recovery clock: the next deadline is {deadline}; {_amount(recovery['within_day'])} "
            f"within 24 hours, {_amount(ahead)} in all"
        )
    if recovery["without_deadline"]["conversions"]:
        yield f"recovery clock: {_amount(recovery['without_deadline'])} can be sent at any age"
    if recovery["expired_since"]["conversions"]:
        yield f"recovery clock: {_amount(recovery['expired_since'])} expired since that run"


def _amount(part: dict[str, Any]) -> str:
    worth = ", ".join(f"{amount} {currency}" for currency, amount in part["value"].items())
    return f"{part['conversions']:,}{f' ({worth})' if worth else ''}"
