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

import oracle
from worlds import TICK, File, Moment, Raw, Record, Vouched, World, vouched_range

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

# What the preset `segment` sends to TikTok, as far as these worlds use it.
RULES = {
    ("track", "Order Completed"): "CompletePayment",
    ("track", "Product Added"): "AddToCart",
    ("track", "Signed Up"): "CompleteRegistration",
    ("page", None): "PageView",
}
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
    return _Maker(random.Random(seed), clock_change).make()


class _Maker:
    """Grows a world: a schedule of good and bad hours, then mischief, then exact boundaries."""

    def __init__(self, rng: random.Random, clock_change: bool) -> None:
        self.rng = rng
        zone, day = rng.choice(_PLACES)
        if not clock_change:
            day = date(2026, 7, 7)
        self.zone = ZoneInfo(zone)
        self.start = datetime.combine(day, time(), UTC) - timedelta(days=2)
        self.end = self.start + timedelta(days=rng.choice([3, 4]))
        self.settings = oracle.Settings(
            account_timezone=zone,
            rules=RULES,
            sources=rng.choice([(), ("web",), ("web", "mobile")]),
            retry_window=rng.choice([HOUR, 4 * HOUR, 90 * MINUTE]),
            provisional_after=rng.choice([24 * HOUR, 72 * HOUR]),
            max_age=rng.choice([None, 48 * HOUR, 168 * HOUR]),
            reports=rng.choice(["all", "all", "all", "failures"]),
            coverage=rng.choice(["infer", "infer", "daily", "complete"]),
            incident_min=rng.choice([2, 4, 6]),
            max_gap_ratio=rng.choice([0.01, 0.5]),
            min_gap=rng.choice([0, 5, 40]),
        )
        self.events: list[tuple[str, Record]] = []
        self.receipts: list[Record] = []
        self.count = 0

    def make(self) -> World:
        for at, mode in self.schedule():
            self.conversion(at, mode)
        self.as_of = self.choose_as_of()
        self.vouched = self.choose_vouched()
        for source, event in list(self.events):
            if self.rng.random() < 0.12:
                self.again(source, event)
        self.others()
        self.stray_receipts()
        self.two_names_of_one_id()
        self.vouch_for_a_silence()
        self.boundaries()
        world = self.world()
        if self.settings.coverage == "daily":
            self.file_of_tomorrow(world)
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
            mode = self.rng.choices(["normal", "outage", "silent", "quiet"], [9, 5, 4, 4])[0]
            per_hour = {"normal": 5, "outage": 7, "silent": 12, "quiet": 0.4}[mode]
            block_end = min(at + HOUR * self.rng.uniform(0.8, 9), self.end)
            while at < block_end:
                arrivals.append((at, mode))
                at += HOUR * self.rng.expovariate(per_hour) + TICK
        return arrivals

    def conversion(self, arrival: datetime, mode: str = "normal", **changes: Any) -> Record:
        """One event that must reach the destination, and its receipts."""
        rng = self.rng
        call_type, hub_event = rng.choice(_HUB_EVENTS)
        happened = arrival - rng.choice(
            [timedelta(), TICK, timedelta(seconds=rng.random() * 90), 26 * HOUR, -2 * HOUR]
        )
        event: Record = {
            "messageId": self.message_id(),
            "type": call_type,
            "event": hub_event,
            "timestamp": self.moment(happened),
            "originalTimestamp": self.moment(happened),
            "sentAt": self.moment(arrival - timedelta(seconds=1)),
            "receivedAt": Moment(arrival),
            "properties": self.properties(),
            "integrations": self.integrations(),
        }
        self.spoil_times(event, arrival)
        if event["event"] is None:
            del event["event"]
        event.update(changes)
        self.events.append((self.source(), event))
        if isinstance(event.get("messageId"), str | int):
            self.deliver(event, arrival, mode)
        return event

    def message_id(self) -> Any:
        self.count += 1
        odd = self.rng.random()
        if odd < 0.03:
            return self.rng.choice([None, True, {}])
        return self.count if odd < 0.06 else f"m-{self.count:04}"

    def source(self) -> str:
        return self.rng.choices(["web", "mobile", "crm"], [8, 3, 1])[0]

    def moment(self, instant: datetime) -> Moment:
        style = self.rng.choices(["z", "offset", "naive", "ms"], [7, 1, 1, 1])[0]
        return Moment(instant, style)

    def properties(self) -> Any:
        rng = self.rng
        if rng.random() < 0.03:
            return rng.choice([None, [], "none"])
        cents = rng.randrange(-2000, 30000)
        value = rng.choice(
            [Raw(f"{cents / 100:.2f}")] * 6
            + [f"{cents / 100:.2f}", "1,299.00", Raw("1e2"), Raw("0"), Raw("-0"), None, "many"]
            + [Raw("0.000000000000000001"), "-1,000,000.125", Raw("7")]
        )
        properties: Record = {"order_id": rng.choice([f"o-{self.count}", self.count, None])}
        properties[rng.choice(["value"] * 4 + ["revenue"])] = value
        if value is None or rng.random() < 0.1:
            properties.setdefault("revenue", Raw("19.99"))
        currency = rng.choice(["USD"] * 6 + ["EUR", "eur", " usd ", "", None, 978])
        if rng.random() < 0.95:
            properties["currency"] = currency
        return properties

    def integrations(self) -> Any:
        mine = oracle.Settings.integration
        usual = self.rng.random() < 0.88
        return {} if usual else self.rng.choice(
            [{"All": False}, {mine: False}, {"All": False, mine: True}, {"All": False, mine: {}},
             {"All": True, mine: False}, {"All": False, mine: None}, {"All": 0}, {"Other": False},
             None, "off", {mine: "false"}]
        )  # fmt: skip

    def spoil_times(self, event: Record, arrival: datetime) -> None:
        odd = self.rng.random()
        if odd < 0.04:
            event["receivedAt"] = self.rng.choice([None, "yesterday", ""])
            event["sentAt"] = Moment(arrival)
        elif odd < 0.06:
            del event["receivedAt"]
            del event["sentAt"]
            event["timestamp"] = Moment(arrival)
        elif odd < 0.08:
            event["timestamp"] = self.rng.choice([None, "soon", False])
        elif odd < 0.09:
            for key in ("receivedAt", "sentAt", "timestamp"):
                event[key] = None
        elif odd < 0.13:
            del event["originalTimestamp"]

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
        outcomes = rng.choice(good if rng.random() < (0.2 if mode == "outage" else 0.8) else bad)
        if self.settings.reports == "failures" and outcomes[-1:] == ["accepted"]:
            outcomes = outcomes[:-1]
        name = self.name_of(event)
        names = rng.choice([[name]] * 20 + [["Purchase"], [None], [name, None], [name, "Purchase"]])
        at = arrival + rng.choice([TICK, timedelta(seconds=2), 3 * MINUTE, -2 * MINUTE])
        for attempt, outcome in enumerate(outcomes):
            self.receipt(event, outcome, at, rng.choice(names), attempt)
            if rng.random() < 0.85:  # else two attempts at one instant
                at += HOUR * rng.choice([0.01, 0.3, 1, 3, 30])

    def receipt(
        self, event: Record, outcome: str, at: datetime, name: str | None, attempt: int | None
    ) -> None:
        rng = self.rng
        properties = event["properties"] if isinstance(event["properties"], dict) else {}
        happened = event.get("timestamp")
        self.receipts.append(
            {
                "event_id": event["messageId"],
                "event_name": name,
                "event_time": happened if isinstance(happened, Moment) else None,
                "outcome": outcome,
                "attempted_at": self.moment(at.replace(microsecond=at.microsecond // 1000 * 1000)
                                            if rng.random() < 0.5 else at),
                "attempt": rng.choice([attempt, attempt, None]),
                "code": {"failed": "50000", "rejected": "40002", "accepted": "0"}.get(outcome),
                "value": rng.choice([properties.get("value")] * 3 + [None, Raw("1.00")]),
                "currency": properties.get("currency"),
            }
        )  # fmt: skip

    def name_of(self, event: Record) -> str:
        kind = (event["type"], event.get("event"))
        return RULES.get(kind) or RULES[event["type"], None]

    def stray_receipts(self) -> None:
        """Receipts for ids of nobody, of other sources, of events yet to come, and without any."""
        rng = self.rng
        for n in range(14):
            at = self.start + (self.end - self.start) * rng.random()
            happened = rng.choice([None, self.moment(at - 5 * HOUR)])
            stray = {"messageId": f"stray-{n}", "timestamp": happened, "properties": {}}
            for attempt in range(rng.choice([1, 1, 2])):
                name = rng.choice(["CompletePayment", "CompletePayment", "Purchase", None])
                outcome = rng.choice(["accepted", "failed", "unknown"])
                self.receipt(stray, outcome, at + attempt * HOUR, name, attempt)
        self.receipt({"messageId": None, "properties": {}}, "accepted", at, "AddToCart", 0)
        if rng.random() < 0.2:  # Days without rows before it are more than anyone wants to read.
            long_ago = {"messageId": "old", "timestamp": self.moment(at - timedelta(days=900))}
            self.receipt({**long_ago, "properties": {}}, "failed", at, "CompletePayment", 0)
        self.receipt({"messageId": "", "properties": {}}, "failed", at, None, None)

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

        def switched() -> None:
            rng.choice([later, earlier])()
            twin["integrations"] = rng.choice([{"All": False}, {}])

        rng.choice([lambda: None, later, earlier, respelled, moved, too_late, on_time, renamed,
                    switched, changed("value", "1.00"), changed("currency", "GBP"),
                    changed("order_id", "other"), changed("coupon", "X"),
                    changed("value", None)])()  # fmt: skip
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
                self.receipt(event, "accepted", min(at, self.as_of), "CompletePayment", 0)

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
                self.receipt(order, outcome, arrival + MINUTE, name, 0)

    def vouch_for_a_silence(self) -> None:
        """For all of it, for all but its last instant, or by two ranges that touch."""
        for first, last in self.world().expect().silences:
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
            if str(today.date()) not in file.path
            and all(r["attempted_at"].instant.date() != today.date() for r in file.records)
        ] + [File("receipts/tomorrow.ndjson", [late])]
        self.plain(today, today)
        world.inbound.append(File("inbound/web/today.ndjson", [self.events[-1][1]], "web"))

    # --- exact boundaries ---------------------------------------------------------------------

    def choose_as_of(self) -> datetime:
        rng, s = self.rng, self.settings
        arrival = self.start + (self.end - self.start) * rng.uniform(0.4, 1)
        midnight = datetime.combine(arrival.astimezone(self.zone).date(), time(), self.zone)
        return rng.choice(
            [
                arrival,
                self.end + HOUR * rng.uniform(0, 30),
                self.end + HOUR * rng.uniform(30, 200),
                midnight.astimezone(UTC) + s.provisional_after,
                datetime(2027, 2, 1, tzinfo=UTC),
            ]
        )

    def choose_vouched(self) -> list[Vouched]:
        rng, vouched = self.rng, []
        for _ in range(rng.choice([0, 0, 1, 2])):
            start = self.start + HOUR * rng.uniform(0, 60)
            if rng.random() < 0.5:
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
        so_far = self.world().expect()
        edges = [self.as_of - window, self.as_of]
        if so_far.newest_attempt is not None:
            edges.append(so_far.newest_attempt - window)
        for first, last in so_far.silences[:2]:
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
                self.receipt(event, "rejected", self.as_of, self.name_of(event), 0)
        for at in (self.as_of, self.as_of + TICK):
            event = self.plain(self.start + 3 * HOUR + self.rng.randrange(999) * TICK, self.start)
            self.receipts.append(
                {
                    "event_id": event["messageId"],
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
            receivedAt=Moment(arrival),
            timestamp=Moment(happened),
            integrations={},
        )

    # --- files --------------------------------------------------------------------------------

    def world(self) -> World:
        rng = random.Random(self.count)
        return World(
            settings=self.settings,
            inbound=_split(self.events, rng),
            feed=_feed(self.receipts, self.settings, rng),
            as_of=self.as_of,
            vouched=self.vouched,
        )


def split_again(world: World, rng: random.Random) -> World:
    """The same records in another order in other files."""
    events = [(file.source, record) for file in world.inbound for record in file.records]
    receipts = [record for file in world.feed for record in file.records]
    rng.shuffle(events)
    rng.shuffle(receipts)
    return replace(world, inbound=_split(events, rng), feed=_feed(receipts, world.settings, rng))


def _split(events: list[tuple[str, Record]], rng: random.Random) -> list[File]:
    files: dict[tuple[str, int], File] = {}
    for source, event in events:
        part = rng.randrange(3)
        path = f"inbound/{source}/part-{part}.ndjson"
        files.setdefault((source, part), File(path, [], source)).records.append(event)
    return list(files.values())


def _feed(receipts: list[Record], settings: oracle.Settings, rng: random.Random) -> list[File]:
    """One file per day of the attempts; with daily coverage named for it, some lost, one empty."""
    days: dict[date, list[Record]] = {}
    for receipt in receipts:
        days.setdefault(receipt["attempted_at"].instant.date(), []).append(receipt)
    if settings.coverage != "daily":
        return [File(f"receipts/feed-{n}.ndjson", days[d]) for n, d in enumerate(sorted(days))]
    files = []
    for n, day in enumerate(sorted(days)):
        kind = rng.choice(["named", "named", "named", "unnamed", "lost"])
        if kind != "lost":
            files.append(File(f"receipts/{day if kind == 'named' else n}.ndjson", days[day]))
    empty = min(days) + timedelta(days=rng.randrange(4))
    files.append(File(f"receipts/{empty}-none.ndjson", []))
    return files
