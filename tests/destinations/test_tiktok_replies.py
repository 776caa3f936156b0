"""A reply in, one verdict per event out."""

import json
from typing import Any

import pytest

from archiver.destinations.requests import Advice
from archiver.destinations.tiktok_events import TikTokEvents

TIKTOK = TikTokEvents()


def outcomes(status: int | None, body: Any, items: int = 1) -> list[str]:
    reply = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return [verdict.outcome for verdict in TIKTOK.judge(status, reply, items).verdicts]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, "accepted"),
        (20001, "unknown"),
        (40001, "failed"),
        (40002, "rejected"),
        (40100, "failed"),
        (40101, "failed"),
        (40105, "failed"),
        (40106, "failed"),
        (40131, "failed"),
        (40133, "failed"),
        (40300, "failed"),
        (50000, "failed"),
        (50002, "failed"),
        (51010, "failed"),
        (60001, "failed"),
        (1, "unknown"),
        (-1, "unknown"),
        ("0", "accepted"),
        ("40002", "rejected"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 500, 502])
def test_the_code_in_the_body_decides_whatever_the_status(
    status: int, code: Any, outcome: str
) -> None:
    assert outcomes(status, {"code": code, "message": "m"}) == [outcome]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("body", [None, b"", b"<html>", {}, {"code": None}, [], {"code": True}])
def test_without_a_code_these_statuses_failed(status: int, body: Any) -> None:
    assert outcomes(status, body, 2) == ["failed", "failed"]


@pytest.mark.parametrize("status", [None, 200, 202, 204, 302, 400, 404, 408, 502, 504, 599])
@pytest.mark.parametrize("body", [None, b"{", b"\xff", {}, {"code": "OK"}, "text"])
def test_without_a_code_all_else_is_unknown(status: int | None, body: Any) -> None:
    assert outcomes(status, body) == ["unknown"]


@pytest.mark.parametrize(
    ("message", "rejected"),
    [
        ("Batch.0.properties.contents.0.content_id: Not a valid string", {0}),
        ("data.2.event_time: too old", {2}),
        ("Invalid value for data[1].event_id: not a valid string.", {1}),
        ("data.0.event: bad; data.2.user: bad", {0, 2}),
        ("Invalid value for event_id: not a valid string.", set()),
        ("data.9.event: not in this request", set()),
        ("metadata.1 and contents.1 name no event", set()),
        ("", set()),
    ],
)
def test_bad_parameter_in_a_batch_rejects_the_rows_that_it_names(
    message: str, rejected: set[int]
) -> None:
    expected = ["rejected" if row in rejected else "failed" for row in range(3)]
    assert outcomes(200, {"code": 40002, "message": message}, 3) == expected


def test_bad_parameter_rejects_an_event_that_was_alone() -> None:
    assert outcomes(200, {"code": 40002, "message": "Invalid value for event_id"}) == ["rejected"]


def test_code_message_and_request_id_are_kept() -> None:
    reply = TIKTOK.judge(200, b'{"code":40100,"message":"Too many","request_id":"r-1"}', 2)
    assert reply.request_id == "r-1"
    assert [(v.code, v.message) for v in reply.verdicts] == [("40100", "Too many")] * 2


def test_without_a_body_the_code_is_the_status_or_no_reply() -> None:
    assert TIKTOK.judge(502, b"", 1).verdicts[0].code == "502"
    assert TIKTOK.judge(None, None, 1).verdicts[0].code == "no_reply"
    assert TIKTOK.judge(200, None, 0).verdicts == ()


def test_a_body_logged_as_a_json_string_is_read() -> None:
    logged = json.dumps(json.dumps({"code": 0, "message": "OK", "request_id": "r"})).encode()
    reply = TIKTOK.judge(200, logged, 1)
    assert (reply.verdicts[0].outcome, reply.request_id) == ("accepted", "r")


def test_a_lone_surrogate_in_the_message_does_not_hide_the_code() -> None:
    assert outcomes(200, rb'{"code":0,"message":"\ud800"}') == ["accepted"]


# -- what an upload does


def advice(status: int | None, body: Any, items: int = 3) -> Advice:
    reply = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return TIKTOK.advise(status, reply, items)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (0, "done"),
        (40001, "stop"),
        (40100, "wait"),
        (40101, "wait"),
        (40105, "stop"),
        (40106, "stop"),
        (40131, "stop"),
        (40133, "stop"),
        (40300, "stop"),
        (40900, "stop"),
        (50000, "wait"),
        (50002, "wait"),
        (60001, "wait"),
        (20001, "unsure"),
        (1, "unsure"),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_the_code_decides_what_to_do(status: int, code: int, step: str) -> None:
    assert advice(status, {"code": code, "message": "data.0.x"}) == Advice(step)


@pytest.mark.parametrize(
    ("status", "step"),
    [(401, "stop"), (429, "wait"), (503, "wait"), (200, "unsure"), (502, "unsure"), (None,) * 2],
)
def test_without_a_code_the_status_decides(status: int | None, step: str | None) -> None:
    assert advice(status, b"<html>").step == (step or "unsure")


def test_a_bad_parameter_isolates_the_rows_that_it_names() -> None:
    body = {"code": 40002, "message": "data.2.event_time: no; data[0].user: no; data.7.x: no"}
    assert advice(200, body) == Advice("isolate", (0, 2))
    assert advice(200, {"code": 40002, "message": "event_id: no"}) == Advice("isolate")
    assert advice(200, {"code": 40002, "message": "event_id: no"}, items=1) == Advice("done")


@pytest.mark.parametrize("items", [1, 3])
def test_a_bad_field_of_the_root_is_no_events_fault(items: int) -> None:
    """Else a wrong pixel code would have every event rejected, one by one."""
    body = {"code": 40002, "message": "Invalid value for event_source_id: no such pixel."}
    assert advice(200, body, items) == Advice("stop")
    assert outcomes(200, body, items) == ["failed"] * items
    named = {"code": 40002, "message": "data.0.event_source: unknown field"}
    assert outcomes(200, named, 3) == ["rejected", "failed", "failed"]
