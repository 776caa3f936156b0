"""A compaction is no change: the same rows in fewer files, and nothing is loaded again for it."""

from __future__ import annotations

import io
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keeping import (
    AS_OF,
    NOW,
    TWO_SOURCES,
    file_counts,
    import_all,
    keep,
    small_files,
    tables,
    views,
)
from support import IMPORTED_AT, Workspace, event, table_rows

from archiver.archive import compact as compaction
from archiver.archive.ingest import ingest
from archiver.archive.staging import OpenFile
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS, TABLES
from archiver.config.night_settings import HousekeepingSettings
from archiver.errors import CheckFailedError
from archiver.inbound.paths import named_paths
from archiver.warehouse.load import new_files
from archiver.warehouse.snapshot import read_snapshot


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    """Four imports of two sources over two days, loaded."""
    workspace.configure(TWO_SOURCES)
    small_files(workspace)
    workspace.done("load")
    return workspace


def test_a_compaction_changes_nothing_but_the_number_of_files(small: Workspace) -> None:
    run_id = small.run("reconcile", "--as-of", AS_OF, "--json").json["run_id"]
    before = tables(small), views(small)
    segments = read_snapshot(small.config.warehouse_path).event_segments
    # Events without a time are of the day of their import, which closes in two days.
    assert file_counts(small)["events"] == 12
    assert file_counts(small)["quarantine"] == 4
    kept = keep(small)
    assert kept.published
    assert file_counts(small)["events"] == 5
    assert file_counts(small)["quarantine"] == 1
    assert (tables(small), views(small)) == before
    assert read_snapshot(small.config.warehouse_path).event_segments == segments
    assert small.done("load", "--json").json["occurrences"] == 0
    assert small.run("reconcile", "--as-of", AS_OF, "--json").json["run_id"] == run_id
    verified = small.done("verify", "--rebuild", "--json").json
    assert (verified["rebuilt"], verified["problems"]) == (8, [])
    assert "m3" in small.done("explain", "m3").out
    assert not keep(small).has_changed


def test_rows_stand_by_event_time_and_unknown_times_last(workspace: Workspace) -> None:
    times = ["2026-01-15T12:00:00Z", "2026-01-15T09:00:00Z", None, "2026-01-15T10:00:00Z"]
    for number, at in enumerate(times):
        one = event(f"m{number}", at or "", receivedAt="2026-01-15T23:00:00Z")
        workspace.write(f"inbound/web/{number}.ndjson", one)
        import_all(workspace)
    keep(workspace)
    (path,) = workspace.archive.live_files(EVENTS)
    ids = pq.ParquetFile(path).read(columns=["message_id"])["message_id"].to_pylist()
    assert ids == ["m1", "m3", "m0", "m2"]


def test_a_late_file_opens_its_day_again(small: Workspace) -> None:
    keep(small)
    small_files(small, 1, first=4)
    loaded = small.done("load", "--json").json
    assert (loaded["occurrences"], loaded["rebuilt"]) == (4, False)
    before = tables(small), views(small)
    assert [table.table for table in keep(small).compacted] == ["events", "receipts", "quarantine"]
    assert (tables(small), views(small)) == before


def test_a_day_is_closed_two_days_after_its_end(small: Workspace) -> None:
    today = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    settings_ = small.config.housekeeping
    almost = compaction.compact(
        small.archive, today + timedelta(days=3, seconds=-1), settings_, dry_run=True
    )
    closed = compaction.compact(small.archive, today + timedelta(days=3), settings_, dry_run=True)
    assert [table.partitions for table in almost if table.table == "events"] == [4]
    assert [table.partitions for table in closed if table.table == "events"] == [5]


def test_what_was_not_loaded_before_is_loaded_once(small: Workspace) -> None:
    small_files(small, 2, first=4)
    keep_without_load(small)
    assert new_files(small.config, small.archive)
    loaded = small.done("load", "--json").json
    assert (loaded["occurrences"], loaded["rebuilt"]) == (8, False)
    counted = small.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT message_id) AS ids FROM events")
    assert counted == [{"n": 6 + 6 + 6 + 1, "ids": 6 + 6 + 6 + 1}]


def test_compactions_of_compactions_are_followed_to_what_was_loaded(small: Workspace) -> None:
    keep_without_load(small)
    for first in (4, 6):
        small_files(small, 2, first=first)
        keep_without_load(small)
    loaded = small.done("load", "--json").json
    assert (loaded["occurrences"], loaded["rebuilt"]) == (16, False)
    assert small.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 25}]


def test_what_cannot_be_followed_any_more_is_loaded_afresh(small: Workspace) -> None:
    small_files(small, 2, first=4)
    keep_without_load(small)
    live = set(small.archive.live_files(EVENTS))
    for path in (small.archive.root / "events").rglob("*.parquet"):
        if "_delta_log" not in path.parts and path not in live:
            path.unlink()
    assert small.done("load", "--json").json["rebuilt"]
    assert small.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 19}]


def keep_without_load(workspace: Workspace) -> None:
    """Compaction while the warehouse stays behind."""
    now = NOW + timedelta(days=3)
    assert compaction.compact(workspace.archive, now, workspace.config.housekeeping)


def test_tables_without_days_are_compacted_once_they_have_many_files(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MANY_FILES", 4)
    for number in range(5):
        workspace.write(f"inbound/web/{number}.ndjson", event(f"m{number}"))
        import_all(workspace)
    before = tables(workspace)
    keep(workspace)
    counts = file_counts(workspace)
    assert [counts[name] for name in ("inbound_files", "inbound_paths", "layouts")] == [1, 1, 1]
    assert tables(workspace) == before
    assert {file["status"] for file in workspace.done("ingest", "--json").json["files"]} == {
        "already_imported"
    }


def test_rows_that_got_lost_on_the_way_are_found_and_nothing_is_committed(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(self: OpenFile, rows: pa.Table) -> None:
        write(self, rows.slice(1))

    write = OpenFile.write
    before = tables(small)
    monkeypatch.setattr(OpenFile, "write", lossy)
    with pytest.raises(CheckFailedError, match="were written for"):
        keep(small)
    assert tables(small) == before
    assert not small.archive.staging.exists() or not any(small.archive.staging.iterdir())


@pytest.mark.parametrize("column", ["payload", "event_time", "type_issues", "record_number"])
def test_a_value_that_changed_on_the_way_is_found(
    column: str, small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: OpenFile, rows: pa.Table) -> None:
        values = rows[column].to_pylist()
        values[0], values[-1] = values[-1], values[0]
        place = rows.schema.get_field_index(column)
        if values[0] == values[-1]:
            values[0] = "" if column == "type_issues" else values[0]
        write(
            self, rows.set_column(place, column, pa.array(values, rows.schema.field(column).type))
        )

    write = OpenFile.write
    monkeypatch.setattr(OpenFile, "write", wrong)
    with pytest.raises(CheckFailedError):
        keep(small)


def test_full_files_are_left_alone_and_small_ones_fill_new_ones(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_ROWS", 4)
    monkeypatch.setattr(compaction, "_GROUP_ROWS", 1)
    before = tables(small)
    keep(small)
    once = set(small.archive.live_files(EVENTS))
    assert all(pq.read_metadata(path).num_rows <= 4 for path in once)
    assert tables(small) == before
    small_files(small, 1, first=4)
    keep(small)
    full = {path for path in once if pq.read_metadata(path).num_rows >= 2}
    assert full <= set(small.archive.live_files(EVENTS))


_EVENT = st.builds(
    lambda message, hour, text: event(message, hour, text=text),
    st.sampled_from([None, "", "a", "b", "c"]),
    st.sampled_from(["", "2026-01-14T01:00:00Z", "2026-01-14T02:00:00Z", "2026-01-15T00:00:00Z"]),
    st.text(max_size=5),
)
_FILES = st.lists(st.lists(_EVENT | st.just(b"{bad"), max_size=4), min_size=1, max_size=4)


@settings(max_examples=8)
@given(rounds=st.lists(_FILES, min_size=1, max_size=2), source=st.sampled_from(["web", "é w.x'"]))
def test_any_archive_has_the_same_rows_after_any_number_of_compactions(
    rounds: list[list[list[bytes]]], source: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        archive = Archive(root)
        number = 0
        for files in rounds:
            for records in files:
                path = Path(folder) / f"{(number := number + 1)}.ndjson"
                path.write_bytes(b"".join(record + b"\n" for record in records))
                named = named_paths([str(path)], Path("/nowhere"), io.BytesIO())
                ingest(archive, source, named, IMPORTED_AT)
            before = _rows(root)
            compaction.compact(archive, IMPORTED_AT + timedelta(days=4), HousekeepingSettings())
            assert _rows(root) == before
            partitions = [path.parent for path in archive.live_files(EVENTS)]
            assert len(partitions) == len(set(partitions))


def _rows(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {name: table_rows(root, table) for name, table in TABLES.items()}
