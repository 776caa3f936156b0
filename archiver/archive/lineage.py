"""Which data files stand for which: a compacted one says in its Parquet metadata what it replaces.

So a reader that keeps what it has read, as the warehouse does, can tell that a compaction brought
nothing new. The replaced files stay on the disk until they are vacuumed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

REPLACES = "archiver.replaces"
"""Key in the Parquet metadata: a JSON list of paths of data files, relative to the table's folder.
Together with those that have the same list, the file holds exactly their rows."""


@dataclass(frozen=True)
class Pending:
    """What is to be read of a table by one who has read some of its data files.

    Attributes:
        new: data files to read, relative to the table's folder; some may be replaced already, and
            lie there still.
        is_whole: with these, all live rows are read, and each once. False: a file is gone that was
            read, or one that is needed; read all live files afresh.
    """

    new: list[str]
    is_whole: bool


def replaced_by(path: Path) -> list[str]:
    """The data files that one replaces, relative to the table's folder; empty where it is none."""
    metadata = pq.read_metadata(path).metadata or {}
    return list(json.loads(metadata.get(REPLACES.encode(), b"[]")))


def pending(folder: Path, live: Iterable[str], read: Collection[str]) -> Pending:
    """Compare what was read of a table with its live data files.

    Args:
        folder: the table's folder.
        live: its live data files, relative to the folder.
        read: those that were live when they were read, likewise.
    """
    search = _Search(folder, frozenset(read))
    for path in sorted(live):
        search.visit(path)
    is_whole = not search.is_lacking and search.seen == search.read
    return Pending(sorted(search.new), is_whole)


class _Search:
    def __init__(self, folder: Path, read: frozenset[str]) -> None:
        self.read = read
        self.seen: set[str] = set()
        self.new: set[str] = set()
        self.is_lacking = False
        self._folder = folder
        self._parents: dict[str, list[str]] = {}

    def visit(self, path: str) -> None:
        """Note what is to be read for a data file: itself, or those parts that were not read."""
        if path in self.read:
            self.seen.add(path)
        elif not self.read or not self._holds_some(path):
            self.new.add(path)
            self.is_lacking = self.is_lacking or not (self._folder / path).exists()
        else:
            for part in self._replaced(path):
                self.visit(part)

    def _holds_some(self, path: str) -> bool:
        """Whether a data file holds rows that were read in one that it replaces."""
        return any(part in self.read or self._holds_some(part) for part in self._replaced(path))

    def _replaced(self, path: str) -> list[str]:
        if path not in self._parents:
            whole = self._folder / path
            self._parents[path] = replaced_by(whole) if whole.exists() else []
        return self._parents[path]
