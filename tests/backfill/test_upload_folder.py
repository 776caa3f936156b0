"""What an upload refuses to touch, and what nobody gets to see of it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest
from uploading import TIKTOK, TOKEN, World, says

from archiver.archive.lock import writing
from archiver.errors import ConfigError, LockedError, UsageError


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write_backfill([["a", "b"]])
    made.replies = [says(0)]
    return made


def change_manifest(world: World, **changes: Any) -> None:
    path = world.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_without_a_manifest_is_no_backfill(world: World) -> None:
    (world.folder / "manifest.json").unlink()
    with pytest.raises(UsageError, match="there is no manifest"):
        world.upload()


@pytest.mark.parametrize(
    "changes", [{"files": []}, {"backfill_id": 7}, {"destination": "../x"}, {"files": [{}]}]
)
def test_a_strange_manifest_is_refused(world: World, changes: dict[str, Any]) -> None:
    change_manifest(world, **changes)
    with pytest.raises(UsageError, match="cannot be read"):
        world.upload()


@pytest.mark.parametrize("name", ["batch-00001.json", "events.csv"])
def test_a_changed_file_is_refused(world: World, name: str) -> None:
    with open(world.folder / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(UsageError, match=f"{name} was changed"):
        world.upload(send=False)


@pytest.mark.parametrize(
    "settings",
    [
        TIKTOK.replace("PIXEL", "OTHER"),
        TIKTOK + 'preset = "rudderstack"\n',
        TIKTOK.replace("tiktok-events", "meta-capi"),
    ],
)
def test_a_configuration_that_makes_other_requests_is_refused(world: World, settings: str) -> None:
    world.settings = settings
    world.write_config()
    with pytest.raises((UsageError, ConfigError)):
        world.upload()
    assert world.seen == []


def test_a_pixel_that_stands_in_the_address_only_counts_too(world: World) -> None:
    change_manifest(world, url="https://business-api.tiktok.com/open_api/v1.2/event/track/")
    with pytest.raises(UsageError, match="the configuration of tiktok has changed since"):
        world.upload()


@pytest.mark.parametrize(
    "more",
    [
        "exclude = [{from = 2026-01-15T11:00:00Z, to = 2026-01-15T12:00:00Z, reason = 'pixel'}]\n",
        "filter = [{path = 'properties.value', more_than = 100}]\n",
        "rules = [{type = 'track', event = 'Order Completed', ignore = true}]\n",
    ],
)
def test_what_the_rules_may_forbid_by_now_is_not_sent(world: World, more: str) -> None:
    before, world.settings = world.settings, world.settings + more
    world.write_config()
    with pytest.raises(UsageError, match="the rules of tiktok, or the erased ids, have changed"):
        world.upload()
    assert world.seen == []
    world.settings = before
    world.write_config()
    assert world.upload().fates["accepted"] == 2


def test_nothing_is_sent_once_somebody_more_is_to_be_forgotten(world: World) -> None:
    world.settings += "[privacy]\nerased = ['erased/*.txt']\n"
    world.write_config()
    assert world.upload(send=False).fates["waiting"] == 2
    (world.root / "erased").mkdir()
    (world.root / "erased" / "monday.txt").write_text("u1\n")
    with pytest.raises(UsageError, match="the rules of tiktok, or the erased ids, have changed"):
        world.upload()
    assert world.seen == []


def test_a_backfill_of_an_earlier_version_is_refused(world: World) -> None:
    path = world.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["rules"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="an earlier version of archiver made it"):
        world.upload()


def test_a_destination_that_is_configured_no_more_is_named(world: World) -> None:
    change_manifest(world, destination="tik")
    with pytest.raises(ConfigError, match="tik"):
        world.upload()


def test_files_for_uploading_by_hand_are_refused(world: World) -> None:
    change_manifest(world, url=None)
    with pytest.raises(UsageError, match="by hand"):
        world.upload()


def test_one_upload_of_a_folder_at_a_time(world: World) -> None:
    with writing(world.folder, "upload"), pytest.raises(LockedError):
        world.upload()
    assert world.upload(send=False).fates["waiting"] == 2


def test_a_copy_has_its_journal_in_the_backfills_own_folder(world: World, tmp_path: Path) -> None:
    own, copy = world.folder, tmp_path / "copy"
    shutil.copytree(own, copy)
    world.folder = copy
    result = world.upload()
    assert result.log == own / "upload-00001.ndjson"
    assert not (copy / "upload.journal").exists()
    world.folder = own
    assert world.upload().requests == 0


def test_a_copy_with_a_journal_of_its_own_is_refused(world: World, tmp_path: Path) -> None:
    """As when the folder was moved away, uploaded there, and made again."""
    aside, own = tmp_path / "aside", world.folder
    shutil.copytree(own, aside)
    moved = own.rename(tmp_path / "moved")
    world.folder = aside
    assert world.upload().fates["accepted"] == 2
    moved.rename(own)
    with pytest.raises(UsageError, match="an upload was begun here"):
        world.upload()
    for name in ("upload.journal", "upload-00001.ndjson"):
        shutil.copy(aside / name, own / name)
    assert world.upload().requests == 0
    world.folder = own
    assert world.upload().requests == 0
    assert len(world.seen) == 1


def test_after_an_upload_nobody_is_told_to_make_the_files_again(world: World) -> None:
    events = world.folder / "events.csv"
    with open(events, "ab") as file:
        file.write(b" ")
    with pytest.raises(UsageError, match="run archiver backfill again"):
        world.upload()
    events.write_bytes(events.read_bytes()[:-1])
    world.upload()
    events.unlink()
    with pytest.raises(UsageError, match="put it back from a copy"):
        world.upload()


def test_everything_is_for_the_owner_alone(world: World) -> None:
    world.upload()
    for name in ("upload.journal", "upload-00001.ndjson", ".lock"):
        assert (world.folder / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("token", [None, "", "has space", "line\n", "ümlaut"])
def test_without_a_usable_token_nothing_is_sent(world: World, token: str | None) -> None:
    world.environment = {} if token is None else {"TIKTOK_ACCESS_TOKEN": token}
    with pytest.raises(UsageError, match="TIKTOK_ACCESS_TOKEN") as caught:
        world.upload()
    assert not token or token not in str(caught.value)
    assert world.seen == []


def test_the_token_shows_nowhere(world: World, tmp_path: Path) -> None:
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    progress: list[Any] = []
    try:
        world.replies = [
            httpx.ReadError(f"broken {TOKEN}"),
            httpx.ConnectError(f"unreachable {TOKEN}"),
            httpx.Response(503, json={"message": f"bad token {TOKEN}"}),
            httpx.Response(200, json={"code": 40105, "message": f"Malformed token {TOKEN}"}),
        ]
        result = world.upload(on_progress=progress.append)
        world.replies = [RuntimeError("a defect")]
        with pytest.raises(RuntimeError) as caught:
            world.upload()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert world.headers[0]["Access-Token"] == TOKEN
    files = b"".join(path.read_bytes() for path in world.folder.iterdir())
    assert b"Malformed token $TIKTOK_ACCESS_TOKEN" in files
    shown = [logged.getvalue(), repr(result), repr(progress), files.decode()]
    shown.append("".join(traceback.format_exception(caught.value)))
    assert not [text for text in shown if TOKEN in text]


def test_a_secret_in_the_address_is_filled_in_for_the_request_only(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    from archiver.backfill.upload_http import Poster, secret_names

    url = "https://host.test/mp/collect?id=G-1&api_secret=$GA4_API_SECRET"
    assert secret_names(url, ()) == ["GA4_API_SECRET"]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, text=f"{request.url}")

    secret = "a/b&c=d"
    caplog.set_level(logging.DEBUG)
    with Poster(url, (), {"GA4_API_SECRET": secret}, httpx.MockTransport(answer)) as poster:
        reply = poster.post(b"{}", lambda: world.now)
    assert seen == ["https://host.test/mp/collect?id=G-1&api_secret=a%2Fb%26c%3Dd"]
    assert reply.body == url
    assert "a%2Fb" not in caplog.text


def test_redirects_are_not_followed(world: World) -> None:
    elsewhere = httpx.Response(308, headers={"Location": "https://elsewhere.test/"})
    world.replies = [elsewhere]
    result = world.upload()
    assert len(world.urls) == 1
    assert result.stopped == "it sends the upload elsewhere (HTTP 308), where it is not meant to go"


@pytest.mark.parametrize(
    ("base_url", "is_fine"),
    [
        ("https://proxy.test", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080/", True),
        ("http://localhost:1", True),
        ("http://proxy.test", False),
        ("https://user:word@proxy.test", False),
        ("ftp://proxy.test", False),
        ("proxy.test", False),
        ("", False),  # As from a variable that is not set: not the real host.
        ("https://proxy.test:abc", False),
        ("https://proxy.test:99999", False),
        ("https://proxy.test?x=1", False),
        ("https://proxy.test#x", False),
    ],
)
def test_where_uploads_may_go(world: World, base_url: str, is_fine: bool) -> None:
    expected = pytest.raises(UsageError, match="sending to") if not is_fine else None
    with expected or contextlib.nullcontext():
        result = world.upload(base_url=base_url)
        assert result.url == f"{base_url.rstrip('/')}/open_api/v1.3/event/track/"
        assert world.urls == [result.url]
    assert bool(world.seen) == is_fine


def test_a_journal_that_cannot_be_read_is_named(world: World) -> None:
    (world.folder / "upload.journal").mkdir()
    for send in (False, True):
        with pytest.raises(UsageError, match=r"reading .*upload\.journal: Is a directory"):
            world.upload(send=send)


def test_plain_http_may_be_configured(world: World) -> None:
    world.settings = TIKTOK + 'base_url = "http://proxy.test/tt"\n'
    world.write_config()
    assert world.upload().url == "http://proxy.test/tt/open_api/v1.3/event/track/"
