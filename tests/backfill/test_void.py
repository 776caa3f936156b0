"""A backfill that was not sent and will not be: its events are free again, and it stays unsent."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from making import LATER, MADE_AT, make, manifest, ordered, receive_file, sent, sums, write
from support import Workspace

from archiver.archive.lock import writing
from archiver.archive.staging import StagedTable
from archiver.archive.tables import BACKFILLS
from archiver.backfill.upload_journal import Answer, Journal
from archiver.backfill.void import MARK, free_id, void, voided
from archiver.errors import LockedError, UsageError
from archiver.files import write_durably

NOW = datetime(2026, 1, 16, 15, tzinfo=UTC)


@pytest.fixture
def noted(workspace: Workspace) -> Path:
    """The folder of a backfill of `a` and `b`, as far as its ledger is concerned."""
    home = workspace.write("backfills/tiktok/b1/manifest.json", data=b"{}").parent
    rows = [
        {"destination": "tiktok", "backfill_id": "b1", "event_id": event_id} for event_id in "ab"
    ]
    workspace.archive.root.mkdir(parents=True)
    staged = StagedTable(BACKFILLS, workspace.archive.staging)
    staged.add(pa.Table.from_pylist(rows, schema=BACKFILLS.schema))
    workspace.archive.commit(staged.finish())
    return home


@pytest.fixture
def made(two: Workspace) -> Path:
    """The folder of a backfill of `one` and `two`."""
    return make(two)


def declare(workspace: Workspace, backfill_id: str) -> int:
    return void(workspace.config, workspace.archive, backfill_id, NOW).events


def upload(home: Path, *event_ids: str, answer: Answer | None) -> None:
    """What an upload of the first batch leaves behind; without an answer it died."""
    with Journal(home, home.name, is_writing=True) as journal:
        journal.batch("batch-00001.json", 2)
        journal.begin_run(NOW)
        send = journal.sending("batch-00001.json", [*range(len(event_ids))], NOW)
        if answer is None:
            return
        journal.answered(send, NOW, answer, {})
        journal.end_run()
    if answer.was_sent:
        body = {"event_source": "web", "event_source_id": "PIXEL", "data": []}
        body["data"] = [
            {"event": "CompletePayment", "event_id": event_id, "event_time": 1768478400}
            for event_id in event_ids
        ]
        line = {"sent_at": "2026-01-16T15:00:00Z", "archiver_upload": home.name}
        line |= {"http_status": 200, "request_body": body, "response_body": answer.body}
        (home / "upload-00001.ndjson").write_text(json.dumps(line) + "\n")


def test_its_events_are_free_for_another(two: Workspace, made: Path) -> None:
    said = two.done("backfill", "--void", made.name, "--json").json
    assert (said["backfill_id"], said["destination"], said["events"]) == (made.name, "tiktok", 2)
    assert said["was_void"] is False
    again = make(two, LATER)
    assert sent(again) == ["one", "two"]
    two.done("load")
    rows = two.sql("SELECT DISTINCT backfill_id, voided_at IS NULL AS free FROM backfills")
    assert {row["backfill_id"]: row["free"] for row in rows} == {made.name: False, again.name: True}
    (left_open,) = two.run("status", "--json").json["open"]
    assert left_open["unsettled_backfill_events"] == 2


def test_the_same_order_makes_a_successor(two: Workspace, made: Path) -> None:
    before, own = sums(made), manifest(made)
    declare(two, made.name)
    again = make(two)
    assert again.name != made.name
    assert make(two) == again
    # The same but for its name, and for good.
    after, its = sums(again), manifest(again)
    assert {name for name in before if before[name] != after[name]} == {"manifest.json"}
    assert {key for key in own if own[key] != its[key]} == {"backfill_id"}
    shutil.rmtree(again)
    shutil.rmtree(two.folder / "data/warehouse")
    assert sums(write(two, ordered(), MADE_AT + timedelta(days=1)).path) == after
    assert (made / MARK).exists()
    declare(two, again.name)
    assert make(two).name not in (made.name, again.name)
    assert free_id(two.archive, "other", made.name) == made.name


def test_the_folder_says_so(workspace: Workspace, noted: Path) -> None:
    declare(workspace, noted.name)
    said = "void since 2026-01-16T15:00:00Z: not sent, and not to be sent\n"
    assert (noted / MARK).read_text() == said
    assert voided(workspace.archive, "tiktok") == {noted.name}
    assert voided(workspace.archive, "other") == frozenset()


def test_a_second_time_changes_nothing(workspace: Workspace, noted: Path) -> None:
    workspace.done("backfill", "--void", noted.name)
    before = workspace.rows("voided_backfills")
    said = workspace.done("backfill", "--void", noted.name)
    assert f"the backfill {noted.name} for tiktok is void already, since" in said.out
    assert workspace.rows("voided_backfills") == before


def test_a_dry_run_only_says_so(workspace: Workspace, noted: Path) -> None:
    before = workspace.listing()
    said = workspace.done("backfill", "--void", noted.name, "--dry-run")
    assert "would be void: its 2 events" in said.out
    assert workspace.listing() == before


def test_an_unknown_one_is_refused(workspace: Workspace, noted: Path) -> None:
    with pytest.raises(UsageError, match=rf"no such backfill.*\n?.*known: {noted.name} \(tiktok\)"):
        declare(workspace, "nonsense")


def test_dead_between_archive_and_folder(
    workspace: Workspace, noted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("archiver.backfill.void.write_durably", die)
    with pytest.raises(KeyboardInterrupt):
        declare(workspace, noted.name)
    assert voided(workspace.archive, "tiktok") == {noted.name}
    monkeypatch.setattr("archiver.backfill.void.write_durably", write_durably)
    declare(workspace, noted.name)
    assert (noted / MARK).exists()


def test_none_while_an_upload_of_it_runs(workspace: Workspace, noted: Path) -> None:
    with writing(noted, "upload"), pytest.raises(LockedError):
        declare(workspace, noted.name)
    assert voided(workspace.archive, "tiktok") == frozenset()


def test_none_before_the_receipts_of_its_upload_are_imported(two: Workspace, made: Path) -> None:
    reply = json.dumps({"code": 0, "message": "OK"})
    upload(made, "one", answer=Answer(http_status=200, body=reply))
    with pytest.raises(UsageError, match=r"upload-00001\.ndjson is not imported"):
        declare(two, made.name)
    receive_file(two, made / "upload-00001.ndjson")
    declare(two, made.name)
    # `one` was accepted; `two` was never attempted.
    assert sent(make(two, LATER)) == ["two"]


def test_none_while_a_dead_upload_is_not_at_its_end(workspace: Workspace, noted: Path) -> None:
    upload(noted, "a", answer=None)
    with pytest.raises(UsageError, match="an upload of it died"):
        declare(workspace, noted.name)
    assert voided(workspace.archive, "tiktok") == frozenset()


def test_an_upload_that_reached_nobody_is_none(workspace: Workspace, noted: Path) -> None:
    upload(noted, "a", answer=Answer(was_sent=False, problem="no connection"))
    assert declare(workspace, noted.name) == 2


def test_none_whose_folder_is_gone(workspace: Workspace, noted: Path) -> None:
    """Its journal may have gone with it."""
    noted.rename(workspace.folder / "aside")
    with pytest.raises(UsageError, match=f"{noted} is gone"):
        declare(workspace, noted.name)
    (workspace.folder / "aside").rename(noted)
    declare(workspace, noted.name)
    shutil.rmtree(noted)
    assert workspace.done("backfill", "--void", noted.name, "--json").json["was_void"]
