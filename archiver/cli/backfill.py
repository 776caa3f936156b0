"""`archiver backfill`: files that bring back what was lost, once."""

from __future__ import annotations

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
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.backfill.plan import Plan
    from archiver.backfill.write import Backfill

_TIERS = ("ambiguous", "rejected", "beyond-dedup")


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
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for a copy; the files are always in backfills/DESTINATION/ID beside the"
    " configuration.",
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
    output: Path | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Write request bodies that bring back what the destination lost, with their original ids.

    Loads and reconciles first, as of now or of --as-of, which is taken as the instant of the
    upload. Only confirmed losses go in (missing, failed), unless --include says more.
    """
    from archiver.backfill.plan import Order, plan
    from archiver.backfill.write import finish_interrupted, write_backfill
    from archiver.reconcile.run import Question
    from archiver.warehouse.publish import publish
    from archiver.warehouse.scratch import scratch_warehouse

    check_days(from_day, to_day)
    config = settings.config
    name = _destination(settings, destination)
    order = Order(
        Question(as_of or settings.started_at, name, from_day, to_day),
        frozenset(include),
        force,
    )
    lock = settings.locked("backfill", archive=True, warehouse=True, wait=wait)
    with scratch_warehouse(config) if dry_run else lock as scratch:
        used = scratch or config
        for folder in [] if dry_run else finish_interrupted(config, settings.archive, name):
            click.echo(f"the backfill {folder} of an interrupted run is complete now", err=True)
        planned = plan(used, settings.archive, order)
        written = None
        if not dry_run:
            written = write_backfill(config, settings.archive, planned, output, settings.started_at)
            publish(config, settings.archive)
            settings.record("backfill", 0, {"backfill_id": planned.backfill_id})
    document = _document(planned, written)
    if as_json:
        print_json(document)
    else:
        _print_text(planned, written, document)
    return 0


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
    from archiver.backfill.plan import sum_values
    from archiver.texts import amount_text

    if written is not None:
        about = written.manifest
        return {
            **{key: about[key] for key in ("backfill_id", "destination")},
            "path": str(written.path),
            **{key: about[key] for key in ("events", "expired", "left_out", "batches", "value")},
        }
    chosen = planned.chosen("send")
    return {
        "backfill_id": planned.backfill_id,
        "destination": planned.destination,
        "path": None,
        "events": len(chosen),
        "expired": len(planned.chosen("expired")),
        "left_out": sum(planned.left_out().values()),
        "batches": None,
        "value": {c: amount_text(v) for c, v in sum_values(chosen).items()},
    }


def _print_text(planned: Plan, written: Backfill | None, document: dict[str, Any]) -> None:
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
    for reason, count in planned.left_out().items():
        click.echo(f"{count:,} left out, {reason}: {LEFT_OUT[reason]}")
    earlier = {c.earlier_backfill_id for c in planned.chosen("in_earlier_backfill")}
    if earlier:
        click.echo(f"earlier backfills: {', '.join(sorted(map(str, earlier)))}")
    if written is None:
        return
    click.echo(f"files: {written.path}")
    upload = written.manifest["upload"]
    if upload["curl"]:
        click.echo("upload, in that folder, one batch after the other:")
        click.echo(f"  {upload['curl'][0]}")
        if len(upload["curl"]) > 1:
            click.echo(f"  and {len(upload['curl']) - 1} more: see upload in manifest.json")
