"""`archiver upload` as people call it, and what `archiver receipts` makes of its log."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest
from support import Workspace
from uploading import TIKTOK, TOKEN, World, says

from archiver.archive.lock import writing
from archiver.backfill.void import voided
from archiver.receipts import choose


@pytest.fixture
def world(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> World:
    """A backfill in the workspace, and a destination in place of the network."""
    made = World(workspace.folder)
    made.write_backfill([["a", "b"], ["c"]])
    made.replies = [says(0)]
    monkeypatch.setenv("TIKTOK_ACCESS_TOKEN", TOKEN)

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        request.read()
        return made.answer(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setattr("archiver.cli.upload._sleep", lambda stop, seconds: None)
    return made


@pytest.fixture
def _in_the_window(world: World) -> None:
    """The command has the machine's clock, by which everything here is old."""
    world.settings = TIKTOK + 'dedup_window = "36500d"\n'
    world.write_config()


def test_a_dry_run_says_what_would_go_where(workspace: Workspace, world: World) -> None:
    result = workspace.done("upload", world.folder)
    assert "POST https://business-api.tiktok.com/open_api/v1.3/event/track/" in result.out
    assert "Access-Token: $TIKTOK_ACCESS_TOKEN" in result.out
    assert "batch-00001.json: 2 events" in result.out
    assert "--send" in result.out
    assert TOKEN not in result.out + result.err
    assert world.seen == []


def test_sending_gives_one_document(workspace: Workspace, world: World) -> None:
    assert workspace.done("upload", world.folder, "--send", "--json").json == {
        "backfill_id": "0123456789abcdef",
        "destination": "tiktok",
        "url": "https://business-api.tiktok.com/open_api/v1.3/event/track/",
        "sent": True,
        "batches": 2,
        "requests": 2,
        "events": 3,
        "accepted": 3,
        "rejected": 0,
        "accepted_since": 0,
        "in_later_backfill": 0,
        "expired": 0,
        "beyond_dedup": 0,
        "ambiguous": 0,
        "waiting": 0,
        "stopped": None,
        "log": "upload-00001.ndjson",
    }
    dry = workspace.done("upload", world.folder, "--json").json
    assert (dry["sent"], dry["accepted"], dry["requests"], dry["log"]) == (False, 3, 0, None)


def test_2_the_token_is_missing(
    workspace: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIKTOK_ACCESS_TOKEN")
    result = workspace.run("upload", world.folder, "--send")
    assert (result.code, "TIKTOK_ACCESS_TOKEN is not set" in result.err) == (2, True)


def test_2_the_backfill_is_void(
    workspace: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert voided(workspace.archive, "tiktok") == frozenset()
    name = "archiver.backfill.void.voided"
    monkeypatch.setattr(name, lambda archive, destination: {world.folder.name})
    for options in (["--send"], []):
        result = workspace.run("upload", world.folder, *options)
        assert (result.code, "is void" in result.err, world.seen) == (2, True, [])


def test_4_some_were_refused(workspace: Workspace, world: World) -> None:
    world.replies = lambda ids: says(40002 if "a" in ids else 0)
    result = workspace.run("upload", world.folder, "--send")
    assert result.code == 4
    assert "1 of 3 events: refused" in result.out


def test_5_another_upload_runs(workspace: Workspace, world: World) -> None:
    with writing(world.folder, "upload"):
        assert workspace.run("upload", world.folder, "--send").code == 5


def test_7_the_destination_refuses(workspace: Workspace, world: World) -> None:
    world.replies = [says(40105, f"no such token {TOKEN}")]
    result = workspace.run("upload", world.folder, "--send", "--json")
    assert (result.code, result.json["waiting"]) == (7, 3)
    assert result.json["stopped"] == "it refuses the upload: HTTP 200, code 40105"
    assert "next: see its words in the log, mend token" in result.err
    assert TOKEN not in result.out + result.err


def test_130_ctrl_c_ends_after_the_request_under_way(workspace: Workspace, world: World) -> None:
    def interrupt(ids: list[str]) -> httpx.Response:
        os.kill(os.getpid(), signal.SIGINT)
        return says(0)

    world.replies = interrupt
    result = workspace.run("upload", world.folder, "--send", "--json")
    assert (result.code, result.json["accepted"], result.json["stopped"]) == (130, 2, "interrupted")
    world.replies = [says(0)]
    assert workspace.done("upload", world.folder, "--send", "--json").json["accepted"] == 3
    assert world.seen == [["a", "b"], ["c"]]


@pytest.mark.usefixtures("_in_the_window")
def test_receipts_imports_complete_logs_by_itself(workspace: Workspace, world: World) -> None:
    world.replies = [httpx.Response(503), None, says(40002, "Batch.1.x: bad"), says(0)]
    assert workspace.run("upload", world.folder, "--send").code == 4
    log = world.folder / "upload-00001.ndjson"
    (world.folder / "upload-00002.ndjson.part").write_bytes(log.read_bytes() + b"\n")
    result = workspace.done("receipts", "--json").json
    assert [file["path"] for file in result["files"]] == [str(log.relative_to(workspace.folder))]
    found = workspace.rows("receipts", "event_id", "attempt", "outcome", "code")
    assert found == [
        ("a", 1, "failed", "503"),
        ("a", 2, "unknown", "no_reply"),
        ("a", 3, "failed", "40002"),
        ("a", 4, "accepted", "0"),
        ("b", 1, "failed", "503"),
        ("b", 2, "unknown", "no_reply"),
        ("b", 3, "rejected", "40002"),
        ("c", 1, "accepted", "0"),
    ]
    assert workspace.done("receipts", "--json").json["files"][0]["status"] == "already_imported"


def test_a_feed_of_another_form_does_not_touch_them(workspace: Workspace, world: World) -> None:
    world.settings = TIKTOK + (
        'receipts_format = "generic-csv"\n'
        'receipts_columns = { event_id = "id", attempt = "try" }\n'
        'receipts_filter = { what = "x" }\n'
        'receipts = ["receipts/*", "backfills/*/*/*.ndjson"]\n'
    )
    world.write_config()
    workspace.done("upload", world.folder, "--send")
    workspace.done("receipts")
    assert workspace.rows("receipts", "event_id", "outcome") == [
        ("a", "accepted"),
        ("b", "accepted"),
        ("c", "accepted"),
    ]


@pytest.mark.parametrize("forced", [None, "upload-log", "api-log", "generic-ndjson"])
def test_a_log_says_by_itself_what_it_is(world: World, forced: str | None) -> None:
    world.upload()
    head = (world.folder / "upload-00001.ndjson").read_bytes()
    assert choose(head, forced).name == "upload-log"
    assert choose(head[:80], forced).name == "upload-log"
    assert choose(head[:200]).name == "upload-log"


def test_a_log_that_receipts_finds_by_itself_is_not_named(
    workspace: Workspace, world: World
) -> None:
    assert "next: archiver receipts, then" in workspace.done("upload", world.folder, "--send").out


def test_a_log_that_receipts_does_not_find_is_named(workspace: Workspace, world: World) -> None:
    moved = world.folder.rename(workspace.folder / "moved")
    said = workspace.done("upload", moved, "--send").out
    log = moved / "upload-00001.ndjson"
    assert f"next: archiver receipts --destination tiktok {log}, then" in said


def test_a_dry_run_sends_nothing_whatever_else_is_said(workspace: Workspace, world: World) -> None:
    found = workspace.done("upload", world.folder, "--send", "--dry-run", "--json").json
    assert (found["sent"], found["waiting"]) == (False, 3)
    assert world.seen == []


def test_status_says_when_an_upload_last_ran(workspace: Workspace, world: World) -> None:
    workspace.done("upload", world.folder, "--send")
    assert workspace.run("status", "--json").json["last_runs"]["upload"]["exit_code"] == 0


def test_no_backfill_is_made_while_replies_are_not_imported(
    workspace: Workspace, world: World
) -> None:
    workspace.done("upload", world.folder, "--send")
    refused = workspace.run("backfill", "--destination", "tiktok")
    assert refused.code == 2
    assert "the replies to an earlier upload are not imported" in refused.err
    workspace.done("receipts")
    workspace.done("backfill", "--destination", "tiktok")


def test_the_folder_may_be_relative(
    workspace: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    assert workspace.done("upload", ".", "--json").json["waiting"] == 3


def test_a_folder_that_is_not_there(workspace: Workspace, world: World) -> None:
    assert workspace.run("upload", Path("/nowhere/at/all")).code == 2
