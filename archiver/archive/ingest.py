"""Inbound events into the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from archiver.archive.events import event_rows
from archiver.archive.importer import Chunk, FileResult, Importer, Owner
from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS
from archiver.inbound.formats import FORMATS, choose_format
from archiver.inbound.paths import InboundPath


def ingest(
    archive: Archive,
    source: str,
    paths: Iterable[InboundPath],
    imported_at: datetime,
    *,
    format_name: str = "auto",
    dry_run: bool = False,
) -> list[FileResult]:
    """Archive every record of the files: as an event, or in quarantine.

    Args:
        archive: its lock is held and `recover` was called.
        source: name of the source.
        paths: the files.
        imported_at: instant of the import, UTC.
        format_name: `auto`, or a format that the content is not asked about.
        dry_run: read and count, write nothing.

    Returns:
        One result per file, in order.
    """
    reader = _EventReader(source, format_name, imported_at)
    return Importer(
        archive,
        Owner("events", source),
        EVENTS,
        reader,
        imported_at,
        dry_run=dry_run,
    ).run(paths)


class _EventReader:
    def __init__(self, source: str, format_name: str, imported_at: datetime) -> None:
        self._source = source
        self._forced = format_name
        self._imported_at = imported_at
        choose_format(format_name, b"")

    def choose(self, head: bytes) -> str:
        return choose_format(self._forced, head).name

    def read(self, format_name: str, chunks: Iterator[bytes], file_id: str) -> Iterator[Chunk]:
        known = next(f for f in FORMATS if f.name == format_name)
        for batch in known.read(chunks):
            rows = event_rows(batch, self._source, file_id, self._imported_at)
            yield Chunk(rows, len(batch.payloads), batch.bad)
