"""A project may lie in a folder with any usual name: every command works there."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CONFIG, Workspace, order, receipt

AS_OF = ("--as-of", "2026-01-20T00:00:00Z")


@pytest.mark.parametrize("name", ["sp ace", "ü nic", "ha#sh", "q'uo\"te", "a+b,{c}&d;~"])
def test_a_project_folder_with_an_odd_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    project = Workspace(tmp_path / name)
    project.configure(CONFIG + 'coverage = "complete"\n')
    project.write("inbound/web/a.ndjson", order("m1"), order("m2"))
    project.write("receipts/r.ndjson", receipt("m1"), receipt("x", at="2026-01-16T12:00:00Z"))
    for _ in range(2):
        for command in ("ingest", "receipts", "load"):
            project.done(command)
    project.done("reconcile", *AS_OF)
    (found,) = project.done("report", "--format", "json").json["destinations"]
    assert (found["totals"]["accepted"], found["totals"]["missing"]) == (1, 1)
    assert project.done("backfill", *AS_OF, "--json").json["events"] == 1
    counts = [
        project.sql(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]
        for table in ("events", "event_records", "receipts", "inbound_files")
    ]
    assert counts == [2, 2, 2, 2]
    project.run("status")
