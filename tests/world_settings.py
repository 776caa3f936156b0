"""Random settings of a destination, for random worlds."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from oracle import Condition, Excluded, MatchKey, Rule, Settings
from worlds import INTEGRATIONS, MATCH_KEYS, PRESETS, TICK

HOUR = timedelta(hours=1)

_ORDERS_OF_MEMBERS = (Condition("properties.plan", "is", ("pro", "team")),)
# Own rules: renamed, taken out, added, bound to a condition, and one behind another that decides.
_RULES: list[tuple[Rule, ...]] = [
    (),
    (Rule("track", "Signed Up", "Lead"), Rule("screen", "Something", None)),
    (Rule("track", "Product Added", None, is_ignored=True), Rule("page", "x", "Landing")),
    (Rule("track", "Order Completed", None, filters=_ORDERS_OF_MEMBERS),),
    (
        Rule("track", "Order Completed", "Purchase"),
        Rule("page", None, None, is_ignored=True),
    ),
]
_MATCH_KEYS: list[tuple[MatchKey, ...]] = [
    MATCH_KEYS["segment"],
    MATCH_KEYS["rudderstack"],
    (MatchKey("messageId", ("trim", "sha256")),),
    (MatchKey("properties.event_id", ("trim", "lower")), MatchKey("messageId", ("raw",))),
    (MatchKey("messageId"), MatchKey("properties.order_id", ("upper",))),
    (
        MatchKey("properties.eventId", ("upper", "md5")),
        MatchKey("messageId", ("sha1",)),
        MatchKey("anonymousId"),
    ),
]
_FILTERS: list[tuple[Condition, ...]] = [
    (Condition("properties.plan", "is_not", "free"),),
    (Condition("properties.seats", "at_least", 2), Condition("properties", "exists", True)),
    (Condition("properties.seats", "less_than", 40.5), Condition("properties.no", "exists", False)),
    (Condition("properties.seats", "is_not", (3, "4")),),
    (Condition("type", "matches", "^(track|page)$"),),
]
_TEST_EVENTS: list[tuple[Condition, ...]] = [
    (Condition("context.test", "is", True), Condition(("context", "te.st"), "is", True)),
    (Condition("properties.seats", "is", (7, "8")), Condition("context.test", "exists", True)),
    (Condition("userId", "matches", "^u-1"), Condition("properties.seats", "more_than", 99.5)),
    (Condition("properties.seats", "at_most", 0.1), Condition("context.test", "is", False)),
]
_OTHER_ZONES = ["America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Auckland"]


def make_settings(rng: random.Random, zone: str, start: datetime) -> Settings:
    """Make one destination.

    Args:
        rng: decides.
        zone: the account's zone today.
        start: of the world's days, UTC.
    """
    kiosk = ("kiosk",)
    preset = rng.choice(["segment", "segment", "segment", "rudderstack"])
    return Settings(
        account_timezone=zone,
        zones_before=_zones(rng, start),
        rules=(*rng.choice(_RULES), *PRESETS[preset]),
        preset=preset,
        integration=INTEGRATIONS[preset],
        match_keys=rng.choice([MATCH_KEYS[preset], *_MATCH_KEYS]),
        filters=(filters := _sometimes(rng, 0.3, _FILTERS)),
        test_events=_sometimes(rng, 0.3, _TEST_EVENTS),
        consent_categories=_sometimes(rng, 0.3, [("Ads",), ("Ads", "Analytics")]),
        erased=rng.choice([frozenset(), frozenset({"u-7", "77", "a-5", "m-0021"})]),
        sources=rng.choice([(), ("web", *kiosk), ("web", "mobile", *kiosk)]),
        pixel=rng.choice(["none", "none", "same_id", "other_id"]),
        dedup_window=rng.choice([48 * HOUR, 48 * HOUR, 7 * HOUR]),
        retry_window=rng.choice([HOUR, 4 * HOUR, 1.5 * HOUR]),
        provisional_after=rng.choice([24 * HOUR, 72 * HOUR]),
        max_age=rng.choice([None, 48 * HOUR, 168 * HOUR]),
        reports=rng.choice(["all"] * 6 + ["failures"] * 2 + ["totals"]),
        totals_tolerance=rng.choice([0.02, 0.02, 0.0, 0.3]),
        coverage=rng.choice(["infer", "infer", "daily", "complete"]),
        incident_min=rng.choice([2, 4, 6]),
        max_gap_ratio=rng.choice([0.01, 0.5]),
        min_gap=rng.choice([0, 5, 40, 400]),
        arrival_lag=HOUR if filters else 6 * HOUR,
    )


def excluded_windows(
    rng: random.Random, start: datetime, midnight: datetime
) -> tuple[Excluded, ...]:
    """Up to two windows in which something else delivered, now and then only some of it.

    Args:
        rng: decides.
        start: of the world's days, UTC.
        midnight: conversions happen at this instant and a tick before it.
    """
    windows = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        first = start + HOUR * rng.uniform(0, 70)
        last = first + HOUR * rng.uniform(0.2, 5)
        edges = rng.choice([(first, last), (midnight, midnight + HOUR), (midnight - HOUR, midnight),
                            (midnight - TICK, midnight)])  # fmt: skip
        windows.append(Excluded(*edges, _sometimes(rng, 0.5, _FILTERS)))
    return tuple(windows)


def _zones(rng: random.Random, start: datetime) -> tuple[tuple[datetime, str], ...]:
    """Up to two moves within or before the world's days."""
    moves = [start + HOUR * rng.randrange(-30, 80) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    return tuple((until, rng.choice(_OTHER_ZONES)) for until in sorted(set(moves)))


def _sometimes(rng: random.Random, share: float, choices: list[Any]) -> Any:
    choice = rng.choice(choices)
    return choice if rng.random() < share else ()
