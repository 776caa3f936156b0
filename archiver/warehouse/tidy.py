"""The warehouse's own housekeeping: small segments become few; and what others must leave alone."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.rowsets import summed
from archiver.config import Config
from archiver.errors import CheckFailedError
from archiver.warehouse.database import bind_files, connect
from archiver.warehouse.diary import DIARY, write_diary
from archiver.warehouse.load import SEGMENT_BYTES, SEGMENT_ROWS, write_conversions
from archiver.warehouse.publish import DATABASE
from archiver.warehouse.segments import COLUMNS, write_segment
from archiver.warehouse.selection import CONVERSION_OCCURRENCES
from archiver.warehouse.snapshot import LAYOUT, Snapshot, read_snapshot, write_snapshot

MANY_SEGMENTS = 16
"""Small segments of one kind at which they are merged."""

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
# A body as text in which every number keeps its kind; one with two keys that are equal but for the
# case has none of DuckDB's own.
_BODY = "variant_to_parquet_variant(variant_normalize(body))::VARCHAR"


@dataclass(frozen=True)
class Tidied:
    """How many segments were merged, and into how many."""

    before: int = 0
    after: int = 0


def named_by_published(config: Config) -> set[Path] | None:
    """The archive's data files that the published database names; None where it cannot tell."""
    database = config.warehouse_path / DATABASE
    if not database.exists():
        return set()
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            views = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal")
            texts = [text for (text,) in views.fetchall()]
    except duckdb.Error:
        return None
    root = f"{config.archive_root}/"
    literals = (found[1].replace("''", "'") for text in texts for found in _LITERAL.finditer(text))
    return {Path(literal) for literal in literals if literal.startswith(root)}


def tidy_segments(config: Config, *, dry_run: bool = False) -> Tidied:
    """Merge small segments, those of each kind by themselves. Hold the warehouse's lock.

    Views over the segments have the same rows before and after. The old files stay for readers
    of the old snapshot, as after a load.

    Raises:
        CheckFailedError: a merged segment has other rows; nothing was changed.
    """
    folder = config.warehouse_path
    before = read_snapshot(folder)
    if before.layout != LAYOUT:
        return Tidied()
    after = msgspec.structs.replace(before, number=before.number + 1)
    tidied = Tidied()
    for kind, merge in _MERGES.items():
        names: list[str] = getattr(before, kind)
        groups = list(_groups(folder, names))
        if dry_run or not groups:
            tidied = _counted(tidied, groups)
            continue
        merged = {}
        for group in groups:
            sub = group[0].split("/", 1)[0]
            name = f"{sub}/{after.number:06d}-{uuid.uuid4().hex[:8]}.parquet"
            merge([folder / name for name in group], folder / name, folder / ".spill")
            merged[group[0]] = name
        gone = {name for group in groups for name in group}
        kept = [merged.get(name, name) for name in names if name in merged or name not in gone]
        after = msgspec.structs.replace(after, **{kind: kept})
        tidied = _counted(tidied, groups)
    if not dry_run and tidied.before:
        _replace(folder, before, after)
    return tidied


def _counted(tidied: Tidied, groups: list[list[str]]) -> Tidied:
    return Tidied(tidied.before + sum(map(len, groups)), tidied.after + len(groups))


def _replace(folder: Path, before: Snapshot, after: Snapshot) -> None:
    for name in set(before.files()) - set(after.files()):
        # Readers of the old snapshot use it: the time for which it is kept begins now.
        os.utime(folder / name, follow_symlinks=False)
    write_snapshot(folder, after)


def _groups(folder: Path, names: list[str]) -> Iterator[list[str]]:
    """Small segments that together make one of the usual size."""
    small = []
    for name in names:
        rows = pq.read_metadata(folder / name).num_rows
        size_bytes = (folder / name).stat().st_size
        if rows < SEGMENT_ROWS // 2 and size_bytes < SEGMENT_BYTES // 8:
            small.append((name, rows, size_bytes))
    if len(small) < MANY_SEGMENTS:
        return
    group: list[str] = []
    all_rows = all_bytes = 0
    for name, rows, size_bytes in small:
        is_full = all_rows + rows > SEGMENT_ROWS or all_bytes + size_bytes > SEGMENT_BYTES // 4
        if group and is_full:
            if len(group) > 1:
                yield group
            group, all_rows, all_bytes = [], 0, 0
        group.append(name)
        all_rows, all_bytes = all_rows + rows, all_bytes + size_bytes
    if len(group) > 1:
        yield group


def _merge_events(files: list[Path], path: Path, spill: Path) -> None:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    with connect(spill=spill) as connection:
        bind_files(connection, "small", files, "*")
        rows = connection.sql(f"SELECT {columns}, body::JSON::VARCHAR AS payload FROM small")
        write_segment(rows.to_arrow_table(), path, merging=True)
        bind_files(connection, "merged", [path], "*")
        _check_same(connection, [*(f'"{name}"::VARCHAR' for name in COLUMNS), _BODY], path)


def _merge_conversions(files: list[Path], path: Path, spill: Path) -> None:
    write_conversions([pq.read_table(file) for file in files], path)
    with connect(spill=spill) as connection:
        bind_files(connection, "small", files, CONVERSION_OCCURRENCES)
        bind_files(connection, "merged", [path], CONVERSION_OCCURRENCES)
        columns = [f'"{name}"::VARCHAR' for name in CONVERSION_OCCURRENCES.names]
        _check_same(connection, columns, path)


def _merge_diary(files: list[Path], path: Path, spill: Path) -> None:
    keys = [name for name in DIARY.names if name not in ("occurrences", "counted_once")]
    table = pa.concat_tables(pq.read_table(file) for file in files)
    summed = table.group_by(keys).aggregate([("occurrences", "sum"), ("counted_once", "sum")])
    summed = summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])
    order = [(name, "ascending") for name in ("source", "event", "path", "json_type", "day")]
    write_diary(summed.select(DIARY.names).cast(DIARY).sort_by(order), path)


def _check_same(connection: duckdb.DuckDBPyConnection, texts: list[str], path: Path) -> None:
    if summed(connection, "small", texts) != summed(connection, "merged", texts):
        path.unlink(missing_ok=True)
        raise CheckFailedError(
            f"merging small segments into {path.name}",
            "the rows are not those that were there",
            "nothing was changed; this is a defect of archiver, please report it",
        )


_MERGES: dict[str, Callable[[list[Path], Path, Path], None]] = {
    "event_segments": _merge_events,
    "conversion_segments": _merge_conversions,
    "diary_segments": _merge_diary,
}
