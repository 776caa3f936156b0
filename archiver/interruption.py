"""Ctrl-C and SIGTERM: they end the work at once, also in the middle of a query.

Python raises in the main thread, which does not hear of a signal while a query is in DuckDB, and
what DuckDB then raises says nothing of the signal. So a thread hears of it as well, and interrupts
the queries of all connections.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any, Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Connection(Protocol):
    def interrupt(self) -> None: ...


class Interruption(KeyboardInterrupt):
    """A signal came."""


_connections: weakref.WeakSet[Any] = weakref.WeakSet()
_received: list[int] = []


def watch(connection: _Connection) -> None:
    """Interrupt this connection's query when a signal comes, for as long as the object lives."""
    _connections.add(connection)


def received() -> int | None:
    """The signal that came first; None: none."""
    return _received[0] if _received else None


def check() -> None:
    """Raise Interruption where a signal came: call it before an exception is taken for an answer.

    A library may have turned the exception of the signal into one of its own.
    """
    if _received:
        raise Interruption(signal.Signals(_received[0]).name)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """End the body with Interruption when SIGINT or SIGTERM comes; only in the main thread.

    A signal that is ignored already, as SIGINT is below nohup, stays ignored.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    listener = threading.Thread(target=_listen, args=(ours,), daemon=True)
    before = {
        number: signal.signal(number, _raise)
        for number in SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        listener.join()
        ours.close()
        _received.clear()


def _raise(number: int, frame: FrameType | None) -> None:
    is_first = not _received
    _received.append(number)
    if is_first:
        # Once only: a second one would end the tidying up that the first began.
        raise Interruption(signal.Signals(number).name)


def _listen(wakeups: socket.socket) -> None:
    while numbers := wakeups.recv(64):
        if set(numbers) & set(SIGNALS):
            _interrupt_queries()


def _interrupt_queries() -> None:
    for _ in range(3):
        # The main thread may open a connection meanwhile.
        with contextlib.suppress(RuntimeError):
            for connection in list(_connections):
                # One that is closed meanwhile refuses, and must not keep the others running.
                with contextlib.suppress(Exception):
                    connection.interrupt()
            return
