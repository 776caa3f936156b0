"""Bars on stderr for long work: at a terminal only, and gone when the work is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from archiver import progress
from archiver.cli.messages import is_json

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def wants_bars(arguments: Sequence[str]) -> bool:
    """Whether someone looks: not with --json, nor where stderr is no terminal that can redraw.

    NO_COLOR takes the colours away, not the bars.
    """
    if "--json" in arguments or is_json() or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return sys.stderr.isatty()


@contextmanager
def bars(arguments: Sequence[str]) -> Iterator[None]:
    """Draw the tasks of the body, where someone looks."""
    if not wants_bars(arguments):
        yield
        return
    drawn = _Bars()
    try:
        with progress.observed_by(drawn):
            yield
    finally:
        drawn.stop()


class _Bars:
    """One line per running task; nothing is on the screen while none runs."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: list[TaskID] = []

    def begin(self, what: str, total: float | None, unit: str) -> int:
        """Draw a line for it; the first brings the display up."""
        if self._progress is None:
            self._progress = _display()
            self._progress.start()
        amount = _BYTES if unit == "bytes" else unit
        task = self._progress.add_task(what, total=total, unit=amount)
        self._tasks.append(task)
        return int(task)

    def advance(self, task: int, amount: float) -> None:
        """Move its bar."""
        if self._progress is not None:
            self._progress.advance(_id(task), amount)

    def end(self, task: int) -> None:
        """Take its line away; the last takes the display down, so that results can be printed."""
        if self._progress is None:
            return
        self._progress.remove_task(_id(task))
        self._tasks.remove(_id(task))
        if not self._tasks:
            self.stop()

    def stop(self) -> None:
        """Take everything away; the cursor is shown again."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, []


_BYTES = "bytes"


def _id(task: int) -> TaskID:
    from rich.progress import TaskID

    return TaskID(task)


def _display() -> Progress:
    from rich.console import Console
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.text import Text

    class Amount(ProgressColumn):
        """How much is done, of how much."""

        def render(self, task: Task) -> Text:
            unit = str(task.fields["unit"])
            if task.total is None:
                return Text("")
            if unit == _BYTES:
                return Text(f"{decimal(int(task.completed))} of {decimal(int(task.total))}")
            return Text(f"{int(task.completed):,} of {int(task.total):,} {unit}".rstrip())

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        Amount(),
        Remaining(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
