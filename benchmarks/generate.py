"""Generated Segment events for the benchmarks: seeded, and of the size that real ones have.

Run it to fill a folder: `python benchmarks/generate.py FOLDER --events 400000`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from isal import igzip

EVENTS_PER_FILE = 25_000
FIRST_DAY = datetime(2026, 1, 12, tzinfo=UTC)
DAYS = 7

_AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
)
_PRODUCTS = (
    ("SKU-1001", "Enamel kettle", "Kitchen", 39.95),
    ("SKU-1002", "Linen apron", "Kitchen", 24.5),
    ("SKU-2001", "Reading lamp", "Living room", 89.0),
    ("SKU-2002", "Wool blanket", "Living room", 119.99),
    ("SKU-3001", "Cedar planter", "Garden", 54.25),
    ("SKU-3002", "Brass watering can", "Garden", 47.8),
)
_EVENTS = ("Product Viewed", "Product Added", "Checkout Started", "Order Completed")
_CAMPAIGNS = ("winter-sale", "new-year", "retargeting-7d", "brand")


def segment_event(number: int, share: float, rng: random.Random) -> dict[str, object]:
    """One Segment event of about 1.2 kB as a Python object.

    Args:
        number: makes its order id.
        share: how far into the week it arrives, from 0 to 1, give or take a minute.
        rng: everything else.
    """
    received = FIRST_DAY + timedelta(
        milliseconds=int(share * DAYS * 86_400_000) + rng.randrange(60_000)
    )
    sent = received - timedelta(milliseconds=rng.randrange(30, 900))
    happened = sent - timedelta(milliseconds=rng.randrange(5, 30_000))
    sku, name, category, price = rng.choice(_PRODUCTS)
    path = f"/products/{sku.lower()}"
    url = f"https://shop.example{path}"
    event: dict[str, object] = {
        "anonymousId": str(UUID(int=rng.getrandbits(128), version=4)),
        "channel": "client",
        "context": {
            "campaign": {"name": rng.choice(_CAMPAIGNS), "source": "tiktok", "medium": "paid"},
            "ip": f"203.0.113.{rng.randrange(1, 255)}",
            "library": {"name": "analytics.js", "version": "next-1.76.0"},
            "locale": "en-US",
            "page": {
                "path": path,
                "referrer": "https://www.tiktok.com/",
                "search": f"?ttclid=E.C.P.{rng.getrandbits(96):024x}",
                "title": f"{name} | Example Shop",
                "url": url,
            },
            "timezone": "America/New_York",
            "userAgent": rng.choice(_AGENTS),
        },
        "integrations": {"All": True},
        "messageId": f"ajs-next-{rng.getrandbits(128):032x}",
        "originalTimestamp": _text(happened),
        "projectId": "p7Tq2mXw9RkV4cYhNdJ5Lb",
        "receivedAt": _text(received),
        "sentAt": _text(sent),
        "timestamp": _text(happened),
        "userId": f"user-{rng.randrange(200_000)}" if rng.random() < 0.6 else None,
        "version": 2,
        "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
    }
    if rng.random() < 0.25:
        event["type"] = "page"
        event["name"] = category
        event["properties"] = {"path": path, "title": name, "url": url}
        return event
    quantity = rng.randrange(1, 4)
    total = round(quantity * price, 2)
    event["type"] = "track"
    event["event"] = rng.choices(_EVENTS, weights=(60, 20, 10, 10))[0]
    event["properties"] = {
        "currency": "USD",
        "order_id": f"order-{number:09d}",
        "products": [
            {
                "product_id": sku,
                "name": name,
                "category": category,
                "price": price,
                "quantity": quantity,
            }
        ],
        "total": total,
        "value": total,
    }
    return event


def event_lines(count: int, seed: int) -> Iterator[bytes]:
    """`count` events over a week, in the order of arrival, as JSON lines without the line end.

    Equal arguments give equal bytes.
    """
    rng = random.Random(seed)
    for number in range(count):
        event = segment_event(number, number / count, rng)
        yield json.dumps(event, separators=(",", ":")).encode()


def segment_events(count: int, seed: int, folder: Path) -> list[Path]:
    """Write `count` events as gzip NDJSON files of 25,000, about 1.2 kB of JSON per event.

    Args:
        count: events in all.
        seed: equal seeds give equal files.
        folder: where `events-00000.gz` and so on go; made if missing.

    Returns:
        The files in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = event_lines(count, seed)
    paths = []
    for part, first in enumerate(range(0, count, EVENTS_PER_FILE)):
        path = folder / f"events-{part:05d}.gz"
        size = min(EVENTS_PER_FILE, count - first)
        text = b"".join(next(lines) + b"\n" for _ in range(size))
        path.write_bytes(igzip.compress(text, 2, mtime=0))
        paths.append(path)
    return paths


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def main() -> None:
    """Fill a folder with generated events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    paths = segment_events(options.events, options.seed, options.folder)
    size = sum(path.stat().st_size for path in paths)
    print(
        f"{options.events:,} events in {len(paths)} files, {size / 1e6:.0f} MB gzip, "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
