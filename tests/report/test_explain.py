"""What became of an event: rows of a warehouse in, the story of one id out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from explaining import AS_OF, AT, Warehouse, run_record

from archiver.errors import UsageError
from archiver.report.explain import IdQuestion, chosen_runs, explain_id
from archiver.report.explanation import Find, as_json
from archiver.warehouse.runs import RunRecord, kept_runs

ARRIVED = {"arrival": AT, "value": "12.5"}
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def minute(number: int) -> str:
    return (NOON + timedelta(minutes=number)).isoformat()


def test_an_accepted_one(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.add("inbound_files", {"path": "web/a.gz"})
    warehouse.add("inbound_files", {"kind": "receipts", "destination": "tiktok", "file_id": "r1"})
    warehouse.add("inbound_paths", {"path": "r/a.ndjson", "file_id": "r1"})
    warehouse.add(
        "receipts",
        {"event_id": "m1", "outcome": "failed", "attempted_at": minute(1), "attempt": 1},
        {"event_id": "m1", "code": "0", "attempted_at": minute(2), "attempt": 2},
    )
    found = {"status": "accepted", "code": "0", "attempts": 2, "match_tier": 1}
    warehouse.add("reconciliation", {"event_id": "m1"} | ARRIVED | found)
    (event,) = warehouse.explain("m1", run_record()).events
    assert event.found_as == [Find("message_id"), Find("event_id", "tiktok", 1)]
    (occurrence,) = event.occurrences
    assert (occurrence.paths, occurrence.format, occurrence.container) == (
        ["web/a.gz"],
        "ndjson",
        "gzip",
    )
    assert (occurrence.arrival, occurrence.arrival_from) == (NOON, "received_at")
    assert occurrence.is_earliest
    (delivery,) = event.deliveries
    assert (delivery.event, delivery.event_id, delivery.key_tier) == ("CompletePayment", "m1", 1)
    assert delivery.rule is not None
    assert (delivery.rule.origin, delivery.rule.event) == ("preset segment", "Order Completed")
    assert [(a.outcome, a.is_deciding, a.paths) for a in delivery.attempts] == [
        ("failed", False, ["r/a.ndjson"]),
        ("accepted", True, ["r/a.ndjson"]),
    ]
    assert delivery.status is not None
    assert (delivery.status.status, delivery.status.account_day) == ("accepted", date(2026, 1, 15))
    assert delivery.explanation == "the destination took it (code 0)"
    assert (delivery.next_step, delivery.notes) == (None, ())
    assert delivery.run is not None
    assert (delivery.run.run_id, delivery.run.as_of) == ("run", AS_OF)


def test_a_missing_one_with_a_backfill(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    deadline = {"backfill_deadline": "2026-01-22T12:00:00Z"}
    missing = {"event_id": "m1", "status": "missing", "reason": "no_receipt"} | ARRIVED | deadline
    warehouse.add("reconciliation", missing)
    hour = {"starts_at": AT, "ends_at": "2026-01-15T13:00:00Z", "conversions": 30}
    warehouse.add("incidents", {"diagnosis": "delivery_outage"} | hour)
    delivery = warehouse.delivery("m1")
    assert (
        delivery.explanation == "the feed covers 2026-01-15 12:00 to 16:00 UTC and has no receipt"
    )
    assert delivery.next_step == (
        "safe to send again until 2026-01-22 12:00 UTC: archiver backfill --destination tiktok"
    )
    changed = msgspec.structs.replace(
        run_record(), parameters={"tiktok": {"retry_window": "3:00:00"}}
    )
    assert "covers the retry window from" in warehouse.delivery("m1", changed).explanation
    (incident,) = delivery.incidents
    assert (incident.diagnosis, incident.conversions) == ("delivery_outage", 30)
    sent = {"event_id": "m1", "backfill_id": "b1", "as_of": minute(600), "created_at": minute(601)}
    warehouse.add("backfills", sent)
    delivery = warehouse.delivery("m1")
    (backfill,) = delivery.backfills
    assert (backfill.batch, backfill.settled_at) == ("batch-00001.json", None)
    assert delivery.next_step == (
        "upload backfill b1, which holds it, and import the replies as receipts"
    )
    warehouse.add("receipts", {"event_id": "m1", "attempted_at": "2026-01-19T12:30:00Z"})
    delivery = warehouse.delivery("m1")
    (backfill,) = delivery.backfills
    assert backfill.settled_outcome == "accepted"
    assert delivery.next_step is not None
    assert delivery.next_step.startswith("nothing to send: accepted since then")
    assert [a.is_by_the_run for a in delivery.attempts] == [False]
    (note,) = delivery.notes
    assert note.startswith("1 attempt since, the last accepted: not in this status")


def test_a_conflict_of_two_events_with_one_match_key(warehouse: Warehouse) -> None:
    warehouse.order("m1", event_id="x1")
    warehouse.order("m2", event_id="x1", arrival=minute(5), value="13", order_id="other")
    warehouse.add(
        "reconciliation",
        {"event_id": "x1", "status": "conflict", "reason": "different_contents"} | ARRIVED,
    )
    delivery = warehouse.delivery("m2")
    assert [(o.message_id, o.is_counted, o.differs_in) for o in delivery.occurrences] == [
        ("m1", True, []),
        ("m2", False, ["order_id", "value"]),
    ]
    assert "(they differ in order_id, value)" in delivery.explanation
    assert delivery.next_step == "decide by hand which content is right; no backfill holds it"
    both = warehouse.explain("x1", run_record()).events
    assert [event.message_id for event in both] == ["m1", "m2"], "by arrival"
    assert all(event.found_as == [Find("event_id", "tiktok", 1)] for event in both)


def test_a_suppressed_one(warehouse: Warehouse) -> None:
    warehouse.order("m1", suppressed_reason="no_consent")
    suppressed = {"event_id": "m1", "status": "suppressed", "reason": "no_consent"}
    warehouse.add("reconciliation", suppressed | ARRIVED)
    delivery = warehouse.delivery("m1")
    assert delivery.explanation == (
        "must not be delivered: the event's own consent record refuses; so not expected"
    )
    assert delivery.next_step is None


def test_an_unarchived_one(warehouse: Warehouse) -> None:
    receipt = {"event_id": "x9", "attempted_at": minute(1), "request_id": "q1"}
    warehouse.add("receipts", receipt, receipt | {"destination": "meta"})
    explanation = warehouse.explain("x9", run_record())
    assert explanation.events == []
    (attempt,) = explanation.unarchived
    assert (attempt.destination, attempt.request_id, attempt.owner_id) == ("tiktok", "q1", None)


def test_nothing_has_the_id(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    with pytest.raises(UsageError, match=r"looking for 'm\\x1b': no event .* cannot be searched"):
        warehouse.explain("m\x1b", run_record())


def test_an_error_repeats_only_the_beginning_of_a_long_id(warehouse: Warehouse) -> None:
    with pytest.raises(UsageError) as failed:
        warehouse.explain("m" * 5000, run_record())
    assert failed.value.doing == f"looking for '{'m' * 60}…'"
    with pytest.raises(UsageError) as failed:
        warehouse.explain("m" * 60, run_record())
    assert failed.value.doing == f"looking for '{'m' * 60}'"


def test_an_id_that_is_not_utf_8(warehouse: Warehouse) -> None:
    with pytest.raises(UsageError, match=r"looking for 'm\\udcff': the id is not UTF-8") as failed:
        explain_id(warehouse.config, IdQuestion("m\udcff"))
    assert "archiver sql" in failed.value.hint


def test_an_order_on_several_events(warehouse: Warehouse) -> None:
    warehouse.order("m1", order_id="o1")
    warehouse.order("m2", order_id="o1", arrival=minute(-5))
    warehouse.order("m3", order_id="o2")
    events = warehouse.explain("o1").events
    assert [event.message_id for event in events] == ["m2", "m1"]
    assert {find.found_as for event in events for find in event.found_as} == {"order_id"}


def test_two_events_without_a_message_id_stay_two(warehouse: Warehouse) -> None:
    for number in range(2):
        warehouse.add("event_segments", {"order_id": "o1", "record_number": number})
        keyless = {"order_id": "o1", "record_number": number, "arrival": AT}
        warehouse.add("conversion_occurrences", keyless)
        unknown = {"status": "unknown", "reason": "no_key", "record_number": number}
        arrived = {"arrival": minute(number), "value": number}
        warehouse.add("reconciliation", unknown | arrived)
    minutes = {"starts_at": AT, "ends_at": minute(0), "conversions": 20}
    warehouse.add("incidents", {"diagnosis": "receipts_missing"} | minutes)
    events = warehouse.explain("o1", run_record()).events
    found = [(event.occurrences, event.deliveries) for event in events]
    assert [[o.record_number for o in occurrences] for occurrences, _ in found] == [[0], [1]]
    assert [[d.status and d.status.value for d in deliveries] for _, deliveries in found] == [
        [0],
        [1],
    ]
    assert "no receipt can be matched" in events[0].deliveries[0].explanation
    assert [len(deliveries[0].incidents) for _, deliveries in found] == [1, 0]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"event": "Page Seen"}, "not expected: no rule of tiktok selects it"),
        ({"source": "app"}, "not expected: app is not among the sources of tiktok"),
        ({"event": "Internal Order"}, "not expected: rules[0] of tiktok ignores it"),
        ({}, "not expected: today's rules select it, those of the last load did not"),
    ],
)
def test_no_rule_selects_it(warehouse: Warehouse, event: dict[str, str], words: str) -> None:
    warehouse.add("event_segments", {"message_id": "m1"} | event)
    warehouse.add("receipts", {"event_id": "m1", "attempted_at": AT})
    refund = event | {"finding": "refund_without_order", "message_id": "m1", "event": None}
    warehouse.add("findings", refund, refund | {"message_id": "m2"})
    explanation = warehouse.explain("m1", run_record())
    (delivery,) = explanation.events[0].deliveries
    assert [finding.finding for finding in delivery.findings] == ["refund_without_order"]
    assert (delivery.event, delivery.status, delivery.explanation) == (None, None, words)
    assert [attempt.relation for attempt in delivery.attempts] == ["none"]
    assert explanation.unarchived == [], "it is archived, and shown above"


def test_a_finding_about_one_event_is_not_told_of_another(warehouse: Warehouse) -> None:
    for message_id in ("m1", "m2"):
        page = {"message_id": message_id, "event": "Page Seen", "order_id": "o1"}
        warehouse.add("event_segments", page)
    warehouse.add("findings", {"finding": "refund_without_order", "message_id": "m2"})
    events = warehouse.explain("o1", run_record()).events
    assert [len(event.deliveries[0].findings) for event in events] == [0, 1]


def test_what_the_run_does_not_have(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    assert warehouse.explain("m1").events[0].deliveries[0].explanation == (
        "it was not reconciled yet"
    )
    before = run_record(as_of=NOON - timedelta(seconds=1))
    assert warehouse.delivery("m1", before).explanation == ("it arrived after the as-of of the run")
    days = run_record(from_day=date(2026, 1, 16))
    assert "it has the account days from 2026-01-16 to the end" in (
        warehouse.delivery("m1", days).explanation
    )
    assert "it was imported, or a rule changed, after the run" in (
        warehouse.delivery("m1").explanation
    )
    warehouse.order("m2", arrival=None, event_time=None)
    assert "in no reconciliation" in warehouse.delivery("m2").explanation


def test_a_run_of_some_days_gives_way_to_one_of_all(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.order("m2")
    lost = {"status": "missing", "reason": "no_receipt"} | ARRIVED
    warehouse.add("reconciliation", {"run_id": "whole", "event_id": "m1"} | lost)
    warehouse.add("reconciliation", {"run_id": "whole", "event_id": "m2"} | lost)
    warehouse.add("reconciliation", {"run_id": "day", "event_id": "m2"} | lost)
    runs = (
        run_record("day", AS_OF + timedelta(days=1), from_day=date(2026, 1, 15)),
        run_record("whole"),
    )
    for message_id, run_id in (("m1", "whole"), ("m2", "day")):
        delivery = warehouse.delivery(message_id, *runs)
        assert delivery.run is not None
        assert delivery.run.run_id == run_id


def test_what_came_in_after_the_run_is_noted(warehouse: Warehouse) -> None:
    warehouse.order("m1", record_number=7)
    warehouse.order("m1", arrival=minute(-1), record_number=1)
    warehouse.add("receipts", {"event_id": "m1", "attempted_at": minute(1)})
    row = {"event_id": "m1", "status": "missing", "record_number": 7} | ARRIVED
    warehouse.add("reconciliation", row)
    delivery = warehouse.delivery("m1")
    attempts, earlier = delivery.notes
    assert attempts.startswith("the run knew 0 attempts, now there is 1 up to its as-of")
    assert "arrived before the one that counted" in earlier
    assert [(o.record_number, o.is_counted) for o in delivery.occurrences] == [
        (1, False),
        (7, True),
    ]


def test_findings_are_of_the_run_that_is_shown(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.add("reconciliation", {"event_id": "m1", "status": "accepted"} | ARRIVED)
    mismatch = {"finding": "value_mismatch", "event_id": "m1", "detail": "13 USD"}
    warehouse.add("findings", mismatch, mismatch | {"run_id": "other", "detail": "14 USD"})
    (finding,) = warehouse.delivery("m1").findings
    assert (finding.finding, finding.detail) == ("value_mismatch", "13 USD")


def test_type_issues_are_named(warehouse: Warehouse) -> None:
    warehouse.add("event_segments", {"message_id": "m1", "type_issues": "event_time, value"})
    (event,) = warehouse.explain("m1").events
    assert event.occurrences[0].type_issues == ["event_time", "value"]


def test_the_document_is_plain_json_without_personal_data(warehouse: Warehouse) -> None:
    warehouse.order("m1")
    warehouse.connection.execute("UPDATE event_segments SET user_id = 'ann', anonymous_id = 'bob'")
    warehouse.add("reconciliation", {"event_id": "m1", "status": "accepted"} | ARRIVED)
    warehouse.add("receipts", {"event_id": "m1", "attempted_at": AT, "message": "cyd"})
    document = as_json(warehouse.explain("m1", run_record()))
    assert document.keys() == {"id", "events", "unarchived"}
    (event,) = document["events"]
    assert event.keys() == {"source", "message_id", "found_as", "occurrences", "deliveries"}
    (occurrence,) = event["occurrences"]
    assert (occurrence["arrival"], occurrence["value"]) == (AT, "12.50")
    (delivery,) = event["deliveries"]
    assert delivery["status"]["account_day"] == "2026-01-15"
    assert delivery["run"]["as_of"] == "2026-01-19T12:00:00Z"
    (attempt,) = delivery["attempts"]
    assert "message" not in attempt
    assert not {"ann", "bob", "cyd"} & set(str(document).replace("'", " ").split())


def keep(folder: Path, record: RunRecord, *, asked: bool = True) -> None:
    run = folder / "runs" / record.run_id
    run.mkdir(parents=True)
    (run / "run.json").write_bytes(msgspec.json.encode(record))
    if asked:
        number = len(list(folder.glob("runs/*/.asked"))) + 1
        known = {"number": number, "first_asked_at": AS_OF, "previous": None}
        (run / ".asked").write_bytes(msgspec.json.encode(known))


def test_the_run_is_the_last_that_was_asked_for(tmp_path: Path) -> None:
    def chosen(as_of: datetime | None = None, name: str = "tiktok") -> list[str]:
        return [record.run_id for record in chosen_runs(kept_runs(tmp_path), [name], as_of)[name]]

    keep(tmp_path, run_record("for-a-backfill", AS_OF + timedelta(days=2)), asked=False)
    assert chosen() == []
    with pytest.raises(UsageError, match="the last kept are as of 2026-01-21T12:00:00Z"):
        chosen(AS_OF)
    with pytest.raises(UsageError, match="no run of meta is kept yet"):
        chosen(AS_OF, name="meta")
    keep(tmp_path, run_record("z-first"))
    keep(tmp_path, run_record("later", AS_OF + timedelta(days=1)))
    assert chosen() == ["later"]
    assert chosen(AS_OF) == ["z-first"]
    assert chosen(AS_OF + timedelta(days=2)) == ["for-a-backfill"]
    assert chosen(name="meta") == []
    keep(tmp_path, run_record("day", from_day=date(2026, 1, 15), to_day=date(2026, 1, 15)))
    assert chosen() == ["day", "later"]
    with pytest.raises(UsageError, match=r"the last kept are as of 2026-01-19T12:00:00Z"):
        chosen(AS_OF + timedelta(days=9))
