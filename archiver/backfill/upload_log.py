"""The log of an upload: each request with its reply, as `archiver receipts` imports it.

All that is in it is in the journal too, so that the log of a run that died is made anew from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from archiver.backfill.upload_folder import Batch, Folder
from archiver.backfill.upload_journal import Answer, Journal, Send, positions
from archiver.files import replace_durably

_PRIVATE_MODE = 0o600


class Log:
    """The log of one run, `upload-00001.ndjson`; it ends in `.part` as long as it grows."""

    def __init__(self, folder: Folder, run: int) -> None:
        self._folder = folder
        self.path = folder.home / f"upload-{run:05d}.ndjson"
        self._part = self.path.with_name(f"{self.path.name}.part")
        self._file: IO[bytes] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether it has a line."""
        return self._file is not None

    def add(self, batch: Batch, send: Send, answer: Answer, body: bytes) -> None:
        """Add one request, unless nothing of it went out."""
        if not answer.was_sent:
            return
        if self._file is None:
            self._part.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._file = os.fdopen(os.open(self._part, flags, _PRIVATE_MODE), "wb")
        self._file.write(_line(self._folder, batch, send, answer, body))
        self._file.flush()

    def finish(self) -> Path | None:
        """Give it its name; None where there is nothing in it."""
        if self._file is None:
            self._part.unlink(missing_ok=True)
            return None
        self._file.close()
        replace_durably(self._part, self.path)
        return self.path


def write_anew(folder: Folder, run: int, requests: Iterable[tuple[Send, Answer]]) -> None:
    """Write the log of a run that died, from what the journal has of it."""
    log = Log(folder, run)
    by_batch: dict[str, list[tuple[Send, Answer]]] = {}
    for send, answer in requests:
        by_batch.setdefault(send.batch, []).append((send, answer))
    for batch in folder.batches():
        if batch.name in by_batch:
            items, root = folder.items(batch.name)
            for send, answer in by_batch[batch.name]:
                chosen = [items[row] for row in positions(send.rows)]
                log.add(batch, send, answer, folder.route.requests.body(chosen, root))
    log.finish()


def finish_dead_run(folder: Folder, journal: Journal) -> None:
    """Bring a run that died to its end: its log is whole then."""
    if journal.open_run is not None:
        write_anew(folder, journal.open_run, journal.run_requests)
        journal.end_run()


def _line(folder: Folder, batch: Batch, send: Send, answer: Answer, body: bytes) -> bytes:
    events = [batch.events[row] for row in positions(send.rows)]
    # A body is one JSON object, and stands as it is; but a line must stay a line.
    is_one_line = body[:1] == b"{" and b"\n" not in body and b"\r" not in body
    line = {
        "sent_at": send.at,
        "destination": folder.destination,
        "archiver_upload": folder.backfill_id,
        "type": folder.route.kind.type,
        "http_status": answer.http_status,
        "request_body": msgspec.Raw(body) if is_one_line else body.decode(),
        "response_body": answer.body,
        "attempt": send.attempt,
        "request": send.request,
        "event_ids": [event.event_id for event in events],
        "event_names": [event.event for event in events],
    }
    return msgspec.json.encode(line) + b"\n"
