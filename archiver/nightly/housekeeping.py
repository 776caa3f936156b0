"""Housekeeping: few and sorted data files, nothing older than it need be, and nothing else changed.

Hold the locks of archive and warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from archiver.archive.compact import Compacted, compact
from archiver.archive.last_runs import last_started, note_last
from archiver.archive.retention import Deleted, delete_old
from archiver.archive.store import Archive
from archiver.archive.vacuum import Vacuumed, vacuum
from archiver.config import Config
from archiver.errors import EXIT_DONE
from archiver.warehouse.load import load
from archiver.warehouse.old_runs import needed_from, tidy_runs, unsettled
from archiver.warehouse.publish import publish
from archiver.warehouse.tidy import Tidied, named_by_published, tidy_segments

_VACUUM = "vacuum"


@dataclass(frozen=True)
class Kept:
    """What housekeeping did, or would do.

    Attributes:
        compacted: per table, in the order of the work; tables without work are left out.
        deleted: per table with retention, whole days that were old enough.
        vacuumed: files that no version younger than `history` names.
        segments: small segments of the warehouse that became few.
        runs_deleted: kept reconciliations that were old enough.
        published: the warehouse was published again, since it would have named files that are
            replaced.
    """

    compacted: list[Compacted] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    vacuumed: Vacuumed = field(default_factory=Vacuumed)
    segments: Tidied = field(default_factory=Tidied)
    runs_deleted: int = 0
    published: bool = False

    @property
    def has_changed(self) -> bool:
        """Whether the archive's live files or the warehouse's segments and runs are others now."""
        return bool(self.compacted or self.deleted or self.segments.before or self.runs_deleted)

    @property
    def counts(self) -> dict[str, int]:
        """The figures for the record of a round."""
        return {
            "files_before": sum(table.files_before for table in self.compacted),
            "files_after": sum(table.files_after for table in self.compacted),
            "rows_deleted": sum(table.rows for table in self.deleted),
            "files_vacuumed": self.vacuumed.files,
            "bytes_vacuumed": self.vacuumed.bytes,
            "log_entries_removed": self.vacuumed.log_entries,
            "segments_before": self.segments.before,
            "segments_after": self.segments.after,
            "runs_deleted": self.runs_deleted,
        }

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "compacted": msgspec.to_builtins(self.compacted),
            "deleted": msgspec.to_builtins(self.deleted),
            **self.counts,
            "published": self.published,
        }


def keep_house(
    config: Config,
    archive: Archive,
    now: datetime,
    *,
    dry_run: bool = False,
    vacuum_every: timedelta = timedelta(0),
) -> Kept:
    """Do what is due: retention, compaction, the warehouse's segments and runs, vacuum.

    Each part is complete on the disk before the next begins, and can be repeated.

    Args:
        config: `[housekeeping]`, and where the warehouse is.
        archive: its lock is held and `recover` was called; so is the warehouse's lock.
        now: what is old is judged by it, UTC.
        dry_run: say what would be done; change nothing.
        vacuum_every: where the last vacuum is younger, none is made: it reads all of the logs.

    Raises:
        CheckFailedError: rows that were compacted are not those that were there; nothing of that
            table was changed.
    """
    settings = config.housekeeping
    has_retention = settings.keep_events or settings.keep_receipts or settings.keep_runs
    open_backfills = unsettled(config, archive, now) if has_retention else []
    needed = needed_from(config, open_backfills, now)
    deleted = delete_old(archive, settings, now, needed, dry_run=dry_run)
    compacted = compact(archive, now, settings, dry_run=dry_run)
    if dry_run:
        return Kept(
            compacted=compacted,
            deleted=deleted,
            vacuumed=_vacuum(config, archive, now, dry_run=True),
            segments=tidy_segments(config, dry_run=True),
            runs_deleted=tidy_runs(config, open_backfills, now, dry_run=True),
        )
    has_warehouse = (config.warehouse_path / "snapshot.json").exists()
    if has_warehouse and (deleted or compacted):
        load(config, archive)
    segments = tidy_segments(config)
    runs_deleted = tidy_runs(config, open_backfills, now)
    is_due = bool(deleted or compacted or segments.before or runs_deleted)
    if is_due and has_warehouse:
        publish(config, archive)
    vacuumed = Vacuumed()
    if not _was_vacuumed(archive, now - vacuum_every, now):
        vacuumed = _vacuum(config, archive, now, dry_run=False)
        note_last(archive.root, _VACUUM, now, EXIT_DONE, {"files": vacuumed.files})
    return Kept(
        compacted=compacted,
        deleted=deleted,
        vacuumed=vacuumed,
        segments=segments,
        runs_deleted=runs_deleted,
        published=is_due and has_warehouse,
    )


def _was_vacuumed(archive: Archive, since: datetime, now: datetime) -> bool:
    last = last_started(archive.root, _VACUUM)
    return last is not None and since < last <= now


def _vacuum(config: Config, archive: Archive, now: datetime, *, dry_run: bool) -> Vacuumed:
    keep = named_by_published(config)
    if keep is None:
        # What the published warehouse names cannot be told now: nothing goes until it can.
        return Vacuumed()
    return vacuum(archive, now, config.housekeeping.history, keep, dry_run=dry_run)
