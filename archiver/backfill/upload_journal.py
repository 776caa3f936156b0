"""What an upload did so far: `upload.journal`, on the disk before each request and after its reply.

One JSON object a line: `run` begins a run, `send` a request, `reply` says what became of it, `end`
ends a run whose log is complete. Rows are positions in the batch, as ranges [first, behind the
last]. A line that a crash tore is the last one, and stands for nothing that happened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeAlias

import msgspec

from archiver.errors import UsageError, blaming_the_path
from archiver.files import fsync_folder

NAME = "upload.journal"

State: TypeAlias = Literal["open", "accepted", "rejected", "unsure", "unknown"]
"""`open`: nothing of it was taken; `unsure`: it may have landed; `unknown`: it was taken by one
that gives no verdict, and there will be none."""

STATES: tuple[State, ...] = ("open", "accepted", "rejected", "unsure", "unknown")
_CODES = {state: code for code, state in enumerate(STATES)}

_PRIVATE_MODE = 0o600


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request.

    Attributes:
        http_status: None where no reply came.
        body: the reply's text, secrets taken out; None where there was none.
        was_sent: whether any of the request can have arrived.
        problem: why there is no reply, as the kind of failure; None where there is one.
        retry_after_seconds: how long the destination asks to wait.
    """

    http_status: int | None = None
    body: str | None = None
    was_sent: bool = True
    problem: str | None = None
    retry_after_seconds: float | None = None


class _Run(msgspec.Struct, tag="run", tag_field="entry"):
    run: int
    at: datetime
    backfill_id: str
    content: str | None = None


class Send(msgspec.Struct, tag="send", tag_field="entry", frozen=True):
    """A request that goes out.

    Attributes:
        request: its number in the whole upload, from 1.
        batch: the file that its events are of.
        rows: which of them.
        at: when, UTC.
        attempt: the how manieth attempt it is for the event that had most.
    """

    request: int
    batch: str
    rows: list[tuple[int, int]]
    at: datetime
    attempt: int


class _Reply(msgspec.Struct, tag="reply", tag_field="entry"):
    request: int
    at: datetime
    answer: Answer
    states: dict[str, list[tuple[int, int]]]


class _End(msgspec.Struct, tag="end", tag_field="entry"):
    run: int


_Entry: TypeAlias = _Run | Send | _Reply | _End
_decoder = msgspec.json.Decoder(_Entry)


@dataclass(slots=True)
class Progress:
    """How far the events of one batch are.

    Attributes:
        states: code of the state of each event, by position; as long as was needed so far.
        attempts: requests that each event was in, likewise.
        first_sent_at: when the first of them may have gone out; None: none did.
    """

    states: bytearray = field(default_factory=bytearray)
    attempts: list[int] = field(default_factory=list)
    first_sent_at: datetime | None = None

    def state(self, row: int) -> State:
        """The state of one event."""
        return STATES[self.states[row]] if row < len(self.states) else "open"

    def attempt(self, rows: Iterable[int]) -> int:
        """Number of the next attempt for these events: that of the one with most."""
        return 1 + max((self.attempts[row] for row in rows if row < len(self.attempts)), default=0)

    def reach(self, rows: int) -> None:
        """Have room for so many events."""
        self.states.extend(bytes(max(0, rows - len(self.states))))
        self.attempts.extend([0] * max(0, rows - len(self.attempts)))


class Journal:
    """The journal of one backfill's upload.

    Args:
        home: the folder that it is in.
        backfill_id: whose it is.
        content: hash of what its rows are positions in; None: it is not asked.
        is_writing: take off what a crash tore, and allow to go on.

    Attributes:
        runs: number of the latest run; 0: nothing was ever sent.
        requests: number of the latest request.
        open_run: the latest run, where it did not come to its end.
        run_requests: requests of a run that died, with what came of each.

    Raises:
        UsageError: it is damaged, of another backfill or of other files, or gone while logs are
            there.
    """

    def __init__(
        self, home: Path, backfill_id: str, content: str | None = None, *, is_writing: bool
    ) -> None:
        self.path = home / NAME
        self.runs = 0
        self.requests = 0
        self.open_run: int | None = None
        self.run_requests: list[tuple[Send, Answer]] = []
        self._pending: dict[int, Send] = {}
        # Of a run that goes on, the log has them already.
        self._keeps_answers = True
        self._backfill_id = backfill_id
        self._content = content
        self._batches: dict[str, Progress] = {}
        self._descriptor: int | None = None
        with blaming_the_path(f"reading {self.path}"):
            whole = self._read()
        if is_writing:
            with blaming_the_path(f"writing {self.path}"):
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._descriptor = os.open(self.path, flags, _PRIVATE_MODE)
            os.ftruncate(self._descriptor, whole)
            os.fsync(self._descriptor)
            fsync_folder(home)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def batch(self, name: str, events: int) -> Progress:
        """How far a batch of so many events is."""
        progress = self._batches.setdefault(name, Progress())
        progress.reach(events)
        return progress

    @property
    def pending(self) -> list[Send]:
        """Requests of which nobody knows what became of them."""
        return list(self._pending.values())

    def begin_run(self, at: datetime) -> int:
        """Begin a run, and return its number."""
        self._write(_Run(self.runs + 1, at, self._backfill_id, self._content))
        self._keeps_answers = False
        return self.runs

    def sending(self, batch: str, rows: Sequence[int], at: datetime) -> Send:
        """Put a request on the disk that goes out next."""
        attempt = self._batches[batch].attempt(rows)
        send = Send(self.requests + 1, batch, ranges(rows), at, attempt)
        self._write(send)
        return send

    def answered(
        self, send: Send, at: datetime, answer: Answer, states: dict[State, list[int]]
    ) -> None:
        """Put on the disk what came of a request.

        Args:
            send: the request.
            at: when, UTC.
            answer: the reply, or why there is none.
            states: events whose state it changes.
        """
        found = {str(state): ranges(rows) for state, rows in states.items() if rows}
        self._write(_Reply(send.request, at, answer, found))

    def end_run(self) -> None:
        """End the run; its log is complete."""
        self._write(_End(self.runs))

    def _write(self, entry: _Entry) -> None:
        assert self._descriptor is not None
        line = msgspec.json.encode(entry) + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]
        os.fsync(self._descriptor)
        self._apply(entry)

    def _read(self) -> int:
        """Take in what is there; the length of what is whole."""
        doing = f"reading {self.path}"
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            logs = sorted(self.path.parent.glob("upload-*.ndjson*"))
            if logs:
                raise UsageError(
                    doing,
                    f"it is gone, and {logs[0].name} says that something was sent",
                    "put it back; without it nobody knows what must not be sent again",
                ) from None
            return 0
        whole = 0
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("no line end")
                entry = _decoder.decode(line)
                if isinstance(entry, _Run):
                    self._check(entry, doing)
                self._apply(entry)
            except (ValueError, KeyError, IndexError):
                if whole + len(line) < len(data):
                    why = f"line {number} is damaged"
                    raise UsageError(
                        doing,
                        why,
                        "put it back from a copy; without it nobody knows what must not be sent"
                        " again",
                    ) from None
                break
            whole += len(line)
        return whole

    def _check(self, run: _Run, doing: str) -> None:
        if run.backfill_id != self._backfill_id:
            why = f"it is of the backfill {run.backfill_id}"
            raise UsageError(doing, why, "take it out of this folder")
        if self._content is not None and run.content not in (None, self._content):
            raise UsageError(
                doing,
                "it is of other files: this backfill was made again since, and holds others now",
                "put the files back that it was written for; or import its logs with archiver"
                f" receipts, free what is left with archiver backfill --void {self._backfill_id},"
                " and make a new backfill",
            )

    def _apply(self, entry: _Entry) -> None:
        if isinstance(entry, _Run):
            self.runs = self.open_run = entry.run
            self.run_requests = []
        elif isinstance(entry, Send):
            self.requests = entry.request
            self._pending[entry.request] = entry
            progress = self._reaching(entry)
            for row in positions(entry.rows):
                progress.attempts[row] += 1
            progress.first_sent_at = min(progress.first_sent_at or entry.at, entry.at)
        elif isinstance(entry, _Reply):
            send = self._pending.pop(entry.request)
            if self._keeps_answers:
                self.run_requests.append((send, entry.answer))
            progress = self._reaching(send)
            if not entry.answer.was_sent:
                for row in positions(send.rows):
                    progress.attempts[row] -= 1
            for state, rows in entry.states.items():
                for row in positions(rows):
                    progress.states[row] = _CODES[state]  # type: ignore[index]
        else:
            self.open_run = None
            self.run_requests = []

    def _reaching(self, send: Send) -> Progress:
        return self.batch(send.batch, send.rows[-1][1])


def ranges(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Positions, ascending, as ranges."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row:
            found[-1] = (found[-1][0], row + 1)
        else:
            found.append((row, row + 1))
    return found


def positions(found: Iterable[tuple[int, int]]) -> list[int]:
    """Ranges as positions."""
    return [row for first, behind in found for row in range(first, behind)]


def attempted_anything(home: Path) -> bool:
    """Whether an upload of the backfill in this folder may have sent anything.

    Raises:
        UsageError: its journal cannot be read.
    """
    path = home / NAME
    if not path.exists():
        return any(home.glob("upload-*.ndjson*"))
    with blaming_the_path(f"reading {path}"):
        data = path.read_bytes()
    sent: set[int] = set()
    for line in data.splitlines():
        try:
            entry = _decoder.decode(line)
        except ValueError:
            continue  # Torn, so the request did not go out; or damaged, which upload says.
        if isinstance(entry, Send):
            sent.add(entry.request)
        elif isinstance(entry, _Reply) and not entry.answer.was_sent:
            sent.discard(entry.request)
    return bool(sent)
