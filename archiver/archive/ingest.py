"""Inbound events into the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from archiver.archive.events import event_tables
from archiver.archive.importer import Importer
from archiver.archive.ledger import KnownFiles, Owner
from archiver.archive.staged import Chunk, FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.inbound.formats import choose_format
from archiver.inbound.paths import InboundPath


def ingest(
    archive: Archive,
    source: str,
    paths: Iterable[InboundPath],
    imported_at: datetime,
    *,
    format_name: str = "auto",
    dry_run: bool = False,
    known: KnownFiles | None = None,
) -> list[FileResult]:
    """Archive every record of the files: as an event, or in quarantine.

    Args:
        archive: its lock is held and `recover` was called.
        source: name of the source.
        paths: the files.
        imported_at: instant of the import, UTC.
        format_name: `auto`, or a format that the content is not asked about.
        dry_run: read and count, write nothing.
        known: the ledger, where it is read already.

    Returns:
        One result per file, in order.
    """
    reader = EventReader(source, format_name, imported_at)
    return Importer(
        archive,
        Owner("events", source),
        EVENTS,
        lambda _path, _modified_at: reader,
        imported_at,
        dry_run=dry_run,
        known=known,
    ).run(paths)


class EventReader:
    """Reads inbound files of a source.

    Args:
        source: its name.
        forced: `auto`, or the name of a format.
        imported_at: instant of the import, UTC.
    """

    def __init__(self, source: str, forced: str, imported_at: datetime) -> None:
        self._source = source
        self._forced = forced
        self._imported_at = imported_at
        choose_format(forced, b"")

    def choose(self, head: bytes) -> str:
        """Name of the format of a file that begins with these bytes."""
        return choose_format(self._forced, head).name

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        """Read it to the end; no record is left out."""
        for batch in choose_format(format_name, b"").read(chunks):
            tables = (
                event_tables(batch, self._source, file_id, self._imported_at)
                if batch.payloads
                else ()
            )
            yield Chunk(tables, len(batch.payloads), batch.bad, batch.is_cut, batch.layout)
