"""Alerts in words, for people at three in the morning, and as JSON for webhooks.

What comes from outside, such as names of events, is written so that no chat takes it for markup
or for a mention: it must not be able to wake a channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from archiver.alerts.lives import Change
from archiver.alerts.model import KINDS, Condition, Kind, State
from archiver.alerts.state import Member
from archiver.report.terminal_words import conversions as counted
from archiver.report.terminal_words import worth
from archiver.texts import amount_text, instant_text, plain

_MOST_CONDITIONS = 12
_MOST_DETAILS = 6
_MOST_NAMES = 5
_LONGEST_LINE = 300
_LONGEST_TITLE = 160

# Wide twins of what Slack, Discord, Telegram, Markdown and HTML take for markup or mentions: they
# are read as the same, and do nothing anywhere.
_TWINS = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in "<>&@*`~[]"})
# An underscore inside a word is no markup; at its edge it is.
_EDGES = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def harmless(line: str) -> str:
    """One line that shows what it says and does nothing else."""
    return _EDGES.sub("＿", plain(line).translate(_TWINS))


def kind_of(change: Change) -> Kind:
    """The kind that a message is told under: the first that holds, or that there was."""
    members = change.holding or change.members
    return min((member.condition.kind for _, member in members), key=KINDS.index)


def title_of(change: Change) -> str:
    """What happened, in one line."""
    if change.state == "resolved":
        text = f"over: {_headline(_conditions(change, 'resolved') or _all(change))}"
    elif change.state == "opened":
        text = _headline(_conditions(change, "opened") or _all(change))
    elif opened := _conditions(change, "opened"):
        text = f"also: {_headline(opened)}"
    elif ended := _conditions(change, "resolved"):
        text = f"over: {_headline(ended)}; still: {_headline(_holding(change))}"
    else:
        text = f"grows: {_headline(_holding(change))}"
    return _cut(harmless(f"archiver: {text}"), _LONGEST_TITLE)


def text_of(change: Change, as_of: datetime) -> str:
    """All that is known of it: what, since when, how much, until when, and what to do next."""
    members = sorted(
        change.members,
        key=lambda item: (
            item[1].ended_at is not None,
            KINDS.index(item[1].condition.kind),
            -(item[1].condition.conversions or 0),
        ),
    )
    lines = [f"as of {when(as_of, None)}"]
    for place, member in members[:_MOST_CONDITIONS]:
        lines += _about(member, change.states.get(place), as_of)
    if len(members) > _MOST_CONDITIONS:
        lines.append(f"and {len(members) - _MOST_CONDITIONS} more: archiver alerts list")
    steps = dict.fromkeys(
        step
        for _, member in members
        if member.ended_at is None
        for step in member.condition.next_steps
    )
    if steps:
        lines += ["next:", *(f"  {step}" for step in [*steps][:_MOST_CONDITIONS])]
    return "\n".join(_cut(harmless(line), _LONGEST_LINE) for line in lines)


def conditions_json(change: Change) -> list[dict[str, Any]]:
    """The conditions of an alert, as a webhook gets them; names as they came in."""
    return [
        condition_json(member.condition)
        | {"state": change.states.get(place) or ("resolved" if member.ended_at else "open")}
        for place, member in change.members
    ]


def condition_json(condition: Condition) -> dict[str, Any]:
    """One condition for scripts."""
    return {
        "kind": condition.kind,
        "subject": condition.subject,
        "destination": condition.destination,
        "source": condition.source,
        "diagnosis": condition.diagnosis,
        "since": instant_text(condition.since),
        "conversions": condition.conversions,
        "value": {name: amount_text(value) for name, value in condition.values.items()},
        "recoverable": condition.recoverable,
        "deadline": instant_text(condition.deadline),
        "details": list(condition.details),
        "next_steps": list(condition.next_steps),
    }


def when(instant: datetime, zone: str | None) -> str:
    """To the minute, in UTC and, where that is another, in the account's zone."""
    text = f"{instant:%Y-%m-%d %H:%M} UTC"
    if zone is None or zone == "UTC":
        return text
    return f"{text} ({instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone})"


def summary(conditions: Sequence[Condition]) -> str:
    """What is wrong, in a few words that anybody may read."""
    return _cut(harmless(_headline(conditions)), _LONGEST_TITLE)


def _conditions(change: Change, state: State) -> list[Condition]:
    return [m.condition for place, m in change.members if change.states.get(place) == state]


def _all(change: Change) -> list[Condition]:
    return [member.condition for _, member in change.members]


def _holding(change: Change) -> list[Condition]:
    return [member.condition for _, member in change.holding]


def _headline(conditions: Sequence[Condition]) -> str:
    """The worst kind, for all whom it concerns, and how much it is about."""
    if not conditions:
        return "nothing"
    worst = min(conditions, key=lambda c: (KINDS.index(c.kind), c.diagnosis != "source_outage"))
    alike = [c for c in conditions if (c.kind, c.diagnosis) == (worst.kind, worst.diagnosis)]
    text = _said(worst, alike)
    lost = max(conditions, key=lambda c: c.conversions or 0)
    if lost.conversions and len({c.destination for c in conditions}) == 1:
        amount = worth(lost.values)
        text += f": {counted(lost.conversions)}" + (f", {amount}" if amount else "")
    return text


def _said(worst: Condition, alike: Iterable[Condition]) -> str:
    destinations = _names(c.destination for c in alike)
    match worst.kind, worst.diagnosis:
        case "outage", "source_outage":
            return f"source {worst.source} has fallen silent ({destinations})"
        case "outage", "receipts_missing":
            return f"no receipts from {destinations}"
        case "outage", "rejections":
            return f"{destinations} refuses conversions"
        case "outage", "api_failing":
            return f"the API of {destinations} is failing"
        case "outage", _:
            return f"conversions do not arrive at {destinations}"
        case "stale", _ if worst.source is not None:
            return f"no events from {_names(c.source for c in alike)}"
        case "stale", _:
            return f"the receipts of {destinations} have stopped"
        case "gap", _:
            return f"more conversions lost at {destinations} than allowed"
        case "deadline", _:
            return f"lost conversions of {destinations} can soon not be sent again"
        case "quarantine", _:
            return f"files of {_names(c.source for c in alike)} have too many bad records"
        case "schema", _:
            return f"conversion events changed: {_names(c.subject for c in alike)}"
        case _:
            return f"the round failed: {_names(c.subject for c in alike)}"


def _names(names: Iterable[str | None]) -> str:
    found = sorted({_cut(name, 60) for name in names if name})
    shown = ", ".join(found[:_MOST_NAMES])
    return shown + (f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else "")


def _about(member: Member, told: State | None, as_of: datetime) -> Iterator[str]:
    condition = member.condition
    zone = condition.account_timezone
    mark = {"opened": "NEW ", "resolved": "OVER ", "updated": "GREW "}.get(told or "", "")
    if member.ended_at is not None and not mark:
        mark = "over "
    since = f", since {when(condition.since, zone)}" if condition.since else ""
    again = ", again" if told == "opened" and member.returns else ""
    yield f"- {mark}{_said(condition, [condition])}{since}{again}"
    if condition.conversions:
        amount = worth(condition.values)
        yield f"  {counted(condition.conversions)}" + (f", worth {amount}" if amount else "")
    if told == "resolved" and condition.kind == "deadline":
        yield from _deadline_ended(condition, as_of)
    if told == "resolved" and condition.kind == "gap":
        yield "  no day that is looked at (nightly.threshold_days) is over the threshold any more"
    if member.ended_at is not None:
        return
    if condition.recoverable is not None and condition.conversions:
        yield f"  {condition.recoverable:,} of them can still be sent again"
    if condition.deadline is not None:
        passed = condition.deadline < as_of
        verb = "too late for the first of them since" if passed else "send them before"
        yield f"  {verb} {when(condition.deadline, zone)}"
    yield from (f"  {detail}" for detail in condition.details[:_MOST_DETAILS])
    if len(condition.details) > _MOST_DETAILS:
        yield f"  and {len(condition.details) - _MOST_DETAILS} more"


def _deadline_ended(condition: Condition, as_of: datetime) -> Iterator[str]:
    if condition.deadline is not None and condition.deadline < as_of:
        yield "  the deadline has passed: what was not sent by then is lost"
    else:
        yield "  they were sent, or are lost no more"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
