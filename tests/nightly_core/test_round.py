"""The round: which exit code ends it, and that a failing part does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from support import CONFIG, Workspace, order, receipt

from archiver.archive.rounds import Round, read_rounds
from archiver.archive.tables import EVENTS
from archiver.errors import CheckFailedError
from archiver.nightly.record import worst
from archiver.nightly.round import play

AS_OF = datetime(2026, 1, 16, 3, tzinfo=UTC)
QUIET = "[report]\nformats = []\n"


def night(
    workspace: Workspace, as_of: datetime = AS_OF, said: list[str] | None = None, **environment: str
) -> Round:
    return play(
        workspace.config,
        workspace.archive,
        as_of=as_of,
        started_at=as_of,
        environment=environment,
        say=(said if said is not None else []).append,
    )


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(workspace.database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def outcomes(record: Round, step: str) -> dict[str | None, str]:
    return {result.name: result.outcome for result in record.steps if result.step == step}


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A day of nine orders that all arrived."""
    workspace.configure(QUIET + CONFIG)
    workspace.write("inbound/web/a.ndjson", *(order(f"m{n}") for n in range(9)))
    workspace.write("receipts/a.ndjson", *(receipt(f"m{n}") for n in range(9)))
    return workspace


@pytest.fixture
def outage(shop: Workspace) -> Workspace:
    """The same, and none of them arrived."""
    shop.write("receipts/a.ndjson", *(receipt(f"m{n}", "failed") for n in range(9)))
    return shop


def test_all_is_well(shop: Workspace) -> None:
    record = night(shop)
    assert (record.exit_code, record.outcome) == (0, "done")
    assert outcomes(record, "ingest") == {"web": "done"}
    assert outcomes(record, "receipts") == {"tiktok": "done"}
    assert [step.step for step in record.steps] == [
        *("ingest", "receipts", "load", "reconcile"),
        *("report", "alerts", "housekeeping"),
    ]
    assert read_rounds(shop.archive.root) == [record]
    ((_, command, outcome, code, steps),) = rows(
        shop,
        "SELECT run_id, command, outcome, exit_code, len(steps) FROM runs"
        " WHERE command = 'nightly'",
    )
    assert (command, outcome, code, steps) == ("nightly", "done", 0, 7)


def test_a_gap_counts_for_as_many_days_as_are_configured(outage: Workspace) -> None:
    assert night(outage).exit_code == 3
    outage.configure(QUIET + CONFIG + "[nightly]\nthreshold_days = 1\n")
    record = night(outage, AS_OF + timedelta(hours=4))
    assert (record.exit_code, record.over_threshold) == (0, [])
    assert record.gaps[0].gap == 9


def test_a_stale_feed_is_worse_than_a_gap(outage: Workspace) -> None:
    record = night(outage, AS_OF + timedelta(days=2))
    assert (record.exit_code, record.outcome) == (6, "stale")
    assert [day.day for day in record.over_threshold] == ["2026-01-15"]
    assert [(feed.kind, feed.name) for feed in record.stale] == [("source", "web")]


def test_a_broken_file_stops_neither_its_source_nor_the_others(outage: Workspace) -> None:
    outage.configure(QUIET + CONFIG + '[sources.app]\npaths = ["inbound/app/*"]\n')
    outage.write("inbound/web/b.gz", data=b"\x1f\x8b\x08broken")
    outage.write("inbound/app/a.ndjson", order("a1"))
    said: list[str] = []
    record = night(outage, AS_OF + timedelta(days=2), said)
    assert (record.exit_code, record.outcome) == (4, "partial")
    assert outcomes(record, "ingest") == {"app": "done", "web": "partial"}
    assert outcomes(record, "reconcile") == {None: "done"}
    assert any("inbound/web/b.gz" in line for line in said)


def test_a_folder_that_is_not_there_is_said(shop: Workspace) -> None:
    shop.configure(QUIET + CONFIG.replace("receipts/*.ndjson", "mounted/tiktok/*.ndjson"))
    said: list[str] = []
    record = night(shop, said=said)
    assert record.exit_code == 4
    assert outcomes(record, "receipts") == {"tiktok": "partial"}
    (line,) = said
    assert "mounted/tiktok is not there" in line


def test_a_pattern_without_a_file_is_said_and_is_no_failure(shop: Workspace) -> None:
    shop.configure(QUIET + CONFIG.replace("receipts/*.ndjson", "receipts/*.csv"))
    said: list[str] = []
    assert night(shop, said=said).exit_code == 0
    assert said == ["no file matches receipts/*.csv (destination tiktok)"]


def test_a_channel_that_fails_makes_it_partial(outage: Workspace) -> None:
    outage.configure(QUIET + CONFIG + '[channels.ops]\ntype = "webhook"\nurl_env = "NOWHERE"\n')
    record = night(outage)
    assert record.exit_code == 4
    assert outcomes(record, "alerts") == {None: "partial"}
    assert outcomes(record, "housekeeping") == {None: "unchanged"}


def test_a_report_that_cannot_be_written_makes_it_partial(shop: Workspace) -> None:
    shop.configure(CONFIG + '[report]\nfolder = "taken"\nformats = ["json"]\n')
    shop.write("taken", b"a file")
    record = night(shop)
    assert record.exit_code == 4
    assert outcomes(record, "report") == {None: "partial"}


def fails(error: Exception) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return failing


def test_without_load_nothing_is_reconciled(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.warehouse.load.load", fails(ValueError("user@example.com")))
    record = night(shop)
    assert (record.exit_code, record.outcome) == (1, "failed")
    assert outcomes(record, "receipts") == {"tiktok": "done"}
    assert outcomes(record, "load") == {None: "failed"}
    assert outcomes(record, "reconcile") == outcomes(record, "report") == {None: "skipped"}
    (error,) = [step.error for step in record.steps if step.step == "load"]
    assert error is not None
    assert error.startswith("unexpected ValueError in round.py:")
    assert "example.com" not in error


def test_without_a_reconciliation_no_report_is_written(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = CheckFailedError("checking the figures", "2 rows do not add up")
    monkeypatch.setattr("archiver.reconcile.run.reconcile", fails(broken))
    record = night(shop)
    assert record.exit_code == 1
    assert outcomes(record, "reconcile") == {None: "failed"}
    assert outcomes(record, "report") == {None: "skipped"}
    assert outcomes(record, "alerts") == {None: "done"}


def test_a_full_disk_in_one_source_is_said_and_stops_no_other(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(QUIET + CONFIG + '[sources.app]\npaths = ["inbound/web/*"]\n')
    real, calls = type(shop.archive).commit, []

    def commit(*args: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        real(*args, **more)

    monkeypatch.setattr("archiver.archive.store.Archive.commit", commit)
    record = night(shop)
    assert record.exit_code == 1
    assert outcomes(record, "ingest") == {"app": "failed", "web": "done"}
    assert "the disk is full" in (record.steps[0].error or "")
    monkeypatch.undo()
    again = night(shop, AS_OF + timedelta(minutes=1))
    assert outcomes(again, "ingest") == {"app": "done", "web": "unchanged"}
    assert sum(file.rows or 0 for file in shop.archive.data_files(EVENTS)) == 18


def test_a_commit_that_broke_off_is_finished_before_the_next_one(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal names files that are moved already: a second one must not overwrite it."""
    from archiver.archive.store import Archive

    real, calls = Archive._apply, []

    def apply(self: Archive, journal: dict[str, Any], **more: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        real(self, journal, **more)

    monkeypatch.setattr(Archive, "_apply", apply)
    record = night(shop)
    assert outcomes(record, "ingest") == {"web": "failed"}
    assert outcomes(record, "receipts") == {"tiktok": "done"}
    assert rows(shop, "SELECT COUNT(*) FROM events") == [(9,)]


def test_a_missed_week_and_a_late_file_are_made_good(shop: Workspace) -> None:
    night(shop)
    for day in range(17, 24):
        at = f"2026-01-{day}T12:00:00Z"
        shop.write(f"inbound/web/{day}.ndjson", order(f"d{day}", at))
        shop.write(f"receipts/{day}.ndjson", receipt(f"d{day}", at=at))
    shop.write("inbound/web/late.ndjson", order("late", "2025-12-01T12:00:00Z"))
    record = night(shop, datetime(2026, 1, 24, 3, tzinfo=UTC))
    (ingest,) = [step for step in record.steps if step.step == "ingest"]
    assert (ingest.counts["imported"], ingest.counts["known"]) == (8, 1)
    counted = rows(
        shop,
        "SELECT CAST(SUM(expected) AS INT) FROM daily_gaps"
        " WHERE run_id = (SELECT run_id FROM runs WHERE is_latest)",
    )
    assert counted == [(17,)]


def test_an_interrupted_round_is_kept_as_such(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.reconcile.run.reconcile", fails_hard(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        night(shop)
    (record,) = read_rounds(shop.archive.root)
    assert (record.outcome, record.exit_code) == ("interrupted", 130)
    assert record.steps[-1].step == "reconcile"
    assert record.steps[-1].error == "interrupted"


def fails_hard(error: BaseException) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return failing


def test_a_round_that_died_is_seen_by_the_next(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.reconcile.run.reconcile", fails_hard(SystemExit()))
    with pytest.raises(SystemExit):
        night(shop)
    monkeypatch.undo()
    record = night(shop, AS_OF + timedelta(minutes=1))
    dead, last = read_rounds(shop.archive.root)
    assert (dead.outcome, dead.ended_at, dead.exit_code) == ("died", None, None)
    assert last == record
    assert record.died == [dead.run_id]
    assert rows(shop, "SELECT outcome FROM runs WHERE command = 'nightly' ORDER BY started_at") == [
        ("died",),
        ("done",),
    ]


def test_a_record_that_cannot_be_kept_is_a_failure(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("archiver.nightly.round.append_round", fails(full))
    record = night(shop)
    assert record.exit_code == 1
    assert {step.step for step in record.steps if step.outcome == "failed"} == {"record"}


def test_the_worst_is_1_before_4_before_6_before_3() -> None:
    assert worst([3, 6, 4, 1, 0]) == 1
    assert worst([3, 6, 4, 0]) == 4
    assert worst([3, 6, 0]) == 6
    assert worst([3, 0]) == 3
    assert worst([]) == 0


def test_with_nothing_new_only_the_table_of_runs_is_published_anew(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(shop)
    monkeypatch.setattr("archiver.warehouse.publish.bind_archive", None)
    record = night(shop, AS_OF + timedelta(minutes=1))
    assert record.exit_code == 0
    assert outcomes(record, "load") == outcomes(record, "reconcile") == {None: "unchanged"}
    assert rows(shop, "SELECT COUNT(*) FROM runs WHERE command = 'nightly'") == [(2,)]
    assert rows(shop, "SELECT COUNT(*) FROM events") == [(9,)]
    monkeypatch.undo()
    shop.write("inbound/web/late.ndjson", order("late"))
    night(shop, AS_OF + timedelta(minutes=2))
    assert rows(shop, "SELECT COUNT(*) FROM events") == [(10,)]
