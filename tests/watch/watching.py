"""What the tests of watch share: an hour of attempts as a file, and the watch of an instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from support import CONFIG, IMPORTED_AT, Workspace

from archiver.archive.receive import receive
from archiver.inbound.paths import configured_paths
from archiver.nightly.watch import Watched, watch
from archiver.receipts.base import ReceiptSettings
from archiver.warehouse.load import load

TWO = (
    CONFIG
    + """\
[destinations.meta]
type = "meta-capi"
sources = ["web"]
event_source_id = "1"
pixel = "none"
account_timezone = "UTC"
receipts = ["meta/*.ndjson"]
"""
)


def at(text: str) -> datetime:
    """`15T10:30` is that minute of January 2026, UTC."""
    day, _, clock = text.partition("T")
    hour, _, minute = clock.partition(":")
    return datetime(2026, 1, int(day), int(hour), int(minute or 0), tzinfo=UTC)


def attempts(
    start: datetime, accepted: int, failed: int = 0, code: str = "50000", **more: Any
) -> list[bytes]:
    """Lines of a generic feed: attempts within a minute, the accepted ones first."""
    return [
        json.dumps(
            {
                "event_id": f"{start:%m%dT%H%M}-{number}",
                "event_name": "CompletePayment",
                "outcome": "accepted" if number < accepted else "failed",
                "code": "0" if number < accepted else code,
                "attempted_at": (start + timedelta(milliseconds=number)).isoformat(),
                **more,
            }
        ).encode()
        for number in range(accepted + failed)
    ]


def hours(first: datetime, count: int, accepted: int, failed: int = 0) -> list[bytes]:
    """The same in each of so many hours."""
    return [
        line
        for number in range(count)
        for line in attempts(first + timedelta(hours=number), accepted, failed)
    ]


def archived(workspace: Workspace, *lines: bytes, name: str = "tiktok") -> None:
    """Archive lines as one file of the destination's feed."""
    folder = {"tiktok": "receipts"}.get(name, name)
    number = len(list((workspace.folder / folder).glob("*"))) + 1
    path = workspace.write(f"{folder}/{number:03d}.ndjson", *lines)
    settings = ReceiptSettings(name, workspace.config.destinations[name].type)
    paths = configured_paths([str(path)], workspace.folder)
    (result,) = receive(workspace.archive, settings, paths, IMPORTED_AT)
    assert result.status == "imported", result


def loaded(workspace: Workspace, *lines: bytes, name: str = "tiktok") -> None:
    """The same, loaded into the warehouse."""
    archived(workspace, *lines, name=name)
    load(workspace.config, workspace.archive)


def watched(workspace: Workspace, as_of: datetime, *lines: bytes, **options: Any) -> Watched:
    """What `watch` does and sees at an instant, with so many new lines in the feed."""
    if lines:
        number = len(list((workspace.folder / "receipts").glob("*"))) + 1
        workspace.write(f"receipts/{number:03d}.ndjson", *lines)
    workspace.config.warehouse_path.mkdir(parents=True, exist_ok=True)
    return watch(
        workspace.config,
        workspace.archive,
        as_of=as_of,
        started_at=as_of,
        environment={},
        say=lambda text: None,
        **options,
    )
