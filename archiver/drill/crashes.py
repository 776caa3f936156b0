"""Kills an upload in the midst of it, as `kill -9` would, and goes on until it is through."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archiver.archive.store import Archive
from archiver.backfill import upload as uploads
from archiver.backfill.upload import UploadResult
from archiver.config import Config
from archiver.drill.clock import DrillClock
from archiver.drill.standin import Account
from archiver.drill.standin_transport import StandInTransport

_MOST_RUNS = 60
_SECONDS_BETWEEN_RUNS = 300.0
_READ_SECONDS = 30.0


class Killed(BaseException):
    """The upload is dead from here on."""


@dataclass
class Uploaded:
    """What the runs of one upload came to.

    Attributes:
        result: of the last run.
        runs: how often it was started.
        crashes: how often it died.
        refusals: how often the destination refused the upload.
        requests: that reached the stand-in, those of dead runs included.
    """

    result: UploadResult
    runs: int
    crashes: int
    refusals: int
    requests: int


class Uploader:
    """Uploads a backfill to the stand-in.

    Args:
        config: of the workspace.
        archive: of the workspace.
        account: the stand-in.
        clock: the drill's.
        chance: decides when the upload dies.
        secrets: in place of the environment.
        meanwhile: called with the time before each request: what else happens up to then.
    """

    def __init__(
        self,
        config: Config,
        archive: Archive,
        account: Account,
        clock: DrillClock,
        chance: random.Random,
        secrets: Mapping[str, str],
        meanwhile: Callable[[datetime], None],
    ) -> None:
        self._config = config
        self._archive = archive
        self._account = account
        self._clock = clock
        self._chance = chance
        self._secrets = secrets
        self._meanwhile = meanwhile
        self._moments = 0
        self._dies_at = 0
        self._requests = 0

    def upload(self, folder: Path, crashes: int) -> Uploaded:
        """Start it again and again until nothing waits to be sent.

        Args:
            folder: the backfill's.
            crashes: how often it dies on the way, if it takes long enough.
        """
        runs, died, refusals = 0, 0, 0
        snapshot = folder.with_name(f".{folder.name}.killed")
        while runs < _MOST_RUNS:
            runs += 1
            self._moments = 0
            self._dies_at = self._chance.randint(1, 8 * runs) if died < crashes else 0
            try:
                result = self._run(folder, snapshot)
            except Killed:
                # What was in memory, and what the dying code did after the moment, is lost.
                shutil.rmtree(folder)
                snapshot.rename(folder)
                died += 1
            else:
                refusals += result.cause == "refused"
                if not result.fates["waiting"]:
                    break
            self._clock.sleep(_SECONDS_BETWEEN_RUNS)
        else:
            raise RuntimeError("the upload does not come to its end")
        return Uploaded(result, runs, died, refusals, self._requests)

    def _run(self, folder: Path, snapshot: Path) -> UploadResult:
        def at_moment(moment: str) -> None:
            self._moments += 1
            if moment == "before a request":
                self._requests += 1
                self._meanwhile(self._clock.now())
            if self._moments == self._dies_at:
                shutil.copytree(folder, snapshot)
                raise Killed

        def sleep(seconds: float) -> None:
            at_moment("while waiting")
            self._clock.sleep(seconds)

        return uploads.upload(
            self._config,
            self._archive,
            folder,
            send=True,
            transport=StandInTransport(self._account, self._clock, "upload", at_moment),
            now=self._clock.now,
            sleep=sleep,
            environment=self._secrets,
            jitter=self._chance.random,
            read_seconds=_READ_SECONDS,
            is_locked=True,
        )
