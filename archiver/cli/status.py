"""`archiver status`: what last ran, how old each feed is, what is open, on one screen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import (
    Instant,
    Settings,
    console,
    json_option,
    pass_settings,
    print_json,
)
from archiver.cli.messages import say_error
from archiver.errors import EXIT_DONE, EXIT_STALE, ArchiverError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_COMMANDS = ("ingest", "receipts", "load", "reconcile", "backfill", "upload", "verify")
_BY_HAND = ("backfill", "upload", "verify")
_MOST_LINES = 3
_MOST_STALE = 6


@click.command("status", short_help="What last ran, how old feeds are, what is open.")
@click.option(
    "--as-of",
    type=Instant(),
    help="The instant by which ages are counted and deadlines have passed; default: now.",
)
@json_option
@pass_settings
def command(settings: Settings, as_of: datetime | None, as_json: bool) -> int:
    """Say what last ran, how old each feed is, what is open and what it is worth.

    Exit code 6: a feed is older than its stale_after, the last nightly that ended with 0 or 3
    (without any nightly: the last reconcile) is older than nightly.stale_after, or nothing ran yet.
    The first line says which.
    """
    from archiver.report.status import read_status

    runs = _last_runs(settings)
    status: dict[str, Any] = {"last_runs": runs}
    now = as_of or settings.started_at
    status |= read_status(settings.config, settings.archive, now, runs, until=as_of)
    try:
        status["alerts"], unread = _open_alerts(settings), None
    except ArchiverError as error:
        # The rest is told all the same: this is where people look when something is wrong.
        status["alerts"], unread = None, error
        say_error(error)
    if as_json:
        print_json(status)
    else:
        _print_text(status)
    if unread is not None:
        return unread.exit_code
    return EXIT_STALE if status["stale"] else EXIT_DONE


def _last_runs(settings: Settings) -> dict[str, Any]:
    folder = settings.config.archive_root / "_last"
    found: dict[str, Any] = {}
    for name in _COMMANDS:
        try:
            found[name] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            found[name] = None
    return found


def _open_alerts(settings: Settings) -> list[dict[str, Any]]:
    """The alerts that are open, the oldest first."""
    from archiver.alerts.state import read_state
    from archiver.alerts.telling import state_folder
    from archiver.texts import instant_text

    state = read_state(state_folder(settings.config.archive_root))
    return [
        {
            "alert": alert.alert,
            "opened_at": instant_text(alert.opened_at),
            "conditions": [
                {"kind": member.condition.kind, "subject": member.condition.subject}
                for member in alert.members
                if member.ended_at is None
            ],
        }
        for alert in sorted(state.alerts, key=lambda alert: alert.opened_at)
        if alert.resolved_at is None
    ]


def _print_text(status: dict[str, Any]) -> None:
    out = console()
    for line in _verdict(status):
        out.print(line, style="bold red" if status["stale"] else "bold green")
    out.print(_steps(status))
    out.print(_feeds(status))
    if status["waiting_data_files"]:
        out.print(
            f"{status['waiting_data_files']:,} data files of the archive are not loaded yet: "
            "archiver load"
        )
    for part in status["open"]:
        for line in _open_lines(part):
            _print_hanging(out, line)
    for line in _alert_lines(status["alerts"]):
        out.print(line)
    out.print(_archive_line(status["archive"]))


def _verdict(status: dict[str, Any]) -> Iterator[str]:
    stale, success = status["stale"], status["last_success"]
    if not stale:
        age = timedelta(seconds=success["age_seconds"])
        yield f"as of {status['as_of']}: up to date; {success['command']} succeeded {_ago(age)}"
        return
    first, *others = stale[:_MOST_STALE]
    yield f"as of {status['as_of']}: STALE: {first['what']}"
    for one in others:
        yield f"  and {one['what']}"
    if len(stale) > _MOST_STALE:
        yield f"  and {len(stale) - _MOST_STALE} more: archiver status --json"


def _ago(age: timedelta) -> str:
    from archiver.report.status import age_text

    return f"{age_text(age)} ago" if age >= timedelta(minutes=1) else "just now"


def _steps(status: dict[str, Any]) -> RenderableType:
    """Two columns: the rounds and what is done by hand, and the steps of the night."""
    from itertools import zip_longest

    left = [
        (name, run and (run["started_at"], run["seconds"], run["outcome"]))
        for name, run in status["rounds"].items()
    ] + [
        (name, run and (run["started_at"], run["seconds"], f"exit {run['exit_code']}"))
        for name in _BY_HAND
        for run in [status["last_runs"][name]]
    ]
    right = [
        (name, run and (run["at"], run["seconds"], run["outcome"]))
        for name, run in status["steps"].items()
    ]
    grid = _grid()
    for pair in zip_longest(left, right, fillvalue=("", ("", None, ""))):
        cells = []
        for name, run in pair:
            at, seconds, outcome = run or ("never", None, "")
            took = "" if seconds is None else f"{seconds:.0f} s"
            is_bad = outcome in _BAD or (outcome.startswith("exit ") and outcome not in _FINE)
            cells += [name, _short(at), took, f"[red]{outcome}[/]" if is_bad else outcome]
        grid.add_row(*cells)
    return grid


_BAD = ("failed", "partial", "died", "interrupted", "stale", "skipped")
_FINE = ("exit 0", "exit 3")


def _short(at: str) -> str:
    """An instant without year and seconds: of an old one the first line says the age."""
    return f"{at[5:10]} {at[11:16]}" if len(at) >= 16 else at


def _minute(reach: str) -> str:
    """An instant up to its minute, UTC; a day as it is."""
    return f"{reach[:10]} {reach[11:16]} UTC" if len(reach) > 10 else reach


def _grid() -> Table:
    from rich.table import Table

    return Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)


def _feeds(status: dict[str, Any]) -> RenderableType:
    from rich.markup import escape

    from archiver.report.status import age_text

    grid = _grid()
    for feed in status["feeds"]:
        age = feed["age_seconds"]
        words = "" if age is None else f"{age_text(timedelta(seconds=age))} old"
        reach = feed["reaches_up_to"]
        grid.add_row(
            feed["kind"],
            escape(feed["name"]),
            f"up to {_minute(reach)}" if reach else "nothing yet",
            f"[red]STALE {words}[/]" if feed["is_stale"] else words,
            f"{feed['files']:,} files",
            f"{feed['quarantined']:,} quarantined",
        )
    return grid


def _open_lines(part: dict[str, Any]) -> Iterator[str]:
    if part["run_id"] is None:
        yield f"{part['destination']}: not reconciled yet: archiver reconcile"
        return
    worth = ", ".join(f"{v} {c}" for c, v in part["gap_value"].items())
    deadline, short = part["backfill_deadline"], part["days_over_tolerance"]
    yield (
        f"{part['destination']}, as of {part['as_of']}: gap {part['gap']:,}"
        f"{f' ({worth})' if worth else ''}, {part['recoverable']:,} recoverable"
        f"{f', the first until {deadline}' if deadline else ''}; "
        f"unknown {part['unknown']:,}, pending {part['pending']:,}, "
        f"{f'days short of the totals {short:,}, ' if short else ''}"
        f"open incidents {part['open_incidents']:,}, past ones {part['past_incidents']:,}, "
        f"events in unsettled backfills {part['unsettled_backfill_events']:,}"
    )
    for line in _recovery_lines(part["recovery"]):
        yield f"  {line}"
    is_open = [incident for incident in part["incidents"] if incident["is_open"]]
    for incident in is_open[-_MOST_LINES:]:
        yield (
            f"  open: {incident['diagnosis']} since {incident['start']}, "
            f"{incident['conversions']:,} conversions"
        )


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


def _alert_lines(alerts: list[dict[str, Any]] | None) -> Iterator[str]:
    if alerts is None:
        yield "which alerts are open cannot be read: see the error"
        return
    if not alerts:
        yield "no alert is open"
    for alert in alerts[:_MOST_LINES]:
        shown = Counter(f"{c['kind']} {c['subject']}" for c in alert["conditions"])
        yield f"alert since {_minute(alert['opened_at'])}: {', '.join(shown)}"
    if len(alerts) > _MOST_LINES:
        yield f"and {len(alerts) - _MOST_LINES:,} more: archiver alerts list"


def _archive_line(sizes: dict[str, Any]) -> str:
    named = ("events", "receipts", "quarantine")
    shown = ", ".join(
        f"{name} {_size(sizes['tables'][name]['bytes'])} in {sizes['tables'][name]['files']:,}"
        for name in named
    )
    return f"archive {_size(sizes['bytes'])} in {sizes['files']:,} files: {shown}"


def _size(size_bytes: int) -> str:
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size_bytes >= 10**power:
            return f"{size_bytes / 10**power:,.1f} {unit}"
    return f"{size_bytes} B"


def _print_hanging(out: Console, line: str) -> None:
    """A line whose further lines stand further in."""
    from rich.padding import Padding
    from rich.text import Text

    text = line.lstrip()
    indent = len(line) - len(text)
    first, *more = Text(text).wrap(out, max(out.width - indent - 2, 20))
    out.print(Padding(first, (0, 0, 0, indent)))
    for part in more:
        out.print(Padding(part, (0, 0, 0, indent + 2)))
