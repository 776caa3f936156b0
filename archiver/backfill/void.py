"""Declares a backfill void: it was not sent and will not be, so that its events are free again."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from archiver.archive.lock import writing
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, VOIDED_BACKFILLS
from archiver.backfill.upload_journal import Journal, attempted_anything
from archiver.backfill.upload_notes import unimported_logs
from archiver.config import Config
from archiver.errors import UsageError
from archiver.files import write_durably
from archiver.texts import instant_text

MARK = "VOID"
"""The file in a void backfill's folder, for people; the archive is what counts."""

_PRIVATE_MODE = 0o600


@dataclass(frozen=True)
class Voided:
    """A backfill that is void.

    Attributes:
        backfill_id, destination: which.
        events: how many it holds.
        voided_at: since when, UTC.
        was_void: it was so before; nothing was changed.
    """

    backfill_id: str
    destination: str
    events: int
    voided_at: datetime
    was_void: bool


def voided(archive: Archive, destination: str) -> frozenset[str]:
    """The ids of a destination's void backfills."""
    return frozenset(known for name, known, _ in _void(archive) if name == destination)


def free_id(archive: Archive, destination: str, backfill_id: str) -> str:
    """The id under which a backfill can be made: its own or, where that is void, the next."""
    taken = voided(archive, destination)
    while backfill_id in taken:
        backfill_id = hashlib.sha256(backfill_id.encode()).hexdigest()[:16]
    return backfill_id


def void(
    config: Config, archive: Archive, backfill_id: str, now: datetime, *, dry_run: bool = False
) -> Voided:
    """Declare a backfill void. Hold the archive's lock.

    The archive knows it first, then the folder: `upload` asks the archive.

    Args:
        config: where the folders are.
        archive: has the ledger of backfills, and of imported receipts.
        backfill_id: which.
        now: the instant, UTC.
        dry_run: check, and write nothing.

    Raises:
        UsageError: there is no such backfill, its folder is gone, or an upload of it sent
            something of which the archive has no receipts yet.
        LockedError: an upload of it runs.
    """
    doing = f"declaring the backfill {backfill_id} void"
    events = _events(config, archive)
    destination = next((name for name, known in events if known == backfill_id), None)
    if destination is None:
        known = ", ".join(f"{known} ({name})" for name, known in events) or "none"
        raise UsageError(doing, "there is no such backfill", f"known: {known}")
    home = config.folder / "backfills" / destination / backfill_id
    count = events[destination, backfill_id]
    earlier = [since for _, known, since in _void(archive) if known == backfill_id]
    with nullcontext() if dry_run or not home.exists() else writing(home, "voiding"):
        if not earlier and count and not home.exists():
            raise UsageError(
                doing,
                f"{home} is gone, and with it what an upload of it sent, if there was one",
                "put it back; or --force with the next backfill takes its events, uploaded or not",
            )
        if not earlier:
            _check_uploads(archive, home, destination, backfill_id, doing)
        if not earlier and not dry_run:
            row = {"destination": destination, "backfill_id": backfill_id, "voided_at": now}
            staged = StagedTable(VOIDED_BACKFILLS, archive.staging)
            staged.add(pa.Table.from_pylist([row], schema=VOIDED_BACKFILLS.schema))
            archive.commit(staged.finish())
        since = min(earlier, default=now)
        if home.exists() and not dry_run:
            text = f"void since {instant_text(since)}: not sent, and not to be sent\n"
            write_durably(home / MARK, text.encode(), mode=_PRIVATE_MODE)
    return Voided(backfill_id, destination, count, since, was_void=bool(earlier))


def _void(archive: Archive) -> list[tuple[str, str, datetime]]:
    """Destination, id and instant of each void backfill."""
    rows = archive.read(VOIDED_BACKFILLS).to_pylist()
    return [(row["destination"], row["backfill_id"], row["voided_at"]) for row in rows]


def _events(config: Config, archive: Archive) -> dict[tuple[str, str], int]:
    """How many events each backfill holds, by destination and id; an empty one has a folder."""
    found = {
        (path.parent.parent.name, path.parent.name): 0
        for path in sorted((config.folder / "backfills").glob("*/[!.]*/manifest.json"))
    }
    ledger = archive.read(BACKFILLS, ["destination", "backfill_id"])
    counted = ledger.group_by(["destination", "backfill_id"]).aggregate([([], "count_all")])
    for row in counted.sort_by("backfill_id").to_pylist():
        found[row["destination"], row["backfill_id"]] = row["count_all"]
    return found


def _check_uploads(
    archive: Archive, home: Path, destination: str, backfill_id: str, doing: str
) -> None:
    """Refuse where an upload sent something of which the archive does not know what became."""
    if not attempted_anything(home):
        return
    journal = Journal(home, backfill_id, is_writing=False)
    if journal.open_run is not None or journal.pending:
        raise UsageError(
            doing,
            "an upload of it died, and part of it may have landed",
            f"end it with archiver upload {home} --send, then import its log: archiver receipts",
        )
    for log in unimported_logs(archive, destination, [home]):
        raise UsageError(
            doing,
            f"an upload of it sent something, and {log.name} is not imported",
            f"archiver receipts --destination {destination} {log}, then this again: what was "
            "never attempted gets free",
        )
