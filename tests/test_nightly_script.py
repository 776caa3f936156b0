"""docs/nightly.sh: every step runs, and the worst news is the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import Workspace, order, receipt

SCRIPT = Path(__file__).resolve().parents[1] / "docs" / "nightly.sh"


def nightly(workspace: Workspace) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", SCRIPT, workspace.folder],
        env={"ARCHIVER": f"{sys.executable} -m archiver", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def outage(workspace: Workspace) -> Workspace:
    workspace.write("inbound/web/a.ndjson", *(order(f"m{n}") for n in range(9)))
    workspace.write(
        "receipts/a.ndjson",
        *(receipt(f"m{n}", "failed") for n in range(9)),
        receipt("elsewhere", at="2026-01-19T12:00:00Z"),
    )
    return workspace


def test_a_gap_over_the_threshold_ends_with_3_and_the_report(outage: Workspace) -> None:
    done = nightly(outage)
    assert done.returncode == 3, done.stderr
    assert "9 of 9 conversions did not arrive" in done.stdout


def test_a_broken_file_is_worse_than_a_gap_and_stops_no_step(outage: Workspace) -> None:
    outage.write("inbound/web/b.gz", data=b"\x1f\x8b\x08broken")
    done = nightly(outage)
    assert done.returncode == 4, done.stderr
    assert "9 of 9 conversions did not arrive" in done.stdout


def test_nothing_wrong_ends_with_0(outage: Workspace) -> None:
    outage.write(
        "receipts/b.ndjson",
        *(receipt(f"m{n}", at="2026-01-16T12:00:00Z") for n in range(9)),
    )
    assert nightly(outage).returncode == 0
