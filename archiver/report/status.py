"""What `status` says: what last ran, how old each feed is, and what is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from archiver.archive.rounds import Round, read_rounds
from archiver.archive.store import Archive
from archiver.archive.tables import (
    BACKFILLS,
    INBOUND_FILES,
    RECEIPT_TOTALS,
    RECEIPTS,
    TABLES,
    VOIDED_BACKFILLS,
)
from archiver.config import Config
from archiver.errors import EXIT_DONE, EXIT_GAP
from archiver.reconcile.binding import UPLOAD_LOG
from archiver.report.recovery import value_texts
from archiver.report.staleness import Feed, feeds, newest
from archiver.report.standing import Standing, standings
from archiver.texts import instant_text
from archiver.warehouse.database import bind_files, bind_table, connect
from archiver.warehouse.load import new_files
from archiver.warehouse.runs import kept_runs, read_run

_GOOD = (EXIT_DONE, EXIT_GAP)
# Two machines' clocks, or one that was set, may differ by so much.
_SKEW = timedelta(hours=1)
_STEPS = ("ingest", "receipts", "load", "reconcile", "report", "alerts", "housekeeping")
LastRuns = Mapping[str, Mapping[str, Any] | None]


def read_status(
    config: Config,
    archive: Archive,
    now: datetime,
    last_runs: LastRuns | None = None,
    *,
    until: datetime | None = None,
) -> dict[str, Any]:
    """The state of runs, feeds, warehouse, gap and archive.

    Args:
        config: sources and destinations.
        archive: ledger, receipts and records of rounds.
        now: the instant by which ages are counted and deadlines have passed, UTC.
        last_runs: per command the record of its last run by hand, as `Settings.record` keeps it;
            None: there was none.
        until: reconciliations as of a later instant are left out; None: none is.

    Returns:
        `as_of`; `steps`: the last run of each step, by hand or in a round; `rounds`: the last
        `nightly` and `watch`; `last_success` with its age; `stale`: what is older than it may be,
        in words; `feeds` (name, kind, `reaches_up_to` UTC, files, quarantined, and of sources and
        receipts `age_seconds`, `allowed_seconds`, `is_stale`); `waiting_data_files`; `open`: per
        destination what its last run over all days left open, with `recovery`, how much of that
        can still be sent now (`sql/report/recovery.sql`); `archive`: files and bytes per table. A
        feed of totals reaches up to the newest account day that it counts; it is there where it is
        configured, or has files.
    """
    last_runs = last_runs or {}
    rounds = {name: _last(read_rounds(archive.root, command=name, months=1)) for name in _ROUNDS}
    ages = feeds(config, archive, now)
    success = _last_success(config, archive, now, last_runs)
    open_parts = standings(config, now, until=until)
    unsettled = _unsettled(archive)
    return {
        "as_of": instant_text(now),
        "steps": _steps(rounds["nightly"], last_runs),
        "rounds": {name: None if one is None else _round(one) for name, one in rounds.items()},
        "last_success": {
            "command": success[0] if success else None,
            "at": instant_text(success[1]) if success else None,
            "age_seconds": _seconds(now - success[1]) if success else None,
            "allowed_seconds": _seconds(config.nightly.stale_after),
        },
        "stale": [*_stale_success(config, now, success, last_runs, rounds), *_stale_feeds(ages)],
        "feeds": _feeds(config, archive, now, ages),
        "waiting_data_files": len(new_files(config, archive)),
        "open": [_open(one, now, unsettled.get(one.destination, 0)) for one in open_parts],
        "archive": _sizes(archive),
    }


_ROUNDS = ("nightly", "watch")


def _last(rounds: list[Round]) -> Round | None:
    return rounds[-1] if rounds else None


def _round(one: Round) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "started_at": instant_text(one.started_at),
        "as_of": instant_text(one.as_of),
        "seconds": one.seconds,
        "outcome": one.outcome,
        "exit_code": one.exit_code,
    }


def _steps(nightly: Round | None, last_runs: LastRuns) -> dict[str, dict[str, Any] | None]:
    """Per step its last run, whichever came last: by hand or in the last round."""
    found: dict[str, dict[str, Any] | None] = {}
    for step in _STEPS:
        found[step] = None
        by_hand = last_runs.get(step)
        if by_hand is not None:
            found[step] = {
                "at": by_hand["started_at"],
                "command": by_hand["command"],
                "seconds": by_hand["seconds"],
                "outcome": _OUTCOMES.get(by_hand["exit_code"], "failed"),
            }
        parts = [part for part in (nightly.steps if nightly else []) if part.step == step]
        if nightly is None or not parts:
            continue
        at = instant_text(nightly.started_at) or ""
        if by_hand is None or by_hand["started_at"] <= at:
            found[step] = {
                "at": at,
                "command": nightly.command,
                "seconds": round(sum(part.seconds for part in parts), 1),
                "outcome": min((part.outcome for part in parts), key=_WORST_FIRST.index),
            }
    return found


_OUTCOMES = {EXIT_DONE: "done", EXIT_GAP: "done", 4: "partial", 6: "done"}
_WORST_FIRST = ("failed", "partial", "skipped", "done", "unchanged")


def _last_success(
    config: Config, archive: Archive, now: datetime, last_runs: LastRuns
) -> tuple[str, datetime] | None:
    """For which instant the night, or where it was never used `reconcile`, last succeeded.

    What was played as of the future, or by a clock that was ahead, counts from its start, or not.
    """

    def good_ones() -> list[datetime]:
        instants = (min(r.as_of, r.started_at) for r in rounds if r.exit_code in _GOOD)
        return [instant for instant in instants if instant <= now + _SKEW]

    rounds = read_rounds(archive.root, command="nightly", months=2)
    good = good_ones()
    if rounds and not good:
        rounds = read_rounds(archive.root, command="nightly")
        good = good_ones()
    if rounds:
        return ("nightly", max(good)) if good else None
    by_hand = last_runs.get("reconcile")
    if by_hand is None or by_hand["exit_code"] not in _GOOD:
        return None
    at = datetime.fromisoformat(by_hand["started_at"])
    run_id = by_hand["summary"].get("run_id")
    for run in kept_runs(config.warehouse_path):
        if run.name == run_id:
            at = min(at, read_run(run).as_of)
    return "reconcile", at


def _stale_success(
    config: Config,
    now: datetime,
    success: tuple[str, datetime] | None,
    last_runs: LastRuns,
    rounds: Mapping[str, Round | None],
) -> Iterator[dict[str, Any]]:
    allowed = config.nightly.stale_after
    if success is None:
        has_run = rounds["nightly"] is not None
        what = "nightly never succeeded" if has_run else "nothing has run yet: archiver nightly"
        if not has_run and any(last_runs.values()):
            what = "neither nightly nor reconcile has run: archiver nightly"
        yield {"what": what, "kind": "success", "name": "nightly"}
        return
    command, at = success
    if now - at > allowed:
        yield {
            "what": f"{command} last succeeded {age_text(now - at)} ago, more than "
            f"nightly.stale_after ({age_text(allowed)})",
            "kind": "success",
            "name": command,
        }


def _stale_feeds(ages: list[Feed]) -> Iterator[dict[str, Any]]:
    for feed in ages:
        if not feed.is_stale:
            continue
        whose = f"source {feed.name}" if feed.kind == "source" else f"the feed of {feed.name}"
        if feed.note:
            yield {"what": f"{whose}: {feed.note}", "kind": feed.kind, "name": feed.name}
            continue
        reach = "has nothing yet" if feed.newest is None else f"ends {instant_text(feed.newest)}"
        missing = (
            f"; a conversion of {instant_text(feed.since)} should be in it"
            if feed.kind == "destination" and feed.since is not None
            else ""
        )
        yield {
            "what": f"{whose} {reach}{missing}",
            "kind": feed.kind,
            "name": feed.name,
        }


def _feeds(
    config: Config, archive: Archive, now: datetime, ages: list[Feed]
) -> list[dict[str, Any]]:
    ledger = archive.read(
        INBOUND_FILES, ["kind", "source", "destination", "file_id", "format", "quarantined"]
    ).to_pylist()
    files: dict[tuple[str, str], list[int]] = {}
    uploads = set()
    for row in ledger:
        name = row["destination"] if row["source"] is None else row["source"]
        counted = files.setdefault((row["kind"], name), [0, 0])
        counted[0] += 1
        counted[1] += row["quarantined"]
        if (row["kind"], row["format"]) == ("receipts", UPLOAD_LOG):
            uploads.add(row["file_id"])
    reach: dict[tuple[str, str], datetime | date | None] = {
        ("events", feed.name): feed.newest for feed in ages if feed.kind == "source"
    }
    for name, instant in newest(archive, RECEIPTS, now, "attempted_at", uploads).items():
        reach["receipts", name] = instant
    with connect() as connection:
        bind_table(connection, archive, RECEIPT_TOTALS)
        for name, day in connection.execute(
            "SELECT destination, MAX(account_day) FROM receipt_totals GROUP BY destination"
        ).fetchall():
            reach["totals", name] = day
    with_totals = (
        name
        for name, about in config.destinations.items()
        if about.totals or about.reports == "totals" or ("totals", name) in files
    )
    by_age = {("events" if f.kind == "source" else "receipts", f.name): f for f in ages}
    found = []
    for kind, names in (
        ("events", config.sources),
        ("receipts", config.destinations),
        ("totals", with_totals),
    ):
        for name in sorted(names):
            feed, up_to = by_age.get((kind, name)), reach.get((kind, name))
            sign = feed.newest if feed else None
            found.append(
                {
                    "name": name,
                    "kind": kind,
                    "reaches_up_to": instant_text(up_to)
                    if isinstance(up_to, datetime)
                    else up_to and up_to.isoformat(),
                    "files": files.get((kind, name), [0, 0])[0],
                    "quarantined": files.get((kind, name), [0, 0])[1],
                    "age_seconds": _seconds(now - sign) if sign else None,
                    "allowed_seconds": _seconds(feed.allowed) if feed else None,
                    "is_stale": feed.is_stale if feed else None,
                }
            )
    return found


def _unsettled(archive: Archive) -> dict[str, int]:
    """Per destination the events in backfills that no receipt has settled since."""
    if not archive.data_files(BACKFILLS):
        return {}
    with connect() as connection:
        bind_table(connection, archive, BACKFILLS, "backfill_events")
        bind_table(connection, archive, VOIDED_BACKFILLS)
        connection.execute(
            "CREATE TEMP TABLE sent AS SELECT destination, event_id, as_of FROM backfill_events"
            " WHERE NOT EXISTS (SELECT 1 FROM voided_backfills AS void"
            " WHERE void.destination = backfill_events.destination"
            " AND void.backfill_id = backfill_events.backfill_id)"
        )
        _bind_receipts_since(connection, archive)
        return dict(
            connection.execute(
                "SELECT destination, COUNT(*) FROM sent WHERE NOT EXISTS ("
                " SELECT 1 FROM receipts WHERE receipts.destination = sent.destination"
                " AND receipts.event_id = sent.event_id"
                " AND receipts.attempted_at > sent.as_of) GROUP BY destination"
            ).fetchall()
        )


def _bind_receipts_since(connection: duckdb.DuckDBPyConnection, archive: Archive) -> None:
    """Make a view on the receipts that can settle what is in `sent`: by their partitions."""
    first = dict(
        connection.execute("SELECT destination, MIN(as_of) FROM sent GROUP BY ALL").fetchall()
    )
    whose, day = RECEIPTS.partitions
    files = [
        archive.root / RECEIPTS.name / file.path
        for file in archive.data_files(RECEIPTS)
        if (since := first.get(file.partition[whose])) is not None
        and (file.partition[day] or "9") >= since.astimezone(UTC).date().isoformat()
    ]
    hive = {whose: "VARCHAR", day: "DATE"}
    bind_files(connection, "receipts", files, RECEIPTS.schema, hive=hive)


def _open(one: Standing, now: datetime, unsettled: int) -> dict[str, Any]:
    """An incident counts as past where a run of an earlier version did not say that it is open."""
    if one.run is None:
        return {
            "destination": one.destination,
            "run_id": None,
            "unsettled_backfill_events": unsettled,
        }
    return {
        "destination": one.destination,
        "run_id": one.run.run_id,
        "as_of": instant_text(one.run.as_of),
        **one.counts,
        "backfill_deadline": one.backfill_deadline,
        "gap_value": dict(one.gap_value),
        "recovery": {
            "now": instant_text(now),
            "next_deadline": instant_text(one.next_deadline),
            **{
                part: {
                    "conversions": amount.conversions,
                    "value": value_texts(amount.values),
                }
                for part, amount in one.parts.items()
            },
        },
        "days_over_tolerance": one.days_over_tolerance,
        "incidents": one.incidents,
        "open_incidents": len(one.open_incidents),
        "past_incidents": len(one.incidents) - len(one.open_incidents),
        "unsettled_backfill_events": unsettled,
    }


def _sizes(archive: Archive) -> dict[str, Any]:
    tables = {}
    for name, table in TABLES.items():
        files = archive.data_files(table)
        size = sum(file.size_bytes for file in files)
        tables[name] = {"files": len(files), "bytes": size}
    return {
        "files": sum(table["files"] for table in tables.values()),
        "bytes": sum(table["bytes"] for table in tables.values()),
        "tables": tables,
    }


def age_text(age: timedelta) -> str:
    """An age for people: the two largest units."""
    minutes = max(int(age.total_seconds()) // 60, 0)
    days, hours = divmod(minutes // 60, 24)
    if days >= 3:
        return f"{days:,} d" + (f" {hours} h" if hours and days < 10 else "")
    hours = minutes // 60
    if not hours:
        return f"{minutes} min"
    return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 and hours < 10 else "")


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
