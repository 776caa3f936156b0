"""What an upload reads: a backfill's folder, checked against its manifest and the configuration."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from archiver.backfill.route import Route, route_of
from archiver.backfill.upload_journal import NAME as JOURNAL
from archiver.backfill.upload_journal import attempted_anything
from archiver.config import Config, DestinationSettings
from archiver.errors import UsageError
from archiver.reconcile.inputs import rules_of
from archiver.values import parse_instant


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a batch, as `events.csv` has it.

    Attributes:
        event_id, event: id and name by which the destination knows it.
        event_time: when it happened, UTC.
        status: its status in the reconciliation, as `missing`.
        deadline: the instant after which the destination refuses it, UTC; None: never.
    """

    event_id: str
    event: str
    event_time: datetime
    status: str
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One request body of the backfill.

    Attributes:
        name: its file.
        body_bytes: the file's size.
        events: what is in it, by position.
    """

    name: str
    body_bytes: int
    events: list[Event]


@dataclass(frozen=True)
class Folder:
    """A backfill that can be uploaded: its files are what was written, and still are right.

    Attributes:
        path: where the batches are.
        home: where journal and log are: the backfill's own folder, also for a copy of it.
        manifest: the content of `manifest.json`.
        destination: name in the configuration.
        settings: its settings.
        route: the requests by the present configuration, and what judges their replies.
        url: where they are posted, with `$NAME` for a secret of the environment.
    """

    path: Path
    home: Path
    manifest: dict[str, Any]
    destination: str
    settings: DestinationSettings
    route: Route
    url: str

    @property
    def backfill_id(self) -> str:
        """Its name."""
        return str(self.manifest["backfill_id"])

    @property
    def content(self) -> str:
        """Hash of the files, to whose rows the journal's positions belong."""
        sums = [[entry["name"], entry["sha256"]] for entry in self.manifest["files"]]
        return hashlib.sha256(json.dumps(sums).encode()).hexdigest()

    def batches(self) -> Iterator[Batch]:
        """The batches in their order, one at a time in memory."""
        sizes = {entry["name"]: entry["bytes"] for entry in self.manifest["files"]}
        with open(self.path / "events.csv", encoding="utf-8", newline="") as file:
            for name, rows in groupby(csv.DictReader(file), itemgetter("file")):
                yield Batch(name, sizes[name], [_event(row) for row in rows])

    def items(self, batch: str) -> tuple[list[bytes], bytes]:
        """A batch's events in the destination's form, and the root of its body."""
        return self.route.requests.split((self.path / batch).read_bytes())


def open_folder(config: Config, path: Path, base_url: str | None) -> Folder:
    """Read a backfill's folder and check that it can be sent as it is.

    Args:
        config: has the destination.
        path: the folder, or a copy of it.
        base_url: scheme and host to send to instead of the configured ones.

    Raises:
        UsageError: it is no backfill, was changed, is for uploading by hand, or the present
            configuration makes other requests, has other rules or other erased ids.
        ConfigError: the destination is not configured, no requests can be built for it, or the
            erased ids cannot be read.
    """
    doing = f"reading the backfill {path}"
    manifest = _manifest(path, doing)
    name = str(manifest["destination"])
    settings = config.destination(name)
    folder = config.folder / "backfills" / name / str(manifest["backfill_id"])
    home = folder if (folder / "manifest.json").exists() else path
    _check_copy(path, home, doing)
    if manifest["url"] is None:
        raise UsageError(
            doing,
            "its files are for uploading by hand",
            f"upload them in {name}'s own interface, and bring its totals as receipts",
        )
    route = route_of(name, msgspec.structs.replace(settings, base_url=None), manifest.get("via"))
    own_url = str(route.requests.url)
    scheme, host = urlsplit(own_url)[:2]
    place = own_url.removeprefix(f"{scheme}://{host}")
    if base_url is None and route.via is None:
        base_url = settings.base_url
    found = Folder(
        path,
        home,
        manifest,
        name,
        settings,
        route,
        # One that is empty, as from a variable that is not set, must not lead to the real host.
        own_url if base_url is None else f"{base_url.rstrip('/')}{place}",
    )
    change = None
    if not str(manifest["url"]).endswith(place) or not _makes_the_same(found):
        change = f"the configuration of {name} has changed since: it makes other requests now"
    elif manifest["rules"] != rules_of(config, [name])[name]:
        change = (
            f"the rules of {name}, or the erased ids, have changed since: some of its events may"
            " be suppressed by now"
        )
    if change is not None:
        raise UsageError(
            doing,
            change,
            "take the change back; or free its events with archiver backfill --void "
            f"{found.backfill_id}, and make a new backfill",
        )
    return found


def _check_copy(path: Path, home: Path, doing: str) -> None:
    """Refuse a copy with a journal that the backfill's own folder knows nothing of."""
    if not attempted_anything(path) or path.resolve() == home.resolve():
        return
    own, copied = ((place / JOURNAL) for place in (home, path))
    known = own.read_bytes() if own.exists() else b""
    if not copied.exists() or not known.startswith(copied.read_bytes()):
        raise UsageError(
            doing,
            f"an upload was begun here, and {home} knows nothing of it",
            f"move {JOURNAL} and upload-* from here to there; without them nobody knows what must"
            " not be sent again",
        )


def _manifest(path: Path, doing: str) -> dict[str, Any]:
    """The manifest, with the right sums for every file."""
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
        sums = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
        for key in ("backfill_id", "destination"):
            if not isinstance(manifest[key], str) or "/" in manifest[key]:
                raise ValueError(f"its {key} is no name")
        if "events.csv" not in sums or any(Path(file).name != file for file in sums):
            raise ValueError("its list of files is not archiver's")
    except FileNotFoundError:
        why = "there is no manifest.json in it"
        raise UsageError(doing, why, "name a folder that archiver backfill made") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "name a folder that archiver backfill made"
        raise UsageError(doing, f"manifest.json cannot be read: {error!r}", hint) from None
    if not {"url", "rules"} <= manifest.keys():
        raise UsageError(
            doing,
            "an earlier version of archiver made it, and its manifest does not say by which rules",
            "free its events with archiver backfill --void "
            f"{manifest['backfill_id']}, and make a new backfill",
        )
    for file, expected in sums.items():
        try:
            with open(path / file, "rb") as data:
                is_same = hashlib.file_digest(data, "sha256").hexdigest() == expected
            why = f"{file} was changed"
        except OSError as error:
            is_same, why = False, f"{file} cannot be read: {error.strerror}"
        if not is_same:
            raise UsageError(doing, why, _how_to_mend(manifest, attempted_anything(path)))
    return manifest


def _how_to_mend(manifest: dict[str, Any], was_sent: bool) -> str:
    if not was_sent:
        return "move the folder away and run archiver backfill again"
    return (
        "put it back from a copy; or import the logs with archiver receipts, free what is left with"
        f" archiver backfill --void {manifest['backfill_id']}, and make a new backfill: one made"
        " again would not know what was sent"
    )


def _makes_the_same(folder: Folder) -> bool:
    """Whether requests by the present configuration are, byte for byte, those of the files."""
    requests = folder.route.requests
    try:
        for entry in folder.manifest["files"]:
            if entry["events"] is not None:
                body = (folder.path / entry["name"]).read_bytes()
                items, root = requests.split(body)
                if len(items) != entry["events"] or requests.body(items, root) != body:
                    return False
    except ValueError:
        return False
    return True


def _event(row: dict[str, str]) -> Event:
    event_time = parse_instant(row["event_time"])
    assert event_time is not None  # Those without a time are in no backfill.
    deadline = parse_instant(row["deadline"]) if row["deadline"] else None
    return Event(row["event_id"], row["event"], event_time, row["status"], deadline)
