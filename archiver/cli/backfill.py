"""`archiver backfill`: files that bring back what was lost, once."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from archiver.errors import UsageError
from archiver.progress import task
from archiver.texts import instant_text

if TYPE_CHECKING:
    from archiver.backfill.choices import FullPlan
    from archiver.backfill.plan import Order, Plan
    from archiver.backfill.write import Backfill

_TIERS = ("ambiguous", "rejected", "beyond-dedup")
_HUBS = ("segment-http",)


@click.command("backfill", short_help="Files that bring back what was lost.")
@question_options
@click.option(
    "--include",
    type=click.Choice(_TIERS),
    multiple=True,
    help="Also these; each can count something twice or be refused again. Repeatable.",
)
@click.option("--force", is_flag=True, help="Also what is in an earlier, unsettled backfill.")
@click.option(
    "--unverified",
    is_flag=True,
    help="Also to a destination that gives no verdicts: nothing will prove what arrived.",
)
@click.option(
    "--via",
    type=click.Choice(_HUBS),
    help="Requests to the hub, which sends the events again to this destination only.",
)
@click.option(
    "--plan",
    "as_plan",
    is_flag=True,
    help="Write nothing: what would go, by when, and what each choice adds and risks.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for a copy; the files are always in backfills/DESTINATION/ID beside the"
    " configuration.",
)
@click.option(
    "--void",
    "void_id",
    metavar="ID",
    help="Declare that this backfill was not sent and will not be: its events are free again.",
)
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
    include: tuple[str, ...],
    force: bool,
    unverified: bool,
    via: str | None,
    as_plan: bool,
    output: Path | None,
    void_id: str | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Write request bodies that bring back what the destination lost, with their original ids.

    Loads and reconciles first, as of now or of --as-of, which is taken as the instant of the
    upload. Only confirmed losses go in (missing, failed), unless --include says more.
    """
    from archiver.backfill.plan import Order
    from archiver.reconcile.run import Question

    if void_id is not None:
        _void(settings, void_id, as_json=as_json, dry_run=dry_run, wait=wait)
        return 0
    check_days(from_day, to_day)
    name = _destination(settings, destination)
    order = Order(
        Question(as_of or settings.started_at, name, from_day, to_day),
        frozenset(include),
        force,
        unverified,
        via,
    )
    if as_plan or dry_run:
        _look(settings, order, as_plan=as_plan, as_json=as_json)
    else:
        _write(settings, order, output, as_json=as_json, wait=wait)
    return 0


def _void(
    settings: Settings, backfill_id: str, *, as_json: bool, dry_run: bool, wait: bool
) -> None:
    """Declare a backfill void."""
    from archiver.backfill.void import void
    from archiver.warehouse.publish import publish

    config, archive, now = settings.config, settings.archive, settings.started_at
    lock = settings.locked("backfill", archive=True, warehouse=True, wait=wait)
    with nullcontext() if dry_run else lock:
        found = void(config, archive, backfill_id, now, dry_run=dry_run)
        if not dry_run and not found.was_void:
            publish(config, archive)
    if as_json:
        print_json(
            {
                "backfill_id": found.backfill_id,
                "destination": found.destination,
                "events": found.events,
                "voided_at": instant_text(found.voided_at),
                "was_void": found.was_void,
            }
        )
        return
    name = f"the backfill {found.backfill_id} for {found.destination}"
    if found.was_void:
        click.echo(f"{name} is void already, since {instant_text(found.voided_at)}")
    else:
        verb = "would be" if dry_run else "is"
        click.echo(f"{name} {verb} void: its {found.events:,} events are free for another")


def _look(settings: Settings, order: Order, *, as_plan: bool, as_json: bool) -> None:
    """Say what would be written, and write nothing."""
    from archiver.backfill.choices import full_plan
    from archiver.backfill.plan import check_order, plan
    from archiver.cli.backfill_plan import plan_document, print_plan
    from archiver.warehouse.scratch import scratch_warehouse

    if not as_plan:
        check_order(settings.config, order)
    with scratch_warehouse(settings.config) as config:
        planned = plan(config, settings.archive, order, config.warehouse_path)
        if not as_plan:
            _print(_document(planned, None), planned, None, as_json=as_json)
            return
        full = full_plan(config, settings.archive, planned)
        if as_json:
            print_json({**_planned_document(full), "plan": plan_document(full)})
        else:
            print_plan(full)


def _write(
    settings: Settings, order: Order, output: Path | None, *, as_json: bool, wait: bool
) -> None:
    """Write the files, and the ledger."""
    from archiver.backfill.plan import check_order, plan
    from archiver.backfill.write import finish_interrupted, write_backfill
    from archiver.warehouse.publish import publish

    config, archive = settings.config, settings.archive
    name = str(order.question.destination)
    check_order(config, order)
    with settings.locked("backfill", archive=True, warehouse=True, wait=wait):
        for folder in finish_interrupted(config, archive, name):
            say(f"the backfill {folder} of an interrupted run is complete now")
        _refuse_unimported(settings, name)
        with archive.scratch() as scratch:
            with task(f"plan the backfill for {name}"):
                planned = plan(config, archive, order, scratch)
            with task(f"write the backfill for {name}"):
                written = write_backfill(config, archive, planned, output, settings.started_at)
        publish(config, archive)
        settings.record("backfill", 0, {"backfill_id": planned.backfill_id})
    _print(_document(planned, written), planned, written, as_json=as_json)


def _refuse_unimported(settings: Settings, destination: str) -> None:
    """Refuse while a reply lies there that may say that an event was accepted."""
    from archiver.backfill.upload_notes import unimported_logs

    homes = sorted((settings.config.folder / "backfills" / destination).glob("[!.]*"))
    for log in unimported_logs(settings.archive, destination, homes):
        raise UsageError(
            f"planning a backfill for {destination}",
            f"the replies to an earlier upload are not imported: {log}",
            f"archiver receipts --destination {destination}, then this again",
        )


def _destination(settings: Settings, destination: str | None) -> str:
    known = sorted(settings.config.destinations)
    if destination is not None:
        settings.config.destination(destination)
        return destination
    if len(known) == 1:
        return known[0]
    raise UsageError(
        "planning a backfill",
        "a backfill is for one destination",
        f"say which with --destination: {', '.join(known) or 'none is configured'}",
    )


def _document(planned: Plan, written: Backfill | None) -> dict[str, Any]:
    from archiver.backfill.manifest import left_out, value_texts

    if written is not None:
        about = written.manifest
        return {
            **{key: about[key] for key in ("backfill_id", "destination")},
            "path": str(written.path),
            **{key: about[key] for key in ("events", "expired", "left_out", "batches", "value")},
        }
    return {
        "backfill_id": planned.backfill_id,
        "destination": planned.destination,
        "path": None,
        "events": planned.tally("send").events,
        "expired": planned.tally("expired").events,
        "left_out": sum(left_out(planned.tallies).values()),
        "batches": None,
        "value": value_texts(planned.tally("send").value),
    }


def _planned_document(full: FullPlan) -> dict[str, Any]:
    from archiver.backfill.manifest import left_out, value_texts
    from archiver.backfill.plan import Tally

    sent = full.tallies.get("send", Tally())
    return {
        **_document(full.plan, None),
        "events": sent.events,
        "left_out": sum(left_out(full.tallies).values()),
        "batches": len(full.built.files),
        "value": value_texts(sent.value),
    }


def _print(
    document: dict[str, Any], planned: Plan, written: Backfill | None, *, as_json: bool
) -> None:
    if as_json:
        print_json(document)
    else:
        _print_text(planned, written, document)


def _print_text(planned: Plan, written: Backfill | None, document: dict[str, Any]) -> None:
    from archiver.backfill.manifest import left_out
    from archiver.backfill.plan import LEFT_OUT

    worth = " and ".join(f"{amount} {currency}" for currency, amount in document["value"].items())
    click.echo(
        f"{document['events']:,} events{f', worth {worth},' if worth else ''} "
        + ("would be" if written is None else "are")
        + f" in the backfill {planned.backfill_id} for {planned.destination}"
        + (" (it was there already)" if written is not None and written.existed else "")
    )
    if document["expired"]:
        click.echo(f"{document['expired']:,} are too old for the destination: expired.csv")
    reasons = written.manifest["left_out_reasons"] if written else left_out(planned.tallies)
    for reason, count in reasons.items():
        click.echo(f"{count:,} left out, {reason}: {LEFT_OUT[reason]}")
    if planned.earlier:
        click.echo(f"earlier backfills: {', '.join(planned.earlier)}")
    if written is None:
        return
    for note, count in written.manifest["notes"].items():
        click.echo(f"{count:,} sent, {note}")
    click.echo(f"files: {written.path}")
    if written.manifest["url"] is None:
        click.echo(written.manifest["upload"]["note"])
    elif document["events"]:
        folder = shlex.quote(str(written.path))
        click.echo(f"archiver upload {folder} says what would go where; with --send it sends")
