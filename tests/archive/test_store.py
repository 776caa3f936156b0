"""The archive's folder: made where it is free, and nothing of anybody else's removed.

Commits: what comes and what leaves, in one step.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crash_lab
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from support import CONFIG, Workspace, event, table_rows

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive, StagedFile
from archiver.archive.tables import EVENTS, INBOUND_FILES, QUARANTINE, TABLES, Table
from archiver.errors import ArchiverError


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    workspace.write("inbound/web/a.ndjson", event())
    return workspace


@pytest.mark.parametrize("beside", ["film.mp4", "_delta_log/00000000000000000000.json"])
def test_a_folder_with_a_tables_name_is_left_alone(ready: Workspace, beside: str) -> None:
    for name in ("photo.jpg", beside):
        ready.write(f"data/archive/events/{name}", data=b"mine")
    before = ready.listing()
    result = ready.run("ingest")
    assert result.code == 2
    assert "making the table events in" in result.err
    assert "choose another archive.root" in result.err
    after = ready.listing()
    assert before.items() <= after.items()


def test_a_file_with_a_tables_name_is_left_alone(ready: Workspace) -> None:
    path = ready.write("data/archive/events", data=b"mine")
    assert ready.run("ingest").code == 2
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("left_behind", ["", "_delta_log", "_delta_log/_commit_1.json.tmp"])
def test_what_a_run_leaves_that_dies_while_making_a_table_is_no_obstacle(
    ready: Workspace, left_behind: str
) -> None:
    path = ready.folder / "data/archive/events" / left_behind
    if path.suffix:
        ready.write(str(path), data=b"{")
    else:
        path.mkdir(parents=True)
    ready.done("ingest")
    assert len(ready.rows("events")) == 1


def test_an_archive_that_cannot_be_made_is_the_configurations_fault(ready: Workspace) -> None:
    text = ready.config_path.read_text()
    ready.configure(text.replace("data/archive", str(Path("/proc/archive"))))
    result = ready.run("ingest")
    assert result.code == 2
    assert "locking /proc/archive for ingest" in result.err


@pytest.fixture
def repaired(workspace: Workspace) -> Archive:
    """Two bad records in quarantine, one of which is to be an event after all."""
    workspace.configure(CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1))
    workspace.write("inbound/web/a.ndjson", event("m1"), b"{mended", b"{bad")
    workspace.done("ingest")
    return workspace.archive


def rows_of(archive: Archive, table: Table) -> pa.Table:
    return DeltaTable(str(archive.root / table.name)).to_pyarrow_table()


def staged(archive: Archive, table: Table, rows: pa.Table) -> list[StagedFile]:
    collected = StagedTable(table, archive.staging)
    collected.add(rows.select(table.schema.names).cast(table.schema))
    return collected.finish()


def mend(archive: Archive) -> None:
    """Move record 1 out of quarantine into events, and say so in the ledger."""
    bad, events, ledger = (rows_of(archive, t) for t in (QUARANTINE, EVENTS, INBOUND_FILES))
    mended = events.set_column(
        events.schema.get_field_index("record_number"), "record_number", pa.array([1], pa.int64())
    )
    for name, count in (("archived", 2), ("quarantined", 1), ("rows", 2)):
        place = ledger.schema.get_field_index(name)
        ledger = ledger.set_column(place, name, pa.array([count], pa.int64()))
    coming = [
        *staged(archive, EVENTS, mended),
        *staged(archive, QUARANTINE, bad.filter(pc.not_equal(bad["record_number"], 1))),
        *staged(archive, INBOUND_FILES, ledger),
    ]
    replaced = {
        table.name: [file.path for file in archive.data_files(table)]
        for table in (QUARANTINE, INBOUND_FILES)
    }
    archive.commit(coming, replaced)


def seen(archive: Archive) -> tuple[list[tuple[Any, ...]], ...]:
    return (
        table_rows(archive.root, EVENTS, "record_number"),
        table_rows(archive.root, QUARANTINE, "record_number"),
        table_rows(archive.root, INBOUND_FILES, "archived", "quarantined"),
    )


BEFORE = ([(0,)], [(1,), (2,)], [(1, 2)])
AFTER = ([(0,), (1,)], [(2,)], [(2, 1)])


def test_rows_are_replaced_in_one_version_of_each_table(repaired: Archive) -> None:
    assert seen(repaired) == BEFORE
    versions = {
        name: DeltaTable(str(repaired.root / name)).version()
        for name in ("events", "quarantine", "inbound_files")
    }
    mend(repaired)
    assert seen(repaired) == AFTER
    for name, version in versions.items():
        assert DeltaTable(str(repaired.root / name)).version() == version + 1


def test_what_was_replaced_stays_for_readers_of_older_versions(repaired: Archive) -> None:
    mend(repaired)
    old = DeltaTable(str(repaired.root / "quarantine"), version=1)
    assert old.to_pyarrow_table().num_rows == 2


def test_what_was_replaced_is_a_tombstone_with_size_and_partition(repaired: Archive) -> None:
    (file,) = repaired.data_files(QUARANTINE)
    assert file.partition.keys() == {"source", "imported_date"}
    mend(repaired)
    delta = DeltaTable(str(repaired.root / "quarantine"))
    assert delta.vacuum(0, dry_run=True, enforce_retention_duration=False) == [file.path]
    log = (repaired.root / "quarantine/_delta_log" / f"{2:020d}.json").read_text()
    assert f'"size":{file.size_bytes}' in log
    delta.create_checkpoint()
    assert seen(repaired) == AFTER


def test_files_may_leave_without_any_coming(repaired: Archive) -> None:
    shutil.rmtree(repaired.staging)
    repaired.commit([], {"quarantine": [f.path for f in repaired.data_files(QUARANTINE)]})
    assert table_rows(repaired.root, QUARANTINE) == []
    repaired.commit([], {"quarantine": []})
    assert not (repaired.root / "_journal.json").exists()


def test_a_file_that_is_not_live_cannot_leave(repaired: Archive) -> None:
    mend(repaired)
    (gone,) = DeltaTable(str(repaired.root / "quarantine")).vacuum(
        0, dry_run=True, enforce_retention_duration=False
    )
    for table, path in (("quarantine", gone), ("quarantine", "part-0"), ("receipts", "part-0")):
        coming = staged(repaired, EVENTS, rows_of(repaired, EVENTS).slice(0, 1))
        with pytest.raises(ArchiverError, match="no live data file"):
            repaired.commit(coming, {table: [path]})
    repaired.recover()
    assert seen(repaired) == AFTER
    assert not (repaired.root / "receipts").exists()


def test_a_replacement_killed_before_any_change_on_the_disk_converges(
    repaired: Archive, tmp_path: Path
) -> None:
    outcomes = set()
    for step in itertools.count(1):
        archive = Archive(tmp_path / "copy")
        shutil.rmtree(archive.root, ignore_errors=True)
        shutil.copytree(repaired.root, archive.root)
        if not run_to(mend_to_step, archive.root, step):
            break
        archive.recover()
        archive.recover()
        assert seen(archive) in (BEFORE, AFTER), f"killed before step {step}"
        outcomes.add(seen(archive) == AFTER)
        if seen(archive) == BEFORE:
            mend(archive)
        assert seen(archive) == AFTER, f"killed before step {step}"
        assert DeltaTable(str(archive.root / "quarantine")).version() == 2, "committed once"
        assert not (archive.root / "_journal.json").exists()
    assert outcomes == {False, True}
    assert step > 10


def mend_to_step(root: Path, step: int) -> None:
    die_before(step)
    mend(Archive(root))


def test_a_recovery_of_a_replacement_killed_in_turn_converges(
    repaired: Archive, tmp_path: Path
) -> None:
    dead = tmp_path / "dead"
    for step in itertools.count(1):
        shutil.rmtree(dead, ignore_errors=True)
        shutil.copytree(repaired.root, dead)
        run_to(mend_to_step, dead, step)
        if (dead / "_journal.json").exists():
            break
    for again in itertools.count(1):
        root = tmp_path / "copy"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(dead, root)
        killed = run_to(recover_to_step, root, again)
        Archive(root).recover()
        assert seen(Archive(root)) == AFTER
        if not killed:
            break
    assert again > 5


def recover_to_step(root: Path, step: int) -> None:
    die_before(step)
    Archive(root).recover()


def die_before(step: int) -> None:
    """Have this process killed just before its `step`-th change on the disk."""
    steps = itertools.count(1)

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **options)

        return wrapped

    # Flushing makes no difference to a killed process, only to the time that this takes.
    os.fsync = lambda descriptor: None
    for place, name in (
        (os, "replace"),
        (os, "unlink"),
        (Path, "write_text"),
        (pq.ParquetWriter, "close"),
        (DeltaTable, "create_write_transaction"),
    ):
        setattr(place, name, counted(getattr(place, name)))


def run_to(work: Any, root: Path, step: int) -> bool:
    """Whether the work was killed before this change on the disk."""
    process = crash_lab._SERVER.Process(target=work, args=(root, step))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def test_drafts_that_a_killed_run_left_are_removed(repaired: Archive) -> None:
    log = repaired.root / "events/_delta_log"
    drafts = [
        log / "00000000000000000002.json#1",
        log / "_last_checkpoint#1",
        log / "_commit_1.json.tmp",
        repaired.root / "_journal.tmp",
    ]
    for path in drafts:
        path.write_bytes(b"{")
    repaired.recover()
    assert not any(path.exists() for path in drafts)
    assert seen(repaired) == BEFORE


def test_a_data_files_name_has_its_hash(repaired: Archive) -> None:
    for table in TABLES.values():
        for path in repaired.live_files(table):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.name.startswith("part-")
            assert path.name.endswith(f"-{digest}.zstd.parquet")


def test_equal_data_files_have_names_of_their_own(repaired: Archive) -> None:
    rows = rows_of(repaired, EVENTS)
    first, second = (staged(repaired, EVENTS, rows)[0] for _ in range(2))
    assert first.staged.read_bytes() == second.staged.read_bytes()
    assert first.path != second.path


def test_the_pages_of_a_data_file_have_checksums(repaired: Archive) -> None:
    (path,) = repaired.live_files(EVENTS)
    with pq.ParquetFile(path) as file:
        chunk = file.metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(data)
    with (
        pytest.raises(OSError, match="CRC"),
        pq.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        file.read()


def test_what_the_log_says_of_the_data_files(repaired: Archive) -> None:
    (file,) = repaired.data_files(EVENTS)
    path = repaired.root / "events" / file.path
    assert path == repaired.live_files(EVENTS)[0]
    assert (file.rows, file.size_bytes) == (1, path.stat().st_size)
    assert file.partition == {"source": "web", "received_date": "2026-01-15"}
    assert repaired.data_files(TABLES["backfills"]) == []


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "_journal.json").write_text('{"torn')
    with pytest.raises(ArchiverError, match=r"_journal\.json: it is damaged.*archiver verify"):
        Archive(tmp_path).recover()
