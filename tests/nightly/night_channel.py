"""A webhook and a heartbeat on this machine that remember, and now and then refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal["well", "down", "deaf"]


@dataclass(frozen=True)
class Received:
    """A message as it came in; `is_taken`: the sender was told so."""

    body: dict[str, Any]
    key: str
    is_taken: bool


@dataclass
class Channel:
    """What came in.

    Attributes:
        mode: `down`: it refuses; `deaf`: it takes messages and says that it failed.
        received: in their order.
        heartbeats: how many.
    """

    mode: Mode = "well"
    received: list[Received] = field(default_factory=list)
    heartbeats: int = 0
    address: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead here."""
        return {
            "HOOK_URL": f"{self.address}/hook",
            "HEARTBEAT_URL": f"{self.address}/heart",
        }


@contextmanager
def open_channel() -> Iterator[Channel]:
    """A channel that listens."""
    channel = Channel()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            channel.heartbeats += 1
            self._answer(200)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if channel.mode == "down":
                self._answer(503)
                return
            is_taken = channel.mode == "well"
            key = self.headers["Idempotency-Key"]
            channel.received.append(Received(body, key, is_taken))
            self._answer(200 if is_taken else 500)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    channel.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield channel
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
