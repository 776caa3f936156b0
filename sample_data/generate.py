"""Writes the sample data: a week of Segment raw logs and TikTok's answers, with planted faults.

Run `python sample_data/generate.py [--output DIR]`. It needs the standard library only and writes
the same bytes each time; README.md beside it says what is in the week.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _delivery import Request, deliver, log_line
from _plants import BadLine, bad_lines, plant
from _readme import readme
from _truth import AS_OF, backfill, conversions, tiktok
from _world import DAY, HOUR, MINUTE, SOURCE_IDS, Event, Maker, at, instant, iso, make_week

HERE = Path(__file__).resolve().parent
BLOCK = 6 * HOUR
COPIED_BLOCK = at("2026-01-13T06:00")
LATE_WRITTEN = at("2026-01-18T03:10")
COPY_WRITTEN = at("2026-01-16T10:30")


@dataclass(frozen=True)
class LogFile:
    """One gzip file of Segment's raw logs."""

    source: str
    start: int
    path: str
    lines: tuple[bytes, ...]
    bad: int

    @property
    def late(self) -> bool:
        """True for the file that is delivered days after its folder's day."""
        return f"/{LATE_WRITTEN}." in self.path

    @property
    def content(self) -> bytes:
        """The decompressed bytes."""
        return b"".join(line + b"\n" for line in self.lines)


def log_files(events: list[Event], spoiled: list[BadLine]) -> list[LogFile]:
    """Sort occurrences into a file per source and six hours of receiving, and the late file."""
    blocks: dict[tuple[str, int, bool], list[Event]] = defaultdict(list)
    for event in events:
        blocks[event.source, event.received // BLOCK, event.late].append(event)
    files = []
    for (source, block, late), members in sorted(blocks.items()):
        members.sort(key=lambda event: (event.received, event.message_id or ""))
        lines = [event.line() for event in members]
        bad = [b for b in spoiled if (b.source, b.time // BLOCK, late) == (source, block, False)]
        for line in bad:
            lines.insert(len(lines) // 2, line.data)
        start = block * BLOCK
        written = LATE_WRITTEN if late else start + BLOCK + (7 + start // BLOCK % 11) * MINUTE
        files.append(log_file(source, start, written, tuple(lines), len(bad)))
    return files


def log_file(source: str, start: int, written: int, lines: tuple[bytes, ...], bad: int) -> LogFile:
    """A file named as Segment names it: day of receiving, time of writing, something unique."""
    unique = hashlib.sha256(b"".join(lines) + str(written).encode()).hexdigest()[:20]
    folder = f"inbound/{source}/segment-logs/{SOURCE_IDS[source]}/{start // DAY * DAY}"
    return LogFile(source, start, f"{folder}/{written}.{unique}.gz", lines, bad)


def compress(data: bytes) -> bytes:
    """Gzip without name and time, so that the bytes depend on the data (and on zlib) only."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def ingest_numbers(files: list[LogFile], copies: list[LogFile]) -> dict[str, Any]:
    """What importing every file must report, per source and in all."""
    numbers: dict[str, Counter[str]] = {name: Counter() for name in ("web", "mobile", "totals")}
    for file in [*files, *copies]:
        for name in (file.source, "totals"):
            numbers[name]["files"] += 1
            numbers[name]["already_imported"] += file in copies
            if file not in copies:
                numbers[name]["imported"] += 1
                numbers[name]["records"] += len(file.lines)
                numbers[name]["archived"] += len(file.lines) - file.bad
                numbers[name]["quarantined"] += file.bad
    keys = ("files", "imported", "already_imported", "records", "archived", "quarantined")
    return {name: {key: counter[key] for key in keys} for name, counter in numbers.items()}


def warehouse_numbers(events: list[Event]) -> dict[str, Any]:
    """Distinct events per source: by message id, and each keyless one on its own."""
    numbers = {}
    for source in ("web", "mobile"):
        own = [event for event in events if event.source == source]
        ids = [event.message_id for event in own if event.message_id]
        numbers[source] = {
            "event_records": len(own),
            "events": len(set(ids)) + len(own) - len(ids),
            "repeated_ids": sum(count > 1 for count in Counter(ids).values()),
        }
    numbers["totals"] = {
        key: sum(numbers[source][key] for source in ("web", "mobile")) for key in numbers["web"]
    }
    return numbers


def receipt_numbers(requests: list[Request]) -> dict[str, Any]:
    """What importing the log of the destination must report."""
    outcomes = Counter(outcome for request in requests for outcome in request.outcomes)
    return {
        "files": len({request.sent // DAY for request in requests}),
        "records": len(requests),
        "receipts": sum(outcomes.values()),
        "by_outcome": dict(sorted(outcomes.items())),
        "newest_attempt": instant(max(request.sent for request in requests)),
    }


def late_numbers(
    events: list[Event], files: list[LogFile], requests: list[Request]
) -> dict[str, Any]:
    """The file that arrives late, and how many receipts have no event while it is still away."""
    late = [event for event in events if event.late]
    elsewhere = {event.message_id for event in events if not event.late}
    only_here = conversions(event for event in late if event.message_id not in elsewhere)
    known = {item.event_id for request in requests for item in request.items}
    return {
        "path": next(file.path for file in files if file.late),
        "records": len(late),
        "conversions": len(only_here),
        "unarchived_while_away": sum(row.first.message_id in known for row in only_here),
    }


def build(output: Path) -> None:
    """Make the week and write every file under `output`."""
    web_maker, mobile_maker = Maker("web"), Maker("mobile")
    web, visitors = make_week(web_maker)
    mobile, _ = make_week(mobile_maker)
    plant(web, mobile, web_maker, visitors)
    events = web + mobile
    files = log_files(events, bad_lines(web, mobile))
    first = next(f for f in files if (f.source, f.start, f.late) == ("web", COPIED_BLOCK, False))
    copy = log_file("web", COPIED_BLOCK, COPY_WRITTEN, first.lines, first.bad)

    rows = conversions(web)
    requests = deliver(row.first for row in rows if row.first.message_id)
    ids = {event.message_id for event in events}
    expected = {
        "as_of": instant(AS_OF),
        "ingest": ingest_numbers(files, [copy]),
        "receipts": receipt_numbers(requests),
        "warehouse": warehouse_numbers(events),
        "destinations": [tiktok(rows, requests, ids)],
        "backfill": backfill(rows),
        "late_file": late_numbers(events, files, requests),
        "copied_file": {"path": copy.path, "first_path": first.path},
    }
    write(output, [*files, copy], requests, expected)


def write(
    output: Path, files: list[LogFile], requests: list[Request], expected: dict[str, Any]
) -> None:
    """Replace the data under `output`; only files of the kinds written here are removed."""
    for stale in (
        *output.glob("inbound/*/segment-logs/**/*.gz"),
        *output.glob("receipts/tiktok/*"),
    ):
        stale.unlink()
    for file in files:
        path = output / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compress(file.content))
    days: dict[str, list[bytes]] = defaultdict(list)
    for number, request in enumerate(requests):
        days[iso(request.sent)[:10]].append(log_line(request, number) + b"\n")
    folder = output / "receipts" / "tiktok"
    folder.mkdir(parents=True, exist_ok=True)
    for day, lines in days.items():
        (folder / f"{day}.ndjson").write_bytes(b"".join(lines))
    text = json.dumps(expected, indent=1) + "\n"
    (output / "expected.json").write_text(text, encoding="utf-8", newline="\n")
    (output / "README.md").write_text(readme(expected), encoding="utf-8", newline="\n")
    if output != HERE:
        shutil.copyfile(HERE / "archiver.toml", output / "archiver.toml")


def main() -> None:
    """Read the command line and write the sample data."""
    parser = argparse.ArgumentParser(description="Write the sample data, the same each time.")
    parser.add_argument("--output", type=Path, default=HERE, help="folder (default: this one)")
    build(parser.parse_args().output.resolve())


if __name__ == "__main__":
    main()
