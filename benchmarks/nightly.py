"""What runs unattended, on a small and a large archive.

`watch` with 1,000 new receipts, and `nightly` with nothing new:

    python benchmarks/nightly.py [--events 1000000,10000000] [--rounds 5] [--cache FOLDER]

Each archive has as many receipts as events, 25,000 of each a day and 5 inbound files a day: ten
times the events are ten times the days. Rows are written straight into the archive's tables, day by
day, with short payloads: as JSON from `generate.py`, 10 million events would take an hour to make
and import, and neither command reads their payloads. The warehouse is loaded by `archiver load`.
With --cache the archives are kept there and used again.

Each command runs in a process of its own, in turns on the two archives. The lines:

* watch: 1,000 new receipts, imported, loaded, published, judged;
* watch, nothing new: the same five minutes later;
* group by hour: what a user would otherwise run every five minutes, one query in DuckDB over all
  receipts of the archive, by destination, hour and outcome. It imports nothing;
* nightly, nothing new: the whole round, after one that did all there was to do.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.archive.store import Archive, StagedFile
from archiver.archive.tables import EVENTS, INBOUND_FILES, INBOUND_PATHS, RECEIPTS, Table

PER_DAY = 25_000
FILES_PER_DAY = 5
NEW_RECEIPTS = 1_000
LAST_DAY = date(2026, 2, 1)
AS_OF = datetime(2026, 2, 2, 0, 10, tzinfo=UTC)
IMPORTED_AT = datetime(2026, 2, 1, 23, 59, tzinfo=UTC)

CONFIG = """\
[archive]
root = "archive"
[warehouse]
path = "warehouse"
[sources.web]
paths = ["inbound/*/*.ndjson"]
stale_after = "3650d"
[destinations.tiktok]
type = "tiktok-events"
account_timezone = "America/New_York"
event_source_id = "PIXEL"
pixel = "none"
receipts = ["receipts/*.ndjson"]
stale_after = "3650d"
"""

EVENTS_OF_A_DAY = """
SELECT
  file_id, record_number, 'm-' || number AS message_id, 'track' AS type, event,
  'user-' || number % 200000 AS user_id, NULL::VARCHAR AS anonymous_id, instant AS event_time,
  instant AS original_timestamp, instant AS sent_at, instant AS received_at,
  '{"type":"track","messageId":"m-' || number || '","event":"' || event || '","timestamp":"'
  || stamp || '","receivedAt":"' || stamp || '","properties":{"order_id":"o-' || number
  || '","value":' || number % 500 || '.50,"currency":"USD"}}' AS payload,
  NULL::VARCHAR AS envelope, NULL::VARCHAR AS type_issues, instant AS imported_at
FROM (
  SELECT
    *, strftime(instant, '%Y-%m-%dT%H:%M:%S.%gZ') AS stamp,
    sha256($day::VARCHAR || number % $files) AS file_id, row // $files AS record_number,
    CASE WHEN number % 25 = 0 THEN 'Order Completed' ELSE 'Product Seen' END AS event
  FROM (
    SELECT range AS row, $first + range AS number,
      $day::TIMESTAMPTZ + to_microseconds(range * (86400000000 // $count)) AS instant
    FROM range($count)
  )
) ORDER BY event_time
"""
RECEIPTS_OF_A_DAY = """
SELECT
  'm-' || number AS event_id, 'CompletePayment' AS event_name, instant AS event_time,
  CASE WHEN number % 50 = 7 THEN 'failed' ELSE 'accepted' END AS outcome,
  CASE WHEN number % 50 = 7 THEN '50000' ELSE '0' END AS code, 'OK' AS message,
  instant AS attempted_at,
  md5((number // 10)::VARCHAR) AS request_id, 1::BIGINT AS attempt,
  (number % 500 + 0.5)::DECIMAL(38, 18) AS value, 'USD' AS currency,
  sha256('receipts' || $day::VARCHAR) AS file_id, row AS record_number,
  '{"event_id":"m-' || number || '","outcome":"accepted","latency_ms":' || 80 + number % 90 || '}'
  AS payload
FROM (
  SELECT range AS row, $first + range AS number,
    $day::TIMESTAMPTZ + to_microseconds(range * (86400000000 // $count)) AS instant
  FROM range($count)
) ORDER BY attempted_at
"""
GROUP_BY_HOUR = """
import duckdb
with duckdb.connect() as connection:
    connection.execute("SET TimeZone = 'UTC'")
    print(len(connection.execute('''
      SELECT destination, date_trunc('hour', attempted_at) AS hour, outcome, count(*)
      FROM read_parquet('archive/receipts/destination=*/*/*.parquet', hive_partitioning = true)
      GROUP BY ALL
    ''').fetchall()))
"""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


def build(folder: Path, events: int) -> None:
    """Make a workspace with an archive of so many events, and load its warehouse."""
    folder.mkdir(parents=True)
    (folder / "archiver.toml").write_text(CONFIG)
    (folder / "receipts").mkdir()
    archive = Archive(folder / "archive")
    archive.recover()
    days = -(-events // PER_DAY)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for number in range(days):
            day = LAST_DAY - timedelta(days=days - 1 - number)
            _add_day(connection, folder, archive, day, number * PER_DAY)
    run(folder, "load")
    run(folder, "nightly")


def _add_day(
    connection: duckdb.DuckDBPyConnection, folder: Path, archive: Archive, day: date, first: int
) -> None:
    """One day of events, receipts and inbound files, in one commit."""
    archive.staging.mkdir(parents=True, exist_ok=True)
    staged = []
    for table, query, partition in (
        (EVENTS, EVENTS_OF_A_DAY, {"source": "web", "received_date": str(day)}),
        (RECEIPTS, RECEIPTS_OF_A_DAY, {"destination": "tiktok", "attempted_date": str(day)}),
    ):
        parameters = {"day": str(day), "first": first, "count": PER_DAY, "files": FILES_PER_DAY}
        used = {name: value for name, value in parameters.items() if f"${name}" in query}
        rows = connection.sql(query, params=used).to_arrow_table()
        staged.append(_stage(archive, table, rows.cast(table.file_schema), partition))
    names = [f"inbound/{day}/{hour:02d}.ndjson" for hour in range(FILES_PER_DAY)]
    files, paths = [], []
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
        about = path.stat()
        known = {
            "kind": "events",
            "source": "web",
            "path": name,
            "size_bytes": about.st_size,
            "file_id": hashlib.sha256(f"{day}{names.index(name)}".encode()).hexdigest(),
        }
        records = PER_DAY // FILES_PER_DAY
        counts = {"records": records, "archived": records, "quarantined": 0, "rows": records}
        files.append({**known, **counts, "format": "ndjson", "imported_at": IMPORTED_AT})
        paths.append({**known, "modified_ns": about.st_mtime_ns, "seen_at": IMPORTED_AT})
    for table, new in ((INBOUND_FILES, files), (INBOUND_PATHS, paths)):
        rows = pa.Table.from_pylist(new, schema=table.schema)
        staged.append(_stage(archive, table, rows, {}))
    archive.commit(staged)


def _stage(archive: Archive, table: Table, rows: pa.Table, partition: dict[str, str]) -> StagedFile:
    name = f"{table.name}-{os.urandom(8).hex()}.parquet"
    staged = archive.staging / name
    pq.write_table(rows, staged, compression="zstd")
    inside = "/".join(f"{key}={value}" for key, value in partition.items())
    return StagedFile(table.name, staged, f"{inside}/{name}".lstrip("/"), partition, rows.num_rows)


def write_receipts(folder: Path, number: int) -> None:
    """One file of new receipts, of the last ten minutes before midnight."""
    start = AS_OF - timedelta(minutes=20)
    path = folder / "receipts" / f"{number:06d}.ndjson"
    draft = path.with_suffix(".part")
    with draft.open("w") as file:
        for row in range(NEW_RECEIPTS):
            record = {
                "event_id": f"new-{number}-{row}",
                "event_name": "CompletePayment",
                "outcome": "failed" if row % 50 == 0 else "accepted",
                "code": "50000" if row % 50 == 0 else "0",
                "attempted_at": (start + timedelta(milliseconds=600 * row)).isoformat(),
                "latency_ms": 80 + row % 90,
            }
            file.write(json.dumps(record) + "\n")
    draft.rename(path)


def run(folder: Path, *arguments: str) -> None:
    """One command of archiver that must not fail."""
    command = [sys.executable, "-m", "archiver", "--config", str(folder / "archiver.toml")]
    if arguments[0] == "nightly":
        arguments = (*arguments, "--as-of", AS_OF.isoformat())
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{arguments} ended with {done.returncode}: {done.stderr}")


def measure(folder: Path, command: list[str], codes: tuple[int, ...] = (0,)) -> Cost:
    """Run a process in the folder; what it and its children took."""
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"{command} ended with {process.returncode}: {said}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(cpu, time.monotonic() - started, usage.ru_maxrss / 1024)


def rounds(folders: list[Path], count: int) -> dict[str, list[list[Cost]]]:
    """Every line's costs per archive, measured in turns."""
    archiver = [sys.executable, "-m", "archiver", "--config", "archiver.toml"]
    as_of = ["--as-of", AS_OF.isoformat()]
    lines: dict[str, list[list[Cost]]] = {
        name: [[] for _ in folders]
        for name in ("watch", "watch, nothing new", "group by hour", "nightly, nothing new")
    }
    for number in range(count + 1):
        for place, folder in enumerate(folders):
            write_receipts(folder, time.time_ns() // 1_000_000)
            costs = [
                measure(folder, [*archiver, "watch", *as_of]),
                measure(folder, [*archiver, "watch", *as_of]),
                measure(folder, [sys.executable, "-c", GROUP_BY_HOUR]),
            ]
            for name, cost in zip(lines, costs, strict=False):
                # The first round warms the caches of the disk.
                lines[name][place] += [cost] if number else []
    for place, folder in enumerate(folders):
        run(folder, "nightly")
        lines["nightly, nothing new"][place] = [
            measure(folder, [*archiver, "nightly", *as_of], (0, 3)) for _ in range(count)
        ]
    return lines


def render(lines: dict[str, list[list[Cost]]], events: list[int]) -> str:
    """The table: medians, and how much more the larger archive costs."""
    text = [
        f"{NEW_RECEIPTS:,} new receipts each time; medians of {len(lines['watch'][0])} rounds",
        "",
        f"{'':22}{'events':>12}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'CPU, ratio':>12}",
    ]
    for name, by_archive in lines.items():
        base = _median(by_archive[0]).cpu_seconds
        for size, costs in zip(events, by_archive, strict=True):
            cost = _median(costs)
            text.append(
                f"{name:22}{size:>12,}{cost.cpu_seconds:>9.2f}{cost.wall_seconds:>9.2f}"
                f"{cost.peak_mib:>10.0f}{cost.cpu_seconds / base:>12.2f}"
            )
            name = ""
    return "\n".join(text)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu_seconds for cost in costs),
        statistics.median(cost.wall_seconds for cost in costs),
        max(cost.peak_mib for cost in costs),
    )


@contextlib.contextmanager
def home(cache: Path | None) -> Iterator[Path]:
    """The folder of the archives: the user's, or one that is removed at the end."""
    if cache is not None:
        yield cache.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="archiver-nightly-") as name:
        yield Path(name)


def main() -> None:
    """Build what is not there yet, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", default="1000000,10000000", help="sizes of the archives")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="keep the archives in this folder")
    parser.add_argument("--build-only", action="store_true", help="make the archives, no more")
    options = parser.parse_args()
    events = [int(size) for size in options.events.split(",")]
    with home(options.cache) as root:
        folders = [root / f"events-{size}" for size in events]
        missing = [
            (folder, size)
            for folder, size in zip(folders, events, strict=True)
            if not (folder / "complete").exists()
        ]
        if missing and not options.build_only:
            # A process counts the memory of the one that started it: that one stays small.
            own = [sys.executable, __file__, "--build-only", "--cache", str(root)]
            subprocess.run([*own, "--events", options.events], check=True)
            missing = []
        for folder, size in missing:
            shutil.rmtree(folder, ignore_errors=True)
            build(folder, size)
            (folder / "complete").touch()
        if not options.build_only:
            print(render(rounds(folders, options.rounds), events))


if __name__ == "__main__":
    main()
