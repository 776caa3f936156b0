"""`archiver alerts`: what is open, and whether the channels work."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import click

from archiver.cli.common import Settings, json_option, pass_settings, print_json
from archiver.cli.messages import say
from archiver.errors import EXIT_DONE, EXIT_PARTIAL, UsageError


@click.group("alerts", short_help="What is open, and a test of the channels.")
def command() -> None:
    """Show the open alerts, or test the channels that they go to.

    Alerts are told by `archiver nightly` and `archiver watch`, to the `[channels]` of the
    configuration.
    """


@command.command("test")
@click.option("--channel", metavar="NAME", help="This channel only.")
@json_option
@pass_settings
def test(settings: Settings, channel: str | None, as_json: bool) -> int:
    """Send a message to every channel, and say which took it; ends with 4 where one did not."""
    from archiver.alerts.telling import try_channels
    from archiver.nearest import nearest

    config = settings.config
    names = list(config.channels)
    if channel is not None:
        if channel not in names:
            hint = nearest(channel, names) if names else "add [channels.NAME] with url_env"
            raise UsageError(f"looking up the channel {channel!r}", "there is none", hint)
        names = [channel]
    if not names:
        raise UsageError(
            "testing the channels",
            f"{config.path} has none, so that nobody hears of anything",
            "add [channels.NAME] with url_env, the variable that holds its address",
        )
    results = try_channels(config, os.environ, names, now=datetime.now(UTC))
    if as_json:
        found = [{"channel": name, "took_it": not why, "why": why} for name, why in results.items()]
        print_json({"channels": found})
    for name, why in results.items():
        if why is not None:
            say(f"channel {name}: {why}", level="error", channel=name)
        elif not as_json:
            click.echo(f"channel {name}: took it")
    return EXIT_PARTIAL if any(results.values()) else EXIT_DONE


@command.command("list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> int:
    """Show the open alerts, oldest first, and what the channels have not taken yet."""
    from archiver.alerts.telling import open_alerts, state_folder

    found = open_alerts(state_folder(settings.config.archive_root))
    if as_json:
        print_json({"alerts": found})
        return EXIT_DONE
    if not found:
        click.echo("No alert is open.")
    for alert in found:
        _show(alert)
    return EXIT_DONE


def _show(alert: dict[str, Any]) -> None:
    click.echo(f"{alert['kind']}  since {alert['opened_at']}  {alert['what']}")
    for condition in alert["conditions"]:
        for detail in condition["details"]:
            click.echo(f"    {detail}")
    for name, count in alert["waiting"].items():
        click.echo(f"    channel {name} has not taken {count} of its messages")
