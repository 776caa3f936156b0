"""What the archive is told of uploads, and which of their logs it does not know yet.

The journal is in the backfill's folder, and folders get lost. So the archive notes that an upload
of a backfill began: without its journal it is not begun anew.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from archiver.archive.lock import writing
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES, UPLOADS
from archiver.backfill.upload_folder import Folder
from archiver.backfill.upload_journal import Journal
from archiver.errors import UsageError
from archiver.texts import instant_text


def upload_began_at(archive: Archive, destination: str, backfill_id: str) -> datetime | None:
    """When the first upload of a backfill began, UTC; None: none did."""
    rows = archive.read(UPLOADS).to_pylist()
    own = [
        row["began_at"]
        for row in rows
        if (row["destination"], row["backfill_id"]) == (destination, backfill_id)
    ]
    return min(own, default=None)


def note_upload(
    archive: Archive,
    destination: str,
    backfill_id: str,
    at: datetime,
    *,
    is_locked: bool,
    wait: bool,
) -> None:
    """Note that an upload of a backfill begins; once.

    Args:
        archive: where.
        destination: whose backfill.
        backfill_id: which.
        at: the instant, UTC.
        is_locked: the archive's lock is held already.
        wait: wait for another run that holds it instead of failing.

    Raises:
        LockedError: another run holds the archive.
    """
    if upload_began_at(archive, destination, backfill_id) is not None:
        return
    with nullcontext() if is_locked else writing(archive.root, "upload", wait=wait):
        archive.recover()
        row = {"destination": destination, "backfill_id": backfill_id, "began_at": at}
        staged = StagedTable(UPLOADS, archive.staging)
        staged.add(pa.Table.from_pylist([row], schema=UPLOADS.schema))
        archive.commit(staged.finish())


def refuse_without_journal(archive: Archive, folder: Folder, journal: Journal) -> None:
    """Refuse to begin anew what was begun, and whose journal is gone.

    Raises:
        UsageError: it is.
    """
    began_at = upload_began_at(archive, folder.destination, folder.backfill_id)
    if began_at is not None and not journal.runs:
        raise UsageError(
            f"uploading the backfill {folder.backfill_id}",
            f"an upload of it began at {instant_text(began_at)}, and its journal is gone from "
            f"{folder.home}",
            "put upload.journal back; without it nobody knows what must not be sent again. Where "
            "it is lost for good: archiver receipts, and then another backfill, with --force, if "
            "counting twice is the lesser harm",
        )


def unimported_logs(archive: Archive, destination: str, homes: list[Path]) -> list[Path]:
    """The logs of finished upload runs that the archive has no receipts of."""
    logs = [log for home in homes for log in sorted(home.glob("upload-*.ndjson"))]
    if not logs:
        return []
    files = archive.read(INBOUND_FILES, ["kind", "destination", "file_id"])
    is_ours = pc.and_(
        pc.equal(files["kind"], "receipts"), pc.equal(files["destination"], destination)
    )
    imported = set(files.filter(is_ours)["file_id"].to_pylist())
    return [log for log in logs if _file_id(log) not in imported]


def _file_id(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
