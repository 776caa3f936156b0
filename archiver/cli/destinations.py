"""`archiver destinations`: what is known of each kind of destination, and from where.

`--json` without NAME: `{"types": [ENTRY], "routes": [ENTRY], "configured": {name: type}}`; with
NAME one document, an ENTRY with more in it. The classes of `archiver.report.catalogue_model` say
what each part holds; durations are seconds, what is not known is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archiver.cli.common import Settings, console, json_option, pass_settings, print_json
from archiver.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from archiver.report.catalogue_model import Details


@click.command("destinations", short_help="What is known of destinations, and from where.")
@click.argument("name", required=False)
@click.option("--preset", metavar="PRESET", help="Of a type: this preset only.")
@click.option("--event-source", metavar="SOURCE", help="Of a type: this event source only.")
@json_option
@pass_settings
def command(
    settings: Settings,
    name: str | None,
    preset: str | None,
    event_source: str | None,
    as_json: bool,
) -> int:
    """List the types of destinations, or show all that is known of one.

    NAME is a destination of the configuration, a type such as tiktok-events, or a route such as
    segment-http. Types and routes need no configuration. What is not verified is marked, with the
    configuration key that changes it.
    """
    import msgspec

    if name is not None:
        details = _details(settings, name, preset, event_source)
        if as_json:
            print_json(msgspec.to_builtins(details))
        else:
            from archiver.report.catalogue_tables import print_details

            print_details(console(), details)
        return 0
    if preset is not None or event_source is not None:
        raise click.UsageError("--preset and --event-source need NAME")
    from archiver.report.catalogue import catalogue

    entries = catalogue()
    configured = _configured(settings)
    if as_json:
        document: dict[str, object] = {
            f"{kind}s" if kind == "route" else "types": [
                msgspec.to_builtins(entry) for entry in entries if entry.kind == kind
            ]
            for kind in ("destination", "route")
        }
        print_json({**document, "configured": configured})
    else:
        from archiver.report.catalogue_tables import print_catalogue

        print_catalogue(console(), entries, configured)
    return 0


def _configured(settings: Settings) -> dict[str, str]:
    """The configured destinations, name → type; none without a configuration file."""
    if not settings.path.exists():
        return {}
    return {name: found.type for name, found in settings.config.destinations.items()}


def _details(
    settings: Settings, name: str, preset: str | None, event_source: str | None
) -> Details:
    """A configured destination where one has the name, else a type or a route."""
    from archiver.nearest import nearest
    from archiver.report.catalogue import configured_details, details, types

    doing = f"looking up the destination {name!r}"
    try:
        configured = _configured(settings)
    except ConfigError:
        if name not in types():
            raise
        configured = {}
    if name in configured:
        if preset is not None or event_source is not None:
            raise UsageError(
                doing,
                "it is configured, with its own preset and event source",
                f"leave the options out, or ask for its type: {configured[name]}",
            )
        return configured_details(name, settings.config.destination(name))
    if name not in types():
        raise UsageError(doing, "there is none", nearest(name, {*types(), *configured}))
    try:
        return details(name, preset, event_source)
    except ValueError as error:
        raise UsageError(doing, str(error)) from None
