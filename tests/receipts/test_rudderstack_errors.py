"""RudderStack's error index: what it gave up on, and whether it may have landed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from feeds import ndjson, parquet, receipts_in, records_in, refusals_in

from archiver.receipts import ReceiptSettings, choose_by_columns

SETTINGS = ReceiptSettings("tiktok", "tiktok-events", filter={"destination_id": "2abc"})
FAILED_AT = datetime(2026, 1, 15, 11, 52, 0, 1, tzinfo=UTC)
MICROSECONDS = 1768477920000001


def row(stage: str = "router", **changes: Any) -> dict[str, Any]:
    return {
        "message_id": "m-1",
        "source_id": "s",
        "destination_id": "2abc",
        "transformation_id": "",
        "tracking_plan_id": "",
        "failed_stage": stage,
        "event_type": "track",
        "event_name": "Order Completed",
        "received_at": MICROSECONDS - 7_200_000_000,
        "failed_at": MICROSECONDS,
        **changes,
    }


def test_a_row_is_one_receipt_without_an_event_name() -> None:
    data = parquet([row()])
    assert choose_by_columns(list(row())).name == "rudderstack-errors"
    (receipt,) = receipts_in(data, SETTINGS)
    assert (receipt.event_id, receipt.event_name, receipt.event_time) == ("m-1", None, None)
    assert (receipt.outcome, receipt.code, receipt.message) == (
        "unknown",
        "router",
        "Order Completed",
    )
    assert receipt.attempted_at == FAILED_AT
    assert receipt.payload is not None
    assert '"event_type":"track","event_name":"Order Completed"' in receipt.payload


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        ("tracking_plan_validator", "rejected"),
        ("user_transformer", "rejected"),
        ("event_filter", "rejected"),
        ("dest_transformer", "rejected"),
        ("destination_filter", "rejected"),
        ("router", "unknown"),
        ("batch_router", "unknown"),
    ],
)
def test_what_never_left_is_rejected_and_what_was_sent_may_have_landed(
    stage: str, outcome: str
) -> None:
    assert [r.outcome for r in receipts_in(parquet([row(stage)]), SETTINGS)] == [outcome]


def test_a_stage_s_outcome_can_be_configured() -> None:
    known = ReceiptSettings("tiktok", "tiktok-events", outcomes={"Router": "failed"})
    found = receipts_in(parquet([row(), row("dest_transformer")]), known)
    assert [r.outcome for r in found] == ["failed", "rejected"]


@pytest.mark.parametrize("stage", ["warehouse", "some_new_stage", None])
def test_a_failure_at_an_unlisted_stage_is_kept_and_not_inferred_to_be_accepted(
    stage: str | None,
) -> None:
    rows = [row(), row(failed_stage=stage)]
    assert refusals_in(parquet(rows), SETTINGS) == []
    found = receipts_in(parquet(rows), SETTINGS)
    assert [(r.outcome, r.code) for r in found] == [("unknown", "router"), ("unknown", stage)]


def test_rows_of_other_destinations_are_theirs_and_those_of_none_are_everyone_s() -> None:
    data = parquet([row(destination_id="2xyz"), row("user_transformer", destination_id=""), row()])
    assert [len(r.receipts) for r in records_in(data, SETTINGS)] == [0, 1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["timestamp", "text", "ndjson"])
def test_times_may_be_typed_and_rows_may_be_lines(kind: str) -> None:
    if kind == "ndjson":
        data = ndjson({"messageId": "m-1", "failedStage": "router", "failedAt": MICROSECONDS})
        data += ndjson({"messageId": "m-2", "failedStage": "router", "failedAt": MICROSECONDS})
        settings = ReceiptSettings("tiktok", "tiktok-events")
        assert [r.event_id for r in receipts_in(data, settings)] == ["m-1", "m-2"]
    else:
        data = parquet([row(failed_at=FAILED_AT if kind == "timestamp" else str(MICROSECONDS))])
        settings = SETTINGS
    assert {r.attempted_at for r in receipts_in(data, settings)} == {FAILED_AT}


def test_a_row_without_a_time_is_quarantined_and_keeps_what_it_said() -> None:
    (record,) = records_in(parquet([row(failed_at=None)]), SETTINGS)
    assert record.reason == "no_attempted_at"  # type: ignore[union-attr]
    assert b'"message_id":"m-1"' in record.data  # type: ignore[union-attr]
