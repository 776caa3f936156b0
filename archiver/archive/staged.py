"""What an import has read of its files, until it is committed; and what became of each file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from archiver.archive.ledger import Owner
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import LAYOUTS, QUARANTINE, Table
from archiver.errors import CorruptInputError
from archiver.inbound.base import BadRecord, UnreadableInputError


@dataclass
class FileResult:
    """What became of one file in this run; counts are 0 unless it was imported now.

    Attributes:
        path: as the user or the configuration names it; of a file in a zip with its name there.
        file_id: SHA-256 of the decompressed bytes, or None where it was not read whole.
        status: `imported`, `already_imported` or `failed`.
        records, archived, quarantined: records, with `records = archived + quarantined`.
        bytes: decompressed bytes.
        rows: rows added (receipts: one record can hold several, or none of this destination's).
        format: the format it was read in; empty where it was not.
        error: why it failed.
        is_cut: its end seems to be missing, though all that is there is good.
    """

    path: str
    file_id: str | None = None
    status: Literal["imported", "already_imported", "failed"] = "failed"
    records: int = 0
    archived: int = 0
    quarantined: int = 0
    bytes: int = 0
    rows: int = 0
    format: str = ""
    error: str | None = None
    is_cut: bool = False

    @property
    def bad_ratio(self) -> float:
        """Share of quarantined records."""
        return self.quarantined / self.records if self.records else 0.0


@dataclass(slots=True)
class Chunk:
    """What a reader yields.

    Attributes:
        rows: for the table.
        archived: records that they stand for.
        bad: the records between them.
        is_cut: the file's end seems to be missing.
        layout: rows of the table `layouts`: text, and before how many of the next records.
        rowless: archived records without a row of their own: another destination's, or counted
            in the row of another record.
        format: the format, where the file's beginning does not show it.
    """

    rows: Iterable[pa.Table]
    archived: int
    bad: list[BadRecord] = field(default_factory=list)
    is_cut: bool = False
    layout: list[tuple[bytes, int]] = field(default_factory=list)
    rowless: int = 0
    format: str = ""


class Staged:
    """Rows of an owner's files that wait for a commit.

    Args:
        archive: where to.
        owner: whose files.
        table: the table that rows go to.
        imported_at: instant of the import, UTC.
    """

    def __init__(self, archive: Archive, owner: Owner, table: Table, imported_at: datetime) -> None:
        self._owner = owner
        self._imported_at = imported_at
        self.rows = StagedTable(table, archive.staging)
        self.bad = StagedTable(QUARANTINE, archive.staging)
        self.layout = StagedTable(LAYOUTS, archive.staging)
        self.tables = (self.rows, self.bad, self.layout)

    def adopt(self, other: Staged) -> None:
        """Take over what another has collected."""
        for mine, others in zip(self.tables, other.tables, strict=True):
            mine.adopt(others)

    def discard(self) -> None:
        """Drop everything collected."""
        for table in self.tables:
            table.discard()

    def add(
        self, result: FileResult, parts: Iterator[Chunk], recorded: str, *, dry_run: bool
    ) -> None:
        """Take what a file holds, and see that nothing of it is missing.

        Args:
            result: gets the counts; its `file_id` is known.
            parts: the whole file.
            recorded: its path in the ledger.
            dry_run: count only.

        Raises:
            CorruptInputError: the file cannot be read to its end, or something is missing.
        """
        before = (self.rows.rows, self.bad.rows)
        layout_rows = rowless = 0
        assert result.file_id
        try:
            for part in parts:
                result.archived += part.archived
                result.quarantined += len(part.bad)
                result.is_cut |= part.is_cut
                result.format = part.format or result.format
                rowless += part.rowless
                if dry_run:
                    continue
                for rows in part.rows:
                    self.rows.add(rows)
                self.bad.add(self._bad_rows(part.bad, result.file_id, recorded))
                self.layout.add(self._layout_rows(part.layout, result.file_id, layout_rows))
                layout_rows += len(part.layout)
        except UnreadableInputError as error:
            raise CorruptInputError(f"reading {result.path}", error.why, error.hint) from None
        result.rows = self.rows.rows - before[0]
        if not dry_run:
            _check_conservation(result, self._owner, self.bad.rows - before[1], rowless)

    def _bad_rows(self, bad: list[BadRecord], file_id: str, recorded: str) -> pa.Table:
        return pa.Table.from_pylist(
            [
                {
                    "source": self._owner.name,
                    "imported_date": self._imported_at.date(),
                    "kind": self._owner.kind,
                    "file_id": file_id,
                    "path": recorded,
                    "record_number": record.record_number,
                    "reason": record.reason,
                    "detail": record.detail,
                    "data": record.data,
                    "imported_at": self._imported_at,
                }
                for record in bad
            ],
            schema=QUARANTINE.schema,
        )

    def _layout_rows(
        self, layout: list[tuple[bytes, int]], file_id: str, first_part: int
    ) -> pa.Table:
        return pa.table(
            {
                "source": pa.repeat(pa.scalar(self._owner.name), len(layout)),
                "file_id": pa.repeat(pa.scalar(file_id), len(layout)),
                "part": pa.array(range(first_part, first_part + len(layout)), pa.int64()),
                "records": pa.array([records for _, records in layout], pa.int64()),
                "text": pa.array([text for text, _ in layout], pa.binary()),
            },
            schema=LAYOUTS.schema,
        )


def _check_conservation(result: FileResult, owner: Owner, bad_rows: int, rowless: int) -> None:
    """Refuse a file of which fewer rows are to be written than records were read."""
    expected = result.archived - rowless
    is_whole = result.rows == expected if owner.kind == "events" else result.rows >= expected
    if not is_whole or bad_rows != result.quarantined:
        raise CorruptInputError(
            f"importing {result.path}",
            f"of {result.archived} records to archive and {result.quarantined} for quarantine"
            f" {result.rows} and {bad_rows} rows came out",
            "nothing of it was imported; this is a defect of archiver, please report it",
        )
