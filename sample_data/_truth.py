"""What a reconciliation of the week must find, worked out from what was planted.

It follows DESIGN §6 in plain Python and reads no generated file. Each planted fault also states its
outcome (`PROMISED`), and the two must agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from _delivery import Request
from _plants import LOST_UNTIL, OUTAGE_START, RETRY_WINDOW
from _world import DAY, HOUR, Event, at, instant, iso

AS_OF = at("2026-01-19T12:00")
MAX_AGE = 7 * DAY
NEW_YORK = -5 * HOUR  # all week
INCIDENT_MIN = 10

GAP = ("missing", "failed", "rejected", "ambiguous", "conflict")
COUNTS = ("expected", "accepted", "pending", "unknown", "gap", *GAP, "suppressed", "unarchived")
TERMS = ("expected", "accepted", "pending", "unknown", "gap")

PROMISED = {
    "lost": "missing",
    "silent": "unknown",
    "no_key": "unknown",
    "refused": "rejected",
    "throttled_lost": "failed",
    "throttled_once": "accepted",
    "resent": "accepted",
    "timeout_landed": "accepted",
    "timeout_mute": "ambiguous",
    "value_mismatch": "accepted",
    "two_contents_open": "conflict",
    "two_contents_accepted": "accepted",
    "off_all": "suppressed",
    "off_tiktok": "suppressed",
    "off_all_on_tiktok": "accepted",
}


@dataclass(eq=False)
class Row:
    """One conversion with its one status."""

    first: Event
    variants: int
    status: str = ""
    covered: bool = True

    @property
    def day(self) -> str:
        """The account day, New York."""
        return day_of(self.first.time)


@dataclass(frozen=True)
class Silence:
    """A run of conversions by arrival that the receipts know nothing of."""

    start: int
    end: int
    rows: tuple[Row, ...]


def day_of(time: int) -> str:
    """The New York day of an instant."""
    return iso(time + NEW_YORK)[:10]


def conversions(web: Iterable[Event]) -> list[Row]:
    """One row per match key (each keyless event on its own), by first arrival."""
    found: dict[Any, list[Event]] = defaultdict(list)
    for event in sorted(web, key=lambda e: e.received):
        if event.target:
            found[(event.message_id, event.target) if event.message_id else id(event)].append(event)
    rows = []
    for events in found.values():
        assert len({event.received for event in events}) == len(events), "arrivals tie"
        contents = {(e.doc.get("event"), e.original, e.order_id, e.amount) for e in events}
        rows.append(Row(events[0], len(contents)))
    return sorted(rows, key=lambda row: row.first.received)


def judge(rows: list[Row], requests: list[Request]) -> list[Silence]:
    """Give every conversion its status; returns the silences of the feed."""
    attempts: dict[str, dict[str, list[tuple[int, int, str]]]] = defaultdict(dict)
    newest = 0
    for request in requests:
        assert request.sent <= AS_OF
        newest = max(newest, request.sent)
        for item, outcome in zip(request.items, request.outcomes, strict=True):
            tries = attempts[item.event_id].setdefault(item.name, [])
            tries.append((request.sent, request.attempt, outcome))
    silences = _silences(rows, set(attempts))
    for row in rows:
        first = row.first
        by_name = attempts.get(first.message_id or "", {})
        tries = sorted(by_name.get(first.target or "", []))
        outcomes = {outcome for _, _, outcome in tries}
        row.covered = first.received + RETRY_WINDOW <= newest and not any(
            s.start <= first.received + RETRY_WINDOW and first.received <= s.end for s in silences
        )
        if first.suppressed:
            row.status = "suppressed"
        elif "accepted" in outcomes:
            row.status = "accepted"
        elif row.variants > 1:
            row.status = "conflict"
        elif "unknown" not in outcomes and tries and tries[-1][2] == "rejected":
            row.status = "rejected"
        elif AS_OF - first.received <= RETRY_WINDOW:
            row.status = "pending"
        elif "unknown" in outcomes or set(by_name) - {first.target}:
            row.status = "ambiguous"
        elif tries:
            row.status = "failed"
        elif first.message_id is None or not row.covered:
            row.status = "unknown"
        else:
            row.status = "missing"
    _check_promises(rows)
    return silences


def _silences(rows: list[Row], known_ids: set[str]) -> list[Silence]:
    silences: list[Silence] = []
    run: list[Row] = []

    def close() -> None:
        if len(run) >= 20 and run[-1].first.received - run[0].first.received >= HOUR:
            silences.append(Silence(run[0].first.received, run[-1].first.received, tuple(run)))
        run.clear()

    for row in rows:
        if row.first.message_id is None or row.first.suppressed:
            continue
        if row.first.message_id in known_ids:
            close()
        else:
            run.append(row)
    close()
    return silences


def _check_promises(rows: list[Row]) -> None:
    refused_rows = 0
    for row in rows:
        first = row.first
        lost = OUTAGE_START <= first.received < LOST_UNTIL
        promised = PROMISED.get(first.plant, "failed" if lost else "accepted")
        if first.plant == "refused_row" and row.status == "rejected":
            refused_rows += 1
            continue
        assert row.status == promised, (first.plant, row.status, first.doc)
    assert refused_rows == 1


def money(amount: Decimal) -> str:
    """A decimal as text with two places."""
    return str(amount.quantize(Decimal("0.01")))


def values(rows: Iterable[Row]) -> dict[str, str]:
    """The sum of the amounts per currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.first.amount is not None and row.first.currency:
            sums[row.first.currency] += row.first.amount
    return {currency: money(total) for currency, total in sorted(sums.items())}


def tally(rows: list[Row], unarchived: int) -> dict[str, Any]:
    """Counts and values of a set of conversions, with the identity checked."""
    terms = {term: [row for row in rows if row.status == term] for term in ("accepted", "pending")}
    terms["unknown"] = [row for row in rows if row.status == "unknown"]
    terms["gap"] = [row for row in rows if row.status in GAP]
    terms["expected"] = [row for row in rows if row.status != "suppressed"]
    assert len(terms["expected"]) == sum(len(terms[term]) for term in TERMS[1:])
    counts = {term: len(terms[term]) for term in TERMS}
    counts |= {status: sum(row.status == status for row in rows) for status in GAP}
    counts["suppressed"] = len(rows) - counts["expected"]
    counts["unarchived"] = unarchived
    sums = {term: values(terms[term]) for term in TERMS}
    expired = sum(row.first.time + MAX_AGE < AS_OF for row in terms["gap"])
    value = {
        currency: {term: sums[term].get(currency, "0.00") for term in TERMS}
        for currency in sums["expected"]
    }
    return {
        **{name: counts[name] for name in COUNTS},
        "value": value,
        "recoverable": counts["gap"] - expired,
        "expired": expired,
    }


def strangers(requests: list[Request], archived_ids: set[str | None]) -> set[tuple[str, str, str]]:
    """Match keys of receipts whose event id is on no event: (account day, name, id)."""
    return {
        (day_of(item.time), item.name, item.event_id)
        for request in requests
        for item in request.items
        if item.event_id not in archived_ids
    }


def incidents(rows: list[Row], silences: list[Silence]) -> list[dict[str, Any]]:
    """Outages by hour of arrival, and silences, by start."""
    hours: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row.status not in ("suppressed", "pending") and row.covered and row.first.message_id:
            hours[row.first.received // HOUR].append(row)
    found: list[list[int]] = []
    was_bad = False
    for hour in sorted(hours):
        settled = hours[hour]
        if len(settled) < INCIDENT_MIN:
            continue
        bad = sum(row.status == "accepted" for row in settled) * 2 < len(settled)
        if bad and was_bad:
            found[-1][1] = hour
        elif bad:
            found.append([hour, hour])
        was_bad = bad
    result = []
    for start, end in found:
        inside = [row for hour in range(start, end + 1) for row in hours.get(hour, [])]
        lost = [row for row in inside if row.status in GAP]
        result.append(
            {
                "start": instant(start * HOUR),
                "end": instant((end + 1) * HOUR),
                "diagnosis": "delivery_outage",
                "conversions": len(inside),
                "value": values(inside),
                "gap_conversions": len(lost),
                "gap_value": values(lost),
            }
        )
    for silence in silences:
        result.append(
            {
                "start": instant(silence.start),
                "end": instant(silence.end),
                "diagnosis": "receipts_missing",
                "conversions": len(silence.rows),
                "value": values(silence.rows),
                "gap_conversions": 0,
                "gap_value": {},
            }
        )
    return sorted(result, key=lambda incident: incident["start"])


def tiktok(rows: list[Row], requests: list[Request], ids: set[str | None]) -> dict[str, Any]:
    """The whole reconciliation of destination `tiktok`, in the form of `reconcile --json`."""
    silences = judge(rows, requests)
    unknown_ids = strangers(requests, ids)
    names = sorted({row.first.target or "" for row in rows} | {name for _, name, _ in unknown_ids})
    dates = sorted({row.day for row in rows})
    days = []
    for day in dates:
        for name in names:
            chosen = [row for row in rows if row.day == day and row.first.target == name]
            unarchived = sum(key[:2] == (day, name) for key in unknown_ids)
            days.append({"day": day, "event": name, **tally(chosen, unarchived)})
    accepted = [row for row in rows if row.status == "accepted"]
    findings = {
        "conflict_accepted": sum(row.variants > 1 for row in accepted),
        "value_mismatch": sum(row.first.sent_amount is not None for row in accepted),
    }
    return {
        "destination": "tiktok",
        "account_timezone": "America/New_York",
        "totals": tally(rows, len(unknown_ids)),
        "days": days,
        "incidents": incidents(rows, silences),
        "findings": findings,
        "no_key": sum(row.first.message_id is None for row in rows),
    }


def backfill(rows: list[Row]) -> dict[str, Any]:
    """What a backfill of the default tiers (failed and missing) holds at the as-of."""
    ripe = [row for row in rows if row.status in ("failed", "missing")]
    expired = [row for row in ripe if row.first.time + MAX_AGE < AS_OF]
    sent = [row for row in ripe if row not in expired]
    names = sorted({row.first.target or "" for row in sent})
    return {
        "destination": "tiktok",
        "candidates": len(ripe),
        "events": len(sent),
        "expired": len(expired),
        "value": values(sent),
        "expired_value": values(expired),
        "by_event": {name: sum(row.first.target == name for row in sent) for name in names},
        "by_status": {s: sum(row.status == s for row in sent) for s in ("failed", "missing")},
        "not_by_default": {
            s: sum(row.status == s for row in rows) for s in ("rejected", "ambiguous", "conflict")
        },
    }
