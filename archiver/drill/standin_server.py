"""The stand-in as a server on this machine, for senders that need a real socket."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from archiver.drill.faults import Fault, Faults, Spell
from archiver.drill.standin import Account, Answer, as_json
from archiver.drill.standin_meta import MetaAccount
from archiver.drill.standin_tiktok import TikTokAccount

FAULTS = (
    Fault("throttled", seconds=2),
    Fault("server_error", status=500),
    Fault("server_error", status=503),
    Fault("unreadable", status=502),
    Fault("unreadable", is_processed=True, status=504),
    Fault("slow", is_processed=True, seconds=5),
    Fault("reset"),
    Fault("reset", is_processed=True),
)
"""What goes wrong where a user asks for faults; of the slow ones nobody waits for long."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_MAX_BODY_BYTES = 64 << 20
# Closing with this option resets the connection instead of ending it.
_RESET_AT_ONCE = struct.pack("ii", 1, 0)


class StandInServer(ThreadingHTTPServer):
    """Answers on 127.0.0.1 only.

    Args:
        accounts: the first that takes a request's path answers it.
        port: 0 for any that is free.
        now: the instant, UTC.
        told: called with a line about each request.
    """

    daemon_threads = True

    def __init__(
        self,
        accounts: Sequence[Account],
        port: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.accounts = accounts
        self.now = now
        self.told = told
        self.turn = threading.Lock()

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the stand-in."""


def open_accounts(seed: int, share: float) -> list[Account]:
    """Accounts that take any id and any token.

    Args:
        seed: of the faults.
        share: of the requests that go wrong.
    """
    always = Spell(_EARLIEST, _LATEST, FAULTS, share)
    return [
        kind(None, faults=Faults(f"{kind.type}/{seed}", [always]))
        for kind in (TikTokAccount, MetaAccount)
    ]


@contextmanager
def serving(accounts: Sequence[Account], **options: Any) -> Iterator[StandInServer]:
    """A server in a thread of its own, until the end of the block."""
    with StandInServer(accounts, **options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: StandInServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Hand the request to the account that takes its path."""
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _MAX_BODY_BYTES:
            self.close_connection = True
            self._reply(Answer(413, b"too large"))
            return
        body = self.rfile.read(length)
        account = next((a for a in self.server.accounts if a.takes(self.path)), None)
        if account is None:
            self._reply(Answer(404, b"the stand-in knows TikTok's and Meta's paths only"))
            return
        with self.server.turn:
            answer = account.handle(self.server.now(), self.path, dict(self.headers), body)
        shown = "no reply" if answer.is_lost else f"{answer.status}, {len(body):,} bytes"
        self.server.told(f"POST {self.path.partition('?')[0]}: {shown}")
        time.sleep(answer.after_seconds)
        self._reply(answer)

    def do_GET(self) -> None:
        """Say what was counted, at `/counted`."""
        if self.path != "/counted":
            self._reply(Answer(404, b"GET /counted says what was counted"))
            return
        with self.server.turn:
            self._reply(as_json(200, [counted(account) for account in self.server.accounts]))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `told` has its own line."""

    def _reply(self, answer: Answer) -> None:
        if answer.is_lost:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def counted(account: Account) -> dict[str, Any]:
    """What an account counted, for people and for JSON."""
    names: dict[str, int] = {}
    for key, counts in account.counted.items():
        names[key.event] = names.get(key.event, 0) + len(counts)
    return {
        "type": account.type,
        "requests": account.requests,
        "events": dict(sorted(names.items())),
        "double_counts": len(account.double_counts),
        "recognised_repetitions": account.repetitions,
        "without_id": account.without_id,
    }
