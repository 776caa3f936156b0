"""Whether the archive is whole: its files, its rows against the ledger, and its files rebuilt.

A finding is a `Problem` that is returned; only a failure to look is an exception. After damage the
other checks go on with what is left, so one cause may be found by several.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import duckdb

from archiver import interruption, progress
from archiver.archive.damage import (
    Problem,
    TableState,
    content_problem,
    is_readable,
    place_problem,
    rows_problem,
    table_state,
    unexpected_files,
    unexpected_in_root,
)
from archiver.archive.rebuild import (
    InboundFile,
    NotRebuiltError,
    bind,
    bounded,
    inbound_files,
    rebuilt_files,
)
from archiver.archive.store import Archive, DataFile
from archiver.archive.tables import (
    DELETED_ROWS,
    EVENTS,
    INBOUND_FILES,
    INBOUND_PATHS,
    LAYOUTS,
    QUARANTINE,
    RECEIPT_TOTALS,
    RECEIPTS,
    TABLES,
    Table,
)
from archiver.database import create, run
from archiver.inbound.formats import FORMATS

# Files of sql/verify/, each of whose rows is a problem.
LEDGER_CHECKS = (
    "repeated_files",
    "miscounted_files",
    "repeated_records",
    "stray_files",
    "pathless_files",
    "incomplete_layouts",
)
_OF_RECORDS = ("file_id", "record_number")
_COLUMNS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (EVENTS, ("source", *_OF_RECORDS)),
    (RECEIPTS, ("destination", *_OF_RECORDS)),
    (RECEIPT_TOTALS, ("destination", *_OF_RECORDS)),
    (QUARANTINE, ("kind", "source", *_OF_RECORDS)),
    (INBOUND_FILES, tuple(INBOUND_FILES.schema.names)),
    (INBOUND_PATHS, ("kind", "source", "destination", "file_id")),
    (LAYOUTS, ("source", "file_id", "part", "records")),
    (DELETED_ROWS, ("table_name", "kind", "source", "destination", "file_id", "rows")),
)

T = TypeVar("T")


@dataclass(frozen=True)
class Verification:
    """What was looked at, and what was found.

    Attributes:
        tables: tables that hold data files.
        data_files: live data files, all of which are where and what the logs say.
        data_files_read: those whose content was read, with `bytes_read` bytes.
        files, records: inbound files in the ledger and their records.
        rebuilt: inbound files built again, with `bytes_rebuilt` bytes.
        not_rebuilt: those among them that were to be built again and have no layout.
        problems: what is wrong.
    """

    tables: int
    data_files: int
    data_files_read: int
    bytes_read: int
    files: int
    records: int
    rebuilt: int
    bytes_rebuilt: int
    not_rebuilt: int
    problems: list[Problem]


def verify(
    archive: Archive,
    day: date,
    *,
    rebuild: bool = False,
    share: Fraction = Fraction(1),
    known: Collection[Path] = (),
) -> Verification:
    """Check the archive; nothing is changed.

    Args:
        archive: its lock is held and `recover` was called.
        day: UTC day of the run, which decides what is in the share.
        rebuild: also build the inbound files of events again from their records.
        share: of data files and of inbound files to read; consecutive days take different ones,
            and all are read within 1 / share days. What costs little is always checked.
        known: folders of the user's own that may lie inside the archive's root.
    """
    run_ = _Run(archive, lambda name: is_due(name, day, share))
    run_.check_files(known)
    with archive.scratch() as spill:
        files, records = run_.reading(spill, run_.check_ledger)
        rebuilt: list[InboundFile] = []
        not_rebuilt = 0
        if rebuild:
            due = run_.reading(spill, run_.due_files)
            not_rebuilt = sum(not file.can_be_rebuilt for file in due)
            rebuilt = [file for file in due if file.can_be_rebuilt]
            left = {(file.source, file.file_id): file for file in rebuilt}
            run_.reading(spill, lambda connection: run_.check_rebuilt(connection, left))
    return Verification(
        tables=sum(bool(state.files) for state in run_.states),
        data_files=sum(len(state.files) for state in run_.states),
        data_files_read=run_.data_files_read,
        bytes_read=run_.bytes_read,
        files=files,
        records=records,
        rebuilt=len(rebuilt),
        bytes_rebuilt=sum(file.size_bytes for file in rebuilt),
        not_rebuilt=not_rebuilt,
        problems=run_.problems,
    )


def is_due(name: str, day: date, share: Fraction) -> bool:
    """Whether a file is in the day's share.

    Names lie on a circle by their hash, and each day's share begins where the last day's ended.
    """
    place = Fraction(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"), 1 << 64)
    return (place - day.toordinal() * share) % 1 < share


class _Run:
    def __init__(self, archive: Archive, is_due: Callable[[str], bool]) -> None:
        self._archive = archive
        self._is_due = is_due
        self.states: list[TableState] = []
        self.problems: list[Problem] = []
        self.data_files_read = 0
        self.bytes_read = 0
        self._left: list[tuple[Table, DataFile]] = []
        self._damaged: set[Path] = set()
        self._unreadable: set[Path] = set()

    def check_files(self, known: Collection[Path]) -> None:
        """Logs, data files, and what lies beside them."""
        self.problems += unexpected_in_root(self._archive, known)
        if not self._archive.exists(INBOUND_FILES):
            # A wrong archive.root or an absent disk must not look like an archive in order.
            why = f"nothing was ever imported into {self._archive.root}: is it the right folder?"
            self.problems.append(Problem("missing", INBOUND_FILES.name, None, None, why))
        for table in TABLES.values():
            state = table_state(self._archive, table)
            self.states.append(state)
            self.problems += [*state.problems, *unexpected_files(self._archive, state)]
            for file in progress.each(
                state.files, f"verify {table.name}", len(state.files), "data files"
            ):
                if self._note(table, file, place_problem):
                    continue
                if self._is_due(f"{table.name}/{file.path}"):
                    self._read(table, file)
                elif not self._note(table, file, rows_problem):
                    self._left.append((table, file))

    def reading(self, spill: Path, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do what reads rows; where they cannot be read, look at all data files, and once more.

        A file outside the day's share may be damaged, and DuckDB does not say which it is.
        """
        try:
            with bounded(spill) as connection:
                return work(connection)
        except duckdb.Error:
            # A query that Ctrl-C interrupts finds no damage.
            interruption.check()
            left_out = set(self._unreadable)
            for table, file in self._left:
                self._read(table, file)
            self._left = []
            # What pyarrow can decode all the same, DuckDB may not.
            self._unreadable |= self._damaged
            if self._unreadable == left_out:
                raise
            with bounded(spill) as connection:
                return work(connection)

    def check_ledger(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Rows against the ledger; returns its files and their records."""
        files = self._files()
        for table, columns in _COLUMNS:
            bind(connection, table, files[table], columns)
        create(connection, "found_files", "verify/found_files")
        create(connection, "ledger", "verify/ledger")
        found: list[Problem] = []
        text_formats = [known.name for known in FORMATS if known.is_text]
        for name in LEDGER_CHECKS:
            rows = run(connection, f"verify/{name}", {"text_formats": text_formats}).fetchall()
            found += [Problem("ledger", *row) for row in rows]
        self.problems += found
        totals = "SELECT COUNT(*), COALESCE(SUM(records), 0)::BIGINT FROM ledger"
        (row,) = connection.execute(totals).fetchall()
        return row[0], row[1]

    def due_files(self, connection: duckdb.DuckDBPyConnection) -> list[InboundFile]:
        """Inbound files of events in the day's share."""
        found = inbound_files(connection, self._files())
        return [file for file in found if self._is_due(f"{file.source}/{file.file_id}")]

    def check_rebuilt(
        self, connection: duckdb.DuckDBPyConnection, left: dict[tuple[str, str], InboundFile]
    ) -> None:
        """Build these inbound files again; those that are done leave the mapping."""
        rebuilt = rebuilt_files(connection, self._files(), list(left.values()))
        for file, chunks in progress.each(rebuilt, "verify --rebuild", len(left), "files"):
            try:
                for _ in chunks:
                    pass
            except NotRebuiltError as error:
                detail = f"{error.why} ({file.source})"
                self.problems.append(
                    Problem("rebuild", EVENTS.name, file.path, file.file_id, detail)
                )
            del left[file.source, file.file_id]

    def _files(self) -> dict[Table, list[Path]]:
        """Per table the data files whose rows can be read."""
        paths = {
            state.table: [self._path(state.table, file) for file in state.files]
            for state in self.states
        }
        return {
            table: [path for path in found if path not in self._unreadable]
            for table, found in paths.items()
        }

    def _read(self, table: Table, file: DataFile) -> None:
        self.data_files_read += 1
        self.bytes_read += file.size_bytes
        if not self._note(table, file, content_problem):
            self._note(table, file, rows_problem)

    def _note(
        self,
        table: Table,
        file: DataFile,
        check: Callable[[Archive, Table, DataFile], Problem | None],
    ) -> bool:
        """Whether the check found a problem, which is kept."""
        problem = check(self._archive, table, file)
        if problem is None:
            return False
        self.problems.append(problem)
        path = self._path(table, file)
        self._damaged.add(path)
        if not is_readable(path):
            self._unreadable.add(path)
        return True

    def _path(self, table: Table, file: DataFile) -> Path:
        return self._archive.root / table.name / file.path
