"""Which feeds are older than they may be (docs/nightly.md, Stale feeds)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from archiver.account_days import zone_at
from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import (
    COVERAGE,
    EVENTS,
    INBOUND_FILES,
    INBOUND_PATHS,
    RECEIPT_TOTALS,
    RECEIPTS,
    Table,
)
from archiver.config import Config, DestinationSettings
from archiver.reconcile.binding import UPLOAD_LOG
from archiver.warehouse.database import bind_files, bind_table, connect
from archiver.warehouse.runs import asked_runs, read_run

# As sql/reconcile/feed_days.sql reads paths: the last date in one.
_DAY = re.compile(r".*(\d{4}-\d{2}-\d{2}).*", re.DOTALL)


@dataclass(frozen=True)
class Feed:
    """How far one feed reaches, and whether that is far enough.

    Attributes:
        kind: `source` or `destination`.
        name: its name in the configuration.
        newest: of a source the newest arrival, of a destination the feed's last sign of life,
            UTC; None: there was none ever.
        allowed: its `stale_after`.
        is_stale: it is older than it may be.
        since: from when on that counts, UTC: of a source its newest arrival, of a destination the
            earliest arrival that the feed should know of and does not; None where it is not stale,
            or a source never had an event, or no event was ever a conversion.
        note: why it is stale, where its age does not say that, and where to look; plain text.
    """

    kind: str
    name: str
    newest: datetime | None
    allowed: timedelta
    is_stale: bool
    since: datetime | None = None
    note: str = ""


def feeds(config: Config, archive: Archive, as_of: datetime) -> list[Feed]:
    """The age of every source's events and of every destination's feed.

    A source is stale when its newest arrival is older than its `stale_after`, or when it has no
    event. A destination's feed is stale when a conversion of its last reconciliation over all days
    arrived more than `stale_after` ago, the feed says nothing of it, and the feed's last sign of
    life is older than that arrival; or when what it says since belongs to none of them; or when its
    sources have had events for so long, and none was ever a conversion. Events and receipts after
    the instant are ignored. Only the newest partitions of the archive are read.

    Args:
        config: sources and destinations.
        archive: events, receipts, totals, ledger and vouched ranges.
        as_of: the instant for which it is true, UTC.

    Returns:
        Sources by name, then destinations by name.
    """
    arrivals = newest(archive, EVENTS, as_of, "COALESCE(received_at, sent_at, event_time)")
    found = []
    for name in sorted(config.sources):
        allowed, last = config.sources[name].stale_after, arrivals.get(name)
        is_stale = last is None or as_of - last > allowed
        found.append(Feed("source", name, last, allowed, is_stale, last if is_stale else None))
    life = _signs_of_life(config, archive, as_of)
    runs = _last_runs(config)
    for name in sorted(config.destinations):
        allowed = config.destinations[name].stale_after
        latest, run = as_of - allowed, runs.get(name)
        since = _first_unknown(run, name, life.get(name), latest)
        is_stale, note = since is not None, ""
        if run is not None and not is_stale:
            least = config.destinations[name].incident_min
            since, note = _unmatched(run, name, least, latest, allowed)
            if not note and _has_no_conversion(config, archive, run, name, latest):
                note = "none of its sources' events was ever a conversion: see its preset and rules"
            is_stale = bool(note)
        found.append(Feed("destination", name, life.get(name), allowed, is_stale, since, note))
    return found


def newest(
    archive: Archive, table: Table, as_of: datetime, instant: str, left_out: Collection[str] = ()
) -> dict[str, datetime]:
    """Per source or destination its newest instant by the as-of.

    The second partition column is the instant's UTC day, so that the newest partition that has
    one decides.

    Args:
        archive: what is known.
        table: its first two partition columns are the name and the day.
        as_of: later instants are ignored.
        instant: SQL of the instant.
        left_out: file ids whose rows do not count.
    """
    who, day = table.partitions
    last_day = as_of.astimezone(UTC).date().isoformat()
    days: dict[str, dict[str, list[Path]]] = {}
    for file in archive.data_files(table):
        name, on = file.partition[who], file.partition[day]
        if name is not None and on is not None and on <= last_day:
            path = archive.root / table.name / file.path
            days.setdefault(name, {}).setdefault(on, []).append(path)
    found: dict[str, datetime] = {}
    with connect() as connection:
        connection.register("left_out", pa.table({"file_id": pa.array(left_out, pa.string())}))
        query = (
            f"SELECT MAX({instant}) FROM newest WHERE {instant} <= ?"
            " AND file_id NOT IN (SELECT file_id FROM left_out)"
        )
        for name, by_day in days.items():
            for on in sorted(by_day, reverse=True):
                bind_files(connection, "newest", by_day[on], table.file_schema)
                row = connection.execute(query, [as_of]).fetchone()
                if row is not None and row[0] is not None:
                    found[name] = row[0]
                    break
    return found


def _signs_of_life(config: Config, archive: Archive, as_of: datetime) -> dict[str, datetime]:
    """Per destination when its feed last said anything of what was to be delivered."""
    uploads = {
        row["file_id"]
        for row in read_small(archive, INBOUND_FILES)
        .select(["kind", "format", "file_id"])
        .to_pylist()
        if (row["kind"], row["format"]) == ("receipts", UPLOAD_LOG)
    }
    signs: dict[str, list[datetime]] = {name: [] for name in config.destinations}
    for name, instant in newest(archive, RECEIPTS, as_of, "attempted_at", uploads).items():
        if name in signs:
            signs[name].append(instant)
    for row in archive.read(COVERAGE, ["destination", "starts_at", "ends_at"]).to_pylist():
        if row["destination"] in signs and row["starts_at"] <= as_of:
            signs[row["destination"]].append(row["ends_at"])
    if any(about.coverage == "daily" for about in config.destinations.values()):
        for name, end in _covered_days(config, archive, as_of, uploads):
            signs[name].append(end)
    if any(about.reports == "totals" for about in config.destinations.values()):
        for name, day in _counted_days(archive):
            about = config.destinations.get(name)
            if about is not None and about.reports == "totals":
                begin, end = _bounds(day, about)
                if begin <= as_of:
                    signs[name].append(end)
    return {name: max(instants) for name, instants in signs.items() if instants}


def _counted_days(archive: Archive) -> list[tuple[str, date]]:
    """Destinations and account days that totals were imported of."""
    with connect() as connection:
        bind_table(connection, archive, RECEIPT_TOTALS)
        rows: list[tuple[str, date]] = connection.execute(
            f"SELECT DISTINCT destination, account_day FROM {RECEIPT_TOTALS.name}"
        ).fetchall()
    return rows


def _covered_days(
    config: Config, archive: Archive, as_of: datetime, uploads: Collection[str]
) -> Iterator[tuple[str, datetime]]:
    """Ends of the UTC days, begun by the as-of, for which a daily feed has a file.

    The day is in the file's path; of a file without, its attempts say it.
    """
    undated: dict[str, set[str]] = {}
    columns = ["kind", "destination", "path", "file_id"]
    for row in read_small(archive, INBOUND_PATHS).select(columns).to_pylist():
        about = config.destinations.get(row["destination"] or "")
        is_daily = about is not None and about.coverage == "daily" and row["kind"] == "receipts"
        if not is_daily or row["file_id"] in uploads:
            continue
        match = _DAY.fullmatch(row["path"])
        try:
            day = date.fromisoformat(match[1]) if match else None
        except ValueError:
            day = None
        if day is None:
            undated.setdefault(row["destination"], set()).add(row["file_id"])
        elif datetime.combine(day, time(), UTC) <= as_of:
            yield row["destination"], _day_end(day)
    if undated:
        dated = {
            row["file_id"]
            for row in read_small(archive, INBOUND_FILES).select(["file_id"]).to_pylist()
            if not any(row["file_id"] in ids for ids in undated.values())
        }
        attempts = newest(archive, RECEIPTS, as_of, "attempted_at", dated | set(uploads))
        for name in undated:
            if name in attempts:
                yield name, _day_end(attempts[name].astimezone(UTC).date())


def _day_end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _bounds(day: date, about: DestinationSettings) -> tuple[datetime, datetime]:
    """When an account day begins and ends, each midnight in the zone that holds then."""

    def midnight(on: date) -> datetime:
        by_today = datetime.combine(on, time(), ZoneInfo(about.account_timezone))
        return datetime.combine(on, time(), ZoneInfo(zone_at(by_today, about.zones)))

    return midnight(day).astimezone(UTC), midnight(day + timedelta(days=1)).astimezone(UTC)


def _last_runs(config: Config) -> dict[str, Path]:
    """Per destination the last reconciliation over all days that a user asked for."""
    found: dict[str, Path] = {}
    for run in reversed(asked_runs(config.warehouse_path)):
        record = read_run(run)
        if record.is_unbounded:
            found = dict.fromkeys(record.destinations, run) | found
        if found.keys() >= config.destinations.keys():
            break
    return found


def _first_unknown(
    run: Path | None, name: str, life: datetime | None, latest: datetime
) -> datetime | None:
    """The earliest arrival, after the last sign of life and by `latest`, the feed says nothing of.

    Without a reconciliation nothing is known to be missing.
    """
    if run is None:
        return None
    with connect() as connection:
        bind_files(connection, "kept", [run / "reconciliation.parquet"], "*")
        row = connection.execute(
            "SELECT MIN(arrival) FROM kept WHERE destination = $name"
            " AND status NOT IN ('accepted', 'rejected', 'failed', 'suppressed')"
            " AND arrival <= $latest AND COALESCE(arrival > $life, TRUE)",
            {"name": name, "latest": latest, "life": life},
        ).fetchone()
    return row[0] if row else None


def _unmatched(
    run: Path, name: str, least: int, latest: datetime, longest: timedelta
) -> tuple[datetime | None, str]:
    """From when on what the feed says belongs to no conversion, and what that is called.

    A feed with the ids of something else is alive and says nothing. Fewer than `least` conversions
    in a row, or a row that is shorter than `longest`, tell nothing, unless there was never any
    other: the files of a source and of a feed may be late in turn.
    """
    with connect() as connection:
        bind_files(connection, "kept", [run / "reconciliation.parquet"], "*")
        row = connection.execute(
            "WITH told AS (SELECT MAX(arrival) AS told_at FROM kept WHERE destination = $name"
            " AND (attempts > 0 OR status IN ('accepted', 'rejected', 'failed', 'missing')))"
            " SELECT COUNT(*), MIN(kept.arrival), ANY_VALUE(told.told_at) FROM kept, told"
            " WHERE kept.destination = $name AND kept.status = 'unknown'"
            " AND kept.reason IN ('not_covered', 'no_key') AND kept.arrival <= $latest"
            " AND COALESCE(kept.arrival > told.told_at, TRUE)",
            {"name": name, "latest": latest},
        ).fetchone()
    count, since, told_at = row or (0, None, None)
    if not count:
        return None, ""
    since = since.astimezone(UTC)
    if told_at is not None and (count < least or latest - since < longest):
        return None, ""
    return since, (
        f"of {count:,} conversions since {since:%Y-%m-%d %H:%M} UTC it names none: see its"
        " match_keys, and whose receipts these are"
    )


def _has_no_conversion(
    config: Config, archive: Archive, run: Path, name: str, latest: datetime
) -> bool:
    """Whether its sources had events before the day of `latest`, and none was a conversion."""
    sources = config.destinations[name].sources or list(config.sources)
    who, day = EVENTS.partitions
    last_day = latest.astimezone(UTC).date().isoformat()
    if not any(
        file.partition[who] in sources and (file.partition[day] or last_day) < last_day
        for file in archive.data_files(EVENTS)
    ):
        return False
    with connect() as connection:
        bind_files(connection, "kept", [run / "reconciliation.parquet"], "*")
        row = connection.execute(
            "SELECT COUNT(*) FROM kept WHERE destination = $name", {"name": name}
        ).fetchone()
    return row is not None and not row[0]
