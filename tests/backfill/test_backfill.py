"""What a backfill holds, what it leaves out and why, and that it never repeats itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from making import (
    AS_OF,
    LATER,
    attempt,
    backfill,
    bodies,
    configure,
    listed,
    make,
    manifest,
    ordered,
    prepare,
    reasons,
    receive_file,
    sent,
    sums,
    write,
)
from support import Workspace, order

from archiver.backfill import write as writing
from archiver.backfill.plan import TIERS, identity
from archiver.errors import ConfigError, UsageError


def test_only_confirmed_losses_go_in_by_default(workspace: Workspace) -> None:
    prepare(
        workspace,
        [order(name) for name in ("missing", "failed", "rejected", "ambiguous", "accepted")]
        + [order("conflict"), order("conflict", properties={"value": 99, "currency": "USD"})]
        + [order("off", integrations={"All": False})],
        [attempt(name, name) for name in ("failed", "rejected", "accepted")]
        + [attempt("ambiguous", "unknown")],
    )
    document = backfill(workspace)
    folder = Path(document["path"])
    assert sorted(sent(folder)) == ["failed", "missing"]
    assert (document["events"], document["expired"], document["left_out"]) == (2, 0, 3)
    assert document["value"] == {"USD": "25.00"}
    assert reasons(folder) == {name: name for name in ("rejected", "ambiguous", "conflict")}
    said = workspace.done("backfill", "--as-of", AS_OF).out
    for words in (
        f"2 events, worth 25.00 USD, are in the backfill {document['backfill_id']} for tiktok "
        "(it was there already)",
        "1 left out, rejected: the destination refused it",
        f"archiver upload {folder} says what would go where; with --send it sends",
    ):
        assert words in said
    assert "curl" not in said


def test_each_event_keeps_its_id_name_and_time(workspace: Workspace) -> None:
    prepare(workspace, [order("one", "2026-01-15T12:00:00.900Z")])
    folder = make(workspace)
    (body,) = bodies(folder)
    assert (body["event_source"], body["event_source_id"]) == ("web", "PIXEL")
    (event,) = body["data"]
    assert (event["event_id"], event["event"]) == ("one", "CompletePayment")
    assert event["event_time"] == 1768478400
    (row,) = listed(folder, "events")
    assert row["why_safe"].startswith("no attempt up to the as-of")
    assert (row["status"], row["file"], row["row"]) == ("missing", "batch-00001.json", "0")
    assert (row["event_time"], row["deadline"]) == ("2026-01-15T12:00:00.9Z", "")
    assert (row["value"], row["currency"]) == ("12.50", "USD")


def test_an_event_from_a_batch_goes_with_the_batch_s_context(workspace: Workspace) -> None:
    item = json.loads(order("one"))
    del item["receivedAt"]
    own = item | {"messageId": "two", "context": {"page": {"url": "https://own.example/"}}}
    off = item | {"messageId": "off", "integrations": {"TikTok Conversions": False}}
    batch = {
        "batch": [item, own, off],
        "context": {"page": {"url": "https://shop.example/"}, "ip": "192.0.2.1"},
        "sentAt": "2026-01-15T12:00:00Z",
    }
    workspace.write("inbound/web/batch.json", data=json.dumps(batch).encode())
    prepare(workspace, [])
    (body,) = bodies(make(workspace))
    events = {event["event_id"]: event for event in body["data"]}
    assert events.keys() == {"one", "two"}
    urls = {name: event["page"]["url"] for name, event in events.items()}
    assert urls == {"one": "https://shop.example/", "two": "https://own.example/"}
    assert {event["user"]["ip"] for event in events.values()} == {"192.0.2.1"}


def test_what_is_left_out_is_listed_with_its_reason(workspace: Workspace) -> None:
    """The figures ignore what came after the as-of; files that will be uploaded do not.

    Suppression on any occurrence counts, not only on the first.
    """
    timeless = json.dumps(json.loads(order("timeless")) | {"timestamp": "soon"}).encode()
    replay = {"receivedAt": "2026-01-15T13:00:00Z", "integrations": {"All": False}}
    prepare(
        workspace,
        [order(name) for name in ("young", "retried", "timed_out", "off")]
        + [order("old", "2026-01-15T05:59:59.9Z"), order("last", "2026-01-15T06:00:00Z")]
        + [timeless, json.dumps(json.loads(order("off")) | replay).encode()],
        [
            attempt("retried", "failed"),
            attempt("retried", "accepted", "2026-01-17T12:00:00Z"),
            attempt("timed_out", "unknown", "2026-01-17T12:00:00Z"),
        ],
        'max_age = "30h"',
    )
    folder = make(workspace)
    assert sent(folder) == ["last", "young"]
    assert reasons(folder) == {
        "retried": "accepted_since",
        "timed_out": "ambiguous",
        "timeless": "no_time",
        "off": "suppressed",
    }
    (old,) = listed(folder, "expired")
    assert (old["event_id"], old["deadline"]) == ("old", "2026-01-16T11:59:59.9Z")
    about = manifest(folder)
    assert (about["events"], about["expired"], about["left_out"]) == (2, 1, 4)
    assert about["left_out_reasons"] == {
        "suppressed": 1,
        "accepted_since": 1,
        "ambiguous": 1,
        "no_time": 1,
    }
    assert (about["value"], about["expired_value"]) == ({"USD": "25.00"}, {"USD": "12.50"})
    assert about["first_deadline"] == "2026-01-16T12:00:00Z"


class TestNeverTwice:
    """An event in an earlier backfill is left out until a receipt settles it."""

    def test_the_same_backfill_is_the_existing_one(self, two: Workspace) -> None:
        first = write(two, ordered())
        before = sums(first.path)
        again = write(two, ordered())
        assert (first.existed, again.existed) == (False, True)
        assert (again.path, again.manifest, sums(again.path)) == (
            first.path,
            first.manifest,
            before,
        )
        shutil.rmtree(first.path)
        assert not write(two, ordered()).existed
        assert sums(first.path) == before
        assert len(two.rows("backfills")) == 2

    def test_a_half_written_draft_is_made_anew(self, two: Workspace) -> None:
        folder = make(two)
        before = sums(folder)
        shutil.rmtree(folder)
        draft = folder.with_name(f".{folder.name}.draft")
        draft.mkdir()
        (draft / "batch-00001.json").write_text("{")
        assert sums(make(two)) == before
        assert not draft.exists()

    def test_files_that_were_changed_are_not_taken_for_the_backfill(self, two: Workspace) -> None:
        (make(two) / "batch-00001.json").write_text("{}")
        with pytest.raises(UsageError, match=r"batch-00001\.json was changed"):
            make(two)

    def test_a_later_backfill_leaves_it_out_but_by_force(self, two: Workspace) -> None:
        first = make(two)
        # The ledger is in the archive: a warehouse can be deleted.
        shutil.rmtree(two.folder / "data/warehouse")
        later = make(two, LATER)
        assert sent(later) == []
        assert {row["earlier_backfill"] for row in listed(later, "left_out")} == {first.name}
        assert set(reasons(later).values()) == {"in_earlier_backfill"}
        forced = make(two, LATER, force=True)
        assert sent(forced) == ["one", "two"]
        rows = two.rows("backfills", "backfill_id", "event_id", "batch", "status", "value")
        assert {(row[0], row[1]) for row in rows} == {
            (folder.name, event_id) for folder in (first, forced) for event_id in ("one", "two")
        }
        assert {row[2:] for row in rows} == {("batch-00001.json", "missing", rows[0][4])}

    def test_a_receipt_settles_it(self, two: Workspace) -> None:
        make(two)
        path = two.write(
            "receipts/b.ndjson",
            attempt("one", "accepted", "2026-01-16T13:00:00Z"),
            attempt("two", "failed", "2026-01-16T13:00:00Z"),
        )
        receive_file(two, path)
        assert sent(make(two, LATER)) == ["two"]

    def test_a_crash_between_ledger_and_files_loses_nothing(
        self, two: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter_in_ledger = writing._enter_in_ledger

        def die_after(*arguments: Any) -> None:
            enter_in_ledger(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(writing, "_enter_in_ledger", die_after)
            with pytest.raises(KeyboardInterrupt):
                make(two)
        said = two.done("backfill", "--as-of", LATER)
        assert "of an interrupted run is complete now" in said.err
        folders = [path.parent for path in two.folder.glob("backfills/tiktok/*/manifest.json")]
        found = {manifest(folder)["as_of"]: sent(folder) for folder in folders}
        assert found == {AS_OF: ["one", "two"], LATER: []}

    def test_a_crash_before_the_ledger_leaves_nothing_behind(
        self, two: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(writing, "_enter_in_ledger", die)
            with pytest.raises(KeyboardInterrupt):
                make(two)
        parent = two.folder / "backfills/tiktok"
        assert list(parent.iterdir())
        assert writing.finish_interrupted(two.config, two.archive, "tiktok") == []
        assert list(parent.iterdir()) == []
        assert sent(make(two)) == ["one", "two"]


class TestOutputFolder:
    """--output makes a copy; the files are always beside the configuration, too."""

    def test_it_holds_the_same_files(self, two: Workspace, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "empty")
        copy = backfill(two, "--output", str(tmp_path / "link"))
        assert copy["path"] == str(tmp_path / "empty")
        assert sums(tmp_path / "empty") == sums(make(two))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "empty").iterdir()}
        assert modes == {0o600}
        # Once more over itself.
        backfill(two, "--output", str(tmp_path / "link"))

    def test_a_folder_with_something_else_is_refused_before_anything_is_made(
        self, two: Workspace, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear diary")
        result = two.run("backfill", "--as-of", AS_OF, "--output", tmp_path / "mine")
        assert (result.code, "the folder is not empty" in result.err) == (2, True)
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
        assert not (two.folder / "backfills").exists()


def test_a_batch_holds_at_most_1000_events(workspace: Workspace) -> None:
    prepare(workspace, [order(f"m{n:05d}") for n in range(2001)])
    folder = make(workspace)
    assert [len(body["data"]) for body in bodies(folder)] == [1000, 1000, 1]
    assert manifest(folder)["batches"] == 3
    assert len(set(sent(folder))) == 2001
    assert [row["event_id"] for row in listed(folder, "events")] == sent(folder)


def test_files_are_private_and_hold_only_hashed_identifiers(workspace: Workspace) -> None:
    person = {"email": "Jane.Doe@example.com", "phone": "+15550100", "firstName": "Jane"}
    prepare(workspace, [order("one", userId="user-77", context={"traits": person})])
    folder = make(workspace)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text().lower()
        assert not any(word in text for word in ("jane", "example.com", "15550100", "user-77"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_manifest_says_how_to_upload_and_the_sum_of_each_file(two: Workspace) -> None:
    folder = make(two)
    about = manifest(folder)
    assert about["upload"]["curl"] == [
        'curl --silent --show-error -X POST -H "Access-Token: $TIKTOK_ACCESS_TOKEN" '
        '-H "Content-Type: application/json" --data-binary @batch-00001.json '
        "-o batch-00001.reply.json https://business-api.tiktok.com/open_api/v1.3/event/track/"
    ]
    assert about["upload"]["secrets"] == ["TIKTOK_ACCESS_TOKEN"]
    files = {entry["name"]: (entry["bytes"], entry["events"]) for entry in about["files"]}
    assert files == {
        path.name: (path.stat().st_size, 2 if path.name == "batch-00001.json" else None)
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    for entry in about["files"]:
        data = (folder / entry["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_without_an_event_source_id_it_says_what_is_missing(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text().replace('event_source_id = "PIXEL"', ""))
    with pytest.raises(ConfigError, match=r"destinations\.tiktok\.event_source_id is missing"):
        make(workspace)


def test_a_web_destination_must_say_what_its_pixel_does(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text().replace('pixel = "none"', ""))
    with pytest.raises(ConfigError, match=r"destinations\.tiktok\.pixel is missing"):
        make(workspace)


class TestMadeTwice:
    """The same backfill has the same bytes; what is not the same has another id."""

    def test_at_another_time_in_another_place(self, workspace: Workspace, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        twin = Workspace(tmp_path / "elsewhere")
        later = ordered().question.as_of.replace(day=19)
        for each in (workspace, twin):
            prepare(each, [order("one"), order("two", "2026-01-15T13:00:00Z")])
        first = write(workspace, ordered())
        before = sums(first.path)
        assert before == sums(write(twin, ordered(), later).path)
        shutil.rmtree(workspace.folder / "data/warehouse")
        shutil.rmtree(first.path)
        assert before == sums(write(workspace, ordered(), later).path)

    def test_after_a_change_of_the_configuration_it_is_another(self, two: Workspace) -> None:
        first = make(two)
        configure(two, "strict = true")
        strict = make(two, force=True)
        assert len({first.name, strict.name, make(two, LATER).name}) == 3
        assert bodies(strict) != []
        configure(two, "strict = false")
        assert make(two) == first

    def test_all_that_changes_the_bytes_is_in_its_id(self, workspace: Workspace) -> None:
        changes = [
            "strict = true",
            'map = { "properties.currency" = "EUR" }',
            'map = { "properties.currency" = "USD" }',
            'event_source_id = "OTHER"',
            'pixel = "same_id"',
            'preset = "rudderstack"',
            'integration = "Other"',
            "max_events = 1",
            "max_body_bytes = 100_000",
            'max_age = "60h"',
            'dedup_window = "24h"',
            'base_url = "https://proxy.example"',
            'api_version = "v9"',
            'token_env = "OTHER_TOKEN"',
            'event_source = "crm"\nupload_as = "csv"',
            'event_source = "crm"',
        ]
        orders = [
            ordered(),
            ordered(force=True),
            ordered(unverified=True),
            ordered(via="segment-http"),
            *(ordered(include=[tier]) for tier in TIERS),
            ordered(include=TIERS),
        ]
        text = workspace.config_path.read_text()
        plain = workspace.config.destination("tiktok")
        ids = [identity("run", "tiktok", plain, each) for each in orders]
        ids += [identity("later", "tiktok", plain, orders[0])]
        ids += [identity("run", "other", plain, orders[0])]
        for change in changes:
            workspace.configure(text)
            configure(workspace, change)
            settings = workspace.config.destination("tiktok")
            ids.append(identity("run", "tiktok", settings, orders[0]))
        assert len(set(ids)) == len(ids)
        workspace.configure(text)
        configure(workspace, "max_requests_per_second = 5")
        slower = workspace.config.destination("tiktok")
        assert identity("run", "tiktok", slower, orders[0]) == ids[0]
        assert identity("run", "tiktok", plain, ordered(include=TIERS[::-1])) in ids
