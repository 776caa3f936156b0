"""Judges what a channel was told over all nights, by what was true of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from night_channel import Channel
from night_world import Truth, World

if TYPE_CHECKING:
    from night_play import Night

Key = tuple[str, str | None, str | None, str | None]
Span = tuple[datetime, datetime] | None

_JUDGED = ("outage", "gap", "stale")
_API = "api_failing"
_NEAR = timedelta(hours=2)


def check_told_once(nights: list[Night], channel: Channel, world: World) -> None:
    """Each message was taken once, unless a round broke off; each alert opened and ended once."""
    messages: dict[str, dict[str, Any]] = {}
    taken: Counter[str] = Counter()
    for received in channel.received:
        known = messages.setdefault(received.key, received.body)
        assert known == received.body, "one id, two messages"
        assert received.key == received.body["alert_id"]
        taken[received.key] += received.is_taken
    broken = {_text(world.as_of(n.number)) for n in nights if n.played == "part"}
    for alert_id, times in taken.items():
        most = 3 if messages[alert_id]["as_of"] in broken or broken else 1
        assert 1 <= times <= most, (alert_id, times, messages[alert_id])
    states: dict[str, list[str]] = defaultdict(list)
    for message in sorted(messages.values(), key=lambda m: str(m["as_of"])):
        states[message["alert"]].append(message["state"])
    for alert, told in states.items():
        assert told[0] == "opened", (alert, told)
        assert told.count("opened") == 1, (alert, told)
        assert told.count("resolved") <= 1, (alert, told)
        assert "resolved" not in told[:-1], (alert, told)


def check_stream(
    nights: list[Night], watched: list[datetime], channel: Channel, world: World
) -> None:
    """Every condition that was true was opened in the night that saw it first, and ended so.

    Args:
        nights: in their order.
        watched: instants of `archiver watch`, which sees APIs that fail, and nothing else.
        channel: what it was told.
        world: what was true.
    """
    observed = _transitions(channel)
    holding: dict[Key, list[Span]] = defaultdict(list)
    by_night: dict[int, list[Night]] = defaultdict(list)
    for night in nights:
        by_night[night.number].append(night)
    for number, plays in by_night.items():
        for instant in (at for at in watched if at < world.as_of(number)):
            for key, told in observed.pop(_text(instant), {}).items():
                # A bad file that a broken night imported is told of by whoever comes next.
                is_its_own = key[0] in ("failed", "quarantine") or key[3] == _API
                assert is_its_own, (number, key, told)
                holding[key] = _alternate(holding[key], told, (world.seed, number, key))
        as_of = _text(world.as_of(number))
        told = observed.pop(as_of, defaultdict(Counter))
        if all(play.played == "not" for play in plays):
            assert not told, (number, dict(told))
            continue
        is_whole = any(play.played == "whole" for play in plays)
        truth = plays[-1].truth
        true = _spans(truth)
        for key in {*true, *holding, *told}:
            where = (world.seed, number, key, told[key], true.get(key), holding[key])
            if key[0] not in _JUDGED or key[3] == _API:
                holding[key] = _alternate(holding[key], told[key], where)
                continue
            kept, fresh, ended = _paired(holding[key], true.get(key, []))
            opened, resolved = told[key]["opened"], told[key]["resolved"]
            assert opened <= len(fresh) and resolved <= len(ended), where
            if is_whole:
                assert opened == len(fresh), where
                assert _is_hidden(key, truth) or resolved == len(ended), where
            holding[key] = [*kept, *fresh[:opened], *ended[resolved:]]
        for play in plays:
            _check_failures(play, bool(told), number)
    still = [
        k for k, open_now in holding.items() if open_now and (k[0] == "failed" or k[3] == _API)
    ]
    assert not still, "the last nights were quiet"
    assert not observed, f"told as of instants that no night had: {[*observed]}"


def _transitions(channel: Channel) -> dict[str, dict[Key, Counter[str]]]:
    """What opened and ended, by the as-of of the message that tells it first.

    A condition keeps its place in its alert, and its state in every later message.
    """
    found: dict[str, dict[Key, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    before: dict[tuple[str, int], str] = {}
    messages = {received.key: received.body for received in channel.received}
    for body in sorted(messages.values(), key=lambda body: str(body["as_of"])):
        for place, condition in enumerate(body["conditions"]):
            state, member = condition["state"], (body["alert"], place)
            if state == "opened" or (state == "resolved" and before.get(member) != "resolved"):
                found[body["as_of"]][_key(condition)][state] += 1
            before[member] = state
    return found


def _check_failures(play: Night, was_told: bool, number: int) -> None:
    if play.played == "whole" and not play.is_deliverable and was_told:
        assert play.code in (1, 4), (number, play.code)


def _alternate(holding: list[Span], told: Counter[str], where: object) -> list[Span]:
    """What the world does not predict must at least be opened and ended in turn."""
    open_now = len(holding) + told["opened"] - told["resolved"]
    assert open_now in (0, 1), where
    return [None] * open_now


def _spans(truth: Truth) -> dict[Key, list[Span]]:
    found: dict[Key, list[Span]] = {key: [None] for key in truth.conditions if key[0] != "outage"}
    for name, result in truth.results.items():
        for incident in result.incidents:
            if incident.is_open:
                key = ("outage", name, incident.source, incident.diagnosis)
                found.setdefault(key, []).append((incident.start, incident.end))
    return found


def _paired(before: list[Span], now: list[Span]) -> tuple[list[Span], list[Span], list[Span]]:
    """What goes on, what is new and what has ended."""
    ended, kept, fresh = list(before), [], []
    for span in now:
        same = next((old for old in ended if _meet(old, span)), "none")
        if same == "none":
            fresh.append(span)
        else:
            ended.remove(same)  # type: ignore[arg-type]
            kept.append(span)
    return kept, fresh, ended


def _meet(old: Span, new: Span) -> bool:
    if old is None or new is None:
        return True
    return new[0] <= old[1] + _NEAR and old[0] <= new[1] + _NEAR


def _is_hidden(key: Key, truth: Truth) -> bool:
    """Whether the end of this could not be seen: what would tell it is stale or cannot be read."""
    _, destination, source, _ = key
    unread = {path.split("/")[1] for path in truth.unreadable}
    is_stale = {("destination", destination), ("source", source)} & truth.stale
    return bool(is_stale) or source in unread


def _key(condition: dict[str, Any]) -> Key:
    return (
        condition["kind"],
        condition["destination"],
        condition["source"],
        condition["diagnosis"] if condition["kind"] == "outage" else None,
    )


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
