"""Retention: whole days go where it is configured; what is still needed stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from keeping import NOW, import_all
from support import CONFIG, Workspace, event, order, receipt

from archiver.archive.retention import delete_old, whole_from
from archiver.archive.tables import BACKFILLS, EVENTS
from archiver.config.night_settings import HousekeepingSettings
from archiver.nightly.housekeeping import keep_house
from archiver.warehouse.old_runs import unsettled
from archiver.warehouse.runs import RETIRED, kept_runs

KEEPING = CONFIG + '[housekeeping]\nkeep_events = "30d"\nkeep_receipts = "30d"\n'
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def two_months(workspace: Workspace) -> Workspace:
    """A file with events of January and of February, their receipts, and a file of January."""
    workspace.configure(KEEPING)
    days = ["2026-01-15T12:00:00Z", "2026-02-20T12:00:00Z"]
    workspace.write("inbound/web/both.ndjson", *(order(f"b{n}", days[n]) for n in (0, 1)))
    workspace.write("inbound/web/january.ndjson", order("j", days[0]), event("p", days[0]))
    workspace.write(
        "receipts/all.ndjson", *(receipt(name, at=days[name == "b1"]) for name in ("b0", "b1", "j"))
    )
    import_all(workspace)
    workspace.done("load")
    return workspace


def test_days_go_whole_and_are_no_loss(two_months: Workspace) -> None:
    kept = keep_house(two_months.config, two_months.archive, MARCH)
    assert [(table.table, table.rows, table.days) for table in kept.deleted] == [
        ("events", 3, 1),
        ("receipts", 2, 1),
    ]
    assert [row[0] for row in two_months.rows("events", "message_id")] == ["b1"]
    assert two_months.sql("SELECT message_id FROM events") == [{"message_id": "b1"}]
    assert two_months.sql("SELECT message_id FROM conversions") == [{"message_id": "b1"}]
    verified = two_months.done("verify", "--rebuild", "--json").json
    assert (verified["problems"], verified["not_rebuilt"]) == ([], 2)
    again = two_months.done("ingest", "--json").json
    assert {file["status"] for file in again["files"]} == {"already_imported"}
    assert not keep_house(two_months.config, two_months.archive, MARCH).deleted


def test_what_would_go_is_said_as_json(two_months: Workspace) -> None:
    said = two_months.done("compact", "--dry-run", "--json").json["deleted"][0]
    assert said == {
        "table": "events",
        "first_day": "2026-01-15",
        "last_day": "2026-02-20",
        "days": 2,
        "files": 2,
        "rows": 4,
    }


def test_a_row_that_nobody_deleted_is_still_missed(two_months: Workspace) -> None:
    keep_house(two_months.config, two_months.archive, MARCH)
    archive = two_months.archive
    archive.commit([], {"events": [file.path for file in archive.data_files(EVENTS)]})
    assert two_months.run("verify", "--json").code == 1


def test_a_deleted_day_is_neither_a_gap_nor_restated(two_months: Workspace) -> None:
    as_of = ("--as-of", "2026-03-01T00:00:00Z", "--json")
    before = two_months.run("reconcile", *as_of).json
    assert whole_from(two_months.archive) is None
    keep_house(two_months.config, two_months.archive, MARCH)
    assert whole_from(two_months.archive) == date(2026, 1, 17)
    after = two_months.run("reconcile", *as_of)
    assert after.code == 0
    assert after.json["run_id"] != before["run_id"]
    assert two_months.sql("SELECT COUNT(*) AS n FROM restatements") == [{"n": 0}]
    days = two_months.sql(
        "SELECT MIN(r.day) AS day FROM daily_gaps r JOIN runs USING (run_id) WHERE is_latest"
    )
    assert str(days[0]["day"]) == "2026-01-17"
    old = two_months.run("reconcile", "--to", "2026-01-15", *as_of)
    assert old.code == 2
    assert "retention deleted" in old.err
    deleted = two_months.run("explain", "b0")
    assert "retention deleted events or receipts of days before 2026-01-17" in deleted.err


def test_a_day_that_somebody_needs_stays(two_months: Workspace) -> None:
    settings = two_months.config.housekeeping
    assert not delete_old(two_months.archive, settings, MARCH, date(2026, 1, 15), dry_run=True)
    assert delete_old(two_months.archive, settings, MARCH, date(2026, 1, 16), dry_run=True)


def test_an_unsettled_backfill_keeps_its_events(two_months: Workspace) -> None:
    import pyarrow as pa

    from archiver.archive.staging import StagedTable

    archive = two_months.archive
    staged = StagedTable(BACKFILLS, archive.staging)
    at = datetime(2026, 1, 20, tzinfo=UTC)
    row = {
        "destination": "tiktok",
        "backfill_id": "x",
        "run_id": "gone",
        "as_of": at,
        "event_id": "b0",
        "event": "CompletePayment",
        "created_at": at,
    }
    staged.add(pa.Table.from_pylist([row], schema=BACKFILLS.schema))
    archive.commit(staged.finish())
    assert [found.event_ids for found in unsettled(two_months.config, archive, MARCH)] == [["b0"]]
    assert not keep_house(two_months.config, archive, MARCH).deleted
    long_after = at + timedelta(days=93)
    assert keep_house(two_months.config, archive, long_after).deleted


def test_old_runs_go_but_not_the_last_nor_the_one_before_it(workspace: Workspace) -> None:
    workspace.configure(CONFIG + '[housekeeping]\nkeep_runs = "60d"\n')
    workspace.write("inbound/web/a.ndjson", order("a"))
    import_all(workspace)
    for day in range(20, 24):
        assert workspace.run("reconcile", "--as-of", f"2026-01-{day}").code in (0, 3)
    runs = kept_runs(workspace.config.warehouse_path)
    later = NOW + timedelta(days=61)
    assert keep_house(workspace.config, workspace.archive, later, dry_run=True).runs_deleted == 2
    assert keep_house(workspace.config, workspace.archive, later).runs_deleted == 2
    assert kept_runs(workspace.config.warehouse_path) == runs[2:]
    assert workspace.sql("SELECT COUNT(*) AS n FROM runs WHERE as_of IS NOT NULL") == [{"n": 2}]
    # Readers of the warehouse as it was have their files until the history has passed.
    assert all((run / RETIRED).exists() for run in runs[:2])
    keep_house(workspace.config, workspace.archive, later + timedelta(days=8))
    assert not any(run.exists() for run in runs[:2])


@pytest.mark.parametrize("key", ["keep_events", "keep_receipts", "keep_quarantine", "keep_runs"])
def test_a_retention_that_deletes_what_is_still_looked_at_is_refused(
    key: str, workspace: Workspace
) -> None:
    workspace.configure(f'{CONFIG}[housekeeping]\n{key} = "29d"\n')
    result = workspace.run("status")
    assert result.code == 2
    assert f"housekeeping.{key} is shorter than 30 days" in result.err
    assert HousekeepingSettings().keep_events is None
