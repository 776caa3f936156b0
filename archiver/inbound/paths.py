"""Which files are meant: files, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from archiver.errors import UsageError


@dataclass(frozen=True)
class InboundPath:
    """One file to import.

    Attributes:
        real: where it is.
        shown: how the user or the configuration names it.
        recorded: how the ledger names it: relative to the configuration's folder if inside it.
        stdin: standard input, where that is meant instead of a file.
    """

    real: Path
    shown: str
    recorded: str
    stdin: IO[bytes] | None = None


def configured_paths(patterns: Iterable[str], folder: Path) -> list[InboundPath]:
    """The files that the configuration's patterns match now; none is no error."""
    found: dict[str, InboundPath] = {}
    for pattern in patterns:
        for path in _expand(os.path.join(folder, os.path.expanduser(pattern))):
            recorded = recorded_path(path, folder)
            found[recorded] = InboundPath(Path(path), recorded, recorded)
    return [found[key] for key in sorted(found)]


def named_paths(names: Iterable[str], folder: Path, stdin: IO[bytes]) -> list[InboundPath]:
    """The files that the user names, in that order; `-` is standard input.

    Raises:
        UsageError: a name matches no file.
    """
    found: dict[str, InboundPath] = {}
    for name in names:
        if name == "-":
            found["-"] = InboundPath(Path("-"), "-", "-", stdin)
            continue
        matches = _expand(name)
        if not matches:
            raise UsageError(f"looking for the files {name!r}", "there are none", "check the path")
        for path in matches:
            recorded = recorded_path(path, folder)
            found.setdefault(recorded, InboundPath(Path(path), path, recorded))
    return list(found.values())


def recorded_path(path: str, folder: Path) -> str:
    """The path relative to the configuration's folder if it lies inside, else absolute."""
    absolute = Path(os.path.abspath(path))
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def _expand(pattern: str) -> list[str]:
    """Files of a path, a folder (all below it, hidden ones left out) or a glob, sorted."""
    if os.path.isdir(pattern):
        return sorted(
            str(path)
            for path in Path(pattern).rglob("*")
            if (path.is_file() or not path.exists())
            and not any(part.startswith(".") for part in path.relative_to(pattern).parts)
        )
    if os.path.exists(pattern):
        return [pattern]
    matches: list[str] = []
    for match in sorted(glob.glob(pattern, recursive=True)):
        matches += (
            _expand(match)
            if os.path.isdir(match) and "**" not in pattern
            # A link to nowhere is a file that cannot be read, which somebody must hear about.
            else ([match] if os.path.isfile(match) or not os.path.exists(match) else [])
        )
    return matches
