"""Uploads in tests: a small backfill, and a destination that answers as it is told."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from archiver.archive.store import Archive
from archiver.backfill.route import route_of
from archiver.backfill.upload import UploadResult, upload
from archiver.config import Config, load_config
from archiver.reconcile.inputs import rules_of
from archiver.texts import instant_text

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
TOKEN = "s3cret-t0ken/+&"
TIKTOK = 'type = "tiktok-events"\nevent_source_id = "PIXEL"\npixel = "none"\n'
COLUMNS = "event_id,event,event_time,status,why_safe,file,row,deadline"

Reply = httpx.Response | BaseException | None
"""What the destination does: reply, break off, or, with None, never reply."""


@dataclass
class World:
    """A workspace with one backfill, a clock that only sleeping moves, and a destination.

    Attributes:
        replies: what comes next, the last one again and again; or what makes it of a request.
        seen: the event ids of each request that arrived.
        slept: each sleep in seconds.
    """

    root: Path
    settings: str = TIKTOK
    now: datetime = NOON
    environment: dict[str, str] = field(
        default_factory=lambda: {"TIKTOK_ACCESS_TOKEN": TOKEN, "SEGMENT_WRITE_KEY": TOKEN}
    )
    replies: list[Reply] | Callable[[list[str]], Reply] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    folder: Path = field(default_factory=Path)
    config: Config = field(init=False)

    def write_config(self) -> None:
        (self.root / "archiver.toml").write_text(
            '[archive]\nroot = "a"\n[warehouse]\npath = "w"\n[sources.web]\npaths = ["in/*"]\n'
            '[destinations.tiktok]\naccount_timezone = "UTC"\n' + self.settings
        )
        self.config = load_config(self.root / "archiver.toml", {})

    def write_backfill(
        self,
        batches: Sequence[Sequence[str]],
        ages: dict[str, timedelta] | None = None,
        statuses: dict[str, str] | None = None,
        max_age: timedelta | None = None,
        **manifest: Any,
    ) -> None:
        """A backfill of these ids, an hour old unless said otherwise."""
        self.write_config()
        name = "tiktok"
        route = route_of(name, self.config.destination(name), manifest.get("via"))
        self.folder = self.root / "backfills" / name / "0123456789abcdef"
        self.folder.mkdir(parents=True)
        rows = []
        for number, ids in enumerate(batches, 1):
            file = f"batch-{number:05d}.json"
            items, root = [], b""
            for row, event_id in enumerate(ids):
                at = NOON - (ages or {}).get(event_id, timedelta(hours=1))
                payload = {
                    "type": "track",
                    "event": "Order Completed",
                    "messageId": event_id,
                    "userId": "u1",
                    "timestamp": instant_text(at),
                    "properties": {"value": 12.5, "currency": "USD"},
                }
                built = route.requests.build_event(
                    json.dumps(payload).encode(),
                    "CompletePayment",
                    event_id,
                    int(at.timestamp()) * 1_000_000,
                )
                items.append(built.item)
                root = built.root
                deadline = instant_text(at + max_age) if max_age else ""
                status = (statuses or {}).get(event_id, "missing")
                rows.append(
                    [event_id, "CompletePayment", instant_text(at), status, "", file, row, deadline]
                )
            (self.folder / file).write_bytes(route.requests.body(items, root))
        with open(self.folder / "events.csv", "w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([COLUMNS.split(","), *rows])
        files = [
            {
                "name": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "bytes": path.stat().st_size,
                "events": len(batches[int(path.stem[-5:]) - 1]) if path.suffix == ".json" else None,
            }
            for path in sorted(self.folder.iterdir())
        ]
        about = {
            "backfill_id": self.folder.name,
            "destination": name,
            "include": [],
            "pixel": "none",
            "via": None,
            "url": route.requests.url,
            "rules": rules_of(self.config, [name])[name],
            "files": files,
        }
        (self.folder / "manifest.json").write_text(json.dumps(about | manifest))

    def upload(
        self, archive: Archive | None = None, *, send: bool = True, **options: Any
    ) -> UploadResult:
        """Upload it, against the destination of this world."""
        given: dict[str, Any] = {
            "transport": httpx.MockTransport(self.answer),
            "now": lambda: self.now,
            "sleep": self.sleep,
            "environment": self.environment,
            "jitter": lambda: 1.0,
        }
        return upload(self.config, archive, self.folder, send=send, **(given | options))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        events = body.get("data") or body["batch"]
        ids = [event.get("event_id") or event["messageId"] for event in events]
        self.seen.append(ids)
        self.headers.append(request.headers)
        self.urls.append(str(request.url))
        if callable(self.replies):
            reply = self.replies(ids)
        else:
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is None:
            raise httpx.ReadTimeout("no reply", request=request)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def log(self, run: int = 1) -> list[dict[str, Any]]:
        text = (self.folder / f"upload-{run:05d}.ndjson").read_text()
        return [json.loads(line) for line in text.splitlines()]


def says(code: int, message: str = "OK", status: int = 200, **headers: str) -> httpx.Response:
    """A reply of TikTok."""
    body = {"code": code, "message": message, "request_id": "r1"}
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, json=body, headers=names)
