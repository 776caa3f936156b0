"""What was replaced goes after `history`, and nothing that anybody can still need."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from keeping import AS_OF, TWO_SOURCES, import_all, keep, small_files, tables, views
from support import Workspace, event

from archiver.archive import store
from archiver.archive.compact import compact
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS, INBOUND_FILES
from archiver.archive.vacuum import vacuum
from archiver.warehouse.tidy import named_by_published

HISTORY = timedelta(days=7)


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    workspace.configure(TWO_SOURCES)
    small_files(workspace, 4)
    workspace.done("load")
    return workspace


def data_files(archive: Archive) -> set[Path]:
    return set((archive.root / "events").rglob("part-*"))


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_replaced_files_stay_for_the_history_and_go_then(small: Workspace) -> None:
    archive = small.archive
    before = tables(small), views(small)
    old = data_files(archive)
    with duckdb.connect(str(small.database), read_only=True) as reader:
        keep(small)
        vacuum(archive, later(6.9), HISTORY)
        assert old <= data_files(archive)
        assert reader.execute("SELECT COUNT(*) FROM event_records").fetchall() == [(16,)]
    version = DeltaTable(str(archive.root / "events"), version=4)
    assert version.to_pyarrow_table().num_rows > 0
    gone = vacuum(archive, later(7.1), HISTORY)
    assert gone.files > 0
    assert data_files(archive) == set(archive.live_files(EVENTS))
    assert (tables(small), views(small)) == before
    assert small.done("verify", "--rebuild", "--json").json["problems"] == []


def test_what_the_published_warehouse_names_stays_whatever_its_age(small: Workspace) -> None:
    archive = small.archive
    compact(archive, later(3), small.config.housekeeping)
    named = named_by_published(small.config)
    assert named is not None
    assert set(archive.live_files(EVENTS)) - named
    vacuum(archive, later(30), HISTORY, named)
    assert len(views(small)["event_records"]) == 16
    small.done("load")
    assert small.done("verify", "--json").json["problems"] == []
    vacuum(archive, later(30), HISTORY, named_by_published(small.config) or set())
    assert data_files(archive) == set(archive.live_files(EVENTS))


def test_old_log_entries_go_once_a_checkpoint_covers_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_CHECKPOINT_EVERY", 7)
    for number in range(16):
        workspace.write(f"inbound/web/{number}.ndjson", event(f"m{number}"))
        import_all(workspace)
    log = workspace.archive.root / "inbound_files" / "_delta_log"
    before = tables(workspace)
    assert vacuum(workspace.archive, later(6), HISTORY).log_entries == 0
    vacuum(workspace.archive, later(8), HISTORY)
    assert sorted(path.name for path in log.glob("*.json")) == [
        f"{version:020d}.json" for version in (14, 15, 16)
    ]
    assert tables(workspace) == before
    assert workspace.done("verify", "--rebuild", "--json").json["problems"] == []
    workspace.write("inbound/web/late.ndjson", event("late"))
    workspace.done("ingest")
    assert len(workspace.rows("inbound_files")) == 17


def test_the_versions_of_the_history_can_all_be_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_CHECKPOINT_EVERY", 4)
    for number in range(10):
        workspace.write(f"inbound/web/{number}.ndjson", event(f"m{number}"))
        import_all(workspace)
    # As if all entries but the last three had been made ten days ago.
    log = workspace.archive.root / "inbound_files" / "_delta_log"
    for path in sorted(log.glob("*.json"))[:-3]:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] -= int(
                    timedelta(days=10) / timedelta(milliseconds=1)
                )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    vacuum(workspace.archive, later(0), HISTORY)
    assert min(path.name for path in log.glob("*.json")) == f"{4:020d}.json"
    for version in (7, 8, 9, 10):
        table = DeltaTable(str(log.parent), version=version)
        assert table.to_pyarrow_table().num_rows == version


def test_a_checkpoint_that_a_power_cut_tore_is_no_obstacle(workspace: Workspace) -> None:
    for number in range(3):
        workspace.write(f"inbound/web/{number}.ndjson", event(f"m{number}"))
        import_all(workspace)
    archive = workspace.archive
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, "_finish", lambda self: None)
        archive.checkpoint(INBOUND_FILES)
    log = archive.root / "inbound_files" / "_delta_log"
    (log / f"{3:020d}.checkpoint.parquet").write_bytes(b"PAR1")
    workspace.write("inbound/web/3.ndjson", event("m3"))
    workspace.done("ingest")
    assert len(workspace.rows("inbound_files")) == 4


def test_a_compaction_is_marked_as_no_change_of_the_data(small: Workspace) -> None:
    keep(small)
    log = small.archive.root / "events" / "_delta_log"
    actions = [json.loads(line) for line in max(log.glob("*.json")).read_text().splitlines()]
    about = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
    assert about
    assert {action["dataChange"] for action in about} == {False}


def test_compact_by_hand_says_what_it_did(small: Workspace) -> None:
    listing = small.listing()
    dry = small.done("compact", "--dry-run", "--json").json
    assert dry["dry_run"]
    assert dry["files_before"] > 0
    assert _kept(small.listing()) == _kept(listing)
    done = small.done("compact")
    assert "events: 8 files compacted into 4" in done.out
    assert small.done("compact").out == "nothing to do\n"
    assert small.run("reconcile", "--as-of", AS_OF).code in (0, 3)


def _kept(listing: dict[str, str]) -> dict[str, str]:
    """Without the locks, and the folder that an import leaves empty."""
    return {
        path: content
        for path, content in listing.items()
        if not path.endswith(".lock") and "_staging" not in path
    }
