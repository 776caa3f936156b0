"""What is known of destinations, on a terminal of 80 to 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archiver.report.catalogue import ANY, duration_text
from archiver.report.catalogue_model import (
    Configured,
    Details,
    Entry,
    FactOf,
    LimitsOf,
    Pair,
    PresetOf,
    ReplyOf,
    RequestsOf,
    RuleOf,
)
from archiver.report.terminal_words import WIDTH, labelled
from archiver.texts import plain

_STEPS = {
    "done": "each event has its verdict",
    "wait": "waits and sends the same again",
    "isolate": "sends again without the bad events, or in halves",
    "stop": "stops",
    "unsure": "sends again what is recognised as a repetition",
    None: "",
}
_COLOURS = {"high": "green", "medium": "cyan", "low": "yellow", "none": "red"}


def print_catalogue(out: Console, entries: Iterable[Entry], configured: Mapping[str, str]) -> None:
    """Print the list of types and routes, then the configured destinations with their types."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for entry in entries:
        rows = (
            ("presets", ", ".join(entry.presets)),
            ("events of", ", ".join(entry.event_sources) or "any source"),
            ("archiver can", "; ".join(_abilities(entry)) or "read generic feeds"),
            ("a request", ", ".join(_limits_in_short(entry.limits)) or "no limit known"),
            ("repetitions", f"recognised for {_window(entry.dedup_window_seconds)}"),
            ("facts", _counts(entry.facts)),
        )
        first = Text(entry.type, "bold cyan")
        for label, text in rows:
            table.add_row(first, Text(label, "dim"), text)
            first = Text("(--via)" if entry.kind == "route" and label == "presets" else "")
        table.add_row()
    out.print(table, width=_width(out))
    for name, kind in configured.items():
        out.print(labelled(plain(name), f"configured, of type {plain(kind)}"))
    out.print(
        "archiver destinations NAME: fields, names, limits, replies, and from where that is known.",
        style="dim",
    )


def print_details(out: Console, found: Details) -> None:
    """Print all that is known of one type, or of a configured destination."""
    for part in _parts(found):
        out.print(part, width=_width(out))


def _parts(found: Details) -> Iterator[RenderableType]:
    what = "a route: backfill --via" if found.kind == "route" else "a destination"
    yield Text.assemble((found.type, "bold cyan"), f"  {what}")
    if found.configured is not None:
        yield from _settings(found.configured)
    yield labelled("presets", ", ".join(found.presets))
    yield labelled("events of", ", ".join(found.event_sources) or "any source")
    yield labelled("archiver can", "; ".join(_abilities(found)) or "read generic feeds")
    if found.has_verdicts is not None:
        words = "yes" if found.has_verdicts else "no"
        yield labelled("its replies say what was accepted", words)
    yield labelled("repetitions recognised for", _window(found.dedup_window_seconds))
    if found.pixel:
        yield labelled("browser pixel", f"`pixel` must be set for {', '.join(found.pixel)}")
    if found.token_env is not None:
        yield labelled("secret", f"in the environment variable {found.token_env} (token_env)")
    if found.api_version is not None:
        yield labelled("version of its API", f"{found.api_version} (api_version)")
    yield from _heading("Limits of a request")
    yield _limits(found.limits)
    unsure = [f"{fact.topic} ({fact.key})" for fact in found.documentation if _can_be_set(fact)]
    if unsure:
        yield Text(f"Not verified, with the key that sets it: {', '.join(unsure)}", "bold yellow")
    for preset in found.by_preset:
        yield from _preset(preset, is_route=found.kind == "route")
        if found.builds and preset.preset not in {pair.preset for pair in found.builds}:
            yield Text("Requests of this preset are not built.")
    for _, group in groupby(found.requests, lambda one: (one.preset, one.url, one.fields)):
        yield from _requests(list(group))
    if found.replies:
        yield from _heading("Replies whose body says nothing")
        yield _replies(found.replies)
    yield from _heading("From where this is known")
    yield _facts(found.documentation)


def _settings(found: Configured) -> Iterator[RenderableType]:
    yield from _heading(f"destinations.{plain(found.name)}")
    table = _table("key", "value in force", "said by")
    for setting in found.settings:
        is_own = setting.said_by == "configuration"
        value = plain(str(setting.value))
        if setting.value is None:
            value = "not set"
        elif isinstance(setting.value, bool):
            value = value.lower()
        table.add_row(setting.key, Text(value, "bold" if is_own else ""), setting.said_by)
    yield table
    if found.rules:
        yield Text("Rules of the configuration, before the preset's:")
        yield _rules(found.rules)
    for window in found.excluded:
        yield labelled(
            "delivered another way",
            f"{window['from']} to {window['to']}: {plain(window['reason'])}",
        )
    yield Text()


def _preset(preset: PresetOf, *, is_route: bool) -> Iterator[RenderableType]:
    yield from _heading(f"Preset {preset.preset}")
    yield labelled("event id", ", else ".join(plain(key) for key in preset.match_keys))
    names = sorted({name for name in preset.integrations.values() if name is not None})
    for name in names:
        of = [source for source, known in preset.integrations.items() if known == name]
        where = f" ({', '.join(of)})" if len(names) > 1 else ""
        yield labelled("its key in integrations", f"{name}{where}")
    if preset.rules:
        yield _rules(preset.rules)
        if any(rule.is_folded for rule in preset.rules):
            yield Text("Names are compared without regard to case and white space around them.")
    elif not is_route:
        yield Text("Which events must arrive, only rules of the configuration say.")
    for quirk in preset.quirks:
        yield labelled(f"quirk of {quirk['field']}", quirk["hub"])
        yield Padding(Text(f"strict = true: {quirk['documentation']}", "dim"), (0, 0, 0, 2))


def _requests(group: list[RequestsOf]) -> Iterator[RenderableType]:
    first = group[0]
    sources = ", ".join(one.event_source for one in group)
    yield from _heading(f"What is sent: {first.preset}, {sources}")
    if first.url is None:
        yield labelled("files", f"{first.file_name}, for uploading by hand")
    else:
        yield labelled("POST", plain(first.url))
    for header in first.headers:
        value = header.value
        if value is None:
            scheme = "" if header.scheme == "plain" else f"{header.scheme} "
            value = f"{scheme}${header.environment}"
        yield labelled(header.name, plain(value))
    table = _table("field", "taken from, in this order", "form")
    table.expand = True
    for column, ratio in zip(table.columns, (4, 5, 4), strict=True):
        column.ratio = ratio
    for field in first.fields:
        name = Text(field.name, "bold" if field.is_overridden else "")
        if field.is_overridden:
            name.append(" (map)", "yellow")
        table.add_row(name, "\n".join(map(plain, field.sources)) or "not sent", field.form)
    yield table


def _rules(rules: list[RuleOf]) -> Table:
    table = _table("call", "event", "sent as", "events of")
    for rule in rules:
        table.add_row(
            plain(rule.type),
            "(any)" if rule.event is None else plain(rule.event),
            "not sent" if rule.is_ignored else plain(rule.name or "its own name"),
            ", ".join(rule.event_sources) or "any source",
        )
    return table


def _limits(limits: list[LimitsOf]) -> Table:
    table = _table("events of", "events", "bytes", "bytes an event", "age", "requests a second")
    for of in limits:
        age = "no limit known" if of.max_age_seconds is None else duration_text(of.max_age_seconds)
        table.add_row(
            of.event_source,
            *(
                "no limit known" if value is None else f"{value:,}"
                for value in (of.max_events, of.max_body_bytes, of.max_event_bytes)
            ),
            age,
            "not known"
            if of.max_requests_per_second is None
            else f"{of.max_requests_per_second:,g}",
        )
    return table


def _replies(replies: list[ReplyOf]) -> Table:
    table = _table("HTTP status", "outcome", "upload")
    meanings: dict[tuple[str, str | None], list[str]] = {}
    for reply in replies:
        status = "no reply" if reply.http_status is None else str(reply.http_status)
        meanings.setdefault((reply.outcome, reply.step), []).append(status)
    for (outcome, step), statuses in meanings.items():
        table.add_row(", ".join(statuses), outcome, _STEPS[step])
    return table


def _facts(facts: list[FactOf]) -> Table:
    table = _table("confidence", "about", "known", "source")
    for fact in facts:
        words = Text(fact.confidence, _COLOURS[fact.confidence])
        statement = Text(fact.statement)
        if fact.is_unverified:
            words.append("\nunverified", "bold yellow")
            if _can_be_set(fact):
                statement.append(f"\nset it: {fact.key}", "bold yellow")
        table.add_row(words, fact.topic, statement, Text(fact.source, "dim"))
    return table


def _can_be_set(fact: FactOf) -> bool:
    return fact.is_unverified and fact.key is not None


def _abilities(entry: Entry) -> Iterator[str]:
    if entry.judges_api_logs:
        yield "judge its API log"
    for words, pairs in (("build", entry.builds), ("write CSV of", entry.csv)):
        for preset, of in groupby(pairs, key=_preset_of):
            sources = [pair.event_source for pair in of]
            is_all = sources == (entry.event_sources or [ANY])
            yield f"{words} {preset}" + ("" if is_all else f": {', '.join(sources)}")


def _preset_of(pair: Pair) -> str:
    return pair.preset


def _limits_in_short(limits: list[LimitsOf]) -> Iterator[str]:
    """What holds for most event sources or, with its name, for one of the others."""
    for unit, values in (
        ("events", [f"{of.max_events:,}" if of.max_events else None for of in limits]),
        ("bytes", [f"{of.max_body_bytes:,}" if of.max_body_bytes else None for of in limits]),
        (
            "old",
            [duration_text(of.max_age_seconds) if of.max_age_seconds else None for of in limits],
        ),
    ):
        sources: dict[str, list[str]] = {}
        for of, value in zip(limits, values, strict=True):
            if value is not None:
                sources.setdefault(value, []).append(of.event_source)
        words = []
        for value, of_value in sources.items():
            where = "" if 2 * len(of_value) > len(limits) else f" ({', '.join(of_value)})"
            words.append(f"{value} {unit}{where}")
        if words:
            yield " or ".join(words)


def _counts(facts: Mapping[str, int]) -> Text:
    lines = [
        Text(f"{count} {'unknown' if name == 'none' else name}", _COLOURS[name])
        for name, count in facts.items()
        if count
    ]
    return Text(", ").join(lines)


def _window(seconds: int | None) -> str:
    return "no known time" if seconds is None else duration_text(seconds)


def _heading(words: str) -> Iterator[Text]:
    yield Text()
    yield Text(words, "bold")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _width(out: Console) -> int:
    return min(WIDTH, out.width)
