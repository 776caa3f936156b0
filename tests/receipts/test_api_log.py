"""The direct API log: requests in, one receipt per event out, judged from the reply's body."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from archiver.receipts import (
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.api_log import ApiLog
from archiver.receipts.base import names_of_others, shares_type

SETTINGS = ReceiptSettings("tiktok", "tiktok-events")
SENT_AT = datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
OK = {"code": 0, "message": "OK", "request_id": "20260115abc", "data": {}}


def event(event_id: Any, **more: Any) -> dict[str, Any]:
    return {"event": "CompletePayment", "event_id": event_id, "event_time": 1768477800, **more}


def line(*events: Any, **changes: Any) -> bytes:
    """One line of the log; a change to None leaves the key out."""
    request = {
        "sent_at": "2026-01-15T11:52:00Z",
        "destination": "tiktok",
        "http_status": 200,
        "request_body": {"event_source": "web", "event_source_id": "C0", "data": list(events)},
        "response_body": OK,
        "attempt": 1,
        **changes,
    }
    return json.dumps({k: v for k, v in request.items() if v is not None}).encode() + b"\n"


def read(*lines: bytes, settings: ReceiptSettings = SETTINGS) -> list[Parsed | BadRecord]:
    return list(ApiLog().read(iter(lines), settings))


def receipts(log_line: bytes) -> list[Receipt]:
    (record,) = read(log_line)
    assert isinstance(record, Parsed), record
    return record.receipts


def refusal(log_line: bytes) -> str:
    (record,) = read(log_line)
    assert isinstance(record, BadRecord), record
    assert record.data == log_line.rstrip(b"\n")
    return record.reason


def outcomes(log_line: bytes) -> list[tuple[str | None, str, str | None]]:
    return [(r.event_id, r.outcome, r.code) for r in receipts(log_line)]


def test_a_request_is_one_receipt_per_event() -> None:
    paid = line(event("m-1", properties={"value": 39.95, "currency": "usd"}), event("m-2"))
    first, second = receipts(paid)
    assert first == Receipt(
        event_id="m-1",
        event_name="CompletePayment",
        event_time=datetime(2026, 1, 15, 11, 50, tzinfo=UTC),
        outcome="accepted",
        code="0",
        message="OK",
        attempted_at=SENT_AT,
        request_id="20260115abc",
        attempt=1,
        value=Decimal("39.95"),
        currency="USD",
        record_number=0,
        payload=paid.decode().rstrip("\n"),
    )
    assert (second.event_id, second.value, second.currency) == ("m-2", None, None)


def test_only_the_first_receipt_of_a_request_carries_its_text() -> None:
    big = line(*(event(f"m-{i}") for i in range(1000)))
    payloads = [r.payload for r in receipts(big)]
    assert payloads == [big.decode().rstrip("\n")] + [None] * 999


def test_the_body_decides_and_not_the_status() -> None:
    throttled = {"code": 40100, "message": "Too many requests", "request_id": "r"}
    refused = {"code": 40002, "message": "Batch.1.event_time: too old", "request_id": "r"}
    assert outcomes(line(event("a"), response_body=throttled)) == [("a", "failed", "40100")]
    assert outcomes(line(event("a"), event("b"), response_body=refused)) == [
        ("a", "failed", "40002"),
        ("b", "rejected", "40002"),
    ]
    assert outcomes(line(event("a"), http_status=500)) == [("a", "accepted", "0")]


@pytest.mark.parametrize(
    ("status", "reply", "outcome"),
    [
        (503, "<html>unavailable</html>", "failed"),
        (502, "<html>bad gateway</html>", "unknown"),
        (503, None, "failed"),
        (504, "", "unknown"),
        (None, None, "unknown"),
        ("timeout", None, "unknown"),
        ("429", None, "failed"),
        (200, "", "unknown"),
        (200, [], "unknown"),
    ],
)
def test_a_reply_without_a_code_is_judged_by_its_status(
    status: Any, reply: Any, outcome: str
) -> None:
    (receipt,) = receipts(line(event("a"), http_status=status, response_body=reply))
    assert receipt.outcome == outcome


def test_a_null_reply_is_no_reply() -> None:
    timed_out = line(event("a")).replace(json.dumps(OK).encode(), b"null")
    assert b'"response_body": null' in timed_out
    assert outcomes(timed_out.replace(b"200", b"null")) == [("a", "unknown", "no_reply")]


@pytest.mark.parametrize("status", [0, "0", -1, 20000, "timeout", True, 200.5, {}])
def test_a_status_that_is_none_is_no_reply(status: Any) -> None:
    assert outcomes(line(event("a"), http_status=status, response_body="")) == [
        ("a", "unknown", "no_reply")
    ]


def test_bodies_may_be_strings_that_hold_json() -> None:
    body = json.dumps({"data": [event("a"), event("b")]})
    logged = line(request_body=body, response_body=json.dumps(OK))
    assert outcomes(logged) == [("a", "accepted", "0"), ("b", "accepted", "0")]


@pytest.mark.parametrize("sent_at", [1768477920, 1768477920000, 1768477920000000, "1768477920"])
def test_sent_at_may_be_an_epoch(sent_at: Any) -> None:
    assert receipts(line(event("a"), sent_at=sent_at))[0].attempted_at == SENT_AT


@pytest.mark.parametrize("sent_at", ["2026-01-15T06:52:00-05:00", "2026-01-15 11:52:00"])
def test_sent_at_may_have_an_offset_or_none(sent_at: str) -> None:
    assert receipts(line(event("a"), sent_at=sent_at))[0].attempted_at == SENT_AT


@pytest.mark.parametrize("name", ["tiktok", "TikTok", "tiktok-events", None])
def test_a_line_names_this_destination_or_none(name: str | None) -> None:
    assert len(receipts(line(event("a"), destination=name))) == 1


CONFIGURED = {
    "tiktok": "tiktok-events",
    "TikTok EU": "tiktok-events",
    "meta": "meta-capi",
    "ads": "google-ads",
    "google-ads": "tiktok-events",  # called like the type of another
}


def configured(name: str) -> ReceiptSettings:
    return ReceiptSettings(
        name,
        CONFIGURED[name],
        others=names_of_others(name, CONFIGURED),
        shares_type=shares_type(name, CONFIGURED),
    )


@pytest.mark.parametrize(
    ("name", "named", "is_ours"),
    [
        ("tiktok", None, True),
        ("tiktok", "tiktok", True),
        ("tiktok", " TIKTOK ", True),
        ("ads", "ADS", True),
        ("tiktok", "tiktok eu", False),
        ("tiktok", "meta", False),
        ("tiktok", "META-CAPI", False),
        ("meta", "meta-capi", True),
        ("meta", "tiktok-events", False),
        ("google-ads", "google-ads", True),
        ("ads", "google-ads", False),
        ("ads", "ads", True),
    ],
)
def test_each_destination_takes_its_own_lines_from_a_shared_log(
    name: str, named: str | None, is_ours: bool
) -> None:
    settings = configured(name)
    body = {"data": [event("a")], "conversions": [{"orderId": "a"}]}
    (record,) = read(line(destination=named, request_body=body), settings=settings)
    assert isinstance(record, Parsed)
    assert [found.event_id for found in record.receipts] == (["a"] if is_ours else [])


@pytest.mark.parametrize("named", ["tiktok-events", " TikTok-Events "])
def test_a_type_of_several_destinations_is_nobody_s_name(named: str) -> None:
    for name in ("tiktok", "TikTok EU"):
        log = [line(event("a"), destination=named), line(event("b"), destination=None)]
        bad, good = read(*log, settings=configured(name))
        assert isinstance(bad, BadRecord)
        assert (bad.reason, bad.detail) == (
            "other_destination",
            "several destinations have this type: write its name",
        )
        assert isinstance(good, Parsed)
        assert [found.event_id for found in good.receipts] == ["b"]


def test_a_type_is_shared_where_another_destination_has_it() -> None:
    assert shares_type("tiktok", CONFIGURED)
    assert not shares_type("meta", CONFIGURED)


@pytest.mark.parametrize(
    ("named", "detail"),
    [
        ("snap eu.2", "'snap eu.2'"),
        ("anna@example.com", "(not shown)"),
        ("+4915112345678", "(not shown)"),
        ("id 1234567", "(not shown)"),
        ("id 123456", "'id 123456'"),
        ("x" * 41, "(not shown)"),
        ("a\nb", "(not shown)"),
    ],
)
def test_a_strange_name_is_shown_only_where_it_looks_like_one(named: str, detail: str) -> None:
    (record,) = read(line(event("a"), destination=named), settings=configured("meta"))
    assert isinstance(record, BadRecord)
    assert (record.reason, record.detail) == ("other_destination", detail)


def test_the_names_of_the_others_are_not_ones_own() -> None:
    others = {"tiktok eu", "meta", "meta-capi", "ads", "google-ads"}
    assert names_of_others("tiktok", CONFIGURED) == others
    assert names_of_others("meta", {"meta": "meta-capi"}) == frozenset()


def test_a_line_of_another_destination_is_left_aside_unread_and_keeps_its_number() -> None:
    settings = ReceiptSettings("tiktok", "tiktok-events", others=frozenset({"meta"}))
    theirs = line(destination="meta", sent_at=None, request_body="?")
    log = [theirs, line(event("a")), line(event("b"), destination="snap"), theirs]
    records = read(*log, settings=settings)
    kinds = [(type(record).__name__, record.record_number) for record in records]
    assert kinds == [("Parsed", 0), ("Parsed", 1), ("BadRecord", 2), ("Parsed", 3)]
    assert [len(record.receipts) for record in records if isinstance(record, Parsed)] == [0, 1, 0]


def test_meta_and_google_are_judged_by_their_own_rules() -> None:
    meta = ReceiptSettings("meta", "meta-capi")
    body = {"data": [{"event_id": "a", "event_name": "Lead"}, {"event_id": "b"}]}
    short = {"events_received": 1, "fbtrace_id": "t"}
    (record,) = read(
        line(destination="meta", request_body=body, response_body=short), settings=meta
    )
    assert isinstance(record, Parsed)
    told = [(r.event_id, r.event_name, r.outcome, r.request_id) for r in record.receipts]
    assert told == [("a", "Lead", "unknown", "t"), ("b", None, "unknown", "t")]

    google = ReceiptSettings("ads", "google-ads")
    conversions = {"conversions": [{"orderId": "a"}, {"orderId": "b"}]}
    done = {"results": [{"gclid": "g"}, {"gclid": "h"}]}
    (record,) = read(
        line(destination="ads", request_body=conversions, response_body=done), settings=google
    )
    assert isinstance(record, Parsed)
    assert [(r.event_id, r.outcome) for r in record.receipts] == [
        ("a", "accepted"),
        ("b", "accepted"),
    ]


@pytest.mark.parametrize("reply", [{"results": [{"gclid": "g"}]}, {"jobId": "1"}, None])
def test_a_request_that_only_validates_records_nothing(reply: Any) -> None:
    google = ReceiptSettings("ads", "google-ads")
    body = {"conversions": [{"orderId": "a"}], "validateOnly": True}
    (record,) = read(
        line(destination="ads", request_body=body, response_body=reply), settings=google
    )
    assert isinstance(record, Parsed)
    assert [(r.outcome, r.code) for r in record.receipts] == [("failed", "validate_only")]


def test_a_destination_without_a_reader_has_no_api_log() -> None:
    custom = ReceiptSettings("kiosk", "custom")
    with pytest.raises(UnreadableReceiptsError) as refused:
        read(line(event("a"), destination="kiosk"), settings=custom)
    assert "destinations of type custom have no reader for theirs" in refused.value.why
    assert "generic feed" in refused.value.hint


@pytest.mark.parametrize(
    ("log_line", "reason"),
    [
        (line(event("a"), destination="meta"), "other_destination"),
        (line(event("a"), destination=7), "other_destination"),
        (line(event("a"), sent_at=None), "no_attempted_at"),
        (line(event("a"), sent_at="yesterday"), "no_attempted_at"),
        (line(), "no_events"),
        (line(request_body=None), "bad_request_body"),
        (line(request_body=""), "bad_request_body"),
        (line(request_body="data=1"), "bad_request_body"),
        (line(request_body=[event("a")]), "bad_request_body"),
        (line(request_body={"data": {}}), "bad_request_body"),
        (b'{"sent_at": 1, "request_body": {"data": [{"event_id"\n', "invalid_json"),
        (b'{"sent_at": NaN}\n', "invalid_json"),
        (b"[1]\n", "not_an_object"),
        (b"12\n", "not_an_object"),
        (b'{"sent_at": "\xff"}\n', "invalid_utf8"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "nesting_too_deep"),
        (line(request_body="[" * 100_000 + "]" * 100_000), "bad_request_body"),
    ],
)
def test_what_cannot_be_read_is_quarantined_whole(log_line: bytes, reason: str) -> None:
    assert refusal(log_line) == reason


def test_details_tell_no_values_of_events() -> None:
    (record,) = read(line(request_body="email=jane@example.com"))
    assert isinstance(record, BadRecord)
    assert "jane" not in record.detail


def test_text_cut_inside_an_emoji_is_archived_as_it_came() -> None:
    cut = line(event("a", properties={"description": "gift \ud83d"}))
    assert rb"\ud83d" in cut
    assert receipts(cut)[0].payload == cut.decode().rstrip("\n")
    inside = line(request_body=json.dumps({"data": [event("a", page="\udc00")]}))
    assert outcomes(inside) == [("a", "accepted", "0")]


def test_an_event_that_is_no_object_keeps_its_place() -> None:
    assert outcomes(line(None, event("b"), "?")) == [
        (None, "accepted", "0"),
        ("b", "accepted", "0"),
        (None, "accepted", "0"),
    ]


def test_of_two_equal_keys_the_last_counts() -> None:
    twice = line(event("a")).replace(b'"attempt": 1', b'"attempt": 1, "attempt": 2')
    assert receipts(twice)[0].attempt == 2


@pytest.mark.parametrize("attempt", [None, -1, 1.5, "second", True, 2**31, "9" * 20])
def test_an_attempt_that_is_no_number_is_none(attempt: Any) -> None:
    assert receipts(line(event("a"), attempt=attempt))[0].attempt is None


def test_records_are_numbered_and_blank_lines_are_none() -> None:
    log = [
        b"\xef\xbb\xbf\n",
        line(event("a")),
        b"\r\n",
        b" \t\n",
        b"oops\r\n",
        line(event("b"))[:-1],
    ]
    good, bad, last = read(*log)
    assert isinstance(good, Parsed) and isinstance(last, Parsed)
    assert (good.record_number, bad.record_number, last.record_number) == (0, 1, 2)
    assert bad == BadRecord(1, "invalid_json", bad.detail, b"oops")  # type: ignore[union-attr]
    assert last.receipts[0].record_number == 2


def test_a_record_of_16_mib_is_read() -> None:
    big = line(event("a", page="x" * (16 << 20)))
    assert receipts(big)[0].event_id == "a"
