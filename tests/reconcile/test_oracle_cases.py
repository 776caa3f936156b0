"""The second opinion by itself, where docs/reconciliation.md gives the answer for a small case."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import oracle
import pytest
from oracle_incidents import bridged, majority, source_outages, spans_of
from oracle_model import holds_true
from worlds import PRESETS

HOUR = timedelta(hours=1)
NOON = datetime(2026, 7, 7, 12, tzinfo=UTC)
RULES = PRESETS["segment"]
KEYS = (oracle.MatchKey("properties.eventId"), oracle.MatchKey("messageId"))
SETTINGS = oracle.Settings("UTC", RULES, match_keys=KEYS, coverage="complete", retry_window=HOUR)


def signup(message_id: str, event_id: str | None, arrival: datetime) -> oracle.Event:
    body: dict[str, Any] = {"messageId": message_id, "type": "track", "event": "Signed Up"}
    body |= {"receivedAt": arrival.isoformat(), "properties": {"eventId": event_id}}
    return oracle.Event("web", "f", int(message_id[1:]), body)


def receipt(event_id: str, outcome: str, name: str | None = None) -> oracle.Receipt:
    return oracle.Receipt(event_id, name, None, outcome, NOON + 9 * HOUR, "r", 0, code="7")


def judged(
    events: list[oracle.Event], receipts: list[oracle.Receipt]
) -> dict[str | None, tuple[str, str | None, int | None]]:
    """Status, reason and tier by event id."""
    result = oracle.reconcile(events, receipts, SETTINGS, as_of=NOON + 20 * HOUR)
    return {c.event_id: (c.status, c.reason, c.match_tier) for c in result.conversions}


def test_a_receipt_for_a_further_id_counts_for_one_event_id() -> None:
    # Both have m1 as a further id; the earlier arrival has it.
    events = [signup("m1", "e1", NOON), signup("m1", "e2", NOON - HOUR), signup("m2", None, NOON)]
    assert judged(events, [receipt("m1", "accepted")]) == {
        "e2": ("accepted", None, 2),
        "e1": ("ambiguous", "shared_key", None),
        "m2": ("missing", "no_receipt", None),
    }


def test_an_event_id_comes_before_anyone_s_further_id() -> None:
    events = [signup("m1", "e1", NOON), signup("m2", "e2", NOON - HOUR), signup("m2", None, NOON)]
    assert judged(events, [receipt("m2", "failed"), receipt("m1", "rejected")]) == {
        "e1": ("rejected", "refused", 2),
        "e2": ("ambiguous", "shared_key", None),
        "m2": ("failed", "not_delivered", 2),
    }


def test_an_account_day_ends_at_the_midnight_of_the_zone_of_then() -> None:
    move = datetime(2026, 2, 1, tzinfo=UTC)
    west = oracle.Settings("America/New_York", (), zones_before=((move, "Europe/Berlin"),))
    assert [west.day_of(move - 2 * HOUR), west.day_of(move - HOUR), west.day_of(move)] == [
        *(date(2026, 1, 31), date(2026, 2, 1), date(2026, 1, 31))
    ]
    assert west.end_of(date(2026, 1, 31)) == move + 5 * HOUR
    assert west.end_of(date(2026, 1, 30)) == move - 25 * HOUR
    east = oracle.Settings("Europe/Berlin", (), zones_before=((move, "America/New_York"),))
    assert east.end_of(date(2026, 1, 31)) == move + 5 * HOUR
    assert east.end_of(date(2026, 1, 30)) == datetime(2026, 1, 31, 5, tzinfo=UTC)


def test_hours_of_trouble_are_joined_over_two_hours_and_open_without_a_good_one() -> None:
    hours = dict(enumerate([True, False, True, None, None, None, True, None]))
    telling = {NOON + HOUR * n: is_bad for n, is_bad in hours.items() if is_bad is not None}
    assert spans_of(telling, telling) == [(NOON, NOON + 7 * HOUR, True)]
    telling[NOON + 4 * HOUR] = telling[NOON + 7 * HOUR] = False
    assert spans_of(telling, telling) == [
        (NOON, NOON + 3 * HOUR, False),
        (NOON + 6 * HOUR, NOON + 7 * HOUR, False),
    ]
    two = [(NOON, NOON), (NOON + 2 * HOUR, NOON + 3 * HOUR)]
    assert bridged(two) == [(NOON, NOON + 3 * HOUR)]
    assert majority(["a", "a", None, None]) is None
    assert majority(["a", "a", None]) == "a"


@pytest.mark.parametrize(("weeks", "now", "is_out"), [([9, 9], 0, True), ([8, 8], 0, False),
    ([9], 0, False), ([9, 0], 0, False), ([9, 0, 9], 0, True),
    ([16, 16], 4, False), ([16, 16], 3, True), ([40, 9], 6, True), ([40, 9], 7, False),
    ([9, 9, 40], 0, True), ([9, 9, 40], 1, False)])  # fmt: skip
def test_a_source_is_out_far_under_the_median_of_its_weeks(
    weeks: list[int], now: int, is_out: bool
) -> None:
    counts = {NOON - timedelta(weeks=n): count for n, count in enumerate([now, *weeks])}
    # As many in the hours beside it: the least of the three is the measure.
    counts |= {at + HOUR * n: counts[at] for at in list(counts) if at < NOON for n in (-1, 1)}
    arrivals = [at + timedelta(seconds=n) for at, count in counts.items() for n in range(count)]
    events = [signup(f"m{n}", None, at) for n, at in enumerate(arrivals)]
    settings = oracle.Settings("UTC", (), incident_min=2)

    def outages(as_of: datetime) -> list[str | None]:
        found = source_outages(events, settings, as_of)
        return [i.source for i in found if i.start == NOON]

    assert outages(NOON + 7 * HOUR) == ["web"] * is_out
    assert outages(NOON + 7 * HOUR - timedelta(microseconds=1)) == []


def test_the_last_report_by_then_counts_beside_all_names() -> None:
    day = NOON.date()

    def total(count: int, hours: int, kind: str = "received") -> oracle.Total:
        return oracle.Total(day, None, kind, count, NOON + hours * HOUR, "t", hours)

    events = [signup(f"m{n}", f"e{n}", NOON) for n in range(30)]
    reports = [total(30, 1), total(24, 8), total(30, 21), total(99, 2, "attributed")]
    settings = oracle.Settings("UTC", RULES, match_keys=KEYS, reports="totals")
    result = oracle.reconcile(events, [], settings, as_of=NOON + 20 * HOUR, totals=reports)
    row = result.totals[day, "(all)"]
    assert (row.expected, row.received, row.attributed, row.difference) == (30, 24, 99, 6)
    assert row.compared_with == "received"
    assert (row.is_over_tolerance, result.is_over_threshold) == (True, True)
    assert result.totals[day, "CompleteRegistration"].difference is None
    assert Counter(c.reason for c in result.conversions) == {"totals_only": 30}


@pytest.mark.parametrize(("test", "wanted", "passing"), [
    ("is", 7, ["7", "7.0", "0.7e1"]), ("is", "7", ['"7"']), ("is", (True, "x"), ["true", '"x"']),
    ("is_not", 7, ['"7"', "null", "8", "true"]), ("matches", "b.$", ['"abc"']),
    ("exists", False, ["null"]), ("at_least", 7, ["7", "8.5", '"7"']), ("more_than", 7, ["8.5"]),
    ("at_most", 7, ["7", "0.1"]), ("less_than", 0.1, ["0.0999999999999999999"]),
    ("at_least", 0.1, ["0.1"]),
])  # fmt: skip
def test_conditions(test: str, wanted: Any, passing: list[str]) -> None:
    condition = oracle.Condition("a.b", test, wanted)

    def passes(text: str) -> bool:
        quoted = text.strip('"')
        words = {"null": None, "true": True}
        value = quoted if '"' in text else words.get(text, oracle.Number(text))
        return holds_true(condition, {"a": {"b": value}})

    assert [text for text in passing if not passes(text)] == []
    assert not passes({"is_not": "7", "exists": '"x"'}.get(test, "null"))
    assert holds_true(condition, {"a": "b"}) is (test in ("is_not", "exists"))
