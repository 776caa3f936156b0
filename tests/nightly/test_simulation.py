"""Many nights with all that goes wrong, against one clean run over everything (docs/nightly.md)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deltalake import DeltaTable
from night_channel import open_channel
from night_play import Play, clean_run, report_of, start_project, tables
from night_world import make_world

from archiver.archive.rounds import read_rounds


@pytest.mark.parametrize(
    ("seed", "nights"),
    [
        (1, 15),
        *(pytest.param(seed, 60, marks=pytest.mark.long) for seed in (101, 102, 103)),
    ],
)
def test_many_nights_come_to_what_one_clean_run_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, nights: int
) -> None:
    monkeypatch.setattr("archiver.alerts.channels._FIRST_WAIT_SECONDS", 0)
    world = make_world(seed, nights)
    with open_channel() as channel:
        played = Play(
            world, start_project(tmp_path / "played"), channel, random.Random(f"play {seed}")
        )
        played.play()
        clean = clean_run(played, tmp_path / "clean")
    report = report_of(played.workspace)
    assert report == report_of(clean)
    expected = dict(tables(clean, report["run_id"]))
    for name, rows in tables(played.workspace, report["run_id"]):
        assert rows == expected[name], name
    played.workspace.done("verify", "--rebuild")
    root = played.workspace.config.archive_root
    for table in ("events", "receipts"):
        files = DeltaTable(str(root / table)).file_uris()
        assert len(files) == len({file.rpartition("/")[0] for file in files}), table
    kept_house = [
        step.counts["files_before"] > step.counts["files_after"] > 0
        for night in read_rounds(root)
        for step in night.steps
        if step.step == "housekeeping" and step.counts
    ]
    assert sum(kept_house) > nights // 3
