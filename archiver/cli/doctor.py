"""`archiver doctor`: what would keep the night from going well, and how to mend it."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from archiver.cli.common import Settings, json_option, pass_settings, print_json
from archiver.errors import EXIT_DONE, EXIT_PARTIAL

if TYPE_CHECKING:
    from archiver.nightly.health.finding import Finding


@click.command("doctor", short_help="What would keep the night from going well.")
@json_option
@pass_settings
def command(settings: Settings, as_json: bool) -> int:
    """Check configuration, inputs, permissions, disk, zones, versions, clock and what runs left.

    Each finding says how to mend it; nothing is changed. A problem is what would make nightly fail
    or end with another code than it should: exit code 4. Hints alone end with 0.
    """
    from archiver.nightly.health.checkup import examine
    from archiver.nightly.health.finding import Patient

    patient = Patient(settings.config, settings.archive, os.environ, settings.started_at)
    found = examine(patient)
    problems = sum(one.level == "problem" for findings in found.values() for one in findings)
    if as_json:
        print_json(
            {
                "ok": not problems,
                "checks": {
                    name: [asdict(one) for one in findings] for name, findings in found.items()
                },
            }
        )
    else:
        _print_text(found, problems)
    return EXIT_PARTIAL if problems else EXIT_DONE


def _print_text(found: dict[str, list[Finding]], problems: int) -> None:
    width = max(map(len, found))
    for name, findings in found.items():
        if not findings:
            click.echo(f"{name:<{width}}  well")
        for one in findings:
            click.echo(f"{name:<{width}}  {one.level}: {one.subject}: {one.what}")
            click.echo(f"{'':<{width}}    mend: {one.mend}")
    hints = sum(map(len, found.values())) - problems
    click.echo(f"{problems:,} problems, {hints:,} hints")
