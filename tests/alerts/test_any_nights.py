"""Whatever becomes true and false, and whichever channel fails: the promises of the alerts hold."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from alerting import channel, gap, nights_in, outage, stale
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from archiver.alerts.model import Blind, Condition

NAMES = ("mail", "slack")
CONDITIONS = ("outage tiktok", "outage meta", "gap tiktok", "stale web")


def condition(name: str, size: int, hours: float) -> Condition:
    kind, _, whom = name.partition(" ")
    if kind == "outage":
        # It always reaches back to the beginning, so that it is the same one.
        return outage(whom, start=-5, end=hours, conversions=size)
    return gap(whom, size) if kind == "gap" else stale(whom, size=size)


class AnyNights(RuleBasedStateMachine):
    """Nights with conditions that come and go, and channels that fail."""

    @initialize(cooldown=st.sampled_from([0, 6, 30]), step=st.sampled_from([1, 24]))
    def begin(self, cooldown: int, step: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.nights = nights_in(Path(self.folder.name), mail=channel(), slack=channel())
        alerts = self.nights.config.alerts
        alerts = replace(alerts, cooldown=timedelta(hours=cooldown))
        self.nights.config = replace(self.nights.config, alerts=alerts)
        self.hours = 0
        self.step = step
        self.holds: set[str] = set()

    @rule(
        true=st.sets(st.sampled_from(CONDITIONS)),
        size=st.integers(1, 9),
        down=st.sets(st.sampled_from(NAMES)),
        blind=st.booleans(),
    )
    def night(self, true: set[str], size: int, down: set[str], blind: bool) -> None:
        self.hours += self.step
        self.nights.channels.down = down
        told = self.nights.night(
            self.hours,
            *(condition(name, size, self.hours) for name in sorted(true)),
            blind=[Blind()] if blind else [],
        )
        self.holds = self.holds | true if blind else true
        assert {failed.channel for failed in told.failed} <= down

    @rule()
    def the_channels_recover(self) -> None:
        """Nothing was lost: both were told the same, and know what holds."""
        self.nights.channels.down = set()
        self.hours += self.step
        told = self.nights.night(
            self.hours, *(condition(name, 1, self.hours) for name in sorted(self.holds))
        )
        assert told.failed == []
        took = self.nights.channels.took
        assert [m.alert_id for m in took.get("mail", [])] == [
            m.alert_id for m in took.get("slack", [])
        ]
        last = {m.alert: m for m in took.get("mail", [])}
        known = {
            f"{c['kind']} {c['destination'] or c['source']}"
            for m in last.values()
            for c in m.conditions
            if c["state"] != "resolved"
        }
        assert self.holds <= known

    @rule()
    def all_is_well_for_long(self) -> None:
        self.nights.channels.down = set()
        for _ in range(2):
            self.hours += 40
            self.nights.night(self.hours)
        self.holds = set()
        for name in NAMES:
            last = {m.alert: m.state for m in self.nights.channels.took.get(name, [])}
            assert set(last.values()) <= {"resolved"}
        assert not any(self.nights.night(self.hours).open_alerts.values())

    @invariant()
    def each_alert_is_opened_once_and_resolved_once(self) -> None:
        """But for one that returned within its cool-down: it is opened again, and not updated."""
        if not hasattr(self, "nights"):
            return
        cooldown = self.nights.config.alerts.cooldown
        for name in NAMES:
            messages = self.nights.channels.took.get(name, [])
            assert len({m.alert_id for m in messages}) == len(messages)
            for alert in {m.alert for m in messages}:
                own = [m for m in messages if m.alert == alert]
                assert own[0].state == "opened"
                for before, after in pairwise(own):
                    if before.state == "resolved":
                        assert after.state == "opened"
                        assert after.as_of - before.as_of <= cooldown
                    else:
                        assert after.state in ("updated", "resolved")

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestAnyNights = AnyNights.TestCase
TestAnyNights.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
