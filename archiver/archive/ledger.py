"""The import ledger: which files of an owner are known, and what is to be entered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from archiver.archive.opening import Opened
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


class Ledger:
    """The ledger of one owner, with what this run adds.

    Args:
        archive: what is known.
        owner: whose files.
        imported_at: instant of the import, UTC.
    """

    def __init__(self, archive: Archive, owner: Owner, imported_at: datetime) -> None:
        self._owner = owner
        self._imported_at = imported_at
        self._known_ids: set[str] = set()
        self._known_paths: dict[tuple[str, int, int | None], dict[str | None, str]] = {}
        self._files: list[dict[str, Any]] = []
        self._paths: list[dict[str, Any]] = []
        which = "source" if owner.kind == "events" else "destination"
        mine = (owner.kind, owner.name)
        for row in archive.read(INBOUND_FILES, ["kind", which, "file_id"]).to_pylist():
            if (row["kind"], row[which]) == mine:
                self._known_ids.add(row["file_id"])
        columns = ["kind", which, "path", "size_bytes", "modified_ns", "file_id"]
        for row in archive.read(INBOUND_PATHS, columns).to_pylist():
            if (row["kind"], row[which]) == mine and row["modified_ns"] is not None:
                self._know(
                    Entry(row["path"], row["size_bytes"], row["modified_ns"], row["file_id"])
                )

    @property
    def entries(self) -> int:
        """How many imported files wait to be entered."""
        return len(self._files)

    def knows(self, file_id: str) -> bool:
        """Whether this content was imported before."""
        return file_id in self._known_ids

    def known_paths(self, path: str, source: Opened) -> list[tuple[str | None, str]]:
        """The files in a file that need not be read again: the name in a zip, and the file id.

        Empty where the path is not known with this size and time.
        """
        known = self._known_paths.get((path, source.size_bytes, source.modified_ns), {})
        return [] if source.modified_ns is None else list(known.items())

    def add(self, entries: Iterable[Entry]) -> None:
        """Note files that were read."""
        for entry in entries:
            if entry.imported is not None:
                self._known_ids.add(entry.file_id)
                self._files.append(
                    {
                        **self._owner.columns,
                        "file_id": entry.file_id,
                        "path": entry.path,
                        **entry.imported,
                        "imported_at": self._imported_at,
                    }
                )
            if self._know(entry):
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

    def _know(self, entry: Entry) -> bool:
        """Remember a path; whether it is new."""
        path, _, name = entry.path.partition(IN_ZIP)
        key = (path, entry.size_bytes, entry.modified_ns)
        names = self._known_paths.setdefault(key, {})
        if (name or None) in names:
            return False
        names[name or None] = entry.file_id
        return True
