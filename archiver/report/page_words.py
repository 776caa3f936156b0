"""What a page says of a destination: the verdict, what must be known first, and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from archiver.config import DestinationSettings
from archiver.destinations import can_build
from archiver.report.model import DestinationReport
from archiver.report.page_facts import Stake
from archiver.report.page_model import Action, Tone, Verdict
from archiver.report.staleness import Feed
from archiver.report.terminal_totals import totals_headline
from archiver.report.terminal_words import conversions, when, worth
from archiver.report.totals import sum_of_days, uncounted_names
from archiver.texts import plain

_MOST_CURRENCIES = 3
OUTCOMES = {
    "rejected": "refused for good",
    "failed": "not taken; it may be sent again",
    "unknown": "may have landed: no reply tells",
    "accepted": "taken",
}
DIAGNOSES = {
    "delivery_outage": "Delivery outage",
    "rejections": "Refusals",
    "source_outage": "Source outage",
    "receipts_missing": "No receipts",
}
REASONS = {
    "late_events": "late events",
    "late_receipts": "late receipts",
    "settled": "settled since",
    "coverage": "the feed covers more, or less",
    "rule_change": "changed settings or rules",
    "other": "other reasons",
    "late_totals": "counts reported later",
    "expected": "other conversions expected",
}
DEFINITIONS = (
    ("conversion", "an event that, by the destination's rules, must reach the destination"),
    ("expected", "accepted + pending + not known + gap: all conversions but the suppressed ones"),
    ("accepted", "a receipt says that the destination took it"),
    ("pending", "not settled: the hub may still retry it; it is in no gap"),
    (
        "not known",
        "no receipt, and the feed of receipts does not cover its time: neither delivered nor lost",
    ),
    (
        "gap",
        "what should have been accepted and was not: missing + failed + rejected + ambiguous"
        " + conflict",
    ),
    ("missing", "the feed covers its time and has no receipt at all"),
    ("failed", "not delivered; nothing was taken, so sending again counts nothing twice"),
    ("rejected", "the destination refused this very event for good"),
    ("ambiguous", "an attempt may have landed: sending it again may count it twice"),
    ("conflict", "one id stands for different contents: which is right is decided by hand"),
    ("suppressed", "must not be delivered (no consent, test event, filter), so not expected"),
    ("unarchived", "receipts for events that the archive does not have"),
    ("recoverable", "of the gap, young enough to be sent again as of the report"),
    ("lost", "of the gap, too old for the destination: sending it again counts for nothing"),
    ("settled", "the hub has stopped retrying: the arrival is longer ago than its retry window"),
    ("receipt", "one delivery attempt of one event, with what the destination replied"),
    ("account day", "a calendar day in the time zone of the ad account"),
    ("provisional", "a young day: late events and receipts may still change it"),
    ("over the threshold", "a day whose gap is above both max_gap_ratio and min_gap"),
    ("incident", "consecutive hours in which something was wrong, with a diagnosis"),
    ("stale", "a feed has nothing from the time within which it should have had something"),
    ("restatement", "a day whose figures differ from those of the run before"),
    ("quarantine", "records that are no events; they are kept and can be tried again"),
    ("XXX", "stands for the currency of an amount that names none"),
    ("as of", "the instant for which all figures are true; what came later is ignored"),
)


def few(values: Mapping[str, Decimal]) -> str:
    """Amounts of a few currencies, and how many others there are."""
    known = {currency: amount for currency, amount in values.items() if amount}
    text = worth(dict([*known.items()][:_MOST_CURRENCIES]))
    more = len(known) - _MOST_CURRENCIES
    return f"{text} and {more} other currencies" if more > 0 else text


def stale_words(feed: Feed) -> str:
    """What is said of a stale feed."""
    hours = feed.allowed.total_seconds() / 3600
    allowed = f"{hours:g} hours"
    if feed.kind == "source":
        if feed.newest is None:
            return f"Source {plain(feed.name)} has no event at all."
        return (
            f"Source {plain(feed.name)} is stale: its newest event arrived at {when(feed.newest)}, "
            f"and none in the {allowed} before this report."
        )
    if feed.note:
        return f"The feed of {plain(feed.name)} says nothing: {feed.note}."
    reach = f"ends at {when(feed.newest)}" if feed.newest else "has never had anything"
    since = f" Nothing is known of conversions from {when(feed.since)} on." if feed.since else ""
    return f"The feed of {plain(feed.name)} is stale: it {reach}.{since}"


def warnings_of(part: DestinationReport, feeds: Sequence[Feed], as_of: datetime) -> Iterator[str]:
    """What must be known before the figures are believed.

    Args:
        part: the destination's figures.
        feeds: its own and those of its sources, as far as they are configured.
        as_of: the run's instant.
    """
    yield from (stale_words(feed) for feed in feeds if feed.is_stale)
    counts = part.totals.counts
    if not feeds:
        reach = f"the newest is of {when(part.newest_arrival)}" if part.newest_arrival else "none"
        yield f"It is not configured any more: its feeds are not judged (events: {reach})."
    if part.reports != "totals" and part.newest_attempt is None and counts["expected"]:
        yield "There are no receipts at all: nothing can be said of what was delivered."
    for incident in part.incidents:
        if incident.is_open:
            what = DIAGNOSES.get(incident.diagnosis, incident.diagnosis)
            what += f" of source {plain(incident.source)}" if incident.source else ""
            yield f"{what} since {when(incident.start)}, still open."
    if part.findings.get("no_time"):
        count = conversions(part.findings["no_time"])
        yield f"{count} without any time: in no day and in no figure here."
    if any(not day.counts["expected"] and day.counts["unarchived"] for day, _ in part.by_day()):
        yield "On some day there are receipts and no event: events are missing in the archive."


def verdict_of(
    part: DestinationReport, warnings: Sequence[str], notes: int, *, is_over: bool, is_stale: bool
) -> Verdict:
    """What is said first. "All well" only where every conversion is accounted for.

    Args:
        part: the destination's figures.
        warnings: as `warnings_of` gives them.
        notes: how much there is to look at beside them: findings, records in quarantine.
        is_over: some day is over the threshold.
        is_stale: its feed or one of its sources is stale, or not judged.
    """
    totals = part.totals
    counts = totals.counts
    stale = " · stale feed" if is_stale else ""
    if not counts["expected"] and not part.daily_totals:
        text = "No conversion was expected in these days: check that the sources deliver."
        return Verdict("warn", f"No figures{stale}", text)
    if part.reports == "totals" and not counts["gap"]:
        return _of_totals(part, stale)
    if counts["gap"]:
        lost = few({currency: terms["gap"] for currency, terms in totals.values.items()})
        text = (
            f"{counts['gap']:,} of {conversions(counts['expected'])} did not arrive"
            f"{f', worth {lost}' if lost else ''}."
        )
        tone: Tone = "bad" if is_over else "warn"
        return Verdict(tone, f"{'Gap' if is_over else 'Gap below the threshold'}{stale}", text)
    if counts["unknown"]:
        text = (
            f"Nothing is known to be lost, but of {counts['unknown']:,} of "
            f"{conversions(counts['expected'])} nothing is known."
        )
        return Verdict("warn", f"Not known{stale}", text)
    if is_stale:
        text = "Nothing is known to be lost, but a feed is stale: what is newer is not known."
        return Verdict("warn", "Stale feed", text)
    if warnings:
        text = "No gap among the settled conversions, but read the notes below."
        return Verdict("warn", "Look at this", text)
    if counts["pending"] == counts["expected"]:
        text = f"It is too early to tell: the hub may still retry all {counts['pending']:,}."
        return Verdict("warn", "Too early", text)
    accepted = f"{conversions(counts['accepted'])} accepted"
    pending = f", {counts['pending']:,} may still be retried" if counts["pending"] else ""
    if notes:
        return Verdict("good", "No gap", f"No gap among the settled ones: {accepted}{pending}.")
    return Verdict("good", "All well", f"Every settled conversion arrived: {accepted}{pending}.")


def _of_totals(part: DestinationReport, stale: str) -> Verdict:
    text = totals_headline(part).plain
    if any(total.is_over_tolerance for total in part.daily_totals):
        return Verdict("bad", f"Counts fall short{stale}", text)
    lacking = any(
        uncounted_names(rows) and not rows[0].provisional for _, rows in part.totals_by_day()
    )
    if lacking or sum_of_days(part).difference is None:
        return Verdict("warn", f"Not known{stale}", text)
    return (
        Verdict("warn", stale[3:].capitalize(), text)
        if stale
        else Verdict("good", "Counts agree", text)
    )


def actions_of(
    part: DestinationReport,
    settings: DestinationSettings | None,
    stake: Stake,
    backfills: dict[str, int],
) -> Iterator[Action]:
    """What to do, the most urgent first.

    Args:
        part: the destination's figures.
        settings: None where it is not configured any more.
        stake: what can still be sent.
        backfills: backfill → conversions of the gap that it holds and nothing settled.
    """
    counts = part.totals.counts
    name = shlex.quote(part.destination)
    until = part.totals.backfill_deadline
    by = f", the first until {when(until)}" if until else ""
    for backfill_id, count in backfills.items():
        folder = shlex.quote(f"backfills/{part.destination}/{backfill_id}")
        text = f"{conversions(count)} wait in files made before: upload what is in the folder"
        yield Action(text, f"archiver upload {folder} --send")
    confirmed = stake.sendable.get("missing", 0) + stake.sendable.get("failed", 0)
    if confirmed > sum(backfills.values()) and settings is not None:
        if not can_build(settings.type, settings.preset, settings.event_source):
            text = f"No requests can be built for it: send them by other means{by}"
            yield Action(text, "archiver sql \"FROM reconciliation WHERE status = 'missing'\"")
        else:
            risk = " --include beyond-dedup" if part.pixel == "other_id" else ""
            text = f"Make the files to send again what was not delivered{by}"
            if risk:
                text += "; the browser may have counted them under other ids"
            yield Action(text, f"archiver backfill --destination {name}{risk}")
    if refused := stake.sendable.get("rejected", 0):
        text = f"{conversions(refused)} refused for good: repair the cause, then"
        yield Action(text, f"archiver backfill --destination {name} --include rejected")
    if ambiguous := stake.sendable.get("ambiguous", 0):
        text = f"{conversions(ambiguous)} may have landed: sending may count them twice"
        yield Action(text, f"archiver backfill --destination {name} --include ambiguous")
    if counts["conflict"]:
        text = f"{conversions(counts['conflict'])} with one id for different contents: by hand"
        yield Action(text)
    uncovered = counts["unknown"] - part.no_key
    if uncovered and part.reports != "totals":
        text = f"Of {conversions(uncovered)} nothing is known: import the receipts of that time, or"
        text += " vouch that the feed is complete"
        yield Action(text, f"archiver receipts --destination {name} --covers START/END")


def coverage_words(part: DestinationReport) -> str:
    """How far its feed reaches, and what its silence means."""
    if part.reports == "totals":
        counted = max((t.day for t in part.daily_totals if t.compared_with), default=None)
        reach = f"counts up to {counted}" if counted else "no count at all"
        return f"The destination gives counts only, and nothing about single events: {reach}."
    if part.newest_attempt is None:
        return "There are no receipts at all."
    silence = {
        "infer": "what is older is covered, except where the feed was silent for long",
        "daily": "days for which it has a file are covered",
        "complete": "everything older is covered, by the configuration",
    }.get(part.coverage, part.coverage)
    kinds = "failures only" if part.reports == "failures" else "every attempt"
    return f"It reports {kinds}, up to {when(part.newest_attempt)}; {silence}."
