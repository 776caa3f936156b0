"""The hub that sends the conversions, TikTok that answers, and the log of both."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from _plants import LOST_UNTIL, OUTAGE_END, OUTAGE_START, RESENT_AT, RETRY_WINDOW, SILENCE
from _world import HOUR, MINUTE, SECOND, Dice, Event, at, identifier, iso, to_json

PIXEL = "DEMO0PIXEL0CODE"
BATCH_SPAN = 10 * MINUTE
EDGES = (*SILENCE, OUTAGE_START, LOST_UNTIL, OUTAGE_END)
THROTTLED = (200, 40100, "Too many requests. Please retry in some time.")
HTML = "<html><head><title>503 Service Unavailable</title></head><body>No server</body></html>"
LOST_PLANTS = ("lost", "silent", "no_key", "off_all", "off_tiktok")
ALONE = ("refused", "throttled_lost", "resent", "timeout_mute", "two_contents_open")


@dataclass(frozen=True)
class Item:
    """One event as the destination sees it."""

    name: str
    event_id: str
    time: int
    person: str
    amount: Decimal | None = None
    currency: str | None = None
    order_id: str | None = None


@dataclass(frozen=True)
class Request:
    """One attempt: a request with its reply, and what the reply means for each event."""

    sent: int
    items: tuple[Item, ...]
    attempt: int
    status: int | None
    reply: Any
    outcomes: tuple[str, ...]


def item_of(event: Event) -> Item:
    """What the hub's mapping makes of an event."""
    assert event.target is not None and event.message_id is not None
    amount = event.amount if event.sent_amount is None else event.sent_amount
    currency = event.currency if event.amount is not None else None
    order_id = event.order_id if event.amount is not None else None
    return Item(
        event.target, event.message_id, event.time, event.person, amount, currency, order_id
    )


def deliver(conversions: Iterable[Event]) -> list[Request]:
    """Send the conversions (first occurrences only) and log every attempt, in time order."""
    dice = Dice("delivery")
    ordinary: list[Event] = []
    special: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(conversions, key=lambda e: (e.received, e.message_id or "")):
        if event.plant in LOST_PLANTS:
            continue
        group = next((tag for tag in event.tags if "/" in tag), None)
        if group or event.plant in ALONE:
            special[group or f"{event.plant}/{event.message_id}"].append(event)
        else:
            ordinary.append(event)
    requests: list[Request] = []
    for batch in _batches(ordinary, dice):
        requests += _try_batch(batch, dice)
    for key, events in special.items():
        requests += _try_special(key.split("/")[0], events, dice)
    requests += _strangers(dice)
    return sorted(requests, key=lambda r: (r.sent, r.items[0].event_id, r.attempt))


def _batches(events: list[Event], dice: Dice) -> Iterable[list[Event]]:
    """Groups in order of arrival, each within BATCH_SPAN and on one side of every edge."""
    batch: list[Event] = []
    limit = dice.between(1, 20)
    for event in events:
        if batch:
            first = batch[0].received
            crossed = any(first < edge <= event.received for edge in EDGES)
            if crossed or len(batch) == limit or event.received - first > BATCH_SPAN:
                yield batch
                batch, limit = [], dice.between(1, 20)
        batch.append(event)
    yield batch


def _try_batch(batch: list[Event], dice: Dice) -> list[Request]:
    """Send once, or in the outage until it is over or the retry window ends."""
    items = tuple(item_of(event) for event in batch)
    first, last = batch[0].received, batch[-1].received
    edge = min((edge for edge in EDGES if edge > last), default=last + HOUR)
    sent = min(last + dice.between(300, 20 * SECOND), (last + edge) // 2)
    if not OUTAGE_START <= sent < OUTAGE_END:
        return [_accepted(sent, items, 1)]
    final = first + RETRY_WINDOW - dice.below(5 * MINUTE)
    if first >= LOST_UNTIL:
        final = max(final, min(OUTAGE_END + SECOND, first + RETRY_WINDOW))
    requests: list[Request] = []
    again = sent + dice.between(30 * MINUTE, 70 * MINUTE)
    # The hub tries more often than it logs here: two or three times are enough to tell the story.
    tries = (sent, again, final) if dice.chance(0.4) else (sent, final)
    for attempt, moment in enumerate(tries, start=1):
        if moment >= OUTAGE_END:
            return [*requests, _accepted(moment, items, attempt)]
        requests.append(_failed(moment, items, attempt, dice))
    return requests


def _try_special(kind: str, events: list[Event], dice: Dice) -> list[Request]:
    items = tuple(item_of(event) for event in events)
    sent = events[-1].received + dice.between(300, 5_000)
    if kind == "refused":
        message = "Invalid value for properties.content_type: not a valid choice."
        return [_replied(sent, items, 1, (200, 40002, message), "rejected")]
    if kind == "refused_row":
        message = "data.3.event_time: Not a valid integer."
        refusal = _replied(sent, items, 1, (200, 40002, message), "failed")
        outcomes = tuple("rejected" if i == 3 else "failed" for i in range(len(items)))
        others = items[:3] + items[4:]
        return [replace(refusal, outcomes=outcomes), _accepted(sent + 4 * MINUTE, others, 2)]
    if kind == "timeout_landed":
        lost = Request(sent + 30 * SECOND, items, 1, None, None, ("unknown",) * len(items))
        return [lost, _accepted(sent + 5 * MINUTE, items, 2)]
    if kind == "timeout_mute":
        return [Request(sent + 30 * SECOND, items, 1, 0, None, ("unknown",) * len(items))]
    if kind == "throttled_once":
        return [
            _replied(sent, items, 1, THROTTLED, "failed"),
            _accepted(sent + 3 * MINUTE, items, 2),
        ]
    given_up = [
        _replied(sent + wait, items, attempt, THROTTLED, "failed")
        for attempt, wait in enumerate((0, 40 * MINUTE, 235 * MINUTE), start=1)
    ]
    return [*given_up, _accepted(RESENT_AT, items, 4)] if kind == "resent" else given_up


def _strangers(dice: Dice) -> list[Request]:
    """Receipts for ids that no file holds: five accepted, one refused for now."""
    requests: list[Request] = []
    for number, (name, moment) in enumerate(
        (
            ("PageView", "2026-01-12T17:30"),
            ("ViewContent", "2026-01-13T13:10"),
            ("CompletePayment", "2026-01-14T21:15"),
            ("PageView", "2026-01-14T21:20"),
            ("CompletePayment", "2026-01-16T20:05"),
            ("AddToCart", "2026-01-18T20:45"),
        )
    ):
        time = at(moment) + dice.below(50 * SECOND)
        item = Item(name, f"ajs-{identifier('stranger', number)}", time, f"anon-{number}")
        if name == "CompletePayment":
            item = replace(
                item, amount=Decimal("75.00"), currency="USD", order_id=f"X-{900 + number}"
            )
        sent = time + 2 * SECOND
        if name == "AddToCart":
            requests.append(_replied(sent, (item,), 1, THROTTLED, "failed"))
        else:
            requests.append(_accepted(sent, (item,), 1))
    return requests


def _accepted(sent: int, items: tuple[Item, ...], attempt: int) -> Request:
    return _replied(sent, items, attempt, (200, 0, "OK"), "accepted")


def _failed(sent: int, items: tuple[Item, ...], attempt: int, dice: Dice) -> Request:
    """What the outage answers: throttling in the body of a 200, or a 503 with or without a page."""
    if dice.chance(0.6):
        return _replied(sent, items, attempt, THROTTLED, "failed")
    page = HTML if dice.chance(0.5) else None
    return Request(sent, items, attempt, 503, page, ("failed",) * len(items))


def _replied(
    sent: int, items: tuple[Item, ...], attempt: int, answer: tuple[int, int, str], outcome: str
) -> Request:
    status, code, message = answer
    request_id = iso(sent)[:19].replace("-", "").replace(":", "").replace("T", "")
    request_id += identifier("request", sent, items[0].event_id, attempt)[:18].upper()
    reply = {"code": code, "message": message, "request_id": request_id, "data": {}}
    return Request(sent, items, attempt, status, reply, (outcome,) * len(items))


def log_line(request: Request, number: int) -> bytes:
    """One line of the direct API log; every twentieth holds its bodies as text."""
    data = []
    for item in request.items:
        properties: dict[str, Any] = {}
        if item.amount is not None:
            properties = {
                "value": f"#{item.amount}#",
                "currency": item.currency,
                "order_id": item.order_id,
            }
        person = hashlib.sha256(item.person.lower().encode()).hexdigest()
        data.append(
            {
                "event": item.name,
                "event_time": item.time // 1000,
                "event_id": item.event_id,
                "user": {"external_id": [person]},
                "properties": properties,
            }
        )
    body: Any = {
        "event_source": "web",
        "event_source_id": PIXEL,
        "partner_name": "Segment",
        "data": data,
    }
    reply = request.reply
    if number % 20 == 7:
        body = to_json(body).decode()
        reply = to_json(reply).decode() if isinstance(reply, dict) else reply
    return to_json(
        {
            "sent_at": iso(request.sent),
            "destination": "tiktok",
            "http_status": request.status,
            "attempt": request.attempt,
            "request_body": body,
            "response_body": reply,
        }
    )
