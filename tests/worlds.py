"""A world to be reconciled: inbound files, a receipts feed, totals, settings and a question.

`World.write` lays it out as files and a configuration;
`World.expect` asks the oracle, which reads the very same bytes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import oracle

TICK = timedelta(microseconds=1)
NAME = "tiktok"
SOURCES = ("web", "mobile", "crm", "kiosk")
UPLOADS = "uploads/"
KINDS = ("delivered", "received", "attributed")
# What the presets send to TikTok, as far as these worlds use it, and the ids that they take.
PRESETS = {
    "segment": (
        oracle.Rule("track", "Order Completed", "CompletePayment"),
        oracle.Rule("track", "Product Added", "AddToCart"),
        oracle.Rule("track", "Signed Up", "CompleteRegistration"),
        oracle.Rule("page", None, "PageView"),
    ),
    "rudderstack": (
        oracle.Rule("track", "Order Completed", "PlaceAnOrder", is_folded=True),
        oracle.Rule("track", "Product Added", "AddToCart", is_folded=True),
    ),
}
MATCH_KEYS = {
    "segment": (oracle.MatchKey("messageId"),),
    "rudderstack": (
        oracle.MatchKey("properties.eventId"),
        oracle.MatchKey("properties.event_id"),
        oracle.MatchKey("messageId"),
    ),
}
INTEGRATIONS = {"segment": "TikTok Conversions", "rudderstack": "TikTok Ads"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RAW = re.compile(r'"@raw@([^"]*)"')


@dataclass(frozen=True)
class Raw:
    """A JSON number that keeps its spelling."""

    text: str


@dataclass(frozen=True)
class Moment:
    """An instant and the way in which it is written."""

    instant: datetime
    style: str = "z"

    def spelled(self) -> str:
        if self.style == "ms":
            return f"@raw@{(self.instant - EPOCH) // timedelta(milliseconds=1)}"
        if self.style == "naive":
            return self.instant.replace(tzinfo=None).isoformat()
        if self.style == "offset":
            zone = timezone(timedelta(hours=5, minutes=30))
            return self.instant.astimezone(zone).isoformat()
        return self.instant.replace(tzinfo=None).isoformat() + "Z"


Record = dict[str, Any]


@dataclass
class File:
    """One file: its path below the project's folder and its records.

    `source` for inbound ones, `kind` for totals; receipts below `uploads/` are those of an upload.
    """

    path: str
    records: list[Record]
    source: str = ""
    kind: str = ""

    @property
    def is_upload(self) -> bool:
        """Whether it is the log of an upload of ours."""
        return self.path.startswith(UPLOADS)

    def data(self) -> bytes:
        lines = [_ENCODER.encode(record) for record in self.records]
        return "".join(_RAW.sub(r"\1", line) + "\n" for line in lines).encode()


@dataclass(frozen=True)
class Vouched:
    """A range as the user writes it, and what it means: from start, up to end, that excluded."""

    text: str
    start: datetime
    end: datetime


@dataclass
class World:
    """Files, settings and a question."""

    settings: oracle.Settings
    inbound: list[File]
    feed: list[File]
    as_of: datetime
    totals: list[File] = field(default_factory=list)
    vouched: list[Vouched] = field(default_factory=list)
    from_day: date | None = None
    to_day: date | None = None

    def write(self, folder: Path) -> None:
        """Lay out the configuration and all files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "archiver.toml").write_text(self.configuration())
        if self.settings.erased:
            (folder / "erased.txt").write_text("\n".join(sorted(self.settings.erased)) + "\n")
        for file in [*self.inbound, *self.feed, *self.totals]:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data())
            if file.kind:
                # Of two reports of one time that of the file modified last counts; the oracle
                # knows no such times, but file ids: here both have one order.
                micros = int(hashlib.sha256(file.data()).hexdigest()[:12], 16)
                os.utime(path, ns=(micros * 1000, micros * 1000))

    def configuration(self) -> str:
        s = self.settings
        lines = ['[archive]\nroot = "archive"', '[warehouse]\npath = "warehouse"']
        if s.erased:
            lines.append('[privacy]\nerased = ["erased.txt"]')
        for source in SOURCES:
            lines.append(f'[sources.{source}]\npaths = ["inbound/{source}/*"]')
            if s.arrival_lag != oracle.Settings.arrival_lag:
                lines.append(f'arrival_lag = "{_duration(s.arrival_lag)}"')
        lines.append(f"[destinations.{NAME}]")
        keys = {
            "type": "tiktok-events",
            "preset": s.preset,
            "pixel": s.pixel,
            "receipts_format": "generic-ndjson",
            "receipts": ["receipts/*"],
            "sources": s.sources,
            "account_timezone": s.account_timezone,
            "account_timezone_before": [
                {"until": Moment(until), "zone": zone} for until, zone in s.zones_before
            ],
            "match_keys": [{"path": k.path, "transform": k.transform} for k in s.match_keys],
            "filter": [_condition(c) for c in s.filters],
            "test_events": [_condition(c) for c in s.test_events],
            "consent_categories": s.consent_categories,
            "exclude": [
                {
                    "from": Moment(w.start),
                    "to": Moment(w.end),
                    "reason": "something else delivered",
                    "filter": [_condition(c) for c in w.filters],
                }
                for w in s.excluded
            ],
            "retry_window": _duration(s.retry_window),
            "provisional_after": _duration(s.provisional_after),
            "reports": s.reports,
            "totals_tolerance": s.totals_tolerance,
            "coverage": s.coverage,
            "incident_min": s.incident_min,
            "max_gap_ratio": s.max_gap_ratio,
            "min_gap": s.min_gap,
        }
        if s.match_keys == MATCH_KEYS[s.preset]:
            del keys["match_keys"]
        if s.max_age is not None:
            keys["max_age"] = _duration(s.max_age)
        if s.dedup_window != oracle.Settings.dedup_window:
            keys["dedup_window"] = _duration(s.dedup_window or timedelta())
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items() if value not in ((), [])]
        for rule in s.rules[: -len(PRESETS[s.preset])]:
            lines += [f"[[destinations.{NAME}.rules]]", f"type = {_toml(rule.call_type)}"]
            lines += [f"event = {_toml(rule.event)}"] if rule.event is not None else []
            lines += [f"name = {_toml(rule.name)}"] if rule.name is not None else []
            lines += ["ignore = true"] if rule.is_ignored else []
            filters = [_condition(c) for c in rule.filters]
            lines += [f"filter = {_toml(filters)}"] if filters else []
        for kind in KINDS if self.totals else ():
            lines += [f"[[destinations.{NAME}.totals]]", f'paths = ["totals/{kind}/*"]']
            lines += [f'kind = "{kind}"']
        return "\n".join(lines) + "\n"

    def events(self) -> list[oracle.Event]:
        """Every archived occurrence: the same bytes twice in one source are one file."""
        found = {}
        for file in self.inbound:
            data = file.data()
            file_id = hashlib.sha256(data).hexdigest()
            for number, line in enumerate(data.splitlines()):
                event = oracle.Event(file.source, file_id, number, _parse(line))
                found[file.source, file_id, number] = event
        return list(found.values())

    def receipts(self) -> list[oracle.Receipt]:
        found = {}
        for file in self.feed:
            data = file.data()
            file_id = hashlib.sha256(data).hexdigest()
            for number, line in enumerate(data.splitlines()):
                row = _parse(line)
                found[file_id, number] = oracle.Receipt(
                    event_id=oracle.read_text(row.get("event_id")) or None,
                    event_name=oracle.read_text(row.get("event_name")) or None,
                    event_time=oracle.read_instant(row.get("event_time")),
                    outcome=row["outcome"],
                    attempted_at=_known(oracle.read_instant(row["attempted_at"])),
                    file_id=file_id,
                    record_number=number,
                    attempt=int(row["attempt"]) if row.get("attempt") is not None else None,
                    code=row.get("code"),
                    value=oracle.read_amount(row.get("value")),
                    currency=(oracle.read_text(row.get("currency")) or "").strip().upper() or None,
                    is_upload=file.is_upload,
                )
        return list(found.values())

    def reports(self) -> list[oracle.Total]:
        found = {}
        for file in self.totals:
            data = file.data()
            file_id = hashlib.sha256(data).hexdigest()
            for number, line in enumerate(data.splitlines()):
                row = _parse(line)
                found[file_id, number] = oracle.Total(
                    day=date.fromisoformat(row["account_day"]),
                    event_name=row["event_name"],
                    kind=file.kind,
                    count=int(row["count"]),
                    reported_at=_known(oracle.read_instant(row["reported_at"])),
                    file_id=file_id,
                    record_number=number,
                )
        return list(found.values())

    def feed_days(self) -> set[date]:
        files = []
        for file in self.feed:
            if file.is_upload:
                continue
            named = [date.fromisoformat(d) for d in re.findall(r"\d{4}-\d\d-\d\d", file.path)]
            attempts = [_known(oracle.read_instant(_parse(line)["attempted_at"]))
                        for line in file.data().splitlines()]  # fmt: skip
            files.append((named, attempts))
        return oracle.feed_days_of(files, self.as_of)

    def expect(self) -> oracle.Result:
        """What must come out."""
        return oracle.reconcile(
            self.events(),
            self.receipts(),
            self.settings,
            as_of=self.as_of,
            totals=self.reports(),
            feed_days=self.feed_days(),
            vouched=[(v.start, v.end) for v in self.vouched],
            from_day=self.from_day,
            to_day=self.to_day,
        )

    def silences(self) -> tuple[list[oracle.Stretch], datetime | None]:
        """The feed's silences, and its newest attempt."""
        return oracle.silences(self.events(), self.receipts(), self.settings, self.as_of)

    def moved(self, by: timedelta) -> World:
        """The same world at another time; receipts files named for days are renamed."""
        zones = tuple((until + by, zone) for until, zone in self.settings.zones_before)
        excluded = tuple(
            replace(w, start=w.start + by, end=w.end + by) for w in self.settings.excluded
        )
        return World(
            settings=replace(self.settings, zones_before=zones, excluded=excluded),
            inbound=[replace(f, records=_moved(f.records, by)) for f in self.inbound],
            feed=[
                replace(f, path=_moved_path(f.path, by), records=_moved(f.records, by))
                for f in self.feed
            ],
            as_of=self.as_of + by,
            totals=[replace(f, records=_moved(f.records, by)) for f in self.totals],
            vouched=[vouched_range(v.start + by, v.end + by) for v in self.vouched],
            from_day=self.from_day and self.from_day + by,
            to_day=self.to_day and self.to_day + by,
        )

    def copied(self) -> World:
        """A copy to be changed."""
        return copy.deepcopy(self)


def vouched_range(start: datetime, end: datetime) -> Vouched:
    """Instants are both included where the user writes them."""
    shown_end = end - TICK
    return Vouched(f"{start.isoformat()}/{shown_end.isoformat()}", start, end)


def _spell(value: Any) -> str:
    if isinstance(value, Moment):
        return value.spelled()
    if isinstance(value, Raw):
        return f"@raw@{value.text}"
    raise TypeError(f"{value!r} is no part of a record")


_ENCODER = json.JSONEncoder(default=_spell)
_DECODER = json.JSONDecoder(parse_int=oracle.Number, parse_float=oracle.Number)


def _parse(line: bytes) -> Record:
    parsed: Record = _DECODER.decode(line.decode())
    return parsed


def _known(instant: datetime | None) -> datetime:
    assert instant is not None
    return instant


def _moved(records: list[Record], by: timedelta) -> list[Record]:
    def moved(key: str, value: Any) -> Any:
        if isinstance(value, Moment):
            return replace(value, instant=value.instant + by)
        return str(date.fromisoformat(value) + by) if key == "account_day" else value

    return [{key: moved(key, value) for key, value in record.items()} for record in records]


def _moved_path(path: str, by: timedelta) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", lambda match: str(date.fromisoformat(match[0]) + by), path)


def _duration(length: timedelta) -> str:
    return f"{length // timedelta(seconds=1)}s"


def _condition(condition: oracle.Condition) -> dict[str, Any]:
    return {"path": condition.path, condition.test: condition.value}


def _toml(value: Any) -> str:
    if isinstance(value, Moment):
        return value.spelled()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
