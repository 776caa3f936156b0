"""The archive's tables as they are now, and the only way to change them.

A commit spans several tables and is atomic: data files are staged, a journal that names them is
made durable, and only then are they moved into place and entered into the tables' logs, in one
step per table with the files that they replace. A run that dies before the journal leaves nothing
but staged files, which the next run removes; one that dies after it is finished by the next run.
Readers take live files from the logs only.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.transaction import AddAction, RemoveAction

from archiver.archive.tables import TABLES, Table
from archiver.archive.torn import (
    drop_drafts,
    drop_torn_log,
    drop_torn_table,
    refuse_all_but_a_log,
)
from archiver.errors import ArchiverError, blaming_the_path
from archiver.files import fsync_file, fsync_folder, replace_durably

_APPLICATION = "archiver"
_CHECKPOINT_EVERY = 50


@dataclass(frozen=True)
class StagedFile:
    """One finished Parquet file that no log names yet.

    Attributes:
        table: name of the table.
        staged: where it lies now.
        path: where it will lie, relative to the table's folder.
        partition: values of the partition columns, as text.
        rows: number of rows.
    """

    table: str
    staged: Path
    path: str
    partition: Mapping[str, str]
    rows: int


@dataclass(frozen=True)
class DataFile:
    """One data file of a table, as its log has it.

    Attributes:
        path: relative to the table's folder.
        size_bytes: its size.
        rows: number of rows, where the log knows it.
        partition: values of the partition columns, as text.
    """

    path: str
    size_bytes: int
    rows: int | None
    partition: Mapping[str, str | None]


class Archive:
    """The archive on one folder.

    Args:
        root: the folder; made by the first commit.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / "_staging"
        self._journal = root / "_journal.json"
        # As long as a log has no newer entry, its live files are those that it had.
        self._live: dict[str, tuple[tuple[str, int, int], list[Path]]] = {}
        self._data: dict[str, tuple[tuple[str, int, int], list[DataFile]]] = {}
        self._draft = self._journal.with_suffix(".tmp")

    def exists(self, table: Table) -> bool:
        """Whether anything was ever committed to the table."""
        return (self.root / table.name / "_delta_log").is_dir() and DeltaTable.is_deltatable(
            str(self.root / table.name)
        )

    def live_files(self, table: Table) -> list[Path]:
        """The table's data files according to its log, in a stable order."""
        newest = newest_entry(self.root / table.name)
        if newest is None:
            return []
        known = self._live.get(table.name)
        if known is None or known[0] != newest:
            uris = self._open(table).file_uris() if self.exists(table) else []
            files = [Path(uri) for uri in sorted(map(unquote, uris))]
            known = self._live[table.name] = (newest, files)
        return list(known[1])

    def data_files(self, table: Table) -> list[DataFile]:
        """The table's data files with what its log says of them, in a stable order."""
        newest = newest_entry(self.root / table.name)
        if newest is None:
            return []
        known = self._data.get(table.name)
        if known is None or known[0] != newest:
            known = self._data[table.name] = (newest, self._read_data_files(table))
        return list(known[1])

    def _read_data_files(self, table: Table) -> list[DataFile]:
        if not self.exists(table):
            return []
        actions = pa.table(self._open(table).get_add_actions()).to_pylist()
        files = [
            DataFile(
                unquote(action["path"]),
                action["size_bytes"],
                action.get("num_records"),
                {
                    name: None if value is None else str(value)
                    for name, value in (action.get("partition") or {}).items()
                },
            )
            for action in actions
        ]
        return sorted(files, key=lambda file: file.path)

    def read(self, table: Table, columns: list[str] | None = None) -> pa.Table:
        """All rows of a small table (ledger, coverage, backfills)."""
        columns = columns or table.schema.names
        schema = pa.schema([table.schema.field(name) for name in columns])
        parts = [
            pq.ParquetFile(path).read(columns=columns).cast(schema)
            for path in self.live_files(table)
        ]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def recover(self) -> None:
        """Finish a commit that a dead run left behind, or remove its staged files.

        Call it with the lock held, before anything else is written.
        """
        if self._journal.exists():
            self._apply(self._read_journal(), redo=True)
        self._draft.unlink(missing_ok=True)
        for name in TABLES:
            drop_drafts(self.root / name / "_delta_log")
            drop_torn_table(self.root / name)
        if self.staging.exists():
            shutil.rmtree(self.staging)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what does not fit in memory; `recover` removes what a dead run leaves."""
        self.staging.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=self.staging) as folder:
                yield Path(folder)
        finally:
            if not any(self.staging.iterdir()):
                self.staging.rmdir()

    def commit(
        self,
        files: Iterable[StagedFile],
        removed: Mapping[str, Iterable[str]] | None = None,
        *,
        same_rows: bool = False,
    ) -> None:
        """Add the staged files to their tables and take others out, all or none, durably.

        A file that is taken out stays on the disk, for readers of the table's older versions.

        Args:
            files: what comes.
            removed: what leaves: per table the paths of live data files, relative to its folder.
            same_rows: what comes holds the rows of what leaves, so that the log can say that the
                data has not changed: a reader that follows it need not look.

        Raises:
            ArchiverError: a file that is to leave is not live; nothing was changed.
        """
        leaving = {
            name: entries
            for name, paths in (removed or {}).items()
            if (entries := self._live_entries(TABLES[name], paths))
        }
        coming: dict[str, list[dict[str, Any]]] = {}
        for file in files:
            fsync_file(file.staged)
            coming.setdefault(file.table, []).append(
                {
                    "staged": str(file.staged.relative_to(self.root)),
                    "path": file.path,
                    "size": file.staged.stat().st_size,
                    "partition": dict(file.partition),
                    "rows": file.rows,
                }
            )
        if not coming and not leaving:
            return
        if coming:
            fsync_folder(self.staging)
        tables = {name: self._create(TABLES[name]) for name in sorted({*coming, *leaving})}
        sequence = 1 + max(t.transaction_version(_APPLICATION) or 0 for t in tables.values())
        journal = {
            "sequence": sequence,
            "removed_at": time.time_ns() // 1_000_000,
            "data_change": not same_rows,
            "tables": {
                name: {
                    "version": table.version(),
                    "files": coming.get(name, []),
                    "removed": leaving.get(name, []),
                }
                for name, table in tables.items()
            },
        }
        self.root.mkdir(parents=True, exist_ok=True)
        self._write_journal(journal)
        self._apply(journal, redo=False)

    def checkpoint(self, table: Table) -> None:
        """Write a checkpoint of the table's newest version, durably, where it has none."""
        delta = self._open(table)
        name = f"{delta.version():020d}.checkpoint.parquet"
        if (self.root / table.name / "_delta_log" / name).exists():
            return
        # A commit of nothing, entered before: what finishes it removes a torn checkpoint.
        before = {"version": delta.version() - 1, "files": [], "removed": []}
        self._write_journal({"sequence": 0, "removed_at": 0, "tables": {table.name: before}})
        _write_checkpoint(delta, self.root / table.name / "_delta_log")
        self._finish()

    def _write_journal(self, journal: dict[str, Any]) -> None:
        self._draft.write_text(json.dumps(journal), encoding="utf-8")
        replace_durably(self._draft, self._journal)

    def _read_journal(self) -> dict[str, Any]:
        try:
            journal: dict[str, Any] = json.loads(self._journal.read_bytes())
        except ValueError as error:
            raise ArchiverError(
                f"finishing the commit of a dead run by {self._journal}",
                f"it is damaged ({error})",
                "move it away and run archiver verify: it names what is not whole",
            ) from error
        return journal

    def _finish(self) -> None:
        self._journal.unlink()
        fsync_folder(self.root)

    def _apply(self, journal: dict[str, Any], *, redo: bool) -> None:
        for name, part in journal["tables"].items():
            folder = self.root / name
            if redo:
                drop_torn_log(folder / "_delta_log", part["version"])
            for file in part["files"]:
                staged, final = self.root / file["staged"], folder / file["path"]
                if staged.exists():
                    final.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(staged, final)
                    fsync_folder(final.parent)
                    fsync_folder(final.parent.parent)
            fsync_folder(folder)
            self._commit_one(TABLES[name], part, journal)
        self._finish()

    def _commit_one(self, table: Table, part: dict[str, Any], journal: dict[str, Any]) -> None:
        delta = self._open(table)
        sequence = journal["sequence"]
        data_change = journal.get("data_change", True)
        if (delta.transaction_version(_APPLICATION) or 0) >= sequence:
            return
        folder = self.root / table.name
        coming = [
            AddAction(
                path=file["path"],
                size=file["size"],
                partition_values=file["partition"],
                modification_time=int((folder / file["path"]).stat().st_mtime * 1000),
                data_change=data_change,
                stats=json.dumps({"numRecords": file["rows"]}),
            )
            for file in part["files"]
        ]
        leaving = [
            RemoveAction(
                path=file["path"],
                data_change=data_change,
                deletion_timestamp=journal["removed_at"],
                size=file["size"],
                partition_values=file["partition"],
            )
            for file in part["removed"]
        ]
        delta.create_write_transaction(
            [*coming, *leaving],
            mode="append",
            schema=delta.schema(),
            partition_by=list(table.partitions),
            commit_properties=CommitProperties(
                app_transactions=[Transaction(_APPLICATION, sequence)]
            ),
            post_commithook_properties=PostCommitHookProperties(
                create_checkpoint=False, cleanup_expired_logs=False
            ),
        )
        delta.update_incremental()
        log = folder / "_delta_log"
        fsync_file(log / f"{delta.version():020d}.json")
        fsync_folder(log)
        if delta.version() % _CHECKPOINT_EVERY == 0:
            _write_checkpoint(delta, log)

    def _live_entries(self, table: Table, paths: Iterable[str]) -> list[dict[str, Any]]:
        live = {file.path: file for file in self.data_files(table)}
        unknown = set(paths) - live.keys()
        if unknown:
            raise ArchiverError(
                f"replacing rows of {table.name} in {self.root}",
                f"{min(unknown)} is no live data file of it",
                "nothing was changed; run it again",
            )
        return [
            {"path": path, "size": live[path].size_bytes, "partition": dict(live[path].partition)}
            for path in sorted(set(paths))
        ]

    def _open(self, table: Table) -> DeltaTable:
        return DeltaTable(str(self.root / table.name))

    def _create(self, table: Table) -> DeltaTable:
        if self.exists(table):
            return self._open(table)
        folder = self.root / table.name
        with blaming_the_path(f"making the table {table.name} in {self.root}"):
            folder.mkdir(parents=True, exist_ok=True)
        refuse_all_but_a_log(folder)
        # A run that died while making the table left a log that names no version.
        shutil.rmtree(folder / "_delta_log", ignore_errors=True)
        delta = DeltaTable.create(
            str(folder), schema=table.schema, partition_by=list(table.partitions)
        )
        fsync_file(folder / "_delta_log" / f"{0:020d}.json")
        fsync_folder(folder / "_delta_log")
        fsync_folder(folder)
        fsync_folder(self.root)
        return delta


def newest_entry(table: Path) -> tuple[str, int, int] | None:
    """The newest entry of a table's log, which each commit changes: name, size, time in ns."""
    try:
        names = [name for name in os.listdir(table / "_delta_log") if name.endswith(".json")]
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not names:
        return None
    about = (table / "_delta_log" / max(names)).stat()
    return max(names), about.st_size, about.st_mtime_ns


def _write_checkpoint(delta: DeltaTable, log: Path) -> None:
    delta.create_checkpoint()
    for path in log.glob("*checkpoint*"):
        fsync_file(path)
    fsync_folder(log)
