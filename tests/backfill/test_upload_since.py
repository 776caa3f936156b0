"""An upload sends nothing that was accepted elsewhere, or that a later backfill has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from uploading import NOON, World, says

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, RECEIPTS, UPLOADS, VOIDED_BACKFILLS, Table
from archiver.backfill.upload import UploadResult
from archiver.errors import EXIT_DONE, EXIT_PARTIAL, UsageError
from archiver.texts import instant_text

HOUR = timedelta(hours=1)
OWN = {
    "destination": "tiktok",
    "backfill_id": "0123456789abcdef",
    "event_id": "a",
    "event": "CompletePayment",
    "created_at": NOON,
}
LATER = OWN | {"backfill_id": "later", "created_at": NOON + HOUR}
RECEIPT = {
    "destination": "tiktok",
    "attempted_date": (NOON - HOUR).date(),
    "event_id": "a",
    "event_name": "CompletePayment",
    "outcome": "accepted",
    "attempted_at": NOON - HOUR,
}
AFTER = {"attempted_at": NOON + HOUR}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write_backfill([["a", "b"]], as_of=instant_text(NOON))
    made.replies = [says(0)]
    return made


def archived(world: World, table: Table, *rows: dict[str, Any]) -> Archive:
    archive = Archive(world.config.archive_root)
    archive.root.mkdir(parents=True, exist_ok=True)
    staged = StagedTable(table, archive.staging)
    staged.add(pa.Table.from_pylist(list(rows), schema=table.schema))
    archive.commit(staged.finish())
    return archive


def sent(world: World, archive: Archive) -> tuple[list[list[str]], UploadResult]:
    result = world.upload(archive)
    return world.seen, result


@pytest.mark.parametrize(
    ("receipt", "is_sent"),
    [
        ({}, False),  # A feed that came late: the attempt was before the as-of.
        ({"event_name": None}, False),
        ({"event_name": "Purchase"}, True),
        ({"event_name": "Purchase"} | AFTER, False),
        (AFTER, False),
        ({"outcome": "failed"} | AFTER, True),
        ({"destination": "meta"} | AFTER, True),
        ({"event_id": "c"} | AFTER, True),
    ],
)
def test_what_was_accepted_since_stays(
    world: World, receipt: dict[str, Any], *, is_sent: bool
) -> None:
    seen, result = sent(world, archived(world, RECEIPTS, RECEIPT | receipt))
    assert seen == [["a", "b"] if is_sent else ["b"]]
    assert result.fates["accepted_since"] == (0 if is_sent else 1)
    assert result.exit_code == EXIT_DONE


@pytest.mark.parametrize(
    ("other", "is_sent"),
    [
        (LATER, False),
        (LATER | {"created_at": NOON - HOUR}, True),
        (LATER | {"created_at": NOON}, False),  # Of two at once, the ids decide.
        (LATER | {"created_at": NOON, "backfill_id": "0"}, True),
        (LATER | {"destination": "meta"}, True),
        (LATER | {"event": "Purchase"}, True),
    ],
)
def test_what_a_later_backfill_has_is_its(
    world: World, other: dict[str, Any], *, is_sent: bool
) -> None:
    seen, result = sent(world, archived(world, BACKFILLS, OWN, other))
    assert seen == [["a", "b"] if is_sent else ["b"]]
    assert result.fates["in_later_backfill"] == (0 if is_sent else 1)
    assert result.exit_code == (EXIT_DONE if is_sent else EXIT_PARTIAL)


def test_a_void_one_has_nothing(world: World) -> None:
    archived(world, BACKFILLS, OWN, LATER)
    void = {"destination": "tiktok", "backfill_id": "later", "voided_at": NOON}
    assert sent(world, archived(world, VOIDED_BACKFILLS, void))[0] == [["a", "b"]]


def test_of_a_backfill_that_the_ledger_does_not_know_any_other_may_have_it(world: World) -> None:
    other = LATER | {"created_at": NOON - HOUR}
    assert sent(world, archived(world, BACKFILLS, other))[0] == [["b"]]


def test_an_upload_that_is_taken_up_again_asks_anew(world: World) -> None:
    archive = archived(world, BACKFILLS, OWN, OWN | {"event_id": "b"})
    world.replies = [says(40001, "no permission")]
    assert world.upload(archive).fates["waiting"] == 2
    archived(world, BACKFILLS, LATER)
    world.replies = [says(0)]
    assert world.upload(archive).fates["in_later_backfill"] == 1
    assert world.seen == [["a", "b"], ["b"]]
    dry = world.upload(archive, send=False)
    assert (dry.fates["accepted"], dry.fates["in_later_backfill"]) == (1, 1)


def test_without_its_journal_an_upload_is_not_begun_anew(world: World) -> None:
    archive = archived(world, BACKFILLS, OWN)
    world.replies = [says(40001, "no permission")]
    assert world.upload(archive).cause == "refused"
    for left in world.folder.glob("upload*"):
        left.unlink()
    world.replies = [says(0)]
    with pytest.raises(UsageError, match="began at 2026-01-15T12:00:00Z, and its journal is gone"):
        world.upload(archive)
    assert len(world.seen) == 1


def test_an_upload_that_is_noted_goes_on_with_its_journal(world: World) -> None:
    archive = archived(world, BACKFILLS, OWN)
    world.replies = [says(40001, "no permission"), says(0)]
    assert world.upload(archive).cause == "refused"
    assert world.upload(archive).fates["accepted"] == 2
    assert archive.read(UPLOADS).num_rows == 1
