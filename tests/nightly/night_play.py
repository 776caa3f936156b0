"""Plays the nights of a world, with all that goes wrong around them, and judges each."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import crash_lab
import duckdb
from crash_lab import Ended
from night_alerts import check_stream, check_told_once
from night_channel import Channel, Mode
from night_world import CONFIG, HOUR, MAX_BAD_RATIO, Truth, World
from support import Workspace

from archiver.archive.lock import writing
from archiver.warehouse.run_tables import RUN_TABLES

_SERVER = crash_lab._SERVER
_WORST_FIRST = (1, 4, 6, 3, 0)

Trouble = Literal[
    "none", "missed", "locked", "dead lock", "crash", "full disk", "down", "deaf", "process"
]
Played = Literal["whole", "part", "not"]


@dataclass
class Night:
    """What became of one.

    Attributes:
        number: which.
        truth: what is true when all that is there is imported.
        played: `part`: it broke off somewhere, and nobody knows how far it came.
        code: its exit code; None: it was killed.
        is_deliverable: whether the channel took messages.
    """

    number: int
    truth: Truth
    played: Played
    code: int | None
    is_deliverable: bool = True


@dataclass
class Play:
    """The nights of one world, in a folder.

    Attributes:
        imported: the last night whose files are surely imported.
        watched: the instants of `archiver watch`.
        log: what was done, for people who look for a defect.
    """

    world: World
    workspace: Workspace
    channel: Channel
    rng: random.Random
    nights: list[Night] = field(default_factory=list)
    imported: int = -1
    watched: list[datetime] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def play(self) -> None:
        """All nights, then what must hold of all of them together."""
        troubles = plan(self.world.nights, self.rng)
        for night, trouble in enumerate(troubles):
            for arrival in self.world.new(night, night - 1):
                arrival.write(self.workspace.folder)
            self.log.append(f"night {night}: {trouble}")
            truth = self.world.truth(night)
            if trouble in ("none", "crash", "full disk") and self.rng.random() < 0.4:
                self._watch(night)
            {
                "none": self._whole,
                "missed": self._missed,
                "locked": self._locked,
                "dead lock": self._dead_lock,
                "crash": self._crash,
                "full disk": self._full_disk,
                "down": self._down,
                "deaf": self._deaf,
                "process": self._process,
            }[trouble](night, truth)
        check_stream(self.nights, self.watched, self.channel, self.world)
        check_told_once(self.nights, self.channel, self.world)

    def arguments(self, night: int) -> list[str]:
        return ["nightly", "--as-of", self.world.as_of(night).isoformat()]

    def _watch(self, night: int) -> None:
        """Receipts and APIs only, as cron does every five minutes: it must not disturb a night."""
        as_of = self.world.as_of(night) - 5 * HOUR
        with environment(self.channel.environment):
            result = self.workspace.run("watch", "--as-of", as_of.isoformat())
        self.log.append(f"  watched: exit code {result.code}")
        assert result.code == 0, (night, result, self.log)
        self.watched.append(as_of)

    def _whole(self, night: int, truth: Truth, *, is_deliverable: bool = True) -> None:
        beats = self.channel.heartbeats
        with environment(self.channel.environment):
            result = self.workspace.run(*self.arguments(night), "--json")
        self.log.append(f"  exit code {result.code}")
        document = result.json
        self._judge(night, truth, result.code, result.err, is_deliverable=is_deliverable)
        told_over = {(row["destination"], row["day"]) for row in document["over_threshold"]}
        assert told_over == {(name, str(day)) for name, day in truth.over}, (night, result)
        told_stale = {(row["kind"], row["name"]) for row in document["stale"]}
        assert told_stale == truth.stale, (night, result)
        failed_to_tell = bool(document["alerts"]["failed"])
        is_success = result.code in (0, 3) and not failed_to_tell
        assert self.channel.heartbeats - beats == is_success, (night, result.code)
        assert is_deliverable or not failed_to_tell or result.code in (1, 4)

    def _judge(
        self, night: int, truth: Truth, code: int, said: str, *, is_deliverable: bool = True
    ) -> None:
        """The exit code is exactly the worst of what is wrong."""
        allowed = self._codes(night, truth)
        if not is_deliverable:
            # Whether there was anything to tell is seen in the end.
            allowed |= {_worst({4, code}) for code in allowed}
        assert code in allowed, (night, code, allowed, truth, said, self.log, self.world.notes)
        self.nights.append(Night(night, truth, "whole", code, is_deliverable))
        self.imported = night

    def _codes(self, night: int, truth: Truth) -> set[int]:
        codes = {0}
        codes |= {3} if truth.over else set()
        codes |= {6} if truth.stale else set()
        codes |= {4} if truth.unreadable else set()
        known = {(a.owner, a.file_id) for a in self.world.new(self.imported, -1)}
        spoilt = [
            a
            for a in self.world.new(night, self.imported)
            if a.is_inbound and a.content is not None and (a.owner, a.file_id) not in known
            if a.bad > MAX_BAD_RATIO * _records(a.content)
        ]
        allowed = {_worst(codes)}
        if spoilt:
            # A round that broke off may have imported it before.
            is_sure = all(n.number <= self.imported or n.played == "not" for n in self.nights)
            allowed = {_worst(codes | {4})} | (set() if is_sure else allowed)
        return allowed

    def _missed(self, night: int, truth: Truth) -> None:
        self.nights.append(Night(night, truth, "not", None))

    def _locked(self, night: int, truth: Truth) -> None:
        """Another command runs: 5, and nothing is touched."""
        config = self.workspace.config
        held = self.rng.choice([config.archive_root, config.warehouse_path])
        before = self._listing()
        with writing(held, "verify --rebuild"), environment(self.channel.environment):
            result = self.workspace.run(*self.arguments(night))
        assert result.code == 5, result
        assert "verify --rebuild" in result.err
        assert self._listing() == before
        self.nights.append(Night(night, truth, "not", 5))

    def _listing(self) -> dict[str, str]:
        return {n: h for n, h in self.workspace.listing().items() if not n.endswith(".lock")}

    def _dead_lock(self, night: int, truth: Truth) -> None:
        """A process died with the lock: the next run takes it over and says so."""
        root = self.workspace.config.archive_root
        program = (
            "import os, signal, sys\nfrom pathlib import Path\n"
            "from archiver.archive.lock import writing\n"
            "with writing(Path(sys.argv[1]), 'ingest'):\n    os.kill(os.getpid(), signal.SIGKILL)"
        )
        done = subprocess.run([sys.executable, "-c", program, str(root)], check=False)
        assert done.returncode == -signal.SIGKILL
        with environment(self.channel.environment):
            result = self.workspace.run(*self.arguments(night), "--json")
        self._judge(night, truth, result.code, result.err)
        assert result.json["took_over"]["command"] == "ingest", result

    def _crash(self, night: int, truth: Truth) -> None:
        """Killed before some change on the disk, or before or after some message, once or more."""
        for _ in range(self.rng.randint(1, 3)):
            step = self.rng.choice([self.rng.randint(1, 40), self.rng.randint(1, 200)])
            ended = told(
                _die, str(self.workspace.config_path), self.arguments(night), self.channel, step
            )
            self.log.append(f"  killed at step {step}: exit code {ended.code}")
            if ended.code != -signal.SIGKILL:
                self._judge(night, truth, ended.code, ended.said)
                return
            self.nights.append(Night(night, truth, "part", None))
        if self.rng.random() < 0.5:
            self._whole(night, truth)

    def _full_disk(self, night: int, truth: Truth) -> None:
        """From some change on no file can become larger than this: never 0 where that mattered."""
        most_bytes, step = self.rng.choice([0, 300, 3000, 20000]), self.rng.randint(1, 60)
        ended = told(
            _fill,
            str(self.workspace.config_path),
            self.arguments(night),
            self.channel,
            step,
            most_bytes,
        )
        self.log.append(f"  full at step {step}, {most_bytes} bytes: exit code {ended.code}")
        expected = self._codes(night, truth)
        assert ended.code in {1, 4} | expected, (night, ended, self.log)
        if ended.code in expected - {1, 4}:
            self._judge(night, truth, ended.code, ended.said)
            return
        assert "Traceback" not in ended.said, ended.said
        self.nights.append(Night(night, truth, "part", ended.code))
        if self.rng.random() < 0.5:
            self._whole(night, truth)

    def _down(self, night: int, truth: Truth) -> None:
        with self._mode("down"):
            self._whole(night, truth, is_deliverable=False)

    def _deaf(self, night: int, truth: Truth) -> None:
        with self._mode("deaf"):
            self._whole(night, truth, is_deliverable=False)

    @contextlib.contextmanager
    def _mode(self, mode: Mode) -> Iterator[None]:
        self.channel.mode = mode
        yield
        self.channel.mode = "well"

    def _process(self, night: int, truth: Truth) -> None:
        """As cron starts it."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "archiver"),
                *("--config", str(self.workspace.config_path), *self.arguments(night)),
            ],
            env={**os.environ, **self.channel.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        self._judge(night, truth, done.returncode, done.stderr)


def plan(nights: int, rng: random.Random) -> list[Trouble]:
    """What goes wrong around each night; nothing in the first and the last two."""
    troubles: list[Trouble] = ["none"] * nights
    week = 7 if nights > 30 else 3
    start = rng.randrange(2, nights - week - 2)
    troubles[start : start + week] = ["missed"] * week
    often: dict[Trouble, int] = {
        "crash": max(2, nights // 8),
        "full disk": max(1, nights // 20),
        "locked": 1,
        "dead lock": 1,
        "down": max(1, nights // 20),
        "deaf": 1,
        "process": 1,
    }
    free = [n for n in range(1, nights - 2) if troubles[n] == "none"]
    rng.shuffle(free)
    for night, trouble in zip(
        free, (trouble for trouble, count in often.items() for _ in range(count)), strict=False
    ):
        troubles[night] = trouble
    return troubles


def start_project(folder: Path) -> Workspace:
    """A folder with the configuration of the world, and the folders of its files."""
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(folder)
    workspace.configure(CONFIG)
    for name in ("inbound/web", "inbound/app", "receipts/tiktok", "receipts/weird"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return workspace


def clean_run(played: Play, folder: Path) -> Workspace:
    """The same files in a new folder, in one night."""
    shutil.copytree(played.workspace.folder, folder, ignore=shutil.ignore_patterns("data"))
    clean = Workspace.__new__(Workspace)
    clean.folder = folder
    last = played.nights[-1]
    with environment(played.channel.environment):
        assert clean.run(*played.arguments(last.number)).code in {4, last.code}
    return clean


_QUERIES = {
    "events": "SELECT * REPLACE (body::JSON::VARCHAR AS body) FROM events",
    "conversions": "SELECT * FROM conversions",
    "receipts": "SELECT * FROM receipts",
    "event_records": "SELECT * EXCLUDE (imported_at) FROM event_records",
    "quarantine": "SELECT * EXCLUDE (path, imported_at, imported_date) FROM quarantine",
    "inbound_files": "SELECT kind, source, destination, file_id, records, archived, quarantined,"
    " rows, bytes FROM inbound_files",
    "inbound_paths": "SELECT kind, source, destination, path, file_id FROM inbound_paths",
    "path_days": "SELECT * FROM path_days",
    **{name: f"SELECT * FROM {name} WHERE run_id = $run_id" for name in RUN_TABLES},
}


def tables(workspace: Workspace, run_id: str) -> Iterator[tuple[str, list[Any]]]:
    """What is published, as row sets; of the tables of runs that of one run."""
    with duckdb.connect(str(workspace.database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, query in _QUERIES.items():
            parameters = {"run_id": run_id} if "$run_id" in query else None
            rows = connection.execute(query, parameters).fetchall()
            yield name, sorted(rows, key=repr)


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Variables of this process."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def told(target: Callable[..., None], config: str, arguments: list[str], channel: Channel,
         *more: int) -> Ended:  # fmt: skip
    """Run a command in a process of its own."""
    receiver, sender = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(
        target=target, args=(config, arguments, channel.environment, sender, *more)
    )
    process.start()
    sender.close()
    with os.fdopen(os.dup(receiver.fileno()), encoding="utf-8") as file:
        said = file.read()
    process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, said)


def _die(
    config: str, arguments: list[str], variables: dict[str, str], output: Connection, step: int
) -> None:
    steps = itertools.count(1)

    def die(_: str) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    _run(config, arguments, variables, output, die)


def _fill(
    config: str,
    arguments: list[str],
    variables: dict[str, str],
    output: Connection,
    step: int,
    most_bytes: int,
) -> None:
    steps = itertools.count(1)

    def fill(_: str) -> None:
        if next(steps) == step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    _run(config, arguments, variables, output, fill)


def _run(
    config: str,
    arguments: list[str],
    variables: dict[str, str],
    output: Connection,
    before: crash_lab.Before,
) -> None:
    import httpx

    from archiver.alerts import channels
    from archiver.cli.main import run

    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    os.environ.update(variables)
    os.fsync = lambda descriptor: None
    channels._FIRST_WAIT_SECONDS = 0
    crash_lab._announce_changes(before)
    post = httpx.Client.post

    def announced(*given: Any, **options: Any) -> Any:
        before("send")
        reply = post(*given, **options)
        before("sent")
        return reply

    httpx.Client.post = announced  # type: ignore[method-assign]
    code = run(["--config", config, *arguments])
    sys.stdout.flush()
    os._exit(code)


def _worst(codes: set[int]) -> int:
    return next(code for code in _WORST_FIRST if code in codes)


def _records(content: bytes) -> int:
    return len(content.splitlines())


def report_of(workspace: Workspace) -> Any:
    """The report as JSON."""
    return json.loads(workspace.done("report", "--json").out)
