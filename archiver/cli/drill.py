"""`archiver drill`: an outage played against a stand-in for a destination, on this machine."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import Settings, json_option, pass_settings, print_json
from archiver.cli.messages import say
from archiver.cli.names import configured_names
from archiver.errors import EXIT_DONE, EXIT_UNEXPECTED, UsageError, blaming_the_path

if TYPE_CHECKING:
    from archiver.drill.play import Drilled


@click.command("drill", short_help="Rehearse an outage against a stand-in on this machine.")
@click.option(
    "--destination",
    metavar="NAME",
    shell_complete=configured_names,
    help="Whose settings are drilled.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another drill.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the drill's workspace in this folder, which must be empty.",
)
@click.option(
    "--serve",
    is_flag=True,
    help="Only run the stand-in, for TikTok and Meta, as a server on 127.0.0.1 until Ctrl-C.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="With --serve: the port; 0: any."
)
@click.option(
    "--faults",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="With --serve: the share of requests that go wrong, as 0.1.",
)
@json_option
@pass_settings
def command(
    settings: Settings,
    destination: str | None,
    seed: int,
    output: Path | None,
    serve: bool,
    port: int,
    faults: float,
    as_json: bool,
) -> int:
    """Play an outage on the settings of a destination: lose, notice, back-fill, upload, prove.

    In a workspace of its own, with invented events, against a stand-in for TikTok or Meta in this
    process: neither the archive nor any other host is touched, and no token is read. Ends with
    exit code 1 where an event was counted twice, or one that could be recovered was not.
    """
    if serve:
        return _serve(seed, port, faults, as_json=as_json)
    from archiver.drill.play import drill

    name = _destination(settings, destination)
    with _workspace(output) as folder:
        found = drill(
            settings.config,
            name,
            seed,
            Path(folder),
            told=say,
        )
    if as_json:
        print_json(_document(found, output))
    else:
        _print_text(found, output)
    return EXIT_DONE if found.is_good else EXIT_UNEXPECTED


def _destination(settings: Settings, name: str | None) -> str:
    from archiver.drill.play import ACCOUNTS

    if name is not None:
        return name
    known = sorted(settings.config.destinations.items())
    drillable = [name for name, about in known if about.type in ACCOUNTS]
    if len(drillable) == 1:
        return drillable[0]
    raise UsageError(
        "drilling an outage",
        "a drill is for one destination",
        f"say which with --destination: {', '.join(drillable)}"
        if drillable
        else f"configure one of type {' or '.join(ACCOUNTS)}: no other has a stand-in",
    )


def _workspace(output: Path | None) -> AbstractContextManager[str | Path]:
    if output is None:
        return tempfile.TemporaryDirectory(prefix="archiver-drill-")
    with blaming_the_path(f"making the drill's workspace {output}"):
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise UsageError(
                f"making the drill's workspace {output}",
                "the folder is not empty",
                "name another folder, or empty it",
            )
    return nullcontext(output)


def _document(found: Drilled, output: Path | None) -> dict[str, Any]:
    from archiver.texts import instant_text

    scenario, outcome, uploaded = found.scenario, found.outcome, found.uploaded
    hours = found.hours_to_detect
    return {
        "destination": found.destination,
        "type": found.type,
        "seed": scenario.seed,
        "good": found.is_good,
        "outage": {
            "what": scenario.outage,
            "start": instant_text(scenario.outage_start),
            "end": instant_text(scenario.recovery),
        },
        "events": found.events,
        "conversions": found.conversions,
        "expected": found.expected,
        "delivered": found.delivered,
        "detected_at": instant_text(found.detected_at),
        "detected_by": found.detected_by,
        "hours_to_detect": None if hours is None else round(hours, 2),
        "lost": outcome.lost,
        "recoverable": outcome.recoverable,
        "recovered": outcome.recovered,
        "share_recovered": found.share_recovered,
        "expired": outcome.expired,
        "refused": outcome.refused,
        "unsure": outcome.unsure,
        "left_out": outcome.left_out,
        "double_counts": outcome.double_counts,
        "hub_double_counts": outcome.hub_double_counts,
        "backfill": {
            "backfill_id": found.backfill_id,
            "as_of": instant_text(scenario.backfill_at),
            "batches": found.batches,
            "events": found.sent,
        },
        "upload": {
            "runs": uploaded.runs,
            "crashes": uploaded.crashes,
            "refusals": uploaded.refusals,
            "requests": uploaded.requests,
            "retries": max(0, uploaded.requests - found.batches),
        },
        "problems": outcome.problems,
        "notes": found.notes,
        "workspace": None if output is None else str(output),
    }


def _print_text(found: Drilled, output: Path | None) -> None:
    from archiver.backfill.plan import LEFT_OUT
    from archiver.texts import instant_text

    scenario, outcome, uploaded = found.scenario, found.outcome, found.uploaded
    start, end = instant_text(scenario.outage_start), instant_text(scenario.recovery)
    click.echo(f"{found.destination} ({found.type}), seed {scenario.seed}")
    click.echo(
        f"outage: {scenario.outage} from {start} to {end}; "
        f"{found.delivered:,} of {found.expected:,} conversions had been counted without a backfill"
    )
    hours = found.hours_to_detect
    click.echo(
        "time to detect: no hourly run of the first day showed it"
        if hours is None
        else f"time to detect: {hours:.1f} h, by {found.detected_by}"
    )
    click.echo(
        f"backfill as of {instant_text(scenario.backfill_at)}: {found.sent:,} events in "
        f"{found.batches:,} batches"
    )
    click.echo(
        f"upload: {uploaded.requests:,} requests in {uploaded.runs:,} runs, of which "
        f"{uploaded.crashes:,} died and {uploaded.refusals:,} were refused"
    )
    click.echo(f"lost: {outcome.lost:,}, of which")
    click.echo(f"  {outcome.recovered:,} recovered, of {outcome.recoverable:,} that could be")
    if outcome.expired:
        click.echo(f"  {outcome.expired:,} expired: too old for the destination by then")
    if outcome.refused:
        click.echo(f"  {outcome.refused:,} refused: the destination takes no such event")
    if outcome.unsure:
        click.echo(
            f"  {outcome.unsure:,} unsure: a request that may have landed had no reply, and the "
            "destination would no longer recognise a repetition"
        )
    for reason, count in outcome.left_out.items():
        click.echo(f"  {count:,} left out, {reason}: {LEFT_OUT[reason]}")
    click.echo(f"double counts: {outcome.double_counts:,}")
    if outcome.hub_double_counts:
        click.echo(f"  and {outcome.hub_double_counts:,} by the hub's own retries")
    for note in found.notes:
        click.echo(f"note: {note}")
    for problem in outcome.problems:
        say(problem, level="error")
    if output is not None:
        click.echo(f"workspace: {output}; look with archiver --config {output}/archiver.toml")


def _serve(seed: int, port: int, faults: float, *, as_json: bool) -> int:
    from archiver.drill.standin_server import StandInServer, counted, open_accounts

    doing = f"serving the stand-in on port {port}"
    try:
        server = StandInServer(open_accounts(seed, faults), port, told=say)
    except OSError as error:
        raise UsageError(doing, error.strerror or str(error), "name another --port") from None
    with server:
        say(f"the stand-in is at {server.url}; Ctrl-C ends it")
        say(f"set base_url = {server.url!r} in a configuration of your own for it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        summary = [counted(account) for account in server.accounts]
    if as_json:
        print_json({"accounts": summary})
        return EXIT_DONE
    for one in summary:
        click.echo(
            f"{one['type']}: {one['requests']:,} requests, {sum(one['events'].values()):,} events "
            f"counted, {one['recognised_repetitions']:,} repetitions recognised, "
            f"{one['double_counts']:,} counted more than once"
        )
    return EXIT_DONE
