"""Names of the configuration, for a shell that completes a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

COMPLETION_VARIABLE = "_ARCHIVER_COMPLETE"
"""The variable in which the shell asks, as click's scripts have it."""
_SECTIONS = {"destination": "destinations", "source": "sources"}


def configured_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The configured names for an option `--destination` or `--source`; none without a file."""
    section = _SECTIONS.get(parameter.name or "")
    names = _configuration(context).get(section, {}) if section else {}
    if not isinstance(names, dict):
        return []
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _configuration(context: click.Context) -> dict[str, Any]:
    """The configuration as it stands: also one with errors has names. Reading it must be quick."""
    import tomllib

    named = context.find_root().params.get("config")
    try:
        return tomllib.loads(Path(named or "archiver.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
