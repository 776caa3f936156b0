"""`archiver explain`: what became of one event."""

from __future__ import annotations

from datetime import datetime

import click

from archiver.cli.common import (
    Instant,
    Settings,
    console,
    json_option,
    pass_settings,
    print_json,
)
from archiver.cli.names import configured_names


@click.command("explain", short_help="What became of one event, from file to status.")
@click.argument("id", metavar="ID")
@click.option(
    "--destination",
    metavar="NAME",
    shell_complete=configured_names,
    help="This destination only.",
)
@click.option(
    "--as-of", type=Instant(), help="The status in the last run for this instant, not the last run."
)
@json_option
@pass_settings
def command(
    settings: Settings, id: str, destination: str | None, as_of: datetime | None, as_json: bool
) -> int:
    """Show the life of one event: files, rule, attempts, status and why, backfills.

    ID is its message id, its order id, or its event id as a destination sees it. What is shown is
    that of the published warehouse, without payloads, personal data and the words of a
    destination's reply: the code, request id and receipts file of an attempt lead to those.
    """
    from archiver.report.explain import IdQuestion, explain_id
    from archiver.report.explained import print_explanation
    from archiver.report.explanation import as_json as document

    explanation = explain_id(settings.config, IdQuestion(id, destination, as_of))
    if as_json:
        print_json(document(explanation))
    else:
        print_explanation(explanation, console())
    return 0
