"""Batches hold no more than a request may, and what no request may hold is left out with why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.backfill.batches import Cutter
from archiver.backfill.route import Route
from archiver.destinations.base import Limits
from archiver.destinations.requests import UnsendableEvent

HOUR_US = 3_600_000_000


class Requests:
    """Bodies as `{root:[item,item]}`."""

    def body(self, items: list[bytes], root: bytes) -> bytes:
        return b"{%s:[%s]}" % (root, b",".join(items))


@dataclass
class Cut:
    """The batches that came out: per batch its body and items, and each item's hour and root."""

    batches: list[tuple[bytes, list[tuple[bytes, bytes, int]]]]
    refused: int


def cut(
    items: list[tuple[bytes, bytes, int]],
    *,
    hourly: bool = False,
    events: int | None = None,
    body_bytes: int | None = None,
    event_bytes: int | None = None,
) -> Cut:
    limits = Limits(events, body_bytes, None, event_bytes)
    bodies: dict[int, tuple[bytes, int]] = {}

    def close(number: int, body: bytes, count: int) -> None:
        assert number == len(bodies) + 1
        bodies[number] = body, count

    cutter = Cutter(Route(None, None, Requests(), limits, hourly), close)  # type: ignore[arg-type]
    inside: dict[int, list[tuple[bytes, bytes, int]]] = {}
    refused = 0
    for item, root, time_us in items:
        try:
            row = cutter.add(item, root, time_us)
        except UnsendableEvent:
            refused += 1
        else:
            assert row == len(inside.setdefault(cutter.number, []))
            inside[cutter.number].append((item, root, time_us))
    cutter.finish()
    assert {n: count for n, (_, count) in bodies.items()} == {n: len(i) for n, i in inside.items()}
    return Cut([(bodies[number][0], inside[number]) for number in sorted(bodies)], refused)


ITEMS = st.lists(
    st.tuples(
        st.integers(1, 60).map(lambda size: b"x" * size),
        st.sampled_from([b"", b"a", b"somebody"]),
        st.integers(-3 * HOUR_US, 3 * HOUR_US),
    )
)
MOST = st.none() | st.integers(1, 90)


@given(ITEMS, st.booleans(), MOST, MOST, MOST)
def test_no_batch_exceeds_a_limit_and_nothing_gets_lost(
    items: list[tuple[bytes, bytes, int]],
    hourly: bool,
    events: int | None,
    body_bytes: int | None,
    event_bytes: int | None,
) -> None:
    found = cut(items, hourly=hourly, events=events, body_bytes=body_bytes, event_bytes=event_bytes)
    for body, inside in found.batches:
        assert body == Requests().body([item for item, _, _ in inside], inside[0][1])
        assert len(body) <= (body_bytes or len(body))
        assert len(inside) <= (events or len(inside))
        assert all(len(item) <= (event_bytes or len(item)) for item, _, _ in inside)
        assert len({root for _, root, _ in inside}) == 1
        assert not hourly or len({time // HOUR_US for _, _, time in inside}) == 1
    sent = [each for _, inside in found.batches for each in inside]
    assert len(sent) + found.refused == len(items)
    kept = iter(items)
    assert all(each in kept for each in sent)  # In their order.
    for item, root, _ in items:
        alone = len(Requests().body([item], root))
        fits = len(item) <= (event_bytes or len(item)) and alone <= (body_bytes or alone)
        assert fits or (item, root) not in [(i, r) for i, r, _ in sent]


def test_what_fits_goes_together() -> None:
    items = [(b"12345", b"", HOUR_US)] * 4
    assert [len(inside) for _, inside in cut(items).batches] == [4]
    assert [len(inside) for _, inside in cut(items, events=3).batches] == [3, 1]
    # `{:[` and `]}` are five bytes; an item counts with a comma.
    assert [len(inside) for _, inside in cut(items, body_bytes=5 + 12).batches] == [2, 2]
    assert [len(inside) for _, inside in cut(items, event_bytes=5).batches] == [4]


def test_an_hour_or_a_root_starts_another_batch() -> None:
    items = [(b"1", b"", 0), (b"2", b"", HOUR_US - 1), (b"3", b"", HOUR_US), (b"4", b"r", HOUR_US)]
    assert [len(inside) for _, inside in cut(items, hourly=True).batches] == [2, 1, 1]
    assert [len(inside) for _, inside in cut(items).batches] == [3, 1]


@pytest.mark.parametrize("limit", ["event_bytes", "body_bytes"])
def test_what_is_too_large_alone_is_refused_and_the_batch_goes_on(limit: str) -> None:
    # `{:[` and `]}` are five bytes of a body.
    most = {"event_bytes": 30, "body_bytes": 35}[limit]
    items = [(b"1", b"", 0), (b"x" * 31, b"", 0), (b"2", b"", 0)]
    found = cut(items, **{limit: most})  # type: ignore[arg-type]
    assert (found.refused, [len(inside) for _, inside in found.batches]) == (1, [2])
    items[1] = (b"x" * 30, b"", 0)
    assert cut(items, **{limit: most}).refused == 0  # type: ignore[arg-type]
