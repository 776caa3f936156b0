"""From the conditions of one round to the next: what opened, changed and ended."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from archiver.alerts.model import Blind, Condition, State
from archiver.alerts.state import Alert, Alerts, Member

# Incidents that at most two hours lie between are one (docs/reconciliation.md, Incidents).
_NEAR = timedelta(hours=2)
# What must wake somebody each time: it joins an open alert only where that is young and has such a
# condition that holds; the gap that an outage of last week left behind is no reason.
URGENT = frozenset({"outage", "stale", "failed", "deadline"})
# What the reconciliation calls an API that `watch` saw failing, once its conversions are settled.
_SEEN_LATER = frozenset({"delivery_outage", "rejections"})
_API_FAILING = "api_failing"


@dataclass
class Change:
    """What is to be told of one alert.

    Attributes:
        alert: which.
        state: of the alert.
        states: of those of its conditions that opened, grew or ended in this round, by their
            place among its members.
        kinds: a channel that wants only these sees only those conditions; empty: all.
    """

    alert: Alert
    state: State
    states: dict[int, State] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()

    @property
    def members(self) -> list[tuple[int, Member]]:
        """What is seen of the alert, each with its place."""
        return [
            (place, member)
            for place, member in enumerate(self.alert.members)
            if not self.kinds or member.condition.kind in self.kinds
        ]

    @property
    def holding(self) -> list[tuple[int, Member]]:
        """Of those, what holds."""
        return [(place, member) for place, member in self.members if member.ended_at is None]


def advance(
    state: Alerts,
    conditions: Iterable[Condition],
    blind: Sequence[Blind],
    as_of: datetime,
    cooldown: timedelta,
    *,
    ended: Sequence[Condition] = (),
) -> list[Change]:
    """Bring the alerts up to the conditions of a round.

    Args:
        state: its alerts are changed in place; those whose cool-down is over are dropped.
        conditions: all that is wrong.
        blind: what the round could not see.
        as_of: of the round, UTC, not earlier than that of the round before.
        cooldown: least time between two updates; what returns within it is the same alert.
        ended: outages that are over, with the figures that they have now.

    Returns:
        What is to be told, oldest alert first.
    """
    known = [
        alert
        for alert in state.alerts
        if alert.resolved_at is None or as_of - alert.resolved_at <= cooldown
    ]
    state.alerts = known
    changes = {alert.alert: Change(alert, "updated") for alert in known}
    was_resolved = {alert.alert for alert in known if alert.resolved_at is not None}
    paired, fresh = _pair(known, conditions, as_of, cooldown)
    causes: dict[tuple[str, bool], Alert] = {}
    for alert in known:
        for place, member in enumerate(alert.members):
            condition = paired.get((alert.alert, place))
            if condition is not None:
                if _hold(member, condition, as_of, cooldown):
                    changes[alert.alert].states[place] = "opened"
                causes.setdefault((condition.cause, False), alert)
                if condition.kind in URGENT and as_of - alert.opened_at <= cooldown:
                    causes.setdefault((condition.cause, True), alert)
            elif (
                member.ended_at is None
                and not any(b.hides(member.condition) for b in blind)
                and _ends(member, as_of, cooldown)
            ):
                figures = [c for c in ended if _is_same(member.condition, c)]
                if len(figures) == 1:
                    member.condition = figures[0]
                changes[alert.alert].states[place] = "resolved"
    for condition in sorted(fresh, key=lambda c: c.kind not in URGENT):
        is_urgent = condition.kind in URGENT
        joined = _of_one_trouble(known, condition, as_of, cooldown) or causes.get(
            (condition.cause, is_urgent)
        )
        if joined is not None:
            causes.setdefault((condition.cause, False), joined)
        else:
            joined = Alert(alert=_id(condition, as_of, changes), opened_at=as_of, told_at=as_of)
            causes[condition.cause, is_urgent] = causes[condition.cause, False] = joined
            known.append(joined)
            changes[joined.alert] = Change(joined, "opened")
        changes[joined.alert].states[len(joined.members)] = "opened"
        joined.members.append(Member(condition=condition, opened_at=as_of, told=0))
    told = []
    for change in changes.values():
        if _settle(change, change.alert.alert in was_resolved, as_of, cooldown):
            told.append(change)
    return told


def _pair(
    known: Sequence[Alert], conditions: Iterable[Condition], as_of: datetime, cooldown: timedelta
) -> tuple[dict[tuple[str, int], Condition], list[Condition]]:
    """Which condition is which member, by alert and place; and those that are none.

    Members that hold come first, then those that ended last. What ended longer than a cool-down
    ago returns only where it is restated, as an outage of known hours.
    """
    places = [
        (alert, place, member)
        for alert in known
        for place, member in enumerate(alert.members)
        if _is_recent(member, as_of, cooldown)
        or member.condition.kind not in URGENT
        or member.condition.until is not None
    ]
    places.sort(key=lambda found: _place(found[2]), reverse=True)
    paired: dict[tuple[str, int], Condition] = {}
    fresh = []
    for condition in sorted(conditions, key=lambda c: (c.key, str(c.since))):
        for alert, place, member in places:
            if (alert.alert, place) not in paired and _is_same(member.condition, condition):
                paired[alert.alert, place] = condition
                break
        else:
            fresh.append(condition)
    return paired, fresh


def _place(member: Member) -> tuple[bool, str]:
    return member.ended_at is None, str(member.ended_at)


def _is_recent(member: Member, as_of: datetime, cooldown: timedelta) -> bool:
    return member.ended_at is None or as_of - member.ended_at <= cooldown


def _of_one_trouble(
    known: Iterable[Alert], condition: Condition, as_of: datetime, cooldown: timedelta
) -> Alert | None:
    """The alert that told of this already, by another sign of the same trouble."""
    return next(
        (
            alert
            for alert in known
            for member in alert.members
            if _is_recent(member, as_of, cooldown) and _is_one_trouble(member.condition, condition)
        ),
        None,
    )


def _is_one_trouble(old: Condition, new: Condition) -> bool:
    """Whether both are signs of one: that of a day and that of a night, or of two destinations."""
    trouble = _trouble(new)
    if trouble is None or trouble != _trouble(old) or not _meets(old, new):
        return False
    return trouble[0] != "api" or (old.diagnosis == _API_FAILING) != (new.diagnosis == _API_FAILING)


def _trouble(condition: Condition) -> tuple[str, str | None] | None:
    """A source's silence, that of a destination's feed, or an API that fails."""
    is_stale = condition.kind == "stale"
    if condition.diagnosis == "source_outage" or (is_stale and condition.source is not None):
        return ("source", condition.source)
    if condition.diagnosis == "receipts_missing" or is_stale:
        return ("feed", condition.destination)
    if condition.diagnosis == _API_FAILING or condition.diagnosis in _SEEN_LATER:
        return ("api", condition.destination)
    return None


def _is_same(old: Condition, new: Condition) -> bool:
    """Whether both are about the same: of outages, whether their times meet."""
    return old.key == new.key and (new.kind != "outage" or _meets(old, new))


def _meets(old: Condition, new: Condition) -> bool:
    if old.since is None or new.since is None:
        return True
    starts_in_time = old.until is None or new.since <= old.until + _NEAR
    return starts_in_time and (new.until is None or old.since <= new.until + _NEAR)


def _hold(member: Member, condition: Condition, as_of: datetime, cooldown: timedelta) -> bool:
    """Note that a condition holds; says whether it had ended."""
    member.condition = condition
    member.false_since = None
    if member.ended_at is None:
        return False
    is_flapping = as_of - member.ended_at <= cooldown
    member.returns = member.returns + 1 if is_flapping else 0
    member.ended_at = None
    member.opened_at = as_of
    return True


def _ends(member: Member, as_of: datetime, cooldown: timedelta) -> bool:
    """Note that a condition does not hold; says whether that is its end.

    What returned before must stay away for a whole cool-down.
    """
    member.false_since = member.false_since or as_of
    if member.returns and as_of - member.false_since < cooldown:
        return False
    member.ended_at = as_of
    member.false_since = None
    return True


def _settle(change: Change, was_resolved: bool, as_of: datetime, cooldown: timedelta) -> bool:
    """Decide the state of what is told of an alert, if anything is."""
    alert = change.alert
    grown = {
        place
        for place, member in enumerate(alert.members)
        if member.ended_at is None and member.condition.extent > member.told
    }
    if not change.states and (not grown or as_of - alert.told_at < cooldown):
        return False
    for place in grown:
        change.states.setdefault(place, "updated")
    if all(member.ended_at is not None for member in alert.members):
        change.state = "resolved"
        alert.resolved_at = as_of
    elif was_resolved:
        change.state = "opened"
        alert.resolved_at = None
    alert.told_at = as_of
    for member in alert.members:
        member.told = member.condition.extent
    return True


def _id(condition: Condition, as_of: datetime, taken: Iterable[str]) -> str:
    seed = "\x1f".join([*condition.key, str(condition.since), as_of.isoformat()])
    used = set(taken)
    number = 0
    while True:
        found = hashlib.sha256(f"{seed}\x1f{number}".encode()).hexdigest()[:16]
        if found not in used:
            return found
        number += 1
