"""Hourly sums of receipts: how the APIs perform, without reading the receipts again.

They are made while loading, from those data files of the archive that are not summed yet, and kept
in immutable Parquet files that add up. Small ones are merged on the way, so that there are few
however often something is loaded. A partition of `receipts` whose data files are gone without a
successor (retention) is summed afresh; a compaction changes nothing.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from archiver import resources
from archiver.archive.lineage import pending
from archiver.archive.store import Archive
from archiver.archive.tables import INSTANT, RECEIPTS, TEXT
from archiver.config import Config
from archiver.destinations.throttling import throttling_codes
from archiver.files import replace_durably
from archiver.warehouse.database import bind_files, connect, create, hive_types
from archiver.warehouse.snapshot import Snapshot

SUMS = pa.schema(
    [
        ("destination", TEXT),
        ("hour", INSTANT),
        ("outcome", TEXT),
        ("code", TEXT),
        ("latency_ms", pa.int64()),
        ("attempts", pa.int64()),
    ]
)
"""Grain: all but `attempts`, and segment. `hour`: beginning of the UTC hour of the attempts.

`latency_ms`: how long the request took, to two significant digits, where its record says so; of
the events of one request only the first has it. Source of the keys: sql/load/attempt_sums.sql.
"""

VIEWS = ("api_attempts", "api_performance", "api_errors")
_SETTINGS = pa.schema(
    [
        ("destination", TEXT),
        ("reports", TEXT),
        ("throttling_codes", pa.list_(TEXT)),
        ("baseline_weeks", pa.int64()),
        ("min_attempts", pa.int64()),
        ("max_drop", pa.decimal128(18, 4)),
    ]
)
_ROW_GROUP_ROWS = 20_000
# Segments of fewer rows are always merged: reading them costs no more than opening them.
_SMALL_ROWS = 2_000


@dataclass(frozen=True)
class Summed:
    """What is summed after a load.

    Attributes:
        receipts_loaded: data files of the archive's receipts, relative to the archive.
        segments: Parquet files, relative to the warehouse folder.
        data_files: how many data files were read for it.
    """

    receipts_loaded: list[str]
    segments: list[str]
    data_files: int


def sum_receipts(folder: Path, archive: Archive, number: int, known: Snapshot) -> Summed:
    """Bring the sums up to date with the archive. Hold the warehouse's lock.

    Args:
        folder: the warehouse's.
        archive: has the receipts.
        number: of the load, for the new segment's name.
        known: what is summed.

    Returns:
        What is summed now: as known, where nothing is new.
    """
    live = sorted(str(path.relative_to(archive.root)) for path in archive.live_files(RECEIPTS))
    if live == known.receipts_loaded:
        return Summed(live, known.performance_segments, 0)
    inside = f"{RECEIPTS.name}/"
    new, afresh = _to_read(
        archive.root / RECEIPTS.name,
        [name.removeprefix(inside) for name in live],
        [name.removeprefix(inside) for name in known.receipts_loaded],
    )
    segments = known.performance_segments
    if new or afresh:
        files = [archive.root / RECEIPTS.name / path for path in new]
        segments = _written(folder, number, segments, files, afresh)
    return Summed(live, segments, len(new))


def bind_performance(
    connection: duckdb.DuckDBPyConnection, config: Config, snapshot: Snapshot
) -> None:
    """Make the sums, `api_settings` and the views on both: the published database has them."""
    bind_sums(connection, config.warehouse_path, snapshot)
    bind_api_settings(connection, config)
    bind_api_views(connection)


def bind_sums(connection: duckdb.DuckDBPyConnection, folder: Path, snapshot: Snapshot) -> None:
    """Make the view `performance_segments`."""
    files = [folder / name for name in snapshot.performance_segments]
    bind_files(connection, "performance_segments", files, SUMS)


def bind_api_settings(connection: duckdb.DuckDBPyConnection, config: Config) -> None:
    """Make the table `api_settings`: one row per destination, how its hours are judged."""
    watch = config.watch
    settings = pa.Table.from_pylist(
        [
            {
                "destination": name,
                "reports": about.reports,
                "throttling_codes": sorted(throttling_codes(about.type)),
                "baseline_weeks": watch.baseline_weeks,
                "min_attempts": watch.min_attempts,
                "max_drop": Decimal(str(round(watch.max_drop, 4))),
            }
            for name, about in config.destinations.items()
        ],
        _SETTINGS,
    )
    connection.register("configured", settings)
    connection.execute("CREATE TABLE api_settings AS FROM configured")
    connection.unregister("configured")


def bind_api_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views of `VIEWS`, on performance_segments and api_settings."""
    for view in VIEWS:
        connection.execute(f"CREATE VIEW {view} AS {resources.sql(f'tables/{view}')}")


def _to_read(home: Path, live: list[str], loaded: list[str]) -> tuple[list[str], list[str]]:
    """The data files to sum, and the partitions whose old sums are wrong."""
    new: list[str] = []
    afresh: list[str] = []
    live_by, loaded_by = _by_partition(live), _by_partition(loaded)
    for partition in sorted({*live_by, *loaded_by}):
        now, before = live_by[partition], loaded_by[partition]
        if now == before:
            continue
        waiting = pending(home, now, before)
        if before and not waiting.is_whole:
            afresh.append(partition)
            new += now
        else:
            new += waiting.new
    return new, afresh


def _by_partition(paths: Iterable[str]) -> defaultdict[str, list[str]]:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        parts[path.rpartition("/")[0]].append(path)
    return parts


def _written(
    folder: Path, number: int, known: list[str], files: list[Path], afresh: list[str]
) -> list[str]:
    """Write one segment for the new files, and what is merged with it; the segments then."""
    hive = hive_types(RECEIPTS.schema, RECEIPTS.partitions)
    (folder / "performance").mkdir(parents=True, exist_ok=True)
    with connect(spill=folder / ".spill") as connection:
        bind_files(connection, "receipts", files, RECEIPTS.schema, hive=hive)
        create(connection, "new_sums", "load/attempt_sums")
        row = connection.execute("SELECT COUNT(*) FROM new_sums").fetchone()
        rows = row[0] if row else 0
        keep, merge = ([], known) if afresh else _to_merge(folder, known, rows)
        bind_files(connection, "merged_segments", [folder / name for name in merge], SUMS)
        _bind_partitions(connection, afresh)
        sums = connection.sql(resources.sql("load/merged_sums")).to_arrow_table().cast(SUMS)
    name = f"performance/{number:06d}-{uuid.uuid4().hex[:8]}.parquet"
    draft = folder / f"{name}.draft"
    pq.write_table(sums, draft, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    replace_durably(draft, folder / name)
    return [*keep, name]


def _to_merge(folder: Path, known: list[str], rows: int) -> tuple[list[str], list[str]]:
    """Which segments stay, and which go into the new one.

    The newest are merged as long as they are at most twice as large as what they are merged with:
    the sizes fall from one to the next, so that there are few, and each row is merged seldom.
    """
    keep = list(known)
    while keep:
        size = pq.read_metadata(folder / keep[-1]).num_rows
        if size > 2 * max(rows, _SMALL_ROWS):
            break
        rows += size
        keep.pop()
    return keep, known[len(keep) :]


def _bind_partitions(connection: duckdb.DuckDBPyConnection, afresh: list[str]) -> None:
    """Make the table `stale_partitions`: destination and day whose old sums do not count."""
    names = ("destination", "attempted_date")
    rows = [
        {
            name: unquote(part.partition("=")[2])
            for name, part in zip(names, path.split("/"), strict=True)
        }
        for path in afresh
    ]
    schema = pa.schema([(name, TEXT) for name in names])
    connection.register("stale", pa.Table.from_pylist(rows, schema))
    connection.execute(
        "CREATE TEMP TABLE stale_partitions AS"
        " SELECT destination, attempted_date::DATE AS attempted_date FROM stale"
    )
    connection.unregister("stale")
