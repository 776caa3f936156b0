"""Random fields of events, odd ones among them, for random worlds."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from worlds import Moment, Raw, Record

# What no filter takes out.
ORDINARY: Record = {"plan": "pro", "seats": Raw("5"), "value": Raw("8.50"), "currency": "EUR"}


def person(rng: random.Random) -> Record:
    """Who it was, and what they consent to."""
    known: Record = {"anonymousId": rng.choice([f"a-{rng.randrange(60)}", None])}
    if rng.random() < 0.7:
        number = rng.randrange(90)
        known["userId"] = rng.choice([f"u-{number}", f"u-{number}", number])
    context: Any = {}
    if rng.random() < 0.4:
        preferences: Any = {"Ads": True, "Analytics": True, "Other": False}
        preferences["Ads"] = rng.choice([True] * 6 + [False, "true", 1, None])
        preferences = rng.choice([preferences] * 9 + [{}, None, "all"])
        context["consent"] = {"categoryPreferences": preferences}
    if rng.random() < 0.25:
        denied = rng.choice([[], [], ["Other"], ["Ads"], ["Analytics"], ["Ads", "Analytics"], None])
        strategy = rng.choice(["and", "or", "or", None])
        record: Any = {"deniedConsentIds": denied, "resolutionStrategy": strategy}
        context["consentManagement"] = rng.choice([record] * 8 + [{}, None, ["Ads"]])
    if rng.random() < 0.08:
        key = rng.choice(["test", "test", "te.st"])
        context[key] = rng.choice([True, True, False, "true", None])
    if context or rng.random() < 0.1:
        known["context"] = rng.choice([context] * 12 + [None, "web"])
    return known


def properties(rng: random.Random, n: int) -> Any:
    """What was bought, for how much; `n` is part of ids."""
    if rng.random() < 0.03:
        return rng.choice([None, [], "none"])
    cents = rng.randrange(-2000, 30000)
    value = rng.choice(
        [Raw(f"{cents / 100:.2f}")] * 6
        + [f"{cents / 100:.2f}", "1,299.00", Raw("1e2"), Raw("0"), Raw("-0"), None, "many"]
        + [Raw("0.000000000000000001"), "-1,000,000.125", Raw("7")]
    )
    order = n - (rng.random() < 0.04)
    found: Record = {"order_id": rng.choice([f"o-{order}", order, None])}
    found.update(labels(rng, n))
    found[rng.choice(["value"] * 4 + ["revenue"])] = value
    if value is None or rng.random() < 0.1:
        found.setdefault("revenue", Raw("19.99"))
    currency = rng.choice(["USD"] * 6 + ["EUR", "eur", " usd ", "", None, 978])
    if rng.random() < 0.95:
        found["currency"] = currency
    return found


def labels(rng: random.Random, n: int) -> Record:
    """Ids beside the messageId, and what conditions look at."""
    found: Record = {}
    if rng.random() < 0.6:
        found["eventId"] = rng.choice([f"e-{n}"] * 8 + [n, "", None, f"m-{n:04}"])
    if rng.random() < 0.5:
        found["event_id"] = rng.choice([f"E-{n}"] * 6 + [f" E-{n} ", " ", f"e-{n - 1}", {}])
    if rng.random() < 0.9:
        found["plan"] = rng.choice(["pro"] * 7 + ["team", "free", 7, None, ["pro"]])
    if rng.random() < 0.9:
        found["seats"] = rng.choice(
            [Raw("5")] * 8 + [Raw("2"), Raw("7.0"), Raw("0.70e1"), "7", "8", "5", Raw("1.99")]
            + [Raw("0.1"), "99.51", Raw("3"), "4", "many", None, True, Raw("40.5")]
        )  # fmt: skip
    return found


def integrations(rng: random.Random, mine: str) -> Any:
    """Mostly nothing; else what switches a destination off, and what does not."""
    usual = rng.random() < 0.88
    return {} if usual else rng.choice(
        [{"All": False}, {mine: False}, {"All": False, mine: True}, {"All": False, mine: {}},
         {"All": True, mine: False}, {"All": False, mine: None}, {"All": 0}, {"Other": False},
         None, "off", {mine: "false"}]
    )  # fmt: skip


def spoil_times(rng: random.Random, event: Record, arrival: datetime) -> None:
    """Take away, or replace, what the arrival and the event time are read from."""
    odd = rng.random()
    if odd < 0.04:
        event["receivedAt"] = rng.choice([None, "yesterday", ""])
        event["sentAt"] = Moment(arrival)
    elif odd < 0.06:
        del event["receivedAt"]
        del event["sentAt"]
        event["timestamp"] = Moment(arrival)
    elif odd < 0.08:
        event["timestamp"] = rng.choice([None, "soon", False])
    elif odd < 0.09:
        for key in ("receivedAt", "sentAt", "timestamp"):
            event[key] = None
    elif odd < 0.13:
        del event["originalTimestamp"]
