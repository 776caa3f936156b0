"""RudderStack's failed records: API bodies in, receipts for our destination out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from feeds import receipts_in, records_in, refusals_in

from archiver.receipts import (
    BadRecord,
    Parsed,
    ReceiptSettings,
    UnreadableReceiptsError,
    choose,
)
from archiver.receipts.rudderstack_failed_records import RudderstackFailedRecords

OURS = ReceiptSettings("tiktok", "tiktok-events", filter={"destination_id": "2abc"})
AT = "2026-01-15T11:52:00Z"


def body(
    *records: Any, other: tuple[Any, ...] = (), source: tuple[Any, ...] = (), **beside: Any
) -> dict[str, Any]:
    """An API body: records of our destination, of another one, and of the source."""
    destinations = [{"id": "2abc", "records": list(records)}]
    if other:
        destinations.append({"id": "2xyz", "records": list(other)})
    sources = [{"id": "s", "records": list(source), "destinations": destinations}]
    tasks = [{"id": "t", "sources": sources}]
    return {"id": "run", "tasks": tasks, "fetched_at": AT} | beside


def failed(record: Any, code: int = 400) -> dict[str, Any]:
    return {"record": record, "code": code}


def dumped(document: dict[str, Any], indent: int | None = None) -> bytes:
    return json.dumps(document, indent=indent).encode() + b"\n"


@pytest.mark.parametrize("indent", [None, 2])
def test_a_body_is_one_record_on_one_line_or_on_many(indent: int | None) -> None:
    data = dumped(body(failed("r-1"), failed(17, 500)), indent)
    assert choose(data).name == "rudderstack-failed-records"
    first, second = receipts_in(data, OURS)
    assert (first.event_id, first.outcome, first.code) == ("r-1", "rejected", "400")
    assert (second.event_id, second.outcome, second.code) == ("17", "failed", "500")
    assert first.attempted_at == datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
    assert (first.payload, second.payload) == (data.decode().rstrip("\n"), None)


def test_bodies_may_stand_on_lines_and_one_may_be_broken() -> None:
    lines = [dumped(body(failed("a"))), b'{"tasks": [\n', dumped(body(failed("b")))]
    assert refusals_in(b"".join(lines), OURS) == [(1, "invalid_json")]


def test_bodies_on_lines_are_read_one_by_one() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield dumped(body(failed("a")))

    assert isinstance(next(RudderstackFailedRecords().read(endless(), OURS)), Parsed)
    assert taken <= 2


def test_only_our_destination_and_what_failed_before_all_of_them() -> None:
    data = dumped(body(failed("a"), other=(failed("x"),), source=(failed("s"),)))
    assert [r.event_id for r in receipts_in(data, OURS)] == ["s", "a"]
    nobody = ReceiptSettings("t", "tiktok-events", filter={"destination_id": "2none"})
    assert records_in(dumped(body(failed("a"))), nobody) == [Parsed(0, [])]


def test_without_a_filter_a_body_of_several_destinations_is_quarantined() -> None:
    unfiltered = ReceiptSettings("t", "tiktok-events")
    assert [r.event_id for r in receipts_in(dumped(body(failed("a"))), unfiltered)] == ["a"]
    data = dumped(body(failed("a"), other=(failed("x"),)))
    assert refusals_in(data, unfiltered) == [(0, "other_destination")]


def test_a_filter_that_cannot_be_applied_is_refused() -> None:
    other = ReceiptSettings("t", "tiktok-events", filter={"workspace": "w"})
    with pytest.raises(UnreadableReceiptsError, match=r"'workspace'.* by destination_id only"):
        receipts_in(dumped(body(failed("a"))), other)


def test_version_1_has_bare_ids_and_no_codes() -> None:
    found = receipts_in(dumped(body("a", 1.10)), OURS)
    assert [(r.event_id, r.outcome, r.code) for r in found] == [
        ("a", "unknown", None),
        ("1.1", "unknown", None),
    ]


def test_the_time_is_the_user_s_to_give() -> None:
    (record,) = records_in(dumped(body(failed("a"), fetched_at=None)), OURS)
    assert isinstance(record, BadRecord)
    assert (record.reason, "fetched_at" in record.detail) == ("no_attempted_at", True)
    mapped = ReceiptSettings("t", "tiktok-events", columns={"attempted_at": "meta.at"})
    for data in (body({**failed("a"), "meta": {"at": AT}}), body(failed("a"), meta={"at": AT})):
        assert len(receipts_in(dumped(data | {"fetched_at": None}), mapped)) == 1


def test_single_codes_can_be_configured() -> None:
    known = ReceiptSettings("t", "tiktok-events", outcomes={"400": "failed"})
    found = receipts_in(dumped(body(failed("a"), failed("b", 404))), known)
    assert [r.outcome for r in found] == ["failed", "rejected"]


@pytest.mark.parametrize("tasks", [None, {}, [1], [{"sources": "x"}]])
def test_what_the_api_does_not_return_is_quarantined(tasks: Any) -> None:
    data = dumped({"tasks": tasks, "fetched_at": AT})
    assert refusals_in(data, OURS, "rudderstack-failed-records") == [(0, "bad_document")]
