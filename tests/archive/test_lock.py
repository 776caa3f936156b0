"""One writer at a time on a folder."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from archiver.archive.lock import writing
from archiver.errors import LockedError


def test_a_second_writer_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    with (
        writing(tmp_path, "ingest"),
        pytest.raises(LockedError, match="ingest") as refused,
        writing(tmp_path, "load"),
    ):
        pass
    assert refused.value.exit_code == 5
    with writing(tmp_path, "load"):
        pass


def test_a_second_writer_that_waits_goes_on_when_the_first_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    entered: list[str] = []
    flock = fcntl.flock

    def second() -> None:
        with writing(tmp_path, "second", wait=True):
            entered.append("second")

    def asking(file: int, operation: int) -> None:
        asked.set()
        flock(file, operation)

    with writing(tmp_path, "first"):
        monkeypatch.setattr(fcntl, "flock", asking)
        waiting = threading.Thread(target=second)
        waiting.start()
        assert asked.wait(60)
        entered.append("first")
    waiting.join(60)
    assert entered == ["first", "second"]


def test_the_lock_of_a_writer_that_failed_is_free(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path, "ingest"):
        raise ZeroDivisionError
    with writing(tmp_path, "ingest"):
        pass
