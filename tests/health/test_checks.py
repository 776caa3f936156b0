"""`archiver doctor`: each check finds what is wrong and says how to mend it, else nothing."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from support import CONFIG, Workspace, event, ingest_files, order

from archiver.archive.rounds import Round, append_round
from archiver.nightly.health import machine, state
from archiver.nightly.health import settings as of_settings
from archiver.nightly.health.checkup import CHECKS
from archiver.nightly.health.finding import Finding, Patient

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
SECRETS = {"ALERTS_URL": "json://x", "HEARTBEAT_URL": "https://x", "TIKTOK_ACCESS_TOKEN": "t"}
CHANNEL = '[channels.team]\nurl_env = "ALERTS_URL"\n'


def found(
    workspace: Workspace,
    check: Callable[[Patient], Iterator[Finding]],
    *,
    config: str = CONFIG + CHANNEL,
    environment: dict[str, str] = SECRETS,
    now: datetime = NOW,
) -> list[tuple[str, str]]:
    """Level and text of what a check finds; whoever finds something says how to mend it."""
    workspace.configure(config)
    patient = Patient(workspace.config, workspace.archive, environment, now)
    findings = list(check(patient))
    assert all(one.mend for one in findings)
    return [(one.level, f"{one.subject}: {one.what}") for one in findings]


def only(findings: list[tuple[str, str]], level: str, *words: str) -> None:
    """There is one, of that level, that says these words."""
    assert len(findings) == 1, findings
    assert findings[0][0] == level
    for word in words:
        assert word in findings[0][1]


@pytest.mark.parametrize("name", [name for name, _ in CHECKS if name not in ("inputs", "disk")])
def test_a_workspace_in_order_has_no_problem(workspace: Workspace, name: str) -> None:
    ingest_files(
        workspace.archive.root,
        workspace.write("inbound/web/a.ndjson", order("m1", "2026-01-19T11:00:00Z")),
    )
    assert not [one for one in found(workspace, dict(CHECKS)[name]) if one[0] == "problem"]


@pytest.mark.parametrize(
    ("config", "environment", "level", "words"),
    [
        (CONFIG, SECRETS, "hint", ["no channel is configured"]),
        (CONFIG + CHANNEL, SECRETS | {"ALERTS_URL": " "}, "problem", ["channels.team", "ALERTS_"]),
        (CONFIG + CHANNEL, SECRETS | {"HEARTBEAT_URL": ""}, "hint", ["HEARTBEAT_URL"]),
        (CONFIG + CHANNEL, SECRETS | {"TIKTOK_ACCESS_TOKEN": ""}, "hint", ["upload --send"]),
        (CONFIG.replace("America/New_York", "UTC") + CHANNEL, SECRETS, "hint", ["daylight"]),
        (CONFIG.replace('"none"', '"other_id"') + CHANNEL, SECRETS, "hint", ["beyond-dedup"]),
        (CONFIG.replace('"PIXEL"', '"PIXEL_CODE"') + CHANNEL, SECRETS, "hint", ["example's"]),
        (
            CONFIG.replace('receipts = ["receipts/*.ndjson"]', "") + CHANNEL,
            SECRETS,
            "hint",
            ["every conversion will be unknown"],
        ),
        (CONFIG + CHANNEL + '[metrics]\ntextfile = "m.txt"\n', SECRETS, "hint", [".prom"]),
    ],
)
def test_what_is_legal_and_perhaps_not_meant(
    workspace: Workspace, config: str, environment: dict[str, str], level: str, words: list[str]
) -> None:
    result = found(
        workspace, of_settings.check_configuration, config=config, environment=environment
    )
    only(result, level, *words)
    for secret in environment.values():
        assert len(secret) < 3 or secret not in str(result)


def test_patterns_without_files_or_without_a_folder(workspace: Workspace) -> None:
    assert [level for level, _ in found(workspace, of_settings.check_inputs)] == ["problem"] * 2
    (workspace.folder / "inbound/web").mkdir(parents=True)
    workspace.write("receipts/a.ndjson", b"{}")
    os.utime(workspace.folder / "receipts/a.ndjson", (0, 0))
    only(found(workspace, of_settings.check_inputs), "hint", "no file matches inbound/web")


def test_files_that_cannot_be_read_or_come_from_the_future(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbound = workspace.write("inbound/web/a.ndjson", event())
    workspace.write("receipts/a.ndjson", b"{}")
    later = NOW + timedelta(days=4000)
    assert found(workspace, of_settings.check_inputs, now=later) == []
    os.utime(inbound, (later.timestamp() + 3600,) * 2)
    only(found(workspace, of_settings.check_inputs, now=later), "hint", "written in the future")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != inbound)
    level, words = found(workspace, of_settings.check_inputs, now=later)[0]
    assert (level, "cannot be read" in words) == ("problem", True)


def test_folders_that_cannot_be_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(workspace, machine.check_permissions) == []
    closed = workspace.folder / "closed"
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    config = CONFIG + CHANNEL + '[metrics]\ntextfile = "closed/m.prom"\n'
    result = found(workspace, machine.check_permissions, config=config)
    only(result, "problem", "metrics.textfile", "cannot be written")


def test_a_file_where_a_folder_should_be(workspace: Workspace) -> None:
    workspace.write("data", b"")
    levels = {level for level, _ in found(workspace, machine.check_permissions)}
    assert levels == {"problem"}


def test_backfills_that_others_can_read(workspace: Workspace) -> None:
    path = workspace.write("backfills/tiktok/x/events.csv", b"id")
    path.chmod(0o600)
    assert found(workspace, machine.check_permissions) == []
    path.chmod(0o640)
    only(found(workspace, machine.check_permissions), "hint", "events.csv", "read by others")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_disk_against_what_the_archive_grows_by(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_free(free: float, growth: float) -> list[tuple[str, str]]:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, int(free)))
        monkeypatch.setattr(machine, "_daily_bytes", lambda patient: growth)
        return found(workspace, machine.check_disk)[:1]

    assert with_free(100e9, 1e9) == []
    only(with_free(50e9, 1e9), "hint", "50.0 GB are free", "grows by 1.00 GB a day")
    only(with_free(2e9, 1e9), "problem", "2.0 GB are free")
    only(with_free(0.5e9, 0), "problem")
    monkeypatch.undo()
    ingest_files(workspace.archive.root, workspace.write("a.ndjson", event()))
    patient = Patient(workspace.config, workspace.archive, {}, NOW)
    assert machine._daily_bytes(patient) > 0


def test_a_library_that_is_too_old_or_absent(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(workspace, machine.check_versions) == []
    asked = ["duckdb>=99.1", "no-such-library", 'pytest>=99; extra == "dev"']
    monkeypatch.setattr(machine.metadata, "requires", lambda name: asked)
    (old, absent) = found(workspace, machine.check_versions)
    assert (old[0], "is older than 99.1" in old[1]) == ("problem", True)
    assert absent == ("problem", "no-such-library: it is not installed")


def test_a_clock_that_is_not_that_of_the_disk(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.config.archive_root.mkdir(parents=True)
    assert found(workspace, machine.check_clock) == []
    monkeypatch.setattr(machine.time, "time", lambda: 0.0)
    only(found(workspace, machine.check_clock), "hint", "clock differs")
    assert list(workspace.config.archive_root.iterdir()) == []


def test_events_from_the_future(workspace: Workspace) -> None:
    path = workspace.write("a.ndjson", event("m1", "2026-01-21T12:00:00Z"))
    ingest_files(workspace.archive.root, path)
    only(found(workspace, machine.check_clock), "hint", "in the future", "2026-01-21")


def test_zones_that_python_and_duckdb_do_not_agree_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(workspace, of_settings.check_zones) == []
    from zoneinfo import ZoneInfo

    monkeypatch.setattr(of_settings, "ZoneInfo", lambda name: ZoneInfo("Asia/Tokyo"))
    only(found(workspace, of_settings.check_zones), "problem", "America/New_York", "disagree")


def test_locks_that_are_held_or_that_a_dead_run_left(workspace: Workspace) -> None:
    path = workspace.config.archive_root / ".lock"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert found(workspace, state.check_locks) == []
    path.write_text('{"command": "nightly", "pid": 7}')
    only(found(workspace, state.check_locks), "hint", "a run died with it", "nightly")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        only(found(workspace, state.check_locks), "hint", "a run holds it")


def test_what_dead_runs_left(workspace: Workspace) -> None:
    assert found(workspace, state.check_leftovers) == []
    root, warehouse = workspace.config.archive_root, workspace.config.warehouse_path
    for path in (root / "_journal.json", root / "_staging/x", warehouse / "events/a.draft"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    started = Round(run_id="r", command="nightly", as_of=NOW, started_at=NOW)
    append_round(root, started)
    texts = [text for level, text in found(workspace, state.check_leftovers) if level == "hint"]
    assert ["commit" in texts[0], "import" in texts[1], "load" in texts[2]] == [True] * 3
    assert "died before its end" in texts[3]


def test_a_log_or_a_warehouse_that_cannot_be_read(workspace: Workspace) -> None:
    ingest_files(workspace.archive.root, workspace.write("a.ndjson", event()))
    assert found(workspace, state.check_archive) == []
    only(found(workspace, state.check_warehouse), "hint", "nothing is published yet")
    for path in (workspace.archive.root / "events/_delta_log").glob("*.json"):
        path.write_text("torn")
    only(found(workspace, state.check_archive), "problem", "events: its log cannot be read")
    workspace.database.parent.mkdir(parents=True)
    workspace.database.write_bytes(b"no database at all" * 999)
    only(found(workspace, state.check_warehouse), "problem", "cannot read it")


@pytest.mark.parametrize(
    ("check", "path"),
    [
        (state.check_leftovers, "archive/_journal.json"),
        (state.check_alerts, "archive/_alerts/state.json"),
        (state.check_runs, "warehouse/runs/r/run.json"),
        (state.check_runs, "warehouse/runs/r/daily_gaps.parquet"),
    ],
)
def test_what_is_torn_is_named(
    workspace: Workspace, check: Callable[[Patient], Iterator[Finding]], path: str
) -> None:
    torn = workspace.write(f"data/{path}", data=b'{"torn')
    only(found(workspace, check), "problem", str(torn), "damaged")


def test_data_files_that_are_gone_or_torn_are_named(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", order("m1", "2026-01-19T11:00:00Z"))
    for command in ("ingest", "load"):
        workspace.done(command)
    (segment,) = (workspace.config.warehouse_path / "conversions").glob("*.parquet")
    segment.write_bytes(b"torn")
    only(found(workspace, state.check_warehouse), "problem", str(segment), "damaged")
    (file,) = (workspace.archive.root / "events").rglob("*.parquet")
    file.write_bytes(b"torn")
    only(found(workspace, state.check_archive), "problem", str(file), "damaged")
    only([f for f in found(workspace, state.check_success) if f[0] == "problem"], "problem", "ages")


def test_without_a_source_no_night_is_played(workspace: Workspace) -> None:
    config = re.sub(r"\[sources.web\]\npaths.*\n", "", CONFIG).replace('sources = ["web"]\n', "")
    (first, *_) = found(workspace, of_settings.check_configuration, config=config)
    assert first[0] == "problem" and "nightly ends with 2" in first[1]
    result = workspace.run("nightly", "--json")
    assert (result.code, result.json["error"]["exit_code"]) == (2, 2)
    assert not workspace.archive.root.exists()


def test_files_that_wait_for_the_first_night_are_no_stale_source(workspace: Workspace) -> None:
    assert len(found(workspace, state.check_success)) == 2
    workspace.write("inbound/web/a.ndjson", order("m1"))
    only(found(workspace, state.check_success), "hint", "it never ran")


def test_feeds_and_successes_that_are_old(workspace: Workspace) -> None:
    ingest_files(
        workspace.archive.root, workspace.write("a.ndjson", event("m1", "2026-01-15T12:00:00Z"))
    )
    never, stale = found(workspace, state.check_success)
    assert never == ("hint", "nightly: it never ran")
    assert stale[0] == "problem" and "source web: it is stale" in stale[1]
    done = Round(run_id="r", command="nightly", as_of=NOW, started_at=NOW, exit_code=0)
    append_round(workspace.archive.root, done)
    assert len(found(workspace, state.check_success)) == 1
    late = found(workspace, state.check_success, now=NOW + timedelta(days=2))
    assert late[0] == ("hint", "nightly: its last success is old: 2026-01-19T12:00:00Z")


def test_the_command_ends_with_4_for_a_problem_and_changes_nothing(workspace: Workspace) -> None:
    before = workspace.listing()
    result = workspace.run("doctor", "--json")
    assert result.code == 4
    assert not result.json["ok"]
    assert set(result.json["checks"]) == {name for name, _ in CHECKS}
    text = workspace.run("doctor")
    assert text.code == 4
    assert "inputs         problem: sources.web" in text.out
    assert "mend: " in text.out
    assert workspace.listing() == before


def test_hints_alone_are_no_failure(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = [Finding("hint", "a", "b", "c")]
    monkeypatch.setattr(
        "archiver.nightly.health.checkup.CHECKS", (("one", lambda patient: iter(hints)),)
    )
    result = workspace.done("doctor")
    assert "0 problems, 1 hints" in result.out


def test_a_configuration_that_cannot_be_read_is_2(workspace: Workspace) -> None:
    workspace.configure("nonsense = 1\n")
    assert workspace.run("doctor").code == 2
