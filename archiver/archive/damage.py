"""What is wrong with the tables' files: with their logs, their data files, and what lies beside.

Nothing here reads rows; `verify` compares those with the ledger.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from archiver.archive.store import Archive, DataFile
from archiver.archive.tables import TABLES, Table

# Whatever a library raises over damaged bytes. MemoryError: a damaged length.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError)
_HASHED = re.compile(r"part-[0-9a-f]{8}-([0-9a-f]{64})\.zstd\.parquet")
_VERSION = re.compile(r"(\d{20})\.json")
_IN_LOG = re.compile(
    r"\d{20}\.json|\d{20}\.checkpoint(\.\d{10}\.\d{10})?\.parquet|_last_checkpoint"
)
# `lost+found`: the archive may be a disk of its own.
_IN_ROOT = {
    *TABLES,
    *("_staging", "_last", "_runs", "_alerts", "_cache", "_journal.json", ".lock", "lost+found"),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an archive.

    Attributes:
        check: which check found it: log, missing, size, content, rows, partition, unexpected,
            ledger, rebuild.
        table: name of the table, where it is about one.
        path: the file, relative to the archive's root; of the checks `ledger` and `rebuild`, the
            inbound file as the ledger names it.
        file_id: the inbound file, where it is about one.
        detail: what was found and what should be.
    """

    check: str
    table: str | None
    path: str | None
    file_id: str | None
    detail: str


@dataclass
class TableState:
    """A table according to its log.

    Attributes:
        table: which.
        files: its live data files.
        kept: paths of all files that the log still knows, also of older versions.
        problems: what is wrong with the log.
    """

    table: Table
    files: list[DataFile] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def table_state(archive: Archive, table: Table) -> TableState:
    """Read a table's log twice: as any Delta reader, and entry by entry.

    Where the one fails, the table is what the other says, so that further checks can go on.
    """
    state = TableState(table)
    log = archive.root / table.name / "_delta_log"
    entries = sorted(path for path in _listed(log) if _VERSION.fullmatch(path.name))
    if not entries and not any(".checkpoint." in path.name for path in _listed(log)):
        return state

    def wrong(name: str, detail: str) -> None:
        path = f"{table.name}/_delta_log/{name}".rstrip("/")
        state.problems.append(Problem("log", table.name, path, None, detail))

    replayed: dict[str, DataFile] = {}
    for entry in entries:
        try:
            _replay(entry, replayed, state.kept)
        except (AttributeError, *_UNREADABLE) as error:
            wrong(entry.name, f"this entry cannot be read: {_shortened(error)}")
    state.files = sorted(replayed.values(), key=lambda file: file.path)
    try:
        delta = DeltaTable(str(log.parent))
        live = archive.data_files(table)
        tombstones = delta.vacuum(0, dry_run=True, enforce_retention_duration=False)
    except Exception as error:  # whatever delta-rs raises over a damaged log
        wrong("", f"the log cannot be read: {_shortened(error)}")
        return state
    versions = [int(path.stem) for path in entries]
    first = versions[0] if versions else delta.version()
    for missing in sorted(set(range(first, delta.version() + 1)) - set(versions)):
        wrong(f"{missing:020d}.json", "this entry is missing")
    # Only a log that nobody has cleaned up can be replayed from its beginning.
    if first == 0 and not state.problems and live != state.files:
        wrong("", "its checkpoint and its entries do not name the same live files")
    state.files = live
    state.kept |= {unquote(path) for path in tombstones}
    _check_columns(delta, table, wrong)
    return state


def _replay(entry: Path, live: dict[str, DataFile], kept: set[str]) -> None:
    lines = entry.read_text(encoding="utf-8").split("\n")
    actions = [json.loads(line) for line in lines if line]
    if not actions:
        raise ValueError("it is empty")
    for action in actions:
        for kind, about in action.items():
            if kind not in ("add", "remove"):
                continue
            path = unquote(about["path"])
            kept.add(path)
            live.pop(path, None)
            if kind == "add":
                live[path] = _added(path, about)


def _added(path: str, about: dict[str, Any]) -> DataFile:
    rows = json.loads(about["stats"] or "{}").get("numRecords")
    return DataFile(path, about["size"], rows, about["partitionValues"])


def _check_columns(delta: DeltaTable, table: Table, wrong: Any) -> None:
    if delta.metadata().partition_columns != list(table.partitions):
        wrong("", f"it is partitioned by {delta.metadata().partition_columns}")
    columns = pa.schema(delta.schema().to_arrow())
    for column in columns:
        known = table.schema.field(column.name) if column.name in table.schema.names else None
        if known is None or known.type != column.type:
            wrong("", f"its column {column.name} is {column.type}, not {known and known.type}")


def place_problem(archive: Archive, table: Table, file: DataFile) -> Problem | None:
    """Whether a live data file is missing, of another size, or in another partition's folder."""
    path = archive.root / table.name / file.path

    def problem(check: str, detail: str) -> Problem:
        return Problem(check, table.name, f"{table.name}/{file.path}", None, detail)

    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        return problem("missing", f"the log names this file: {error.strerror}")
    if size_bytes != file.size_bytes:
        return problem("size", f"it has {size_bytes} bytes, and the log says {file.size_bytes}")
    in_path = dict(part.split("=", 1) for part in file.path.split("/")[:-1] if "=" in part)
    if in_path != file.partition:
        return problem("partition", f"the log has it in the partition {dict(file.partition)}")
    return None


def content_problem(archive: Archive, table: Table, file: DataFile) -> Problem | None:
    """Whether the bytes of a data file are not those that were written.

    A file of the archive's own has their hash in its name; any other is decoded whole.
    """
    path = archive.root / table.name / file.path
    named = _HASHED.fullmatch(path.name)
    try:
        if named is None:
            _decode(path)
            return None
        with open(path, "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest == named[1]:
            return None
        detail = f"its bytes have changed: SHA-256 is {digest}, and its name says {named[1]}"
    except _UNREADABLE as error:
        detail = f"it cannot be read: {_shortened(error)}"
    return Problem("content", table.name, f"{table.name}/{file.path}", None, detail)


def rows_problem(archive: Archive, table: Table, file: DataFile) -> Problem | None:
    """Whether a data file's footer counts other rows than the log."""
    try:
        rows = pq.read_metadata(archive.root / table.name / file.path).num_rows
    except _UNREADABLE as error:
        check, detail = "content", f"it cannot be read: {_shortened(error)}"
    else:
        if file.rows is None or rows == file.rows:
            return None
        check, detail = "rows", f"it holds {rows} rows, and the log says {file.rows}"
    return Problem(check, table.name, f"{table.name}/{file.path}", None, detail)


def is_readable(path: Path) -> bool:
    """Whether a damaged file can be decoded all the same."""
    try:
        _decode(path)
    except _UNREADABLE:
        return False
    return True


def unexpected_files(archive: Archive, state: TableState) -> Iterator[Problem]:
    """Files below a table's folder that its log does not know."""
    known = state.kept | {file.path for file in state.files}
    folder = archive.root / state.table.name
    for path in _files_below(folder):
        place, _, name = path.rpartition("/")
        is_known = _IN_LOG.fullmatch(name) if place == "_delta_log" else path in known
        if not is_known:
            detail = "no log knows this file"
            yield Problem(
                "unexpected", state.table.name, f"{state.table.name}/{path}", None, detail
            )


def unexpected_in_root(archive: Archive, known: Collection[Path]) -> Iterator[Problem]:
    """What lies beside the tables and is not the archive's.

    Args:
        archive: which.
        known: folders of the user's own that may lie inside its root.
    """
    for path in sorted(_listed(archive.root)):
        is_known = path.name in _IN_ROOT or any(
            path == folder or path in folder.parents for folder in known
        )
        if not is_known or (path.name in TABLES and not path.is_dir()):
            yield Problem("unexpected", None, path.name, None, "the archive does not know it")


def _decode(path: Path) -> None:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for _ in file.iter_batches(batch_size=1024):
            pass


def _files_below(folder: Path) -> Iterator[str]:
    """All that is no folder, hidden or not, relative to the folder, in a stable order."""
    for entry in sorted(_listed(folder)):
        if entry.is_dir() and not entry.is_symlink():
            yield from (f"{entry.name}/{path}" for path in _files_below(entry))
        else:
            yield entry.name


def _listed(folder: Path) -> list[Path]:
    return [folder / name for name in os.listdir(folder)] if folder.is_dir() else []


def _shortened(error: BaseException) -> str:
    """The first line of what a library says, which may be pages of what it was doing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
