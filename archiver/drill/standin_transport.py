"""The stand-in behind httpx, without sockets; every other host is refused."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from archiver.drill.clock import DrillClock
from archiver.drill.standin import Account, Answer

# `.invalid` is reserved: no such host can ever exist (RFC 2606).
STANDIN_URL = "http://standin.invalid"
_HOST = "standin.invalid"
_SECONDS_PER_REQUEST = 0.2
_DEFAULT_TIMEOUT_SECONDS = 30.0


class OtherHostError(Exception):
    """Something was about to be sent to another host than the stand-in."""


class StandInTransport(httpx.BaseTransport):
    """Hands requests to an account, at the drill's time.

    Args:
        account: who answers.
        clock: what passes while a reply is awaited.
        sender: kept with what is counted.
        on_request: called before a request is processed and again after it, before the reply is
            given, each time with a name for the moment; what it raises goes through.
    """

    def __init__(
        self,
        account: Account,
        clock: DrillClock,
        sender: str = "upload",
        on_request: Callable[[str], None] = lambda moment: None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._sender = sender
        self._on_request = on_request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer like a network would.

        Raises:
            OtherHostError: the request is for another host.
            httpx.ReadTimeout, httpx.ReadError: the reply does not come in time, or not at all.
        """
        if request.url.host != _HOST:
            raise OtherHostError(f"the drill was about to speak to {request.url.host}")
        self._on_request("before a request")
        body = request.read()
        path = request.url.raw_path.decode("ascii")
        headers = dict(request.headers)
        answer = self._account.handle(self._clock.now(), path, headers, body, self._sender)
        self._on_request("after a request")
        return self._reply(request, answer)

    def _reply(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        timeouts = request.extensions.get("timeout") or {}
        patience = timeouts.get("read") or _DEFAULT_TIMEOUT_SECONDS
        if answer.after_seconds >= patience:
            self._clock.sleep(patience)
            raise httpx.ReadTimeout("the stand-in is slow", request=request)
        self._clock.sleep(answer.after_seconds or _SECONDS_PER_REQUEST)
        if answer.is_lost:
            raise httpx.ReadError("the stand-in broke the connection", request=request)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)
