"""The log of an upload: an API log that names what its bodies do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.receipts import BadRecord, ReceiptSettings, choose
from archiver.receipts.base import Parsed, Receipt

TIKTOK = {"code": 0, "message": "OK"}


def line(type_name: str | None, body: dict[str, Any], reply: Any, **more: Any) -> bytes:
    logged = {
        "sent_at": "2026-01-15T12:00:00Z",
        "destination": "mine",
        "archiver_upload": "0123456789abcdef",
        "type": type_name,
        "http_status": 200,
        "request_body": body,
        "response_body": json.dumps(reply),
        "attempt": 2,
        "event_ids": ["e1", "e2"],
        "event_names": ["one", "two"],
    }
    return json.dumps(logged | more).encode() + b"\n"


def read(type_name: str, *lines: bytes) -> list[Receipt | BadRecord]:
    settings = ReceiptSettings("mine", type_name, {}, {}, {}, frozenset(), False)
    found: list[Receipt | BadRecord] = []
    for record in choose(lines[0]).read(iter(lines), settings):
        found += record.receipts if isinstance(record, Parsed) else [record]
    return found


def told(found: list[Receipt | BadRecord]) -> list[tuple[Any, ...]]:
    return [
        (r.event_id, r.event_name, r.outcome, r.code) if isinstance(r, Receipt) else (r.reason,)
        for r in found
    ]


def test_a_body_speaks_for_itself() -> None:
    body = {"data": [{"event_id": "x", "event": "CompletePayment"}, {"event_id": "y"}]}
    assert told(read("tiktok-events", line("tiktok-events", body, TIKTOK))) == [
        ("x", "CompletePayment", "accepted", "0"),
        ("y", "two", "accepted", "0"),
    ]


def test_without_a_type_the_destinations_own_judges() -> None:
    body = {"data": [{}, {}]}
    assert told(read("tiktok-events", line(None, body, TIKTOK)))[0][2] == "accepted"


@pytest.mark.parametrize("destination_type", ["tiktok-events", "custom"])
def test_a_hub_has_other_names_and_judges_by_itself(destination_type: str) -> None:
    body = {"batch": [{"messageId": "m1", "event": "Order Completed"}, {"messageId": "m2"}]}
    found = read(destination_type, line("segment-http", body, {"success": True}))
    assert [about[:3] for about in told(found)] == [
        ("e1", "one", "unknown"),
        ("e2", "two", "unknown"),
    ]


def test_what_no_body_names_is_not_guessed() -> None:
    body = {"data": [{}, {}, {}]}
    assert (
        told(read("tiktok-events", line("tiktok-events", body, TIKTOK)))
        == [(None, None, "accepted", "0")] * 3
    )


def test_a_line_of_an_unknown_type_goes_to_quarantine() -> None:
    assert told(read("tiktok-events", line("tick-tock", {"data": [{}]}, TIKTOK))) == [
        ("bad_request_body",)
    ]


def test_an_api_log_of_ones_own_is_none() -> None:
    assert choose(b'{"sent_at": "x", "request_body": {}}').name == "api-log"
