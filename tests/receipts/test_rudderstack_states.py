"""RudderStack's delivery states: the last word per job, and what is no attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from feeds import ndjson, parquet, receipts_in, records_in, refusals_in

from archiver.receipts import Parsed, ReceiptSettings, choose

SETTINGS = ReceiptSettings("tiktok", "tiktok-events")
AT = datetime(2026, 1, 15, 11, 52, tzinfo=UTC)


def row(state: str = "succeeded", code: Any = "200", **changes: Any) -> dict[str, Any]:
    return {
        "message_id": "m-1",
        "job_state": state,
        "error_code": code,
        "exec_time": "2026-01-15T11:52:00Z",
        "attempt": 2,
        **changes,
    }


def test_it_comes_as_ndjson_csv_or_parquet() -> None:
    csv = ",".join(row()) + "\n" + ",".join(map(str, row().values())) + "\n"
    for data in (ndjson(row()), csv.encode(), parquet([row()])):
        (receipt,) = receipts_in(data, SETTINGS)
        assert (receipt.event_id, receipt.event_name, receipt.outcome) == ("m-1", None, "accepted")
        assert (receipt.code, receipt.attempt, receipt.attempted_at) == ("200", 2, AT)
    assert choose(csv.encode()).name == choose(ndjson(row())).name == "rudderstack-states"


@pytest.mark.parametrize(
    ("state", "code", "outcome"),
    [
        ("succeeded", "200", "accepted"),
        ("Succeeded ", None, "accepted"),
        ("aborted", "400", "rejected"),
        ("aborted", 400, "rejected"),
        ("aborted", "401", "failed"),
        ("aborted", "429", "failed"),
        ("aborted", "500", "failed"),
        ("aborted", "503", "failed"),
        ("aborted", "408", "unknown"),
        ("aborted", "502", "unknown"),
        ("aborted", "504", "unknown"),
        ("aborted", "200", "unknown"),
        ("aborted", None, "unknown"),
        ("failed", "400", "failed"),
        ("failed", "500", "failed"),
        ("failed", "504", "unknown"),
        ("failed", "", "unknown"),
    ],
)
def test_a_state_that_ends_an_attempt(state: str, code: Any, outcome: str) -> None:
    assert [r.outcome for r in receipts_in(ndjson(row(state, code)), SETTINGS)] == [outcome]


GONE = {"error": {"code": 100, "error_subcode": 2804003}}
NO_TOKEN = {"error": {"code": 190, "message": "expired"}}


@pytest.mark.parametrize(
    ("state", "code", "reply", "outcome", "told"),
    [
        ("aborted", "400", NO_TOKEN, "failed", "190"),
        ("aborted", "500", GONE, "rejected", "100/2804003"),
        ("aborted", None, NO_TOKEN, "failed", "190"),
        ("failed", "400", GONE, "rejected", "100/2804003"),
        ("succeeded", "200", {"events_received": 0}, "unknown", "200"),
        ("succeeded", "200", {"events_received": 50}, "accepted", "200"),
        ("succeeded", None, {}, "accepted", None),
        ("aborted", "400", {"reason": "?"}, "rejected", "400"),
        ("filtered", "298", NO_TOKEN, "rejected", "filtered"),
    ],
)
@pytest.mark.parametrize("form", ["object", "text", "wrapped", "proxy"])
def test_a_code_in_the_kept_reply_goes_before_state_and_status(
    state: str, code: str | None, reply: Any, outcome: str, told: str | None, form: str
) -> None:
    text = json.dumps(reply)
    kept = {
        "object": reply,
        "text": text,
        "wrapped": {"response": text, "firstAttemptedAt": "2026-01-15T11:52:00Z"},
        "proxy": {"response": json.dumps({"destinationResponse": {"response": reply}})},
    }[form]
    meta = ReceiptSettings("meta", "meta-capi")
    (receipt,) = receipts_in(ndjson(row(state, code, error_response=kept)), meta)
    assert (receipt.outcome, receipt.code) == (outcome, told)


def test_a_reply_that_was_cut_off_or_cannot_be_judged_leaves_the_status() -> None:
    cut = row("aborted", "400", error_response={"response": json.dumps(NO_TOKEN)[:-3]})
    whole = row("aborted", "400", error_response=NO_TOKEN)
    meta, custom = ReceiptSettings("meta", "meta-capi"), ReceiptSettings("kiosk", "custom")
    assert [r.outcome for r in receipts_in(ndjson(cut), meta)] == ["rejected"]
    assert [r.outcome for r in receipts_in(ndjson(whole), custom)] == ["rejected"]


def test_half_a_character_in_a_reply_hides_no_code() -> None:
    meta = ReceiptSettings("meta", "meta-capi")
    kept = r'{"error": {"code": 190, "message": "\ud83d"}}'
    (receipt,) = receipts_in(ndjson(row("aborted", "400", error_response=kept)), meta)
    assert (receipt.outcome, receipt.code) == ("failed", "190")


def test_a_state_in_the_configuration_goes_before_the_reply() -> None:
    outcomes = {"aborted": "unknown", "Succeeded": "accepted"}
    known = ReceiptSettings("meta", "meta-capi", outcomes=outcomes)
    states = [row(state, "400", error_response=NO_TOKEN) for state in ("aborted", "succeeded")]
    found = receipts_in(ndjson(*states), known)
    assert [(r.outcome, r.code) for r in found] == [("unknown", "400"), ("accepted", "400")]


def test_filtered_is_no_lost_conversion() -> None:
    (receipt,) = receipts_in(ndjson(row("filtered", "298")), SETTINGS)
    assert (receipt.outcome, receipt.code) == ("rejected", "filtered")


@pytest.mark.parametrize(
    "state", ["executing", "waiting", "importing", "migrated", "not_picked_yet", "throttled"]
)
def test_what_ends_no_attempt_is_archived_without_a_receipt(state: str) -> None:
    assert records_in(ndjson(row(state, exec_time=None)), SETTINGS, "rudderstack-states") == [
        Parsed(0, [])
    ]


def test_single_states_can_be_configured() -> None:
    known = ReceiptSettings("t", "tiktok-events", outcomes={"aborted": "failed", "lost": "unknown"})
    rows = [row("aborted", "400"), row("succeeded"), row("lost"), row("importing")]
    assert [r.outcome for r in receipts_in(ndjson(*rows), known)] == [
        "failed",
        "accepted",
        "unknown",
    ]
    assert refusals_in(ndjson(row("gone")), known) == [(0, "unknown_outcome")]


def test_columns_have_other_names_or_are_mapped() -> None:
    renamed = {
        "messageId": "m-1",
        "state": "aborted",
        "error_code": 400,
        "attempted_at": "2026-01-15",
    }
    mapped = ReceiptSettings("t", "tiktok-events", columns={"event_id": "params.id"})
    (by_name,) = receipts_in(ndjson(renamed), SETTINGS, "rudderstack-states")
    (by_map,) = receipts_in(ndjson(row(params={"id": "p-1"})), mapped)
    assert (by_name.event_id, by_name.outcome, by_map.event_id) == ("m-1", "rejected", "p-1")
