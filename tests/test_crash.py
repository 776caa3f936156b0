"""DESIGN §3: after a kill or a power cut at any instant no partial file is visible, and a re-run
converges on the same rows: none lost, none twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import crash_lab
import pytest
from crash_lab import archived, assert_no_partial_file, copy_of, published, undisturbed
from support import Workspace, order


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Files for two commits, not ingested yet."""
    return crash_lab.make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def ingested(inputs: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same, ingested without disturbance."""
    workspace = copy_of(inputs, tmp_path_factory.mktemp("ingested") / "w")
    undisturbed(workspace, "ingest")
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


# How many changes on the disk lie between two kills: each in `make test-long`.
STRIDES = [3, pytest.param(1, marks=pytest.mark.long)]


@pytest.mark.parametrize("stride", STRIDES)
def test_ingest_killed_before_any_change_on_the_disk_converges(
    stride: int, dead_ingests: list[Workspace], ingested: Workspace
) -> None:
    assert len(dead_ingests) > 30
    whole = archived(ingested)
    for step, dead in list(enumerate(dead_ingests, 1))[::stride]:
        workspace = copy_of(dead, dead.folder.parent / "w")
        assert_no_partial_file(workspace, whole)
        undisturbed(workspace, "ingest")
        assert archived(workspace) == whole, f"killed before step {step}"
    assert not (workspace.folder / "data/archive/_staging").exists()


@pytest.mark.parametrize("stride", STRIDES)
def test_load_killed_before_any_change_leaves_the_old_warehouse_or_the_new_and_converges(
    stride: int, ingested: Workspace, tmp_path: Path
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
    for step in itertools.count(1, stride):
        workspace = copy_of(late, tmp_path / "w")
        killed = crash_lab.run_to_step(workspace.config_path, "load", step)
        assert published(workspace) in (old, new)
        if not killed:
            break
        undisturbed(workspace, "load")
        assert published(workspace) == new, f"killed before step {step}"
    assert step > 10


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.long)])
def test_compact_killed_before_any_change_is_no_change_and_converges(
    stride: int, ingested: Workspace, tmp_path: Path
) -> None:
    # What one command replaces goes in the next, which has something to compact as well.
    workspace = copy_of(ingested, tmp_path / "w")
    with open(workspace.config_path, "a") as file:
        file.write('[housekeeping]\nhistory = "0s"\n')
    for name, command in ("d", "compact"), ("e", "load"):
        line = order(f"{name}1", "2026-01-14T13:00:00Z")
        workspace.write(f"inbound/web/{name}.ndjson", line)
        undisturbed(workspace, "ingest")
        undisturbed(workspace, "load")
        undisturbed(workspace, command)
    before = copy_of(workspace, tmp_path / "before")
    rows, views = archived(workspace), published(workspace)
    for step in itertools.count(1, stride):
        workspace = copy_of(before, tmp_path / "w")
        killed = crash_lab.run_to_step(workspace.config_path, "compact", step)
        assert (archived(workspace), published(workspace)) == (rows, views)
        if not killed:
            break
        undisturbed(workspace, "compact")
        assert archived(workspace) == rows, f"killed before step {step}"
        assert published(workspace) == views, f"killed before step {step}"
    assert step > 40
    undisturbed(workspace, "verify --rebuild")
    replaced = set(parts(before)) - set(parts(workspace))
    assert len(replaced) > 3, "nothing was removed, so that no kill fell into it"


def parts(workspace: Workspace) -> list[str]:
    """The data files on the disk, live or not."""
    root = workspace.folder / "data/archive"
    return [str(path.relative_to(root)) for path in root.rglob("part-*")]


def test_a_recovery_killed_before_any_change_is_recovered_in_turn(
    dead_ingests: list[Workspace], ingested: Workspace, tmp_path: Path
) -> None:
    dead = next(dead for dead in dead_ingests if len(unfinished(dead)) == 1)
    for step in (1, 2, 3, 5, 7, 9):
        workspace = copy_of(dead, tmp_path / "w")
        assert crash_lab.run_to_step(workspace.config_path, "ingest", step)
        undisturbed(workspace, "ingest")
        assert archived(workspace) == archived(ingested), f"killed before step {step}"


@pytest.mark.parametrize(
    ("command", "kills"),
    [
        ("ingest", 20),
        ("load", 5),
        ("receipts", 3),
        pytest.param("ingest", 200, marks=pytest.mark.long),
        pytest.param("load", 200, marks=pytest.mark.long),
        pytest.param("receipts", 200, marks=pytest.mark.long),
    ],
)
def test_kill_9_at_random_moments_converges(
    command: str, kills: int, inputs: Workspace, ingested: Workspace, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CRASH_SEED") or secrets.randbits(32))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(seed)
    before = ingested if command == "load" else inputs
    after = copy_of(before, tmp_path / "after")
    started = time.perf_counter()
    undisturbed(after, command)
    duration = time.perf_counter() - started
    rows, views = archived(after), published(after)
    for moment in sorted(moments.uniform(0, duration) for _ in range(kills)):
        workspace = copy_of(before, tmp_path / "w")
        crash_lab.run_for(workspace.config_path, command, moment)
        assert_no_partial_file(workspace, rows)
        assert published(workspace) in (None, views)
        undisturbed(workspace, command)
        told = f"CRASH_SEED={seed}, killed after {moment:.3f} s of {duration:.3f} s"
        assert archived(workspace) == rows, told
        assert published(workspace) == views, told


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
