"""Rows in motion: buffered by partition, written to staged Parquet files, in bounded memory.

A data file's name ends in the SHA-256 of its bytes, so that `archiver verify` can tell it whole
from damaged; a few random digits before it keep two equal files apart.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.store import StagedFile
from archiver.archive.tables import Table

_BUFFER_BYTES = 48 << 20
_FILE_BYTES = 512 << 20
_OPEN_FILES = 128
# An open file remembers all of its row groups; rows of many days in no order make small ones.
_ROW_GROUPS = 64
# Only what repeats gains from a dictionary; on the rest it costs time.
_REPEATING = {
    "destination",
    "source",
    "kind",
    "file_id",
    "type",
    "event",
    "event_name",
    "outcome",
    "code",
    "message",
    "currency",
    "reason",
    "path",
    "imported_at",
}
_UNBOUNDED = {"payload", "envelope", "data"}


class StagedTable:
    """Collects rows of one table and writes them as Parquet, one set of files per partition.

    Args:
        table: the table that the rows are for.
        staging: the folder for staged files.
    """

    def __init__(self, table: Table, staging: Path) -> None:
        self.table = table
        self._staging = staging
        self._buffer: list[pa.Table] = []
        self._buffered_bytes = 0
        self._open: dict[tuple[str, ...], OpenFile] = {}
        self._finished: list[StagedFile] = []
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Take rows with all of the table's columns, partition columns included."""
        if rows.num_rows == 0:
            return
        self.rows += rows.num_rows
        self._buffer.append(rows)
        self._buffered_bytes += rows.nbytes
        if self._buffered_bytes >= _BUFFER_BYTES:
            self._flush()

    def adopt(self, other: StagedTable) -> None:
        """Take over what another staged table of the same kind has collected."""
        self.rows += other.rows
        if other._open:
            # The rest goes into the same files, not into as many small ones.
            other._flush()
        self._finished += other._finish_files()
        self._buffer += other._buffer
        self._buffered_bytes += other._buffered_bytes
        other._buffer, other._buffered_bytes = [], 0
        if self._buffered_bytes >= _BUFFER_BYTES:
            self._flush()

    def finish(self) -> list[StagedFile]:
        """Write what is buffered, close all files, and return them."""
        self._flush()
        return self._finish_files()

    def discard(self) -> None:
        """Drop everything collected and remove its files."""
        for open_file in self._open.values():
            open_file.drop()
        for file in self._finished:
            file.staged.unlink(missing_ok=True)
        self._open, self._finished = {}, []
        self._buffer, self._buffered_bytes, self.rows = [], 0, 0

    def _finish_files(self) -> list[StagedFile]:
        for key in list(self._open):
            self._finish_file(key)
        finished, self._finished = self._finished, []
        return finished

    def _finish_file(self, key: tuple[str, ...]) -> None:
        # In this order: a file that cannot be closed is still there for `discard`.
        self._finished.append(self._open[key].close())
        del self._open[key]

    def _flush(self) -> None:
        # Each piece alone: most lie in one partition and need no copy.
        pieces: dict[tuple[str, ...], list[pa.Table]] = {}
        for rows in self._buffer:
            for key, part in _by_partition(rows, self.table.partitions):
                pieces.setdefault(key, []).append(part)
        self._buffer, self._buffered_bytes = [], 0
        for key, parts in sorted(pieces.items()):
            if key not in self._open:
                if len(self._open) >= _OPEN_FILES:
                    self._finish_file(next(iter(self._open)))
                self._open[key] = OpenFile(self.table, key, self._staging)
            open_file = self._open[key]
            open_file.write(pa.concat_tables(parts))
            if open_file.is_full:
                self._finish_file(key)


class OpenFile:
    """One Parquet file of one partition that is being written.

    Args:
        table: the table that the rows are for.
        key: values of the partition columns, as text.
        staging: the folder for staged files.
        metadata: what the file says of itself.
    """

    def __init__(
        self,
        table: Table,
        key: tuple[str, ...],
        staging: Path,
        metadata: dict[str, str] | None = None,
    ) -> None:
        staging.mkdir(parents=True, exist_ok=True)
        self._table = table
        self._partition = dict(zip(table.partitions, key, strict=True))
        self._staged = staging / f"{uuid.uuid4().hex}.parquet"
        self.rows = 0
        self._row_groups = 0
        self._written_bytes = 0
        schema = table.file_schema.with_metadata(metadata)
        self._writer = pq.ParquetWriter(
            self._staged,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[n for n in schema.names if n in _REPEATING],
            write_statistics=[n for n in schema.names if n not in _UNBOUNDED],
            write_page_checksum=True,
        )

    def write(self, rows: pa.Table) -> None:
        """Write some rows, with all of the file's columns, as one row group."""
        self._writer.write_table(rows.select(self._table.file_schema.names))
        self.rows += rows.num_rows
        self._row_groups += 1
        self._written_bytes += rows.nbytes

    @property
    def is_full(self) -> bool:
        """Whether the next rows should go into another file."""
        return self._written_bytes >= _FILE_BYTES or self._row_groups >= _ROW_GROUPS

    @property
    def size_bytes(self) -> int:
        """What of it is on the disk."""
        return self._staged.stat().st_size

    def drop(self) -> None:
        """Remove the file as it is: closing it would write more, for which there may be no room."""
        self._writer.is_open = False
        self._staged.unlink(missing_ok=True)

    def close(self) -> StagedFile:
        """Finish it; its name has the SHA-256 of its bytes."""
        self._writer.close()
        with open(self._staged, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        folders = [f"{name}={value}" for name, value in self._partition.items()]
        path = "/".join([*folders, f"part-{self._staged.name[:8]}-{digest}.zstd.parquet"])
        return StagedFile(self._table.name, self._staged, path, self._partition, self.rows)


def _by_partition(
    rows: pa.Table, partitions: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """Split rows by their partition columns; order inside a partition is kept."""
    if not partitions:
        yield (), rows
        return
    keys = rows.select(list(partitions)).group_by(list(partitions)).aggregate([]).to_pylist()
    keys.sort(key=lambda key: tuple(str(key[name]) for name in partitions))
    if len(keys) == 1:
        yield tuple(str(keys[0][name]) for name in partitions), rows
        return
    for key in keys:
        mask = None
        for name in partitions:
            equal = pc.equal(rows[name], pa.scalar(key[name], rows.schema.field(name).type))
            mask = equal if mask is None else pc.and_(mask, equal)
        yield tuple(str(key[name]) for name in partitions), rows.filter(mask)
