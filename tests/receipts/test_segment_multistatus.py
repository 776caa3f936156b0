"""Segment's MultiStatus: a batch's verdicts in, one receipt for each out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from feeds import ndjson, receipts_in, records_in, refusals_in

from archiver.receipts import BadRecord, Parsed, ReceiptSettings, choose

SETTINGS = ReceiptSettings("tiktok", "tiktok-events", others=frozenset({"meta"}))
AT = "2026-01-15T11:52:00Z"
SENT = {
    "event": "CompletePayment",
    "event_id": "m-1",
    "event_time": 1768477800,
    "properties": {"value": 39.95, "currency": "usd"},
}
OK = {"status": 200, "sent": SENT, "body": "Processed successfully"}
REFUSED = {
    "status": 400,
    "errortype": "PAYLOAD_VALIDATION_FAILED",
    "errormessage": "email is missing",
}


def batch(*verdicts: Any, **changes: Any) -> dict[str, Any]:
    known = {"attempted_at": AT, "multistatus": list(verdicts), "destination": "tiktok"}
    return {k: v for k, v in {**known, **changes}.items() if v is not None}


def test_a_batch_is_one_receipt_per_verdict() -> None:
    data = ndjson(batch(OK, REFUSED, attempt=2, request_id="r"))
    assert choose(data).name == "segment-multistatus"
    first, second = receipts_in(data, SETTINGS)
    assert (first.event_id, first.event_name, first.outcome) == (
        "m-1",
        "CompletePayment",
        "accepted",
    )
    assert first.event_time == datetime(2026, 1, 15, 11, 50, tzinfo=UTC)
    assert (first.value, first.currency) == (Decimal("39.95"), "USD")
    assert (first.attempt, first.request_id, first.code) == (2, "r", "200")
    assert (second.event_id, second.outcome) == (None, "rejected")
    assert (second.code, second.message) == ("PAYLOAD_VALIDATION_FAILED", "email is missing")
    assert (first.payload, second.payload) == (data.decode().rstrip("\n"), None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"),
        (201, "accepted"),
        (299, "accepted"),
        (400, "rejected"),
        (404, "rejected"),
        (401, "failed"),
        (403, "failed"),
        (429, "failed"),
        (500, "failed"),
        (503, "failed"),
        (408, "unknown"),
        (502, "unknown"),
        (504, "unknown"),
        (302, "unknown"),
        (0, "unknown"),
        (None, "unknown"),
    ],
)
def test_the_status_decides(status: Any, outcome: str) -> None:
    (receipt,) = receipts_in(ndjson(batch({"status": status, "sent": SENT})), SETTINGS)
    assert (receipt.event_id, receipt.outcome) == ("m-1", outcome)


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        ({"code": 0, "message": "OK"}, "accepted", "0"),
        ({"code": 40100, "message": "Too many requests"}, "failed", "40100"),
        ({"code": 40002, "message": "Invalid value"}, "rejected", "40002"),
        ('{"code": 40100}', "failed", "40100"),
        ({"data": {}}, "accepted", "200"),
        ({"code": None}, "accepted", "200"),
    ],
)
def test_a_code_in_the_destination_s_own_reply_decides_over_200(
    body: Any, outcome: str, code: str
) -> None:
    (receipt,) = receipts_in(ndjson(batch({**OK, "body": body})), SETTINGS)
    assert (receipt.outcome, receipt.code) == (outcome, code)


REFUSAL = {"code": 400, "status": "INVALID_ARGUMENT"}


def google_error(code: str, index: int = 0) -> dict[str, Any]:
    place = {"fieldPathElements": [{"fieldName": "conversions", "index": index}]}
    error = {"errorCode": {"conversionUploadError": code}, "message": "…", "location": place}
    return {"code": 3, "message": "…", "details": [{"errors": [error]}]}


@pytest.mark.parametrize(
    ("kind", "status", "body", "outcome", "code"),
    [
        (
            *("google-ads", 200, {"partialFailureError": google_error("EXPIRED_EVENT")}),
            *("rejected", "EXPIRED_EVENT"),
        ),
        (
            *("google-ads", 200, {"partialFailureError": google_error("EXPIRED_EVENT", 7)}),
            *("unknown", "EXPIRED_EVENT"),
        ),
        (
            *("google-ads", 200, {"partialFailureError": {"code": 3, "message": "?"}}),
            *("unknown", "PARTIAL_FAILURE"),
        ),
        ("google-ads", 200, {"error": {"code": 401, "message": "?"}}, "failed", "401"),
        (
            *("google-ads", 400, {"error": google_error("ORDER_ID_ALREADY_IN_USE") | REFUSAL}),
            *("accepted", "ORDER_ID_ALREADY_IN_USE"),
        ),
        (
            "google-ads",
            400,
            {"error": google_error("CLICK_CONVERSION_ALREADY_EXISTS") | REFUSAL},
            *("accepted", "CLICK_CONVERSION_ALREADY_EXISTS"),
        ),
        ("google-ads", 200, {"results": [{"gclid": "a"}, {"gclid": "b"}]}, "accepted", "200"),
        ("google-ads", 400, {"jobId": "1"}, "rejected", "400"),
        ("meta-capi", 200, {"events_received": 0}, "unknown", "200"),
        ("meta-capi", 200, {"events_received": 1}, "accepted", "200"),
        ("meta-capi", 200, {"events_received": 9}, "accepted", "200"),
        ("meta-capi", 200, '{"events_received": "999999999999"}', "accepted", "200"),
        ("meta-capi", 504, {"events_received": 9}, "unknown", "504"),
        (
            *("meta-capi", 200, {"error": {"code": 100, "error_subcode": 2804003}}),
            *("rejected", "100/2804003"),
        ),
        ("meta-capi", 400, {"error": {"code": 190}}, "failed", "190"),
        ("meta-capi", 400, '{"error": {"code": 190}}', "failed", "190"),
        ("meta-capi", 400, {"error": {"message": "?"}}, "rejected", "400"),
        ("meta-capi", 200, {"messages": []}, "accepted", "200"),
        ("tiktok-events", 400, {"code": 40001}, "failed", "40001"),
        ("tiktok-events", None, {"code": 0}, "accepted", "0"),
        ("tiktok-events", 400, {"message": "?"}, "rejected", "400"),
        ("tiktok-events", 400, "<html>", "rejected", "400"),
        ("tiktok-events", 400, [{"code": 40001}], "rejected", "400"),
        ("custom", 400, {"code": 40001}, "rejected", "400"),
    ],
)
def test_a_code_in_the_body_goes_before_any_status(
    kind: str, status: int | None, body: Any, outcome: str, code: str
) -> None:
    data = ndjson(batch({"status": status, "sent": SENT, "body": body}, destination=None))
    (receipt,) = receipts_in(data, ReceiptSettings("d", kind))
    assert (receipt.outcome, receipt.code) == (outcome, code)


@pytest.mark.parametrize(
    ("kind", "body", "outcomes"),
    [
        (
            *("google-ads", {"partialFailureError": google_error("EXPIRED_EVENT", 1)}),
            ["accepted", "rejected", "accepted"],
        ),
        (
            *("google-ads", {"partialFailureError": google_error("EXPIRED_EVENT", 3)}),
            ["unknown", "unknown", "unknown"],
        ),
        ("tiktok-events", {"code": 40002, "message": "?"}, ["failed", "failed", "failed"]),
        (
            *("tiktok-events", {"code": 40002, "message": "data[2].x: ?"}),
            ["failed", "failed", "rejected"],
        ),
        ("meta-capi", {"events_received": 1}, ["accepted", "accepted", "accepted"]),
        ("meta-capi", {"events_received": 0}, ["unknown", "unknown", "unknown"]),
    ],
)
def test_a_body_that_verdicts_share_is_the_reply_to_all_of_them(
    kind: str, body: dict[str, Any], outcomes: list[str]
) -> None:
    answered = {"status": 200, "sent": SENT, "body": body}
    data = ndjson(batch(answered, REFUSED, answered, answered, destination=None))
    found = [r.outcome for r in receipts_in(data, ReceiptSettings("d", kind))]
    assert found == [outcomes[0], "rejected", *outcomes[1:]]


@pytest.mark.parametrize(
    "line",
    [
        {"sent_at": AT, "responses": [OK]},
        {"timestamp": AT, "response": [{"data": OK}]},
        batch({"data": OK}),
        batch(multistatus={"responses": [{"data": OK}]}),
        batch(multistatus=json.dumps([OK])),
        batch({**OK, "sent": json.dumps(SENT)}),
        batch({**OK, "sent": {"messageId": "m-1"}}),
        {"attempted_at": AT, **OK},
    ],
)
def test_lines_come_in_several_forms(line: dict[str, Any]) -> None:
    (receipt,) = receipts_in(ndjson(line), SETTINGS, "segment-multistatus")
    assert (receipt.event_id, receipt.outcome) == ("m-1", "accepted")


def test_an_index_without_a_verdict_keeps_its_place() -> None:
    found = receipts_in(ndjson(batch(None, OK)), SETTINGS)
    assert [(r.event_id, r.outcome, r.code) for r in found] == [
        (None, "unknown", "no_status"),
        ("m-1", "accepted", "200"),
    ]


def test_paths_statuses_and_error_types_can_be_configured() -> None:
    known = ReceiptSettings(
        "tiktok",
        "tiktok-events",
        columns={"event_id": "sent.user.id", "attempted_at": "logged.at"},
        outcomes={"PAYLOAD_VALIDATION_FAILED": "failed", "404": "failed"},
    )
    sent = {"user": {"id": 1.10}}
    verdicts = [{**REFUSED, "sent": sent}, {"status": 404, "sent": sent}]
    found = receipts_in(ndjson(batch(*verdicts, attempted_at=None, logged={"at": AT})), known)
    assert [(r.event_id, r.outcome) for r in found] == [("1.1", "failed"), ("1.1", "failed")]


def test_a_batch_to_another_destination_is_that_one_s() -> None:
    assert records_in(ndjson(batch(OK, destination="Meta")), SETTINGS) == [Parsed(0, [])]
    ours = ReceiptSettings("t", "tiktok-events", filter={"subscription": "a"})
    data = ndjson(batch(OK, destination=None, subscription="b"))
    assert records_in(data, ours) == [Parsed(0, [])]
    assert refusals_in(ndjson(batch(OK, destination=None)), ours) == [(0, "no_filter_value")]


def test_a_batch_that_names_a_type_of_several_is_quarantined() -> None:
    shared = ReceiptSettings("tiktok", "tiktok-events", shares_type=True)
    lines = ndjson(batch(OK, destination="TikTok-Events"), batch(OK, destination=None), batch(OK))
    bad, *good = records_in(lines, shared)
    assert isinstance(bad, BadRecord)
    assert (bad.reason, bad.detail) == (
        "other_destination",
        "several destinations have this type: write its name",
    )
    assert [len(r.receipts) for r in good if isinstance(r, Parsed)] == [1, 1]
    data = ndjson(batch(OK, destination="anna@example.com"))
    (bad,) = records_in(data, SETTINGS)
    assert isinstance(bad, BadRecord)
    assert bad.detail == "(not shown)"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (batch(OK, attempted_at=None), "no_attempted_at"),
        (batch(OK, attempted_at="soon"), "no_attempted_at"),
        (batch(OK, destination="snap"), "other_destination"),
        (batch(), "no_events"),
        (batch(multistatus="sent"), "bad_document"),
        (batch(1), "bad_document"),
    ],
)
def test_what_cannot_be_read_is_quarantined(line: dict[str, Any], reason: str) -> None:
    assert refusals_in(ndjson(line), SETTINGS, "segment-multistatus") == [(0, reason)]
