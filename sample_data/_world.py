"""An invented shop, its visitors, and a week of their Segment events.

Times are integers: milliseconds since the epoch, UTC. Only `random.Random.random` is drawn from,
because its sequence for a seed is the one that Python promises to keep.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

T = TypeVar("T")

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(text: str) -> int:
    """Milliseconds of an instant such as `2026-01-12T05:00` (UTC)."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def iso(ms: int, offset_minutes: int | None = None) -> str:
    """An instant as Segment writes it, with `Z` or, on demand, a UTC offset."""
    zone = UTC if offset_minutes is None else timezone(timedelta(minutes=offset_minutes))
    moment = datetime.fromtimestamp(ms // 1000, zone).replace(microsecond=ms % 1000 * 1000)
    text = moment.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z") if offset_minutes is None else text


def instant(ms: int) -> str:
    """An instant in UTC without needless decimals, as the reports write it."""
    return iso(ms).replace(".000Z", "Z")


WEEK_START = at("2026-01-12T05:00")  # midnight in New York, UTC-5 all week
WEEK_END = at("2026-01-19T05:00")

# Which TikTok event Segment's web preset makes of a call; exact and case-sensitive. The shop uses
# only these six of it.
TIKTOK_NAMES = {
    "Product Viewed": "ViewContent",
    "Product Added": "AddToCart",
    "Checkout Started": "InitiateCheckout",
    "Order Completed": "CompletePayment",
    "Signed Up": "CompleteRegistration",
}
PAGE_NAME = "PageView"

# Sessions by hour of the New York day; the night never falls so low that an hour says nothing.
CURVE: tuple[float, ...] = (0.6, 0.5, 0.5, 0.5, 0.5, 0.55, 0.65, 0.8, 0.95, 1.1, 1.2, 1.3)
CURVE += (1.4, 1.35, 1.25, 1.2, 1.2, 1.25, 1.35, 1.45, 1.5, 1.35, 1.0, 0.75)
WEEKDAYS = (1.0, 1.0, 1.02, 0.98, 1.05, 0.95, 0.95)  # Monday first
SESSIONS_AN_HOUR = {"web": 9.8, "mobile": 9.0}

SOURCE_IDS = {"web": "wQ7h2Lm9Xa", "mobile": "mB4t8Rk3Ze"}

PRODUCTS = (
    ("SKU-1001", "Enamel Mug", "Kitchen", "14.50"),
    ("SKU-1002", "Crème Brûlée Torch", "Kitchen", "39.95"),
    ("SKU-1003", "Linen Apron", "Kitchen", "28.00"),
    ("SKU-1004", "Cast Iron Pan", "Kitchen", "64.90"),
    ("SKU-2001", "Desk Lamp", "Home", "89.00"),
    ("SKU-2002", "Wool Blanket", "Home", "119.95"),
    ("SKU-2003", "Oak Bookend", "Home", "24.25"),
    ("SKU-2004", "Walnut Sideboard", "Home", "1299.00"),
    ("SKU-3001", "Garden Shears", "Garden", "32.49"),
    ("SKU-3002", "Rain Gauge", "Garden", "9.99"),
)
FIRST_NAMES = ("Ada", "Bruno", "Clara", "Dario", "Edda", "Felix", "Greta", "Hugo", "Ines", "Jonas")
LAST_NAMES = ("Alder", "Birch", "Cedar", "Dunmore", "Elmwood", "Fenwick", "Grove", "Hazel", "Ivers")
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.1 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
)
PHONES = ("DemoShop/4.2.1 (iPhone; iOS 19.2)", "DemoShop/4.2.0 (Android 16; Pixel 9)")


class Dice:
    """Seeded chance, drawn from `random()` alone."""

    def __init__(self, seed: str) -> None:
        """Start the sequence for `seed`."""
        self._random = random.Random(seed).random

    def below(self, stop: int) -> int:
        """An integer from 0 to `stop` - 1."""
        return int(self._random() * stop)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]


@dataclass
class Visitor:
    """One invented person with one device."""

    number: int
    anonymous_id: str
    user_id: str | None
    ip: str
    agent: str
    locale: str
    currency: str
    skew: int
    first: str
    last: str

    @property
    def email(self) -> str:
        """An address at a domain that is reserved for examples."""
        return f"{self.first}.{self.last}{self.number}@example.com".lower()

    @property
    def account(self) -> str:
        """The user id, also of those who only get one when they sign up."""
        return self.user_id or f"u_{self.number}"


@dataclass(eq=False)
class Event:
    """One occurrence of an event: what is written to a file, and what is known about it."""

    source: str
    doc: dict[str, Any]
    time: int
    original: int
    received: int
    message_id: str | None
    target: str | None = None  # TikTok's name, None where the event is no conversion
    amount: Decimal | None = None
    currency: str | None = None
    order_id: str | None = None
    person: str = ""
    plant: str = ""
    late: bool = False
    sent_amount: Decimal | None = None  # what the destination was told, where that differs
    tags: set[str] = field(default_factory=set)

    @property
    def suppressed(self) -> bool:
        """True where the call's `integrations` switch TikTok off."""
        switches = self.doc.get("integrations") or {}
        own = switches.get("TikTok Conversions")
        return (switches.get("All") if own is None else own) is False

    def line(self) -> bytes:
        """The event as one line of NDJSON, without its line end."""
        return to_json(self.doc)


def to_json(value: Any) -> bytes:
    """Compact UTF-8 JSON; text such as `#39.95#` becomes a number with just these digits."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r'"#(-?[0-9.]+)#"', r"\1", text).encode()


def identifier(*parts: object) -> str:
    """32 hexadecimal digits that depend on the parts only."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def make_visitors(source: str, count: int) -> list[Visitor]:
    """The pool from which sessions are drawn; 40 % are known by a user id."""
    dice = Dice(f"visitors/{source}")
    visitors = []
    for index in range(count):
        number = 1000 + index if source == "web" else 5000 + index
        net = dice.pick(("192.0.2", "198.51.100", "203.0.113"))
        canadian = dice.chance(0.12)
        digits = identifier("visitor", source, index)
        visitors.append(
            Visitor(
                number=number,
                anonymous_id=f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}",
                user_id=f"u_{number}" if dice.chance(0.4) else None,
                ip=f"{net}.{dice.between(1, 254)}",
                agent=dice.pick(BROWSERS if source == "web" else PHONES),
                locale="en-CA" if canadian else "en-US",
                currency="CAD" if canadian else "USD",
                skew=dice.between(-2000, 2000) if dice.chance(0.95) else HOUR,
                first=dice.pick(FIRST_NAMES),
                last=dice.pick(LAST_NAMES),
            )
        )
    return visitors


class Maker:
    """Makes the events of one source in the shape of Segment's raw logs."""

    def __init__(self, source: str) -> None:
        """Start with event number 0."""
        self.source = source
        self.dice = Dice(f"maker/{source}")
        self.count = 0

    def make(self, who: Visitor, time: int, kind: str, name: str, body: dict[str, Any]) -> Event:
        """One event.

        Args:
            who: the visitor.
            time: the corrected event time, `timestamp`.
            kind: the call type.
            name: event name of a track call, page or screen name, else empty.
            body: properties, or traits of identify and group, or the alias's previous id.

        Returns:
            The event, with device clock skew and latency as Segment's four times show them:
            `timestamp = receivedAt - (sentAt - originalTimestamp)`.
        """
        dice = self.dice
        self.count += 1
        digits = identifier("message", self.source, self.count)
        web = self.source == "web"
        wait = dice.between(150, 2_500) if dice.chance(0.95) else dice.between(5_000, 90_000)
        received = time + wait
        original = time + who.skew - dice.between(20, 400)
        context: dict[str, Any] = {"ip": who.ip, "locale": who.locale, "userAgent": who.agent}
        if web:
            path = str(body.get("path", "/" + name.lower().replace(" ", "-")))
            context["library"] = {"name": "analytics.js", "version": "next-1.81.0"}
            context["page"] = {"path": path, "url": "https://shop.example.com" + path}
        else:
            ios = "iOS" in who.agent
            context["library"] = {"name": "analytics-swift" if ios else "analytics-kotlin"}
            context["app"] = {"name": "DemoShop", "version": who.agent[9:14]}
            context["device"] = {"type": "ios" if ios else "android"}
        if who.user_id and dice.chance(0.3):
            context["traits"] = {"email": who.email}
        doc: dict[str, Any] = {
            "messageId": f"ajs-{digits}" if web else digits,
            "type": kind,
            "anonymousId": who.anonymous_id,
            "userId": who.account if kind in ("identify", "alias", "group") else who.user_id,
        }
        if kind == "track":
            doc["event"] = name
        elif kind in ("page", "screen"):
            doc["name"] = name
        if kind == "alias":
            doc["previousId"] = who.anonymous_id
        elif kind == "group":
            doc["groupId"] = f"team_{who.number % 40}"
        doc["traits" if kind in ("identify", "group") else "properties"] = body
        if kind == "alias":
            del doc["properties"]
        doc |= {
            "context": context,
            "integrations": {},
            "originalTimestamp": iso(original),
            "sentAt": iso(original + wait),
            "receivedAt": iso(received),
            "timestamp": iso(time),
            "version": 2,
            "channel": "client" if web else "mobile",
            "projectId": SOURCE_IDS[self.source],
            "_metadata": {"bundled": ["Segment.io"], "unbundled": []},
        }
        target = PAGE_NAME if kind == "page" else TIKTOK_NAMES.get(name)
        return Event(
            source=self.source,
            doc=doc,
            time=time,
            original=original,
            received=received,
            message_id=doc["messageId"],
            target=target if web and kind in ("page", "track") else None,
            person=who.user_id or who.anonymous_id,
        )

    def order(self, who: Visitor, time: int, basket: list[tuple[str, ...]]) -> Event:
        """An `Order Completed`, its amount written in one of the ways that clients write it."""
        dice = self.dice
        amount = sum((Decimal(item[3]) for item in basket), Decimal("4.95"))
        number, text = f"#{amount}#", f"{amount:,}"
        order_id = f"{self.source[0].upper()}-{20000 + self.count}"
        if dice.chance(0.12) or amount > 1000:
            money: dict[str, Any] = {"value": text}  # as text, thousands with a comma
        elif dice.chance(0.1):
            money = {"revenue": number}
        elif dice.chance(0.05):
            money = {"value": None, "revenue": number}
        else:
            money = {"value": number}
        currency = who.currency.lower() if dice.chance(0.05) else who.currency
        products = [{"product_id": item[0], "price": f"#{item[3]}#"} for item in basket]
        body = {"order_id": order_id, **money, "currency": currency, "products": products}
        event = self.make(who, time, "track", "Order Completed", body)
        event.amount, event.currency, event.order_id = amount, who.currency, order_id
        return event


def session(maker: Maker, who: Visitor, start: int) -> list[Event]:
    """One visit, on the web site or in the app."""
    dice, web, events = maker.dice, maker.source == "web", []
    clock = start

    def add(kind: str, name: str, body: dict[str, Any]) -> None:
        nonlocal clock
        events.append(maker.make(who, clock, kind, name, body))
        clock += dice.between(4_000, 70_000)

    def show(name: str, path: str) -> None:
        add("page" if web else "screen", name, {"title": name, **({"path": path} if web else {})})

    if not web:
        add("track", "Application Opened", {"from_background": dice.chance(0.5)})
    show("Home", "/")
    if who.user_id is None and dice.chance(0.09):
        if web:
            add("track", "Signed Up", {"method": "form", "plan": "free"})
        traits = {"email": who.email, "name": f"{who.first} {who.last}", "createdAt": iso(clock)}
        add("identify", "", traits | {"phone": f"+1-212-555-01{who.number % 100:02d}"})
        add("alias", "", {})
    elif who.user_id and dice.chance(0.35):
        add("identify", "", {"email": who.email, "plan": dice.pick(("free", "plus"))})
    if dice.chance(0.06):
        add("group", "", {"name": f"Team {who.number % 40}", "employees": who.number % 40 + 2})
    if dice.chance(0.45):
        shelf = dice.pick(("Kitchen", "Home", "Garden"))
        show(shelf, f"/{shelf.lower()}")
        add("track", "Product List Viewed", {"category": shelf})
    basket: list[tuple[str, ...]] = []
    for _ in range(dice.between(1, 3)):
        product = dice.pick(PRODUCTS) if dice.chance(0.9) else PRODUCTS[0]
        item = {"product_id": product[0], "name": product[1], "category": product[2]}
        add("track", "Product Viewed", item | {"price": f"#{product[3]}#"})
        if dice.chance(0.3 if product[0] != "SKU-2004" else 0.06):
            add("track", "Product Added", item | {"price": f"#{product[3]}#", "quantity": 1})
            basket.append(product)
    if basket and dice.chance(0.6):
        add("track", "Cart Viewed", {"products": len(basket)})
        if dice.chance(0.75):
            show("Checkout", "/checkout")
            add("track", "Checkout Started", {"step": 1, "products": len(basket)})
            if dice.chance(0.68):
                events.append(maker.order(who, clock, basket))
                clock += dice.between(1_000, 4_000)
                show("Thank you", "/thank-you")
    elif dice.chance(0.2):
        add("track", "Promotion Viewed", {"promotion_id": f"promo_{who.number % 7}"})
    return events


def make_week(maker: Maker) -> tuple[list[Event], list[Visitor]]:
    """All ordinary events of one source in event time from WEEK_START to WEEK_END."""
    dice = Dice(f"week/{maker.source}")
    visitors = make_visitors(maker.source, 600)
    events: list[Event] = []
    for hour in range(7 * 24):
        rate = SESSIONS_AN_HOUR[maker.source] * CURVE[hour % 24] * WEEKDAYS[hour // 24]
        visits = int(rate * (0.85 + dice.below(31) / 100) + dice.below(100) / 100)
        for visit in range(visits):
            # Spread evenly within the hour, so that a quiet hour has no long hole by chance.
            start = WEEK_START + hour * HOUR + (visit * HOUR + dice.below(HOUR)) // visits
            events += session(maker, dice.pick(visitors), start)
    return [event for event in events if event.time < WEEK_END], visitors
