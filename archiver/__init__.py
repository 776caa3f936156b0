"""Keep your own copy of every event, reconcile it with what destinations acknowledged, backfill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.errors import ArchiverError

if TYPE_CHECKING:
    from os import PathLike

    from archiver.workspace import Workspace

# `open` is left out: `from archiver import *` must not replace the builtin.
__all__ = ["ArchiverError", "__version__"]

__version__ = "0.1.0"


def open(config: str | PathLike[str] = "archiver.toml") -> Workspace:
    """Open a project from Python: its gaps, incidents and events as polars frames, read-only.

    Args:
        config: the configuration file; variables `ARCHIVER_…` override it, as everywhere.

    Raises:
        ConfigError: the configuration cannot be read.
    """
    from archiver.workspace import open_workspace

    return open_workspace(config)
