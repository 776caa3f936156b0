"""`archiver load`: the archive into the warehouse."""

from __future__ import annotations

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


@click.command("load", short_help="The archive into the warehouse, published.")
@json_option
@dry_run_option
@wait_option
@pass_settings
def command(settings: Settings, as_json: bool, dry_run: bool, wait: bool) -> int:
    """Load what is new in the archive into the warehouse, and publish it.

    Analysts open warehouse.duckdb in the warehouse folder with any DuckDB client, read-only.
    """
    from archiver.warehouse.load import load, new_files
    from archiver.warehouse.publish import publish

    config = settings.config
    if dry_run:
        waiting = len(new_files(config, settings.archive))
        if as_json:
            print_json({"data_files": waiting})
        else:
            click.echo(f"{waiting:,} data files of the archive would be loaded")
        return 0
    with settings.locked("load", warehouse=True, wait=wait):
        loaded = load(config, settings.archive)
        path = publish(config, settings.archive)
        summary = {
            "occurrences": loaded.occurrences,
            "conversions": loaded.conversions,
            "segments": loaded.segments,
            "rebuilt": loaded.rebuilt,
            "path": str(path),
        }
        settings.record("load", 0, summary)
    if as_json:
        print_json(summary)
    else:
        if loaded.rebuilt:
            say("files of the archive were replaced: everything is loaded again")
        click.echo(
            f"{loaded.occurrences:,} event occurrences loaded, {loaded.conversions:,} of them for "
            f"a destination; published {path}"
        )
    return 0
