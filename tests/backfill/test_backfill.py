"""What a backfill holds, what it leaves out and why, and that it never repeats itself."""

from __future__ import annotations

import csv
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from support import Workspace, order

# The feed reaches far enough for everything on 15 January to be covered and settled.
AS_OF = "2026-01-16T12:00:00Z"
LATER = "2026-01-16T18:00:00Z"


def attempt(event_id: str, outcome: str, at: str, **more: Any) -> bytes:
    line = {
        "event_id": event_id,
        "event_name": "CompletePayment",
        "outcome": outcome,
        "attempted_at": at,
    }
    return json.dumps(line | more).encode()


def prepare(
    workspace: Workspace, events: list[bytes], attempts: list[bytes], settings: str = ""
) -> None:
    """Events, receipts, and one receipt of the next day, which the feed reaches."""
    text = workspace.config_path.read_text()
    for line in settings.splitlines():
        key = line.split("=")[0].strip()
        kept = [old for old in text.splitlines() if old.split("=")[0].strip() != key]
        text = "\n".join([*kept, line]) + "\n"
    workspace.configure(text)
    workspace.write("inbound/web/a.ndjson", *events)
    last = attempt("elsewhere", "accepted", "2026-01-16T11:00:00Z")
    workspace.write("receipts/a.ndjson", *attempts, last)
    workspace.done("ingest")
    workspace.done("receipts")


def backfill(workspace: Workspace, *options: str, as_of: str = AS_OF) -> dict[str, Any]:
    document: dict[str, Any] = workspace.done(
        "backfill", "--destination", "tiktok", "--as-of", as_of, "--json", *options
    ).json
    return document


def listed(document: dict[str, Any], name: str) -> list[dict[str, str]]:
    with open(Path(document["path"]) / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def sent(document: dict[str, Any]) -> list[str]:
    return [
        event["event_id"]
        for batch in sorted(Path(document["path"]).glob("batch-*.json"))
        for event in json.loads(batch.read_text())["data"]
    ]


def test_only_confirmed_losses_go_in_by_default(workspace: Workspace) -> None:
    prepare(
        workspace,
        [order(name) for name in ("missing", "failed", "rejected", "ambiguous", "accepted")]
        + [order("conflict"), order("conflict", properties={"value": 99, "currency": "USD"})]
        + [order("off", integrations={"All": False})],
        [
            attempt("failed", "failed", "2026-01-15T12:01:00Z"),
            attempt("rejected", "rejected", "2026-01-15T12:01:00Z"),
            attempt("ambiguous", "unknown", "2026-01-15T12:01:00Z"),
            attempt("accepted", "accepted", "2026-01-15T12:01:00Z"),
        ],
    )
    document = backfill(workspace)
    assert sorted(sent(document)) == ["failed", "missing"]
    assert document["events"] == 2
    assert document["value"] == {"USD": "25.00"}
    assert {row["event_id"]: row["reason"] for row in listed(document, "left_out")} == {
        "rejected": "rejected",
        "ambiguous": "ambiguous",
        "conflict": "conflict",
    }
    assert document["left_out"] == 3


@pytest.mark.parametrize("tier", ["rejected", "ambiguous"])
def test_a_tier_goes_in_on_request(workspace: Workspace, tier: str) -> None:
    outcome = {"rejected": "rejected", "ambiguous": "unknown"}[tier]
    prepare(workspace, [order("one")], [attempt("one", outcome, "2026-01-15T12:01:00Z")])
    assert sent(backfill(workspace)) == []
    assert sent(backfill(workspace, "--include", tier)) == ["one"]


def test_each_event_keeps_its_id_name_and_time(workspace: Workspace) -> None:
    prepare(workspace, [order("one", "2026-01-15T12:00:00.900Z")], [])
    document = backfill(workspace)
    (batch,) = Path(document["path"]).glob("batch-*.json")
    body = json.loads(batch.read_text())
    assert (body["event_source"], body["event_source_id"]) == ("web", "PIXEL")
    (event,) = body["data"]
    assert (event["event_id"], event["event"]) == ("one", "CompletePayment")
    assert event["event_time"] == 1768478400
    (row,) = listed(document, "events")
    assert row["why_safe"].startswith("no attempt in a covered time")
    assert (row["status"], row["batch"]) == ("missing", "batch-00001.json")


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
    prepare(workspace, [], [])
    document = backfill(workspace)
    (path,) = Path(document["path"]).glob("batch-*.json")
    events = {event["event_id"]: event for event in json.loads(path.read_text())["data"]}
    assert events.keys() == {"one", "two"}
    urls = {name: event["page"]["url"] for name, event in events.items()}
    assert urls == {"one": "https://shop.example/", "two": "https://own.example/"}
    assert {event["user"]["ip"] for event in events.values()} == {"192.0.2.1"}


def test_an_event_older_than_the_window_is_expired(workspace: Workspace) -> None:
    prepare(
        workspace,
        [order("old", "2026-01-15T05:00:00Z"), order("young", "2026-01-15T06:30:00Z")],
        [],
        'max_age = "30h"',
    )
    document = backfill(workspace)
    assert sent(document) == ["young"]
    assert [row["event_id"] for row in listed(document, "expired")] == ["old"]
    assert document["expired"] == 1


def test_an_event_without_a_time_is_left_out_and_listed(workspace: Workspace) -> None:
    timeless = json.loads(order("timeless")) | {"timestamp": "soon"}
    prepare(workspace, [json.dumps(timeless).encode()], [])
    document = backfill(workspace)
    assert sent(document) == []
    assert [row["reason"] for row in listed(document, "left_out")] == ["no_time"]


def test_suppression_on_any_occurrence_holds(workspace: Workspace) -> None:
    """A replay says that the destination is off; the first occurrence did not."""
    prepare(
        workspace,
        [
            order("one", "2026-01-15T12:00:00Z"),
            json.dumps(
                json.loads(order("one", "2026-01-15T12:00:00Z"))
                | {"receivedAt": "2026-01-15T13:00:00Z", "integrations": {"All": False}}
            ).encode(),
        ],
        [],
    )
    document = backfill(workspace)
    assert sent(document) == []
    assert [row["reason"] for row in listed(document, "left_out")] == ["suppressed"]


class TestBrowserTwin:
    """Where the pixel may have counted an event, it goes only when asked for."""

    EVENTS = (order("young", "2026-01-15T12:00:00Z"), order("old", "2026-01-14T11:00:00Z"))

    def test_without_a_pixel_age_does_not_matter(self, workspace: Workspace) -> None:
        prepare(workspace, list(self.EVENTS), [], 'pixel = "none"')
        assert sorted(sent(backfill(workspace))) == ["old", "young"]

    def test_same_id_beyond_the_window_needs_the_flag(self, workspace: Workspace) -> None:
        prepare(workspace, list(self.EVENTS), [], 'pixel = "same_id"')
        document = backfill(workspace)
        assert sent(document) == ["young"]
        assert [row["reason"] for row in listed(document, "left_out")] == ["beyond_dedup"]
        assert sent(backfill(workspace, "--include", "beyond-dedup")) == ["old"]

    def test_other_id_always_needs_the_flag(self, workspace: Workspace) -> None:
        prepare(workspace, list(self.EVENTS), [], 'pixel = "other_id"')
        assert sent(backfill(workspace)) == []
        assert sorted(sent(backfill(workspace, "--include", "beyond-dedup"))) == ["old", "young"]

    def test_ambiguous_beyond_the_window_needs_both_flags(self, workspace: Workspace) -> None:
        prepare(
            workspace,
            [order("old", "2026-01-14T11:00:00Z")],
            [attempt("old", "unknown", "2026-01-14T11:01:00Z")],
        )
        assert sent(backfill(workspace, "--include", "ambiguous")) == []
        assert sent(backfill(workspace, "--include", "ambiguous", "--include", "beyond-dedup")) == [
            "old"
        ]


class TestNeverTwice:
    """An event in an earlier backfill is left out until a receipt settles it."""

    def test_the_same_backfill_is_the_existing_one_byte_for_byte(
        self, workspace: Workspace
    ) -> None:
        prepare(workspace, [order("one"), order("two")], [])
        first = backfill(workspace)
        before = hashes(first)
        again = backfill(workspace)
        assert again == first
        assert hashes(again) == before

    def test_made_anew_from_nothing_it_has_the_same_bytes(
        self, workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        twin = Workspace(tmp_path_factory.mktemp("twin"))
        for each in (workspace, twin):
            prepare(each, [order("one"), order("two")], [])
        assert hashes(backfill(workspace)) == hashes(backfill(twin))

    def test_a_removed_folder_comes_back(self, workspace: Workspace) -> None:
        import shutil

        prepare(workspace, [order("one")], [])
        first = backfill(workspace)
        before = hashes(first)
        shutil.rmtree(first["path"])
        assert hashes(backfill(workspace)) == before

    def test_a_later_backfill_leaves_it_out(self, workspace: Workspace) -> None:
        prepare(workspace, [order("one")], [])
        first = backfill(workspace)
        later = backfill(workspace, as_of=LATER)
        assert sent(later) == []
        (row,) = listed(later, "left_out")
        assert row["reason"] == "in_earlier_backfill"
        assert row["earlier_backfill"] == first["backfill_id"]
        assert sent(backfill(workspace, "--force", as_of=LATER)) == ["one"]

    def test_even_when_the_warehouse_was_rebuilt(self, workspace: Workspace) -> None:
        import shutil

        prepare(workspace, [order("one")], [])
        backfill(workspace)
        shutil.rmtree(workspace.folder / "data/warehouse")
        assert sent(backfill(workspace, as_of=LATER)) == []

    def test_a_receipt_settles_it(self, workspace: Workspace) -> None:
        prepare(workspace, [order("one"), order("two")], [])
        backfill(workspace)
        workspace.write(
            "receipts/b.ndjson",
            attempt("one", "accepted", "2026-01-16T13:00:00Z"),
            attempt("two", "failed", "2026-01-16T13:00:00Z"),
        )
        workspace.done("receipts")
        assert sent(backfill(workspace, as_of=LATER)) == ["two"]

    def test_a_crash_between_ledger_and_files_loses_nothing(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare(workspace, [order("one")], [])
        from archiver.backfill import write

        enter_in_ledger = write._enter_in_ledger

        def die_after(*arguments: Any) -> None:
            enter_in_ledger(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(write, "_enter_in_ledger", die_after)
            assert workspace.run("backfill", "--as-of", AS_OF).code == 130
        later = backfill(workspace, as_of=LATER)
        assert sent(later) == []
        folders = {
            path.parent for path in workspace.folder.glob("backfills/tiktok/*/manifest.json")
        }
        (first,) = folders - {Path(later["path"])}
        assert sent({"path": first}) == ["one"]


def test_an_attempt_after_the_as_of_keeps_it_from_being_sent_twice(workspace: Workspace) -> None:
    """The figures ignore what came later; files that will be uploaded do not."""
    prepare(
        workspace,
        [order("retried"), order("timed_out"), order("lost")],
        [
            attempt("retried", "failed", "2026-01-15T12:01:00Z"),
            attempt("retried", "accepted", "2026-01-17T12:00:00Z"),
            attempt("timed_out", "unknown", "2026-01-17T12:00:00Z"),
        ],
    )
    document = backfill(workspace)
    assert sent(document) == ["lost"]
    assert {row["event_id"]: row["reason"] for row in listed(document, "left_out")} == {
        "retried": "accepted_since",
        "timed_out": "ambiguous",
    }


class TestOutputFolder:
    """--output makes a copy; the files are always beside the configuration, too."""

    def test_it_holds_the_same_files(self, workspace: Workspace, tmp_path: Path) -> None:
        prepare(workspace, [order("one")], [])
        copy = backfill(workspace, "--output", str(tmp_path / "for upload"))
        assert copy["path"] == str(tmp_path / "for upload")
        assert hashes(copy) == hashes(backfill(workspace))
        assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in Path(copy["path"]).iterdir())

    def test_an_empty_folder_and_a_link_to_one_are_taken(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        prepare(workspace, [order("one")], [])
        (tmp_path / "empty").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "empty")
        assert sent(backfill(workspace, "--output", str(tmp_path / "link"))) == ["one"]

    def test_a_folder_with_something_else_is_refused_before_anything_is_made(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        prepare(workspace, [order("one")], [])
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear diary")
        result = workspace.run("backfill", "--as-of", AS_OF, "--output", tmp_path / "mine")
        assert result.code == 2
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
        assert sent(backfill(workspace)) == ["one"]


def test_a_half_written_draft_is_made_anew(workspace: Workspace) -> None:
    import shutil

    prepare(workspace, [order("one")], [])
    first = backfill(workspace)
    folder = Path(first["path"])
    before = hashes(first)
    shutil.rmtree(folder)
    draft = folder.with_name(f".{folder.name}.draft")
    draft.mkdir()
    (draft / "batch-00001.json").write_text("{")
    assert hashes(backfill(workspace)) == before


def test_files_that_were_changed_are_not_taken_for_the_backfill(workspace: Workspace) -> None:
    prepare(workspace, [order("one")], [])
    batch = Path(backfill(workspace)["path"]) / "batch-00001.json"
    batch.write_text("{}")
    result = workspace.run("backfill", "--as-of", AS_OF)
    assert result.code == 2
    assert "batch-00001.json was changed" in result.err


def hashes(document: dict[str, Any]) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(document["path"]).iterdir()
    }


def test_a_batch_holds_at_most_1000_events(workspace: Workspace) -> None:
    prepare(workspace, [order(f"m{n:05d}") for n in range(2001)], [])
    document = backfill(workspace)
    sizes = [
        len(json.loads(path.read_text())["data"])
        for path in sorted(Path(document["path"]).glob("batch-*.json"))
    ]
    assert sizes == [1000, 1000, 1]
    assert document["batches"] == 3
    assert len(set(sent(document))) == 2001


def test_files_are_private_and_hold_only_hashed_identifiers(workspace: Workspace) -> None:
    person = {"email": "Jane.Doe@example.com", "phone": "+15550100", "firstName": "Jane"}
    prepare(workspace, [order("one", userId="user-77", context={"traits": person})], [])
    folder = Path(backfill(workspace)["path"])
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text().lower()
        assert not any(word in text for word in ("jane", "example.com", "15550100", "user-77"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_manifest_says_how_to_upload(workspace: Workspace) -> None:
    prepare(workspace, [order("one")], [])
    folder = Path(backfill(workspace)["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    (line,) = manifest["upload"]["curl"]
    assert line.startswith("curl ")
    assert "--data-binary @batch-00001.json" in line
    assert '-H "Access-Token: $TIKTOK_ACCESS_TOKEN"' in line
    assert "https://business-api.tiktok.com/open_api/v1.3/event/track/" in line
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_without_an_event_source_id_it_says_what_is_missing(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text().replace('event_source_id = "PIXEL"', ""))
    result = workspace.run("backfill", "--destination", "tiktok")
    assert result.code == 2
    assert "destinations.tiktok.event_source_id is missing" in result.err


def test_a_web_destination_must_say_what_its_pixel_does(workspace: Workspace) -> None:
    workspace.configure(workspace.config_path.read_text().replace('pixel = "none"', ""))
    result = workspace.run("backfill", "--destination", "tiktok")
    assert result.code == 2
    assert "destinations.tiktok.pixel is missing" in result.err
