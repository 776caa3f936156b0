"""`archiver sql`: a query on the published warehouse, read-only."""

from __future__ import annotations

from pathlib import Path

import click

from archiver.cli.common import Settings, console, json_option, output_options, pass_settings
from archiver.cli.messages import say
from archiver.errors import blaming_the_path


@click.command("sql", short_help="A query on the warehouse, read-only.")
@click.argument("query", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run the statements of a file; the last one's rows are shown.",
)
@output_options
@json_option
@pass_settings
def command(
    settings: Settings,
    query: str | None,
    file: Path | None,
    format_name: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Run a QUERY, or a file of queries, on the published warehouse, read-only.

    Any DuckDB client can open the same file; this one needs no installation and shows times in UTC.
    """
    from archiver.warehouse.query import run_query, write_rows

    if (query is None) == (file is None):
        raise click.UsageError("give a QUERY or --file, one of them")
    text = query if query is not None else file.read_text(encoding="utf-8") if file else ""
    if as_json:
        format_name = "json"
    if format_name == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output FILE")
    with (
        blaming_the_path(f"writing {output or 'the rows'}"),
        run_query(settings.config.warehouse_path, text) as rows,
    ):
        write_rows(rows, format_name, output, console)
    if output is not None:
        say(f"{output} is written", path=output)
    return 0
