"""Events come in the order of the plan, in whatever order the archive has them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archiver.backfill import payloads
from archiver.backfill.payloads import _Held, _read
from archiver.errors import ArchiverError

EVENTS = [b"{%d}" % number * (number % 7 + 1) for number in range(60)]

Found = Iterator[tuple[list[int], list[bytes]]]


def found(positions: list[int], batch: int = 5) -> Found:
    for at in range(0, len(positions), batch):
        here = positions[at : at + batch]
        yield here, [EVENTS[position] for position in here]


@pytest.mark.parametrize("most_held", [0, 100, 1 << 20])
@pytest.mark.parametrize("most_spread", [0, 100])
def test_every_event_has_its_turn_also_out_of_a_scratch_file(
    most_held: int, most_spread: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "_MOST_HELD_BYTES", most_held)
    monkeypatch.setattr(payloads, "_MOST_SPREAD", most_spread)
    shuffled = list(range(60))
    random.Random(1).shuffle(shuffled)
    with open(tmp_path / "scratch", "w+b", buffering=0) as file:
        held = _Held(found(shuffled), file)
        taken = [held.take(list(range(at, at + 12))) for at in range(0, 60, 12)]
        assert bool(file.tell()) == (most_held < 1 << 20)
    assert [event for events in taken for event in events] == EVENTS


def test_an_event_that_never_comes_is_told(tmp_path: Path) -> None:
    with open(tmp_path / "scratch", "w+b", buffering=0) as file:
        held = _Held(found([0, 1, 1]), file)
        with pytest.raises(ArchiverError, match="some of them twice"):
            held.take([0, 1, 2])


def test_only_the_rows_that_are_wanted_are_read_the_file_that_is_needed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "_READ_EVENTS", 3)
    files = [tmp_path / "a", tmp_path / "b"]
    for path in files:
        texts = [f"{path.name}{row}" for row in range(10)]
        rows = pa.table({"payload": texts, "envelope": pa.nulls(10, pa.string())})
        pq.write_table(rows, path, row_group_size=4)
    places = pa.table(
        {
            "file": [0, 0, 1, 1, 1],
            "row": [2, 9, 0, 3, 4],
            "position": [7, 6, 8, 2, 5],
        }
    )
    read = [pair for some in _read(files, places) for pair in zip(*some, strict=True)]
    assert read == [(8, b"b0"), (2, b"b3"), (5, b"b4"), (7, b"a2"), (6, b"a9")]
    nothing = pa.table({"file": [], "row": [], "position": []})
    assert list(_read([], nothing)) == []
