"""DESIGN §3: after a kill or a power cut at any instant no partial file is visible, and a re-run
converges on the same rows: none lost, none twice."""

from __future__ import annotations

import itertools
import json
import random
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crash_lab
import duckdb
import pytest
from support import CONFIG, Workspace, order, table_rows

from archiver.archive.tables import EVENTS, INBOUND_FILES, INBOUND_PATHS, QUARANTINE

# What depends on the time of the import.
_WHEN = {"imported_at", "imported_date", "seen_at"}
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Three files, in two commits: several partitions, bad records, an id in two files."""
    workspace = Workspace(tmp_path_factory.mktemp("inputs"))
    workspace.configure(CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1))
    days = [f"2026-01-{day}T12:00:00Z" for day in (14, 15)]
    many = [order(f"a{n}", days[n % 2]) for n in range(9)]
    workspace.write("inbound/web/a.ndjson", *many, b"{bad", b"[1]")
    workspace.write("inbound/web/b.gz", order("b1", days[0]), b"nope")
    workspace.write("inbound/web/c.ndjson", order("a1", days[0], userId="again"), order("c1"))
    return workspace


@pytest.fixture(scope="module")
def ingested(inputs: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same, ingested without disturbance."""
    workspace = copy_of(inputs, tmp_path_factory.mktemp("ingested") / "w")
    assert not crash_lab.run_for(workspace.config_path, "ingest", None)
    return workspace


@pytest.fixture(scope="module")
def loaded(ingested: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same, loaded without disturbance."""
    workspace = copy_of(ingested, tmp_path_factory.mktemp("loaded") / "w")
    assert not crash_lab.run_for(workspace.config_path, "load", None)
    return workspace


@pytest.fixture(scope="module")
def dead_ingests(inputs: Workspace, tmp_path_factory: pytest.TempPathFactory) -> list[Workspace]:
    """The same, the run having died before each of its changes on the disk."""
    folder = tmp_path_factory.mktemp("dead")
    dead = []
    for step in itertools.count(1):
        workspace = copy_of(inputs, folder / str(step))
        if not crash_lab.run_to_step(workspace.config_path, "ingest", step):
            return dead
        dead.append(workspace)
    raise AssertionError


def copy_of(workspace: Workspace, folder: Path) -> Workspace:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(workspace.folder, folder)
    copy = Workspace.__new__(Workspace)
    copy.folder = folder
    return copy


def archived(workspace: Workspace) -> Rows:
    return {
        table.name: table_rows(
            workspace.folder / "data/archive",
            table,
            *[name for name in table.schema.names if name not in _WHEN],
        )
        for table in (EVENTS, QUARANTINE, INBOUND_FILES, INBOUND_PATHS)
    }


def published(workspace: Workspace) -> Rows | None:
    if not workspace.database.exists():
        return None
    with duckdb.connect(str(workspace.database), read_only=True) as connection:
        return {
            view: sorted(connection.execute(f"SELECT {columns} FROM {view}").fetchall(), key=repr)
            for view, columns in (
                ("events", "* REPLACE (body::JSON::VARCHAR AS body)"),
                ("conversions", "*"),
                ("recurrences", "*"),
                ("event_records", "* EXCLUDE (imported_at)"),
            )
        }


def assert_no_partial_file(workspace: Workspace, whole: Workspace) -> None:
    """Each file's rows are all visible or none, in each table by itself."""
    for table in (EVENTS, QUARANTINE):
        visible, expected = (
            Counter(table_rows(w.folder / "data/archive", table, "file_id"))
            for w in (workspace, whole)
        )
        assert all(expected[file] == rows for file, rows in visible.items())


def undisturbed(workspace: Workspace, command: str) -> None:
    assert not crash_lab.run_for(workspace.config_path, command, None)


def test_ingest_killed_before_any_change_on_the_disk_converges(
    dead_ingests: list[Workspace], ingested: Workspace
) -> None:
    assert len(dead_ingests) > 30
    for step, dead in enumerate(dead_ingests, 1):
        workspace = copy_of(dead, dead.folder.parent / "w")
        assert_no_partial_file(workspace, ingested)
        undisturbed(workspace, "ingest")
        assert archived(workspace) == archived(ingested), f"killed before step {step}"
    assert not (workspace.folder / "data/archive/_staging").exists()


def test_load_killed_before_any_change_leaves_the_old_warehouse_or_the_new_and_converges(
    ingested: Workspace, tmp_path: Path
) -> None:
    # All at one place, since a published warehouse knows its files by their full paths.
    workspace = copy_of(ingested, tmp_path / "w")
    undisturbed(workspace, "load")
    old = published(workspace)
    workspace.write("inbound/web/d.ndjson", order("a2", "2026-01-13T00:00:00Z"), order("d1"))
    undisturbed(workspace, "ingest")
    late = copy_of(workspace, tmp_path / "late")
    undisturbed(workspace, "load")
    new = published(workspace)
    assert new != old
    for step in itertools.count(1):
        workspace = copy_of(late, tmp_path / "w")
        killed = crash_lab.run_to_step(workspace.config_path, "load", step)
        assert published(workspace) in (old, new)
        if not killed:
            break
        undisturbed(workspace, "load")
        assert published(workspace) == new, f"killed before step {step}"
    assert step > 10


def test_a_recovery_killed_before_any_change_is_recovered_in_turn(
    dead_ingests: list[Workspace], ingested: Workspace, tmp_path: Path
) -> None:
    dead = next(dead for dead in dead_ingests if len(unfinished(dead)) == 1)
    for step in (1, 2, 3, 5, 7, 9):
        workspace = copy_of(dead, tmp_path / "w")
        assert crash_lab.run_to_step(workspace.config_path, "ingest", step)
        undisturbed(workspace, "ingest")
        assert archived(workspace) == archived(ingested), f"killed before step {step}"


@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.parametrize("command", ["ingest", "load"])
def test_kill_9_at_random_moments_converges(
    command: str,
    kills: int,
    inputs: Workspace,
    ingested: Workspace,
    loaded: Workspace,
    tmp_path: Path,
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(seed)
    before, after = (inputs, ingested) if command == "ingest" else (ingested, loaded)
    started = time.perf_counter()
    undisturbed(copy_of(before, tmp_path / "w"), command)
    duration = time.perf_counter() - started
    for moment in sorted(moments.uniform(0, duration) for _ in range(kills)):
        workspace = copy_of(before, tmp_path / "w")
        crash_lab.run_for(workspace.config_path, command, moment)
        assert_no_partial_file(workspace, ingested)
        undisturbed(workspace, command)
        told = f"seed {seed}, killed after {moment:.3f} s of {duration:.3f} s"
        assert archived(workspace) == archived(after), told
        if command == "load":
            assert published(workspace) == published(loaded), told


@pytest.mark.parametrize(
    "tear",
    [
        pytest.param(lambda data: b"", id="to nothing"),
        pytest.param(lambda data: data[: len(data) // 2], id="to its half"),
        pytest.param(lambda data: bytes(len(data)), id="to zeros"),
        pytest.param(lambda data: data.splitlines(keepends=True)[0], id="to its first line"),
        pytest.param(lambda data: b"".join(data.splitlines(keepends=True)[:-1]), id="by a line"),
    ],
)
def test_a_log_entry_torn_by_a_power_cut_is_written_again(
    tear: Callable[[bytes], bytes],
    dead_ingests: list[Workspace],
    ingested: Workspace,
    tmp_path: Path,
) -> None:
    dead = next(dead for dead in dead_ingests if len(unfinished(dead)) == 4)
    workspace = copy_of(dead, tmp_path / "w")
    for name, version in unfinished(workspace).items():
        newest = max((workspace.folder / "data/archive" / name / "_delta_log").glob("*.json"))
        assert int(newest.stem) > version
        newest.write_bytes(tear(newest.read_bytes()))
    undisturbed(workspace, "ingest")
    assert archived(workspace) == archived(ingested)


def test_a_checkpoint_torn_by_a_power_cut_is_no_obstacle(
    dead_ingests: list[Workspace], ingested: Workspace, tmp_path: Path
) -> None:
    dead = [dead for dead in dead_ingests if len(unfinished(dead)) == 3 and checkpoints(dead)]
    workspace = copy_of(dead[-1], tmp_path / "w")
    for torn in checkpoints(workspace):
        torn.write_bytes(torn.read_bytes()[:10])
    undisturbed(workspace, "ingest")
    assert archived(workspace) == archived(ingested)


@pytest.mark.parametrize("table", ["events", "quarantine"])
def test_a_table_torn_while_it_was_made_is_made_again(
    table: str, dead_ingests: list[Workspace], ingested: Workspace, tmp_path: Path
) -> None:
    log = Path("data/archive", table, "_delta_log/00000000000000000000.json")
    dead = next(dead for dead in dead_ingests if (dead.folder / log).exists())
    workspace = copy_of(dead, tmp_path / "w")
    (workspace.folder / log).write_bytes(b"")
    undisturbed(workspace, "ingest")
    assert archived(workspace) == archived(ingested)


def checkpoints(workspace: Workspace) -> list[Path]:
    return list((workspace.folder / "data/archive").glob("*/_delta_log/*checkpoint*"))


def unfinished(workspace: Workspace) -> dict[str, int]:
    """Tables that an unfinished commit has entered, with their versions before it."""
    journal = workspace.folder / "data/archive/_journal.json"
    if not journal.exists():
        return {}
    tables = json.loads(journal.read_text())["tables"]
    logs = {name: workspace.folder / "data/archive" / name / "_delta_log" for name in tables}
    return {
        name: about["version"]
        for name, about in tables.items()
        if (logs[name] / f"{about['version'] + 1:020d}.json").exists()
    }
