"""Compares what is wrong with what was told, and tells the difference, each channel once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from archiver.alerts.channels import ChannelError, Sender
from archiver.alerts.lives import Change, advance
from archiver.alerts.model import KINDS, Blind, Condition, Failed, Sent, State, Told
from archiver.alerts.state import Alerts, Message, Trouble, read_state, state_folder, write_state
from archiver.alerts.words import (
    condition_json,
    conditions_json,
    harmless,
    kind_of,
    summary,
    text_of,
    title_of,
    when,
)
from archiver.config import Config
from archiver.config.night_settings import ALERT_KINDS, ChannelSettings
from archiver.texts import instant_text

__all__ = ["open_alerts", "state_folder", "tell", "try_channels"]

# Rounds wait for each other's lock, so that one may come a little after a younger one; a round as
# of an instant before that plays the past.
_PAST = timedelta(hours=1)


class Sends(Protocol):
    """What sends to one channel, as Sender does."""

    def send(self, message: Message, text: str) -> None:
        """Send one message; ChannelError where it was not taken."""


MakesSender = Callable[[ChannelSettings, Mapping[str, str], timedelta], Sends]


def tell(
    config: Config,
    environment: Mapping[str, str],
    folder: Path,
    conditions: Iterable[Condition],
    *,
    blind: Iterable[Blind] = (),
    ended: Sequence[Condition] = (),
    as_of: datetime,
    now: datetime,
    run_id: str,
    sender: MakesSender = Sender,
) -> Told:
    """Compare with what was told, write down what is to be told, and send it.

    Hold the archive's lock. What was written down and not taken yet is sent first. Without
    channels the state is kept all the same, for `archiver alerts list`.

    Args:
        config: the settings.
        environment: has the channels' URLs.
        folder: as `state_folder` says.
        conditions: all that is wrong.
        blind: what the round could not see.
        ended: outages that are over, with the figures that they have now.
        as_of: the instant for which the conditions hold, UTC; cool-down is counted by it.
        now: the real time, UTC.
        run_id: of the reconciliation, or of the round.
        sender: what makes the way to a channel.

    Raises:
        ArchiverError: the state cannot be read; nothing was sent then.
        OSError: it cannot be written; nothing was sent that is not written down.
    """
    state = read_state(folder)
    if state.compared_at is not None and state.compared_at > now + _PAST:
        _set_clock_back(state, now)
    told = Told(is_past=state.as_of is not None and as_of < state.as_of - _PAST)
    _forget_removed(state, config)
    if not told.is_past:
        moment = max(as_of, state.as_of or as_of)
        changes = advance(
            state, conditions, list(blind), moment, config.alerts.cooldown, ended=ended
        )
        state.as_of = min(moment, max(now, state.as_of or now))
        state.compared_at = now
        for change in changes:
            getattr(told, change.state).append(title_of(change))
        changed = {change.alert.alert: change for change in changes}
        for alert in state.alerts:
            change = changed.get(alert.alert) or Change(alert, "updated")
            _write_down(state, change, config, moment, run_id)
    write_state(folder, state)
    for name, settings in config.channels.items():
        _serve(name, settings, state, folder, environment, config, now, told, sender)
    # Kinds of which none is open count as well: their numbers are known.
    open_alerts = Counter(dict.fromkeys(ALERT_KINDS, 0))
    open_alerts.update(
        kind_of(Change(alert, "updated")) for alert in state.alerts if alert.resolved_at is None
    )
    return Told(
        opened=told.opened,
        updated=told.updated,
        resolved=told.resolved,
        sent=told.sent,
        failed=told.failed,
        open_alerts=dict(sorted(open_alerts.items())),
        is_past=told.is_past,
    )


def open_alerts(folder: Path) -> list[dict[str, object]]:
    """The open alerts, oldest first, for `archiver alerts list`.

    Raises:
        ArchiverError: the state cannot be read.
    """
    state = read_state(folder)
    found: list[dict[str, object]] = []
    for alert in state.alerts:
        if alert.resolved_at is not None:
            continue
        holding = [m.condition for m in alert.members if m.ended_at is None]
        found.append(
            {
                "alert": alert.alert,
                "kind": min((c.kind for c in holding), key=KINDS.index),
                "what": summary(holding),
                "opened_at": instant_text(alert.opened_at),
                "told_at": instant_text(alert.told_at),
                "messages": alert.messages,
                "waiting": {
                    name: count
                    for name, count in sorted(_waiting(state, alert.alert).items())
                    if count
                },
                "conditions": [condition_json(c) for c in holding],
            }
        )
    return found


def try_channels(
    config: Config,
    environment: Mapping[str, str],
    names: Iterable[str],
    *,
    now: datetime,
    sender: MakesSender = Sender,
) -> dict[str, str | None]:
    """Send a message to channels, as `archiver alerts test` does; no state is touched.

    Returns:
        By channel why it failed; None: it took the message.
    """
    stamp = f"test-{now:%Y%m%dT%H%M%SZ}"
    message = Message(
        alert_id=stamp,
        alert=stamp,
        kind="failed",
        state="resolved",
        title="archiver: a test",
        text="",
        as_of=now,
        opened_at=now,
        run_id="test",
        conditions=[],
        waiting=[],
    )
    results: dict[str, str | None] = {}
    for name in names:
        text = f"This is a test of the channel {harmless(name)}. Nothing is wrong."
        try:
            way = sender(config.channels[name], environment, config.alerts.timeout)
            way.send(message, text)
            results[name] = None
        except ChannelError as error:
            results[name] = error.why
    return results


def _set_clock_back(state: Alerts, now: datetime) -> None:
    """Take no instant for later than now: the clock was ahead when it was written down.

    Otherwise every night would play the past, and tell nothing, until the clock comes there again.
    """
    state.as_of = min(state.as_of or now, now)
    state.compared_at = now
    for alert in state.alerts:
        alert.opened_at = min(alert.opened_at, now)
        alert.told_at = min(alert.told_at, now)
        alert.resolved_at = alert.resolved_at and min(alert.resolved_at, now)
        for member in alert.members:
            member.opened_at = min(member.opened_at, now)
            member.ended_at = member.ended_at and min(member.ended_at, now)
            member.false_since = member.false_since and min(member.false_since, now)


def _forget_removed(state: Alerts, config: Config) -> None:
    """A channel that is configured no more is owed nothing, and is new if it comes back."""
    known = set(config.channels)
    for alert in state.alerts:
        alert.channels = {name: s for name, s in alert.channels.items() if name in known}
    for message in state.outbox:
        message.waiting = [name for name in message.waiting if name in known]
    state.outbox = [message for message in state.outbox if message.waiting]
    state.troubles = {name: t for name, t in state.troubles.items() if name in known}


def _write_down(
    state: Alerts, change: Change, config: Config, as_of: datetime, run_id: str
) -> None:
    """Put what each channel is to be told of an alert into the outbox.

    A channel sees the kinds that it wants. One that was told nothing of the alert yet, since it
    was added later or wants more kinds than before, hears of what is open, once.
    """
    alert = change.alert
    messages: dict[tuple[frozenset[str], State, bool], Message] = {}
    for name, settings in config.channels.items():
        view = replace(change, kinds=frozenset(settings.kinds))
        before = alert.channels.get(name)
        is_new = before is None and change.state != "opened"
        if is_new:
            view.states = dict.fromkeys((place for place, _ in view.holding), "opened")
        found = _state_for(view, before)
        if found is None:
            continue
        view.state = found
        key = (view.kinds, found, is_new)
        if key not in messages:
            alert.messages += 1
            messages[key] = _message(view, as_of, run_id, f"{alert.alert}-{alert.messages}")
        messages[key].waiting.append(name)
        alert.channels[name] = found
    state.outbox += messages.values()


def _state_for(view: Change, before: State | None) -> State | None:
    """The state of what a channel is told of what it sees of an alert; None: nothing."""
    if before is None or before == "resolved":
        return "opened" if view.holding else None
    if not view.holding:
        return "resolved"
    return "updated" if any(place in view.states for place, _ in view.members) else None


def _message(change: Change, as_of: datetime, run_id: str, alert_id: str) -> Message:
    return Message(
        alert_id=alert_id,
        alert=change.alert.alert,
        kind=kind_of(change),
        state=change.state,
        title=title_of(change),
        text=text_of(change, as_of),
        as_of=as_of,
        opened_at=change.alert.opened_at,
        run_id=run_id,
        conditions=conditions_json(change),
        waiting=[],
    )


def _serve(
    name: str,
    settings: ChannelSettings,
    state: Alerts,
    folder: Path,
    environment: Mapping[str, str],
    config: Config,
    now: datetime,
    told: Told,
    sender: MakesSender,
) -> None:
    """Send a channel what waits for it, in order, up to the first that it does not take."""
    try:
        way = sender(settings, environment, config.alerts.timeout)
        waiting = [message for message in state.outbox if name in message.waiting]
        if not waiting and name in state.troubles:
            del state.troubles[name]
            write_state(folder, state)
        for message in waiting:
            others = {
                other: trouble
                for other, trouble in state.troubles.items()
                if other != name and not trouble.is_told
            }
            way.send(message, "\n".join([message.text, *_unreachable(others)]))
            message.waiting.remove(name)
            state.outbox = [m for m in state.outbox if m.waiting]
            state.troubles.pop(name, None)
            for trouble in others.values():
                trouble.is_told = True
            write_state(folder, state)
            told.sent.append(Sent(name, message.alert_id, message.state, message.title))
    except ChannelError as error:
        trouble = state.troubles.setdefault(name, Trouble(since=now, why=error.why))
        trouble.why = error.why
        count = sum(name in message.waiting for message in state.outbox)
        told.failed.append(Failed(name, error.why, count, trouble.since))
        write_state(folder, state)


def _unreachable(troubles: Mapping[str, Trouble]) -> list[str]:
    return [
        f"channel {harmless(name)} could not be reached since {when(trouble.since, None)}:"
        f" {trouble.why}"
        for name, trouble in troubles.items()
    ]


def _waiting(state: Alerts, alert: str) -> Counter[str]:
    return Counter(name for m in state.outbox if m.alert == alert for name in m.waiting)
