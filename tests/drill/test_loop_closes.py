"""Outage → report → backfill → upload → receipts → reconcile: the gap closes, but for what expired.

By the commands, against the stand-in on a real socket, with an upload that is killed on its way.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support import Workspace, lines, order

from archiver.destinations.hashing import sha256_hex
from archiver.drill.standin import Account
from archiver.drill.standin_server import StandInServer, serving
from archiver.drill.standin_tiktok import PATH, TikTokAccount
from archiver.texts import instant_text

HOUR = timedelta(hours=1)
MAX_AGE = 28 * HOUR

CONFIG = """\
[archive]
root = "data/archive"
[warehouse]
path = "data/warehouse"
[sources.web]
paths = ["inbound/*.ndjson"]
[destinations.tiktok]
type = "tiktok-events"
event_source_id = "PIXEL"
pixel = "none"
account_timezone = "Europe/Berlin"
retry_window = "1h"
max_age = "28h"
max_events = 5
receipts = ["receipts/*.ndjson"]
base_url = "URL"
"""


@cache
def this_hour() -> datetime:
    """The upload goes by the real clock: the outage was yesterday."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def arrivals() -> dict[str, datetime]:
    """An order every ten minutes for a day and a half, up to two hours ago."""
    return {f"o{n:03d}": this_hour() - 38 * HOUR + n * HOUR / 6 + HOUR / 12 for n in range(6 * 36)}


def is_lost(at: datetime) -> bool:
    return this_hour() - 30 * HOUR <= at < this_hour() - 20 * HOUR


def deliver(account: Account) -> list[bytes]:
    """The hub's requests, and its log of them; in the outage the account takes nothing."""
    log = []
    for event_id, at in arrivals().items():
        item = {
            "event": "CompletePayment",
            "event_id": event_id,
            "event_time": int(at.timestamp()),
            "user": {"external_id": [sha256_hex(event_id)]},
            "properties": {"value": 12.5, "currency": "USD"},
        }
        body = {"event_source": "web", "event_source_id": "PIXEL", "data": [item]}
        reply: Any = {"code": 40100, "message": "Too many requests", "request_id": event_id}
        if not is_lost(at):
            headers = {"Access-Token": "token"}
            answer = account.handle(at, PATH, headers, json.dumps(body).encode(), "hub")
            reply = json.loads(answer.body)
        line = {"sent_at": instant_text(at + HOUR / 60), "destination": "tiktok"}
        line |= {"http_status": 200, "request_body": body, "response_body": reply}
        log.append(json.dumps(line).encode())
    return log


class Killer:
    """Kills a process with the stand-in's nth request: counted, and never answered."""

    def __init__(self, at: int) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._left = at

    def __call__(self, line: str) -> None:
        self._left -= 1
        if self._left == 0 and self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def names(path: Path) -> set[str]:
    with open(path, newline="") as file:
        return {row["event_id"] for row in csv.DictReader(file)}


def totals(workspace: Workspace) -> dict[str, Any]:
    found = workspace.run("reconcile", "--json")
    assert found.code in (0, 3), found
    totals: dict[str, Any] = found.json["destinations"][0]["totals"]
    return totals


def upload_killed(workspace: Workspace, folder: str, killer: Killer) -> None:
    command = [sys.executable, "-m", "archiver", "--config", str(workspace.config_path)]
    killer.process = subprocess.Popen(
        [*command, "upload", folder, "--send"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    killer.process.wait(60)
    assert killer.process.returncode == -signal.SIGKILL


def test_the_loop_closes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_ACCESS_TOKEN", "token")
    account, killer = TikTokAccount("PIXEL", token="token"), Killer(at=4)
    workspace.write("receipts/hub.ndjson", data=lines(*deliver(account)))
    events = [order(event_id, str(instant_text(at))) for event_id, at in arrivals().items()]
    workspace.write("inbound/all.ndjson", data=lines(*events))
    with serving([account], told=killer) as server:
        close_the_loop(workspace, server, account, killer)


def close_the_loop(
    workspace: Workspace, server: StandInServer, account: Account, killer: Killer
) -> None:
    workspace.configure(CONFIG.replace("URL", server.url))
    lost = {event_id for event_id, at in arrivals().items() if is_lost(at)}
    old = {event_id for event_id in lost if arrivals()[event_id] < this_hour() - MAX_AGE + HOUR}
    for command in ("ingest", "receipts"):
        workspace.done(command)
    assert totals(workspace)["gap"] == len(lost) == 60

    backfill = workspace.done("backfill", "--json").json
    folder = Path(backfill["path"])
    expired = names(folder / "expired.csv")
    assert backfill["events"] + len(expired) == len(lost)
    surely = {event_id for event_id in old if arrivals()[event_id] < this_hour() - MAX_AGE}
    assert surely <= expired <= old

    upload_killed(workspace, str(folder), killer)
    counted = {key.event_id for key in account.counted}
    assert counted & lost
    assert not lost - expired <= counted
    resumed = workspace.run("upload", str(folder), "--send", "--json")
    assert resumed.json["waiting"] == 0, resumed
    assert resumed.json["accepted"] + resumed.json["expired"] == backfill["events"]
    recovered = {key.event_id for key in account.counted} & lost
    assert recovered == lost - expired - old | recovered & old
    assert account.double_counts == {}

    workspace.done("receipts")
    after = totals(workspace)
    assert after["gap"] == len(lost - recovered) > 0
    assert after["recoverable"] == 0
    again = workspace.done("backfill", "--json").json
    assert again["events"] == 0
    assert names(Path(again["path"]) / "expired.csv") == lost - recovered
