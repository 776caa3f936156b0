"""However an upload dies, the next one sends no acknowledged event again and names the rest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from uploading import World, says

from archiver.backfill import upload_folder, upload_journal, upload_log
from archiver.backfill.upload_journal import Journal, attempted_anything
from archiver.errors import UsageError
from archiver.receipts import ReceiptSettings, choose
from archiver.receipts.base import Parsed

IDS = [["a", "bad", "b"], ["c", "d"], ["e"]]


class Killed(BaseException):
    """What kill -9 does, as far as a test can."""


class Killer:
    """Counts the steps of an upload, and ends it at one of them."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.is_dead = False

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.is_dead = True
        if self.is_dead:
            raise Killed

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """A step before some work, and one after it."""

        def both(*arguments: Any, **named: Any) -> Any:
            self()
            result = work(*arguments, **named)
            self()
            return result

        return both

    def tearing(self, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        """A write that a crash cuts in the middle."""

        def torn(descriptor: int, data: bytes) -> int:
            self()
            try:
                self()
            except Killed:
                write(descriptor, data[: len(data) // 2])
                raise
            count = write(descriptor, data)
            self()
            return count

        return torn


class Os:
    """The system, but for what a module does with some of it."""

    def __init__(self, **changed: Any) -> None:
        self.__dict__ |= changed

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def run_until_killed(world: World, step: int) -> bool:
    """Upload, and die at a step; False where the upload has no so many."""
    killer = Killer(step)
    with pytest.MonkeyPatch.context() as patch:
        changed = Os(write=killer.tearing(os.write))
        patch.setattr(upload_journal, "os", changed)
        patch.setattr(upload_log.Log, "add", killer.around(upload_log.Log.add))
        finish = killer.around(upload_log.replace_durably)
        patch.setattr(upload_log, "replace_durably", finish)
        transport = httpx.MockTransport(killer.around(world.answer))
        try:
            world.upload(transport=transport)
        except Killed:
            return True
    return False


def journaled(world: World) -> dict[str, str]:
    """The events that the journal knows to be acknowledged or refused."""
    journal = Journal(world.folder, "0123456789abcdef", is_writing=False)
    return {
        event_id: state
        for number, ids in enumerate(IDS, 1)
        for row, event_id in enumerate(ids)
        if (state := journal.batch(f"batch-{number:05d}.json", len(ids)).state(row))
        in ("accepted", "rejected")
    }


def receipts_of(world: World) -> dict[str, list[str]]:
    """What the logs say of each event, attempt by attempt."""
    found: dict[str, list[str]] = {}
    settings = ReceiptSettings("tiktok", "tiktok-events", {}, {}, {}, frozenset(), False)
    for path in sorted(world.folder.glob("upload-*.ndjson")):
        for record in choose(b"", "upload-log").read(
            iter(path.read_bytes().splitlines(keepends=True)), settings
        ):
            assert isinstance(record, Parsed)
            for receipt in record.receipts:
                found.setdefault(str(receipt.event_id), []).append(receipt.outcome)
    return found


@pytest.mark.parametrize("is_young", [True, False], ids=["within the window", "beyond it"])
def test_killed_at_any_step_and_resumed(
    tmp_path: Path, is_young: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    age = timedelta(hours=1 if is_young else 72)
    world.write_backfill(IDS, {event_id: age for ids in IDS for event_id in ids})
    world.replies = lambda sent: says(40002 if "bad" in sent else 0)
    route = upload_folder.route_of("tiktok", world.config.destination("tiktok"))
    monkeypatch.setattr(upload_folder, "route_of", lambda *_: route)
    own, copy = world.folder, tmp_path / "as written"
    shutil.copytree(own, copy)
    step, was_killed = 0, True
    while was_killed:
        step += 1
        shutil.rmtree(own)
        shutil.copytree(copy, own)
        world.seen.clear()
        was_killed = run_until_killed(world, step)
        known, before = journaled(world), len(world.seen)
        world.now += timedelta(minutes=1)
        fates = world.upload().fates
        again = {event_id for ids in world.seen[before:] for event_id in ids}
        assert not again & known.keys(), step
        assert not fates["waiting"] and not fates["expired"]
        taken = [event_id for ids in world.seen if "bad" not in ids for event_id in ids]
        if is_young:
            assert (fates["accepted"], fates["rejected"]) == (5, 1), step
        else:
            assert len(taken) == len(set(taken)), step
            assert fates["accepted"] + fates["rejected"] + fates["ambiguous"] == 6
        # The logs have each attempt that arrived, and each that may have.
        outcomes = receipts_of(world)
        arrivals = [event_id for ids in world.seen for event_id in ids]
        assert all(len(outcomes[each]) >= arrivals.count(each) for each in arrivals)
        accepted = [each for each, of in outcomes.items() if "accepted" in of]
        assert len(accepted) == fates["accepted"], step
        assert not list(world.folder.glob("*.part"))
        assert world.upload(send=False).fates == fates
    assert step > 40


def test_a_request_under_way_at_the_crash_has_a_line_in_the_log(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write_backfill([["old"]], {"old": timedelta(hours=72)})
    world.replies = [Killed()]
    with pytest.raises(Killed):
        world.upload()
    assert attempted_anything(world.folder)
    assert world.upload(send=False).fates["ambiguous"] == 1
    assert world.upload().fates["ambiguous"] == 1
    assert [line["response_body"] for line in world.log()] == [None]
    assert receipts_of(world) == {"old": ["unknown"]}
    assert len(world.seen) == 1


def test_a_dry_run_leaves_a_torn_journal_as_it_is(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write_backfill([["a"], ["b"]])
    world.replies = [says(0), Killed()]
    with pytest.raises(Killed):
        world.upload()
    journal = world.folder / "upload.journal"
    torn = journal.read_bytes()[:-9]
    journal.write_bytes(torn)
    assert world.upload(send=False).fates["waiting"] == 1
    assert journal.read_bytes() == torn
    world.replies = [says(0)]
    assert world.upload().fates["accepted"] == 2
    assert world.seen == [["a"], ["b"], ["b"]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('"request":1', "", 1), "line 2 is damaged"),
        (lambda text: text.replace("0123456789abcdef", "f" * 16), "of the backfill ffff"),
        (lambda text: text.replace('"content":"', '"content":"0'), "it is of other files"),
        (lambda text: None, "it is gone, and upload-00001.ndjson says"),
    ],
)
def test_a_journal_that_cannot_be_trusted_ends_the_upload(
    tmp_path: Path, change: Callable[[str], str | None], why: str
) -> None:
    world = World(tmp_path)
    world.write_backfill([["a"]])
    world.replies = [says(0)]
    world.upload()
    journal = world.folder / "upload.journal"
    changed = change(journal.read_text())
    if changed is None:
        journal.unlink()
    else:
        journal.write_text(changed)
    with pytest.raises(UsageError, match=why):
        world.upload()
    assert len(world.seen) == 1


def test_attempts_that_met_no_connection_are_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write_backfill([["a"]])
    assert not attempted_anything(world.folder)
    world.replies = [httpx.ConnectError("refused")]
    assert world.upload().log is None
    assert not attempted_anything(world.folder)
    world.replies = [says(0)]
    world.upload()
    assert attempted_anything(world.folder)
    assert [json.loads(json.dumps(line))["attempt"] for line in world.log(2)] == [1]
