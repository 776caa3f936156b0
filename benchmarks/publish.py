"""Ways to publish the warehouse, side by side: what 1,000 new events cost, and then a query.

    python benchmarks/publish.py [--events 400000]

Publishing means that readers see the new events at once and whole, while a reader that holds the
old state keeps it: something new is written aside, synced, and put in place by a rename. The ways:

* text: one DuckDB file with every payload as JSON text; copied, appended to, replaced;
* variant: the same with the payload as VARIANT;
* segments: immutable Parquet segments with the payload as shredded VARIANT; one more segment, and a
  small DuckDB file of views and small tables, made anew and replaced. This is what archiver does.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
from generate import EVENTS_PER_FILE, segment_events

from archiver import resources
from archiver.files import replace_durably
from archiver.warehouse.segments import COLUMNS, write_segment

NEW_EVENTS = 1_000
SEGMENT_EVENTS = 100_000

SMALL_TABLES = """
CREATE TABLE recurrences AS
  SELECT 'web' AS source, 'id ' || range AS message_id, 2 AS occurrences, 1 AS variants
  FROM range(10000);
CREATE TABLE superseded AS
  SELECT 'web' AS source, 'none' AS file_id, range AS record_number FROM range(10000);
"""
"""What the view `events` joins to its segments: repeated ids, here none that occurs."""


@dataclass(frozen=True)
class Cost:
    """What one piece of work took."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Published:
    """One way at one size.

    Attributes:
        way: its name.
        events: events published before.
        bytes: written to publish the new events, copies included.
        publish, query: their costs; the query adds up one nested field, best of three.
        total: the query's answer.
    """

    way: str
    events: int
    bytes: int
    publish: Cost
    query: Cost
    total: float


class Way(ABC):
    """One way of publishing: `extend` fills the state, `publish` adds and is measured."""

    name = ""
    total = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.published = self.folder / "warehouse.duckdb"

    @abstractmethod
    def extend(self, events: pa.Table) -> None:
        """Add events without measuring."""

    @abstractmethod
    def publish(self, events: pa.Table) -> int:
        """Add events and publish; returns the bytes written."""

    def query(self) -> float:
        """Add up `properties.total` over all events."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            row = connection.execute(f"SELECT SUM({self.total}) FROM events").fetchone()
        return float(row[0]) if row else 0.0


class OneFile(Way):
    """Everything in one DuckDB file."""

    body = "payload"

    def extend(self, events: pa.Table) -> None:
        """Add events to the file in place."""
        self._insert(self.published, events)

    def publish(self, events: pa.Table) -> int:
        """Copy the file, add to the copy, put it in place."""
        draft = self.folder / "draft.duckdb"
        shutil.copyfile(self.published, draft)
        copied = draft.stat().st_size
        self._insert(draft, events)
        replace_durably(draft, self.published)
        return copied

    def _insert(self, path: Path, events: pa.Table) -> None:
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        rows = f"SELECT {columns}, {self.body} AS body FROM inbound"
        config = {"storage_compatibility_version": "latest"}
        with duckdb.connect(str(path), config=config) as connection:
            connection.register("inbound", events)
            connection.execute(f"CREATE TABLE IF NOT EXISTS events AS {rows} LIMIT 0")
            connection.execute(f"INSERT INTO events {rows}")
            connection.execute("CHECKPOINT")


class TextInOneFile(OneFile):
    """Payloads as JSON text."""

    name = "text"
    total = "(body ->> '$.properties.total')::DOUBLE"


class VariantInOneFile(OneFile):
    """Payloads as VARIANT, which DuckDB shreds at the checkpoint."""

    name = "variant"
    body = "TRY_CAST(TRY_CAST(payload AS JSON) AS VARIANT)"
    total = "body.properties.total::DOUBLE"


class Segments(Way):
    """Parquet segments behind a view."""

    name = "segments"
    total = "body.properties.total::DOUBLE"

    def extend(self, events: pa.Table) -> None:
        """Add one segment and publish it."""
        self.publish(events)

    def publish(self, events: pa.Table) -> int:
        """Add one segment, make the DuckDB file anew, put it in place."""
        number = len(list(self.folder.glob("*.parquet")))
        written = write_segment(events, self.folder / f"{number:05d}.parquet").bytes
        files = ", ".join(f"'{path}'" for path in sorted(self.folder.glob("*.parquet")))
        draft = self.folder / "draft.duckdb"
        with duckdb.connect(str(draft)) as connection:
            connection.execute(
                f"CREATE VIEW event_segments AS FROM read_parquet([{files}], union_by_name => true)"
            )
            connection.execute(SMALL_TABLES)
            connection.execute(f"CREATE VIEW events AS {resources.sql('tables/events')}")
        replace_durably(draft, self.published)
        return written + self.published.stat().st_size


def read_events(paths: list[Path]) -> pa.Table:
    """Generated files as the rows that the warehouse loads."""
    listed = ", ".join(f"'{path}'" for path in paths)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(
            f"""
            WITH records AS (
              SELECT json AS payload, filename, ROW_NUMBER() OVER () - 1 AS record_number,
                json_extract_string(json, [
                  'messageId', 'type', 'event', 'userId', 'anonymousId', 'timestamp',
                  'originalTimestamp', 'sentAt', 'receivedAt', '$.properties.order_id',
                  '$.properties.value', '$.properties.currency']) AS f
              FROM read_ndjson_objects([{listed}], filename = true)
            )
            SELECT 'web' AS source, sha256(filename) AS file_id, record_number,
              f[1] AS message_id, f[2] AS type, f[3] AS event, f[4] AS user_id,
              f[5] AS anonymous_id, f[6]::TIMESTAMPTZ AS event_time,
              f[7]::TIMESTAMPTZ AS original_timestamp, f[8]::TIMESTAMPTZ AS sent_at,
              f[9]::TIMESTAMPTZ AS received_at, f[9]::TIMESTAMPTZ AS arrival,
              (f[9]::TIMESTAMPTZ AT TIME ZONE 'UTC')::DATE AS received_date,
              NULL::VARCHAR AS type_issues, f[10] AS order_id,
              f[11]::DECIMAL(38, 18) AS value, f[12] AS currency,
              payload::VARCHAR AS payload
            FROM records
            """
        ).to_arrow_table()


def measure(work: Callable[[], float]) -> tuple[float, Cost]:
    """Run something; returns its result and its cost in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    result = work()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, Cost(wall, cpu)


def run(way: Way, files: list[Path], sizes: list[int], new: pa.Table) -> list[Published]:
    """Fill one way up to each size in turn, and measure there."""
    results = []
    for before, size in pairwise([0, *sizes]):
        for first in range(before, size, SEGMENT_EVENTS):
            last = min(first + SEGMENT_EVENTS, size)
            part = files[first // EVENTS_PER_FILE : -(-last // EVENTS_PER_FILE)]
            way.extend(read_events(part).slice(first % EVENTS_PER_FILE, last - first))
        os.sync()
        written, publish = measure(lambda: way.publish(new))
        answers = [measure(way.query) for _ in range(3)]
        total, query = min(answers, key=lambda answer: answer[1].wall_seconds)
        results.append(Published(way.name, size, int(written), publish, query, total))
    return results


def render(results: list[Published]) -> str:
    """The table, each figure with its ratio to `segments` at the same size."""
    lines = [
        f"Publishing {NEW_EVENTS:,} new events, and then one query; × is the ratio to segments",
        "",
        f"{'events':>9}  {'way':<9}{'MB written':>18}{'publish, s':>16}{'CPU, s':>16}"
        f"{'query, s':>18}",
    ]
    for result in results:
        ours = next(r for r in results if r.events == result.events and r.way == Segments.name)
        lines.append(
            f"{result.events:>9,}  {result.way:<9}"
            + _cell(result.bytes / 1e6, ours.bytes / 1e6, 18, 1)
            + _cell(result.publish.wall_seconds, ours.publish.wall_seconds, 16, 2)
            + _cell(result.publish.cpu_seconds, ours.publish.cpu_seconds, 16, 2)
            + _cell(result.query.wall_seconds, ours.query.wall_seconds, 18, 3)
        )
    return "\n".join(lines)


def _cell(value: float, ours: float, width: int, digits: int) -> str:
    return f"{value:.{digits}f} {value / ours if ours else 0:>6.1f}×".rjust(width)


@contextmanager
def _generated(events: int, seed: int) -> Iterator[tuple[list[Path], Path]]:
    with tempfile.TemporaryDirectory(prefix="archiver-publish-") as name:
        folder = Path(name)
        yield segment_events(events, seed, folder / "inbound"), folder


def main() -> None:
    """Measure every way and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=400_000, help="the larger size")
    options = parser.parse_args()
    sizes = sorted({max(NEW_EVENTS, options.events // 4), options.events})
    with _generated(options.events, seed=1) as (files, folder):
        new = read_events(segment_events(NEW_EVENTS, 2, folder / "new"))
        results: list[Published] = []
        for kind in (TextInOneFile, VariantInOneFile, Segments):
            results += run(kind(folder), files, sizes, new)
            shutil.rmtree(folder / kind.name)
    totals = {(result.events, round(result.total, 2)) for result in results}
    if len(totals) > len(sizes):
        raise SystemExit(f"the ways disagree about the total: {sorted(totals)}")
    print(render(sorted(results, key=lambda result: result.events)))


if __name__ == "__main__":
    main()
