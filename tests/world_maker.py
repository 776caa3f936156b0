"""Small random worlds: a few days of one shop, with everything that can go wrong.

The same seed gives the same world.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oracle_model import ids_of
from world_extras import hum, refunds, uploads_of, with_totals
from world_fields import ORDINARY, integrations, person, properties, spoil_times
from world_files import as_read, feed_of, split
from world_settings import excluded_windows, make_settings
from worlds import TICK, File, Moment, Raw, Record, Vouched, World, vouched_range

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

_HUB_EVENTS = [
    *[("track", "Order Completed")] * 6,
    *[("track", "Product Added")] * 2,
    ("track", "Signed Up"),
    ("page", None),
]
# A zone and a day on which its clock changes (Kathmandu's never does: UTC+05:45).
_PLACES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("Asia/Kathmandu", date(2026, 6, 10)),
    ("UTC", date(2026, 1, 15)),
]


def make_world(seed: int, *, clock_change: bool = True) -> World:
    """Make one world.

    Args:
        seed: same seed, same world.
        clock_change: let the days lie around a change of the account's clock.
    """
    return _Maker(random.Random(seed), random.Random(f"aside {seed}"), clock_change).make()


class _Maker:
    """Grows a world: a schedule of good and bad hours, then mischief, then exact boundaries."""

    def __init__(self, rng: random.Random, aside: random.Random, clock_change: bool) -> None:
        self.rng = rng
        self.aside = aside  # What came later into these worlds, and leaves the rest as it was.
        zone, day = rng.choice(_PLACES)
        if not clock_change:
            day = date(2026, 7, 7)
        self.zone = ZoneInfo(zone)
        self.start = datetime.combine(day, time(), UTC) - timedelta(days=2)
        self.end = self.start + timedelta(days=rng.choice([3, 4]))
        settings = make_settings(rng, zone, self.start)
        midnight = datetime.combine(self.start.date() + timedelta(days=2), time(), self.zone)
        excluded = excluded_windows(aside, self.start, midnight.astimezone(UTC))
        self.settings = replace(settings, excluded=excluded)
        self.events: list[tuple[str, Record]] = []
        self.receipts: list[Record] = []
        self.uploads: list[File] = []
        self.count = 0

    def make(self) -> World:
        for at, mode in self.schedule():
            self.conversion(at, mode)
        self.as_of = self.choose_as_of()
        self.vouched = self.choose_vouched()
        if self.aside.random() < 0.5:
            records = [event for _, event in self.events]
            self.uploads = uploads_of(self.aside, records, self.settings, self.as_of)
        for source, event in list(self.events):
            if self.rng.random() < 0.12:
                self.again(source, event)
        self.others()
        self.stray_receipts()
        self.two_names_of_one_id()
        self.vouch_for_a_silence()
        self.boundaries()
        orders = [event for _, event in self.events]
        for refund in refunds(self.rng, orders, self.as_of):
            self.events.append((self.source(), refund))
        if self.rng.random() < 0.4:
            self.events += hum(self.rng, self.rng.choice([self.as_of, self.start + 50 * HOUR]))
        world = self.world()
        if self.settings.coverage == "daily":
            self.file_of_tomorrow(world)
        if self.settings.reports == "totals" or self.rng.random() < 0.4:
            world = with_totals(self.rng, world, only=self.settings.reports == "totals")
        if self.rng.random() < 0.3:
            first = self.start.date() + timedelta(days=self.rng.randrange(-1, 2))
            world.from_day, world.to_day = first, first + timedelta(days=self.rng.randrange(4))
        return world

    # --- the ordinary course of things --------------------------------------------------------

    def schedule(self) -> list[tuple[datetime, str]]:
        """Arrivals, with what goes on at the time."""
        arrivals = []
        at = self.start
        while at < self.end:
            modes = ["normal", "outage", "refusing", "silent", "quiet"]
            mode = self.rng.choices(modes, [9, 5, 2, 4, 4])[0]
            per_hour = {"normal": 5, "outage": 7, "refusing": 6, "silent": 12, "quiet": 0.4}[mode]
            block_end = min(at + HOUR * self.rng.uniform(0.8, 9), self.end)
            while at < block_end:
                arrivals.append((at, mode))
                at += HOUR * self.rng.expovariate(per_hour) + TICK
        return arrivals

    def conversion(self, arrival: datetime, mode: str = "normal", **changes: Any) -> Record:
        """One event that must reach the destination, and its receipts."""
        rng = self.rng
        call_type, hub_event = rng.choice(_HUB_EVENTS)
        if hub_event is not None and rng.random() < 0.06:
            hub_event = rng.choice([hub_event.upper(), f" {hub_event.lower()} "])
        happened = arrival - rng.choice(
            [timedelta(), TICK, timedelta(seconds=rng.random() * 90), 26 * HOUR,
             rng.choice([-2 * HOUR, -5 * MINUTE, -5 * MINUTE - TICK])]
        )  # fmt: skip
        event: Record = {
            "messageId": self.message_id(),
            "type": call_type,
            "event": hub_event,
            "timestamp": self.moment(happened),
            "originalTimestamp": self.moment(happened),
            "sentAt": self.moment(arrival - timedelta(seconds=1)),
            "receivedAt": Moment(arrival),
            "properties": properties(rng, self.count),
            "integrations": integrations(rng, self.settings.integration),
            **person(rng),
        }
        spoil_times(rng, event, arrival)
        if event["event"] is None:
            del event["event"]
        event.update(changes)
        self.events.append((self.source(), event))
        if self.ids(event) or event["messageId"] is True:
            self.deliver(event, arrival, mode)
        return event

    def message_id(self) -> Any:
        self.count += 1
        odd = self.rng.random()
        if odd < 0.03:
            return self.rng.choice([None, True, {}, "", " "])
        if odd < 0.04:
            return f" m-{self.count:04}\t"
        return self.count if odd < 0.06 else f"m-{self.count:04}"

    def ids(self, event: Record) -> list[str]:
        """The event's ids as the destination sees them, its event id first."""
        return [id_ for _, id_ in ids_of(as_read(event), self.settings)]

    def source(self) -> str:
        return self.rng.choices(["web", "mobile", "crm"], [8, 3, 1])[0]

    def moment(self, instant: datetime) -> Moment:
        style = self.rng.choices(["z", "offset", "naive", "ms"], [7, 1, 1, 1])[0]
        return Moment(instant, style)

    # --- receipts -----------------------------------------------------------------------------

    def deliver(self, event: Record, arrival: datetime, mode: str) -> None:
        """Attempts as the hub makes them in that mode, now and then under another name."""
        rng = self.rng
        if mode == "silent":
            return
        good: list[list[str]] = [["accepted"]] * 30 + [["failed", "accepted"]] * 2
        bad = [["failed"], ["failed", "failed"], ["rejected"], ["unknown"], ["accepted", "failed"],
               ["failed", "unknown"], ["unknown", "failed"], ["rejected", "failed"], [],
               ["failed", "rejected"], ["accepted", "rejected", "unknown"]]  # fmt: skip
        share = {"outage": 0.2, "refusing": 0.1}.get(mode, 0.8)
        outcomes = rng.choice(good if rng.random() < share else bad)
        code = None
        if mode == "refusing" and outcomes != ["accepted"]:
            outcomes, code = ["rejected"], "40105"
        if mode == "outage" and rng.random() < 0.7:
            code = "50100"
        if self.settings.reports == "failures" and outcomes[-1:] == ["accepted"]:
            outcomes = outcomes[:-1]
        name = self.name_of(event)
        names = rng.choice([[name]] * 20 + [["Renamed"], [None], [name, None], [name, "Purchase"]])
        ids: list[str | None] = [*self.ids(event)]
        ids = rng.choice([ids[:1]] * 6 + [ids[-1:], ids]) or [None]
        at = arrival + rng.choice([TICK, timedelta(seconds=2), 3 * MINUTE, -2 * MINUTE])
        for attempt, outcome in enumerate(outcomes):
            self.receipt(event, outcome, at, rng.choice(names), attempt, rng.choice(ids), code)
            if rng.random() < 0.85:  # else two attempts at one instant
                at += HOUR * rng.choice([0.01, 0.3, 1, 3, 30])

    def receipt(
        self,
        event: Record,
        outcome: str,
        at: datetime,
        name: str | None,
        attempt: int | None,
        event_id: str | None,
        code: str | None = None,
    ) -> None:
        rng = self.rng
        properties = event["properties"] if isinstance(event["properties"], dict) else {}
        happened = event.get("timestamp")
        refusals = ["40002"] * 5 + ["40003", "40105", None]
        codes = {"failed": "50000", "rejected": rng.choice(refusals), "accepted": "0"}
        is_number = event_id is not None and event_id.isdigit() and event_id[0] != "0"
        shown = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self.receipts.append(
            {
                "event_id": Raw(event_id) if is_number and rng.random() < 0.5 else event_id,
                "event_name": name,
                "event_time": happened if isinstance(happened, Moment) else None,
                "outcome": outcome,
                "attempted_at": self.moment(rng.choice([shown, at])),
                "attempt": rng.choice([attempt, attempt, None]),
                "code": code if code and outcome != "accepted" else codes.get(outcome),
                "value": rng.choice([properties.get("value")] * 3 + [None, Raw("1.00")]),
                "currency": properties.get("currency"),
            }
        )

    def name_of(self, event: Record) -> str:
        """As the rules have it; whatever comes to mind where none selects it."""
        for rule in self.settings.rules:
            if rule.fits(event["type"], event.get("event")):
                return rule.name or event.get("event") or "x"
        return "CompletePayment"

    def stray_receipts(self) -> None:
        """Receipts for ids of nobody, of other sources, of events yet to come, and without any."""
        rng = self.rng
        for n in range(14):
            at = self.start + (self.end - self.start) * rng.random()
            happened = rng.choice([None, self.moment(at - 5 * HOUR)])
            stray = {"timestamp": happened, "properties": {}}
            for attempt in range(rng.choice([1, 1, 2])):
                name = rng.choice(["CompletePayment", "CompletePayment", "Purchase", None])
                outcome = rng.choice(["accepted", "failed", "unknown"])
                self.receipt(stray, outcome, at + attempt * HOUR, name, attempt, f"stray-{n}")
        self.receipt({"properties": {}}, "accepted", at, "AddToCart", 0, None)
        if rng.random() < 0.2:  # Days without rows before it are more than anyone wants to read.
            long_ago = {"timestamp": self.moment(at - timedelta(days=900)), "properties": {}}
            self.receipt(long_ago, "failed", at, "CompletePayment", 0, "old")
        self.receipt({"properties": {}}, "failed", at, None, None, "")

    # --- mischief -----------------------------------------------------------------------------

    def again(self, source: str, event: Record) -> None:
        """The same id once more: a copy, a retry, another spelling, or something else entirely."""
        rng = self.rng
        twin = copy.deepcopy(event)
        properties = twin["properties"] if isinstance(twin["properties"], dict) else {}
        received = twin.get("receivedAt")
        seen = received.instant if isinstance(received, Moment) else self.start + 5 * HOUR

        def later() -> None:
            twin["receivedAt"] = Moment(seen + rng.choice([TICK, MINUTE, 50 * HOUR]))

        def earlier() -> None:
            twin["receivedAt"] = Moment(seen - rng.choice([TICK, MINUTE, 50 * HOUR]))

        def respelled() -> None:
            later()
            properties["currency"] = f" {str(properties.get('currency') or '').lower()} "
            for key in ("timestamp", "originalTimestamp"):
                if isinstance(twin.get(key), Moment) and twin[key].style != "ms":
                    twin[key] = replace(twin[key], style="offset")

        def changed(key: str, value: Any) -> Callable[[], None]:
            def change() -> None:
                rng.choice([later, earlier])()
                twin["properties"] = {**properties, key: value}

            return change

        def moved() -> None:
            later()
            twin["originalTimestamp"] = Moment(seen - 9 * HOUR)

        def too_late() -> None:
            twin["properties"] = {**properties, "value": Raw("5"), "currency": "USD"}
            twin["receivedAt"] = Moment(self.as_of + rng.choice([TICK, 3 * HOUR]))

        def on_time() -> None:
            twin["properties"] = {**properties, "value": Raw("6"), "currency": "USD"}
            twin["receivedAt"] = Moment(self.as_of)

        def renamed() -> None:
            later()
            others = [("track", "Product Added"), ("page", "x"), ("screen", None)]
            twin["type"], twin["event"] = rng.choice([*others, ("track", "Something")])

        def other_id() -> None:
            """Another event id; what other ids it has are the same."""
            rng.choice([later, earlier])()
            self.count += 1
            path = self.settings.match_keys[0].path
            assert isinstance(path, str)
            holder, _, key = path.rpartition(".")
            if holder and isinstance(twin["properties"], dict):
                twin["properties"][key] = f"n-{self.count}"
            else:
                twin["messageId"] = f"n-{self.count}"

        def switched() -> None:
            rng.choice([later, earlier])()
            twin["integrations"] = rng.choice([{"All": False}, {}])

        rng.choice([lambda: None, later, earlier, respelled, moved, too_late, on_time, renamed,
                    switched, other_id, other_id, other_id, changed("value", "1.00"),
                    changed("currency", "GBP"), changed("order_id", "other"),
                    changed("coupon", "X"), changed("value", None)])()  # fmt: skip
        self.events.append((rng.choice([source, source, self.source()]), twin))

    def others(self) -> None:
        """Events that no rule selects; receipts for some of their ids."""
        for n in range(12):
            at = self.start + (self.end - self.start) * self.rng.random()
            at = self.rng.choice([at, at, at, self.as_of + HOUR])
            event: Record = {
                "messageId": f"other-{n}",
                "type": self.rng.choice(["identify", "track", "screen", None]),
                "event": "Something",
                "timestamp": Moment(at),
                "properties": {},
            }
            self.events.append((self.source(), event))
            if self.rng.random() < 0.5:
                at = min(at, self.as_of)
                self.receipt(event, "accepted", at, "CompletePayment", 0, f"other-{n}")

    def two_names_of_one_id(self) -> None:
        """One id on two conversions, and receipts that name neither, one or both."""
        for names in ([None], ["CompletePayment"], ["CompletePayment", "AddToCart"], [None, "X"]):
            arrival = self.start + HOUR * self.rng.uniform(5, 20)
            order = self.plain(arrival, arrival)
            cart = copy.deepcopy(order)
            order["type"], order["event"] = "track", "Order Completed"
            cart["type"], cart["event"] = "track", "Product Added"
            self.events.append(("web", cart))
            for name in names:
                outcome = self.rng.choice(["failed", "rejected", "accepted"])
                self.receipt(order, outcome, arrival + MINUTE, name, 0, self.ids(order)[0])

    def vouch_for_a_silence(self) -> None:
        """For all of it, for all but its last instant, or by two ranges that touch."""
        spans, self.newest = self.world().silences()
        self.silences = spans if self.settings.coverage == "infer" else []
        for first, last in self.silences:
            middle = first + (last - first) / 2
            ranges = self.rng.choice(
                [[], [], [(first, last + TICK)], [(first, last)], [(first + TICK, last + HOUR)],
                 [(first - HOUR, middle), (middle, last + HOUR)],
                 [(first, middle), (middle + TICK, last + TICK)]]
            )  # fmt: skip
            self.vouched += [vouched_range(start, end) for start, end in ranges]

    def file_of_tomorrow(self, world: World) -> None:
        """The feed's only file for the day of the as-of holds nothing but later attempts."""
        today = datetime.combine(self.as_of.date(), time(), UTC)
        late = {
            "event_id": "late",
            "outcome": "accepted",
            "attempted_at": Moment(self.as_of + TICK),
        }
        world.feed = [
            file
            for file in world.feed
            if file.is_upload
            or (
                str(today.date()) not in file.path
                and all(r["attempted_at"].instant.date() != today.date() for r in file.records)
            )
        ] + [File("receipts/tomorrow.ndjson", [late])]
        self.plain(today, today)
        world.inbound.append(File("inbound/web/today.ndjson", [self.events[-1][1]], "web"))

    # --- exact boundaries ---------------------------------------------------------------------

    def choose_as_of(self) -> datetime:
        rng, s = self.rng, self.settings
        arrival = self.start + (self.end - self.start) * rng.uniform(0.4, 1)
        over = s.end_of(s.day_of(arrival)) + s.provisional_after
        return rng.choice(
            [
                arrival,
                self.end + HOUR * rng.uniform(0, 30),
                self.end + HOUR * rng.uniform(30, 200),
                over,
                over - TICK,
                datetime(2027, 2, 1, tzinfo=UTC),
            ]
        )

    def choose_vouched(self) -> list[Vouched]:
        rng, vouched = self.rng, []
        for _ in range(rng.choice([0, 0, 1, 2])):
            start = self.start + HOUR * rng.uniform(0, 60)
            if rng.random() < 0.5 and not self.settings.zones_before:
                day = start.date()
                after = datetime.combine(day + timedelta(days=1), time(), self.zone)
                midnight = datetime.combine(day, time(), self.zone)
                vouched.append(
                    Vouched(f"{day}/{day}", midnight.astimezone(UTC), after.astimezone(UTC))
                )
            else:
                end = start + HOUR * rng.uniform(1, 12)
                vouched.append(vouched_range(start, end))
                if rng.random() < 0.4:  # One that touches it on the grid.
                    vouched.append(vouched_range(end, end + 3 * HOUR))
        return vouched

    def boundaries(self) -> None:
        """Conversions that nobody tried to deliver, exactly on each edge and one tick beside it."""
        s, window = self.settings, self.settings.retry_window
        edges = [self.as_of - window, self.as_of]
        if self.newest is not None:
            edges.append(self.newest - window)
        for first, last in self.silences[:2]:
            edges += [first - window, last]
        for vouched in self.vouched:
            edges += [vouched.start, vouched.end - window]
        if s.coverage == "daily":
            edges.append(self.start + timedelta(days=1) - window)
        for edge in edges:
            for arrival in (edge - TICK, edge, edge + TICK):
                self.plain(arrival, arrival - MINUTE)
        midnight = datetime.combine(self.start.date() + timedelta(days=2), time(), self.zone)
        for happened in (midnight.astimezone(UTC) - TICK, midnight.astimezone(UTC)):
            self.plain(happened + MINUTE, happened)
        if s.max_age is not None:
            for happened in (self.as_of - s.max_age, self.as_of - s.max_age - TICK):
                event = self.plain(min(happened + MINUTE, self.as_of - 2 * window), happened)
                name = self.name_of(event)
                self.receipt(event, "rejected", self.as_of, name, 0, self.ids(event)[0])
        for at in (self.as_of, self.as_of + TICK):
            event = self.plain(self.start + 3 * HOUR + self.rng.randrange(999) * TICK, self.start)
            self.receipts.append(
                {
                    "event_id": self.ids(event)[0],
                    "event_name": self.name_of(event),
                    "outcome": "accepted",
                    "attempted_at": Moment(at),
                }
            )

    def plain(self, arrival: datetime, happened: datetime) -> Record:
        self.count += 1
        return self.conversion(
            arrival,
            "silent",
            messageId=f"edge-{self.count}",
            properties={**ORDINARY, "order_id": f"edge-{self.count}"},
            context={},
            userId="u-0",
            receivedAt=Moment(arrival),
            timestamp=Moment(happened),
            integrations={},
        )

    # --- files --------------------------------------------------------------------------------

    def world(self) -> World:
        rng = random.Random(self.count)
        return World(
            settings=self.settings,
            inbound=split(self.events, rng),
            feed=[*feed_of(self.receipts, self.settings, rng), *self.uploads],
            as_of=self.as_of,
            vouched=self.vouched,
        )
