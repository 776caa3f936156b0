"""Rows of a table changed or taken out, by new data files in the place of those that hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive, DataFile
from archiver.archive.tables import Table

_BATCH_ROWS = 10_000


def rewrite(
    archive: Archive, table: Table, file_ids: set[str], edit: Callable[[pa.Table], pa.Table]
) -> tuple[StagedTable, list[str]]:
    """Stage new data files for those that hold rows of these inbound files.

    Args:
        archive: its lock is held.
        table: one with a column `file_id`.
        file_ids: the inbound files whose rows change.
        edit: some rows, with all columns, → the rows to write in their place.

    Returns:
        The new rows, and the paths of the data files that they replace, for `Archive.commit`.
    """
    staged = StagedTable(table, archive.staging)
    replaced: list[str] = []
    wanted = pa.array(sorted(file_ids), pa.string())
    for data_file in archive.data_files(table):
        with pq.ParquetFile(archive.root / table.name / data_file.path) as file:
            held = file.read(columns=["file_id"])["file_id"]
            if not pc.any(pc.is_in(held, wanted)).as_py():
                continue
            for batch in file.iter_batches(_BATCH_ROWS):
                staged.add(edit(_with_partition(batch, table, data_file)))
        replaced.append(data_file.path)
    return staged, replaced


def _with_partition(batch: pa.RecordBatch, table: Table, data_file: DataFile) -> pa.Table:
    """The rows with the columns that stand in the data file's path only."""
    rows = pa.Table.from_batches([batch])
    for name in table.partitions:
        kind = table.schema.field(name).type
        text = data_file.partition[name]
        value = date.fromisoformat(text) if text and pa.types.is_date(kind) else text
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, kind), rows.num_rows))
    return rows.select(table.schema.names).cast(table.schema)
