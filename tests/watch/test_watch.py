"""`archiver watch`: an API that fails is told of while it fails, once, and once when it is over."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

import pytest
from support import CONFIG, Workspace
from watching import TWO, at, attempts, hours, loaded, watched

from archiver.alerts.words import harmless
from archiver.archive.lock import Holder, writing
from archiver.archive.rounds import read_rounds
from archiver.nightly.apis import api_conditions
from archiver.nightly.watch_metrics import merged
from archiver.report.metrics import Gauge
from archiver.report.performance import api_state

FAILURES = CONFIG + 'reports = "failures"\n'


def test_an_outage_is_told_once_and_resolved_once(workspace: Workspace) -> None:
    loaded(workspace, *hours(at("12T0"), 58, 49, 1))

    calm = watched(workspace, at("14T10:05"), *attempts(at("14T10"), 30))
    begun = watched(workspace, at("14T10:35"), *attempts(at("14T10:30"), 0, 60, "40100"))
    goes_on = watched(workspace, at("14T11:35"), *attempts(at("14T11"), 0, 90, "40100"))
    better = watched(workspace, at("14T12:35"), *attempts(at("14T12"), 90))
    over = watched(workspace, at("14T13:05"), *attempts(at("14T13"), 10))

    assert [w.exit_code for w in (calm, begun, goes_on, better, over)] == [0] * 5
    assert [len(w.failing) for w in (calm, begun, goes_on, better, over)] == [0, 1, 1, 1, 0]
    told = [w.told for w in (calm, begun, goes_on, better, over)]
    assert [len(t.opened) for t in told if t] == [0, 1, 0, 0, 0]
    assert [len(t.resolved) for t in told if t] == [0, 0, 0, 0, 1]
    (incident,) = goes_on.failing
    assert (incident.since, incident.until) == (at("14T10"), at("14T12"))
    assert (incident.attempts, incident.failures, incident.throttled) == (180, 150, 150)
    assert incident.lines() == [
        "30 of 180 attempts accepted (16.7%)",
        "most frequent code 40100: too many requests in too short a time",
        "83% of the attempts were throttled",
    ]


def test_the_next_step_of_a_message_can_be_pasted(workspace: Workspace) -> None:
    """Messages show what chats take for markup as its wide twin, which no shell understands."""
    loaded(workspace, *attempts(at("14T10"), 0, 60))
    (condition,), _ = api_conditions(workspace.config, at("14T10:35"))
    (step,) = condition.next_steps
    assert harmless(step) == step
    _, *arguments = shlex.split(step)
    workspace.done("load")
    assert "14" in workspace.done(*arguments).out


def test_the_record_has_the_steps_and_the_published_warehouse_the_receipts(
    workspace: Workspace,
) -> None:
    done = watched(workspace, at("14T10:05"), *attempts(at("14T10"), 30))
    (record,) = read_rounds(workspace.archive.root)
    assert done.record == record
    assert (record.command, record.outcome, record.exit_code) == ("watch", "done", 0)
    assert [(step.step, step.outcome) for step in record.steps] == [
        ("receipts", "done"),
        ("load", "done"),
        ("performance", "done"),
        ("alerts", "unchanged"),
    ]
    assert workspace.sql("SELECT COUNT(*) AS n FROM receipts") == [{"n": 30}]
    last = json.loads((workspace.archive.root / "_last/watch.json").read_bytes())
    assert (last["command"], last["exit_code"], last["summary"]["files"]) == ("watch", 0, 1)


def test_the_newest_rounds_are_read_from_the_end_of_their_file(workspace: Workspace) -> None:
    for minute in (5, 10):
        start = at("14T10") + timedelta(minutes=minute)
        watched(workspace, start, *attempts(start, 30))
    root = workspace.archive.root
    size = (root / "_runs/2026-01-watch.ndjson").stat().st_size
    assert len(read_rounds(root, last_bytes=size)) == 2
    (newest,) = read_rounds(root, last_bytes=size // 2)
    assert (newest.started_at, newest.outcome) == (at("14T10:10"), "done")


def test_nothing_new_ends_after_a_look_at_the_files(workspace: Workspace) -> None:
    first = watched(workspace, at("14T10:05"), *attempts(at("14T10"), 0, 30))
    again = watched(workspace, at("14T10:10"))
    next_hour = watched(workspace, at("14T11:05"))
    assert [w.is_unchanged for w in (first, again, next_hour)] == [False, True, False]
    assert again.failing == first.failing != []
    assert [step.step for step in again.steps] == ["receipts"]
    assert len(read_rounds(workspace.archive.root)) == 2
    assert not watched(workspace, at("14T11:10"), *attempts(at("14T11"), 1)).is_unchanged


def test_a_changed_setting_is_something_new(workspace: Workspace) -> None:
    watched(workspace, at("14T10:05"), *attempts(at("14T10"), 10, 9))
    workspace.configure(CONFIG + "[watch]\nmin_attempts = 10\nmax_drop = 0.1\n")
    assert not watched(workspace, at("14T10:10")).is_unchanged


def test_without_a_baseline_less_than_half_is_failing(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("14T9"), 10, 10), *attempts(at("14T10"), 9, 11))
    config = workspace.config
    (incident,) = api_state(config, at("14T11:30")).failing
    assert (incident.since, incident.ratio, incident.baseline) == (at("14T10"), 0.45, None)
    assert api_state(config, at("14T9:59")).failing == []


def test_with_a_baseline_a_fall_below_it_is_failing(workspace: Workspace) -> None:
    weeks = [at("2T10"), at("9T10"), at("16T10")]
    lines = [line for week in weeks for line in attempts(week, 98, 2)]
    loaded(workspace, *lines, *attempts(at("23T10"), 77, 23))
    (incident,) = api_state(workspace.config, at("23T11:30")).failing
    assert (incident.ratio, incident.baseline, incident.baseline_failures) == (0.77, 0.98, 2)
    assert incident.lines()[0] == "77 of 100 attempts accepted (77.0%; usual: 98.0%)"


def test_a_feed_of_failures_is_judged_by_their_number(workspace: Workspace) -> None:
    workspace.configure(FAILURES)
    weeks = [at("1T10"), at("8T10"), at("15T10")]
    loaded(workspace, *[line for week in weeks for line in attempts(week, 0, 30)])
    loaded(workspace, *attempts(at("22T10"), 0, 91), *attempts(at("22T11"), 0, 1))
    config = workspace.config
    (incident,) = api_state(config, at("22T11:30")).failing
    assert (incident.failures, incident.baseline_failures, incident.ratio) == (91, 30, None)
    assert incident.lines()[0] == "91 attempts failed; usual in these hours: 30"
    loaded(workspace, *attempts(at("22T13"), 0, 1))
    assert api_state(config, at("22T13:30")).failing == []


def test_of_a_silent_feed_nothing_can_be_said(workspace: Workspace) -> None:
    workspace.configure(TWO)
    watched(workspace, at("14T10:30"), *attempts(at("14T10"), 0, 30))
    silent = watched(workspace, at("16T10:30"))
    assert silent.unseen == ["meta", "tiktok"]
    assert silent.failing == []
    assert silent.told is not None and silent.told.resolved == []
    back = watched(workspace, at("16T12:30"), *attempts(at("16T11"), 30))
    assert (back.unseen, len(back.told.resolved if back.told else [])) == (["meta"], 1)


def test_a_bad_file_makes_it_end_with_4_each_time(workspace: Workspace) -> None:
    workspace.write("receipts/bad.ndjson", data=b"what is this?\n")
    first = watched(workspace, at("14T10:05"))
    again = watched(workspace, at("14T10:10"))
    assert (first.exit_code, again.exit_code, again.is_unchanged) == (4, 4, False)
    assert first.steps[0].outcome == "partial"


def test_a_step_that_fails_makes_it_end_with_1_and_judges_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = watched(workspace, at("14T10:30"), *attempts(at("14T10"), 0, 30))
    assert opened.told is not None and len(opened.told.opened) == 1

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("archiver.warehouse.load.load", broken)
    failed = watched(workspace, at("14T12:30"), *attempts(at("14T11"), 30))
    assert failed.exit_code == 1
    assert [s.outcome for s in failed.steps if s.step in ("load", "performance")] == [
        "failed",
        "skipped",
    ]
    assert failed.told is not None and failed.told.resolved == []
    monkeypatch.undo()
    mended = watched(workspace, at("14T12:35"))
    assert (mended.exit_code, mended.is_unchanged) == (0, False)


def test_what_a_dead_load_left_is_published_by_the_next(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("14T10"), 30))
    assert not workspace.database.exists()
    watched(workspace, at("14T10:30"))
    assert workspace.sql("SELECT attempts FROM api_performance") == [{"attempts": 30}]


def test_a_watch_that_died_is_told(workspace: Workspace) -> None:
    dead = Holder("watch", "me", "here", 1, "2026-01-14T10:00:00Z")
    after = watched(workspace, at("14T10:30"), took_over=dead)
    assert after.record is not None and after.record.took_over == dead
    assert after.told is not None and len(after.told.opened) == 1


def test_a_dry_run_changes_nothing(workspace: Workspace) -> None:
    loaded(workspace, *attempts(at("14T10"), 0, 30))
    workspace.write("receipts/9.ndjson", *attempts(at("14T11"), 30))
    before = workspace.listing()
    found = workspace.done("watch", "--dry-run", "--json", "--as-of", "2026-01-14T10:30:00Z")
    assert workspace.listing() == before
    assert found.json["steps"][0]["counts"]["imported"] == 1
    assert found.json["failing"][0]["destination"] == "tiktok"


def test_a_second_one_ends_with_5(workspace: Workspace) -> None:
    with writing(workspace.config.archive_root, "nightly"):
        result = workspace.run("watch", "--json")
    assert result.code == 5
    assert result.json["error"]["exit_code"] == 5


def test_the_command_says_what_fails(workspace: Workspace) -> None:
    workspace.write("receipts/1.ndjson", *attempts(at("14T10"), 0, 30))
    result = workspace.done("watch", "--as-of", "2026-01-14T10:30:00Z", "--json")
    assert result.json["failing"][0]["attempts"] == 30
    assert result.json["alerts"] == {"sent": [], "resolved": [], "failed": []}
    assert "tiktok is failing since 2026-01-14 10:00 UTC: 0 of 30 attempts" in result.err


def test_metrics_of_others_stay(workspace: Workspace) -> None:
    known = [
        "# HELP archiver_last_exit_code How the command last ended; 137 where it died.",
        "# TYPE archiver_last_exit_code gauge",
        'archiver_last_exit_code{command="nightly"} 3',
        'archiver_last_exit_code{command="watch"} 4',
        "# HELP archiver_open_alerts Alerts that are open.",
        "# TYPE archiver_open_alerts gauge",
        'archiver_open_alerts{kind="gap"} 1',
        'archiver_open_alerts{kind="outage"} 2',
        "# EOF",
    ]
    code = Gauge("last_exit_code", "How the command last ended; 137 where it died.")
    code.add(0, command="watch")
    alerts = Gauge("open_alerts", "Alerts that are open.")
    alerts.add(5, kind="gap")
    assert merged(known, [code, alerts]).splitlines() == [
        *known[:3],
        'archiver_last_exit_code{command="watch"} 0',
        *known[4:6],
        'archiver_open_alerts{kind="gap"} 5',
        "# EOF",
    ]


def test_the_file_of_metrics_is_brought_up_to_date(workspace: Workspace) -> None:
    workspace.configure(CONFIG + '[metrics]\ntextfile = "out/archiver.prom"\n')
    for minute in (5, 10):
        start = at("14T10") + timedelta(minutes=minute)
        watched(workspace, start + timedelta(minutes=1), *attempts(start, 30))
    text = (workspace.folder / "out/archiver.prom").read_text()
    started = (at("14T10:11")).timestamp()
    assert f'archiver_last_run_timestamp_seconds{{command="watch"}} {started:.0f}\n' in text
    assert text.count('archiver_last_exit_code{command="watch"} 0\n') == 1
    assert text.endswith("# EOF\n")
