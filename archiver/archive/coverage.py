"""Ranges for which the user vouches that a receipts feed is complete."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import COVERAGE


def vouch(
    archive: Archive, destination: str, starts_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """Record a range, from `starts_at` up to `ends_at`, the latter excluded; once is enough."""
    starts_at, ends_at = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    known = archive.read(COVERAGE, ["destination", "starts_at", "ends_at"]).to_pylist()
    row = {"destination": destination, "starts_at": starts_at, "ends_at": ends_at}
    if row in known:
        return
    staged = StagedTable(COVERAGE, archive.staging)
    staged.add(pa.Table.from_pylist([{**row, "vouched_at": now}], schema=COVERAGE.schema))
    archive.commit(staged.finish())
