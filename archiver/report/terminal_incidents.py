"""Incidents and findings on a terminal: what happened, what it cost, until when to act."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from archiver.report.model import FINDINGS, DestinationReport, Incident
from archiver.report.terminal_words import conversions, labelled, percent, when, when_over, worth
from archiver.texts import plain

_INDENT = "    "
FINDING_WORDS = {
    "order_under_several_ids": "an order that is also there under another event id",
    "id_on_several_orders": "one event id on several orders",
    "value_mismatch": "the destination acknowledged another amount",
    "currency_missing": "an amount without a currency, counted as XXX",
    "refund_without_order": "a refund whose order the archive does not have",
    "conflict_accepted": "accepted, but the id stands for different contents",
    "name_renamed": "receipts name its id under another event name",
    "time_in_future": "the event's time is after its arrival",
    "no_time": "without any time, and so in no day and no figure above",
}


def incident_lines(part: DestinationReport, as_of: datetime) -> Iterator[list[Text]]:
    """The lines of each incident: what happened; what it cost; when to upload."""
    for incident in part.incidents:
        style = "bold red" if incident.is_open else ""
        lines = [labelled("incident", (what_happened(incident), style)), Text(cost_of(incident))]
        if incident.diagnosis == "rejections" and _meets(incident, "delivery_outage", part):
            lines[-1].append("; in the hours of the delivery outage: do not add the two up")
        upload = upload_when(incident, part, as_of)
        yield [*lines, Text(upload)] if upload else lines


def what_happened(incident: Incident) -> str:
    """What was wrong, and when, in UTC."""
    span, ratio = _span(incident), incident.ratio
    match incident.diagnosis:
        case "delivery_outage":
            share = "" if ratio is None else f", {percent(ratio)} accepted"
            return f"delivery outage {span}{share}"
        case "rejections":
            share = "" if ratio is None else f", {percent(1 - ratio)} of the attempts"
            return f"refusals with code {plain(incident.code or '')} {span}{share}"
        case "source_outage":
            share = "few" if ratio is None else percent(ratio)
            source = plain(incident.source or "")
            return f"source {source} delivered {share} of its usual events {span}"
        case _:
            return f"no receipts {span}"


def _span(incident: Incident) -> str:
    if incident.is_open:
        return f"since {when(incident.start)}, still open"
    start, end = when(incident.start), when(incident.end)
    if incident.start.date() == incident.end.date():
        end = end.partition(" ")[2]
    return f"from {start.removesuffix(' UTC')} to {end}"


def cost_of(incident: Incident) -> str:
    """How many conversions it concerns, and what they are worth."""
    count, money = conversions(incident.conversions), worth(incident.values)
    money = f", worth {money}" if money else ""
    match incident.diagnosis:
        case "source_outage":
            return "what never reached the archive cannot be counted: ask the source for it"
        case "receipts_missing":
            return f"nothing is known of {count}{money}"
        case "rejections" if incident.conversions == 0:
            return "no conversion was lost by them"
        case "rejections":
            return f"{count} refused for good{money}"
        case _:
            code = f"; most have code {plain(incident.code)}" if incident.code else ""
            return f"{count} did not arrive{money}{code}"


def _meets(incident: Incident, diagnosis: str, part: DestinationReport) -> bool:
    """Whether one of that diagnosis shares any instant with it."""
    return any(
        other.diagnosis == diagnosis and other.start < incident.end and incident.start < other.end
        for other in part.incidents
    )


def upload_when(incident: Incident, part: DestinationReport, as_of: datetime) -> str | None:
    """Between which instants all of them can be sent again; None where that is no question."""
    if incident.diagnosis in ("source_outage", "receipts_missing") or not incident.conversions:
        return None
    if part.pixel == "other_id":
        return "no upload is safe: the browser may have counted them under other ids"
    first, last = incident.first_safe_upload, incident.last_safe_upload
    if first is None:
        return None
    are_refused = _meets(incident, "rejections", part)
    upload = "once repaired, upload" if are_refused else "upload"
    if last is None:
        return f"{upload} safely from {when_over(first)} on"
    if last <= first:
        return (
            f"no time is safe for all of them: the hub may retry until {when_over(first)}, and the "
            f"first is too old at {when(last)}"
        )
    if last <= as_of:
        return f"too late to upload all of them safely: the time for it ended at {when(last)}"
    return f"{upload} safely from {when_over(first)} to {when(last)}"


def finding_lines(part: DestinationReport, run_id: str) -> Iterator[Text]:
    """One line per finding that there is, and how to list them."""
    found = [name for name in FINDINGS if part.findings.get(name)]
    if not found:
        return
    yield labelled("findings", "beside the gap; they change no figure")
    width = max(len(f"{part.findings[name]:,}") for name in found)
    names = max(len(name) for name in found)
    for name in found:
        count = f"{part.findings[name]:,}".rjust(width)
        yield Text(f"{_INDENT}{count} {name.ljust(names)}  {FINDING_WORDS[name]}")
    yield Text(
        f"{_INDENT}list them: archiver sql \"FROM findings WHERE finding = '{found[0]}'\n"
        f"{_INDENT}  AND destination = '{part.destination}' AND run_id = '{run_id}'\""
    )
