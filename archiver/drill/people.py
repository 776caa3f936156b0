"""Invented people and events. Addresses, networks and numbers are those reserved for examples."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from archiver.texts import instant_text

_PRODUCTS = (
    ("SKU-1001", "Enamel Mug", "Kitchen", 14.5),
    ("SKU-1002", "Crème Brûlée Torch", "Kitchen", 39.95),
    ("SKU-2001", "Desk Lamp", "Home", 89.0),
    ("SKU-2002", "Wool Blanket", "Home", 119.95),
    ("SKU-3001", "Rain Gauge", "Garden", 9.99),
)
_FIRST = ("Ada", "Bruno", "Zoë", "Dario", "Edda", "İnci", "Greta")
_LAST = ("Alder", "Birch", "Cedar", "Dunmore", "O'Elm", "Fenwick")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"


class People:
    """Makes events of invented visitors.

    Args:
        chance: decides about everything.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0

    def event(self, call_type: str, name: str, arrival: datetime) -> dict[str, Any]:
        """One event in the shape of Segment's and RudderStack's raw logs, with all its times.

        Args:
            call_type: its `type`.
            name: its `event`, or the name of a page or screen.
            arrival: when the hub got it; it happened at once.
        """
        chance = self._chance
        self._count += 1
        number = chance.randint(100, 999)
        message_id = f"drill-{chance.getrandbits(64):016x}-{self._count}"
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        email = f"{first}.{last}{number}@example.com"
        if chance.random() < 0.15:
            email = f" {email} "
        who: dict[str, Any] = {"email": email, "firstName": first, "lastName": last}
        if chance.random() < 0.6:
            who["phone"] = f"+1 (212) 555-01{number % 100:02d}"
        at = instant_text(arrival)
        event: dict[str, Any] = {
            "messageId": message_id,
            "type": call_type,
            "anonymousId": f"anon-{number}-{self._count}",
            "userId": f"u_{number}" if chance.random() < 0.5 else None,
            "context": {
                "ip": f"{chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{number % 250 + 1}",
                "locale": "en-US",
                "userAgent": _AGENT,
                "page": {"url": f"https://shop.example.com/p/{number}", "path": f"/p/{number}"},
                "traits": who,
            },
            "integrations": {},
            "originalTimestamp": at,
            "timestamp": at,
            "sentAt": at,
            "receivedAt": at,
        }
        if call_type == "identify":
            event["traits"] = who
            return event
        event["event" if call_type == "track" else "name"] = name
        event["properties"] = self._properties(email)
        return event

    def _properties(self, email: str) -> dict[str, Any]:
        chance = self._chance
        basket = chance.sample(_PRODUCTS, chance.randint(1, 3))
        total = round(sum(price for *_, price in basket) + 4.95, 2)
        properties: dict[str, Any] = {
            "order_id": f"D-{self._count}",
            "value": total,
            "revenue": total,
            "total": total,
            "currency": "USD" if chance.random() < 0.9 else "CAD",
            "products": [
                {
                    "product_id": sku,
                    "name": title,
                    "category": shelf,
                    "price": price,
                    "quantity": chance.randint(1, 2),
                }
                for sku, title, shelf, price in basket
            ],
        }
        if chance.random() < 0.3:
            properties["email"] = email
        if chance.random() < 0.2:
            properties["ttclid"] = f"click-{chance.getrandbits(32):08x}"
        return properties
