"""Which files are meant: files, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
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
        is_named: the user names it on the command line, where it may be a pipe.
    """

    real: Path
    shown: str
    recorded: str
    stdin: IO[bytes] | None = None
    is_named: bool = False


def configured_paths(
    patterns: Iterable[str],
    folder: Path,
    own_folders: Iterable[Path] = (),
    unmatched: Callable[[str], None] = lambda _: None,
) -> list[InboundPath]:
    """The files that the configuration's patterns match now; none is no error.

    Args:
        patterns: files, folders and globs.
        folder: the configuration's folder.
        own_folders: folders that the archiver fills; what is in them is left out.
        unmatched: called with each pattern that matches no file.
    """
    found: dict[str, InboundPath] = {}
    is_own = _insider(own_folders)
    for pattern in patterns:
        matches = [
            path
            for path in _expand(os.path.expanduser(pattern), str(folder))
            if not is_own(os.path.dirname(path))
        ]
        if not matches:
            unmatched(pattern)
        for path in matches:
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
            found.setdefault(recorded, InboundPath(Path(path), path, recorded, is_named=True))
    return list(found.values())


def recorded_path(path: str, folder: Path) -> str:
    """The path relative to the configuration's folder if it lies inside, else absolute."""
    absolute = Path(os.path.abspath(path))
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def _insider(folders: Iterable[Path]) -> Callable[[str], bool]:
    """The function that says whether a folder lies inside one of these, through links or not."""
    real = [os.path.realpath(folder) for folder in folders]

    @cache
    def is_inside(folder: str) -> bool:
        return any(Path(os.path.realpath(folder)).is_relative_to(known) for known in real)

    return is_inside


def _unreadable_folders(folder: str) -> list[str]:
    """Folders at or below one whose files cannot even be listed, and so must fail themselves."""
    failed: list[OSError] = []
    for _, below, _ in os.walk(folder, onerror=failed.append):
        below[:] = [name for name in below if not name.startswith(".")]
    return [str(error.filename) for error in failed if not isinstance(error, FileNotFoundError)]


def _expand(pattern: str, folder: str = "") -> list[str]:
    """Files of a path, a folder (all below it, hidden ones left out) or a glob, sorted.

    Args:
        pattern: relative to `folder`, or absolute.
        folder: taken literally, whatever characters are in it; empty: the working folder.
    """
    literal = os.path.join(folder, pattern)
    if os.path.isdir(literal):
        found = [
            str(path)
            for path in Path(literal).rglob("*")
            if (path.is_file() or not path.exists())
            and not any(part.startswith(".") for part in path.relative_to(literal).parts)
        ]
        return sorted([*found, *_unreadable_folders(literal)])
    if os.path.exists(literal):
        return [literal]
    # Up to the first part with a wildcard.
    fixed = "/".join(takewhile(lambda part: not glob.has_magic(part), literal.split("/")))
    matches = _unreadable_folders(fixed) if "**" in pattern else []
    for match in sorted(glob.glob(os.path.join(glob.escape(folder), pattern), recursive=True)):
        matches += (
            _expand(match)
            if os.path.isdir(match) and "**" not in pattern
            # A link to nowhere is a file that cannot be read, which somebody must hear about.
            else ([match] if os.path.isfile(match) or not os.path.exists(match) else [])
        )
    return matches
