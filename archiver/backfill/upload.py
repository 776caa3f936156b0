"""Uploads a backfill: says what would go where, or sends it so that nothing counts twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx

from archiver.archive.lock import writing
from archiver.archive.store import Archive
from archiver.backfill.upload_fate import FATES, Fate, Windows, windows
from archiver.backfill.upload_folder import Folder, open_folder
from archiver.backfill.upload_http import (
    READ_SECONDS,
    Poster,
    check_address,
    secret_names,
    shown_headers,
)
from archiver.backfill.upload_journal import Answer, Journal
from archiver.backfill.upload_log import Log, finish_dead_run
from archiver.backfill.upload_notes import note_upload, refuse_without_journal
from archiver.backfill.upload_send import Clockwork, Sender, Stopped
from archiver.backfill.upload_since import since
from archiver.config import Config
from archiver.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_REFUSED,
    UsageError,
    blaming_the_path,
)

Cause = Literal["refused", "gave_up", "interrupted"]


@dataclass(frozen=True)
class BatchOutlook:
    """One batch, as it stands.

    Attributes:
        name: its file.
        body_bytes: the file's size.
        first_time, last_time: of its events, UTC.
        first_deadline: when the first of its events becomes too old, UTC; None: never.
        fates: how many events have which fate.
    """

    name: str
    body_bytes: int
    first_time: datetime
    last_time: datetime
    first_deadline: datetime | None
    fates: Mapping[Fate, int]


@dataclass(frozen=True)
class Step:
    """How far an upload is, for those who watch it.

    Attributes:
        batch: the batch under way.
        requests: sent so far in this run.
        settled: events of the backfill that are in batches before this one.
        events: events of the backfill.
        waiting_seconds: how long it waits now; 0: it does not.
        why: for what it waits; holds neither secrets nor personal data.
    """

    batch: str
    requests: int
    settled: int
    events: int
    waiting_seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class UploadResult:
    """What an upload did, or would do.

    Attributes:
        backfill_id, destination: which backfill.
        url: where requests go, with `$NAME` for a secret.
        headers: likewise.
        missing_variables: environment variables with secrets that are not set.
        sent: whether this was more than a dry run.
        requests: sent by this run.
        fates: events of the whole backfill by what became of them in all runs.
        batches: each batch as it stands.
        stopped: why it ended before its end; None: it did not.
        cause: of what kind that was.
        log: the log of this run; None: there is none.
        home: the folder of journal and log.
        requests_per_second: the most that are sent; None: no limit.
        has_verdicts: whether replies say that events were accepted.
    """

    backfill_id: str
    destination: str
    url: str
    headers: tuple[str, ...]
    missing_variables: tuple[str, ...]
    sent: bool
    requests: int
    fates: Mapping[Fate, int]
    batches: tuple[BatchOutlook, ...]
    stopped: str | None
    cause: Cause | None
    log: Path | None
    home: Path
    requests_per_second: float | None
    has_verdicts: bool

    @property
    def events(self) -> int:
        """Events of the backfill."""
        return sum(self.fates.values())

    @property
    def shortest_seconds(self) -> float:
        """How long sending what waits takes at least, by the rate alone."""
        requests = sum(1 for batch in self.batches if batch.fates["waiting"])
        rate = self.requests_per_second
        return max(0, requests - 1) / rate if rate else 0.0

    @property
    def exit_code(self) -> int:
        """As docs/backfill.md says; a dry run that could be carried out is done."""
        if self.cause is not None:
            codes = {"refused": EXIT_REFUSED, "interrupted": EXIT_INTERRUPTED}
            return codes.get(self.cause, EXIT_PARTIAL)
        accepted = self.fates["accepted"] + self.fates["accepted_since"]
        is_whole = not self.sent or accepted == self.events
        return EXIT_DONE if is_whole else EXIT_PARTIAL


def utc_now() -> datetime:
    """The present instant, UTC."""
    return datetime.now(UTC)


def upload(
    config: Config,
    archive: Archive | None,
    folder: Path,
    *,
    send: bool,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    environment: Mapping[str, str] = os.environ,
    on_progress: Callable[[Step], None] | None = None,
    base_url: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    jitter: Callable[[], float] = random.random,
    read_seconds: float = READ_SECONDS,
    wait: bool = False,
    is_locked: bool = False,
) -> UploadResult:
    """Upload a backfill, or say what would go where.

    Args:
        config: has the destination.
        archive: knows which backfills are void, and what became of events elsewhere; None: nobody
            is asked.
        folder: the backfill's folder; a copy of it has its journal and log in the backfill's own.
        send: send it; otherwise nothing is sent, and nothing written.
        transport: in place of the network.
        now: the clock, UTC.
        sleep: waits so many seconds.
        environment: where secrets are.
        on_progress: called after each request, and before each wait.
        base_url: scheme and host to send to instead of the configured ones.
        should_stop: whether to stop after the request under way.
        jitter: a random number from 0 to 1, by which waits differ.
        read_seconds: how long a reply may take.
        wait: wait for another upload of the folder, or another run, to end instead of failing.
        is_locked: the archive's lock is held already.

    Returns:
        What became of the events, also where the destination refused the upload or gave no reply.

    Raises:
        UsageError: the folder is no backfill, was changed, is void, or for uploading by hand; the
            configuration makes other requests; the token's variable is not set; the address is
            not safe.
        LockedError: another upload of it runs.
    """
    found = open_folder(config, folder, base_url)
    if archive is not None:
        _refuse_void(archive, found)
    if not send:
        journal = Journal(found.home, found.backfill_id, found.content, is_writing=False)
        return _result(found, journal, _limits(archive, found), now(), environment)
    is_own = found.route.via is None and base_url is None
    check_address(found.url, found.settings.base_url if is_own else None)
    clockwork = Clockwork(now, sleep, should_stop, jitter)
    headers = found.route.requests.headers
    with blaming_the_path(f"writing into {found.home}"):
        (found.home / ".lock").touch(mode=0o600)
    with (
        Poster(found.url, headers, environment, transport, read_seconds) as poster,
        writing(found.home, "upload", wait=wait),
        Journal(found.home, found.backfill_id, found.content, is_writing=True) as journal,
    ):
        if archive is not None:
            _refuse_void(archive, found)  # It may have become so while this waited.
            refuse_without_journal(archive, found, journal)
        recover(found, journal, now())
        tell = on_progress or (lambda _: None)
        limits = _limits(archive, found)

        def note() -> None:
            if archive is not None:
                which = (found.destination, found.backfill_id)
                note_upload(archive, *which, now(), is_locked=is_locked, wait=wait)

        return _send(found, journal, limits, poster, clockwork, tell, environment, note)


def recover(folder: Folder, journal: Journal, now: datetime) -> None:
    """Bring a run that died to its end: what was under way is unsure, and its log is whole."""
    for pending in journal.pending:
        batch = journal.batch(pending.batch, 0)
        rows = [
            row
            for first, behind in pending.rows
            for row in range(first, behind)
            if batch.state(row) in ("open", "unsure")
        ]
        journal.answered(pending, now, Answer(problem="the upload died"), {"unsure": rows})
    finish_dead_run(folder, journal)


def _send(
    folder: Folder,
    journal: Journal,
    limits: Windows,
    poster: Poster,
    clockwork: Clockwork,
    on_progress: Callable[[Step], None],
    environment: Mapping[str, str],
    note: Callable[[], None],
) -> UploadResult:
    before = _result(folder, journal, limits, clockwork.now(), environment)
    if not before.fates["waiting"]:
        return _result(folder, journal, limits, clockwork.now(), environment, was_sent=True)
    # The journal first: noted without it, nothing could be sent any more.
    log = Log(folder, journal.begin_run(clockwork.now()))
    note()
    settled = 0

    def tell(batch: str, seconds: float = 0.0, why: str = "") -> None:
        on_progress(Step(batch, sender.requests, settled, before.events, seconds, why))

    name = ""
    sender = Sender(
        folder,
        journal,
        log,
        poster,
        limits,
        clockwork,
        1 / before.requests_per_second if before.requests_per_second else 0.0,
        tell,
        lambda seconds, why: tell(name, seconds, why),
    )
    stopped: Stopped | None = None
    try:
        for batch in folder.batches():
            name = batch.name
            sender.send(batch)
            settled += len(batch.events)
    except Stopped as early:
        stopped = early
    path = log.finish()
    journal.end_run()
    return _result(
        folder,
        journal,
        limits,
        clockwork.now(),
        environment,
        was_sent=True,
        requests=sender.requests,
        stopped=stopped,
        log=path,
    )


def _result(
    folder: Folder,
    journal: Journal,
    limits: Windows,
    now: datetime,
    environment: Mapping[str, str],
    *,
    was_sent: bool = False,
    requests: int = 0,
    stopped: Stopped | None = None,
    log: Path | None = None,
) -> UploadResult:
    headers = folder.route.requests.headers
    documented = folder.route.limits.max_requests_per_second
    configured = folder.settings.max_requests_per_second if folder.route.via is None else None
    outlook = tuple(_outlook(folder, journal, limits, now))
    names = secret_names(folder.url, headers)
    cause: Cause | None = None
    if stopped is not None:
        cause = "refused" if stopped.is_refusal else "gave_up"
        cause = "interrupted" if stopped.is_interrupted else cause
    return UploadResult(
        backfill_id=folder.backfill_id,
        destination=folder.destination,
        url=folder.url,
        headers=tuple(shown_headers(headers)),
        missing_variables=tuple(name for name in names if not environment.get(name)),
        sent=was_sent,
        requests=requests,
        fates={fate: sum(batch.fates[fate] for batch in outlook) for fate in FATES},
        batches=outlook,
        stopped=stopped.why if stopped else None,
        cause=cause,
        log=log,
        home=folder.home,
        requests_per_second=configured or documented,
        has_verdicts=folder.route.kind.has_verdicts,
    )


def _outlook(
    folder: Folder, journal: Journal, limits: Windows, now: datetime
) -> list[BatchOutlook]:
    pending = {
        (send.batch, row)
        for send in journal.pending
        for first, behind in send.rows
        for row in range(first, behind)
    }
    found = []
    for batch in folder.batches():
        progress = journal.batch(batch.name, len(batch.events))
        fates: Counter[Fate] = Counter()
        for row, event in enumerate(batch.events):
            state = progress.state(row)
            if (batch.name, row) in pending and state == "open":
                state = "unsure"
            fates[limits.fate(event, state, progress.first_sent_at, now)] += 1
        times = [event.event_time for event in batch.events]
        deadlines = [event.deadline for event in batch.events if event.deadline]
        found.append(
            BatchOutlook(
                batch.name,
                batch.body_bytes,
                min(times),
                max(times),
                min(deadlines, default=None),
                {fate: fates[fate] for fate in FATES},
            )
        )
    return found


def _limits(archive: Archive | None, folder: Folder) -> Windows:
    return windows(folder, since(archive, folder)) if archive is not None else windows(folder)


def _refuse_void(archive: Archive, folder: Folder) -> None:
    from archiver.backfill.void import voided

    if folder.backfill_id in voided(archive, folder.destination):
        raise UsageError(
            f"uploading the backfill {folder.backfill_id}",
            "it is void: its events may be in another backfill by now",
            f"make a new one: archiver backfill --destination {folder.destination}",
        )
