"""`archiver drill`: its document, its exit codes, and that it touches nothing of the user's."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import Workspace, order, receipt


class Watched(dict[str, str]):
    """An environment that notes who asks for tokens."""

    asked: list[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.append(key)
        return super().get(key, default)


def test_it_touches_neither_production_nor_other_hosts_nor_tokens(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("inbound/web/a.ndjson", order("one"), order("two"))
    workspace.write("receipts/a.ndjson", receipt("one"))
    for command in ("ingest", "receipts", "load"):
        workspace.done(command)
    workspace.run("reconcile")
    before = workspace.listing()

    def no_socket(*_: Any) -> None:
        raise AssertionError("the drill opened a connection")

    monkeypatch.setattr(socket.socket, "connect", no_socket)
    monkeypatch.setattr(socket.socket, "bind", no_socket)
    environment = Watched(os.environ, TIKTOK_ACCESS_TOKEN="the-real-one", ARCHIVER_DRILL_TOKEN="x")
    environment.asked = []
    monkeypatch.setattr(os, "environ", environment)
    output = tmp_path.with_name(f"{tmp_path.name}-kept")
    found = workspace.run("drill", "--seed", "3", "--output", output, "--json")

    assert found.code == 0, found.err
    assert workspace.listing() == before
    assert not [name for name in environment.asked if "TOKEN" in name]
    for path in output.rglob("*"):
        assert path.is_dir() or b"the-real-one" not in path.read_bytes()
    document = found.json
    assert document["good"] is True
    assert (document["destination"], document["type"]) == ("tiktok", "tiktok-events")
    assert document["double_counts"] == 0
    assert document["recovered"] == document["recoverable"] > 0
    assert document["share_recovered"] == 1.0
    parts = ("recoverable", "expired", "refused", "unsure")
    of_lost = sum(document[part] for part in parts) + sum(document["left_out"].values())
    assert document["lost"] == of_lost
    assert document["upload"]["runs"] > document["upload"]["crashes"]
    assert document["workspace"] == str(output)
    kept = Workspace.__new__(Workspace)
    kept.folder = output
    assert kept.run("status").code in (0, 6)


def test_without_a_stand_in_it_says_which_types_have_one(workspace: Workspace) -> None:
    text = workspace.config_path.read_text().replace("tiktok-events", "custom")
    workspace.configure(text.replace('pixel = "none"', 'rules = [{ event = "Order Completed" }]'))
    for options in ((), ("--destination", "tiktok")):
        found = workspace.run("drill", *options)
        assert found.code == 2
        assert "tiktok-events or meta-capi" in found.err


def test_of_several_destinations_one_must_be_named(workspace: Workspace) -> None:
    text = workspace.config_path.read_text()
    second = text[text.index("[destinations.tiktok]") :].replace(".tiktok]", ".other]")
    workspace.configure(text + second)
    found = workspace.run("drill")
    assert (found.code, "other, tiktok" in found.err) == (2, True)


def test_a_folder_with_something_in_it_is_left_alone(workspace: Workspace) -> None:
    found = workspace.run("drill", "--output", workspace.folder)
    assert (found.code, "not empty" in found.err) == (2, True)


def test_the_stand_in_runs_until_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "archiver", "drill", "--serve"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    match = re.search(r"http://127\.0\.0\.1:(\d+)", process.stderr.readline())
    assert match is not None
    with socket.create_connection(("127.0.0.1", int(match[1])), timeout=5) as client:
        client.sendall(b"GET /counted HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.startswith("tiktok-events: 0 requests")
