"""What the SQL of a reconciliation reads beside the archive: settings, zones, vouched ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from archiver.archive.tables import COVERAGE, INSTANT
from archiver.config import Config, DestinationSettings, SourceSettings
from archiver.destinations import destination as destination_type
from archiver.warehouse.database import bind_files

Settings = Mapping[str, DestinationSettings]

UPLOAD_LOG = "upload-log"
"""The receipts format of what `archiver upload` logs: it says nothing about the hub's feed."""

# Of the views that hold millions of rows: texts of which there are few, each with the type that
# numbers it, and buckets of time.
#
# As numbers (ENUM) such texts cost a fifth less time and a third less memory; they are numbered in
# alphabetical order, so that they sort as texts do. TIME_BUCKET, which does not travel to other
# engines, costs a third of DATE_TRUNC, which looks at the calendar.
_FEW_TEXTS = {
    "conversion_occurrences": {
        "destination": "destination_name",
        "event": "event_name",
        "source": "source_name",
        "file_id": "inbound_file",
    },
    "receipts": {
        "destination": "destination_name",
        "event_name": "event_name",
        "file_id": "receipts_file",
    },
    "event_segments": {},
}
_SETTINGS = ("destinations", "account_zones", "destination_sources", "vouched_ranges")
_BUCKETS = {
    "conversion_occurrences": "TIME_BUCKET(INTERVAL 30 MINUTE, arrival) AS arrival_slot",
    "receipts": "TIME_BUCKET(INTERVAL 1 HOUR, attempted_at) AS attempted_hour",
    "event_segments": "TIME_BUCKET(INTERVAL 1 HOUR, arrival) AS arrival_hour",
    "judged": "TIME_BUCKET(INTERVAL 1 HOUR, arrival) AS arrival_hour",
}


def max_age(settings: DestinationSettings) -> timedelta | None:
    """Age at which the destination no longer takes an event; None where it has no limit."""
    if settings.max_age is not None:
        return settings.max_age
    return destination_type(settings.type).limits(settings.event_source).max_age


def dedup_window(settings: DestinationSettings) -> timedelta | None:
    """How long the destination recognises a repeated event; None where it does not."""
    if settings.dedup_window is not None:
        return settings.dedup_window
    return destination_type(settings.type).dedup_window


def bind_settings(
    connection: duckdb.DuckDBPyConnection, config: Config, settings: Settings
) -> None:
    """Make the tables of what is configured and vouched for, and make the large views cheaper.

    Args:
        connection: it has the views of the archive.
        config: the sources.
        settings: the run's destinations; rows of others are left out.
    """
    _bind_destinations(connection, settings)
    _bind_zones(connection, settings)
    _bind_sources(connection, config, settings)
    connection.execute(
        "CREATE TEMP TABLE upload_files AS SELECT DISTINCT destination, file_id FROM inbound_files"
        f" WHERE kind = 'receipts' AND format = '{UPLOAD_LOG}'"
    )
    connection.execute(
        "CREATE TEMP TABLE vouched_ranges AS "
        f"SELECT destination, starts_at, ends_at FROM {COVERAGE.name}"
        " WHERE destination IN (SELECT destination FROM destinations)"
    )
    _shadow_large_views(connection)


def _bind_destinations(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    values = settings.values()
    table = pa.table(
        {
            "destination": pa.array(settings, pa.string()),
            "account_timezone": pa.array([s.account_timezone for s in values], pa.string()),
            "reports": pa.array([s.reports for s in values], pa.string()),
            "coverage": pa.array([s.coverage for s in values], pa.string()),
            "pixel": pa.array([s.pixel or "none" for s in values], pa.string()),
            "retry_window": _durations(s.retry_window for s in values),
            "provisional_after": _durations(s.provisional_after for s in values),
            "max_age": _durations(max_age(s) for s in values),
            "dedup_window": _durations(dedup_window(s) for s in values),
            "incident_min": pa.array([s.incident_min for s in values], pa.int64()),
            "min_gap": pa.array([s.min_gap for s in values], pa.int64()),
            # As written in the configuration: 0.02 is no exact float.
            "totals_tolerance": pa.array([str(s.totals_tolerance) for s in values], pa.string()),
        }
    )
    durations = ("retry_window", "provisional_after", "max_age", "dedup_window")
    replaced = ", ".join(f"to_microseconds({name}) AS {name}" for name in durations)
    connection.register("destination_settings", table)
    connection.execute(
        f"CREATE TEMP TABLE destinations AS SELECT * REPLACE ({replaced},"
        " CAST(totals_tolerance AS DECIMAL(18, 9)) AS totals_tolerance) FROM destination_settings"
    )


def _durations(values: Iterable[timedelta | None]) -> pa.Array:
    micro = timedelta(microseconds=1)
    return pa.array([None if v is None else v // micro for v in values], pa.int64())


def _bind_zones(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    zones = [(name, zone) for name, s in settings.items() for zone in s.zones]
    table = pa.table(
        {
            "destination": pa.array([name for name, _ in zones], pa.string()),
            "account_timezone": pa.array([zone.name for _, zone in zones], pa.string()),
            "starts_at": pa.array([zone.starts_at for _, zone in zones], INSTANT),
            "ends_at": pa.array([zone.ends_at for _, zone in zones], INSTANT),
        }
    )
    connection.register("zones", table)
    connection.execute(
        "CREATE TEMP TABLE account_zones AS SELECT * REPLACE ("
        "COALESCE(starts_at, TIMESTAMPTZ '-infinity') AS starts_at,"
        " COALESCE(ends_at, TIMESTAMPTZ 'infinity') AS ends_at) FROM zones"
    )


def _bind_sources(
    connection: duckdb.DuckDBPyConnection, config: Config, settings: Settings
) -> None:
    """Which sources count for a destination (all where it names none), and how late they come."""
    archived = connection.execute(
        "SELECT DISTINCT source FROM inbound_files WHERE kind = 'events' ORDER BY source"
    ).fetchall()
    sources = [
        (name, source, config.sources.get(source, SourceSettings()).arrival_lag)
        for name, about in settings.items()
        for (source,) in archived
        if not about.sources or source in about.sources
    ]
    table = pa.table(
        {
            "destination": pa.array([name for name, _, _ in sources], pa.string()),
            "source": pa.array([source for _, source, _ in sources], pa.string()),
            "arrival_lag": _durations(lag for _, _, lag in sources),
        }
    )
    connection.register("sources_of_destinations", table)
    connection.execute(
        "CREATE TEMP TABLE destination_sources AS SELECT * REPLACE ("
        "to_microseconds(arrival_lag) AS arrival_lag) FROM sources_of_destinations"
    )


def _shadow_large_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Shadow the large views with ones that cost less, and have this run's rows only."""
    for kind in sorted({kind for kinds in _FEW_TEXTS.values() for kind in kinds.values()}):
        texts = " UNION ".join(
            f"SELECT DISTINCT {column} AS text FROM {view} WHERE {column} IS NOT NULL"
            for view, kinds in _FEW_TEXTS.items()
            for column, of_kind in kinds.items()
            if of_kind == kind
        )
        if kind == "destination_name":
            texts += " UNION SELECT destination AS text FROM destinations"
        connection.execute(f"CREATE TEMP TABLE texts AS SELECT text FROM ({texts}) ORDER BY text")
        connection.execute(f"CREATE TEMP TYPE {kind} AS ENUM (SELECT text FROM texts)")
        connection.execute("DROP TABLE texts")
    for table in _SETTINGS:
        connection.execute(f"ALTER TABLE {table} ALTER destination TYPE destination_name")
    ours = "WHERE destination IN (SELECT destination FROM destinations)"
    for view, kinds in _FEW_TEXTS.items():
        replaced = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in kinds.items())
        numbered = f" REPLACE ({replaced})" if replaced else ""
        more = f", {_is_upload(connection)} AS is_upload" if view == "receipts" else ""
        connection.execute(
            f"CREATE TEMP VIEW {view} AS SELECT *{numbered}, {_BUCKETS[view]}{more}"
            f" FROM memory.main.{view} {ours if replaced else ''}"
        )
    # Files without one are not read: of a text that is numbered, DuckDB cannot tell.
    connection.execute(
        "CREATE TEMP VIEW unnamed_receipts AS SELECT * REPLACE"
        " (CAST(destination AS destination_name) AS destination)"
        f" FROM memory.main.receipts {ours} AND event_name IS NULL"
    )


def _is_upload(connection: duckdb.DuckDBPyConnection) -> str:
    """Whether a receipt is of an upload's log.

    A list of constants costs DuckDB next to nothing, where a join costs seconds.
    """
    found = connection.execute("SELECT DISTINCT file_id FROM upload_files ORDER BY ALL").fetchall()
    if not found:
        return "FALSE"
    ids = ", ".join("'" + file_id.replace("'", "''") + "'" for (file_id,) in found)
    return f"file_id IN ({ids})"


def bind_written(connection: duckdb.DuckDBPyConnection, step: str, path: Path) -> None:
    """Make the view of a step that was written to a file."""
    bind_files(connection, f"{step}_file", [path], "*", temporary=True)
    bucket = f", {_BUCKETS[step]}" if step in _BUCKETS else ""
    connection.execute(f"CREATE TEMP VIEW {step} AS SELECT *{bucket} FROM {step}_file")
