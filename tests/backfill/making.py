"""Backfills in tests: events and attempts into an archive, and what a backfill makes of them.

By library calls: a command costs half a second, most of it for what other tests look at.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support import IMPORTED_AT, Workspace, ingest_files

from archiver.archive.receive import receive
from archiver.backfill.choices import FullPlan, full_plan
from archiver.backfill.plan import Order, Plan, plan
from archiver.backfill.write import Backfill, write_backfill
from archiver.inbound.paths import configured_paths
from archiver.receipts.base import ReceiptSettings
from archiver.reconcile.run import Question

# The feed reaches far enough for everything on 15 January to be covered and settled.
AS_OF = "2026-01-16T12:00:00Z"
LATER = "2026-01-16T18:00:00Z"
MADE_AT = datetime(2026, 1, 16, 12, 1, tzinfo=UTC)


def attempt(event_id: str, outcome: str, at: str = "2026-01-15T12:01:00Z", **more: Any) -> bytes:
    """One line of a generic receipts feed, with its code and whatever else."""
    line = {
        "event_id": event_id,
        "event_name": "CompletePayment",
        "outcome": outcome,
        "attempted_at": at,
    }
    return json.dumps(line | more).encode()


def configure(workspace: Workspace, settings: str) -> None:
    """Set single keys of the destination, one a line."""
    text = workspace.config_path.read_text()
    for line in settings.splitlines():
        key = line.split("=")[0].strip()
        kept = [old for old in text.splitlines() if old.split("=")[0].strip() != key]
        text = "\n".join([*kept, line]) + "\n"
    workspace.configure(text)


def prepare(
    workspace: Workspace,
    events: Iterable[bytes],
    attempts: Iterable[bytes] = (),
    settings: str = "",
    name: str = "a",
) -> None:
    """Archive events, attempts, and one attempt of the next day, which the feed reaches."""
    configure(workspace, settings)
    root = workspace.archive.root
    path = workspace.write(f"inbound/web/{name}.ndjson", *events)
    ingest_files(root, path, *sorted(path.parent.glob("*.json")))
    last = attempt("elsewhere", "accepted", "2026-01-16T11:00:00Z")
    receive_file(workspace, workspace.write(f"receipts/{name}.ndjson", *attempts, last))


def receive_file(workspace: Workspace, path: Path) -> None:
    """Import a file of receipts."""
    kind = workspace.config.destination("tiktok").type
    # By its name beside the configuration: a path of this machine would name another run.
    paths = configured_paths([str(path.relative_to(workspace.folder))], workspace.folder)
    receive(workspace.archive, ReceiptSettings("tiktok", kind), paths, IMPORTED_AT)


def ordered(as_of: str = AS_OF, include: Iterable[str] = (), **more: Any) -> Order:
    """What `archiver backfill` is asked."""
    question = Question(datetime.fromisoformat(as_of), "tiktok")
    return Order(question, frozenset(include), **more)


@contextmanager
def planned(workspace: Workspace, order: Order) -> Iterator[Plan]:
    """The plan, and the folder in which it lives."""
    with workspace.archive.scratch() as scratch:
        yield plan(workspace.config, workspace.archive, order, scratch)


def look(workspace: Workspace, order: Order) -> FullPlan:
    """What `archiver backfill --plan` knows."""
    with planned(workspace, order) as found:
        return full_plan(workspace.config, workspace.archive, found)


def write(workspace: Workspace, order: Order, made_at: datetime = MADE_AT) -> Backfill:
    """What `archiver backfill` writes, by its library call."""
    with planned(workspace, order) as found:
        return write_backfill(workspace.config, workspace.archive, found, None, made_at)


def make(workspace: Workspace, as_of: str = AS_OF, *include: str, **more: Any) -> Path:
    """The folder of a backfill."""
    return write(workspace, ordered(as_of, include, **more)).path


def backfill(workspace: Workspace, *options: str, as_of: str = AS_OF) -> dict[str, Any]:
    """What the command says of a backfill: the whole way, where that is what it is about."""
    document: dict[str, Any] = workspace.done(
        "backfill", "--destination", "tiktok", "--as-of", as_of, "--json", *options
    ).json
    return document


def copied(workspace: Workspace, folder: Path) -> Workspace:
    """Another workspace with the same archive, warehouse and configuration."""
    shutil.copytree(workspace.folder, folder)
    copy = Workspace.__new__(Workspace)
    copy.folder = folder
    return copy


def manifest(folder: Path) -> dict[str, Any]:
    """The content of manifest.json."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def listed(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of events, expired or left_out."""
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def reasons(folder: Path) -> dict[str, str]:
    """Why each conversion is left out."""
    return {row["event_id"]: row["reason"] for row in listed(folder, "left_out")}


def bodies(folder: Path) -> list[dict[str, Any]]:
    """The requests."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("batch-*.json"))]


def sent(folder: Path) -> list[str]:
    """The event ids in TikTok's requests."""
    return [event["event_id"] for body in bodies(folder) for event in body["data"]]


def sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
