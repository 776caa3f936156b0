"""Findings and totals, as docs/reconciliation.md defines them; part of `oracle`, which see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from oracle_model import (
    Conversion,
    Event,
    Finding,
    Occurrence,
    Settings,
    Total,
    TotalRow,
    arrival,
    read_amount,
    read_instant,
    read_text,
)

ALL = "(all)"
FUTURE = timedelta(minutes=5)


# --- findings -----------------------------------------------------------------------------------


def findings_of(
    groups: list[list[Occurrence]],
    conversions: list[Conversion],
    events: list[Event],
    settings: Settings,
    as_of: datetime,
) -> list[Finding]:
    """Every finding of every day."""
    ids_of_order: dict[tuple[str, str], set[str]] = defaultdict(set)
    for c in conversions:
        if c.status != "suppressed" and c.event_id is not None and c.first.order_id is not None:
            ids_of_order[c.first.order_id, c.name].add(c.event_id)
    found = []
    for c in conversions:
        first = c.first
        ids = ids_of_order[first.order_id or "", c.name]
        happened = first.event_time
        says = {
            "order_under_several_ids": len(ids) > 1 and c.event_id in ids,
            "id_on_several_orders": len(c.orders) > 1,
            "value_mismatch": is_mismatch(c),
            "conflict_accepted": c.status == "accepted" and c.variants > 1,
            "currency_missing": first.value is not None and first.currency is None,
            "time_in_future": happened is not None and happened > c.arrival + FUTURE,
        }
        if c.status == "suppressed":
            says = {}
        says["name_renamed"] = c.has_other_names and not c.receipts
        found += [
            Finding(finding, first.source, first.message_id, c.event_id, c.name, c.account_day)
            for finding, is_so in says.items()
            if is_so
        ]
    for occurrences in groups:
        if all(o.arrival is None for o in occurrences):
            o = min(occurrences, key=lambda o: o.place)
            found.append(Finding("no_time", o.source, o.message_id, o.event_id, o.name, None))
    return found + list(refunds_without_order(events, settings, as_of))


def is_mismatch(c: Conversion) -> bool:
    """Whether both sides name an amount, and not the same."""
    r = c.deciding
    if r is None:
        return False
    if r.value is None or c.first.value is None:
        return False
    currencies = {r.currency, c.first.currency}
    is_other_currency = None not in currencies and len(currencies) == 2
    return r.value != c.first.value or is_other_currency


def refunds_without_order(
    events: list[Event], settings: Settings, as_of: datetime
) -> Iterable[Finding]:
    """Refunds whose order nothing else of their source has: the first occurrence of each."""
    ordered: set[tuple[str, str | None]] = set()
    refunds: dict[Any, list[tuple[datetime, str, int, Event]]] = defaultdict(list)
    for event in events:
        at = arrival(event.body)
        if at is None or at > as_of or event.source not in (settings.sources or (event.source,)):
            continue
        if not is_refund(event):
            ordered.add((event.source, order_of(event)))
            continue
        message_id = read_text(event.body.get("messageId")) or None
        place = (event.file_id, event.record_number)
        key = place if message_id is None else message_id
        refunds[event.source, key].append((at, *place, event))
    for occurrences in refunds.values():
        at, _, _, event = min(occurrences, key=lambda found: found[:3])
        order = order_of(event)
        if order is None or (event.source, order) not in ordered:
            message_id = read_text(event.body.get("messageId")) or None
            yield Finding(
                "refund_without_order",
                event.source,
                message_id,
                message_id,
                read_text(event.body.get("event")),
                settings.day_of(read_instant(event.body.get("timestamp")) or at),
            )


def order_of(event: Event) -> str | None:
    """The order id as text."""
    properties = event.body.get("properties")
    return read_text(properties.get("order_id")) if isinstance(properties, Mapping) else None


def is_refund(event: Event) -> bool:
    """By its name, or an amount below zero."""
    properties = event.body.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    raw = properties.get("value")
    value = read_amount(properties.get("revenue") if raw is None else raw)
    is_named = read_text(event.body.get("event")) in ("Order Refunded", "Order Cancelled")
    return is_named or (value is not None and value < 0)


# --- totals -------------------------------------------------------------------------------------


def daily_totals(
    conversions: list[Conversion],
    totals: Iterable[Total],
    settings: Settings,
    as_of: datetime,
    is_asked_for: Callable[[date], bool],
) -> dict[tuple[date, str], TotalRow]:
    """What is expected beside what others counted, for every day and name with either.

    Nothing where there are no totals to be expected, nor any.
    """
    counts: dict[tuple[date, str], dict[str, int]] = defaultdict(dict)
    for total in sorted(totals, key=lambda t: (t.reported_at, t.file_id, t.record_number)):
        if total.reported_at <= as_of:
            counts[total.day, total.event_name or ALL][total.kind] = total.count
    if settings.reports != "totals" and not any(is_asked_for(day) for day, _ in counts):
        return {}
    rows = {}
    wanted = {(c.account_day, c.name) for c in conversions if c.status != "suppressed"}
    for day, name in sorted(key for key in wanted | set(counts) if is_asked_for(key[0])):
        mine = [c for c in conversions if c.account_day == day and name in (ALL, c.name)]
        expected = sum(c.status != "suppressed" for c in mine)
        pending = sum(c.status == "pending" for c in mine)
        known = counts.get((day, name), {})
        compared = next((kind for kind in ("received", "delivered") if kind in known), None)
        difference = None if compared is None else expected - pending - known[compared]
        tolerated = Decimal(str(settings.totals_tolerance)) * (expected - pending)
        rows[day, name] = TotalRow(
            expected=expected,
            pending=pending,
            delivered=known.get("delivered"),
            received=known.get("received"),
            attributed=known.get("attributed"),
            compared_with=compared,
            difference=difference,
            is_over_tolerance=difference is not None
            and difference > tolerated
            and difference >= settings.min_gap,
            provisional=as_of < settings.end_of(day) + settings.provisional_after,
        )
    return rows


def is_short_of_totals(rows: Mapping[tuple[date, str], TotalRow], settings: Settings) -> bool:
    """Whether totals alone make `reconcile` end with exit code 3."""
    if settings.reports != "totals":
        return False
    counted = {key for key, row in rows.items() if row.compared_with is not None}
    return any(row.is_over_tolerance for row in rows.values()) or any(
        not row.provisional
        and row.expected - row.pending > 0
        and name != ALL
        and not {(day, name), (day, ALL)} & counted
        for (day, name), row in rows.items()
    )
