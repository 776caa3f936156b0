"""Receipts become hourly sums, once each, whatever happens to the data files that they are in."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from support import Workspace
from watching import TWO, archived, at, attempts, hours, loaded

from archiver.archive.compact import compact
from archiver.archive.lock import writing
from archiver.archive.retention import delete_old
from archiver.config.night_settings import HousekeepingSettings
from archiver.database import connect
from archiver.warehouse.load import load
from archiver.warehouse.performance import bind_performance
from archiver.warehouse.snapshot import read_snapshot


def rows(workspace: Workspace, query: str, zone: str = "UTC") -> list[tuple[Any, ...]]:
    """Rows of a query on the views, bound to what is loaded."""
    with connect() as connection:
        config = workspace.config
        bind_performance(connection, config, read_snapshot(config.warehouse_path))
        connection.execute(f"SET TimeZone = '{zone}'")
        return connection.execute(query).fetchall()


def sums(workspace: Workspace) -> list[tuple[Any, ...]]:
    return rows(
        workspace,
        "SELECT destination, hour, outcome, code, SUM(attempts) FROM performance_segments"
        " GROUP BY ALL ORDER BY ALL",
    )


def segment_rows(workspace: Workspace) -> list[int]:
    folder = workspace.config.warehouse_path
    names = read_snapshot(folder).performance_segments
    return [pq.read_metadata(folder / name).num_rows for name in names]


def test_receipts_become_rows_by_hour(workspace: Workspace) -> None:
    loaded(
        workspace,
        *attempts(at("15T10:30"), 3, 1, code="40100", latency_ms=120),
        *attempts(at("15T11"), 1),
    )
    assert rows(
        workspace,
        "SELECT hour, attempts, accepted, failed, throttled, acceptance_ratio::DOUBLE, top_code,"
        " latency_p50_ms FROM api_performance ORDER BY hour",
    ) == [(at("15T10"), 4, 3, 1, 1, 0.75, "40100", 120), (at("15T11"), 1, 1, 0, 0, 1.0, None, None)]
    assert rows(workspace, "SELECT hour, code, is_throttling, attempts FROM api_errors") == [
        (at("15T10"), "40100", True, 1)
    ]


def test_the_published_warehouse_has_them(workspace: Workspace) -> None:
    workspace.write("receipts/1.ndjson", *attempts(at("15T10"), 3, 1))
    workspace.done("receipts")
    workspace.done("load")
    assert workspace.sql("SELECT destination, attempts FROM api_performance") == [
        {"destination": "tiktok", "attempts": 4}
    ]


def test_each_load_adds_what_is_new(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("15T10"), 3))
    loaded(workspace, *attempts(at("15T10:30"), 4, 1))
    before = read_snapshot(workspace.config.warehouse_path)
    load(workspace.config, workspace.archive)
    assert read_snapshot(workspace.config.warehouse_path) == before
    assert sums(workspace) == [
        ("tiktok", at("15T10"), "accepted", "0", 7),
        ("tiktok", at("15T10"), "failed", "50000", 1),
    ]


def test_many_loads_leave_few_segments(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.warehouse.performance._SMALL_ROWS", 1)
    loaded(workspace, *hours(at("1T0"), 200, 1))
    for number in range(6):
        loaded(workspace, *attempts(at("10T0") + timedelta(hours=number), 1))
    sizes = segment_rows(workspace)
    assert sum(sizes) == 206
    assert sizes[0] == 200
    assert len(sizes) < 4


def test_a_compaction_changes_nothing(workspace: Workspace) -> None:
    for minute in (0, 20, 40):
        loaded(workspace, *attempts(at(f"15T10:{minute:02d}"), 3, 1))
    before, files = sums(workspace), read_snapshot(workspace.config.warehouse_path)
    assert compact(workspace.archive, at("30T0"), HousekeepingSettings())
    load(workspace.config, workspace.archive)
    after = read_snapshot(workspace.config.warehouse_path)
    assert sums(workspace) == before
    assert after.performance_segments == files.performance_segments
    assert after.receipts_loaded != files.receipts_loaded
    loaded(workspace, *attempts(at("15T10:50"), 1))
    assert sums(workspace)[0][-1] == 10


def test_what_is_compacted_before_it_is_loaded_counts_once(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("15T10"), 3))
    archived(workspace, *attempts(at("15T10:20"), 4))
    compact(workspace.archive, at("30T0"), HousekeepingSettings())
    load(workspace.config, workspace.archive)
    assert sums(workspace) == [("tiktok", at("15T10"), "accepted", "0", 7)]


def test_days_that_retention_deletes_go(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("10T10"), 3), *attempts(at("15T10"), 4))
    loaded(workspace, *attempts(at("15T11"), 5))
    keep = HousekeepingSettings(keep_receipts=timedelta(days=10))
    assert delete_old(workspace.archive, keep, at("22T0"))
    load(workspace.config, workspace.archive)
    assert [(row[1], row[-1]) for row in sums(workspace)] == [(at("15T10"), 4), (at("15T11"), 5)]


def test_the_warehouse_can_be_made_anew(workspace: Workspace) -> None:
    workspace.configure(TWO)
    loaded(workspace, *attempts(at("15T10"), 3, 1))
    loaded(workspace, *attempts(at("15T11"), 2), name="meta")
    before = sums(workspace)
    shutil.rmtree(workspace.config.warehouse_path)
    with writing(workspace.config.warehouse_path, "test"):
        load(workspace.config, workspace.archive)
    assert sums(workspace) == before
    assert len(before) == 3


def test_strange_names_of_destinations(workspace: Workspace) -> None:
    name = "weird.name-x"
    text = TWO.replace("destinations.meta", f'destinations."{name}"')
    workspace.configure(text.replace("meta/*", "odd/*"))
    loaded(workspace, *attempts(at("10T10"), 3), name=name)
    loaded(workspace, *attempts(at("15T10"), 3, 1), name=name)
    keep = HousekeepingSettings(keep_receipts=timedelta(days=10))
    assert delete_old(workspace.archive, keep, at("22T0"))
    load(workspace.config, workspace.archive)
    assert rows(workspace, "SELECT destination, hour, attempts FROM api_performance") == [
        (name, at("15T10"), 4)
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_change_of_the_clocks_moves_no_baseline(workspace: Workspace, zone: str) -> None:
    """New York's clocks change on 8 March 2026: its hour of the week is another one in UTC."""
    first = at("15T10").replace(month=2)
    weeks = [first + timedelta(weeks=week) for week in range(5)]
    lines = [line for n, week in enumerate(weeks) for line in attempts(week, 90 + n, 10 - n)]
    lines += [line for week in weeks[:4] for line in attempts(week + timedelta(hours=1), 0, 50)]
    loaded(workspace, *lines)
    query = "SELECT baseline_ratio::DOUBLE, baseline_failures::DOUBLE FROM api_performance"
    query += " ORDER BY hour DESC LIMIT 1"
    assert rows(workspace, query, zone) == [(0.915, 8.5)]
