"""Reads the lost events out of the archive, in the order of the plan and in bounded memory.

Events that happened together were archived together: files are read one after the other, in the
order in which the plan first needs them, and few events have to be held until it is their turn.
Where many have, as with several sources of one day, they go into a scratch file.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.config import Config
from archiver.errors import ArchiverError
from archiver.inbound.envelopes import as_read
from archiver.warehouse.database import bind_files, connect

_CHUNK_EVENTS = 2_000
_READ_EVENTS = 2_000
_READ_BYTES = 1 << 20
_COLUMNS = ("position", "event_id", "event", "event_time", "disposition")
_MOST_HELD_BYTES = 32 << 20
# What lies between the events of a chunk is read along up to this multiple of their size, and up to
# so much in all.
_MOST_SPREAD = 8
_MOST_BYTES = 64 << 20
_NOWHERE = -1

# The inbound files are numbered: of a million events, their names would be most of the join. With
# eight bytes to a number it would take twice the memory.
_INBOUND = """
CREATE TEMP TABLE inbound AS
SELECT source, file_id, CAST(ROW_NUMBER() OVER () AS UINTEGER) AS number
FROM (SELECT DISTINCT source, file_id FROM candidates WHERE disposition = 'send')
"""
_WANTED = """
CREATE TEMP VIEW wanted AS
SELECT
  CAST(candidates.position AS UINTEGER) AS position,
  inbound.number,
  CAST(candidates.record_number AS UINTEGER) AS record_number
FROM candidates
INNER JOIN inbound ON candidates.source = inbound.source AND candidates.file_id = inbound.file_id
WHERE candidates.disposition = 'send'
"""
_FOUND = """
SELECT files.number AS file, CAST(events.file_row_number AS UINTEGER) AS row, wanted.position
FROM read_parquet($files, filename = TRUE, file_row_number = TRUE, hive_partitioning = FALSE)
  AS events
INNER JOIN files ON events.filename = files.filename
INNER JOIN inbound ON files.source = inbound.source AND events.file_id = inbound.file_id
INNER JOIN wanted
  ON inbound.number = wanted.number AND events.record_number = wanted.record_number
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some events to be sent, one element of each member for each, in the order of the plan.

    Attributes:
        positions: in the plan, int64.
        event_ids: ids by which the destination knows them; None where there is none.
        events: the destination's names for them.
        times_us: when they happened, microseconds since 1970, UTC.
        payloads: the events as archived or, from a batch body, with what the batch says for all
            its events: JSON text.
    """

    positions: pa.Array
    event_ids: list[str | None]
    events: list[str]
    times_us: list[int]
    payloads: list[bytes]


def read_chunks(
    config: Config, archive: Archive, candidates: Path, scratch: Path
) -> Iterator[Chunk]:
    """The candidates to be sent, with their events.

    Args:
        config: where to spill.
        archive: has the events.
        candidates: as `Plan.candidates`.
        scratch: a folder for a scratch file, which needs the room of the events at most; it is
            removed in the end.

    Raises:
        ArchiverError: the archive does not have all of them.
    """
    with connect(spill=config.warehouse_path / ".spill") as connection:
        files, places = _find(connection, archive, candidates)
    path = scratch / "payloads"
    with open(path, "w+b", buffering=0) as file:
        path.unlink()  # It is there for this process only, and gone whenever that ends.
        held = _Held(_read(files, places), file)
        for rows in _batches(candidates, _CHUNK_EVENTS, _COLUMNS):
            is_sent = pc.equal(rows["disposition"], "send")
            sent = rows if is_sent.false_count == 0 else rows.filter(is_sent)
            if sent.num_rows:
                yield Chunk(
                    positions=sent["position"],
                    event_ids=sent["event_id"].to_pylist(),
                    events=sent["event"].to_pylist(),
                    times_us=sent["event_time"].cast(pa.int64()).to_pylist(),
                    payloads=held.take(sent["position"].to_pylist()),
                )


def _find(
    connection: duckdb.DuckDBPyConnection, archive: Archive, candidates: Path
) -> tuple[list[Path], pa.Table]:
    """Files, and where each event is: number of a `file`, `row` in it, and `position`, so ordered.

    The numbers are from 0.
    """
    connection.execute("SET threads = 1")  # Each of them would have buffers of its own.
    bind_files(connection, "candidates", [candidates], "*")
    connection.execute(_INBOUND)
    connection.execute(_WANTED)
    files = _files(connection, archive)
    names = [str(path) for path in files]
    sources = [_partition(path)[0] for path in files]
    numbers = pa.array(range(len(files)), pa.uint32())
    connection.register(
        "files", pa.table([names, sources, numbers], ["filename", "source", "number"])
    )
    found = connection.sql(_FOUND, params={"files": names}) if files else None
    places = (
        pa.table({"file": [], "row": [], "position": []})
        if found is None
        else found.to_arrow_table()
    )
    ((expected,),) = connection.sql(
        "SELECT COUNT(*) FROM candidates WHERE disposition = 'send'"
    ).fetchall()
    if places.num_rows != expected:
        raise ArchiverError(
            "reading the lost events from the archive",
            f"it holds {places.num_rows} of {expected}",
            "nothing was written; has the archive lost files?",
        )
    # A query's order would not reach Arrow for certain on a connection that may spill.
    return files, places.sort_by([("file", "ascending"), ("row", "ascending")])


def _files(connection: duckdb.DuckDBPyConnection, archive: Archive) -> list[Path]:
    """The live files of the days on which the events arrived."""
    # Of a time without a zone, a day is found in a quarter of the time.
    days = connection.execute(
        "SELECT DISTINCT source, CAST(make_timestamp(epoch_us(arrival)) AS DATE) FROM candidates"
        " WHERE disposition = 'send'"
    ).fetchall()
    wanted = {(source, str(day)) for source, day in days}
    return [path for path in archive.live_files(EVENTS) if _partition(path) in wanted]


def _partition(path: Path) -> tuple[str, ...]:
    """Source and day of arrival of a file of events."""
    return tuple(unquote(part.split("=", 1)[1]) for part in path.parts[-3:-1])


def _read(files: Sequence[Path], places: pa.Table) -> Iterator[tuple[list[int], list[bytes]]]:
    """Positions and events, batch by batch, of the files as the plan first needs them."""
    by_file = places.group_by("file").aggregate([("position", "min"), ("position", "count")])
    firsts: dict[int, int] = {}
    start = 0
    counts = dict(
        zip(by_file["file"].to_pylist(), by_file["position_count"].to_pylist(), strict=True)
    )
    for number in sorted(counts):
        firsts[number] = start
        start += counts[number]
    for number in by_file.sort_by("position_min")["file"].to_pylist():
        here = places.slice(firsts[number], counts[number])
        yield from _read_file(files[number], here["row"], here["position"])


def _read_file(
    path: Path, rows: pa.ChunkedArray, positions: pa.ChunkedArray
) -> Iterator[tuple[list[int], list[bytes]]]:
    """Likewise of one file, where `rows` ascend."""
    wanted, at, start = rows.to_pylist(), 0, 0
    for batch in _batches(path, _READ_EVENTS, ("payload", "envelope")):
        end, begin = start + batch.num_rows, at
        at = bisect_left(wanted, end, begin)
        if at > begin:
            if at - begin < batch.num_rows:
                batch = batch.take(pa.array([row - start for row in wanted[begin:at]]))
            yield positions.slice(begin, at - begin).to_pylist(), _texts(batch)
        start = end


def _batches(path: Path, most_rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file, in its order.

    Read ahead, whole row groups would stay in memory; two threads cost more than they gain.
    """
    with pq.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False) as file:
        yield from file.iter_batches(most_rows, columns=[*columns], use_threads=False)


def _texts(rows: pa.RecordBatch) -> list[bytes]:
    """The events as they should be read."""
    if rows["envelope"].null_count == rows.num_rows:
        return rows["payload"].cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]
    return [
        as_read(payload, envelope).encode()
        for payload, envelope in zip(
            rows["payload"].to_pylist(), rows["envelope"].to_pylist(), strict=True
        )
    ]


class _Held:
    """Events that are held until it is their turn, in a scratch file where they are many.

    Args:
        found: positions and events, in any order.
        file: the scratch file, empty.
    """

    def __init__(self, found: Iterator[tuple[list[int], list[bytes]]], file: IO[bytes]) -> None:
        self._found = found
        self._file = file
        self._events: dict[int, bytes] = {}
        self._bytes = 0
        # Of what is in the file: by position, where it starts and its size.
        self._starts = array("q")
        self._sizes = array("q")

    def take(self, positions: list[int]) -> list[bytes]:
        """The events at these positions, each of which is taken once."""
        pop = self._events.pop
        events = list(map(pop, positions, repeat(None)))
        missing: Sequence[int] = range(len(events))
        while missing := [at for at in missing if events[at] is None]:
            written = [at for at in missing if self._is_written(positions[at])]
            if written:
                found = self._written([positions[at] for at in written])
                for at, event in zip(written, found, strict=True):
                    events[at] = event
            else:
                self._read_on()
                for at in missing:
                    events[at] = pop(positions[at], None)
        taken = cast(list[bytes], events)
        self._bytes -= sum(map(len, taken))
        return taken

    def _read_on(self) -> None:
        positions, events = next(self._found, ((), ()))
        if not events:
            raise ArchiverError(
                "reading the lost events from the archive",
                "it holds some of them twice and others not at all",
                "has it been changed by hand?",
            )
        self._events.update(zip(positions, events, strict=True))
        self._bytes += sum(map(len, events))
        if self._bytes > _MOST_HELD_BYTES:
            self._write()

    def _write(self) -> None:
        """Put all that is held into the file."""
        more = max(self._events) + 1 - len(self._starts)
        self._starts.extend(array("q", [_NOWHERE]) * more)
        self._sizes.extend(array("q", [0]) * more)
        start = self._file.tell()
        for position, event in self._events.items():
            self._starts[position], self._sizes[position] = start, len(event)
            start += len(event)
        left = memoryview(b"".join(self._events.values()))
        while left:  # A write may take less than it is given.
            left = left[self._file.write(left) :]
        self._events.clear()
        self._bytes = 0

    def _is_written(self, position: int) -> bool:
        return position < len(self._starts) and self._starts[position] != _NOWHERE

    def _written(self, positions: list[int]) -> list[bytes]:
        """The events at these positions, from the file."""
        file = self._file.fileno()
        places = [(self._starts[position], self._sizes[position]) for position in positions]
        first = min(start for start, _ in places)
        spread = max(start + size for start, size in places) - first
        if spread > min(_MOST_SPREAD * sum(size for _, size in places), _MOST_BYTES):
            return [os.pread(file, size, start) for start, size in places]
        data = os.pread(file, spread, first)
        return [data[start - first : start - first + size] for start, size in places]
