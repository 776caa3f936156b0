"""`archiver status`: what ran, what is old, what is open; exit code 6 says that something is."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import CONFIG, Result, Workspace, event, order, receipt

from archiver.archive.rounds import Round, StepResult, append_round
from archiver.report.status import age_text

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)


def status(workspace: Workspace, *arguments: str, at: datetime = NOW) -> Result:
    return workspace.run("status", "--as-of", at.isoformat(), *arguments)


def stale(workspace: Workspace, at: datetime = NOW) -> list[str]:
    """What is stale, in words, and that the exit code says the same."""
    result = status(workspace, "--json", at=at)
    what = [one["what"] for one in result.json["stale"]]
    assert result.code == (6 if what else 0)
    return what


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reconciled as of NOW, with three conversions in the gap and young feeds."""
    workspace = Workspace(tmp_path_factory.mktemp("fed"))
    workspace.configure(CONFIG.replace("pixel", 'max_age = "7d"\npixel'))
    workspace.write(
        "inbound/web/a.ndjson",
        *(order(f"m{n}") for n in range(9)),
        event("young", "2026-01-19T11:00:00Z"),
    )
    workspace.write(
        "receipts/a.ndjson",
        *(receipt(f"m{n}", "failed" if n < 3 else "accepted") for n in range(9)),
        receipt("elsewhere", at="2026-01-19T11:00:00Z"),
    )
    for command in ("ingest", "receipts"):
        workspace.done(command)
    workspace.run("reconcile", "--as-of", NOW.isoformat())
    return workspace.folder


@pytest.fixture
def fed(made: Path, tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "fed")
    fed = Workspace(tmp_path / "fed")
    shutil.copy(made / "archiver.toml", fed.config_path)
    return fed


def keep_round(workspace: Workspace, at: datetime, code: int | None, **more: Any) -> None:
    outcome: Any = {0: "done", 3: "gap", None: "started"}.get(code, "failed")
    record = Round(
        run_id=f"nightly-{at.isoformat()}",
        command="nightly",
        as_of=at,
        started_at=at,
        seconds=12.0,
        exit_code=code,
        outcome=outcome,
        steps=[
            StepResult(step="ingest", name="web", seconds=1.0),
            StepResult(step="ingest", name="app", seconds=2.0, outcome="failed", error="x"),
            StepResult(step="report", seconds=0.5),
        ],
        **more,
    )
    append_round(workspace.config.archive_root, record)


def test_one_source_and_one_destination_fit_on_one_screen(
    fed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_round(fed, NOW - timedelta(hours=9), 0)
    from rich.console import Console

    monkeypatch.setattr("archiver.cli.status.console", lambda: Console(width=80, highlight=False))
    result = status(fed)
    assert result.code == 0
    shown = result.out.splitlines()
    assert len(shown) <= 24
    assert max(map(len, shown)) <= 80
    text = " ".join(result.out.split())
    assert "up to date; nightly succeeded 9 h ago" in text
    assert "gap 3 (37.50 USD), 3 recoverable" in text
    assert "the next deadline is 2026-01-22T12:00:00Z" in text
    assert "events web up to 2026-01-19 11:00 UTC 1 h old 1 files 0 quarantined" in text
    assert "nightly 01-19 03:00 12 s done" in text
    assert "no alert is open" in text
    assert "archive " in text


def test_nothing_ever_ran(workspace: Workspace) -> None:
    first, *others = stale(workspace)
    assert first == "nothing has run yet: archiver nightly"
    assert others == ["source web has nothing yet"]
    assert "STALE: nothing has run yet" in status(workspace).out


def test_without_any_nightly_reconcile_is_the_success(fed: Workspace) -> None:
    assert stale(fed) == []
    source, whose = "source web ends 2026-01-19T11:00:00Z", "reconcile last succeeded"
    late = stale(fed, NOW + timedelta(hours=40))
    assert late == [f"{whose} 40 h ago, more than nightly.stale_after (26 h)", source]


@pytest.mark.parametrize(
    ("rounds", "is_stale"),
    [
        ([(30, 0), (2, 0)], False),
        ([(30, 0), (2, 3)], False),
        ([(30, 0), (2, 4)], True),
        ([(30, 0), (2, 6)], True),
        ([(25, 0), (2, 1)], False),
        ([(2, None)], True),
        ([(27, 3)], True),
    ],
)
def test_a_success_is_a_nightly_that_ended_with_0_or_3(
    fed: Workspace, rounds: list[tuple[int, int | None]], is_stale: bool
) -> None:
    for hours, code in rounds:
        keep_round(fed, NOW - timedelta(hours=hours), code)
    assert bool(stale(fed)) == is_stale


def test_a_success_of_months_ago_is_still_found(fed: Workspace) -> None:
    for days, code in ((200, 0), (100, 1), (40, 1), (1, 1)):
        keep_round(fed, NOW - timedelta(days=days), code)
    assert "nightly last succeeded 200 d ago" in stale(fed)[0]


def test_a_night_as_of_the_future_counts_from_its_start(fed: Workspace) -> None:
    start = NOW - timedelta(hours=27)
    future = Round(
        run_id="n", command="nightly", as_of=NOW + timedelta(days=99), started_at=start, exit_code=0
    )
    append_round(fed.config.archive_root, future)
    assert "nightly last succeeded 27 h ago" in stale(fed)[0]


def test_a_night_by_a_clock_that_was_ahead_is_no_success(fed: Workspace) -> None:
    keep_round(fed, NOW + timedelta(days=999), 0)
    assert stale(fed) == ["nightly never succeeded"]


def test_steps_are_by_hand_or_of_the_last_round_whichever_is_later(fed: Workspace) -> None:
    keep_round(fed, datetime(2100, 1, 1, tzinfo=UTC), 1)
    steps = status(fed, "--json").json["steps"]
    assert (steps["ingest"]["command"], steps["ingest"]["outcome"]) == ("nightly", "failed")
    assert steps["ingest"]["seconds"] == 3.0
    assert steps["report"]["outcome"] == "done"
    assert (steps["reconcile"]["command"], steps["alerts"]) == ("reconcile", None)


def test_a_later_reconciliation_is_left_out_of_an_earlier_look(fed: Workspace) -> None:
    (found,) = status(fed, "--json", at=NOW - timedelta(days=1)).json["open"]
    assert found["run_id"] is None
    (found,) = fed.run("status", "--json").json["open"]
    assert found["gap"] == 3


def test_the_present_keys_stay_and_new_ones_come(fed: Workspace) -> None:
    document = status(fed, "--json").json
    assert {"last_runs", "feeds", "waiting_data_files", "open"} <= document.keys()
    assert {"as_of", "steps", "rounds", "last_success", "stale", "alerts", "archive"} <= {*document}
    (events, receipts) = document["feeds"]
    assert (events["age_seconds"], events["is_stale"]) == (3600, False)
    assert (receipts["kind"], receipts["reaches_up_to"]) == ("receipts", "2026-01-19T11:00:00Z")
    tables = document["archive"]["tables"]
    assert tables["events"]["files"] > 0
    assert document["archive"]["bytes"] == sum(table["bytes"] for table in tables.values())


def test_open_alerts_are_named(fed: Workspace) -> None:
    from archiver.alerts.model import Condition
    from archiver.alerts.state import Alert, Alerts, Member, write_state

    def alert(name: str, **more: Any) -> Alert:
        condition = Condition(kind="gap", subject="tiktok", destination="tiktok")
        member = Member(condition=condition, opened_at=NOW, told=3)
        return Alert(alert=name, opened_at=NOW, told_at=NOW, members=[member], **more)

    state = Alerts(alerts=[alert("a"), alert("b", resolved_at=NOW)])
    write_state(fed.config.archive_root / "_alerts", state)
    (found,) = status(fed, "--json").json["alerts"]
    assert found["conditions"] == [{"kind": "gap", "subject": "tiktok"}]
    assert "alert since 2026-01-19 12:00 UTC: gap tiktok" in status(fed).out


def test_alerts_that_cannot_be_read_hide_nothing_else(fed: Workspace) -> None:
    path = fed.config.archive_root / "_alerts/state.json"
    path.parent.mkdir()
    path.write_text('{"torn')
    shown, document = status(fed), status(fed, "--json")
    assert (shown.code, document.code, document.json["alerts"]) == (4, 4, None)
    assert "recovery clock" in shown.out and "cannot be read" in shown.out
    assert "move it away" in shown.err


def test_a_torn_record_of_the_last_run_is_no_record(fed: Workspace) -> None:
    (fed.config.archive_root / "_last/ingest.json").write_text('{"comm')
    assert status(fed, "--json").json["last_runs"]["ingest"] is None


def test_many_feeds_and_strange_names_are_shown(workspace: Workspace) -> None:
    sources = "".join(f'[sources."s{n}-red.x"]\npaths = ["in{n}/*"]\n' for n in range(12))
    workspace.configure(CONFIG + sources)
    result = status(workspace)
    assert "s11-red.x" in result.out
    assert "more: archiver status --json" in result.out
    assert len(json.loads(status(workspace, "--json").out)["stale"]) == 14


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 min"),
        (59, "59 min"),
        (125, "2 h 5 min"),
        (26 * 60, "26 h"),
        (3 * 1440, "3 d"),
        (4 * 1440 + 61, "4 d 1 h"),
        (307 * 1440 + 600, "307 d"),
    ],
)
def test_ages_are_for_people(minutes: int, text: str) -> None:
    assert age_text(timedelta(minutes=minutes)) == text
