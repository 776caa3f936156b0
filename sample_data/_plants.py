"""The faults that are planted into the week; an event that has one is marked in `plant`."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from _world import HOUR, MINUTE, PRODUCTS, SECOND, Event, Maker, Visitor, at, iso

OUTAGE_START = at("2026-01-15T11:52")
OUTAGE_END = OUTAGE_START + 22 * HOUR
RETRY_WINDOW = 4 * HOUR
LOST_UNTIL = OUTAGE_END - RETRY_WINDOW  # whoever arrives later still has a try after the outage
SILENCE = (at("2026-01-13T18:00"), at("2026-01-13T19:20"))
LATE_FILE = (at("2026-01-14T15:00"), at("2026-01-14T15:40"))
RESENT_AT = at("2026-01-19T09:30")

# plant -> (TikTok event name, not before) of every conversion that is given it
CHOSEN: dict[str, tuple[tuple[str, str], ...]] = {
    "lost": (
        ("PageView", "2026-01-12T06:30"),
        ("ViewContent", "2026-01-12T09:00"),
        ("CompletePayment", "2026-01-12T16:00"),
        ("AddToCart", "2026-01-12T23:00"),
        ("PageView", "2026-01-13T07:00"),
        ("CompletePayment", "2026-01-14T02:00"),
        ("ViewContent", "2026-01-14T13:00"),
        ("InitiateCheckout", "2026-01-14T20:00"),
        ("PageView", "2026-01-16T13:00"),
        ("CompletePayment", "2026-01-16T21:00"),
        ("PageView", "2026-01-17T15:00"),
        ("ViewContent", "2026-01-17T22:00"),
        ("CompletePayment", "2026-01-18T16:00"),
        ("PageView", "2026-01-18T23:00"),
    ),
    "throttled_lost": (
        ("PageView", "2026-01-12T08:00"),
        ("CompletePayment", "2026-01-14T17:00"),
        ("AddToCart", "2026-01-17T18:00"),
    ),
    "resent": (
        ("CompletePayment", "2026-01-18T21:00"),
        ("ViewContent", "2026-01-18T22:00"),
        ("PageView", "2026-01-18T22:30"),
    ),
    "refused": (
        ("CompletePayment", "2026-01-12T18:00"),
        ("ViewContent", "2026-01-13T12:00"),
        ("CompletePayment", "2026-01-14T22:00"),
        ("PageView", "2026-01-15T09:00"),
        ("AddToCart", "2026-01-16T19:00"),
        ("CompletePayment", "2026-01-18T18:00"),
    ),
    "timeout_mute": (("CompletePayment", "2026-01-13T01:00"),),
    "off_all": (
        ("PageView", "2026-01-12T14:00"),
        ("CompletePayment", "2026-01-13T15:00"),
        ("ViewContent", "2026-01-15T15:00"),
        ("AddToCart", "2026-01-16T17:00"),
        ("PageView", "2026-01-17T12:00"),
        ("InitiateCheckout", "2026-01-18T13:00"),
    ),
    "off_tiktok": (
        ("ViewContent", "2026-01-12T20:00"),
        ("PageView", "2026-01-14T12:00"),
        ("CompletePayment", "2026-01-15T20:00"),
        ("AddToCart", "2026-01-16T23:00"),
        ("CompletePayment", "2026-01-17T17:00"),
        ("PageView", "2026-01-18T19:00"),
    ),
    "off_all_on_tiktok": (
        ("ViewContent", "2026-01-14T11:00"),
        ("CompletePayment", "2026-01-18T14:00"),
    ),
    "value_mismatch": (("CompletePayment", "2026-01-17T21:00"),),
    "two_contents_open": (("CompletePayment", "2026-01-14T18:30"),),
    "two_contents_accepted": (("CompletePayment", "2026-01-17T19:00"),),
    "no_key": (("PageView", "2026-01-16T16:00"), ("CompletePayment", "2026-01-18T15:00")),
}
# plant -> (not before, how many consecutive conversions share a request)
GROUPS: dict[str, tuple[tuple[str, int], ...]] = {
    "throttled_once": (("2026-01-12T22:00", 5), ("2026-01-14T16:00", 5), ("2026-01-17T20:00", 5)),
    "timeout_landed": (("2026-01-14T19:30", 5),),
    "timeout_mute": (("2026-01-16T18:00", 4),),
    "refused_row": (("2026-01-17T16:00", 8),),
}
SWITCHES: dict[str, dict[str, Any]] = {
    "off_all": {"All": False, "Segment.io": True},
    "off_tiktok": {"All": True, "TikTok Conversions": False},
    "off_all_on_tiktok": {"All": False, "TikTok Conversions": True},
}


@dataclass(frozen=True)
class BadLine:
    """A line that is not an event; it is put into the file of the six hours around `time`."""

    source: str
    time: int
    data: bytes


def plant(web: list[Event], mobile: list[Event], shop: Maker, visitors: list[Visitor]) -> None:
    """Plant every fault but those of the files; changes the lists and their events in place."""
    _special_orders(web, shop, visitors)
    web.sort(key=lambda event: (event.received, event.message_id))
    for event in web:
        if event.target and SILENCE[0] <= event.received < SILENCE[1]:
            event.plant = "silent"
    _mark_conversions(web)
    _second_contents(web)
    _offsets(web)
    _offline_phones(mobile)
    _retry_by_sdk(web, 30)
    _retry_by_sdk(mobile, 12)
    for event in web:
        event.late = LATE_FILE[0] <= event.received < LATE_FILE[1]


def _special_orders(web: list[Event], shop: Maker, visitors: list[Visitor]) -> None:
    """Orders beside the ordinary: at the edge of a day, refunds, a name in the wrong case."""
    known = [visitor for visitor in visitors if visitor.user_id and visitor.currency == "USD"]
    for who, (instant, tag) in zip(
        known,
        (
            ("2026-01-15T04:59:59.999", "last_of_day"),
            ("2026-01-15T05:00:00.000", "first_of_day"),
            ("2026-01-17T14:20:00.000", "negative"),
            ("2026-01-16T15:05:00.000", "refund"),
            ("2026-01-18T17:45:00.000", "refund"),
            ("2026-01-17T20:40:00.000", "wrong_case"),
        ),
        strict=False,
    ):
        event = shop.order(who, at(instant), [PRODUCTS[4]])
        event.plant, event.tags = "special", {tag}
        if tag == "negative":
            event.amount = Decimal("-42.00")
            event.doc["properties"]["value"] = "#-42.00#"
            event.doc["properties"].pop("revenue", None)
        elif tag in ("refund", "wrong_case"):
            event.doc["event"] = "Order Refunded" if tag == "refund" else "order completed"
            event.target = None
        web.append(event)


def _mark_conversions(web: list[Event]) -> None:
    """Give each plant of CHOSEN and GROUPS its conversions: the first free ones in time order."""
    for name, wanted in CHOSEN.items():
        for target, not_before in wanted:
            event = next(e for e in _free(web, at(not_before)) if e.target == target)
            event.plant = name
            if name in SWITCHES:
                event.doc["integrations"] = SWITCHES[name]
            elif name == "value_mismatch":
                assert event.amount is not None
                event.sent_amount = event.amount - Decimal("1.00")
            elif name == "no_key":
                event.message_id = None
                if target == "PageView":
                    event.doc["messageId"] = None
                else:
                    del event.doc["messageId"]
    for name, groups in GROUPS.items():
        for not_before, count in groups:
            for event in _free(web, at(not_before))[:count]:
                event.plant = name
                event.tags.add(f"{name}/{not_before}")


def _free(web: list[Event], not_before: int) -> list[Event]:
    return [e for e in web if e.target and not e.plant and e.received >= not_before]


def _second_contents(web: list[Event]) -> None:
    """Use the message ids of two orders a second time, for another order of the same visitor."""
    for first in [event for event in web if event.plant.startswith("two_contents")]:
        second = copy.deepcopy(first)
        assert first.amount is not None and first.order_id is not None
        second.tags = {"second_content"}
        second.amount = first.amount + Decimal("10.00")
        second.order_id = first.order_id + "-B"
        for key in ("value", "revenue"):
            if second.doc["properties"].get(key) is not None:
                second.doc["properties"][key] = f"#{second.amount}#"
        second.doc["properties"]["order_id"] = second.order_id
        _shift(second, 2 * MINUTE, 2 * MINUTE, 2 * MINUTE)
        web.append(second)


def _offsets(web: list[Event]) -> None:
    """Write times with an offset; the day boundary once more in the local form."""
    chosen = [event for event in web if "last_of_day" in event.tags]
    chosen += [e for e in _free(web, at("2026-01-14T14:15"))[:12] if e.received < at("2026-01-15")]
    for event in chosen:
        event.tags.add("offset")
        event.doc["timestamp"] = iso(event.time, -300)
        event.doc["originalTimestamp"] = iso(event.original, -300)
    for event in _free(web, at("2026-01-16T12:30"))[:3]:
        event.tags.add("offset")
        event.doc["receivedAt"] = iso(event.received, 330)
        event.doc["sentAt"] = iso(_sent(event), 330)


def _sent(event: Event) -> int:
    return event.original + event.received - event.time


def _shift(event: Event, time: int, original: int, received: int) -> None:
    """Move an event in time by these milliseconds and write its four times anew."""
    event.time += time
    event.original += original
    event.received += received
    event.doc["timestamp"] = iso(event.time)
    event.doc["originalTimestamp"] = iso(event.original)
    event.doc["receivedAt"] = iso(event.received)
    event.doc["sentAt"] = iso(_sent(event))


def _retry_by_sdk(events: list[Event], count: int) -> None:
    """Deliver some events again, hours later: id and content as before, only the journey anew."""
    ripe = [
        event
        for event in events
        if (not event.plant) and not event.tags and event.received < at("2026-01-18T12:00")
    ]
    lost = [e for e in ripe if e.target and OUTAGE_START <= e.received < LOST_UNTIL][100:103]
    others = [event for event in ripe if event not in lost]
    chosen = others[40 :: len(others) // count][: count - len(lost)] + lost
    for number, event in enumerate(chosen):
        again = copy.deepcopy(event)
        again.tags = {"sdk_retry"}
        # Segment computes `timestamp` from the journey, so it differs by milliseconds.
        jitter = number * 7 % 40
        _shift(again, jitter, 0, 7 * HOUR + number * 13 * SECOND + jitter)
        events.append(again)


def _offline_phones(mobile: list[Event]) -> None:
    """Phones that were off line: events arrive two days after they happened."""
    for event in [e for e in mobile if at("2026-01-13T12:00") <= e.received][:5]:
        event.tags.add("offline")
        _shift(event, 0, 0, 2 * 24 * HOUR)


def bad_lines(web: list[Event], mobile: list[Event]) -> list[BadLine]:
    """Lines that are no events, at most one a file."""

    def cut(events: list[Event], after: str) -> bytes:
        line = next(e for e in events if e.received >= at(after) and not e.plant).line()
        return line[: len(line) // 2].decode(errors="ignore").encode()

    whole = web[500].line()
    spoiled = whole.replace(b'"type":"', b'"note":"caf\xe9 \xff","type":"', 1)
    return [
        BadLine("web", at("2026-01-12T15:00"), cut(web, "2026-01-12T15:00")),
        BadLine("web", at("2026-01-14T09:00"), b'"connection reset by peer"'),
        BadLine("web", at("2026-01-16T21:00"), spoiled),
        BadLine("web", at("2026-01-17T21:00"), cut(web, "2026-01-17T21:00")),
        BadLine("mobile", at("2026-01-13T15:00"), cut(mobile, "2026-01-13T15:00")),
        BadLine("mobile", at("2026-01-18T03:00"), b"null"),
    ]
