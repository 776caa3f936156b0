"""A world to be reconciled: inbound files, a receipts feed, settings and a question.

`World.write` lays it out as files and a configuration;
`World.expect` asks the oracle, which reads the very same bytes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import oracle

TICK = timedelta(microseconds=1)
NAME = "tiktok"
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
    """One file: its path below the project's folder and its records; `source` for inbound ones."""

    path: str
    records: list[Record]
    source: str = ""

    def data(self) -> bytes:
        lines = [json.dumps(record, default=_spell) for record in self.records]
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
    vouched: list[Vouched] = field(default_factory=list)
    from_day: date | None = None
    to_day: date | None = None

    def write(self, folder: Path) -> None:
        """Lay out the configuration and all files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "archiver.toml").write_text(self.configuration())
        for file in [*self.inbound, *self.feed]:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data())

    def configuration(self) -> str:
        s = self.settings
        lines = ['[archive]\nroot = "archive"', '[warehouse]\npath = "warehouse"']
        for source in ("web", "mobile", "crm"):
            lines.append(f'[sources.{source}]\npaths = ["inbound/{source}/*"]')
        lines.append(
            f"[destinations.{NAME}]\n"
            'type = "tiktok-events"\npixel = "none"\nreceipts_format = "generic-ndjson"\n'
            'receipts = ["receipts/*"]\n'
            f"sources = {json.dumps(list(s.sources))}\n"
            f'account_timezone = "{s.account_timezone}"\n'
            f'retry_window = "{_duration(s.retry_window)}"\n'
            f'provisional_after = "{_duration(s.provisional_after)}"\n'
            + (f'max_age = "{_duration(s.max_age)}"\n' if s.max_age else "")
            + f'reports = "{s.reports}"\ncoverage = "{s.coverage}"\n'
            f"incident_min = {s.incident_min}\n"
            f"max_gap_ratio = {s.max_gap_ratio}\nmin_gap = {s.min_gap}\n"
        )
        return "\n".join(lines)

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
                )
        return list(found.values())

    def feed_days(self) -> set[date]:
        files = []
        for file in self.feed:
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
            feed_days=self.feed_days(),
            vouched=[(v.start, v.end) for v in self.vouched],
            from_day=self.from_day,
            to_day=self.to_day,
        )

    def moved(self, by: timedelta) -> World:
        """The same world at another time; receipts files named for days are renamed."""
        return World(
            settings=self.settings,
            inbound=[replace(f, records=_moved(f.records, by)) for f in self.inbound],
            feed=[
                replace(f, path=_moved_path(f.path, by), records=_moved(f.records, by))
                for f in self.feed
            ],
            as_of=self.as_of + by,
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


def _parse(line: bytes) -> Record:
    parsed: Record = json.loads(line, parse_int=oracle.Number, parse_float=oracle.Number)
    return parsed


def _known(instant: datetime | None) -> datetime:
    assert instant is not None
    return instant


def _moved(records: list[Record], by: timedelta) -> list[Record]:
    return [
        {
            key: replace(value, instant=value.instant + by) if isinstance(value, Moment) else value
            for key, value in record.items()
        }
        for record in records
    ]


def _moved_path(path: str, by: timedelta) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", lambda match: str(date.fromisoformat(match[0]) + by), path)


def _duration(length: timedelta) -> str:
    return f"{length // timedelta(seconds=1)}s"
