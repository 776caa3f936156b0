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
    wait_option,
)

if TYPE_CHECKING:
    from archiver.archive.importer import FileResult


@click.command("ingest", short_help="Inbound files into the archive.")
@click.argument("paths", nargs=-1, metavar="[PATH… | -]")
@click.option("--source", metavar="NAME", help="Whose events these are; all, without PATH.")
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(
    settings: Settings,
    paths: tuple[str, ...],
    source: str | None,
    as_json: bool,
    dry_run: bool,
    wait: bool,
) -> int:
    """Archive inbound files: every record byte for byte, or in quarantine with its reason.

    PATH is a file, a folder or a glob; `-` is standard input; without PATH, the configured paths.
    What was imported before, under whatever name or compression, is not imported again.
    """
    from archiver.archive.ingest import ingest
    from archiver.cli.imports import chosen, configured, finish
    from archiver.inbound.paths import named_paths

    config = settings.config
    if source is not None:
        config.source(source)
    names = chosen(config.sources, source, "source", is_for_one=bool(paths))
    results: list[tuple[FileResult, float]] = []
    lock = settings.locked("ingest", archive=True, wait=wait)
    found = {
        name: named_paths(paths, config.folder, sys.stdin.buffer)
        if paths
        else configured(config, config.source(name).paths, f"source {name}")
        for name in names
    }
    with nullcontext() if dry_run else lock:
        for name in names:
            source_settings = config.source(name)
            results += [
                (result, source_settings.max_bad_ratio)
                for result in ingest(
                    settings.archive,
                    name,
                    found[name],
                    settings.started_at,
                    format_name=source_settings.format,
                    dry_run=dry_run,
                )
            ]
        return finish(
            results,
            as_json=as_json,
            dry_run=dry_run,
            unit="events",
            record=partial(settings.record, "ingest"),
        )
