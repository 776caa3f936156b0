"""One API log of several destinations: each imports the file itself, and takes its own lines."""

from __future__ import annotations

import io
import json

from support import IMPORTED_AT, Workspace

from archiver.archive.receive import receive
from archiver.archive.staged import FileResult
from archiver.archive.tables import QUARANTINE, RECEIPTS
from archiver.inbound.paths import named_paths
from archiver.receipts.base import ReceiptSettings, names_of_others

CONFIGURED = {"tiktok": "tiktok-events", "meta": "meta-capi", "kiosk": "custom"}


def line(destination: str | None, *event_ids: str) -> bytes:
    request = {
        "sent_at": "2026-01-15T12:00:00Z",
        "destination": destination,
        "http_status": 200,
        "request_body": {"data": [{"event_id": event_id} for event_id in event_ids]},
        "response_body": {"code": 0, "events_received": len(event_ids)},
    }
    return json.dumps(request).encode()


def receive_for(workspace: Workspace, destination: str) -> FileResult:
    settings = ReceiptSettings(
        destination,
        CONFIGURED[destination],
        others=names_of_others(destination, CONFIGURED),
    )
    paths = named_paths(
        [str(workspace.folder / "receipts/shared.ndjson")], workspace.folder, io.BytesIO()
    )
    (result,) = receive(workspace.archive, settings, paths, IMPORTED_AT)
    return result


def test_every_record_is_archived_or_quarantined_for_each_destination(
    workspace: Workspace,
) -> None:
    workspace.write(
        "receipts/shared.ndjson",
        line("tiktok", "t1", "t2"),
        line("meta", "m1"),
        line("META-CAPI", "m2"),
        line("kiosk", "k1"),
        line("snap", "s1"),
        b"no json",
    )
    for destination in ("tiktok", "meta"):
        result = receive_for(workspace, destination)
        assert (result.records, result.archived, result.quarantined) == (6, 4, 2)
        assert receive_for(workspace, destination).status == "already_imported"
    assert workspace.rows(RECEIPTS.name, "destination", "event_id", "outcome") == [
        ("meta", "m1", "accepted"),
        ("meta", "m2", "accepted"),
        ("tiktok", "t1", "accepted"),
        ("tiktok", "t2", "accepted"),
    ]
    assert workspace.rows(QUARANTINE.name, "reason") == [
        *[("invalid_json",)] * 2,
        *[("other_destination",)] * 2,
    ]


def test_a_log_without_a_line_of_this_destination_is_imported(workspace: Workspace) -> None:
    workspace.write("receipts/shared.ndjson", line("meta", "m1"))
    result = receive_for(workspace, "tiktok")
    assert (result.status, result.records, result.archived) == ("imported", 1, 1)
    assert workspace.rows(RECEIPTS.name, "event_id") == []


def test_an_api_log_for_a_type_without_a_reader_fails_and_says_what_to_do(
    workspace: Workspace,
) -> None:
    workspace.write("receipts/shared.ndjson", line("kiosk", "k1"))
    result = receive_for(workspace, "kiosk")
    assert result.status == "failed"
    assert "destinations of type custom have no reader for theirs" in str(result.error)
    assert "generic feed" in str(result.error)
