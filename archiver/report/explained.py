"""An explanation on a terminal of 100 columns: one screen for the ordinary event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archiver.report.explanation import (
    Attempt,
    Delivery,
    ExplainedEvent,
    Explanation,
    Find,
    FoundFinding,
    FoundIncident,
    FoundOccurrence,
    InBackfill,
)
from archiver.report.wording import when
from archiver.texts import amount_text, plain

WIDTH = 100
_MOST_EVENTS = 10
_MOST_LINES = 10
_STYLES = {
    "accepted": "bold green",
    "suppressed": "bold",
    "pending": "bold yellow",
    "unknown": "bold yellow",
}
_FOUND_AS = {"message_id": "message id", "order_id": "order id"}


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Print it, never wider than 100 columns."""
    console.print(render(explanation), width=min(WIDTH, console.width))


def render(explanation: Explanation) -> Group:
    """The whole explanation, ready for a console; of many events the first ten."""
    parts: list[RenderableType] = []
    count = len(explanation.events)
    if count > 1:
        more = f", of which the first {_MOST_EVENTS} are shown; --json has all"
        parts.append(
            Text.assemble(
                (plain(explanation.id), "bold"),
                f" finds {count:,} events{more if count > _MOST_EVENTS else ''}",
            )
        )
    told: set[tuple[str, str, str]] = set()
    for event in explanation.events[:_MOST_EVENTS]:
        if parts:
            parts.append(Text())
        parts += _event(event, told)
    if explanation.unarchived:
        if parts:
            parts.append(Text())
        parts += _unarchived(explanation)
    return Group(*parts)


def _event(event: ExplainedEvent, told: set[tuple[str, str, str]]) -> Iterator[RenderableType]:
    first = event.occurrences[0]
    name = " · ".join(plain(part) for part in (first.type, first.event) if part)
    yield Text.assemble(
        (plain(event.message_id) if event.message_id else "(no message id)", "bold"),
        f"  {plain(event.source)} · {name or 'neither type nor name'}",
    )
    grid = _grid()
    grid.add_row("found as", Text(", ".join(map(_find, event.found_as))))
    happened = when(first.event_time, seconds=True) if first.event_time else "without event time"
    order = f"order {plain(first.order_id)}" if first.order_id else ""
    worth = _worth(first.value, first.currency)
    grid.add_row("happened", Text(" · ".join(filter(None, (happened, order, worth)))))
    if first.type_issues:
        grid.add_row("not typed", Text(", ".join(first.type_issues), "yellow"))
    label = f"archived {len(event.occurrences)}×" if len(event.occurrences) > 1 else "archived"
    _add(grid, label, _occurrences(event.occurrences))
    yield Padding(grid, (0, 0, 0, 2), expand=False)
    for delivery in event.deliveries:
        yield from _delivery(delivery, told)


def _find(find: Find) -> str:
    if find.found_as in _FOUND_AS:
        return _FOUND_AS[find.found_as]
    kind = "event id" if find.found_as == "event_id" else "further id"
    return f"{kind} of {find.destination} (tier {find.key_tier})"


def _occurrences(occurrences: list[FoundOccurrence]) -> Iterator[RenderableType]:
    """When each arrived, how it stands to the earliest, and where it is; a file is told once."""
    previous = ""
    for occurrence in occurrences:
        came = (
            f"{when(occurrence.arrival, seconds=True)} ({occurrence.arrival_from})"
            if occurrence.arrival
            else "without any time"
        )
        standing = ("", "")
        if occurrence.differs_in:
            standing = (f" · differs in {', '.join(occurrence.differs_in)}", "yellow")
        elif not occurrence.is_earliest:
            standing = (" · a duplicate", "dim")
        elif len(occurrences) > 1:
            standing = (" · the earliest, counts", "")
        below = f"record {occurrence.record_number:,} of the same file"
        if occurrence.file_id != previous:
            below = _file(occurrence)
        previous = occurrence.file_id
        yield _with_details(Text.assemble(came, standing), below)


def _file(occurrence: FoundOccurrence) -> str:
    paths = [plain(path) for path in occurrence.paths] or [f"file {occurrence.file_id[:16]}…"]
    kind = [k for k in (occurrence.format, occurrence.container) if k and k != "none"]
    details = [
        f"record {occurrence.record_number:,}",
        ", ".join(kind),
        f"imported {when(occurrence.imported_at)}" if occurrence.imported_at else "",
    ]
    return "\n".join((*paths, " · ".join(filter(None, details))))


def _with_details(line: Text, details: str) -> RenderableType:
    indented = Padding(Text(details, overflow="fold"), (0, 0, 0, 2), expand=False)
    return Group(line, indented)


def _delivery(delivery: Delivery, told: set[tuple[str, str, str]]) -> Iterator[RenderableType]:
    yield Text()
    if delivery.event is None:
        yield Text.assemble((delivery.destination, "bold cyan"), f"  {delivery.explanation}")
        grid = _grid()
        _add(grid, "attempts", map(_attempt, delivery.attempts))
        _add(grid, "finding", map(_finding, delivery.findings))
        _add(grid, "note", map(Text, delivery.notes))
        if delivery.next_step:
            grid.add_row("next", Text(delivery.next_step))
        if grid.row_count:
            yield Padding(grid, (0, 0, 0, 2), expand=False)
        return
    yield Text.assemble(
        (delivery.destination, "bold cyan"), "  ", (plain(delivery.event), "bold"), _rule(delivery)
    )
    if delivery.event_id is not None:
        key = (delivery.destination, delivery.event_id, delivery.event)
        if key in told:
            yield Padding(Text("the same conversion as above"), (0, 0, 0, 2), expand=False)
            return
        told.add(key)
    grid = _grid()
    status = delivery.status.status if delivery.status else "no status"
    grid.add_row(
        "status",
        Text.assemble((status, _STYLES.get(status, "bold red")), f": {delivery.explanation}"),
    )
    if delivery.next_step:
        grid.add_row("next", Text(delivery.next_step))
    _add(grid, "note", (Text(note, "yellow") for note in delivery.notes))
    grid.add_row("event id", _event_id(delivery))
    if delivery.status:
        worth = _worth(delivery.status.value, delivery.status.currency)
        zone = f" ({delivery.run.account_timezone})" if delivery.run else ""
        day = f"{delivery.status.account_day}{zone}"
        grid.add_row("day", Text(" · ".join(filter(None, (day, worth)))))
    _add(grid, "made of", _others(delivery))
    _add(grid, "attempts", map(_attempt, delivery.attempts), "none")
    _add(grid, "backfill", map(_backfill, delivery.backfills))
    _add(grid, "incident", map(_incident, delivery.incidents))
    _add(grid, "finding", map(_finding, delivery.findings))
    if delivery.run:
        grid.add_row("run", f"{delivery.run.run_id}, as of {when(delivery.run.as_of)}")
    yield Padding(grid, (0, 0, 0, 2), expand=False)


def _rule(delivery: Delivery) -> str:
    if delivery.rule is None:
        return "  (by a rule that is no longer configured)"
    event = plain(delivery.rule.event) if delivery.rule.event else "any event"
    return f"  selected by {delivery.rule.origin}: {delivery.rule.call_type} · {event}"


def _event_id(delivery: Delivery) -> Text:
    if delivery.event_id is None:
        return Text("none", "yellow")
    further = ", ".join(
        f"{plain(one)} (tier {(delivery.key_tier or 1) + place})"
        for place, one in enumerate(delivery.further_ids, 1)
        if one is not None
    )
    matched = delivery.status.match_tier if delivery.status else None
    return Text.assemble(
        f"{plain(delivery.event_id)} (tier {delivery.key_tier})",
        f", else {further}" if further else "",
        f"; receipts found by tier {matched}" if matched not in (None, delivery.key_tier) else "",
    )


def _others(delivery: Delivery) -> Iterator[Text]:
    """All occurrences of the conversion, where some are of another event or judged otherwise."""
    events = {(o.source, o.message_id) for o in delivery.occurrences}
    reasons = {o.suppressed_reason for o in delivery.occurrences}
    if len(events) == 1 and len(reasons) == 1:
        return
    for occurrence in delivery.occurrences:
        parts = (
            f"{plain(occurrence.source)} · {plain(occurrence.message_id or '(no message id)')}",
            f"arrived {when(occurrence.arrival, seconds=True)}",
            _worth(occurrence.value, occurrence.currency),
            "counts" if occurrence.is_counted else "",
            f"differs in {', '.join(occurrence.differs_in)}" if occurrence.differs_in else "",
            f"suppressed: {occurrence.suppressed_reason}" if occurrence.suppressed_reason else "",
        )
        yield Text(" · ".join(filter(None, parts)))


def _attempt(attempt: Attempt) -> RenderableType:
    style = {"accepted": "green", "unknown": "yellow"}.get(attempt.outcome, "red")
    path = plain(attempt.paths[0]) if attempt.paths else f"file {attempt.file_id[:16]}…"
    other_name = attempt.relation == "other_name" and attempt.event_name
    said = [
        f"code {plain(attempt.code)}" if attempt.code else "",
        "decides" if attempt.is_deciding else "",
        "" if attempt.is_by_the_run else "after the run",
        f"under the name {plain(attempt.event_name or '')}" if other_name else "",
        f"belongs to {plain(attempt.owner_id or '')}" if attempt.relation == "shared" else "",
    ]
    details = [
        f"attempt {attempt.attempt}" if attempt.attempt is not None else "",
        f"request {plain(attempt.request_id)}" if attempt.request_id else "",
        f"{path}, record {attempt.record_number:,}",
    ]
    line = Text.assemble(
        f"{when(attempt.attempted_at, seconds=True)}  ",
        (attempt.outcome, style),
        "".join(f" · {part}" for part in said if part),
    )
    return _with_details(line, " · ".join(filter(None, details)))


def _backfill(backfill: InBackfill) -> Text:
    settled = (
        f"settled by a receipt of {when(backfill.settled_at)} ({backfill.settled_outcome})"
        if backfill.settled_at
        else f"void since {when(backfill.voided_at)}"
        if backfill.voided_at
        else "no receipt has settled it"
    )
    made = f"{backfill.backfill_id}, {backfill.batch}, as of {when(backfill.as_of)}"
    return Text(f"{made}; {settled}")


def _finding(finding: FoundFinding) -> Text:
    return Text(": ".join(plain(part) for part in (finding.finding, finding.detail) if part))


def _incident(incident: FoundIncident) -> Text:
    of_what = " ".join(f"({plain(t)})" for t in (incident.source, incident.code) if t)
    end = f"to {when(incident.ends_at)}" + (", still open" if incident.is_open else "")
    return Text(
        f"{' '.join(filter(None, (incident.diagnosis, of_what)))} from {when(incident.starts_at)}"
        f" {end}: {incident.conversions:,} conversions"
    )


def _unarchived(explanation: Explanation) -> Iterator[RenderableType]:
    said = (
        "receipts name this id, and the archive has no such event"
        if not explanation.events
        else "receipts name this id, and no conversion above has it"
    )
    yield Text.assemble((plain(explanation.id), "bold"), f"  unarchived: {said}")
    by_destination: dict[str, list[Attempt]] = {}
    for attempt in explanation.unarchived:
        by_destination.setdefault(attempt.destination, []).append(attempt)
    grid = _grid()
    for destination, attempts in by_destination.items():
        _add(grid, destination, map(_attempt, attempts))
    if not explanation.events:
        grid.add_row("next", Text("import the events of that time: archiver ingest, archiver load"))
    yield Padding(grid, (0, 0, 0, 2), expand=False)


def _worth(value: Decimal | None, currency: str | None) -> str:
    if value is None:
        return ""
    return f"{amount_text(value)} {plain(currency) if currency else '(no currency)'}"


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=9)
    grid.add_column(overflow="fold")
    return grid


def _add(grid: Table, label: str, lines: Iterable[RenderableType], empty: str = "") -> None:
    """Rows under one label; of many the first ten."""
    shown = list(lines)
    for number, line in enumerate(shown[:_MOST_LINES]):
        grid.add_row("" if number else label, line)
    if (more := len(shown) - _MOST_LINES) > 0:
        grid.add_row("", f"and {more:,} more")
    if not shown and empty:
        grid.add_row(label, empty)
