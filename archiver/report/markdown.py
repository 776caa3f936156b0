"""The page as Markdown for a chat: short, and nothing in it pings anybody or breaks a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archiver.report.page_model import DayRow, Page, Section
from archiver.report.page_words import DIAGNOSES, few
from archiver.report.recovery import Tick
from archiver.report.terminal_words import conversions, when
from archiver.texts import plain

_MOST_LINES = 60
_MOST_NAME = 60
_MARKS = {"bad": "🔴", "warn": "🟡", "good": "🟢"}
# What Markdown, Slack and Teams take for a mark, a mention, a link or an end of a cell.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~])")
_MENTION = re.compile(r"([@&]|:(?=[\w+-]+:)|:(?=//)|\bwww(?=\.))")
_NO_PING = "\u200b"


def markdown_text(page: Page) -> str:
    """The page as Markdown, at most 60 lines: what does not fit is counted."""
    head = [f"**Delivery report** as of {when(page.run.as_of)}", ""]
    if page.scope:
        head += [f"_{page.scope}_", ""]
    head += [f"⚠️ {escaped(text)}" for text in page.warnings[:5]]
    if len(page.warnings) > 5:
        head.append(f"⚠️ and {len(page.warnings) - 5} more")
    if page.warnings:
        head.append("")
    # Details go, destination by destination, until it is short enough.
    for most_days, most_incidents, most_ticks in ((5, 3, 3), (3, 2, 1), (0, 1, 1), (0, 0, 0)):
        parts = [
            [*_section(section, most_days, most_incidents, most_ticks), ""]
            for section in page.sections
        ]
        lines = [*head, *(line for part in parts for line in part)]
        if len(lines) <= _MOST_LINES:
            break
    if len(lines) > _MOST_LINES:
        parts = [[_headline(section)] for section in page.sections]
        lines = [*head, *(line for part in parts for line in part)]
    if len(lines) > _MOST_LINES:
        left = len(lines) - _MOST_LINES + 1
        lines = [*lines[: _MOST_LINES - 1], f"and {left} more destinations"]
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """Text from outside on one line, without any meaning to Markdown or to a chat."""
    line = plain(" ".join(text.split()))
    if len(line) > _MOST_NAME * 4:
        line = line[: _MOST_NAME * 4] + "…"
    # A mention needs its sign and its name side by side: a space of no width keeps them apart.
    line = _MENTION.sub(lambda found: f"{found[1]}{_NO_PING}", line)
    return _SPECIAL.sub(r"\\\1", line)


def _name(text: str) -> str:
    short = text if len(text) <= _MOST_NAME else text[: _MOST_NAME - 1] + "…"
    return escaped(short)


def _headline(section: Section) -> str:
    mark = _MARKS[section.verdict.tone]
    name = _name(section.part.destination)
    return f"{mark} **{name}**: {section.verdict.mark}. {escaped(section.verdict.text)}"


def _section(
    section: Section, most_days: int, most_incidents: int, most_ticks: int
) -> Iterator[str]:
    yield _headline(section)
    yield from _recovery(section)
    for text in section.warnings[: 1 + most_incidents]:
        yield f"- ⚠️ {escaped(text)}"
    incidents = sorted(
        section.strips, key=lambda s: (not s.incident.is_open, -s.incident.conversions)
    )
    for strip in incidents[:most_incidents]:
        what = DIAGNOSES.get(strip.incident.diagnosis, strip.incident.diagnosis)
        span = f"{when(strip.incident.start)} to {when(strip.incident.end)}"
        state = ", still open" if strip.incident.is_open else ""
        yield f"- {what}, {span}{state}: {escaped(strip.cost)}"
    if len(incidents) > most_incidents:
        more = len(incidents) - most_incidents
        yield f"- and {more} more incident{'' if more == 1 else 's'}"
    for tick, so_far in section.clock[:most_ticks]:
        yield f"- ⏳ lost from {_deadline(tick)} on: {_amount(so_far)} all in all"
    if most_days:
        yield from _days(section, most_days)


def _recovery(section: Section) -> Iterator[str]:
    counts = section.part.totals.counts
    if not counts["gap"]:
        return
    until = section.part.totals.backfill_deadline
    by = f", the first until {when(until)}" if until else ""
    line = f"- {counts['recoverable']:,} can still be sent{by}; {counts['expired']:,} lost"
    yield line
    for action in section.actions[:1]:
        # In a code span nothing pings; a backtick would end it.
        command = f": `{plain(action.command).replace('`', '')}`" if action.command else ""
        yield f"- {escaped(action.text)}{command}"


def _days(section: Section, most: int) -> Iterator[str]:
    """The worst days, as a table."""
    worst: list[DayRow] = [day for day in section.days if day.row.counts["gap"]]
    worst = sorted(worst, key=lambda day: (-day.row.counts["gap"], str(day.row.day)))[:most]
    if not worst:
        return
    yield ""
    yield "| day | expected | accepted | gap | worth |"
    yield "|---|--:|--:|--:|--:|"
    for day in worst:
        counts = day.row.counts
        values = {currency: terms["gap"] for currency, terms in day.row.values.items()}
        mark = " ~" if day.row.provisional else ""
        yield (
            f"| {day.row.day}{mark} | {counts['expected']:,} | {counts['accepted']:,} |"
            f" {counts['gap']:,} | {escaped(few(values))} |"
        )


def _deadline(tick: Tick) -> str:
    return when(tick.deadline) if tick.deadline else "never"


def _amount(tick: Tick) -> str:
    amount = few(tick.values)
    return conversions(tick.conversions) + (f", worth {escaped(amount)}" if amount else "")
