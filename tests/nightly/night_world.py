"""A world for many nights: what happened, when its files came, and what is true of each night.

Two sources, two destinations, two weeks of history and then the nights. Everything follows from
the seed. What must be said of a night comes from `oracle`, which reads the same bytes as
`archiver` and shares no line with it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import oracle
from worlds import PRESETS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST_DAY = datetime(2026, 2, 2, tzinfo=UTC)
HISTORY_DAYS = 15
THRESHOLD_DAYS = 5
STALE_AFTER = timedelta(hours=36)
MAX_BAD_RATIO = 0.2
SOURCES = ("web", "app")
TIKTOK, WEIRD = "tiktok", "weird-name.x"
# Conversions by source in each hour of the shop's opening, UTC.
_OPENING_HOURS = range(12, 19)
_PER_HOUR = {"web": 11, "app": 4}
_READ = oracle.typed
_CODES = {"outage": "50000", "refusal": "40002"}

SETTINGS = {
    TIKTOK: oracle.Settings(
        account_timezone="America/New_York",
        rules=PRESETS["segment"],
        max_age=timedelta(days=7),
        incident_min=5,
    ),
    WEIRD: oracle.Settings(
        account_timezone="Europe/Berlin",
        rules=PRESETS["segment"],
        sources=("web",),
        coverage="daily",
        retry_window=3 * HOUR,
        incident_min=5,
    ),
}

CONFIG = f"""\
[archive]
root = "data/archive"
[warehouse]
path = "data/warehouse"
[nightly]
threshold_days = {THRESHOLD_DAYS}
[report]
formats = ["json"]
[channels.hook]
type = "webhook"
url_env = "HOOK_URL"
[sources.web]
paths = ["inbound/web/**/*"]
max_bad_ratio = {MAX_BAD_RATIO}
[sources.app]
paths = ["inbound/app/**/*"]
max_bad_ratio = {MAX_BAD_RATIO}
[destinations.tiktok]
type = "tiktok-events"
event_source_id = "PIXEL"
pixel = "none"
account_timezone = "America/New_York"
receipts = ["receipts/tiktok/*"]
receipts_format = "generic-ndjson"
max_age = "7d"
incident_min = 5
[destinations."{WEIRD}"]
type = "tiktok-events"
sources = ["web"]
event_source_id = "OTHER"
pixel = "none"
account_timezone = "Europe/Berlin"
receipts = ["receipts/weird/*"]
receipts_format = "generic-ndjson"
coverage = "daily"
retry_window = "3h"
incident_min = 5
"""
_FOLDERS = {TIKTOK: "receipts/tiktok", WEIRD: "receipts/weird"}


@dataclass(frozen=True)
class Arrival:
    """A file as a night finds it; a later one with the same path has replaced it.

    Attributes:
        path: below the project's folder.
        data: on the disk.
        content: what can be read of it; None: it cannot be read.
        night: the first night that finds it.
        owner: the source, or of receipts the destination.
        bad: records that are none.
    """

    path: str
    data: bytes
    content: bytes | None
    night: int
    owner: str
    bad: int = 0

    @property
    def is_inbound(self) -> bool:
        return self.path.startswith("inbound/")

    @cached_property
    def file_id(self) -> str:
        return hashlib.sha256(self.content or b"").hexdigest()

    @cached_property
    def lines(self) -> list[tuple[int, dict[str, Any]]]:
        """Its records by number, without those that are none."""
        found = []
        for number, line in enumerate((self.content or b"").splitlines()):
            if not line.startswith(b"{nonsense"):
                found.append((number, _DECODER.decode(line.decode())))
        return found

    @cached_property
    def events(self) -> list[oracle.Event]:
        return [oracle.Event(self.owner, self.file_id, n, body) for n, body in self.lines]

    @cached_property
    def receipts(self) -> list[oracle.Receipt]:
        return [
            oracle.Receipt(
                event_id=row["event_id"],
                event_name=row["event_name"],
                event_time=None,
                outcome=row["outcome"],
                attempted_at=_instant(row["attempted_at"]),
                file_id=self.file_id,
                record_number=number,
                attempt=int(row["attempt"]),
                code=row.get("code"),
            )
            for number, row in self.lines
        ]

    def write(self, folder: Path) -> None:
        path = folder / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data)
        seconds = int((FIRST_DAY + self.night * DAY).timestamp())
        os.utime(path, (seconds, seconds))


@dataclass(frozen=True)
class Truth:
    """What is true of a night.

    Attributes:
        over: destinations and account days over their threshold, of the last days.
        stale: kind and name of the feeds that are stale.
        unreadable: files that are there and cannot be read.
        conditions: what an alert must be about: kind, destination, source, diagnosis.
        results: by destination.
    """

    over: frozenset[tuple[str, date]]
    stale: frozenset[tuple[str, str]]
    unreadable: tuple[str, ...]
    conditions: frozenset[tuple[str, str | None, str | None, str | None]]
    results: dict[str, oracle.Result] = field(repr=False)


@dataclass
class World:
    """The files of so many nights."""

    nights: int
    seed: int
    arrivals: list[Arrival]
    notes: list[str]
    read: dict[tuple[str, int, str, str], Any] = field(default_factory=dict, repr=False)

    def as_of(self, night: int) -> datetime:
        """03:00 UTC: what happened until midnight should be there."""
        return FIRST_DAY + night * DAY + 3 * HOUR

    def new(self, night: int, since: int) -> list[Arrival]:
        """What has come after the night `since` and up to this one."""
        return [a for a in self.arrivals if since < a.night <= night]

    def there(self, night: int) -> list[Arrival]:
        """Every file as it is that night."""
        return list({a.path: a for a in self.arrivals if a.night <= night}.values())

    def truth(self, night: int) -> Truth:
        """What is true as of a night, when all that is there is imported."""
        as_of = self.as_of(night)
        # A file that was read once stays archived, whatever its path holds later.
        readable = [a for a in self.arrivals if a.night <= night and a.content is not None]
        inbound = {(a.owner, a.file_id): a for a in readable if a.is_inbound}
        events = [event for a in inbound.values() for event in a.events]
        stale = set(self._stale_sources(events, as_of))
        over, conditions, results = set(), set(), {}
        for name, settings in SETTINGS.items():
            feed = [a for a in readable if a.owner == name]
            receipts = [r for a in {a.file_id: a for a in feed}.values() for r in a.receipts]
            days = {date.fromisoformat(a.path.rpartition("/")[2][:10]) for a in feed}
            with mock.patch.object(oracle, "typed", self._typed):
                result = oracle.reconcile(events, receipts, settings, as_of=as_of, feed_days=days)
            results[name] = result
            if self._is_stale(result, settings, days, as_of):
                stale.add(("destination", name))
            over |= {(name, day) for day in self._over(result, settings, as_of)}
            conditions |= {
                ("outage", name, i.source, i.diagnosis) for i in result.incidents if i.is_open
            }
            conditions |= {("gap", name, None, None)} if any(n == name for n, _ in over) else set()
        for kind, name in stale:
            is_source = kind == "source"
            where = (None, name) if is_source else (name, None)
            conditions.add(("stale", *where, None))
        return Truth(
            over=frozenset(over),
            stale=frozenset(stale),
            unreadable=tuple(a.path for a in self.there(night) if a.content is None),
            conditions=frozenset(conditions),
            results=results,
        )

    def _typed(self, event: oracle.Event, settings: oracle.Settings) -> Any:
        """What the oracle reads off an event, once: it is asked again each night."""
        key = event.file_id, event.record_number, event.source, settings.account_timezone
        if key not in self.read:
            self.read[key] = _READ(event, settings)
        return self.read[key]

    def _stale_sources(
        self, events: list[oracle.Event], as_of: datetime
    ) -> Iterator[tuple[str, str]]:
        for source in SOURCES:
            arrived = (_instant(e.body["receivedAt"]) for e in events if e.source == source)
            newest = max((at for at in arrived if at <= as_of), default=None)
            if newest is None or as_of - newest > STALE_AFTER:
                yield "source", source

    def _is_stale(
        self,
        result: oracle.Result,
        settings: oracle.Settings,
        feed_days: set[date],
        as_of: datetime,
    ) -> bool:
        """Something that should be in the feed is not, and the feed has nothing from then on."""
        signs = [] if result.newest_attempt is None else [result.newest_attempt]
        if settings.coverage == "daily":
            midnights = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in feed_days)
            signs += [midnight + DAY for midnight in midnights if midnight <= as_of]
        life = max(signs, default=datetime.min.replace(tzinfo=UTC))
        return any(
            c.arrival <= as_of - STALE_AFTER and c.arrival > life
            for c in result.conversions
            if c.status not in ("accepted", "rejected", "failed", "suppressed")
        )

    def _over(
        self, result: oracle.Result, settings: oracle.Settings, as_of: datetime
    ) -> Iterator[date]:
        days: dict[date, Counter[str]] = defaultdict(Counter)
        for (day, _), row in result.days.items():
            days[day].update(row.counts)
        today = settings.day_of(as_of)
        for day, counts in days.items():
            gap = counts["gap"]
            is_much = gap >= settings.min_gap and gap > settings.max_gap_ratio * (
                counts["accepted"] + gap
            )
            if is_much and today - (THRESHOLD_DAYS - 1) * DAY <= day <= today:
                yield day


def make_world(seed: int, nights: int) -> World:
    """Invent one; the last two days are quiet."""
    return _Maker(seed, nights).make()


@dataclass(frozen=True)
class _Spell:
    """From when to when deliveries to some destinations go wrong."""

    kind: str
    start: datetime
    end: datetime
    destinations: tuple[str, ...]


class _Maker:
    def __init__(self, seed: int, nights: int) -> None:
        self.rng = random.Random(f"nights {seed}")
        self.seed, self.nights = seed, nights
        self.notes: list[str] = []
        self.spells: list[_Spell] = []
        self.silent: list[tuple[str, datetime, datetime]] = []
        # Per source, per destination: days whose files come so many nights late.
        self.delays: dict[tuple[str, int], int] = defaultdict(int)
        self.lost_days: set[tuple[str, int]] = set()
        self.inbound: dict[tuple[str, int, str], list[bytes]] = defaultdict(list)
        self.receipts: dict[tuple[str, int], list[tuple[datetime, bytes]]] = defaultdict(list)
        self.count = 0

    def make(self) -> World:
        self._plan()
        for day in range(-HISTORY_DAYS, self.nights):
            for source in SOURCES:
                self._shop_day(source, day)
        return World(self.nights, self.seed, self._files(), self.notes)

    def _day(self) -> int:
        """One on which something may go wrong."""
        return self.rng.randrange(1, max(2, self.nights - 4))

    def _plan(self) -> None:
        often = max(1, self.nights // 15)
        for _ in range(often):
            # In the evening, so that the night finds it open.
            self._spell("outage", self._day(), 14, 26, (TIKTOK, WEIRD))
            self._spell("outage", self._day(), self.rng.randrange(12, 15), 24, (TIKTOK,))
            self._spell("outage", self._day(), 11, self.rng.randrange(17, 19), (WEIRD,))
            self._spell("refusal", self._day(), 15, 24, (self.rng.choice([TIKTOK, WEIRD]),))
            self._spell("drop", self._day(), 12, 14, (TIKTOK, WEIRD))
            day = self._day()
            self._note(f"web is silent from the afternoon of day {day}")
            self.silent.append(("web", _at(day, 13), _at(day + self.rng.choice([1, 1, 3]), 12)))
            self._stop("web", days=self.rng.randint(1, 3))
            self._stop(TIKTOK, days=self.rng.randint(2, 4))
            self._stop(WEIRD, days=self.rng.randint(1, 3))
            for _ in range(2):
                day, source = self._day(), self.rng.choice(SOURCES)
                late = min(self.rng.randint(2, 9), self.nights - 2 - day)
                self.delays[f"{source} am", day] = late
                self._note(f"the morning of {source}, day {day}, comes {late} nights late")
        if self.nights > 20:
            self.lost_days.add((WEIRD, self._day()))

    def _spell(self, kind: str, day: int, start: int, end: int, names: tuple[str, ...]) -> None:
        self.spells.append(_Spell(kind, _at(day, start), _at(day, end), names))
        self._note(f"{kind} of {', '.join(names)} on day {day}, {start} to {end}")

    def _stop(self, who: str, days: int) -> None:
        first = self._day()
        for day in range(first, min(first + days, self.nights - 3)):
            self.delays[who, day] = max(self.delays[who, day], first + days - day)
        self._note(f"the files of {who} stop for {days} days from day {first} on, and come then")

    def _note(self, text: str) -> None:
        self.notes.append(text)

    def _shop_day(self, source: str, day: int) -> None:
        for hour in range(24):
            busy = _PER_HOUR[source] if hour in _OPENING_HOURS else 0
            for _ in range(busy + (self.rng.random() < 0.1)):
                at = _at(day, hour) + self.rng.randrange(3600) * timedelta(seconds=1)
                if not any(s == source and a <= at < b for s, a, b in self.silent):
                    self._event(source, day, at)

    def _event(self, source: str, day: int, at: datetime) -> None:
        self.count += 1
        luck = self.rng.random()
        event_id = f"{source[0]}{self.count}"
        name, destination_name = "Order Completed", "CompletePayment"
        if luck < 0.1:
            name, destination_name = "Product Added", "AddToCart"
        elif luck < 0.15:
            name, destination_name = "Page Seen", ""
        body: dict[str, Any] = {
            "type": "track",
            "event": name,
            "messageId": event_id,
            "timestamp": _text(at - self.rng.randrange(90) * timedelta(minutes=1)),
            "receivedAt": _text(at),
            "properties": {
                "order_id": f"o{self.count}",
                "value": round(self.rng.uniform(1, 200), 2),
                "currency": self.rng.choice(["USD", "EUR"]),
            },
        }
        part = "am" if at.hour < 15 else "pm"
        self.inbound[source, day, part].append(_line(body))
        luck = self.rng.random()
        if luck < 0.02:
            # The hub sends it once more, now and then with another amount.
            again = dict(body, receivedAt=_text(at + 10 * HOUR))
            if luck < 0.003:
                again["properties"] = dict(body["properties"], value=0.5)
            later = min(day + 1, self.nights - 1)
            self.inbound[source, later, "am"].append(_line(again))
        if destination_name:
            for name, settings in SETTINGS.items():
                if source in (settings.sources or SOURCES):
                    self._deliver(name, settings, event_id, destination_name, at)

    def _deliver(
        self, name: str, settings: oracle.Settings, event_id: str, event_name: str, at: datetime
    ) -> None:
        waits = (timedelta(seconds=20), timedelta(minutes=9), HOUR, settings.retry_window - HOUR)
        for attempt, wait in enumerate(waits, 1):
            instant = at + wait
            found = [
                spell.kind
                for spell in self.spells
                if name in spell.destinations and spell.start <= instant < spell.end
            ]
            kind = found[0] if found else "none"
            if kind == "drop" or self.rng.random() < 0.002:
                return
            outcome = {"none": "accepted", "outage": "failed", "refusal": "rejected"}[kind]
            row = {
                "event_id": event_id,
                "event_name": event_name,
                "outcome": outcome,
                "attempted_at": _text(instant),
                "attempt": attempt,
            }
            if kind in _CODES:
                row["code"] = _CODES[kind]
            self.receipts[name, (instant - FIRST_DAY) // DAY].append((instant, _line(row)))
            if outcome != "failed":
                return

    def _files(self) -> list[Arrival]:
        made = []
        for (source, day, part), records in self.inbound.items():
            late = max(self.delays[source, day], self.delays[f"{source} {part}", day])
            night = self._night(day, late)
            made += self._inbound_file(source, day, part, records, night)
        for (name, day), rows in self.receipts.items():
            if (name, day) in self.lost_days:
                continue
            night = self._night(day, self.delays[name, day])
            data = b"".join(line for _, line in sorted(rows))
            path = f"{_FOLDERS[name]}/{(FIRST_DAY + day * DAY).date()}"
            made.append(Arrival(f"{path}.ndjson", data, data, night, name))
            if self.rng.random() < 0.05:
                # The same under another name, a night later.
                made.append(Arrival(f"{path} again.ndjson", data, data, night + 1, name))
        return sorted((a for a in made if a.night < self.nights), key=lambda a: (a.night, a.path))

    def _night(self, day: int, late: int) -> int:
        return max(0, day + 1 + late)

    def _inbound_file(
        self, source: str, day: int, part: str, records: list[bytes], night: int
    ) -> Iterator[Arrival]:
        stem = f"inbound/{source}/{(FIRST_DAY + day * DAY).date()}/{part}"
        bad = 0
        if day >= 0 and self.rng.random() < 0.1:
            bad = len(records) if self.rng.random() < 0.2 and day < self.nights - 4 else 1
            places = [self.rng.randrange(len(records) + 1) for _ in range(bad)]
            records = list(records)
            for place in sorted(places, reverse=True):
                records.insert(place, b"{nonsense\n")
        content = b"".join(records)
        packed = gzip.compress(content, 1, mtime=0)
        is_packed = self.rng.random() < 0.7
        name, data = (f"{stem}.ndjson.gz", packed) if is_packed else (f"{stem}.ndjson", content)
        luck = self.rng.random()
        if is_packed and 0 <= day < self.nights - 6 and luck < 0.04:
            yield Arrival(name, data[: len(data) * 2 // 3], None, night, source)
            night += self.rng.randint(1, 3)
            self._note(f"{name} cannot be read until night {night}")
        yield Arrival(name, data, content, night, source, bad)
        if luck > 0.95:
            copy = f"{stem} (copy).ndjson" if is_packed else f"{stem} (copy).gz"
            other = content if is_packed else packed
            yield Arrival(copy, other, content, night + self.rng.randint(0, 3), source, bad)


_DECODER = json.JSONDecoder(parse_int=oracle.Number, parse_float=oracle.Number)


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _at(day: int, hour: int) -> datetime:
    return FIRST_DAY + day * DAY + hour * HOUR
