"""A reply of Google in, one verdict per conversion out."""

import json
from typing import Any

import pytest

from archiver.destinations.google_ads import GoogleAds

GOOGLE = GoogleAds()
FAILURE = "type.googleapis.com/google.ads.googleads.v20.errors.GoogleAdsFailure"
DONE = {"gclid": "g", "conversionAction": "customers/1/conversionActions/2"}


def located(row: Any, code: str = "EXPIRED_EVENT", kind: str = "conversionUploadError") -> Any:
    path = [{"fieldName": "conversions", "index": row}, {"fieldName": "gclid"}]
    return {
        "errorCode": {kind: code},
        "message": f"{code} told",
        "location": {"fieldPathElements": path},
    }


def nowhere(code: str) -> Any:
    return {"errorCode": {"conversionUploadError": code}, "message": f"{code} told"}


def status_of(*errors: Any, **more: Any) -> dict[str, Any]:
    details = [{"@type": FAILURE, "errors": list(errors), "requestId": "r-1"}]
    return {"code": 3, "message": "Multiple errors", "details": details, **more}


def partial(*errors: Any, results: Any = None, **more: Any) -> dict[str, Any]:
    body = {"partialFailureError": status_of(*errors, **more)}
    return body if results is None else {**body, "results": results}


def outcomes(status: int | None, body: Any, items: int = 1) -> list[str]:
    reply = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return [verdict.outcome for verdict in GOOGLE.judge(status, reply, items).verdicts]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("CLICK_CONVERSION_ALREADY_EXISTS", "accepted"),
        ("ORDER_ID_ALREADY_IN_USE", "accepted"),
        ("EXPIRED_EVENT", "rejected"),
        ("EVENT_NOT_FOUND", "rejected"),
        ("UNPARSEABLE_GCLID", "rejected"),
        ("CONVERSION_PRECEDES_EVENT", "rejected"),
        ("INVALID_USER_IDENTIFIER", "rejected"),
        ("GBRAID_WBRAID_BOTH_SET", "rejected"),
        ("ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID", "rejected"),
        ("CLICK_NOT_FOUND", "rejected"),
        ("TOO_RECENT_EVENT", "failed"),
        ("TOO_RECENT_CONVERSION_ACTION", "failed"),
        ("TOO_RECENT_CALL", "failed"),
        ("RESOURCE_TEMPORARILY_EXHAUSTED", "failed"),
        ("INTERNAL_ERROR", "failed"),
        ("DUPLICATE_ORDER_ID", "failed"),
        ("DUPLICATE_CLICK_CONVERSION_IN_REQUEST", "failed"),
        ("UNAUTHORIZED_CUSTOMER", "failed"),
        ("CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS", "failed"),
        ("CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", "failed"),
        ("CUSTOM_VARIABLE_NOT_ENABLED", "failed"),
        ("NO_CONVERSION_ACTION_FOUND", "failed"),
        ("SOMETHING_NEW", "failed"),
        ("UNKNOWN", "failed"),
    ],
)
@pytest.mark.parametrize("kind", ["conversionUploadError", "internalError"])
def test_a_row_error_decides_for_its_row(kind: str, code: str, outcome: str) -> None:
    body = partial(located(1, code, kind), results=[DONE, {}, DONE])
    assert outcomes(200, body, 3) == ["accepted", outcome, "accepted"]
    verdict = GOOGLE.judge(200, json.dumps(body).encode(), 3).verdicts[1]
    assert (verdict.code, verdict.message) == (code, f"{code} told")


@pytest.mark.parametrize(
    ("codes", "outcome", "code"),
    [
        (("TOO_RECENT_EVENT", "EXPIRED_EVENT"), "rejected", "EXPIRED_EVENT"),
        (("EXPIRED_EVENT", "TOO_RECENT_EVENT"), "rejected", "EXPIRED_EVENT"),
        (("ORDER_ID_ALREADY_IN_USE", "EXPIRED_EVENT"), "rejected", "EXPIRED_EVENT"),
        (("ORDER_ID_ALREADY_IN_USE", "SOMETHING_NEW"), "failed", "SOMETHING_NEW"),
        (
            ("ORDER_ID_ALREADY_IN_USE", "CLICK_CONVERSION_ALREADY_EXISTS"),
            "accepted",
            "ORDER_ID_ALREADY_IN_USE",
        ),
        (("TOO_RECENT_EVENT", "INTERNAL_ERROR"), "failed", "TOO_RECENT_EVENT"),
    ],
)
def test_of_several_errors_of_one_row_the_worst_decides(
    codes: tuple[str, ...], outcome: str, code: str
) -> None:
    body = json.dumps(partial(*(located(0, each) for each in codes))).encode()
    (verdict,) = GOOGLE.judge(200, body, 1).verdicts
    assert (verdict.outcome, verdict.code) == (outcome, code)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"results": [DONE, DONE]}, ["accepted", "accepted"]),
        ({"results": [DONE, {}]}, ["accepted", "unknown"]),
        ({"results": [DONE]}, ["unknown", "unknown"]),
        ({"results": [DONE, DONE, DONE]}, ["unknown", "unknown"]),
        ({"results": [DONE, 1]}, ["accepted", "unknown"]),
        ({"results": [DONE, {"gclid": "", "userIdentifiers": []}]}, ["accepted", "unknown"]),
        ({"results": "all"}, ["unknown", "unknown"]),
        ({"jobId": "123"}, ["accepted", "accepted"]),
        ({"job_id": 123}, ["accepted", "accepted"]),
        ({"partialFailureError": {"code": 0}, "results": [DONE, DONE]}, ["accepted", "accepted"]),
        ({"partialFailureError": {"code": 0}, "jobId": "1"}, ["accepted", "accepted"]),
        ({"partialFailureError": None, "results": [DONE, DONE]}, ["accepted", "accepted"]),
        ({}, ["unknown", "unknown"]),
        (partial(located(0)), ["rejected", "accepted"]),
        (partial(located("0")), ["rejected", "accepted"]),
        (partial(located(0), results=[{}, DONE]), ["rejected", "accepted"]),
        (partial(located(0), results=[{}, {}]), ["rejected", "failed"]),
        (partial(located(0), results=[DONE]), ["rejected", "unknown"]),
        (partial(located(0), located(1)), ["rejected", "rejected"]),
        (partial(located(0), nowhere("INTERNAL_ERROR")), ["rejected", "unknown"]),
        (partial(located(0), located(7)), ["rejected", "unknown"]),
        (partial(located(0), located(-1)), ["rejected", "unknown"]),
        (partial(located(0), located(None)), ["rejected", "unknown"]),
        (partial(nowhere("EXPIRED_EVENT")), ["unknown", "unknown"]),
        (partial(nowhere("EXPIRED_EVENT"), results=[DONE, {}]), ["accepted", "failed"]),
        (partial(), ["unknown", "unknown"]),
        (partial(results=[DONE, DONE]), ["accepted", "accepted"]),
        ({"partialFailureError": {"code": 3}}, ["unknown", "unknown"]),
        ({"partialFailureError": {"code": 3, "details": "?"}}, ["unknown", "unknown"]),
    ],
)
def test_a_row_without_an_error_of_its_own(body: Any, expected: list[str]) -> None:
    assert outcomes(200, body, 2) == expected


def test_an_empty_place_in_results_tells_what_the_error_without_a_row_told() -> None:
    body = json.dumps(partial(nowhere("INTERNAL_ERROR"), results=[{}])).encode()
    (verdict,) = GOOGLE.judge(200, body, 1).verdicts
    assert (verdict.outcome, verdict.code) == ("failed", "INTERNAL_ERROR")
    assert verdict.message == "INTERNAL_ERROR told"


def test_the_details_may_hold_several_failures_and_names_of_the_grpc_clients() -> None:
    snake = {
        "error_code": {"conversion_upload_error": "EXPIRED_EVENT"},
        "location": {"field_path_elements": [{"field_name": "conversions", "index": 2}]},
    }
    body = {
        "partial_failure_error": {
            "code": 3,
            "details": [{"errors": [snake], "request_id": "r-2"}, {"errors": [located(0)]}, 7],
        }
    }
    assert outcomes(200, body, 3) == ["rejected", "accepted", "rejected"]
    assert GOOGLE.judge(200, json.dumps(body).encode(), 3).request_id == "r-2"


def test_an_error_about_another_list_names_no_row() -> None:
    other = located(0)
    other["location"]["fieldPathElements"] = [{"fieldName": "operations", "index": 0}]
    assert outcomes(200, partial(other), 2) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("http_status", "status", "outcome"),
    [
        (400, "INVALID_ARGUMENT", "failed"),
        (400, "FAILED_PRECONDITION", "failed"),
        (401, "UNAUTHENTICATED", "failed"),
        (403, "PERMISSION_DENIED", "failed"),
        (404, "NOT_FOUND", "failed"),
        (429, "RESOURCE_EXHAUSTED", "failed"),
        (500, "INTERNAL", "failed"),
        (503, "UNAVAILABLE", "failed"),
        (504, "DEADLINE_EXCEEDED", "unknown"),
        (503, "DEADLINE_EXCEEDED", "unknown"),
        (499, "CANCELLED", "unknown"),
        (400, None, "failed"),
        (404, None, "failed"),
        (408, None, "unknown"),
        (500, None, "failed"),
        (500, "UNKNOWN", "failed"),
        (502, None, "unknown"),
        (504, "SOMETHING_NEW", "unknown"),
    ],
)
def test_a_request_refused_whole(http_status: int, status: str | None, outcome: str) -> None:
    body = {"error": {"code": http_status, "message": "m", "status": status}}
    assert outcomes(http_status, body, 2) == [outcome] * 2
    assert outcomes(http_status, body, 1) == [outcome]


@pytest.mark.parametrize(
    ("error", "alone", "first_of_two"),
    [
        (located(0), "rejected", ["rejected", "failed"]),
        (nowhere("EXPIRED_EVENT"), "rejected", ["failed", "failed"]),
        (nowhere("ORDER_ID_ALREADY_IN_USE"), "accepted", ["failed", "failed"]),
        (located(0, "ORDER_ID_ALREADY_IN_USE"), "accepted", ["accepted", "failed"]),
        (nowhere("TOO_MANY_CONVERSIONS_IN_REQUEST"), "failed", ["failed", "failed"]),
        (nowhere("SOMETHING_NEW"), "failed", ["failed", "failed"]),
    ],
)
def test_a_request_refused_whole_for_a_row(error: Any, alone: str, first_of_two: list[str]) -> None:
    body = {"error": status_of(error, code=400, status="INVALID_ARGUMENT")}
    assert outcomes(400, body) == [alone]
    assert outcomes(400, body, 2) == first_of_two


def test_a_request_that_google_gave_up_is_unknown_whatever_it_says_of_rows() -> None:
    body = {"error": status_of(located(0), code=504, status="DEADLINE_EXCEEDED")}
    assert outcomes(504, body) == ["unknown"]
    assert outcomes(504, body, 2) == ["unknown", "unknown"]


def test_code_and_request_id_of_a_refused_request() -> None:
    quota = {"errorCode": {"quotaError": "RESOURCE_EXHAUSTED"}, "message": "Too many requests."}
    body = {"error": status_of(quota, code=429, status="RESOURCE_EXHAUSTED")}
    reply = GOOGLE.judge(429, json.dumps(body).encode(), 2)
    assert reply.request_id == "r-1"
    told = [(v.outcome, v.code, v.message) for v in reply.verdicts]
    assert told == [("failed", "RESOURCE_EXHAUSTED", "Too many requests.")] * 2
    (bare,) = GOOGLE.judge(401, b'{"error":{"code":401,"status":"UNAUTHENTICATED"}}', 1).verdicts
    assert (bare.code, bare.message) == ("UNAUTHENTICATED", None)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("body", [None, b"", b"<html>", {}, {"results": [DONE]}, {"error": "no"}])
def test_without_an_error_these_statuses_failed(status: int, body: Any) -> None:
    assert outcomes(status, body) == ["failed"]


@pytest.mark.parametrize("status", [None, 200, 302, 400, 404, 502, 504])
@pytest.mark.parametrize("body", [None, b"{", b"\xff", [], {"error": "no"}, "text"])
def test_without_an_error_all_else_is_unknown(status: int | None, body: Any) -> None:
    assert outcomes(status, body) == ["unknown"]
