"""Puts the rows that `sql/explain/` yields for an id together: per event, per destination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from archiver.config import DestinationSettings
from archiver.report.explanation import (
    Attempt,
    ConversionOccurrence,
    Delivery,
    ExplainedEvent,
    Explanation,
    Find,
    FoundFinding,
    FoundIncident,
    FoundOccurrence,
    InBackfill,
    Rule,
    RunOfDestination,
    Status,
)
from archiver.report.wording import explained
from archiver.warehouse.rules import DestinationRules
from archiver.warehouse.runs import RunRecord

Row = dict[str, Any]
Place = tuple[str, str, int]
T = TypeVar("T")

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """The rows of each file of `sql/explain/`, and what the destinations' names stand for.

    Attributes:
        wanted_id: what was asked for.
        runs: each destination's runs, the one to look into first.
        settings, rules: each destination's, of today's configuration.
        found_events, explained_occurrences, explained_conversions, explained_attempts,
            explained_statuses, findings, incidents, backfills, receipt_paths: rows.
    """

    wanted_id: str
    runs: dict[str, list[RunRecord]]
    settings: dict[str, DestinationSettings]
    rules: dict[str, DestinationRules]
    found_events: list[Row]
    explained_occurrences: list[Row]
    explained_conversions: list[Row]
    explained_attempts: list[Row]
    explained_statuses: list[Row]
    findings: list[Row]
    incidents: list[Row]
    backfills: list[Row]
    receipt_paths: list[Row]


@dataclass(frozen=True)
class _Key:
    """Which conversion: its match key, or without an id the place of its one occurrence."""

    destination: str
    event_id: str | None
    event: str
    keyless_place: Place | None


def assembled(answer: Answer) -> Explanation:
    """Put the rows together; the events by arrival, the deliveries by destination and name."""
    events: dict[tuple[str, str | None, Place | None], list[Row]] = {}
    for row in answer.explained_occurrences:
        idless_place = None if row["message_id"] is not None else _place(row)
        events.setdefault((row["source"], row["message_id"], idless_place), []).append(row)
    ordered = sorted(
        events.items(), key=lambda item: (item[1][0]["arrival"] or _NEVER, str(item[0]))
    )
    explained_events = [_event(answer, rows) for _, rows in ordered]
    shown = {
        (attempt.destination, attempt.event_id)
        for event in explained_events
        for delivery in event.deliveries
        for attempt in delivery.attempts
    }
    return Explanation(
        id=answer.wanted_id,
        events=explained_events,
        unarchived=[
            _attempt(answer, row)
            for row in answer.explained_attempts
            if row["relation"] == "none"
            and row["event_id"] == answer.wanted_id
            and (row["destination"], row["event_id"]) not in shown
        ],
    )


def _event(answer: Answer, occurrences: list[Row]) -> ExplainedEvent:
    first = occurrences[0]
    places = {_place(row) for row in occurrences}
    found_as = {
        Find(row["found_as"], row["destination"], row["key_tier"])
        for row in answer.found_events
        if row["source"] == first["source"]
        and row["message_id"] == first["message_id"]
        and (row["message_id"] is not None or _place(row) in places)
    }
    return ExplainedEvent(
        source=first["source"],
        message_id=first["message_id"],
        found_as=sorted(found_as, key=lambda find: (_FOUND_AS.index(find.found_as), str(find))),
        occurrences=[
            _made(
                FoundOccurrence,
                row,
                type_issues=_split(row["type_issues"]),
                is_earliest=row["place"] == 1,
                differs_in=_split(row["differs_in"]),
            )
            for row in occurrences
        ],
        deliveries=[
            delivery
            for name in answer.runs
            for delivery in _deliveries(answer, name, first, places)
        ],
    )


_FOUND_AS = ("message_id", "event_id", "further_id", "order_id")


def _deliveries(
    answer: Answer, destination: str, first: Row, places: set[Place]
) -> Iterator[Delivery]:
    keys = dict.fromkeys(
        _key(row)
        for row in answer.explained_conversions
        if row["destination"] == destination and _place(row) in places
    )
    for key in keys:
        yield _worded(answer, _delivery(answer, key, first), first)
    if not keys:
        runs = answer.runs[destination]
        nothing = Delivery(
            destination=destination,
            event=None,
            event_id=None,
            key_tier=None,
            further_ids=[],
            rule=_rule(answer, destination, first["type"], first["event"]),
            retry_ends_at=None,
            occurrences=[],
            attempts=[
                _attempt(answer, row)
                for row in answer.explained_attempts
                if row["destination"] == destination
                and row["relation"] == "none"
                and row["event_id"] == first["message_id"]
            ],
            run=_run(runs[0], destination) if runs else None,
            status=None,
            findings=[
                _made(FoundFinding, row)
                for row in answer.findings
                if row["destination"] == destination
                and row["run_id"] == (runs[0].run_id if runs else None)
                and (row["source"], row["message_id"]) == (first["source"], first["message_id"])
            ],
            incidents=[],
            backfills=[],
        )
        yield _worded(answer, nothing, first)


def _worded(answer: Answer, delivery: Delivery, event: Row) -> Delivery:
    words = explained(delivery, answer.settings[delivery.destination], event["source"])
    return replace(
        delivery, explanation=words.explanation, next_step=words.next_step, notes=words.notes
    )


def _delivery(answer: Answer, key: _Key, event: Row) -> Delivery:
    rows = [row for row in answer.explained_conversions if _key(row) == key]
    first = rows[0]
    found_status = _status(answer, key)
    status, record = found_status or (None, None)
    if record is None and answer.runs[key.destination]:
        record = answer.runs[key.destination][0]
    counted = _place(first) if status is None else _place(vars(status))
    run_id = record.run_id if record else None
    return Delivery(
        destination=key.destination,
        event=key.event,
        event_id=key.event_id,
        key_tier=first["key_tier"],
        further_ids=first["further_ids"],
        rule=_rule(answer, key.destination, event["type"], event["event"]),
        retry_ends_at=_retry_ends_at(answer, key.destination, status, record),
        occurrences=[
            _made(
                ConversionOccurrence,
                row,
                is_counted=_place(row) == counted,
                differs_in=_split(row["differs_in"]),
            )
            for row in rows
        ],
        attempts=[
            _attempt(answer, row)
            for row in answer.explained_attempts
            if row["destination"] == key.destination
            and row["for_event"] == key.event
            and row["for_event_id"] == key.event_id
        ],
        run=_run(record, key.destination) if record else None,
        status=status,
        findings=[
            _made(FoundFinding, row)
            for row in answer.findings
            if row["destination"] == key.destination
            and row["run_id"] == run_id
            and _is_about(row, key, event)
        ],
        incidents=[
            _made(FoundIncident, row)
            for row in answer.incidents
            if row["run_id"] == run_id
            and row["destination"] == key.destination
            and (row["event_id"], row["event"]) == (key.event_id, key.event)
            and (
                key.keyless_place is None
                or (row["file_id"], row["record_number"]) == key.keyless_place[1:]
            )
        ],
        backfills=[
            _made(InBackfill, row)
            for row in answer.backfills
            if row["destination"] == key.destination
            and (row["event_id"], row["event"]) == (key.event_id, key.event)
        ],
    )


def _is_about(finding: Row, key: _Key, event: Row) -> bool:
    """By its match key; where it has none, by the event itself."""
    if finding["event_id"] is not None and finding["event"] is not None:
        return (finding["event_id"], finding["event"]) == (key.event_id, key.event)
    return (finding["source"], finding["message_id"]) == (event["source"], event["message_id"])


def _status(answer: Answer, key: _Key) -> tuple[Status, RunRecord] | None:
    """What the chosen run says of the conversion, with that run."""
    for row in answer.explained_statuses:
        if _key(row) == key:
            (record,) = (r for r in answer.runs[key.destination] if r.run_id == row["run_id"])
            return _made(Status, row), record
    return None


def _rule(
    answer: Answer, destination: str, call_type: str | None, event: str | None
) -> Rule | None:
    """The rule that decides about events of this type and name."""
    for index, rule in enumerate(answer.rules[destination].rules):
        if rule.fits(call_type, event):
            own = len(answer.settings[destination].rules)
            return Rule(
                origin=f"rules[{index}]"
                if index < own
                else f"preset {answer.settings[destination].preset}",
                call_type=rule.call_type,
                event=rule.event,
                name=rule.name,
                is_ignored=rule.is_ignored,
            )
    return None


def _retry_ends_at(
    answer: Answer, destination: str, status: Status | None, record: RunRecord | None
) -> datetime | None:
    """Known where the retry window is still the one that the run judged by."""
    if status is None or record is None:
        return None
    window = answer.settings[destination].retry_window
    judged_by = record.parameters.get(destination, {}).get("retry_window")
    return status.arrival + window if judged_by == str(window) else None


def _run(record: RunRecord, destination: str) -> RunOfDestination:
    return RunOfDestination(
        run_id=record.run_id,
        as_of=record.as_of,
        from_day=record.from_day,
        to_day=record.to_day,
        account_timezone=record.destinations[destination],
    )


def _attempt(answer: Answer, row: Row) -> Attempt:
    paths = [
        found["paths"]
        for found in answer.receipt_paths
        if (found["destination"], found["file_id"]) == (row["destination"], row["file_id"])
    ]
    return _made(Attempt, row, paths=paths[0] if paths else [])


def _key(row: Row) -> _Key:
    place = _place(row) if row["event_id"] is None else None
    return _Key(row["destination"], row["event_id"], row["event"], place)


def _place(row: Row) -> Place:
    return row["source"], row["file_id"], row["record_number"]


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _made(kind: type[T], row: Row, **more: Any) -> T:
    """One of the small types of `explanation`, from the columns of the same names."""
    names: Iterable[str] = (field.name for field in fields(kind))  # type: ignore[arg-type]
    return kind(**{name: more[name] if name in more else row[name] for name in names})
