"""Sends the batches of a backfill: what each reply asks for is done, until each event has its fate.

The table is in docs/backfill.md, "Upload".
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenacity import RetryCallState, Retrying, retry_if_result, wait_exponential

from archiver.backfill.upload_fate import Windows
from archiver.backfill.upload_folder import Batch, Folder
from archiver.backfill.upload_http import UNTRUSTED, Poster
from archiver.backfill.upload_journal import Answer, Journal, Send, State
from archiver.backfill.upload_journal import Progress as BatchProgress
from archiver.backfill.upload_log import Log
from archiver.destinations.base import Verdict
from archiver.destinations.requests import Advice

# In a row, before the upload gives up; what was not taken waits for the next one.
_MAX_TRIES = 10
_MAX_WAITING = timedelta(minutes=15)
_LONGEST_WAIT_SECONDS = 60
# Of a reply that came and left it open: asking again may change nothing.
_MAX_UNCLEAR_TRIES = 3
# Requests in a row without a reply that may not be repeated: each makes its events ambiguous.
_MAX_LOST = 3


class Stopped(Exception):
    """The upload ends before its end.

    Args:
        why: the cause, in words without personal data.
        is_refusal: the destination refuses the upload as such.
        is_interrupted: the user asked for it.
    """

    def __init__(self, why: str, *, is_refusal: bool = False, is_interrupted: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_refusal = is_refusal
        self.is_interrupted = is_interrupted


@dataclass(frozen=True)
class Clockwork:
    """Time, and what asks to stop; passed in, so that tests need none.

    Attributes:
        now: the present instant, UTC.
        sleep: waits so many seconds.
        should_stop: whether the user asked to stop after the request under way.
        jitter: a random number from 0 to 1, by which waits differ.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    should_stop: Callable[[], bool] = lambda: False
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True)
class _Turn:
    """One request and what follows from its reply; no rows: there was nothing left to send."""

    rows: tuple[int, ...] = ()
    answer: Answer | None = None
    step: str = "done"
    alone: tuple[int, ...] = ()
    code: str | None = None
    goes_again: bool = False

    @property
    def is_unclear(self) -> bool:
        """The destination answered, and left open what it took."""
        status = self.answer.http_status if self.answer else None
        return self.step != "wait" and status is not None and status < 300


class Sender:
    """Sends one backfill.

    Args:
        folder: the backfill.
        journal: open for writing.
        log: the log of this run.
        poster: sends one body.
        windows: what may be sent again.
        clockwork: time.
        seconds_apart: between the beginnings of two requests.
        on_request: called after each request with the batch's name.
        on_wait: called before each wait with its seconds and why.
    """

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        log: Log,
        poster: Poster,
        windows: Windows,
        clockwork: Clockwork,
        seconds_apart: float,
        on_request: Callable[[str], None],
        on_wait: Callable[[float, str], None],
    ) -> None:
        self.requests = 0
        self._folder = folder
        self._kind = folder.route.kind
        self._journal = journal
        self._log = log
        self._poster = poster
        self._windows = windows
        self._clockwork = clockwork
        self._seconds_apart = seconds_apart
        self._on_request = on_request
        self._on_wait = on_wait
        self._last_sent_at: datetime | None = None
        self._lost = 0

    def send(self, batch: Batch) -> None:
        """Send what can be sent of one batch.

        Raises:
            Stopped: nothing more is to be sent now.
        """
        progress = self._journal.batch(batch.name, len(batch.events))
        rows = self._sendable(batch, progress, range(len(batch.events)))
        if not rows:
            return
        items, root = self._folder.items(batch.name)
        groups = deque([rows])
        while groups:
            turn = self._until_clear(batch, progress, items, root, groups.popleft())
            if turn.step == "isolate":
                groups.extendleft(reversed(_parts(turn, progress)))

    def _until_clear(
        self,
        batch: Batch,
        progress: BatchProgress,
        items: list[bytes],
        root: bytes,
        rows: list[int],
    ) -> _Turn:
        """Send these events until a reply says something, or it is enough."""
        started_at = self._clockwork.now()

        def is_enough(state: RetryCallState) -> bool:
            turn = _turn(state)
            until = self._clockwork.now() + timedelta(seconds=state.upcoming_sleep)
            tries = _MAX_UNCLEAR_TRIES if turn.is_unclear else _MAX_TRIES
            return state.attempt_number >= tries or until > started_at + _MAX_WAITING

        retrying = Retrying(
            retry=retry_if_result(lambda turn: turn.goes_again),
            wait=self._wait_seconds,
            stop=is_enough,
            before_sleep=lambda state: self._on_wait(state.upcoming_sleep, _cause(_turn(state))),
            sleep=self._clockwork.sleep,
            retry_error_callback=_turn,
        )
        turn: _Turn = retrying(self._once, batch, progress, items, root, rows)
        if turn.goes_again and not turn.is_unclear:
            raise Stopped(f"it gave up waiting: {_cause(turn)}")
        is_lost = turn.step == "unsure" and not turn.is_unclear
        self._lost = self._lost + 1 if is_lost else 0
        if self._lost >= _MAX_LOST:
            raise Stopped(
                f"{self._lost} requests in a row may have landed or not, and must not be repeated:"
                f" {_cause(turn)}"
            )
        return turn

    def _once(
        self,
        batch: Batch,
        progress: BatchProgress,
        items: list[bytes],
        root: bytes,
        rows: list[int],
    ) -> _Turn:
        """One request, with all that must be on the disk before and after it."""
        self._keep_rate()
        if self._clockwork.should_stop():
            raise Stopped("interrupted", is_interrupted=True)
        rows = self._sendable(batch, progress, rows)
        if not rows:
            return _Turn()
        body = self._folder.route.requests.body([items[row] for row in rows], root)
        self._last_sent_at = self._clockwork.now()
        send = self._journal.sending(batch.name, rows, self._last_sent_at)
        answer = self._poster.post(body, self._clockwork.now)
        turn = self._judged(batch, progress, send, rows, answer)
        self.requests += 1
        self._log.add(batch, send, answer, body)
        self._on_request(batch.name)
        if turn.step == "stop":
            raise Stopped(_refusal(turn), is_refusal=True)
        return turn

    def _judged(
        self,
        batch: Batch,
        progress: BatchProgress,
        send: Send,
        rows: list[int],
        answer: Answer,
    ) -> _Turn:
        """What a reply means for the events, put on the disk, and for the upload."""
        reply = None if answer.body is None else answer.body.encode()
        advice = self._advice(answer, reply, len(rows))
        verdicts = self._kind.judge(answer.http_status, reply, len(rows)).verdicts
        states = self._states(advice, rows, verdicts)
        self._journal.answered(send, self._clockwork.now(), answer, states)
        unsure = self._sendable(batch, progress, states.get("unsure", []))
        rejected = set(states.get("rejected", []))
        return _Turn(
            tuple(rows),
            answer,
            advice.step,
            tuple(rows[i] for i in advice.rows if i < len(rows) and rows[i] not in rejected),
            next((verdict.code for verdict in verdicts), None),
            advice.step == "wait" or bool(unsure),
        )

    def _advice(self, answer: Answer, reply: bytes | None, items: int) -> Advice:
        status = answer.http_status
        if not answer.was_sent:
            return Advice("stop" if answer.problem == UNTRUSTED else "wait")
        if status is None:
            return Advice("unsure")
        # Personal data goes nowhere else than where it was meant to go. 303 follows what was done.
        if 300 <= status < 400 and status != 303:
            return Advice("stop")
        return self._kind.advise(status, reply, items)

    def _states(
        self, advice: Advice, rows: list[int], verdicts: tuple[Verdict, ...]
    ) -> dict[State, list[int]]:
        """The events whose state a reply changes."""
        states: dict[State, list[int]] = {}
        if advice.step == "unsure":
            return {"unsure": rows}
        if advice.step in ("wait", "stop"):
            return {}
        for row, verdict in zip(rows, verdicts, strict=True):
            state: State | None = None
            if advice.step == "isolate":
                # One alone that is refused for its own sake has nobody left to blame.
                is_bad = verdict.outcome == "rejected" or len(rows) == 1
                state = "rejected" if is_bad else None
            elif verdict.outcome == "unknown":
                state = "unsure" if self._kind.has_verdicts else "unknown"
            else:
                state = "accepted" if verdict.outcome == "accepted" else "rejected"
            if state is not None:
                states.setdefault(state, []).append(row)
        return states

    def _sendable(
        self, batch: Batch, progress: BatchProgress, rows: range | list[int]
    ) -> list[int]:
        now = self._clockwork.now()
        first_sent_at = progress.first_sent_at
        fate = self._windows.fate
        return [
            row
            for row in rows
            if fate(batch.events[row], progress.state(row), first_sent_at, now) == "waiting"
        ]

    def _keep_rate(self) -> None:
        if self._last_sent_at is None or not self._seconds_apart:
            return
        passed = (self._clockwork.now() - self._last_sent_at).total_seconds()
        # A clock that was put back makes nobody wait for longer.
        wait = min(self._seconds_apart - passed, self._seconds_apart)
        if wait > 0:
            self._clockwork.sleep(wait)

    def _wait_seconds(self, state: RetryCallState) -> float:
        """Twice as long each time, shortened by chance; at least what the destination asks for."""
        longest: float = wait_exponential(max=_LONGEST_WAIT_SECONDS)(state)
        answer = _turn(state).answer
        asked = answer.retry_after_seconds if answer else None
        return max(longest * (0.5 + self._clockwork.jitter() / 2), asked or 0.0)


def _parts(turn: _Turn, progress: BatchProgress) -> list[list[int]]:
    """What is left of a batch that was refused for the sake of some events, in new groups."""
    left = [row for row in turn.rows if progress.state(row) != "rejected"]
    alone = [[row] for row in turn.alone]
    others = [row for row in left if row not in set(turn.alone)]
    if len(others) < len(turn.rows):
        return [part for part in (others, *alone) if part]
    half = len(others) // 2
    return [part for part in (others[:half], others[half:]) if part]


def _turn(state: RetryCallState) -> _Turn:
    assert state.outcome is not None
    turn: _Turn = state.outcome.result()
    return turn


def _cause(turn: _Turn) -> str:
    """What a reply said, without its words, which may hold personal data."""
    answer = turn.answer
    if answer is None:
        return "nothing was left to send"
    if answer.http_status is None:
        return f"no {'reply' if answer.was_sent else 'connection'} ({answer.problem})"
    code = f", code {turn.code}" if turn.code not in (None, str(answer.http_status)) else ""
    asked = answer.retry_after_seconds
    wait = f", asks to wait {asked:,.0f} s" if asked else ""
    return f"HTTP {answer.http_status}{code}{wait}"


def _refusal(turn: _Turn) -> str:
    status = turn.answer.http_status if turn.answer else None
    if status is not None and 300 <= status < 400:
        return f"it sends the upload elsewhere ({_cause(turn)}), where it is not meant to go"
    return f"it refuses the upload: {_cause(turn)}"
