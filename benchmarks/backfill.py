"""From lost conversions to TikTok batches: events per CPU second and peak memory.

    python benchmarks/backfill.py [--events 100000 1000000] [--runs 3]

Conversions of about 1.2 kB are generated, archived and never acknowledged. Then each way makes
TikTok web requests of at most 1,000 events of them, in a process of its own:

* batches: the archive is read, each event built, each request written: archiver's own code, one
  process;
* backfill: `archiver backfill` on a run that is kept: besides the batches it decides about every
  conversion, lists each with why it is safe, and enters it into the ledger;
* script: what one would write by hand: json.loads, hashlib and json.dumps over the payloads that
  PyArrow reads. No decision, no list; numbers are floats;
* duckdb: one query with json_extract_string, sha256 and to_json that writes one file of items. No
  requests, no decision, no list; it runs on every core.

The fields are those of Segment's mapping in each. `build` is building alone, in this process, of
events that are in memory already. The others include the start of a process: about half a second,
which counts at the smaller size.

Of several runs the fastest counts, as with `timeit`: whatever else the machine does makes a run
slower, never faster. The slowest stands beside it; of the memory the largest counts. How much else
it does is told by a fixed loop before each run: alone on its core, it always takes the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from generate import DAYS, EVENTS_PER_FILE, FIRST_DAY, segment_event
from ingest import Measured, measured
from isal import igzip

AS_OF = datetime(2026, 1, 20, tzinfo=UTC)
BUILT_EVENTS = 50_000

CONFIG = """\
[archive]
root = "archive"
[warehouse]
path = "warehouse"
[sources.web]
paths = ["inbound/*.gz"]
[destinations.tiktok]
type = "tiktok-events"
event_source_id = "PIXEL"
account_timezone = "America/New_York"
pixel = "none"
coverage = "complete"
max_gap_ratio = 1
max_age = "28d"
receipts = ["receipts/*.ndjson"]
"""

NAMES = {
    "Product Viewed": "ViewContent",
    "Product Added": "AddToCart",
    "Checkout Started": "InitiateCheckout",
    "Order Completed": "CompletePayment",
}
"""Inbound name → TikTok's; pages are PageView."""

_FIRST = ("Jane", "Ali", "Sofía", "Noah", "Mei", "Olu", "Anna-Lena", "José")
_LAST = ("Doe", "Rahman", "García", "Smith", "Chen", "Adeyemi", "Müller", "da Silva")
_CITIES = (("New York", "NY", "US", "10001"), ("São Paulo", "SP", "BR", "01310-100"))

SCRIPT = r"""
import hashlib, json, os, re
from urllib.parse import parse_qs, urlsplit
from pathlib import Path
import pyarrow.parquet as pq
from deltalake import DeltaTable

NAMES = {names!r}
ITSELF = {{"ViewContent", "AddToCart"}}
sha = lambda text: hashlib.sha256(text.encode()).hexdigest()
plain = lambda text: re.sub("[^a-z0-9]", "", text.lower())

def item(event):
    name = NAMES.get(event.get("event"), "PageView")
    p, c = event["properties"], event["context"]
    t = c.get("traits") or {{}}
    a = t.get("address") or {{}}
    first = lambda key: p.get(key) or t.get(key)
    user = {{}}
    who = event.get("userId") or event.get("anonymousId")
    user["external_id"] = [sha(who.lower())] if who else []
    phone, email = first("phone"), first("email")
    user["phone"] = [sha("+" + re.sub("[^0-9]", "", phone)[:14])] if phone else []
    user["email"] = [sha(email.lower())] if email else []
    for key in ("first_name", "last_name"):
        value = first(key)
        user[key] = sha(re.sub(r"\s", "", value).lower()) if value else ""
    for key in ("city", "state", "country"):
        user[key] = plain(a.get(key) or "")
    code = a.get("postal_code")
    user["zip_code"] = sha(re.sub(r"\s", "", code).lower()) if code else ""
    page = c.get("page") or {{}}
    click = parse_qs(urlsplit(page.get("url") or "").query).get("ttclid")
    if click:
        user["ttclid"] = click[0]
    for key, name_there in (("ip", "ip"), ("user_agent", "userAgent"), ("locale", "locale")):
        if c.get(name_there):
            user[key] = c[name_there]
    properties = {{"content_type": "product"}}
    value = p.get("value", p.get("revenue"))
    if value is not None:
        properties["value"] = value
    for key in ("currency", "query", "order_id", "shop_id", "content_ids", "num_items"):
        if p.get(key) is not None:
            properties[key] = p[key]
    products = [p] if name in ITSELF else p.get("products") or []
    properties["contents"] = [
        {{there: x[key] for there, key in (("price", "price"), ("quantity", "quantity"),
          ("content_category", "category"), ("content_id", "product_id"),
          ("content_name", "name"), ("brand", "brand")) if x.get(key) is not None}}
        for x in products
    ]
    from datetime import datetime
    at = int(datetime.fromisoformat(event["timestamp"]).timestamp())
    return {{"event": name, "event_time": at, "event_id": event["messageId"], "user": user,
            "properties": properties,
            "page": {{k: page[k] for k in ("url", "referrer") if page.get(k)}},
            "limited_data_use": False}}

def write(items, number):
    body = {{"event_source": "web", "event_source_id": "PIXEL", "partner_name": "Segment",
            "data": items}}
    with open(f"script/batch-{{number:05d}}.json", "w") as file:
        json.dump(body, file, separators=(",", ":"))

os.makedirs("script", exist_ok=True)
items, number = [], 0
for path in DeltaTable("archive/events").file_uris():
    for rows in pq.ParquetFile(path).iter_batches(10000, columns=["payload"]):
        for payload in rows["payload"].to_pylist():
            items.append(item(json.loads(payload)))
            if len(items) == 1000:
                number += 1
                write(items, number)
                items = []
if items:
    write(items, number + 1)
"""

DUCKDB = r'''
import duckdb
from deltalake import DeltaTable
files = DeltaTable("archive/events").file_uris()
connection = duckdb.connect()
connection.execute("SET memory_limit = '2GB'; SET temp_directory = 'spill'")
connection.execute("""
CREATE MACRO hashed(t) AS CASE WHEN coalesce(t, '') = '' THEN '' ELSE sha256(t) END;
CREATE MACRO folded(t) AS lower(regexp_replace(t, '\s', '', 'g'));
CREATE MACRO plain(t) AS coalesce(regexp_replace(lower(t), '[^a-z0-9]', '', 'g'), '');
""")
text = lambda path: f"payload ->> '$.{path}'"
person = lambda name: f"coalesce({text('properties.' + name)}, {text('context.traits.' + name)})"
connection.execute(f"""
COPY (SELECT to_json(struct_pack(
  event := CASE event WHEN 'Product Viewed' THEN 'ViewContent' WHEN 'Product Added' THEN 'AddToCart'
    WHEN 'Checkout Started' THEN 'InitiateCheckout' WHEN 'Order Completed' THEN 'CompletePayment'
    ELSE 'PageView' END,
  event_time := epoch(event_time)::BIGINT, event_id := message_id,
  "user" := struct_pack(
    external_id := [hashed(lower(coalesce(user_id, anonymous_id)))],
    phone := [hashed('+' || regexp_replace({person('phone')}, '[^0-9]', '', 'g'))],
    email := [hashed(lower({person('email')}))],
    first_name := hashed(folded({person('first_name')})),
    last_name := hashed(folded({person('last_name')})),
    city := plain({person('address.city')}), state := plain({person('address.state')}),
    country := plain({person('address.country')}),
    zip_code := hashed(folded({person('address.postal_code')})),
    ip := {text('context.ip')}, user_agent := {text('context.userAgent')},
    locale := {text('context.locale')}),
  properties := struct_pack(
    content_type := 'product',
    value := coalesce(payload -> '$.properties.value', payload -> '$.properties.revenue'),
    currency := {text('properties.currency')}, order_id := {text('properties.order_id')},
    contents := payload -> '$.properties.products'),
  page := struct_pack(url := {text('context.page.url')},
    referrer := {text('context.page.referrer')}),
  limited_data_use := FALSE)) AS item
FROM read_parquet({files!r}, hive_partitioning = false)
) TO 'items.ndjson' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')
""")
'''

BATCHES = """
import sys
from pathlib import Path
from archiver.archive.store import Archive
from archiver.backfill.batches import build_batches
from archiver.backfill.plan import Order, Plan
from archiver.backfill.route import route_of
from archiver.config import load_config
from archiver.reconcile.run import Question
from datetime import UTC, datetime

config = load_config(Path("archiver.toml").resolve(), {})
settings = config.destination("tiktok")
plan = Plan(
    "id", "run", "tiktok", settings, Order(Question(datetime.now(UTC), "tiktok")),
    route_of("tiktok", settings), Path("candidates/candidates.parquet"), {}, (), "rules",
)
Path("batches").mkdir()
build_batches(config, Archive(config.archive_root), plan, Path("candidates"), Path("batches"))
"""

PLAN = """
from datetime import datetime
from pathlib import Path
from archiver.archive.store import Archive
from archiver.backfill.plan import Order, plan
from archiver.config import load_config
from archiver.reconcile.run import Question

config = load_config(Path("archiver.toml").resolve(), {{}})
Path("candidates").mkdir()
order = Order(Question(datetime.fromisoformat("{as_of}"), "tiktok"))
planned = plan(config, Archive(config.archive_root), order, Path("candidates"))
assert planned.tally("send").events == {events}, planned.tallies
"""


def lost_event(number: int, share: float, rng: random.Random) -> dict[str, object]:
    """A conversion as `segment_event`, seven of ten with the traits of a person."""
    event = segment_event(number, share, rng)
    if rng.random() < 0.7:
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        city, state, country, code = rng.choice(_CITIES)
        context = event["context"]
        assert isinstance(context, dict)
        context["traits"] = {
            "email": f"{first}.{last}{rng.randrange(10**6)}@example.com",
            "phone": f"+1 555 01{rng.randrange(10**5):05d}",
            "first_name": first,
            "last_name": last,
            "address": {"city": city, "state": state, "country": country, "postal_code": code},
        }
    return event


def lost_events(count: int, seed: int) -> list[bytes]:
    """Some of them in memory, as JSON."""
    rng = random.Random(seed)
    return [
        json.dumps(lost_event(n, n / count, rng), separators=(",", ":")).encode()
        for n in range(count)
    ]


def prepare(folder: Path, events: int) -> None:
    """A workspace in which all of the events are archived, lost and reconciled."""
    rng = random.Random(1)
    (folder / "inbound").mkdir()
    (folder / "receipts").mkdir()
    (folder / "archiver.toml").write_text(CONFIG, encoding="utf-8")
    for part, first in enumerate(range(0, events, EVENTS_PER_FILE)):
        numbers = range(first, min(first + EVENTS_PER_FILE, events))
        text = b"".join(
            json.dumps(lost_event(n, n / events, rng), separators=(",", ":")).encode() + b"\n"
            for n in numbers
        )
        path = folder / "inbound" / f"events-{part:05d}.gz"
        path.write_bytes(igzip.compress(text, 1, mtime=0))
    last = {
        "event_id": "elsewhere",
        "event_name": "PageView",
        "outcome": "accepted",
        "attempted_at": (FIRST_DAY + timedelta(days=DAYS + 0.9)).isoformat(),
    }
    (folder / "receipts" / "last.ndjson").write_text(json.dumps(last) + "\n", encoding="utf-8")
    for command in (["ingest"], ["receipts"], ["load"], _backfill("reconcile")):
        measured(command[0], _archiver(*command), folder)
    plan = PLAN.format(as_of=AS_OF.isoformat(), events=events)
    measured("plan", [sys.executable, "-c", plan], folder)


def measure(folder: Path, events: int, runs: int, loops: list[float]) -> list[list[Measured]]:
    """Every way on one workspace, by turns; of each the runs, the fastest first."""
    found: dict[str, list[Measured]] = {}
    for _ in range(runs):
        for name in ("batches", "backfills", "script"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for result in measure_once(folder, events, loops):
            found.setdefault(result.name, []).append(result)
    return [sorted(results, key=lambda result: result.cpu_seconds) for results in found.values()]


def measure_once(folder: Path, events: int, loops: list[float]) -> list[Measured]:
    """Every way, once, each after a fixed loop; each must have written every event."""
    ways = {
        "batches": [sys.executable, "-c", BATCHES],
        "backfill": _archiver(*_backfill("backfill")),
        "script": [sys.executable, "-c", SCRIPT.format(names=NAMES)],
        "duckdb": [sys.executable, "-c", DUCKDB],
    }
    results = []
    for name, command in ways.items():
        os.sync()  # What the way before wrote is not to be written during this one.
        loops.append(loop_seconds())
        results.append(measured(name, command, folder))
    written = {
        "batches": _count(folder / "batches", b'"event_id":'),
        "backfill": _count(next((folder / "backfills" / "tiktok").iterdir()), b'"event_id":'),
        "script": _count(folder / "script", b'"event_id":'),
        "duckdb": _count(folder, b'"event_id":', "items.ndjson"),
    }
    for name, count in written.items():
        if count != events:
            raise SystemExit(f"{name} wrote {count:,} of {events:,} events")
    return results


def loop_seconds() -> float:
    """CPU seconds of a fixed loop."""
    started = time.process_time()
    total = 0
    for number in range(3_000_000):
        total += number * number
    return time.process_time() - started


def build_seconds() -> float:
    """CPU seconds that building one event takes, of events in memory."""
    from archiver.destinations import request_builder
    from archiver.destinations.requests import RequestSettings

    kind = request_builder("tiktok-events")
    assert kind is not None
    build = kind.requests(RequestSettings("web", "PIXEL", "segment")).build_event
    events = [
        (payload, NAMES.get(json.loads(payload).get("event", ""), "PageView"))
        for payload in lost_events(BUILT_EVENTS, 1)
    ]
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        for payload, name in events:
            build(payload, name, "ajs-next-0123456789abcdef", 1_768_478_400_000_000)
        best = min(best, time.process_time() - started)
    return best / BUILT_EVENTS


def render(found: dict[int, list[list[Measured]]], seconds: float) -> str:
    """The table; ratios are to the script of the same size, memory also to the first size."""
    first = [_peak(runs) for runs in next(iter(found.values()))]
    lines = [
        f"{'events':>10}  {'':<10}{'CPU, s':>8}{'events/CPU s':>14}{'slowest':>9}{'ratio':>8}"
        f"{'wall, s':>9}{'peak, MiB':>11}{'to the first size':>19}",
    ]
    for events, ways in found.items():
        script = next(runs[0].cpu_seconds for runs in ways if runs[0].name == "script")
        lines.append(
            f"{events:>10,}  {'build':<10}{seconds * events:>8.1f}{1 / seconds:>14,.0f}"
            f"{'':>9}{script / events / seconds:>7.2f}×"
        )
        for runs, small in zip(ways, first, strict=True):
            fastest = runs[0]
            lines.append(
                f"{events:>10,}  {fastest.name:<10}{fastest.cpu_seconds:>8.1f}"
                f"{events / fastest.cpu_seconds:>14,.0f}{events / runs[-1].cpu_seconds:>9,.0f}"
                f"{script / fastest.cpu_seconds:>7.2f}×{fastest.wall_seconds:>9.1f}"
                f"{_peak(runs) / 2**20:>11.0f}{_peak(runs) / small:>18.2f}×"
            )
    return "\n".join(lines)


def _peak(runs: list[Measured]) -> int:
    return max(run.peak_bytes for run in runs)


def _archiver(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "archiver", "--config", "archiver.toml", *arguments]


def _backfill(command: str) -> list[str]:
    return [command, "--destination", "tiktok", "--as-of", AS_OF.isoformat()]


def _count(folder: Path, part: bytes, names: str = "batch-*.json") -> int:
    """How often it is in files, line by line: a child's peak begins with the size of this one."""
    count = 0
    for path in folder.glob(names):
        with path.open("rb") as file:
            count += sum(line.count(part) for line in file)
    return count


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000])
    parser.add_argument("--runs", type=int, default=3, help="of each way; the fastest counts")
    options = parser.parse_args()
    found = {}
    loops: list[float] = []
    for events in options.events:
        with tempfile.TemporaryDirectory(prefix="archiver-backfill-") as name:
            prepare(Path(name), events)
            found[events] = measure(Path(name), events, options.runs, loops)
    print(render(found, build_seconds()))
    print(f"a fixed loop before each run: {min(loops):.2f} to {max(loops):.2f} s")


if __name__ == "__main__":
    main()
