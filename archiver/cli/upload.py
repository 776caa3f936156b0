"""`archiver upload`: send a backfill, so that nothing counts twice."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import (
    Settings,
    dry_run_option,
    json_option,
    pass_settings,
    print_json,
    wait_option,
)
from archiver.cli.messages import say
from archiver.cli.progress import wants_bars
from archiver.errors import EXIT_REFUSED

if TYPE_CHECKING:
    from rich.progress import Progress

    from archiver.backfill.upload import Step, UploadResult

_SHOWN_BATCHES = 10


@click.command("upload", short_help="Send a backfill.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--send", is_flag=True, help="Send it; without it nothing is sent.")
@click.option(
    "--base-url",
    metavar="URL",
    help="Scheme and host to send to instead of the destination's own, for tests and proxies.",
)
@click.option(
    "--timeout",
    "read_seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a reply may take.",
)
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings,
    folder: Path,
    send: bool,
    base_url: str | None,
    read_seconds: float,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Say what an upload of the backfill in DIR would send where, or send it.

    The token comes from an environment variable. An upload that ended early goes on where it was,
    and sends nothing again that the destination acknowledged. Replies are in upload-*.ndjson,
    which `archiver receipts` imports by itself.
    """
    from archiver.backfill.upload import upload

    config, archive = settings.config, settings.archive
    send = send and not dry_run
    with _stopping() as stop, _progress() as on_progress:
        result = upload(
            config,
            archive,
            folder.resolve(),
            send=send,
            base_url=base_url,
            read_seconds=read_seconds,
            wait=wait,
            sleep=lambda seconds: _sleep(stop, seconds),
            should_stop=stop.is_set,
            on_progress=on_progress,
        )
    document = _document(result)
    if send:
        settings.record("upload", result.exit_code, document)
    if as_json:
        print_json(document)
    elif send:
        own = config.folder / "backfills" / result.destination / result.backfill_id
        _print_result(result, is_found=result.home == own)
    else:
        _print_outlook(result, folder)
    if result.stopped:
        say(f"uploading {result.backfill_id}: {result.stopped}", level="error")
        say(f"  next: {_what_next(result, folder)}")
    return result.exit_code


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """What Ctrl-C sets, so that the request under way comes to its end; a second one breaks it."""
    stop = threading.Event()

    def interrupt(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # The program may be in the midst of writing by its own means.
        os.write(2, b"stopping after the request under way; once more stops at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _sleep(stop: threading.Event, seconds: float) -> None:
    stop.wait(seconds)


@contextmanager
def _progress() -> Iterator[Callable[[Step], None]]:
    """A bar on stderr at a terminal; elsewhere waits alone are said."""
    if not wants_bars(sys.argv[1:]):
        yield _say_wait
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("")
        yield lambda step: _show(bar, task, step)


def _show(bar: Progress, task: Any, step: Step) -> None:
    words = f"waiting {step.waiting_seconds:.0f} s: {step.why}" if step.why else step.batch
    bar.update(task, total=step.events, completed=step.settled, description=words)


def _say_wait(step: Step) -> None:
    if step.why:
        say(f"{step.batch}: waiting {step.waiting_seconds:.0f} s: {step.why}", level="warning")


def _document(result: UploadResult) -> dict[str, Any]:
    """The JSON document (docs/backfill.md)."""
    return {
        "backfill_id": result.backfill_id,
        "destination": result.destination,
        "url": result.url,
        "sent": result.sent,
        "batches": len(result.batches),
        "requests": result.requests,
        "events": result.events,
        **{str(fate): count for fate, count in result.fates.items()},
        "stopped": result.stopped,
        "log": result.log.name if result.log else None,
    }


def _print_outlook(result: UploadResult, folder: Path) -> None:
    from archiver.texts import instant_text

    click.echo(f"backfill {result.backfill_id} for {result.destination}: nothing was sent")
    click.echo(f"POST {result.url}")
    for header in result.headers:
        click.echo(f"  {header}")
    for name in result.missing_variables:
        click.echo(f"{name} is not set: --send needs it")
    waiting = [batch for batch in result.batches if batch.fates["waiting"]]
    for batch in waiting[:_SHOWN_BATCHES]:
        deadline = instant_text(batch.first_deadline)
        click.echo(
            f"{batch.name}: {batch.fates['waiting']:,} events, {batch.body_bytes:,} bytes, from"
            f" {instant_text(batch.first_time)} to {instant_text(batch.last_time)}"
            + (f", first deadline {deadline}" if deadline else "")
        )
    if len(waiting) > _SHOWN_BATCHES:
        click.echo(f"and {len(waiting) - _SHOWN_BATCHES:,} more batches")
    _print_fates(result)
    rate = result.requests_per_second
    click.echo(
        f"{len(waiting):,} requests"
        + (f", at most {rate:g} a second: {result.shortest_seconds:,.0f} s or more" if rate else "")
    )
    if waiting:
        click.echo(f"next: archiver upload {folder} --send")


_WORDS = {
    "accepted": "accepted",
    "rejected": "refused: the destination's words are in the log",
    "accepted_since": "accepted since, by another attempt, so they are left out",
    "in_later_backfill": "left out: a later backfill has them",
    "expired": "too old by now, so they are left out",
    "beyond_dedup": "left out: they may have been counted, and the destination no longer recognises"
    " a repetition",
    "ambiguous": "may have landed, and are not sent again",
    "waiting": "to be sent",
}
_WITHOUT_VERDICTS = {
    "accepted": "taken, unseen: this destination gives no verdict",
    "ambiguous": "were taken, or may have been: there is no verdict, and none will come",
}


def _print_fates(result: UploadResult) -> None:
    for fate, count in result.fates.items():
        if count:
            words = _WORDS[fate]
            if not result.has_verdicts:
                words = _WITHOUT_VERDICTS.get(fate, words)
            click.echo(f"{count:,} of {result.events:,} events: {words}")


def _print_result(result: UploadResult, *, is_found: bool) -> None:
    """Say what was done; `is_found`: `archiver receipts` finds the log by itself."""
    click.echo(
        f"backfill {result.backfill_id} for {result.destination}: "
        f"{result.requests:,} requests to {result.url}"
    )
    _print_fates(result)
    if result.log:
        click.echo(f"log: {result.log}")
    if not result.requests:
        click.echo("there was nothing to send")
    elif result.stopped is None:
        where = "" if is_found else f" --destination {result.destination} {result.log}"
        click.echo(f"next: archiver receipts{where}, then archiver load and archiver reconcile")


def _what_next(result: UploadResult, folder: Path) -> str:
    again = f"archiver upload {folder} --send goes on where it was"
    if result.exit_code == EXIT_REFUSED:
        return f"see its words in the log, mend token, permission, account or address; {again}"
    return again
