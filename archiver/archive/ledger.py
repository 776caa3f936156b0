"""The import ledger: which files of an owner are known, and what is to be entered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES, INBOUND_PATHS, Table

Kind = Literal["events", "receipts", "totals"]
# Between the path of a zip and the name of a file in it.
IN_ZIP = "!/"


@dataclass(frozen=True)
class Owner:
    """Whose files these are: a source's events, or a destination's receipts or totals."""

    kind: Kind
    name: str

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns that say so in the ledger."""
        is_source = self.kind == "events"
        return {
            "kind": self.kind,
            "source": self.name if is_source else None,
            "destination": None if is_source else self.name,
        }


@dataclass
class Entry:
    """One file that was read.

    Attributes:
        path: as the ledger names it.
        size_bytes, modified_ns: of the file, or of the zip that it is in.
        file_id: SHA-256 of the decompressed bytes.
        imported: the other columns of `inbound_files`, where it was imported now.
    """

    path: str
    size_bytes: int
    modified_ns: int | None
    file_id: str
    imported: dict[str, Any] | None = None

    @property
    def is_new(self) -> bool:
        """Whether it was imported now."""
        return self.imported is not None


@dataclass
class Known:
    """The files of one owner that are known.

    Attributes:
        ids: of what was imported.
        paths: under which path, size and time of modification which contents were seen: the name
            in a zip, or None, and the file id.
    """

    ids: set[str] = field(default_factory=set)
    paths: dict[tuple[str, int, int | None], dict[str | None, str]] = field(default_factory=dict)

    def add_path(self, path: str, size_bytes: int, modified_ns: int | None, file_id: str) -> bool:
        """Remember a path, as the ledger names it; whether it is new."""
        path, _, name = path.partition(IN_ZIP)
        names = self.paths.setdefault((path, size_bytes, modified_ns), {})
        if (name or None) in names:
            return False
        names[name or None] = file_id
        return True


KnownFiles = dict[Owner, Known]
"""What is known of each owner; one who is missing has nothing yet."""


def known_files(archive: Archive) -> KnownFiles:
    """The whole ledger, read once. It holds as long as only those who are given it import."""
    found: KnownFiles = {}
    owners: dict[tuple[Any, Any, Any], Known] = {}

    def of(kind: Any, source: Any, destination: Any) -> Known:
        known = owners.get((kind, source, destination))
        if known is None:
            owner = Owner(kind, source if kind == "events" else destination)
            known = owners[kind, source, destination] = found.setdefault(owner, Known())
        return known

    who = ["kind", "source", "destination"]
    for kind, source, destination, file_id in _rows(archive, INBOUND_FILES, [*who, "file_id"]):
        of(kind, source, destination).ids.add(file_id)
    columns = [*who, "path", "size_bytes", "modified_ns", "file_id"]
    for kind, source, destination, path, size, modified_ns, file_id in _rows(
        archive, INBOUND_PATHS, columns
    ):
        if modified_ns is not None:
            of(kind, source, destination).add_path(path, size, modified_ns, file_id)
    return found


def _rows(archive: Archive, table: Table, columns: list[str]) -> Iterable[tuple[Any, ...]]:
    read = read_small(archive, table).select(columns)
    return zip(*(read[name].to_pylist() for name in columns), strict=True)


class Ledger:
    """The ledger of one owner, with what this run adds.

    Args:
        archive: what is known.
        owner: whose files.
        imported_at: instant of the import, UTC.
        known: the ledger, where it is read already: it learns what is added; None: it is read.
    """

    def __init__(
        self,
        archive: Archive,
        owner: Owner,
        imported_at: datetime,
        known: KnownFiles | None = None,
    ) -> None:
        self._owner = owner
        self._imported_at = imported_at
        self._known = (known_files(archive) if known is None else known).setdefault(owner, Known())
        self._files: list[dict[str, Any]] = []
        self._paths: list[dict[str, Any]] = []

    @property
    def entries(self) -> int:
        """How many imported files wait to be entered."""
        return len(self._files)

    def knows(self, file_id: str) -> bool:
        """Whether this content was imported before."""
        return file_id in self._known.ids

    def known_paths(
        self, path: str, size_bytes: int, modified_ns: int | None
    ) -> list[tuple[str | None, str]]:
        """The files in a file that need not be read again: the name in a zip, and the file id.

        Empty where the path is not known with this size and time.
        """
        if modified_ns is None:
            return []
        return list(self._known.paths.get((path, size_bytes, modified_ns), {}).items())

    def add(self, entries: Iterable[Entry]) -> None:
        """Note files that were read."""
        for entry in entries:
            if entry.imported is not None:
                self._known.ids.add(entry.file_id)
                self._files.append(
                    {
                        **self._owner.columns,
                        "file_id": entry.file_id,
                        "path": entry.path,
                        **entry.imported,
                        "imported_at": self._imported_at,
                    }
                )
            if self._known.add_path(entry.path, entry.size_bytes, entry.modified_ns, entry.file_id):
                self._paths.append(
                    {
                        **self._owner.columns,
                        "path": entry.path,
                        "size_bytes": entry.size_bytes,
                        "modified_ns": entry.modified_ns,
                        "file_id": entry.file_id,
                        "seen_at": self._imported_at,
                    }
                )

    def take(self) -> list[tuple[Table, pa.Table]]:
        """The rows to enter; each is given once."""
        rows = [
            (table, pa.Table.from_pylist(new, schema=table.schema))
            for table, new in ((INBOUND_FILES, self._files), (INBOUND_PATHS, self._paths))
        ]
        is_any = bool(self._files or self._paths)
        self._files, self._paths = [], []
        return rows if is_any else []
