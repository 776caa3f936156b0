"""A reply of Meta in, one verdict per event out."""

import json
from typing import Any

import pytest

from archiver.destinations.meta_capi import MetaConversions

META = MetaConversions()
TOO_OLD = {
    "message": "Invalid parameter",
    "type": "OAuthException",
    "code": 100,
    "error_subcode": 2804003,
    "is_transient": False,
    "error_user_title": "Event Timestamp Too Old",
    "error_user_msg": "The timestamp for this event is too far in the past.",
    "fbtrace_id": "A6UyEgg_HdoiRX9duxcBOjb",
}


def outcomes(status: int | None, body: Any, items: int = 1) -> list[str]:
    reply = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return [verdict.outcome for verdict in META.judge(status, reply, items).verdicts]


@pytest.mark.parametrize(
    ("status", "received", "outcome"),
    [
        (200, 3, "accepted"),
        (None, 3, "accepted"),
        (200, "3", "accepted"),
        (200, 2, "unknown"),
        (200, 0, "unknown"),
        (200, 4, "unknown"),
        (200, None, "unknown"),
        (200, True, "unknown"),
        (200, 2.5, "unknown"),
        (200, "all", "unknown"),
        (500, 3, "unknown"),
        (503, 3, "unknown"),
        (503, None, "failed"),
    ],
)
def test_all_were_received_or_nobody_can_say_which(
    status: int | None, received: Any, outcome: str
) -> None:
    assert outcomes(status, {"events_received": received, "messages": []}, 3) == [outcome] * 3


@pytest.mark.parametrize(
    ("code", "subcode", "alone", "among_others"),
    [
        (100, 2804003, "rejected", "failed"),
        (100, 2804009, "rejected", "failed"),
        (100, 2804001, "rejected", "failed"),
        (100, 2804019, "rejected", "failed"),
        (100, 2804050, "rejected", "failed"),
        (100, "2804003", "rejected", "failed"),
        ("100", 2804003, "rejected", "failed"),
        (100, 33, "failed", "failed"),
        (100, 2805000, "failed", "failed"),
        (100, 1815356, "failed", "failed"),
        (100, None, "failed", "failed"),
        (1, None, "failed", "failed"),
        (1, 99, "failed", "failed"),
        (2, None, "failed", "failed"),
        (3, None, "failed", "failed"),
        (4, None, "failed", "failed"),
        (10, None, "failed", "failed"),
        (17, None, "failed", "failed"),
        (190, 460, "failed", "failed"),
        (190, 463, "failed", "failed"),
        (200, None, "failed", "failed"),
        (294, None, "failed", "failed"),
        (341, None, "failed", "failed"),
        (368, None, "failed", "failed"),
        (613, None, "failed", "failed"),
        (803, None, "failed", "failed"),
        (5000, None, "failed", "failed"),
        (21009, None, "failed", "failed"),
        (80003, None, "failed", "failed"),
        (80004, 2446079, "failed", "failed"),
        (12345, None, "failed", "failed"),
        (0, None, "unknown", "unknown"),
        (-2, None, "unknown", "unknown"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 500, 502])
def test_the_code_in_the_body_decides_whatever_the_status(
    status: int, code: Any, subcode: Any, alone: str, among_others: str
) -> None:
    body = {"error": {"message": "m", "code": code, "error_subcode": subcode}}
    assert outcomes(status, body) == [alone]
    assert outcomes(status, body, 2) == [among_others] * 2


@pytest.mark.parametrize(
    ("told", "rejected"),
    [
        ({"message": "(#100) Param data[1][event_time] must be a valid time"}, {1}),
        ({"error_user_msg": "The parameter $['data'][2]['user_data'] is required"}, {2}),
        ({"error_user_msg": 'Unexpected key "x" on param "$["data"][0]".'}, {0}),
        ({"error_user_title": "data[0] and data[2] are invalid"}, {0, 2}),
        ({"message": "custom_data[1] and ['custom_data'][1] name no event"}, set()),
        ({"message": "data[7] is not in this request"}, set()),
        ({"message": "data: 1 is wrong"}, set()),
        ({}, set()),
    ],
)
@pytest.mark.parametrize("subcode", [None, 2804019])
def test_an_index_rejects_that_event_and_the_others_failed_with_it(
    subcode: int | None, told: dict[str, Any], rejected: set[int]
) -> None:
    body = {"error": {"code": 100, "error_subcode": subcode, **told}}
    expected = ["rejected" if row in rejected else "failed" for row in range(3)]
    assert outcomes(400, body, 3) == expected


def test_an_index_rejects_an_event_that_was_alone_without_subcode() -> None:
    named = {"error": {"code": 100, "message": "(#100) Param data[0] must be an object"}}
    assert outcomes(400, named) == ["rejected"]


@pytest.mark.parametrize("subcode", [33, 1815356])
def test_a_subcode_about_the_request_rejects_no_event_that_it_names(subcode: int) -> None:
    body = {"error": {"code": 100, "error_subcode": subcode, "message": "data[0]"}}
    assert outcomes(400, body, 2) == ["failed", "failed"]


@pytest.mark.parametrize("code", [1, 2, 190, 200])
def test_another_code_rejects_no_event_whatever_it_names(code: int) -> None:
    body = {"error": {"code": code, "error_subcode": 2804003, "message": "data[0]"}}
    assert outcomes(400, body) == ["failed"]
    assert outcomes(400, body, 2) == ["failed", "failed"]


def test_what_meta_calls_transient_failed() -> None:
    assert outcomes(400, {"error": {**TOO_OLD, "is_transient": True}}) == ["failed"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("body", [None, b"", b"<html>", {}, {"error": "no"}, {"error": {}}, []])
def test_without_a_code_these_statuses_failed(status: int, body: Any) -> None:
    assert outcomes(status, body, 2) == ["failed", "failed"]


@pytest.mark.parametrize("status", [None, 200, 204, 302, 400, 404, 408, 502, 504])
@pytest.mark.parametrize("body", [None, b"{", b"\xff", {}, {"error": {"code": True}}, "text"])
def test_without_a_code_all_else_is_unknown(status: int | None, body: Any) -> None:
    assert outcomes(status, body) == ["unknown"]


def advice(status: int | None, body: Any, items: int = 1) -> tuple[str, tuple[int, ...]]:
    reply = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    found = META.advise(status, reply, items)
    return found.step, found.rows


@pytest.mark.parametrize(
    ("status", "received", "step"),
    [
        (200, 3, "done"),
        (200, 2, "unsure"),
        (200, 4, "unsure"),
        (503, 3, "unsure"),
        (200, None, "unsure"),
        (503, None, "wait"),
    ],
)
def test_an_upload_goes_on_where_all_were_received(status: int, received: Any, step: str) -> None:
    assert advice(status, {"events_received": received}, 3) == (step, ())


@pytest.mark.parametrize(
    ("code", "subcode", "step"),
    [
        *((code, None, "wait") for code in (1, 2, 4, 17, 32, 341, 368, 613, 5000, 21009, 80004)),
        *((code, None, "stop") for code in (3, 10, 100, 102, 190, 200, 299, 803, 12345)),
        (190, 460, "stop"),
        (100, 33, "stop"),
        (100, 2805000, "stop"),
        (4, 2446079, "wait"),
        (0, None, "unsure"),
        (-2, None, "unsure"),
    ],
)
@pytest.mark.parametrize("items", [1, 2])
def test_an_upload_waits_or_stops_by_the_code(
    code: int, subcode: Any, step: str, items: int
) -> None:
    error = {"message": "m", "code": code, "error_subcode": subcode}
    assert advice(400, {"error": error}, items) == (step, ())


def test_an_unknown_code_stops_the_upload_unless_the_server_is_to_blame() -> None:
    unknown, token = {"error": {"code": 12345}}, {"error": {"code": 190}}
    assert advice(500, unknown) == ("wait", ())
    assert advice(502, unknown) == ("wait", ())
    assert advice(500, token) == ("stop", ())


def test_what_meta_calls_transient_passes() -> None:
    assert advice(400, {"error": {**TOO_OLD, "is_transient": True}}, 2) == ("wait", ())


@pytest.mark.parametrize(
    ("error", "rows"),
    [
        (TOO_OLD, ()),
        ({**TOO_OLD, "error_user_msg": "data[2] and data[0] and data[9]"}, (0, 2)),
        ({"code": 100, "message": "(#100) Param data[1][event_time] must be a time"}, (1,)),
    ],
)
def test_single_events_at_fault_are_isolated(error: Any, rows: tuple[int, ...]) -> None:
    assert advice(400, {"error": error}, 3) == ("isolate", rows)
    assert advice(400, {"error": {**error, "message": "data[0]"}}) == ("done", ())


def test_an_index_beyond_the_request_isolates_nothing() -> None:
    assert advice(400, {"error": {"code": 100, "message": "data[7]"}}, 2) == ("stop", ())


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (None, "unsure"),
        (200, "unsure"),
        (400, "stop"),
        (401, "stop"),
        (429, "wait"),
        (504, "unsure"),
    ],
)
@pytest.mark.parametrize("body", [None, b"<html>", {}, {"error": {}}])
def test_without_a_code_the_status_decides(status: int | None, step: str, body: Any) -> None:
    assert advice(status, body) == (step, ())


def test_code_words_and_trace_id_of_an_error_are_kept() -> None:
    reply = META.judge(400, json.dumps({"error": TOO_OLD}).encode(), 1)
    assert reply.request_id == "A6UyEgg_HdoiRX9duxcBOjb"
    (verdict,) = reply.verdicts
    assert verdict.code == "100/2804003"
    assert verdict.message == "Invalid parameter: Event Timestamp Too Old"
    (verdict,) = META.judge(401, b'{"error":{"code":190}}', 1).verdicts
    assert (verdict.code, verdict.message) == ("190", None)


def test_words_and_trace_id_of_a_count_are_kept() -> None:
    took = META.judge(200, b'{"events_received":1,"messages":["late"],"fbtrace_id":"t"}', 1)
    assert took.request_id == "t"
    assert [(v.code, v.message) for v in took.verdicts] == [("200", "late")]
    short = META.judge(200, b'{"events_received":1,"messages":[]}', 2).verdicts
    assert [(v.code, v.message) for v in short] == [("200", "1 of 2 events received")] * 2
