"""What a world has beside its conversions: a steady hum of other events, refunds, totals."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from oracle import Settings
from oracle_model import ids_of
from world_files import as_read
from worlds import KINDS, TICK, UPLOADS, File, Moment, Raw, Record, World

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
SOURCE = "kiosk"


def hum(rng: random.Random, until: datetime) -> list[tuple[str, Record]]:
    """Some hours of events of one source, as every week before, with holes in the last one.

    They are selected by no rule. Counts lie on the edges of what is an outage and beside them.

    Args:
        rng: decides.
        until: about where the hours of the last week end.
    """
    hours = rng.randrange(6, 13)
    start = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start -= HOUR * (hours - rng.randrange(3))
    per_hour = rng.choice([9, 10, 12, 16])
    weeks = rng.choice([1, 2, 2, 3, 4, 5])
    events = []
    for week in range(weeks + 1):
        mode = "usual"
        for hour in range(hours):
            mode = rng.choices([mode, "usual", "hole", "low"], [4, 1, 2, 1])[0]
            if week > 0:
                mode = rng.choices(["usual", "more", "hole"], [8, 3, 1])[0]
            count = {
                "usual": per_hour,
                "more": per_hour + rng.randrange(1, 8),
                "hole": 0,
                "low": per_hour // 4 - rng.randrange(2),
            }[mode]
            at = start - WEEK * week + HOUR * hour
            step = HOUR / (count + 1)
            events += [at + step * n for n in range(count)]
    if rng.random() < 0.5:  # The very first hour is not whole: no baseline.
        events = [at for at in events if at > min(events)] if events else []
    return [
        (
            SOURCE,
            {
                "messageId": f"hum-{n}",
                "type": "track",
                "event": "Heartbeat",
                "timestamp": Moment(at),
                "receivedAt": Moment(at),
            },
        )
        for n, at in enumerate(sorted(events))
    ]


def refunds(rng: random.Random, orders: list[Record], until: datetime) -> list[Record]:
    """Refunds of orders that are there, that are not, and that nobody named."""
    names = ["Order Refunded", "Order Refunded", "Order Cancelled", "Sale"]
    found = []
    for n in range(7):
        order = rng.choice(orders)
        properties = order["properties"] if isinstance(order["properties"], dict) else {}
        order_id = rng.choice([properties.get("order_id")] * 3 + ["gone", None])
        at = until + HOUR * rng.choice([-30, -20, -10, 0, 1]) - TICK * rng.randrange(10**6)
        found.append(
            {
                "messageId": rng.choice([f"refund-{n}", f"refund-{n - 1}", None]),
                "type": "track",
                "event": rng.choice(names),
                "timestamp": Moment(at),
                "properties": {
                    "order_id": order_id,
                    "value": Raw(rng.choice(["-12.50", "0", "12.50", "-0"])),
                },
            }
        )
    return found


def uploads_of(
    rng: random.Random, events: list[Record], settings: Settings, as_of: datetime
) -> list[File]:
    """The logs of uploads: what had stayed away was sent again, in bulk, and mostly taken.

    Args:
        rng: decides.
        events: as they came in.
        settings: the destination.
        as_of: the uploads end about then.
    """
    first = rng.randrange(len(events))
    sent = events[first : first + rng.randrange(5, 60)]
    sent += rng.sample(events, min(len(events), 10))
    at = as_of - HOUR * rng.choice([0.1, 1, 6])
    code = rng.choice(["40105", "40105", None])
    files: list[list[Record]] = [[], []]
    for event in sent:
        at += timedelta(seconds=rng.choice([0, 1, 90]))
        ids = [id_ for _, id_ in ids_of(as_read(event), settings)]
        rule = next((r for r in settings.rules if r.fits(event["type"], event.get("event"))), None)
        if not ids or rule is None:
            continue
        outcome = "rejected" if code else rng.choice(["accepted"] * 8 + ["rejected", "unknown"])
        files[rng.random() < 0.3].append(
            {
                "event_id": ids[0],
                "event_name": rule.name or event.get("event"),
                "outcome": outcome,
                "attempted_at": Moment(at),
                "code": code,
            }
        )
    return [File(f"{UPLOADS}{n}.ndjson", rows) for n, rows in enumerate(files) if rows]


def with_totals(rng: random.Random, world: World, *, only: bool) -> World:
    """The world with other people's counts of it: right, short, late, named or not.

    Args:
        rng: decides.
        world: its receipts say what was delivered.
        only: the destination gives no receipts.
    """
    counted = replace(world, from_day=None, to_day=None)
    counted.settings = replace(world.settings, reports="all")
    accepted: Counter[tuple[str, str | None]] = Counter()
    names = {kind: rng.choice(["all names", "no names", "both"]) for kind in KINDS}
    for key, row in sorted(counted.expect().days.items(), key=lambda item: item[0]):
        accepted[str(key[0]), key[1]] += row.counts["expected"] - row.counts["pending"]
        accepted[str(key[0]), None] += row.counts["expected"] - row.counts["pending"]
    accepted[min(day for day, _ in accepted), "Nobody"] = 3
    is_right = rng.random() < 0.35
    rows: dict[str, list[Record]] = {kind: [] for kind in KINDS}
    for (day, name), count in accepted.items():
        if count == 0 and rng.random() < 0.9:
            continue
        if is_right:
            report = Moment(world.as_of - HOUR)
            rows["received"].append(
                {"account_day": day, "event_name": name, "count": count, "reported_at": report}
            )
        if rng.random() < 0.12 or is_right:
            continue
        for kind in rng.sample(KINDS, rng.choice([1, 1, 2, 3])):
            if names[kind] not in ("both", "no names" if name is None else "all names"):
                continue
            for _ in range(rng.choice([1, 1, 2])):
                short = rng.choice([0, 0, 1, 5, count // 50, count // 50 + 1, count // 2, -2])
                late = rng.choice([-9 * HOUR, -HOUR, timedelta(), HOUR])
                rows[kind].append(
                    {
                        "account_day": day,
                        "event_name": name,
                        "count": max(count - short, 0),
                        "reported_at": Moment(world.as_of + late),
                    }
                )
    totals = [
        File(f"totals/{kind}/{n}.ndjson", part, kind=kind)
        for kind in KINDS
        for n, part in enumerate((rows[kind][::2], rows[kind][1::2]))
        if part
    ]
    return replace(world, totals=totals, feed=[] if only else world.feed)
