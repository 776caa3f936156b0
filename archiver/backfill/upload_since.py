"""What became of a backfill's events since it was made, elsewhere than in its own upload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, RECEIPTS
from archiver.backfill.upload_folder import Folder
from archiver.backfill.void import voided
from archiver.values import parse_instant

Key: TypeAlias = tuple[str, str]
"""Id and name of an event, as the destination knows it."""

_RECEIPT = ["event_id", "event_name", "outcome", "attempted_at"]
_LEDGER = ["destination", "backfill_id", "event_id", "event", "created_at"]
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Since:
    """Events of a backfill that are not its own to send any more.

    Attributes:
        accepted: those of which the archive has a receipt that says so.
        taken_over: those that a later backfill has, which is not void.
    """

    accepted: frozenset[Key] = frozenset()
    taken_over: frozenset[Key] = frozenset()


NOTHING = Since()


def since(archive: Archive, folder: Folder) -> Since:
    """Ask the archive what became of a backfill's events.

    An upload may begin, or be taken up again, long after the backfill was made. By then a late
    feed may say that an event was accepted, or another backfill may have it.

    Args:
        archive: has receipts and the ledger of backfills; read as it is now, without its lock.
        folder: the backfill.
    """
    ids, first = _ids(folder)
    named, later = _accepted(archive, folder, ids, first)
    others = _in_later_ones(archive, folder, ids)
    if not named and not others:
        return NOTHING
    accepted: set[Key] = set()
    taken_over: set[Key] = set()
    for batch in folder.batches():
        for event in batch.events:
            key = (event.event_id, event.event)
            if event.event_id in later or key in named or (event.event_id, None) in named:
                accepted.add(key)
            if key in others:
                taken_over.add(key)
    return Since(frozenset(accepted), frozenset(taken_over))


def _ids(folder: Folder) -> tuple[pa.ChunkedArray, datetime]:
    """The ids of a backfill's events, compactly, and when the first of them happened."""
    first = _LAST
    parts = []
    for batch in folder.batches():
        first = min(first, *(event.event_time for event in batch.events))
        parts.append(pa.array([event.event_id for event in batch.events], pa.string()))
    return pa.chunked_array(parts, pa.string()), first


def _accepted(
    archive: Archive, folder: Folder, ids: pa.ChunkedArray, first: datetime
) -> tuple[set[tuple[str, str | None]], set[str]]:
    """Ids and names of accepting receipts; and the ids of those after the as-of.

    Before the as-of a receipt under another name is no acceptance (the event is ambiguous then);
    after it any is, as when the backfill is made.
    """
    as_of = parse_instant(folder.manifest.get("as_of")) or _FIRST
    # Clocks differ: an attempt may seem to be earlier than its event.
    first_day = (max(first, _FIRST + _DAY) - _DAY).date().isoformat()
    named: set[tuple[str, str | None]] = set()
    later: set[str] = set()
    for file in archive.data_files(RECEIPTS):
        day = file.partition.get("attempted_date")
        if file.partition.get("destination") != folder.destination or (day and day < first_day):
            continue
        with pq.ParquetFile(archive.root / RECEIPTS.name / file.path) as data:
            for batch in data.iter_batches(columns=_RECEIPT):
                is_ours = pc.is_in(batch["event_id"], ids)
                chosen = batch.filter(pc.and_(is_ours, pc.equal(batch["outcome"], "accepted")))
                for row in chosen.to_pylist():
                    named.add((row["event_id"], row["event_name"]))
                    if row["attempted_at"] > as_of:
                        later.add(row["event_id"])
    return named, later


def _in_later_ones(archive: Archive, folder: Folder, ids: pa.ChunkedArray) -> set[Key]:
    """Events of later backfills; where the ledger does not know this one, of any other."""
    ledger = archive.read(BACKFILLS, _LEDGER)
    ledger = ledger.filter(pc.equal(ledger["destination"], folder.destination))
    is_own = pc.equal(ledger["backfill_id"], folder.backfill_id)
    made_at = pc.min(ledger.filter(is_own)["created_at"]).as_py() or _FIRST
    void = pa.array(sorted(voided(archive, folder.destination)), pa.string())
    is_void = pc.is_in(ledger["backfill_id"], void)
    is_left_out = pc.or_(pc.or_(is_own, is_void), pc.invert(pc.is_in(ledger["event_id"], ids)))
    return {
        (row["event_id"], row["event"])
        for row in ledger.filter(pc.invert(is_left_out)).to_pylist()
        if (row["created_at"], row["backfill_id"]) > (made_at, folder.backfill_id)
    }
