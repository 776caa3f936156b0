"""The archive's folder: made where it is free, and nothing of anybody else's removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Workspace, event


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
