"""Reads the archive's small tables from a copy that follows their logs.

Every import commits, so that the ledger is many small data files. Opening each costs more than all
else that a night with nothing new does. The copy, in `<archive>/_cache`, says which data files it
holds; these never change, so that what the log has more is added, and a copy that holds a file that
the log does not have is made anew. The logs stay the truth: the copy can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.store import Archive
from archiver.archive.tables import Table

FOLDER = "_cache"
_FILES = b"archiver.files"
# Fewer data files are read as fast as a copy of them.
_FEW = 8


def read_small(archive: Archive, table: Table) -> pa.Table:
    """All rows of a table without partitions, in no certain order.

    Args:
        archive: where it is.
        table: the ledger, or another that fits in memory.
    """
    files = {path.name: path for path in archive.live_files(table)}
    path = archive.root / FOLDER / f"{table.name}.arrow"
    held, rows = _copy(path, table) if len(files) > _FEW else (set(), None)
    if rows is None or not held <= files.keys():
        held, rows = set(), table.schema.empty_table()
    new = sorted(files.keys() - held)
    if not new:
        return rows
    parts = [pq.ParquetFile(files[name]).read(columns=table.schema.names) for name in new]
    rows = pa.concat_tables([rows, *(part.cast(table.schema) for part in parts)])
    if len(new) > _FEW:
        _write(path, rows.combine_chunks(), sorted(files))
    return rows


def _copy(path: Path, table: Table) -> tuple[set[str], pa.Table | None]:
    """The copy's data files and rows; None where there is none, or none of this table."""
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            rows = reader.read_all()
        held = set(json.loads((rows.schema.metadata or {})[_FILES]))
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return set(), None
    rows = rows.replace_schema_metadata(None)
    return held, rows if rows.schema.equals(table.schema) else None


def _write(path: Path, rows: pa.Table, files: list[str]) -> None:
    """Put a copy in its place in one step; one that cannot be written is only not there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    schema = rows.schema.with_metadata({_FILES: json.dumps(files).encode()})
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        try:
            with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                writer.write_table(rows)
            # So that a power cut leaves the old copy or the new, not a torn one.
            with open(draft, "rb") as file:
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
