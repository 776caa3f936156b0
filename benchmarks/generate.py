"""Generated Segment events for the benchmarks: seeded, and of the size that real ones have.

Run it to fill a folder: `python benchmarks/generate.py FOLDER --events 400000`; or to write one
large file there: `python benchmarks/generate.py FOLDER --json-gb 20 [--shape array]`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from uuid import UUID

import pyarrow as pa
from isal import igzip

EVENTS_PER_FILE = 25_000
EVENTS_PER_BLOCK = 20_000
WIDE_BYTES = 16 << 20
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


SHAPES = {"lines": b"\n", "cr": b"\r", "array": b",\n", "wide": b"\n", "record": b"\n"}
"""What stands behind an event, by the shape of a file: lines ended by LF or by CR, one JSON array;
`wide`: lines of 16 MiB; `record`: one line as large as the file."""

CONTAINERS = {"gzip": ".gz", "zstd": ".zst", "none": ""}
"""Containers with what they add to a file's name."""


def write_large(
    path: Path, json_bytes: int, shape: str, container: str, seed: int = 1
) -> tuple[int, int]:
    """Write one file of any size in bounded memory, at the speed of the compression.

    A block of distinct events is made once and written again and again, each time in the next hour
    of the week and with other message and order ids. Its pages have click ids as long as real
    ones, so that gzip makes a fifth of it, and not an eighth.

    Args:
        path: the file; its folder exists.
        json_bytes: size of the JSON, rounded up to whole blocks of some 30 MB.
        shape: a key of SHAPES.
        container: a key of CONTAINERS.
        seed: equal seeds give equal files.

    Returns:
        How many events it holds, and how many bytes of JSON.
    """
    with _compressed(path, container) as file:
        if shape in ("wide", "record"):
            size = WIDE_BYTES if shape == "wide" else json_bytes
            count = -(-json_bytes // size)
            return count, sum(
                file.write(part) for number in range(count) for part in _large_event(number, size)
            )
        end = SHAPES[shape]
        block = _block(seed, end)
        count = -(-json_bytes // len(block))
        file.write(b"[\n" if shape == "array" else b"")
        for number in range(count):
            text = _moved(block, number, number * DAYS * 24 // count)
            if shape == "array" and number == count - 1:
                text = text.removesuffix(end)
            file.write(text)
        file.write(b"\n]\n" if shape == "array" else b"")
    return count * EVENTS_PER_BLOCK, count * len(block)


def _block(seed: int, end: bytes) -> bytes:
    """Distinct events of the first hour, each with its end."""
    rng = random.Random(seed)
    lines = []
    for number in range(EVENTS_PER_BLOCK):
        # From the second minute to the last but one: an event happens up to 31 s before it arrives.
        share = (1 + 57 * number / EVENTS_PER_BLOCK) / (DAYS * 24 * 60)
        event = segment_event(number, share, rng)
        context = event["context"]
        assert isinstance(context, dict)
        context["page"]["search"] = f"?ttclid=E.C.P.{rng.getrandbits(800):0200x}"
        event["messageId"] = f"ajs-next-{0:08x}{rng.getrandbits(96):024x}"
        lines.append(json.dumps(event, separators=(",", ":")).encode())
    return end.join(lines) + end


def _moved(block: bytes, number: int, hour: int) -> bytes:
    """The block with ids of its own, in that hour of the week; its size stays."""
    moment = FIRST_DAY + timedelta(hours=hour)
    return (
        block.replace(b'"ajs-next-00000000', b'"ajs-next-%08x' % number)
        .replace(b'"order-0000', b'"order-%04d' % number)
        .replace(
            FIRST_DAY.strftime("%Y-%m-%dT%H:").encode(), moment.strftime("%Y-%m-%dT%H:").encode()
        )
    )


def _large_event(number: int, size_bytes: int) -> Iterator[bytes]:
    """One line of exactly that size, in parts."""
    text = random.Random(number).randbytes(1 << 19).hex().encode()
    head = b'{"messageId":"large-%d","type":"track","event":"Order Completed",' % number
    head += b'"receivedAt":"2026-01-12T00:00:00Z","properties":{"text":"'
    tail = b'"}}\n'
    yield head
    left = size_bytes - len(head) - len(tail)
    while left > 0:
        yield text[:left]
        left -= len(text)
    yield tail


def _compressed(path: Path, container: str) -> IO[bytes]:
    if container == "gzip":
        return igzip.open(path, "wb", compresslevel=1)
    if container == "zstd":
        return pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd")
    return open(path, "wb")


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def main() -> None:
    """Fill a folder with generated events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json-gb", type=float, help="one file of this size instead")
    parser.add_argument("--shape", choices=SHAPES, default="lines", help="of that file")
    parser.add_argument("--container", choices=CONTAINERS, default="gzip", help="of that file")
    options = parser.parse_args()
    started = time.perf_counter()
    if options.json_gb:
        options.folder.mkdir(parents=True, exist_ok=True)
        path = options.folder / f"events.json{CONTAINERS[options.container]}"
        size = int(options.json_gb * 1e9)
        events, json_bytes = write_large(path, size, options.shape, options.container, options.seed)
        print(f"{events} events {json_bytes} bytes of JSON")
        return
    paths = segment_events(options.events, options.seed, options.folder)
    size = sum(path.stat().st_size for path in paths)
    print(
        f"{options.events:,} events in {len(paths)} files, {size / 1e6:.0f} MB gzip, "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
