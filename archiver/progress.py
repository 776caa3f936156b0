"""How far long work has come, for whoever looks: nobody, unless an observer is set.

Work says what it does and how much of it there is; the observer draws it. Without one this costs
nothing, so that the library stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
Advance = Callable[[float], None]


class Observer(Protocol):
    """Draws the progress of tasks, which may lie inside one another."""

    def begin(self, what: str, total: float | None, unit: str) -> int:
        """A task begins; the number that names it is returned."""

    def advance(self, task: int, amount: float) -> None:
        """So much more of it is done."""

    def end(self, task: int) -> None:
        """It ended, well or not."""


_observers: list[Observer] = []


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let an observer see all tasks of the body."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


@contextmanager
def task(what: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
    """A piece of long work.

    Args:
        what: in a few words.
        total: how much there is; None: not known.
        unit: of the total: `bytes`, or a word such as `files`.

    Yields:
        To be called with what was done since the call before.
    """
    if not _observers:
        yield _nobody
        return
    observer = _observers[-1]
    number = observer.begin(what, total, unit)
    try:
        yield lambda amount: observer.advance(number, amount)
    finally:
        observer.end(number)


def each(items: Iterable[T], what: str, total: int, unit: str = "") -> Iterator[T]:
    """The items, counted as they are done with; of none nobody is told."""
    if not total:
        yield from items
        return
    with task(what, total, unit) as advance:
        for item in items:
            yield item
            advance(1)


def _nobody(_: float) -> None:
    """Takes what nobody wants to know."""
