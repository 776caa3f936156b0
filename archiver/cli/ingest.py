"""`archiver ingest`: inbound files into the archive."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
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
from archiver.cli.names import configured_names
from archiver.errors import EXIT_DONE

if TYPE_CHECKING:
    from archiver.archive.staged import FileResult


@click.command("ingest", short_help="Inbound files into the archive.")
@click.argument("paths", nargs=-1, metavar="[PATH… | -]")
@click.option(
    "--source",
    metavar="NAME",
    shell_complete=configured_names,
    help="Whose events these are; all, without PATH.",
)
@click.option(
    "--retry-quarantine",
    is_flag=True,
    help="Read quarantined records again by today's rules; move those that are events now.",
)
@click.option("--list-formats", is_flag=True, help="Name the formats that are read, and end.")
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings,
    paths: tuple[str, ...],
    source: str | None,
    retry_quarantine: bool,
    list_formats: bool,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Archive inbound files: every record byte for byte, or in quarantine with its reason.

    PATH is a file, a folder or a glob; `-` is standard input; without PATH, the configured paths.
    What was imported before, under whatever name or compression, is not imported again.
    """
    if list_formats:
        return _list_formats(as_json=as_json)
    from archiver.archive.ledger import known_files
    from archiver.cli.imports import chosen, finish, say_unmatched
    from archiver.inbound.paths import named_paths
    from archiver.nightly.imports import event_files, import_events

    config = settings.config
    if source is not None:
        config.source(source)
    if retry_quarantine and paths:
        raise click.UsageError("--retry-quarantine takes no PATH: it reads what is in the archive")
    names = chosen(config.sources, source, "source", is_for_one=bool(paths))
    if retry_quarantine:
        return _retry(settings, names, as_json=as_json, dry_run=dry_run, wait=wait)
    results: list[tuple[FileResult, float]] = []
    lock = settings.locked("ingest", archive=True, wait=wait)
    found = {
        name: named_paths(paths, config.folder, sys.stdin.buffer)
        if paths
        else event_files(config, name, say_unmatched)
        for name in names
    }
    with nullcontext() if dry_run else lock:
        known = known_files(settings.archive)
        for name in names:
            results += [
                (result, config.source(name).max_bad_ratio)
                for result in import_events(
                    config,
                    settings.archive,
                    name,
                    found[name],
                    settings.started_at,
                    dry_run=dry_run,
                    known=known,
                )
            ]
        return finish(
            results,
            as_json=as_json,
            dry_run=dry_run,
            unit="events",
            record=partial(settings.record, "ingest"),
        )


def _retry(
    settings: Settings, names: list[str], *, as_json: bool, dry_run: bool, wait: bool
) -> int:
    from archiver.archive.retry import retry
    from archiver.cli.imports import document

    # Also a dry run puts what it reads into the archive's folder for staging, and removes it.
    results: list[FileResult] = []
    with settings.locked("ingest", archive=True, wait=wait):
        for name in names:
            results += retry(
                settings.archive,
                name,
                settings.started_at,
                format_name=settings.config.source(name).format,
                dry_run=dry_run,
            )
    found = document(results)
    if not dry_run:
        settings.record("retry", EXIT_DONE, found["totals"])
    if as_json:
        print_json(found)
        return EXIT_DONE
    for result in results:
        if result.archived:
            click.echo(f"{result.path}: {result.archived:,} of {result.records:,} are events now")
    tried, moved = found["totals"]["records"], found["totals"]["archived"]
    verb = "would move" if dry_run else "moved"
    click.echo(f"{tried:,} quarantined records read again: {moved:,} {verb} to events")
    return EXIT_DONE


def _list_formats(*, as_json: bool) -> int:
    from archiver.inbound.formats import FORMATS

    if as_json:
        keys = ("name", "about", "detected_by")
        print_json({"formats": [{key: getattr(known, key) for key in keys} for known in FORMATS]})
        return EXIT_DONE
    width = max(len(known.name) for known in FORMATS)
    for known in FORMATS:
        click.echo(f"{known.name:<{width}}  {known.about}")
        click.echo(f"{'':<{width}}  detected by: {known.detected_by}")
    return EXIT_DONE
