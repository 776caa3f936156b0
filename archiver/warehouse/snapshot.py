"""What the warehouse folder holds: which archive files are loaded, and into which segments."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from archiver.files import write_durably

LAYOUT = 2
"""Counts changes to what the segments hold; those of another layout are made anew. 1: the diary,
`type_issues`, and bodies with what the envelope says; 2: the tiers of match keys."""

DATABASE = "warehouse.duckdb"
"""The published file, in the warehouse folder."""

# Segments that no snapshot names are kept this long: readers of an older snapshot use them.
_GRACE_SECONDS = 24 * 3600
# What loads write: segments, recurrences and superseded, and their drafts.
_OWN_FILE = re.compile(
    r"\.?(?:recurrences-|superseded-)?\d{6,}-[0-9a-f]{8}\.parquet(?:\.draft)?", re.ASCII
)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The warehouse's state, replaced as a whole.

    Attributes:
        number: counts the loads.
        events_loaded, conversions_loaded: data files of the archive's events table (relative to
            the archive) that the segments cover.
        event_segments, conversion_segments, diary_segments: Parquet files, relative to the
            warehouse folder.
        receipts_loaded: data files of the archive's receipts, relative to the archive, that
            performance_segments sum up.
        performance_segments: Parquet files, relative to the warehouse folder.
        recurrences, superseded: Parquet files, likewise; None before anything recurred.
        rules: fingerprint of the rules that selected the conversions.
        layout: LAYOUT of the program that wrote the segments.
    """

    number: int = 0
    events_loaded: list[str] = []
    conversions_loaded: list[str] = []
    event_segments: list[str] = []
    conversion_segments: list[str] = []
    diary_segments: list[str] = []
    receipts_loaded: list[str] = []
    performance_segments: list[str] = []
    recurrences: str | None = None
    superseded: str | None = None
    rules: str = ""
    layout: int = 0

    def files(self) -> Iterator[str]:
        """All Parquet files that this snapshot names."""
        yield from self.event_segments
        yield from self.conversion_segments
        yield from self.diary_segments
        yield from self.performance_segments
        for name in (self.recurrences, self.superseded):
            if name is not None:
                yield name


def read_snapshot(folder: Path) -> Snapshot:
    """The current snapshot; an empty one where there is none or a named file is missing."""
    try:
        snapshot = msgspec.json.decode((folder / "snapshot.json").read_bytes(), type=Snapshot)
    except (FileNotFoundError, msgspec.DecodeError):
        return Snapshot()
    if not all((folder / name).exists() for name in snapshot.files()):
        return Snapshot(number=snapshot.number)
    return snapshot


def still_good(snapshot: Snapshot) -> Snapshot:
    """The snapshot, or an empty one where its segments are of another layout."""
    return snapshot if snapshot.layout == LAYOUT else Snapshot(number=snapshot.number)


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Make a snapshot the current one, and remove segments that nobody needs any more."""
    write_durably(folder / "snapshot.json", msgspec.json.encode(snapshot))
    named = {folder / name for name in snapshot.files()}
    for sub in ("events", "conversions", "diary", "performance", "recurring"):
        for path in (folder / sub).glob("*"):
            is_needed = path in named or not _OWN_FILE.fullmatch(path.name)
            if not is_needed and time.time() - path.stat().st_mtime > _GRACE_SECONDS:
                path.unlink()
