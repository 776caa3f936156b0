"""Silences where conversions come thick and fast, and the feed flickers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import oracle
import pytest
from answers import check
from worlds import PRESETS, File, Moment, Record, World

SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_silences_of_a_dense_feed(seed: int, tmp_path: Path) -> None:
    check(_world(random.Random(seed)), tmp_path)


def test_losses_at_both_ends_of_a_dense_feed_are_no_silence(tmp_path: Path) -> None:
    start = datetime(2026, 1, 15, tzinfo=UTC)
    arrivals = [start + timedelta(minutes=3) * n for n in range(480)]
    lost = {*range(10), *range(470, 480), *range(1, 480, 2)}
    world = _of(arrivals, [at for n, at in enumerate(arrivals) if n not in lost])
    assert "receipts_missing" not in str(check(world, tmp_path).incidents)


def _world(rng: random.Random) -> World:
    """Half a day of a conversion every minute or so; the feed is good, bad, or not there."""
    at, end = datetime(2026, 1, 15, 10, 5, tzinfo=UTC), datetime(2026, 1, 15, 22, tzinfo=UTC)
    arrivals, attempted = [], []
    while at < end:
        share = rng.choice([1, 0.5, 0.1, 0.02, 0])
        until = at + timedelta(minutes=rng.randrange(5, 120))
        while at < until:
            arrivals.append(at)
            if rng.random() < share:
                attempted.append(at)
            at += timedelta(seconds=rng.randrange(20, 300))
    return _of(arrivals, attempted)


def _of(arrivals: list[datetime], attempted: list[datetime]) -> World:
    events: list[Record] = [
        {
            "messageId": f"m{n}",
            "type": "track",
            "event": "Order Completed",
            "timestamp": Moment(at),
            "receivedAt": Moment(at),
            "properties": {},
        }
        for n, at in enumerate(arrivals)
    ]
    ids = {at: f"m{n}" for n, at in enumerate(arrivals)}
    receipts: list[Record] = [
        {
            "event_id": ids[at],
            "event_name": "CompletePayment",
            "outcome": "accepted",
            "attempted_at": Moment(at),
        }
        for at in attempted
    ]
    return World(
        settings=oracle.Settings("UTC", PRESETS["segment"]),
        inbound=[File("inbound/web/a.ndjson", events, "web")],
        feed=[File("receipts/a.ndjson", receipts)],
        as_of=datetime(2026, 1, 20, tzinfo=UTC),
    )
