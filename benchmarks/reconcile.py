"""Reconciliation beside the bare join and its peers: CPU seconds and peak memory.

    python benchmarks/reconcile.py [--conversions 5000000] [--ways archiver,window,aggregate,polars]

All read the same generated Parquet files, each in a process of its own: conversions as the
warehouse holds them and receipts as the archive does, as many of the one as of the other. One in a
hundred conversions occurs twice, one receipt in twenty is a second attempt, one in forty is absent.
The ways:

* archiver: every step of `archiver reconcile` (statuses, coverage, incidents, totals, findings) and
  its checks; the rows of the kept run are written;
* window: both sides de-duplicated with ROW_NUMBER, a full outer join, counts and sums per day, in
  DuckDB: what an analyst would write. No status, no file is written;
* aggregate: the same, de-duplicated with GROUP BY and arg_min;
* polars: the same join in Polars;
* datacompy: both sides de-duplicated by Polars, then compared. It needs an older Polars than
  archiver's tests, so a Python of its own: --datacompy-python; without it that line says so.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

AS_OF = "2026-03-01T00:00:00+00:00"

CONFIG = """\
[archive]
root = "archive"
[warehouse]
path = "warehouse"
[sources.web]
paths = ["inbound/*.gz"]
[destinations.tiktok]
type = "tiktok-events"
account_timezone = "America/New_York"
pixel = "none"
max_age = "7d"
"""

CONVERSIONS = """
SELECT
  'tiktok' AS destination, 'web' AS source, 'message-' || md5(i::VARCHAR) AS message_id,
  'message-' || md5(i::VARCHAR) AS event_id, 1::BIGINT AS key_tier,
  NULL::VARCHAR[] AS further_ids, names[1 + i % 7] AS event, 'Order Completed' AS inbound_event,
  md5((i // 100000)::VARCHAR) || md5((i // 100000)::VARCHAR) AS file_id,
  (i % 100000)::BIGINT AS record_number,
  happened_at + INTERVAL 2 SECOND AS arrival, happened_at AS event_time,
  happened_at AS content_time, CASE WHEN i % 7 = 0 THEN 'order-' || i END AS order_id,
  CASE WHEN i % 7 = 0 THEN ((i % 20000) / 100)::DECIMAL(38, 18) END AS value,
  CASE WHEN i % 7 = 0 THEN 'USD' END AS currency, NULL::VARCHAR AS suppressed_reason
FROM (
  SELECT
    i, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * $step_us) AS happened_at,
    ['CompletePayment', 'AddToCart', 'AddToCart', 'ViewContent', 'ViewContent', 'ViewContent',
     'PageView'] AS names
  FROM (SELECT CASE WHEN range % 100 = 99 THEN range - 1 ELSE range END AS i FROM range($count))
)
"""

RECEIPTS = """
SELECT
  'tiktok' AS destination, (happened_at + INTERVAL 3 SECOND)::DATE AS attempted_date,
  'message-' || md5(i::VARCHAR) AS event_id, names[1 + i % 7] AS event_name,
  happened_at AS event_time, CASE WHEN i % 100 = 3 THEN 'failed' ELSE 'accepted' END AS outcome,
  CASE WHEN i % 100 = 3 THEN '50000' ELSE '0' END AS code, 'OK' AS message,
  happened_at + INTERVAL 3 SECOND AS attempted_at, md5((i // 10)::VARCHAR) AS request_id,
  1::BIGINT AS attempt,
  CASE WHEN i % 7 = 0 THEN ((i % 20000) / 100)::DECIMAL(38, 18) END AS value,
  CASE WHEN i % 7 = 0 THEN 'USD' END AS currency,
  md5((i // 100000)::VARCHAR) || md5((i // 100000)::VARCHAR) AS file_id,
  (i % 100000)::BIGINT AS record_number, NULL::VARCHAR AS payload
FROM (
  SELECT
    i, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * $step_us) AS happened_at,
    ['CompletePayment', 'AddToCart', 'AddToCart', 'ViewContent', 'ViewContent', 'ViewContent',
     'PageView'] AS names
  FROM (SELECT CASE WHEN range % 20 = 19 THEN range - 1 ELSE range END AS i FROM range($count))
  WHERE i % 40 <> 5
)
"""

JOIN = """
SELECT
  CAST(COALESCE(c.event_time, r.event_time) AT TIME ZONE 'America/New_York' AS DATE) AS day,
  COALESCE(c.event, r.event_name) AS event,
  COUNT(*) FILTER (WHERE r.outcome = 'accepted') AS accepted,
  COUNT(*) FILTER (WHERE r.outcome = 'failed') AS failed,
  COUNT(*) FILTER (WHERE r.event_id IS NULL) AS missing,
  COUNT(*) FILTER (WHERE c.event_id IS NULL) AS unarchived,
  SUM(c.value) AS value
FROM c FULL OUTER JOIN r ON c.event_id = r.event_id AND c.event = r.event_name
GROUP BY 1, 2 ORDER BY 1, 2
"""

WINDOW = f"""
WITH c AS (
  FROM 'conversions.parquet' QUALIFY ROW_NUMBER() OVER (
    PARTITION BY event_id, event ORDER BY arrival, file_id, record_number) = 1
), r AS (
  FROM 'receipts.parquet' QUALIFY ROW_NUMBER() OVER (
    PARTITION BY event_id, event_name
    ORDER BY outcome, attempted_at DESC, file_id, record_number) = 1
) {JOIN}
"""

AGGREGATE = f"""
WITH c AS (
  SELECT event_id, event, MIN(event_time) AS event_time, arg_min(value, arrival) AS value
  FROM 'conversions.parquet' GROUP BY ALL
), r AS (
  SELECT event_id, event_name, MIN(event_time) AS event_time, MIN(outcome) AS outcome
  FROM 'receipts.parquet' GROUP BY ALL
) {JOIN}
"""

POLARS = """
import polars as pl
c = pl.scan_parquet('conversions.parquet').sort('arrival').unique(
    ['event_id', 'event'], keep='first', maintain_order=True)
r = pl.scan_parquet('receipts.parquet').sort('outcome', 'attempted_at').unique(
    ['event_id', 'event_name'], keep='first', maintain_order=True)
both = c.select('event_id', 'event', 'event_time', 'value').join(
    r.select('event_id', pl.col('event_name').alias('event'), 'event_time', 'outcome'),
    on=['event_id', 'event'], how='full', coalesce=True)
day = pl.coalesce('event_time', 'event_time_right').dt.convert_time_zone('America/New_York')
print(both.group_by(day.dt.date().alias('day'), 'event').agg(
    pl.len(), accepted=(pl.col('outcome') == 'accepted').sum(),
    missing=pl.col('outcome').is_null().sum(), value=pl.col('value').sum()
    ).sort('day', 'event').collect(engine='streaming').head(2))
"""

DATACOMPY = """
import polars as pl
from datacompy.polars import PolarsCompare
c = pl.scan_parquet('conversions.parquet').sort('arrival').unique(
    ['event_id', 'event'], keep='first').select(
    'event_id', 'event', 'event_time', 'value').collect()
r = pl.scan_parquet('receipts.parquet').sort('outcome', 'attempted_at').unique(
    ['event_id', 'event_name'], keep='first').select(
    'event_id', pl.col('event_name').alias('event'), 'event_time', 'value').collect()
compared = PolarsCompare(c, r, join_columns=['event_id', 'event'])
print(len(compared.df1_unq_rows), len(compared.df2_unq_rows))
"""


def generate(folder: Path, conversions: int) -> None:
    """Write both sides, 30 days of them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        step_us = 30 * 86_400 * 10**6 // conversions
        for name, query in (("conversions", CONVERSIONS), ("receipts", RECEIPTS)):
            connection.execute(
                f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd)",
                {"count": conversions, "step_us": step_us},
            )


def archiver(folder: Path) -> None:
    """The steps of `archiver reconcile`, on views that the warehouse would have."""
    from datetime import datetime

    from archiver.archive import tables
    from archiver.config import load_config
    from archiver.database import connect, null_columns
    from archiver.reconcile.binding import bind_settings
    from archiver.reconcile.run import Question, judge

    (folder / "archiver.toml").write_text(CONFIG)
    config = load_config(folder / "archiver.toml", {})
    draft = folder / "draft"
    draft.mkdir(exist_ok=True)
    with connect(spill=folder / "spill") as connection:
        for view, query in (
            ("conversion_occurrences", "FROM 'conversions.parquet'"),
            ("receipts", "FROM 'receipts.parquet'"),
            (
                "event_segments",
                "SELECT source, message_id, inbound_event AS event, arrival, event_time, order_id,"
                " value, file_id, record_number FROM 'conversions.parquet'",
            ),
            ("erased_records", "SELECT '' AS source, '' AS file_id, 0 AS record_number LIMIT 0"),
        ):
            connection.execute(f"CREATE VIEW {view} AS {query}")
        for table in (tables.INBOUND_PATHS, tables.COVERAGE, tables.RECEIPT_TOTALS):
            connection.execute(
                f"CREATE VIEW {table.name} AS SELECT {null_columns(table.schema)} LIMIT 0"
            )
        connection.execute(
            "CREATE VIEW inbound_files AS SELECT * REPLACE ('events' AS kind, 'web' AS source)"
            f" FROM (SELECT {null_columns(tables.INBOUND_FILES.schema)})"
        )
        bind_settings(connection, config, config.destinations)
        judge(connection, draft, "benchmark", Question(datetime.fromisoformat(AS_OF)))
        print(connection.execute("SELECT SUM(accepted), SUM(gap) FROM daily_gaps").fetchall())


def bare(query: str) -> None:
    """One query in DuckDB."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        print(connection.execute(query).fetchall()[:1])


def measure(command: list[str], folder: Path) -> tuple[float, float, float] | str:
    """CPU seconds, wall seconds and peak MiB of a process; or why it failed."""
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = [line for line in error.splitlines() if "Error" in line or "Exception" in line]
        return (told or [f"ended with {process.returncode}"])[-1][:90]
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Generate, run each way in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--conversions", type=int, default=5_000_000)
    parser.add_argument("--ways", default="archiver,window,aggregate,polars,datacompy")
    parser.add_argument("--datacompy-python", default=sys.executable)
    parser.add_argument("--child", choices=["archiver", "window", "aggregate"])
    arguments = parser.parse_args()
    if arguments.child == "archiver":
        archiver(Path.cwd())
        return
    if arguments.child:
        bare({"window": WINDOW, "aggregate": AGGREGATE}[arguments.child])
        return
    own = [sys.executable, str(Path(__file__).resolve()), "--child"]
    commands = {
        "archiver": [*own, "archiver"],
        "window": [*own, "window"],
        "aggregate": [*own, "aggregate"],
        "polars": [sys.executable, "-c", POLARS],
        "datacompy": [arguments.datacompy_python, "-c", DATACOMPY],
    }
    with tempfile.TemporaryDirectory(prefix="archiver-benchmark-") as scratch:
        folder = Path(scratch)
        generate(folder, arguments.conversions)
        results = {way: measure(commands[way], folder) for way in arguments.ways.split(",")}
    base = results.get("window")
    print(f"{arguments.conversions:,} conversions and as many receipts")
    print(f"{'':12}{'CPU s':>8}{'ratio':>8}{'wall s':>8}{'peak MiB':>10}")
    for way, result in results.items():
        if isinstance(result, str):
            print(f"{way:12}{result}")
            continue
        cpu, wall, peak = result
        ratio = f"{cpu / base[0]:.2f}" if isinstance(base, tuple) else "-"
        print(f"{way:12}{cpu:8.1f}{ratio:>8}{wall:8.1f}{peak:10.0f}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
