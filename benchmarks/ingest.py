"""Ingest beside DuckDB's COPY of the same columns: CPU seconds and peak memory.

    python benchmarks/ingest.py [--events 400000]

Both read the same generated gzip files, each in a process of its own, and write zstd Parquet by
day. DuckDB writes no ledger, hashes no file, quarantines nothing and syncs nothing.
"""

from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = """\
[archive]
root = "archive"

[warehouse]
path = "warehouse"

[sources.web]
paths = ["inbound/*.gz"]
"""

# Stands alone, so that the child imports nothing but DuckDB.
COPY = """
import duckdb
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute("SET enable_progress_bar = false")
connection.execute('''
  COPY (
    WITH records AS (
      SELECT json AS payload, filename AS file_id, ROW_NUMBER() OVER () - 1 AS record_number,
        json_extract_string(json, ['messageId', 'type', 'event', 'userId', 'anonymousId',
          'timestamp', 'originalTimestamp', 'sentAt', 'receivedAt']) AS f
      FROM read_ndjson_objects('inbound/*.gz', filename = true)
    ), times AS (
      SELECT *, TRY_CAST(f[6] AS TIMESTAMPTZ) AS event_time,
        TRY_CAST(f[7] AS TIMESTAMPTZ) AS original_timestamp,
        TRY_CAST(f[8] AS TIMESTAMPTZ) AS sent_at, TRY_CAST(f[9] AS TIMESTAMPTZ) AS received_at
      FROM records
    )
    SELECT 'web' AS source, COALESCE(received_at, sent_at, event_time)::DATE AS received_date,
      file_id, record_number, f[1] AS message_id, f[2] AS type, f[3] AS event, f[4] AS user_id,
      f[5] AS anonymous_id, event_time, original_timestamp, sent_at, received_at,
      payload::VARCHAR AS payload
    FROM times
  ) TO 'copied' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (source, received_date))
''')
"""

COUNT = """
import sys
import duckdb
files = f"{sys.argv[1]}/**/*.parquet"
print(duckdb.sql(f"SELECT COUNT(*) FROM read_parquet('{files}')").fetchall()[0][0])
"""


@dataclass(frozen=True)
class Measured:
    """One child process.

    Attributes:
        name: what it is.
        wall_seconds, cpu_seconds: its time; CPU of all its threads and children.
        peak_bytes: its largest resident set.
    """

    name: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(name: str, command: list[str], folder: Path) -> Measured:
    """Run a command to its end in a folder; its output is shown if it fails.

    This process stays small, since Linux counts its size at the fork as the child's peak.
    """
    _compile()
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if child.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise SystemExit(f"{name} ended with {child.returncode}:\n{text}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(name, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


@cache
def _compile() -> None:
    """Compile the package, as pip does with what it installs, so that no child has to."""
    compileall.compile_dir(HERE.parent / "archiver", quiet=1)


def compare(folder: Path, events: int, runs: int) -> list[Measured]:
    """The best run of each way, ours first; both must hold every event."""
    python = sys.executable
    inbound = [python, str(HERE / "generate.py"), "inbound", "--events", str(events)]
    subprocess.run(inbound, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "archiver.toml").write_text(CONFIG, encoding="utf-8")
    ingest = [python, "-m", "archiver", "--config", "archiver.toml", "ingest"]
    ways = {
        "archiver ingest": (ingest, "archive/events"),
        "DuckDB COPY": ([python, "-c", COPY], "copied"),
    }
    best: dict[str, Measured] = {}
    for _ in range(runs):
        for name, (command, output) in ways.items():
            subprocess.run(["rm", "-rf", "archive", "warehouse", "copied"], cwd=folder, check=True)
            os.sync()
            result = measured(name, command, folder)
            counted = subprocess.check_output([python, "-c", COUNT, output], cwd=folder, text=True)
            if int(counted) != events:
                raise SystemExit(f"{name} wrote {int(counted):,} of {events:,} events")
            if name not in best or result.cpu_seconds < best[name].cpu_seconds:
                best[name] = result
    return [best[name] for name in ways]


def render(results: list[Measured], events: int, inbound_bytes: int) -> str:
    """The table; the ratio is to the last way."""
    other = results[-1]
    lines = [
        f"{events:,} Segment events in gzip files of {inbound_bytes / 1e6:.0f} MB, best runs",
        "",
        f"{'':<18}{'CPU, s':>9}{'ratio':>8}{'wall, s':>10}{'peak, MiB':>12}{'ratio':>8}",
    ]
    for result in results:
        lines.append(
            f"{result.name:<18}{result.cpu_seconds:>9.2f}"
            f"{result.cpu_seconds / other.cpu_seconds:>7.2f}×{result.wall_seconds:>10.2f}"
            f"{result.peak_bytes / 2**20:>12.0f}{result.peak_bytes / other.peak_bytes:>7.2f}×"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=2, help="of each way; the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archiver-ingest-") as name:
        folder = Path(name)
        results = compare(folder, options.events, options.runs)
        size = sum(path.stat().st_size for path in (folder / "inbound").iterdir())
    print(render(results, options.events, size))


if __name__ == "__main__":
    main()
