"""Removes data files that no version of a table names any more, and expired entries of its log.

Both by hand, from the table's own log. delta-rs' vacuum does not remove what lies in a folder whose
name it would escape, as one with a space (delta-rs issue 4646, since 1.5), and its checkpoints
forget tombstones after seven days, so that a file that is kept for longer would never go; its
cleaning of the log goes by the time of the files, which a copy changes (confidence: high, seen).
What no log knows is nobody's business here: `verify` tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from archiver.archive.store import Archive
from archiver.archive.tables import TABLES, Table

_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\.\d{10}\.\d{10})?\.parquet")
_CHECKPOINT_AFTER = 10
"""Entries since the last checkpoint above which one is written, so that the older ones can go."""


@dataclass(frozen=True)
class Vacuumed:
    """What went.

    Attributes:
        files, bytes: data files, and their sizes.
        log_entries: entries of the logs and checkpoints.
    """

    files: int = 0
    bytes: int = 0
    log_entries: int = 0

    def __add__(self, other: Vacuumed) -> Vacuumed:
        return Vacuumed(
            self.files + other.files,
            self.bytes + other.bytes,
            self.log_entries + other.log_entries,
        )


@dataclass(frozen=True)
class _Entry:
    """One entry of a table's log.

    Attributes:
        path: its file.
        version: of the table.
        at: milliseconds since 1970; None where it does not say.
        removed: paths of the data files that it took out, relative to the table's folder, with the
            milliseconds at which it did.
    """

    path: Path
    version: int
    at: int | None
    removed: dict[str, int]


def vacuum(
    archive: Archive,
    now: datetime,
    history: timedelta,
    keep: Collection[Path] = (),
    *,
    dry_run: bool = False,
) -> Vacuumed:
    """Remove what was replaced more than `history` ago, and log entries as old that are covered.

    Args:
        archive: its lock is held and `recover` was called.
        now: age is judged by it, UTC.
        history: how long older versions can be read.
        keep: data files that somebody still names, whatever their age.
        dry_run: count only.
    """
    before = int((now - history).timestamp() * 1000)
    total = Vacuumed()
    for table in TABLES.values():
        if archive.exists(table):
            total += _vacuum(archive, table, before, keep, dry_run=dry_run)
    return total


def _vacuum(
    archive: Archive, table: Table, before: int, keep: Collection[Path], *, dry_run: bool
) -> Vacuumed:
    folder = archive.root / table.name
    log = folder / "_delta_log"
    entries = [_read(path) for path in sorted(log.glob("*.json")) if path.stem.isdigit()]
    live = {file.path for file in archive.data_files(table)}
    removed = {
        path: at
        for entry in entries
        for path, at in entry.removed.items()
        if path not in live and _is_inside(path)
    }
    files = size_bytes = 0
    left: set[str] = set()
    for path, at in removed.items():
        file = folder / path
        if at >= before or file in keep:
            left.add(path)
        elif file.exists():
            files += 1
            size_bytes += file.stat().st_size
            if not dry_run:
                file.unlink()
                _drop_empty(file.parent, folder)
    if not dry_run and entries and _entries_since_checkpoint(entries, log) > _CHECKPOINT_AFTER:
        archive.checkpoint(table)
    expired = _expired(entries, log, before, left)
    if not dry_run:
        for entry in expired:
            entry.unlink()
    return Vacuumed(files, size_bytes, len(expired))


def _read(path: Path) -> _Entry:
    at: int | None = None
    removed: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        action: dict[str, Any] = json.loads(line or "{}")
        if "commitInfo" in action:
            at = action["commitInfo"].get("timestamp")
        if "remove" in action:
            about = action["remove"]
            removed[unquote(about["path"])] = about.get("deletionTimestamp") or 0
    return _Entry(path, int(path.stem), at, removed)


def _is_inside(path: str) -> bool:
    """Whether a log's path is one below the table's folder: a log can name files elsewhere."""
    return not path.startswith("/") and ":/" not in path and ".." not in path.split("/")


def _drop_empty(folder: Path, top: Path) -> None:
    """Remove a partition's folder that is empty now, and those above it likewise."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _checkpoints(log: Path) -> dict[Path, int]:
    found = {path: _CHECKPOINT.fullmatch(path.name) for path in sorted(log.iterdir())}
    return {path: int(match[1]) for path, match in found.items() if match}


def _entries_since_checkpoint(entries: list[_Entry], log: Path) -> int:
    newest = max(_checkpoints(log).values(), default=-1)
    return sum(entry.version > newest for entry in entries)


def _expired(entries: list[_Entry], log: Path, before: int, left: Collection[str]) -> list[Path]:
    """Checkpoints and entries that no version younger than `before` needs, in the order to remove.

    The checkpoint that is newest at that instant stays, with all that follows it (Delta protocol,
    Metadata Cleanup; confidence: high). So does, with all that follows, an entry that took out a
    file that is still there: it alone knows it.
    """
    checkpoints = _checkpoints(log)
    young = [entry.version for entry in entries if entry.at is None or entry.at >= before]
    last_old = min(young, default=entries[-1].version + 1 if entries else 0) - 1
    kept = max((version for version in checkpoints.values() if version <= last_old), default=0)
    still = [entry.version for entry in entries if not entry.removed.keys().isdisjoint(left)]
    first_kept = min([kept, *still])
    # A checkpoint goes before the entries that lead to it, the oldest entry first: whenever this
    # ends, what is left has no hole.
    return [
        *(path for path, version in checkpoints.items() if version < first_kept),
        *(entry.path for entry in entries if entry.version < first_kept),
    ]
