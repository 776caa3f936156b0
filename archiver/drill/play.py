"""Plays a drill from its first event to its last receipt, and says what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from archiver.archive.lock import writing
from archiver.backfill.route import route_of
from archiver.config import Config, DestinationSettings
from archiver.drill.clock import DrillClock
from archiver.drill.crashes import Uploaded, Uploader
from archiver.drill.faults import Faults
from archiver.drill.hub import Hub
from archiver.drill.outcome import Fates, Outcome, Truth, judge
from archiver.drill.scenario import Scenario, make_scenario
from archiver.drill.scratch import ACCOUNT, TOKEN, TOKEN_VARIABLE, make_workspace
from archiver.drill.stage import Stage
from archiver.drill.standin import Account, Clock, Key
from archiver.drill.standin_meta import MetaAccount
from archiver.drill.standin_tiktok import TikTokAccount
from archiver.drill.standin_transport import STANDIN_URL
from archiver.drill.world import invent
from archiver.errors import UsageError
from archiver.reconcile.binding import max_age
from archiver.texts import instant_text
from archiver.warehouse.rules import configured_rules

ACCOUNTS: dict[str, type[Account]] = {kind.type: kind for kind in (TikTokAccount, MetaAccount)}
"""The destinations that have a stand-in."""

_HOUR = timedelta(hours=1)
_LOOKS = 24
_RUN_MINUTE = timedelta(minutes=15)
_MOST_IN_REQUEST = 15


@dataclass(frozen=True)
class Drilled:
    """A drill that was played.

    Attributes:
        destination, type: which destination, of the user's configuration.
        scenario: the instants.
        events: inbound events, of all kinds.
        conversions: those that some rule selects.
        expected: match keys that must reach the destination.
        delivered: of these, counted when the backfill was made.
        detected_at: the first hourly run that shows the outage, UTC; None: none of the first day.
        detected_by: what it shows.
        backfill_id, batches, sent: the backfill, its requests, the events in it.
        uploaded: the runs of its upload.
        outcome: what came of the lost events.
        notes: what the drill could not do as the configuration has it.
    """

    destination: str
    type: str
    scenario: Scenario
    events: int
    conversions: int
    expected: int
    delivered: int
    detected_at: datetime | None
    detected_by: str | None
    backfill_id: str
    batches: int
    sent: int
    uploaded: Uploaded
    outcome: Outcome
    notes: list[str]

    @property
    def hours_to_detect(self) -> float | None:
        """From the beginning of the outage; None where no run showed it."""
        if self.detected_at is None:
            return None
        return (self.detected_at - self.scenario.outage_start) / _HOUR

    @property
    def share_recovered(self) -> float | None:
        """Of what could be recovered; None where nothing could."""
        could = self.outcome.recoverable
        return round(self.outcome.recovered / could, 4) if could else None

    @property
    def is_good(self) -> bool:
        """Nothing was counted twice, and all that was recoverable was recovered."""
        return not self.outcome.problems


def drill(
    config: Config,
    name: str,
    seed: int,
    folder: Path,
    *,
    scenario: Scenario | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Drilled:
    """Play an outage against a stand-in for a destination, in a workspace of its own.

    Nothing of the user's is read but the settings of the destination, and nothing is written but
    in `folder`. No socket is opened, and no environment variable is read.

    Args:
        config: the user's configuration.
        name: the destination.
        seed: everything that is left to chance follows from it.
        folder: an empty folder.
        scenario: in place of the one that the seed gives.
        told: called with a line for each step.

    Raises:
        UsageError: there is no stand-in for destinations of its type.
        ConfigError: no requests can be built for it.
    """
    check_drillable(config, name)
    about = config.destination(name)
    if scenario is None:
        clock: Clock | None = "arrival" if about.dedup_clock == "arrival" else None
        scenario = make_scenario(
            seed, about.retry_window, max_age(about), clock, has_twins=about.pixel == "same_id"
        )
    return _Play(config, name, scenario, folder, told).play()


def check_drillable(config: Config, name: str) -> None:
    """Refuse a destination that has no stand-in.

    Raises:
        ConfigError: there is no such destination.
        UsageError: its type has none; names those that have.
    """
    kind = config.destination(name).type
    if kind not in ACCOUNTS:
        raise UsageError(
            f"drilling {name}",
            f"there is no stand-in for destinations of type {kind}",
            f"drill one of type {' or '.join(ACCOUNTS)}: --destination NAME",
        )


class _Play:
    def __init__(
        self,
        config: Config,
        name: str,
        scenario: Scenario,
        folder: Path,
        told: Callable[[str], None],
    ) -> None:
        self._name = name
        self._users = config.destination(name)
        self._scenario = scenario
        self._told = told
        self._chance = random.Random(f"drill/{scenario.seed}")
        self._config = make_workspace(
            folder, config, name, base_url=STANDIN_URL, max_events=_batch_size(config, name)
        )
        self._about = self._config.destination(name)
        self._secrets = {TOKEN_VARIABLE: TOKEN}
        route = route_of(name, self._about)
        (rules,) = configured_rules(self._config)
        self._world = invent(scenario, rules, pixel=self._about.pixel or "none")
        self._account = ACCOUNTS[self._about.type](
            self._about.event_source_id or ACCOUNT,
            token=TOKEN,
            dedup_clock=scenario.dedup_clock,
            names_rows=scenario.names_rows,
            faults=Faults(f"faults/{scenario.seed}", scenario.spells),
        )
        self._hub = Hub(
            name=name,
            kind=route.kind,
            requests=route.requests,
            account=self._account,
            world=self._world,
            retry_window=self._about.retry_window,
            secrets=self._secrets,
            outage=(scenario.outage_start, scenario.recovery),
            chance=random.Random(f"hub/{scenario.seed}"),
        )
        self._stage = Stage(self._config, name, self._world, self._hub)

    def play(self) -> Drilled:
        scenario, stage, clock = self._scenario, self._stage, DrillClock(self._scenario.upload_at)
        with (
            writing(self._config.archive_root, "drill"),
            writing(self._config.warehouse_path, "drill"),
        ):
            detected_at, detected_by = self._detect()
            stage.import_until(scenario.backfill_at)
            lost = self._lost()
            delivered = sum(key in self._account.counted for key in self._world.expected)
            backfill = self._backfill(scenario.backfill_at)
            self._told(f"{len(lost):,} conversions are lost; the backfill is {backfill.name}")
            uploader = Uploader(
                self._config,
                stage.archive,
                self._account,
                clock,
                self._chance,
                self._secrets,
                self._hub.run_until,
            )
            uploaded = uploader.upload(backfill, scenario.crashes)
            ended = clock.now()
            fates = Fates()
            fates.read(self._config, backfill, ended)
            end = max(ended, scenario.end + self._about.retry_window) + 2 * _HOUR
            stage.import_until(end)
            stage.import_uploads(backfill, end)
            self._told("its replies are receipts; one more reconciliation")
            with stage.archive.scratch() as scratch:
                planned = stage.plan(end, scratch)
                truth = Truth(
                    self._world,
                    self._account,
                    frozenset(lost),
                    frozenset(self._hub.unsure),
                    frozenset(self._hub.unbuildable),
                    self._about.pixel or "none",
                    ended,
                )
                outcome = judge(truth, fates, self._config, self._name, planned)
        return Drilled(
            destination=self._name,
            type=self._about.type,
            scenario=scenario,
            events=len(self._world.happenings),
            conversions=self._world.conversions,
            expected=len(self._world.expected),
            delivered=delivered,
            detected_at=detected_at,
            detected_by=detected_by,
            backfill_id=backfill.name,
            batches=len(list(backfill.glob("batch-*.json"))),
            sent=uploaded.result.events,
            uploaded=uploaded,
            outcome=outcome,
            notes=[*self._world.notes, *_notes(self._name, self._users)],
        )

    def _detect(self) -> tuple[datetime | None, str | None]:
        """The first hourly run that shows the outage.

        Before the hub has given up the first event, nothing of it is settled, and no run shows it.
        """
        start = self._scenario.outage_start
        first = start + self._about.retry_window
        at = first.replace(minute=0, second=0, microsecond=0) + _RUN_MINUTE
        if at < first:
            at += _HOUR
        for _ in range(_LOOKS):
            if at >= self._scenario.backfill_at:
                break
            self._stage.import_until(at)
            shown = self._stage.shows_outage(at, start)
            if shown is not None:
                self._told(f"the run of {instant_text(at)} shows the outage: {shown}")
                return at, shown
            at += _HOUR
        self._told("no hourly run shows the outage")
        return None, None

    def _lost(self) -> set[Key]:
        """What must have arrived, has not, and is not being tried any more.

        The newest events are left out: the feed does not reach far enough to tell of them.
        """
        settled = self._scenario.backfill_at - self._about.retry_window - 2 * _HOUR
        return {
            key
            for key in self._world.expected
            if self._world.arrivals[key] < settled
            and key not in self._account.counted
            and not self._hub.waiting.get(key)
        }

    def _backfill(self, instant: datetime) -> Path:
        with self._stage.archive.scratch() as scratch:
            return self._stage.write(self._stage.plan(instant, scratch), instant)


def _notes(name: str, about: DestinationSettings) -> list[str]:
    """What the drill does otherwise than the user's configuration says."""
    notes = []
    if about.reports != "all" or about.coverage != "infer":
        notes.append(
            "the drill's feed is a log of all requests, whatever destinations."
            f"{name}.reports and coverage say"
        )
    if about.exclude:
        notes.append(f"destinations.{name}.exclude is about another time and is not used")
    if about.pixel == "other_id":
        notes.append('with pixel = "other_id" nothing is sent again without --include beyond-dedup')
    return notes


def _batch_size(config: Config, name: str) -> int:
    """Small requests, so that the backfill has several, but none larger than the user's."""
    return min(config.destination(name).max_events or _MOST_IN_REQUEST, _MOST_IN_REQUEST)
