"""Why a conversion has its status, what can be done about it, and what has changed since the run.

Definitions: docs/reconciliation.md. The sentences hold no personal data and no control characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from archiver.config import DestinationSettings
from archiver.destinations import can_build
from archiver.report.explanation import Delivery, RunOfDestination, Status
from archiver.texts import plain

SUPPRESSED = {
    "integration_off": "the event itself switches this destination off (integrations)",
    "no_consent": "the event's own consent record refuses",
    "test_event": "it is a test event by the destination's test_events",
    "filtered": "a filter of the destination or of the rule keeps it out",
    "excluded": "something else delivered it, by an excluded window of the configuration",
    "erased": "its user or message is in a file of [privacy] erased",
}
_UNKNOWN = {
    "no_key": "it has no id, so that no receipt can be matched with it",
    "totals_only": "the destination only gives counts, and nothing about single events",
}
_AMBIGUOUS = {
    "other_event_name": "there are receipts for its id, but under another event name",
    "shared_key": "an attempt names an id that it shares with another conversion, to which the"
    " attempt belongs",
}


@dataclass(frozen=True)
class Words:
    """What is said of one delivery.

    Attributes:
        explanation: the status, or why there is none.
        next_step: what can be done; None where nothing need be.
        notes: what has changed since the run.
    """

    explanation: str
    next_step: str | None
    notes: tuple[str, ...]


def when(instant: datetime | None, *, seconds: bool = False) -> str:
    """An instant for people, in UTC."""
    if instant is None:
        return "an unknown time"
    return instant.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''} UTC")


def explained(delivery: Delivery, settings: DestinationSettings, source: str) -> Words:
    """Say in plain words what became of an event at one destination.

    Args:
        delivery: all that is known of it; its own words are ignored.
        settings: of the destination.
        source: of the event.
    """
    if delivery.event is None:
        return _not_selected(delivery, settings, source)
    if delivery.run is None:
        return Words("it was not reconciled yet", "archiver reconcile", ())
    if delivery.status is None:
        return _not_in_run(delivery, delivery.run)
    explanation = _explanation(delivery, delivery.status, settings)
    next_step = _next_step(delivery, delivery.status, delivery.run, settings)
    return Words(explanation, next_step, tuple(_notes(delivery, delivery.status)))


def _not_selected(delivery: Delivery, settings: DestinationSettings, source: str) -> Words:
    name, rule = delivery.destination, delivery.rule
    notes = ("receipts name its id all the same",) if delivery.attempts else ()
    if settings.sources and source not in settings.sources:
        return Words(f"not expected: {source} is not among the sources of {name}", None, notes)
    if rule is None:
        return Words(f"not expected: no rule of {name} selects it", None, notes)
    if rule.is_ignored:
        return Words(f"not expected: {rule.origin} of {name} ignores it", None, notes)
    if rule.name is None:
        return Words("not expected: the rule leaves the name to it, and it has none", None, notes)
    changed = "today's rules select it, those of the last load did not"
    return Words(f"not expected: {changed}", "archiver load", notes)


def _not_in_run(delivery: Delivery, run: RunOfDestination) -> Words:
    arrivals = [o.arrival for o in delivery.occurrences if o.arrival is not None]
    if not arrivals:
        why = "no occurrence has any time, so that it is in no reconciliation (finding no_time)"
        return Words(why, None, ())
    if min(arrivals) > run.as_of:
        why = "it arrived after the as-of of the run"
        return Words(why, f"archiver reconcile --destination {delivery.destination}", ())
    if run.from_day or run.to_day:
        days = f"{run.from_day or 'the beginning'} to {run.to_day or 'the end'}"
        why = f"the run has no such conversion; it has the account days from {days}"
    else:
        why = "the run has no such conversion: it was imported, or a rule changed, after the run"
    return Words(why, f"archiver reconcile --destination {delivery.destination}", ())


def _explanation(delivery: Delivery, status: Status, settings: DestinationSettings) -> str:
    code = f" (code {plain(status.code)})" if status.code else ""
    span = _span(status.arrival, delivery.retry_ends_at)
    match status.status:
        case "suppressed":
            reason = status.reason or ""
            why = SUPPRESSED.get(reason, reason)
            if reason == "excluded":
                why += _excluded_because(delivery, settings)
            return f"must not be delivered: {why}; so not expected"
        case "accepted" if "inferred" in (status.reason or ""):
            return f"the feed reports failures only, covers {span} and has none"
        case "accepted":
            return f"the destination took it{code}"
        case "conflict":
            contents = _contents(delivery)
            return f"one match key stands for different contents{contents}: it is not clear which"
        case "rejected":
            # By whom is not known: hubs refuse some before they deliver anything.
            return f"it was refused for good{code}"
        case "pending":
            return f"the hub may still retry, up to {when(delivery.retry_ends_at)}"
        case "ambiguous":
            reason = status.reason or ""
            return _AMBIGUOUS.get(reason, f"an attempt may have landed{code}: no reply tells")
        case "failed" if status.attempts == 1:
            return f"its only attempt was not taken{code}"
        case "failed":
            return f"none of its {status.attempts} attempts was taken{code}"
        case "unknown":
            reason = status.reason or ""
            uncovered = f"no receipt, and the feed does not cover {span}"
            return _UNKNOWN.get(reason, f"{uncovered}: neither delivered nor lost")
        case _:
            return f"the feed covers {span} and has no receipt"


def _excluded_because(delivery: Delivery, settings: DestinationSettings) -> str:
    """The user's own reasons of today's windows that hold its instant."""
    instants = [o.event_time or o.arrival for o in delivery.occurrences if o.is_counted]
    reasons = dict.fromkeys(
        plain(window.reason)
        for window in settings.exclude
        for instant in instants
        if instant is not None and window.from_ <= instant < window.to
    )
    return f" ({'; '.join(reasons)})" if reasons else ""


def _contents(delivery: Delivery) -> str:
    names = sorted({name for o in delivery.occurrences for name in o.differs_in})
    return f" (they differ in {', '.join(names)})" if names else ""


def _span(start: datetime, end: datetime | None) -> str:
    if end is None:
        return f"the retry window from {when(start)}"
    same_day = start.date() == end.date()
    return f"{start:%Y-%m-%d %H:%M} to {end.strftime('%H:%M UTC') if same_day else when(end)}"


def _next_step(
    delivery: Delivery, status: Status, run: RunOfDestination, settings: DestinationSettings
) -> str | None:
    name = delivery.destination
    later = [a for a in delivery.attempts if a.relation == "own" and not a.is_by_the_run]
    if status.status in ("suppressed", "accepted"):
        return None
    if any(attempt.outcome == "accepted" for attempt in later):
        return f"nothing to send: accepted since then; archiver reconcile --destination {name}"
    if status.status == "pending":
        return f"wait, and then: archiver reconcile --destination {name}"
    if status.status == "unknown":
        if status.reason in ("no_key", "totals_only"):
            return None
        vouch = f"archiver receipts --destination {name} --covers START/END"
        return f"import the receipts of that time; if the feed is complete, vouch for it: {vouch}"
    refused = {o.suppressed_reason for o in delivery.occurrences if o.suppressed_reason}
    if refused:
        reason = sorted(refused)[0]
        return f"no backfill: of another occurrence, {SUPPRESSED.get(reason, reason)}"
    if status.status == "conflict":
        return "decide by hand which content is right; no backfill holds it"
    open_ones = [b for b in delivery.backfills if b.settled_at is None and b.voided_at is None]
    if open_ones:
        last = open_ones[-1].backfill_id
        return f"upload backfill {last}, which holds it, and import the replies as receipts"
    if status.backfill_deadline is not None and status.backfill_deadline < run.as_of:
        return f"lost: too old for the destination since {when(status.backfill_deadline)}"
    return _sending(status, settings, name)


def _sending(status: Status, settings: DestinationSettings, destination: str) -> str:
    command = f"archiver backfill --destination {destination}"
    deadline = status.backfill_deadline
    until = f" until {when(deadline)}" if deadline else ""
    if settings.pixel == "other_id":
        browser = "the browser pixel may have counted it under another id"
        risky = f"{browser}; with that risk, it can be sent{until}"
        return f"{risky}: {_by(settings, f'{command} --include beyond-dedup')}"
    if status.status == "rejected":
        repaired = f"repair the cause, then send it again{until}"
        return f"{repaired}: {_by(settings, f'{command} --include rejected')}"
    if status.status == "ambiguous":
        twice = "sending it may count it twice"
        risky = f"{twice}; with that risk, it can be sent{until}"
        return f"{risky}: {_by(settings, f'{command} --include ambiguous')}"
    if settings.pixel == "same_id":
        return f"to be sent again within the pixel's window{until}: {_by(settings, command)}"
    return f"safe to send again{until}: {_by(settings, command)}"


def _by(settings: DestinationSettings, command: str) -> str:
    """How to send it: with the command, or by other means where nothing builds the requests."""
    if can_build(settings.type, settings.preset, settings.event_source):
        return command
    return (
        f"by other means: archiver cannot build requests of type {settings.type} with preset"
        f" {settings.preset!r} yet; ids and amounts are in the table reconciliation: archiver sql"
    )


def _notes(delivery: Delivery, status: Status) -> Iterator[str]:
    own = [attempt for attempt in delivery.attempts if attempt.relation == "own"]
    by_then = [attempt for attempt in own if attempt.is_by_the_run]
    later = [attempt for attempt in own if not attempt.is_by_the_run]
    again = f"archiver reconcile --destination {delivery.destination}"
    if later:
        attempts = f"{_count(len(later), 'attempt')} since, the last {later[-1].outcome}"
        yield f"{attempts}: not in this status; {again}"
    if len(by_then) != status.attempts:
        yield (
            f"the run knew {_count(status.attempts, 'attempt')}, now there"
            f" {'is' if len(by_then) == 1 else 'are'} {len(by_then)} up to its as-of; {again}"
        )
    first = delivery.occurrences[0]
    if (first.source, first.file_id, first.record_number) != (
        status.source,
        status.file_id,
        status.record_number,
    ):
        yield f"an occurrence was imported since that arrived before the one that counted; {again}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
