"""What a drill found: the stand-in's counts held against what must have become of each event."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from archiver.backfill.plan import Plan
from archiver.backfill.upload_fate import windows
from archiver.backfill.upload_folder import open_folder
from archiver.backfill.upload_journal import Journal
from archiver.config import Config
from archiver.drill.standin import DEDUP_WINDOW, Account, Key
from archiver.drill.world import World
from archiver.reconcile.binding import max_age
from archiver.warehouse.runs import runs_folder

_GAP = ("conflict", "rejected", "ambiguous", "failed", "missing")
_SHOWN = 3
_GRACE = timedelta(seconds=1)


@dataclass
class Fates:
    """What archiver says became of the events of its backfills.

    Attributes:
        accepted: the destination took them from the upload.
        expired: named as too old, when the backfill was made or while it was uploaded.
        left_out: key → why it is in no backfill.
        rejected: refused by the destination, by the upload's account.
        ambiguous: may have landed, and must not be sent again.
    """

    accepted: set[Key] = field(default_factory=set)
    expired: set[Key] = field(default_factory=set)
    left_out: dict[Key, str] = field(default_factory=dict)
    rejected: set[Key] = field(default_factory=set)
    ambiguous: set[Key] = field(default_factory=set)

    def read(self, config: Config, folder: Path, now: datetime) -> None:
        """Take in what a backfill's lists and its upload's journal say."""
        for row in _rows(folder / "expired.csv"):
            self.expired.add(_key(row))
        for row in _rows(folder / "left_out.csv"):
            self.left_out[_key(row)] = row["reason"]
        found = open_folder(config, folder, None)
        journal = Journal(found.home, found.backfill_id, is_writing=False)
        limits = windows(found)
        for batch in found.batches():
            progress = journal.batch(batch.name, len(batch.events))
            for row_number, event in enumerate(batch.events):
                key = Key(event.event, event.event_id)
                state = progress.state(row_number)
                fate = limits.fate(event, state, progress.first_sent_at, now)
                self.left_out.pop(key, None)
                if fate == "accepted":
                    self.accepted.add(key)
                elif fate == "expired":
                    self.expired.add(key)
                elif fate == "rejected":
                    self.rejected.add(key)
                elif fate == "ambiguous":
                    self.ambiguous.add(key)
                elif fate == "beyond_dedup":
                    self.left_out[key] = fate


@dataclass
class Outcome:
    """The figures of a drill, by event.

    Attributes:
        lost: expected, and not counted when the first backfill was made.
        recovered: of these, counted now.
        expired: of these, too old for the destination, and named so.
        refused: of these, refused by the destination, and named so.
        left_out: of these, left out for a good reason, by reason.
        unsure: of these, beyond the de-duplication window after a request that may have landed.
        double_counts: counted more than once, with the upload's part in it.
        hub_double_counts: counted more than once by the hub's and the pixel's own repetitions.
        problems: what went wrong, in words; empty where all went well.
    """

    lost: int
    recovered: int
    expired: int
    refused: int
    left_out: dict[str, int]
    unsure: int
    double_counts: int
    hub_double_counts: int
    problems: list[str]

    @property
    def recoverable(self) -> int:
        """What was lost and inside all windows."""
        return self.lost - self.expired - self.refused - self.unsure - sum(self.left_out.values())


@dataclass(frozen=True)
class Truth:
    """What the drill knows without asking archiver.

    Attributes:
        world: what must reach the destination.
        account: what did.
        lost: what had not when the first backfill was made.
        hub_unsure: events of the hub's attempts that may have landed.
        unbuildable: events that only the user's own mapping at the hub can build.
        pixel: `none`, `same_id` or `other_id`.
        ended: when the upload was through, UTC.
    """

    world: World
    account: Account
    lost: frozenset[Key]
    hub_unsure: frozenset[Key]
    unbuildable: frozenset[Key]
    pixel: str
    ended: datetime


def judge(truth: Truth, fates: Fates, config: Config, name: str, planned: Plan) -> Outcome:
    """Compare what happened with what must have happened.

    Args:
        truth: what the drill knows.
        fates: what archiver says.
        config: of the workspace.
        name: the destination.
        planned: what another backfill would hold, after the receipts of all uploads.
    """
    limit = max_age(config.destination(name))
    run = runs_folder(config.warehouse_path) / planned.run_id
    return _Judge(truth, fates, limit).judge(_gap(run), _next(planned))


class _Judge:
    def __init__(self, truth: Truth, fates: Fates, limit: timedelta | None) -> None:
        self._truth = truth
        self._fates = fates
        self._limit = limit
        self._problems: dict[str, list[Key]] = {}
        self._refused = {one.key for one in truth.account.refused if not one.is_too_old}

    def judge(self, gap: set[Key], again: set[Key]) -> Outcome:
        for key in again & self._fates.accepted:
            self._blame("accepted by the upload, and yet in the next backfill", key)
        tally: Counter[str] = Counter()
        left_out: Counter[str] = Counter()
        counted = self._truth.account.counted
        for key in sorted(self._truth.lost, key=lambda key: (key.event_id, key.event)):
            fate = self._fate(key)
            if key in counted:
                tally["recovered"] += 1
                if key in gap and fate != "unsure":
                    self._blame("counted by the destination, and still in the gap", key)
                continue
            if key not in gap:
                self._blame("not counted by the destination, and not in the gap", key)
            if fate in ("expired", "refused", "unsure"):
                tally[fate] += 1
            elif fate.startswith("left out: "):
                left_out[fate.removeprefix("left out: ")] += 1
            else:
                self._blame(fate, key)
        self._check_counts()
        double, by_hub = self._double_counts()
        return Outcome(
            lost=len(self._truth.lost),
            recovered=tally["recovered"],
            expired=tally["expired"],
            refused=tally["refused"],
            left_out=dict(sorted(left_out.items())),
            unsure=tally["unsure"],
            double_counts=double,
            hub_double_counts=by_hub,
            problems=[_sentence(what, keys) for what, keys in self._problems.items()],
        )

    def _fate(self, key: Key) -> str:
        """What archiver names for a lost event, where it is right; else what is wrong."""
        fates, truth = self._fates, self._truth
        if key in fates.rejected:
            return "refused" if key in self._refused else "called refused, and never was"
        if key in fates.ambiguous:
            is_over = self._is_beyond_window(key, truth.ended) or self._is_older(
                key, self._limit, truth.ended
            )
            return "unsure" if is_over else "given up inside the de-duplication window"
        if key in fates.expired:
            is_over = self._is_older(key, self._limit, truth.ended)
            return "expired" if is_over else "called expired inside its window"
        reason = fates.left_out.get(key)
        if reason is None:
            return "neither recovered nor named"
        return f"left out: {reason}" if self._is_right(reason, key) else f"wrongly {reason}"

    def _is_right(self, reason: str, key: Key) -> bool:
        truth = self._truth
        if reason == "beyond_dedup":
            may_repeat = key in truth.hub_unsure or truth.pixel == "same_id"
            return may_repeat and self._is_beyond_window(key, truth.ended)
        return {
            "conflict": key in truth.world.conflicting,
            "rejected": key in self._refused,
            "no_time": truth.world.expected.get(key) is None,
            "unsendable": key in truth.unbuildable,
            "pixel_other_id": truth.pixel == "other_id",
        }.get(reason, False)

    def _is_beyond_window(self, key: Key, at: datetime) -> bool:
        return self._is_older(key, DEDUP_WINDOW, at)

    def _is_older(self, key: Key, than: timedelta | None, at: datetime) -> bool:
        happened = self._truth.world.expected.get(key)
        return happened is not None and than is not None and happened + than <= at

    def _check_counts(self) -> None:
        """No event may have been sent that must not be, nor one that was too old by then."""
        for one in self._truth.account.refused:
            if one.is_too_old and one.sender == "upload":
                self._blame("sent after its deadline, and refused with all others", one.key)
        for key, counts in self._truth.account.counted.items():
            for count in counts:
                if count.sender != "upload":
                    continue
                if key not in self._truth.world.expected:
                    self._blame("sent, and must not be delivered", key)
                if self._limit is not None and count.at > count.event_time + self._limit + _GRACE:
                    self._blame("sent after its deadline", key)

    def _double_counts(self) -> tuple[int, int]:
        mine, others = 0, 0
        for key, counts in self._truth.account.double_counts.items():
            if any(count.sender == "upload" for count in counts):
                mine += 1
                self._blame("counted twice", key)
            else:
                others += 1
        return mine, others

    def _blame(self, what: str, key: Key) -> None:
        self._problems.setdefault(what, []).append(key)


def _sentence(what: str, keys: list[Key]) -> str:
    shown = ", ".join(f"{key.event} {key.event_id}" for key in keys[:_SHOWN])
    return f"{len(keys):,} {what}: {shown}{', …' if len(keys) > _SHOWN else ''}"


def _gap(run: Path) -> set[Key]:
    table = pq.read_table(
        run / "reconciliation.parquet", columns=["event_id", "event", "status"]
    ).to_pylist()
    return {Key(row["event"], row["event_id"]) for row in table if row["status"] in _GAP}


def _next(planned: Plan) -> set[Key]:
    table = pq.read_table(planned.candidates, columns=["event_id", "event", "disposition"])
    return {
        Key(row["event"], row["event_id"])
        for row in table.to_pylist()
        if row["disposition"] == "send" and row["event_id"] is not None
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _key(row: dict[str, str]) -> Key:
    return Key(row["event"], row["event_id"])
