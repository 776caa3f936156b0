"""`archiver completion`: completes commands, options, and names from the configuration."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from archiver.cli.common import json_option, print_json
from archiver.cli.names import COMPLETION_VARIABLE

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print the script that completes commands, options, destinations and sources.

    bash: archiver completion bash > ~/.local/share/bash-completion/completions/archiver
    """
    from archiver.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "archiver", COMPLETION_VARIABLE).source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
