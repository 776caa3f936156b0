"""Each status in plain words, and what can be done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from explaining import AS_OF, CONFIG

from archiver.config import load_config
from archiver.report.explanation import (
    Attempt,
    ConversionOccurrence,
    Delivery,
    InBackfill,
    RunOfDestination,
    Status,
)
from archiver.report.wording import Words, explained

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
OCCURRENCE = ConversionOccurrence(
    source="web",
    message_id="m1",
    file_id="f1",
    record_number=0,
    inbound_event="Order Completed",
    arrival=NOON,
    event_time=NOON,
    order_id=None,
    value=None,
    currency=None,
    suppressed_reason=None,
    is_counted=True,
    differs_in=[],
)
BACKFILL = InBackfill("b1", "run", AS_OF, AS_OF, "batch-00001.json", "missing", None, None)


def status(name: str, reason: str | None = None, **more: Any) -> Status:
    row: dict[str, Any] = {"attempts": 0, "resolved_outcome": None, "code": None}
    row |= {"value": None, "currency": None, "match_tier": None, "backfill_deadline": None}
    row |= {"source": "web", "file_id": "f1", "record_number": 0, "arrival": NOON}
    return Status(status=name, reason=reason, account_day=date(2026, 1, 15), **(row | more))


def delivery(found: Status, **more: Any) -> Delivery:
    known = Delivery(
        destination="tiktok",
        event="CompletePayment",
        event_id="m1",
        key_tier=1,
        further_ids=[],
        rule=None,
        retry_ends_at=NOON.replace(hour=16),
        occurrences=[OCCURRENCE],
        attempts=[],
        run=RunOfDestination("run", AS_OF, None, None, "America/New_York"),
        status=found,
        findings=[],
        incidents=[],
        backfills=[],
    )
    return replace(known, **more)


@pytest.fixture
def words(tmp_path: Path) -> Any:
    """Words about a delivery, with this line in the destination's settings."""

    def of(known: Delivery, line: str = 'pixel = "none"') -> Words:
        path = tmp_path / "archiver.toml"
        path.write_text(CONFIG.replace('pixel = "none"', line))
        settings = load_config(path, {}).destination("tiktok")
        return explained(known, settings, "web")

    return of


@pytest.mark.parametrize(
    ("found", "explanation", "next_step"),
    [
        (status("accepted"), "the destination took it", None),
        (
            status("accepted", "inferred"),
            "the feed reports failures only, covers 2026-01-15 12:00 to 16:00 UTC and has none",
            None,
        ),
        (
            status("missing", "no_receipt"),
            "the feed covers 2026-01-15 12:00 to 16:00 UTC and has no receipt",
            "safe to send again: archiver backfill --destination tiktok",
        ),
        (
            status("missing", "no_receipt", backfill_deadline=NOON),
            "the feed covers 2026-01-15 12:00 to 16:00 UTC and has no receipt",
            "lost: too old for the destination since 2026-01-15 12:00 UTC",
        ),
        (
            status("failed", "not_delivered", attempts=1, code="503"),
            "its only attempt was not taken (code 503)",
            "safe to send again: archiver backfill --destination tiktok",
        ),
        (
            status("failed", "not_delivered", attempts=3),
            "none of its 3 attempts was taken",
            "safe to send again: archiver backfill --destination tiktok",
        ),
        (
            status("rejected", "refused", code="40002"),
            "it was refused for good (code 40002)",
            "repair the cause, then send it again: archiver backfill --destination tiktok"
            " --include rejected",
        ),
        (
            status("ambiguous", "may_have_landed", code="no_reply"),
            "an attempt may have landed (code no_reply): no reply tells",
            "sending it may count it twice; with that risk, it can be sent: archiver backfill"
            " --destination tiktok --include ambiguous",
        ),
        (
            status("ambiguous", "other_event_name", backfill_deadline=AS_OF),
            "there are receipts for its id, but under another event name",
            "sending it may count it twice; with that risk, it can be sent until"
            " 2026-01-19 12:00 UTC: archiver backfill --destination tiktok --include ambiguous",
        ),
        (
            status("conflict", "different_contents"),
            "one match key stands for different contents: it is not clear which",
            "decide by hand which content is right; no backfill holds it",
        ),
        (
            status("pending", "retry_window"),
            "the hub may still retry, up to 2026-01-15 16:00 UTC",
            "wait, and then: archiver reconcile --destination tiktok",
        ),
        (
            status("unknown", "not_covered"),
            "no receipt, and the feed does not cover 2026-01-15 12:00 to 16:00 UTC: neither"
            " delivered nor lost",
            "import the receipts of that time; if the feed is complete, vouch for it: archiver"
            " receipts --destination tiktok --covers START/END",
        ),
        (
            status("unknown", "totals_only"),
            "the destination only gives counts, and nothing about single events",
            None,
        ),
        (
            status("suppressed", "test_event"),
            "must not be delivered: it is a test event by the destination's test_events; so not"
            " expected",
            None,
        ),
    ],
    ids=lambda value: f"{value.status}-{value.reason}" if isinstance(value, Status) else "",
)
def test_a_status(words: Any, found: Status, explanation: str, next_step: str | None) -> None:
    said = words(delivery(found))
    assert (said.explanation, said.next_step) == (explanation, next_step)


@pytest.mark.parametrize(
    ("found", "before"),
    [
        (status("missing", "no_receipt"), "safe to send again"),
        (status("rejected", "refused"), "repair the cause, then send it again"),
        (
            status("ambiguous", "may_have_landed", backfill_deadline=AS_OF),
            "sending it may count it twice; with that risk, it can be sent until"
            " 2026-01-19 12:00 UTC",
        ),
    ],
    ids=lambda value: value.status if isinstance(value, Status) else "",
)
def test_where_nothing_builds_the_requests_no_backfill_is_advised(
    words: Any, found: Status, before: str
) -> None:
    settings = 'pixel = "none"\npreset = "rudderstack"\nevent_source = "crm"'
    said = words(delivery(found), settings).next_step
    assert said == (
        f"{before}: by other means: archiver cannot build requests of type tiktok-events with"
        " preset 'rudderstack' yet; ids and amounts are in the table reconciliation: archiver sql"
    )


def test_a_stage_of_the_hub_is_not_taken_for_the_destination(words: Any) -> None:
    said = words(delivery(status("rejected", "refused", code="destination_filter"))).explanation
    assert said == "it was refused for good (code destination_filter)"


@pytest.mark.parametrize(
    "found",
    [
        status("accepted", code="\x1b[41mC"),
        status("rejected", "refused", code="\x1b[41mC"),
        status("ambiguous", "may_have_landed", code="\x1b[41mC"),
        status("failed", "not_delivered", attempts=1, code="\x1b[41mC"),
        status("failed", "not_delivered", attempts=2, code="\x1b[41mC"),
    ],
    ids=lambda found: f"{found.status}-{found.attempts}",
)
def test_a_code_cannot_command_the_terminal(words: Any, found: Status) -> None:
    assert r"(code \x1b[41mC)" in words(delivery(found)).explanation


def test_an_id_that_is_shared(words: Any) -> None:
    said = words(delivery(status("ambiguous", "shared_key"))).explanation
    assert said == (
        "an attempt names an id that it shares with another conversion, to which the attempt"
        " belongs"
    )


def test_the_pixel_limits_what_is_safe(words: Any) -> None:
    lost = delivery(status("missing", "no_receipt"))
    command = "archiver backfill --destination tiktok"
    assert words(lost, 'pixel = "same_id"').next_step == (
        f"to be sent again within the pixel's window: {command}"
    )
    assert words(lost, 'pixel = "other_id"').next_step == (
        "the browser pixel may have counted it under another id; with that risk, it can be sent:"
        f" {command} --include beyond-dedup"
    )


def test_what_must_not_be_delivered_by_another_occurrence_is_not_sent(words: Any) -> None:
    refusing = replace(OCCURRENCE, suppressed_reason="no_consent", record_number=1)
    lost = delivery(status("missing", "no_receipt"), occurrences=[OCCURRENCE, refusing])
    assert words(lost).next_step == (
        "no backfill: of another occurrence, the event's own consent record refuses"
    )


def test_what_something_else_delivered_says_so_in_the_user_s_words(words: Any) -> None:
    window = '{ from = 2026-01-15T%s, to = 2026-01-15T%s, reason = "%s" }'
    windows = [("10:00:00Z", "12:00:00Z", "before"), ("12:00:00Z", "13:00:00Z", "pixel on")]
    settings = 'pixel = "none"\nexclude = [' + ", ".join(window % one for one in windows) + "]"
    excluded = delivery(status("suppressed", "excluded"))
    assert words(excluded, settings).explanation == (
        "must not be delivered: something else delivered it, by an excluded window of the"
        " configuration (pixel on); so not expected"
    )
    assert "configuration; so" in words(excluded).explanation


def test_a_void_backfill_is_none(words: Any) -> None:
    lost = status("missing", "no_receipt")
    held = delivery(lost, backfills=[replace(BACKFILL, voided_at=AS_OF)])
    assert words(held).next_step == words(delivery(lost)).next_step


def test_a_backfill_that_is_not_settled_comes_first(words: Any) -> None:
    lost = status("missing", "no_receipt", backfill_deadline=NOON)
    said = words(delivery(lost, backfills=[replace(BACKFILL, settled_at=AS_OF), BACKFILL]))
    assert said.next_step == (
        "upload backfill b1, which holds it, and import the replies as receipts"
    )
    settled = delivery(lost, backfills=[replace(BACKFILL, settled_at=AS_OF)])
    assert words(settled).next_step.startswith("lost: too old")


def test_attempts_of_other_conversions_are_not_noted(words: Any) -> None:
    attempt = Attempt(
        destination="tiktok",
        relation="other_name",
        owner_id="m1",
        event_id="m1",
        event_name="Purchase",
        attempted_at=AS_OF,
        attempt=None,
        outcome="accepted",
        code=None,
        request_id=None,
        value=None,
        currency=None,
        file_id="r1",
        record_number=0,
        paths=[],
        is_by_the_run=False,
        is_deciding=False,
    )
    lost = status("ambiguous", "other_event_name")
    assert words(delivery(lost, attempts=[attempt])).notes == ()
    own = replace(attempt, relation="own")
    (note,) = words(delivery(lost, attempts=[own])).notes
    assert note == (
        "1 attempt since, the last accepted: not in this status; archiver reconcile --destination"
        " tiktok"
    )
    assert words(delivery(lost, attempts=[own])).next_step.startswith("nothing to send")


def test_a_window_that_ends_on_another_day(words: Any) -> None:
    lost = delivery(status("missing", "no_receipt"), retry_ends_at=NOON.replace(day=16, hour=2))
    assert "covers 2026-01-15 12:00 to 2026-01-16 02:00 UTC" in words(lost).explanation
    unknown = delivery(status("missing", "no_receipt"), retry_ends_at=None)
    assert "covers the retry window from 2026-01-15 12:00 UTC" in words(unknown).explanation
