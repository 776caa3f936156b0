"""Inbound files built again from the archive, byte for byte: the proof that nothing was lost.

A file is its records with what stands between them: records come from `events` and `quarantine`,
the text between them from `layouts`. Files are read in groups of bounded size, a larger file alone
and in slices, so that memory stays bounded; only those data files are read that hold their rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from archiver import resources
from archiver.archive.store import Archive
from archiver.archive.tables import DELETED_ROWS, EVENTS, INBOUND_FILES, LAYOUTS, QUARANTINE, Table
from archiver.database import bind_files, connect, hive_types, run
from archiver.errors import ArchiverError, ConfigError
from archiver.inbound.formats import FORMATS, whole_record

_GROUP_BYTES = 128 << 20
_BATCH_ROWS = 10_000
_MEMORY = "1GB"
_ENVELOPE_FORMATS = frozenset(known.name for known in FORMATS if known.needs_envelope)
_ROW_KEYS = ("source", "file_id")
_LAST = (1 << 63) - 1

T = TypeVar("T")
# Of each record its bytes or payload, its envelope, and whether it is an event.
_Piece = list[tuple[bytes, bytes | None, bool]]
Files = Mapping[Table, Sequence[Path]]


class NotRebuiltError(ArchiverError):
    """An inbound file that the archive cannot give back as it was."""


@dataclass(frozen=True)
class InboundFile:
    """One file of events in the ledger.

    Attributes:
        source, file_id, path, format_name, records: as in the ledger.
        size_bytes: length of its decompressed content.
        is_laid_out: what stands between its records is kept, and none of them was deleted, so that
            it can be rebuilt.
    """

    source: str
    file_id: str
    path: str
    format_name: str
    records: int
    size_bytes: int
    is_laid_out: bool

    @property
    def can_be_rebuilt(self) -> bool:
        """Whether the archive has what it takes; of an empty file that is nothing."""
        return self.is_laid_out or self.size_bytes == 0


@dataclass
class _Group:
    files: list[InboundFile]
    data_files: set[Path]
    size_bytes: int


@contextmanager
def rebuildable(
    archive: Archive, source: str
) -> Iterator[Callable[[Iterable[str]], Iterator[tuple[str, Iterator[bytes]]]]]:
    """A source's inbound files as they were, from the archive; hold its lock.

    Yields:
        A function that takes file ids and gives, of those whose layout is kept, each id with the
        file's decompressed bytes in chunks. These raise NotRebuiltError, after the last one where
        what was built is not the file. Read them before the next file, or not at all.
    """
    files = {
        table: archive.live_files(table)
        for table in (EVENTS, QUARANTINE, LAYOUTS, INBOUND_FILES, DELETED_ROWS)
    }
    with archive.scratch() as spill, bounded(spill) as connection:
        known = {file.file_id: file for file in inbound_files(connection, files, source)}

        def rebuilt(file_ids: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
            wanted = [known[name] for name in file_ids if known[name].can_be_rebuilt]
            for file, chunks in rebuilt_files(connection, files, wanted):
                yield file.file_id, chunks

        yield rebuilt


def bounded(spill: Path) -> duckdb.DuckDBPyConnection:
    """A connection that spills what needs more than its share of memory."""
    connection = connect(spill=spill)
    connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET arrow_large_buffer_size = true")
    return connection


def bind(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    files: Iterable[Path],
    columns: Sequence[str],
    *,
    view: str = "",
    with_filename: bool = False,
) -> None:
    """Make a view over some columns of some of a table's data files."""
    schema = pa.schema([table.schema.field(name) for name in columns])
    hive = hive_types(table.schema, table.partitions)
    bind_files(
        connection, view or table.name, files, schema, hive=hive, with_filename=with_filename
    )


def inbound_files(
    connection: duckdb.DuckDBPyConnection,
    files: Files,
    source: str | None = None,
) -> list[InboundFile]:
    """Files of events in the ledger: all, or a source's."""
    columns = ("kind", "source", "file_id", "path", "format", "records", "bytes")
    bind(connection, INBOUND_FILES, files[INBOUND_FILES], columns)
    bind(connection, LAYOUTS, files[LAYOUTS], _ROW_KEYS)
    bind(connection, DELETED_ROWS, files[DELETED_ROWS], ("kind", *_ROW_KEYS))
    only = {"only_source": source}
    return [InboundFile(*row) for row in run(connection, "verify/event_files", only).fetchall()]


def rebuilt_files(
    connection: duckdb.DuckDBPyConnection, files: Files, wanted: Iterable[InboundFile]
) -> Iterator[tuple[InboundFile, Iterator[bytes]]]:
    """Each wanted file with its bytes, in an order that reads each data file few times.

    Args:
        connection: made by `bounded`; its views are replaced.
        files: data files of events, quarantine and layouts.
        wanted: what `can_be_rebuilt`.

    Yields:
        The file and its chunks, which raise NotRebuiltError after the last one when together they
        are not the file. Read them before the next file, or not at all.
    """
    holders = _holders(connection, files)
    sizes = _envelope_bytes(connection, files)
    for group in _groups(wanted, holders, sizes):
        numbered = pa.table(
            {
                "file_number": pa.array(range(len(group.files)), pa.int64()),
                "source": pa.array([file.source for file in group.files], pa.string()),
                "file_id": pa.array([file.file_id for file in group.files], pa.string()),
                "needs_envelope": pa.array(
                    [file.format_name in _ENVELOPE_FORMATS for file in group.files], pa.bool_()
                ),
            }
        )
        connection.register("numbered", numbered)
        connection.execute("CREATE OR REPLACE TABLE wanted_files AS SELECT * FROM numbered")
        connection.unregister("numbered")
        for table, columns in (
            (EVENTS, (*_ROW_KEYS, "record_number", "payload", "envelope")),
            (QUARANTINE, (*_ROW_KEYS, "kind", "record_number", "data")),
            (LAYOUTS, (*_ROW_KEYS, "part", "records", "text")),
        ):
            held = [path for path in files[table] if path in group.data_files]
            bind(connection, table, held, columns)
        layouts = _Grouped(_layout_rows(connection.cursor()))
        records = _Grouped(_record_pieces(connection.cursor(), group))
        for number, file in enumerate(group.files):
            whole = _whole_records(file, records.of(number))
            yield file, _checked(file, _laid_out(file, layouts.of(number), whole))


def _holders(
    connection: duckdb.DuckDBPyConnection, files: Files
) -> dict[tuple[str, str], list[Path]]:
    """Which data files hold rows of which inbound file, in the data files' order."""
    holders: dict[tuple[str, str], list[Path]] = {}
    for table in (EVENTS, QUARANTINE, LAYOUTS):
        view = "rows_with_filename"
        bind(connection, table, files[table], _ROW_KEYS, view=view, with_filename=True)
        for filename, *key in run(connection, "verify/holders").fetchall():
            holders.setdefault((key[0], key[1]), []).append(Path(filename))
    for held in holders.values():
        held.sort()
    return holders


def _envelope_bytes(
    connection: duckdb.DuckDBPyConnection, files: Files
) -> dict[tuple[str, str], int]:
    """What the envelopes come to that a rebuild reads: a batch's stands in each of its rows."""
    bind(connection, INBOUND_FILES, files[INBOUND_FILES], ("kind", *_ROW_KEYS, "format"))
    bind(connection, EVENTS, files[EVENTS], (*_ROW_KEYS, "envelope"))
    formats = {"envelope_formats": sorted(_ENVELOPE_FORMATS)}
    rows = run(connection, "verify/envelope_sizes", formats).fetchall()
    return {(source, file_id): size_bytes for source, file_id, size_bytes in rows}


def _groups(
    wanted: Iterable[InboundFile],
    holders: Mapping[tuple[str, str], list[Path]],
    envelope_bytes: Mapping[tuple[str, str], int],
) -> Iterator[_Group]:
    """Files that lie together, as many as fit into memory; a larger one alone."""

    def held(file: InboundFile) -> list[Path]:
        return holders.get((file.source, file.file_id), [])

    group = _Group([], set(), 0)
    for file in sorted(wanted, key=lambda file: (held(file)[:1], file.source, file.file_id)):
        size_bytes = file.size_bytes + envelope_bytes.get((file.source, file.file_id), 0)
        if group.files and group.size_bytes + size_bytes > _GROUP_BYTES:
            yield group
            group = _Group([], set(), 0)
        group.files.append(file)
        group.data_files.update(held(file))
        group.size_bytes += size_bytes
    if group.files:
        yield group


def _layout_rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, tuple[int, bytes]]]:
    for batch in _batches(cursor, "verify/ordered_layouts"):
        numbers, counts, texts = (column.to_pylist() for column in batch.columns)
        yield from zip(numbers, zip(counts, texts, strict=True), strict=True)


def _record_pieces(
    cursor: duckdb.DuckDBPyConnection, group: _Group
) -> Iterator[tuple[int, _Piece]]:
    """Runs of records, each with the number of its file in the group."""
    slices = [(0, _LAST)]
    if group.size_bytes > _GROUP_BYTES:
        slices = run(cursor, "verify/record_slices", {"slice_bytes": _GROUP_BYTES}).fetchall()
    for first, last in slices:
        span = {"first_record": first, "last_record": last}
        for batch in _batches(cursor, "verify/ordered_records", span):
            runs = pc.run_end_encode(batch.column("file_number"))
            start = 0
            for number, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
                _, *columns = batch.slice(start, end - start).columns
                yield number, list(zip(*(column.to_pylist() for column in columns), strict=True))
                start = end


def _whole_records(file: InboundFile, pieces: Iterator[_Piece]) -> Iterator[list[bytes]]:
    """The records as they stood in the file; of a bad one its bytes are kept as they were."""
    for piece in pieces:
        try:
            yield [
                whole_record(file.format_name, data, envelope) if is_event else data
                for data, envelope, is_event in piece
            ]
        except (ConfigError, ValueError) as error:
            raise _not_rebuilt(
                file, f"as {file.format_name} its records make no sense: {error}"
            ) from None


def _batches(
    cursor: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, Any] | None = None
) -> Iterator[pa.RecordBatch]:
    yield from cursor.sql(resources.sql(name), params=parameters).to_arrow_reader(_BATCH_ROWS)


class _Grouped(Generic[T]):
    """A stream of numbered items, in the order of their numbers, taken number by number."""

    def __init__(self, items: Iterator[tuple[int, T]]) -> None:
        self._items = items
        self._next = next(items, None)

    def of(self, number: int) -> Iterator[T]:
        """The items of this number; those of smaller ones are skipped."""
        while self._next is not None and self._next[0] <= number:
            found, item = self._next
            self._next = next(self._items, None)
            if found == number:
                yield item


def _laid_out(
    file: InboundFile, layout: Iterator[tuple[int, bytes]], pieces: Iterator[list[bytes]]
) -> Iterator[bytes]:
    """The records with their layout's text before each."""
    records: list[bytes] = []
    start = 0
    for count, text in layout:
        if count == 0:
            yield text
        while count > 0:
            if start == len(records):
                records, start = next(pieces, []), 0
                if not records:
                    raise _not_rebuilt(file, "the archive holds fewer records than its layout")
            taken = records[start : start + count]
            start += len(taken)
            count -= len(taken)
            yield text + text.join(taken)
    if start < len(records) or next(pieces, None):
        raise _not_rebuilt(file, "the archive holds more records than its layout")


def _checked(file: InboundFile, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, and in the end whether they were the file."""
    digest = hashlib.sha256()
    size_bytes = 0
    for chunk in chunks:
        digest.update(chunk)
        size_bytes += len(chunk)
        yield chunk
    if size_bytes != file.size_bytes:
        why = f"what was built has {size_bytes} bytes, and the ledger says {file.size_bytes}"
        raise _not_rebuilt(file, why)
    if digest.hexdigest() != file.file_id:
        raise _not_rebuilt(file, f"what was built has the SHA-256 {digest.hexdigest()}")


def _not_rebuilt(file: InboundFile, why: str) -> NotRebuiltError:
    return NotRebuiltError(f"rebuilding {file.path} ({file.file_id}) of {file.source}", why)
