"""With nothing new nothing is read again, and the answer that stands is not made again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import CONFIG, IMPORTED_AT, Workspace, order, receipt

from archiver.archive.coverage import vouch
from archiver.archive.ledger import known_files
from archiver.archive.small_tables import FOLDER, read_small
from archiver.archive.tables import INBOUND_FILES
from archiver.nightly.imports import event_files, import_events, unreachable
from archiver.reconcile.inputs import still_true
from archiver.reconcile.run import Question, reconcile
from archiver.warehouse.runs import note_asked, read_run

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def files_of(workspace: Workspace, **known: Any) -> list[str]:
    """What became of each file of the source."""
    config = workspace.config
    paths = event_files(config, "web", lambda *_: None)
    results = import_events(config, workspace.archive, "web", paths, IMPORTED_AT, **known)
    return [result.status for result in results]


def test_a_known_path_with_a_known_size_and_time_is_not_opened(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.write("inbound/web/a.ndjson", order("m1"))
    assert files_of(workspace) == ["imported"]
    opened: list[object] = []
    monkeypatch.setattr("archiver.archive.importer.opened", opened.append)
    assert files_of(workspace) == ["already_imported"]
    assert opened == []
    path.touch()
    with pytest.raises(TypeError):
        files_of(workspace)


def test_the_ledger_is_read_once_for_all_and_learns_what_is_added(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_files(workspace.archive)
    monkeypatch.setattr("archiver.archive.ledger.read_small", None)
    workspace.write("inbound/web/a.ndjson", order("m1"))
    assert files_of(workspace, known=known) == ["imported"]
    assert files_of(workspace, known=known) == ["already_imported"]


def test_the_copy_of_the_ledger_follows_its_log(workspace: Workspace) -> None:
    for number in range(12):
        workspace.write(f"inbound/web/{number}.ndjson", order(f"m{number}"))
        files_of(workspace)
        assert read_small(workspace.archive, INBOUND_FILES).num_rows == number + 1
    copy = workspace.archive.root / FOLDER / "inbound_files.arrow"
    whole = copy.read_bytes()
    assert read_small(workspace.archive, INBOUND_FILES).num_rows == 12
    for torn in (b"", whole[: len(whole) // 2], b"no arrow at all"):
        copy.write_bytes(torn)
        assert read_small(workspace.archive, INBOUND_FILES).num_rows == 12


@pytest.fixture
def kept(workspace: Workspace) -> Workspace:
    """One order at noon with its receipt, reconciled a week later."""
    workspace.write("inbound/web/a.ndjson", order("m1"))
    workspace.write("receipts/a.ndjson", receipt("m1"))
    workspace.done("ingest")
    workspace.done("receipts")
    asked(workspace, NOON + timedelta(days=7))
    return workspace


def asked(workspace: Workspace, as_of: datetime, **question: Any) -> str:
    run = reconcile(workspace.config, workspace.archive, Question(as_of, **question))
    note_asked(run, as_of)
    return run.name


def stands(workspace: Workspace, as_of: datetime) -> bool:
    return still_true(workspace.config, workspace.archive, as_of) is not None


def test_the_answer_stands_until_the_next_instant_that_can_change_it(kept: Workspace) -> None:
    """The order's hour has a baseline one week on, which is judged an hour and six later."""
    change = NOON + timedelta(days=7, hours=7)
    (run,) = (kept.config.warehouse_path / "runs").glob("[!.]*")
    assert read_run(run).next_change == change
    assert stands(kept, change - timedelta(microseconds=1))
    assert not stands(kept, change)
    assert not stands(kept, NOON)


@pytest.mark.parametrize("change", ["file", "receipt", "vouched", "setting", "question"])
def test_another_input_is_another_answer(kept: Workspace, change: str) -> None:
    now = NOON + timedelta(days=7, minutes=1)
    assert stands(kept, now)
    if change == "file":
        kept.write("inbound/web/b.ndjson", order("m2"))
        kept.done("ingest")
    elif change == "receipt":
        kept.write("receipts/b.ndjson", receipt("m2", "failed"))
        kept.done("receipts")
    elif change == "vouched":
        vouch(kept.archive, "tiktok", NOON, NOON + timedelta(days=1), IMPORTED_AT)
    elif change == "setting":
        kept.configure(CONFIG + 'provisional_after = "96h"\n')
    else:
        asked(kept, now, destination="tiktok", from_day=NOON.date())
    assert not stands(kept, now)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("inbound/web/*", None),
        ("inbound/web", None),
        ("inbound/2026-*/*", None),
        ("inbound/late.csv", None),
        ("mounted/web/*.gz", "mounted/web is not there"),
        ("mounted", "mounted is not there"),
        ("mounted/late.csv", "mounted is not there"),
    ],
)
def test_which_folders_must_be_there(workspace: Workspace, pattern: str, why: str | None) -> None:
    workspace.write("inbound/web/a.ndjson", order("m1"))
    found = unreachable(workspace.config, pattern)
    assert found is None if why is None else found is not None and why in found
