"""What Google's replies to `uploadClickConversions` mean. Errors name their rows.

A row error stands in `partialFailureError` of a reply with HTTP status 200, at
`conversions[index]`. The same errors stand in the `error` of a request that is refused whole.

| row error | outcome |
|---|---|
| `CLICK_CONVERSION_ALREADY_EXISTS`, `ORDER_ID_ALREADY_IN_USE` | accepted: it was recorded before |
| those of `PERMANENT`, as `EXPIRED_EVENT`: about this click, this time, this person | rejected |
| `TOO_RECENT_…`, `RESOURCE_TEMPORARILY_EXHAUSTED`, `INTERNAL_ERROR` | failed: later it is taken |
| `DUPLICATE_ORDER_ID`, `DUPLICATE_CLICK_CONVERSION_IN_REQUEST` | failed: see below |
| about the account: `UNAUTHORIZED_CUSTOMER`, `CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS`, \
`CUSTOM_VARIABLE_NOT_ENABLED`, `NO_CONVERSION_ACTION_FOUND` … | failed: cured in the account |
| any other | failed: refused, and not known to be for good |

Of several errors of one row one that rejects wins, then one that fails: a row is accepted only if
nothing else is said against it.

| row without error of its own | outcome |
|---|---|
| its place in `results` is filled | accepted |
| its place in `results` is empty, and there is an error | failed: refused, and not said why |
| no `results`, and every error names a row | accepted |
| anything else: an error without a row, too few results, nothing at all | unknown |

Twins in one request: Google does not process them. Where it took one of them, that one's receipt
is accepted, and as both are one match key (order id and conversion action), so is the conversion.
Where it took none, the conversion is sent again once, as there is one per match key. Twins by click
and time with different order ids are two match keys: sent again in one request they are refused
again, in two the second already exists. Nothing is counted twice: Google takes an order id, and a
click and time, once per conversion action.

A request refused whole is `failed`; one that Google gave up (`DEADLINE_EXCEEDED`, `CANCELLED`) is
`unknown`; its rows with errors, and a row that was alone, are judged by those.

Sources, all of high confidence: googleads/google-ads-python v20 to v25, conversion_upload_error and
conversion_upload_service (`results` are empty for rows with an error; twins were not processed);
google.rpc codes; DESIGN §4 for replies without a code and for what is cured by permission.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.destinations.base import Outcome, Reply, Verdict, outcome_of_status
from archiver.destinations.logged_requests import text_or_none
from archiver.destinations.reply_bodies import (
    is_success,
    judged_by_status,
    read_reply,
    status_code,
    whole_number,
)

RECORDED = frozenset({"CLICK_CONVERSION_ALREADY_EXISTS", "ORDER_ID_ALREADY_IN_USE"})
PERMANENT = frozenset(
    {
        "CLICK_NOT_FOUND",
        "CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY",
        "CONVERSION_PRECEDES_EVENT",
        "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME",
        "CUSTOM_VARIABLE_VALUE_CONTAINS_PII",
        "EVENT_NOT_FOUND",
        "EXPIRED_EVENT",
        "GBRAID_WBRAID_BOTH_SET",
        "INVALID_CUSTOMER_FOR_CLICK",
        "INVALID_USER_IDENTIFIER",
        "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID",
        "ORDER_ID_CONTAINS_PII",
        "UNPARSEABLE_GBRAID",
        "UNPARSEABLE_GCLID",
        "UNPARSEABLE_WBRAID",
        "UNSUPPORTED_USER_IDENTIFIER",
    }
)

_REFUSED_WHOLE = frozenset(
    {
        "ABORTED",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "INTERNAL",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
        "UNIMPLEMENTED",
    }
)
_TIMED_OUT = frozenset({408, 499})
_GIVEN_UP = frozenset({"CANCELLED", "DEADLINE_EXCEEDED"})
_WORST_FIRST: tuple[Outcome, ...] = ("rejected", "failed", "accepted")
_FIELD = "conversions"

_decoder = msgspec.json.Decoder(dict[str, Any])


class _Error(msgspec.Struct, frozen=True):
    row: int | None
    code: str | None
    message: str | None


def judge(http_status: int | None, reply: bytes | None, items: int) -> Reply:
    """Decide what a reply means for each of `items` conversions (see `ApiLogReader.judge`)."""
    body = read_reply(reply, _decoder) or {}
    error = body.get("error")
    if isinstance(error, dict):
        return _refused(http_status, error, items)
    failure = _member(body, "partialFailureError", "partial_failure_error")
    if not isinstance(failure, dict) or whole_number(failure.get("code")) == 0:
        failure = None
    results = body.get("results")
    if failure is None and not is_success(http_status):
        return judged_by_status(http_status, items)
    if failure is None and results is None:
        if _member(body, "jobId", "job_id") is None:
            return judged_by_status(http_status, items)
        return Reply(None, (Verdict("accepted", status_code(http_status), None),) * items)
    return _partial(http_status, failure, results, items)


def _partial(
    http_status: int | None, failure: dict[str, Any] | None, results: Any, items: int
) -> Reply:
    errors = [] if failure is None else list(_errors(failure, items))
    verdicts = _verdicts_of_rows(errors)
    nowhere = [error for error in errors if error.row is None]
    is_told = bool(errors) and not nowhere
    accepted = Verdict("accepted", status_code(http_status), None)
    code, message = status_code(http_status), None
    if failure is not None:
        first = nowhere[0] if nowhere else None
        code = (first.code if first else None) or "PARTIAL_FAILURE"
        message = (first.message if first else None) or text_or_none(failure.get("message"))
    refused, unknown = Verdict("failed", code, message), Verdict("unknown", code, message)

    def unnamed(row: int) -> Verdict:
        if isinstance(results, list) and len(results) == items:
            if _is_filled(results[row]):
                return accepted
            return unknown if failure is None else refused
        return accepted if results is None and is_told else unknown

    return Reply(
        _request_id(failure or {}),
        tuple(verdicts.get(row) or unnamed(row) for row in range(items)),
    )


def _is_filled(result: Any) -> bool:
    """Whether a place in `results` holds a conversion, and not the fields' defaults alone."""
    return isinstance(result, dict) and any(result.values())


def _refused(http_status: int | None, error: dict[str, Any], items: int) -> Reply:
    """Judge a request that was refused whole."""
    errors = list(_errors(error, items))
    status, number = text_or_none(error.get("status")), whole_number(error.get("code"))
    known_codes = [inner.code for inner in errors if inner.code]
    code = known_codes[0] if known_codes else status or status_code(number or http_status)
    message = errors[0].message if errors else None
    message = message or text_or_none(error.get("message"))
    request_id = _request_id(error)
    whole = Verdict(_outcome_of_request(status, number or http_status), code, message)
    if whole.outcome == "unknown":
        return Reply(request_id, (whole,) * items)
    if items == 1:
        errors = [_Error(0, inner.code, inner.message) for inner in errors]
    verdicts = _verdicts_of_rows(errors)
    return Reply(request_id, tuple(verdicts.get(row, whole) for row in range(items)))


def _outcome_of_request(status: str | None, number: int | None) -> Outcome:
    if status in _GIVEN_UP:
        return "unknown"
    is_refusal = number is not None and 400 <= number < 500 and number not in _TIMED_OUT
    if status in _REFUSED_WHOLE or (status is None and is_refusal):
        return "failed"
    return outcome_of_status(number)


def _outcome_of_row(code: str | None) -> Outcome:
    if code in RECORDED:
        return "accepted"
    return "rejected" if code in PERMANENT else "failed"


def _verdicts_of_rows(errors: list[_Error]) -> dict[int, Verdict]:
    """One verdict per row that an error names: the worst."""
    verdicts: dict[int, Verdict] = {}
    for error in errors:
        if error.row is None:
            continue
        verdict = Verdict(_outcome_of_row(error.code), error.code, error.message)
        before = verdicts.get(error.row)
        if before is None or _rank(verdict) < _rank(before):
            verdicts[error.row] = verdict
    return verdicts


def _rank(verdict: Verdict) -> int:
    return _WORST_FIRST.index(verdict.outcome)


def _errors(status: dict[str, Any], items: int) -> Iterator[_Error]:
    """The errors in the details of a `google.rpc.Status`, which may hold several failures."""
    for detail in _dicts(status.get("details")):
        for error in _dicts(detail.get("errors")):
            codes = _member(error, "errorCode", "error_code")
            texts = codes.values() if isinstance(codes, dict) else [codes]
            code = next((text for text in texts if isinstance(text, str) and text), None)
            yield _Error(_row(error, items), code, text_or_none(error.get("message")))


def _row(error: dict[str, Any], items: int) -> int | None:
    location = error.get("location")
    if not isinstance(location, dict):
        return None
    for element in _dicts(_member(location, "fieldPathElements", "field_path_elements")):
        if _member(element, "fieldName", "field_name") == _FIELD:
            row = whole_number(element.get("index"))
            return row if row is not None and 0 <= row < items else None
    return None


def _request_id(status: dict[str, Any]) -> str | None:
    for detail in _dicts(status.get("details")):
        request_id = text_or_none(_member(detail, "requestId", "request_id"))
        if request_id is not None:
            return request_id
    return None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _member(mapping: dict[str, Any], camel: str, snake: str) -> Any:
    """A member under the name that the REST API gives it, or the gRPC clients."""
    value = mapping.get(camel)
    return mapping.get(snake) if value is None else value
