"""What rounds that broke off have imported and could not say any more: the next one says it."""

from __future__ import annotations

from collections.abc import Iterator

from archiver.archive.rounds import Round, read_rounds
from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES
from archiver.config import Config
from archiver.nightly.imports import MAX_BAD_RECEIPTS
from archiver.nightly.steps import Done

_LEDGER = ["kind", "source", "destination", "path", "records", "quarantined", "imported_at"]


def bad_files_of_broken_rounds(config: Config, archive: Archive, record: Round) -> Done:
    """Look for files with too many bad records that rounds imported which then broke off.

    A file is imported once, so that no later round would end with 4 for it.

    Args:
        config: how many bad records are too many.
        archive: its ledger and its rounds.
        record: the round that is being played; those of its command count, back to the last that
            came to its end.
    """
    broken = {before.started_at for before in _broken_before(archive, record)}
    if not broken:
        return Done()
    bad = []
    for row in read_small(archive, INBOUND_FILES).select(_LEDGER).to_pylist():
        if row["imported_at"] not in broken:
            continue
        source = config.sources.get(row["source"] or "")
        if row["kind"] == "events" and source is None:
            continue
        allowed = MAX_BAD_RECEIPTS if source is None else source.max_bad_ratio
        if (row["quarantined"] or 0) > allowed * (row["records"] or 0):
            bad.append(f"{row['path']}: {row['quarantined']} of {row['records']} records are bad")
    if not bad:
        return Done()
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return Done(
        "partial",
        error=f"{bad[0]}, more than max_bad_ratio; a round that broke off imported it{more}",
        next="look at the quarantine; archiver ingest --retry-quarantine reads again",
    )


def _broken_before(archive: Archive, record: Round) -> Iterator[Round]:
    for before in reversed(read_rounds(archive.root, command=record.command, months=2)):
        if before.run_id == record.run_id:
            continue
        if before.outcome not in ("died", "interrupted"):
            return
        yield before
