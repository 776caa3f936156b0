"""`archiver compact`: housekeeping by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archiver.cli.common import (
    Settings,
    dry_run_option,
    json_option,
    pass_settings,
    print_json,
    wait_option,
)
from archiver.errors import EXIT_DONE

if TYPE_CHECKING:
    from archiver.nightly.housekeeping import Kept


@click.command("compact", short_help="Few sorted files in the place of many; old ones go.")
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(settings: Settings, as_json: bool, dry_run: bool, wait: bool) -> int:
    """Compact closed days, and remove what is older than the configuration keeps.

    The housekeeping that `nightly` does: rows, figures and the warehouse are the same before and
    after. What is replaced stays for housekeeping.history (7 days), for readers of older versions.
    """
    from archiver.nightly.housekeeping import keep_house

    with settings.locked("compact", archive=True, warehouse=True, wait=wait):
        kept = keep_house(settings.config, settings.archive, settings.started_at, dry_run=dry_run)
        if not dry_run:
            settings.record("compact", EXIT_DONE, dict(kept.counts))
    if as_json:
        print_json({"dry_run": dry_run, **kept.document()})
    else:
        for line in lines(kept, dry_run=dry_run):
            click.echo(line)
    return EXIT_DONE


def lines(kept: Kept, *, dry_run: bool) -> list[str]:
    """What was done, a line for each kind of work."""
    would = "would be " if dry_run else ""
    about = [
        f"{table.table}: {table.files_before:,} files {would}compacted into "
        f"{'about ' if dry_run else ''}{table.files_after:,}, {table.rows:,} rows, "
        f"{_size(table.bytes_before)}" + ("" if dry_run else f" → {_size(table.bytes_after)}")
        for table in kept.compacted
    ]
    about += [
        f"{table.table}: {table.rows:,} rows of the days from {table.first_day} to "
        f"{table.last_day} {would}deleted"
        for table in kept.deleted
    ]
    if kept.segments.before:
        about.append(
            f"warehouse: {kept.segments.before:,} segments {would}merged into "
            f"{kept.segments.after:,}"
        )
    if kept.runs_deleted:
        about.append(f"warehouse: {kept.runs_deleted:,} kept reconciliations {would}deleted")
    gone = kept.vacuumed
    if gone.files or gone.log_entries:
        about.append(
            f"{gone.files:,} replaced files ({_size(gone.bytes)}) and {gone.log_entries:,} "
            f"log entries {would}removed"
        )
    return about or ["nothing to do"]


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
