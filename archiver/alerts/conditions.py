"""What is wrong after a round, as conditions, and what the round could not see."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.compute as pc

from archiver.alerts.deadlines import deadline_conditions
from archiver.alerts.incidents import ended_outages, gap_conditions, outage_conditions
from archiver.alerts.lost_paths import schema_conditions
from archiver.alerts.model import BadFile, Blind, Condition, FailedStep, FeedAge
from archiver.alerts.state import read_state, state_folder
from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES
from archiver.config import Config
from archiver.errors import ArchiverError
from archiver.report.model import Report
from archiver.report.threshold import DayOverThreshold

API_FAILING = "api_failing"
# Outages in which nothing arrives: of several destinations at once they have one cause.
_SILENT = frozenset({"delivery_outage", "receipts_missing", API_FAILING})
_LEDGER = ["kind", "source", "path", "records", "quarantined", "imported_at"]
_MOST_FILES = 20
# Before any round has told of them, older files are history.
_FIRST_LOOK = timedelta(days=2)


@dataclass(frozen=True)
class Seen:
    """What a round saw, for `tell`.

    Attributes:
        conditions: all that is wrong.
        blind: what could not be seen.
        ended: outages that are over, with the figures that they have now.
    """

    conditions: list[Condition]
    blind: list[Blind]
    ended: list[Condition] = field(default_factory=list)


def conditions(
    config: Config,
    archive: Archive,
    *,
    as_of: datetime,
    report: Report | None,
    run_folder: Path | None,
    over: Sequence[DayOverThreshold] = (),
    stale: Iterable[FeedAge] = (),
    bad_files: Iterable[BadFile] = (),
    failed: Iterable[FailedStep] = (),
    skipped: Iterable[str] = (),
    api: Iterable[Condition] | None = None,
) -> Seen:
    """All that is wrong as of a nightly round, with the cause that makes them one message.

    Args:
        config: the settings; the state of the alerts in its archive, and the published warehouse,
            are read too.
        archive: for the files that were imported, and the backfills that were sent.
        as_of: the instant of the round, UTC.
        report: of the round's reconciliation, over all destinations; None: there is none.
        run_folder: of that reconciliation, in the warehouse; None: there is none.
        over: days over the threshold, of the last `nightly.threshold_days` only.
        stale: feeds that are stale, and no others.
        bad_files: of this round's imports; what the ledger has since the last round is added.
        failed: steps that failed in this round, or after the alerts of the round before.
        skipped: steps that were not done.
        api: what `watch` would see failing (kind `outage`, diagnosis `api_failing`); None: the
            round did not look.

    Raises:
        ArchiverError: the state of the alerts cannot be read.
    """
    stale, failed = list(stale), list(failed)
    blind = hidden(failed=failed, skipped=skipped, stale=stale, apis=api is not None)
    found = [_stale(feed, config) for feed in stale]
    if report is not None:
        found += outage_conditions(report, config)
        found += gap_conditions(report, config, over)
    if run_folder is not None:
        found += deadline_conditions(config, archive, run_folder, as_of)
    if report is None or run_folder is None:
        blind += hidden(skipped=["reconcile"])
    try:
        kept = state_folder(archive.root) / "lost_paths.json"
        found += schema_conditions(config, as_of, kept)
    except ArchiverError as error:
        blind.append(Blind(kind="schema"))
        failed.append(FailedStep("schema", None, str(error)))
    found += _bad(bad_files, config, archive, as_of)
    found += failures(failed)
    found += api or ()
    ended = [] if report is None else list(ended_outages(report, config))
    return Seen(with_causes(found), blind, ended)


def watch_conditions(
    config: Config,
    archive: Archive,
    *,
    as_of: datetime,
    bad_files: Iterable[BadFile] = (),
    failed: Iterable[FailedStep] = (),
    api: Iterable[Condition] | None = None,
) -> Seen:
    """What a round of `watch` sees: APIs that fail, bad files, and its own failed steps.

    Args:
        config: the settings; the state of the alerts in its archive is read too.
        archive: for the files that were imported.
        as_of: the instant of the round, UTC.
        bad_files: of this round's imports.
        failed: steps of this round that failed, with `command="watch"`.
        api: the APIs that fail (kind `outage`, diagnosis `api_failing`); None: it could not look.

    Raises:
        ArchiverError: the state of the alerts cannot be read.
    """
    blind = hidden_to_watch()
    if api is None:
        blind.append(Blind(kind="outage", diagnosis=API_FAILING))
    found = [*_bad(bad_files, config, archive, as_of), *failures(failed), *(api or ())]
    return Seen(with_causes(found), blind)


def hidden(
    *,
    failed: Iterable[FailedStep] = (),
    skipped: Iterable[str] = (),
    stale: Iterable[FeedAge] = (),
    apis: bool = True,
) -> list[Blind]:
    """What a round could not see: of steps that failed or were skipped, and of stale feeds.

    Args:
        failed: steps that failed; with a name, that source or destination only.
        skipped: steps that were not done, by their names.
        stale: feeds that are stale.
        apis: the round looked at the APIs.
    """
    skipped = list(skipped)
    blind: list[Blind] = [] if apis else [Blind(kind="outage", diagnosis=API_FAILING)]
    for step, name in [*((f.step, f.name) for f in failed), *((s, None) for s in skipped)]:
        if step == "ingest":
            blind += [
                Blind(kind="stale", source=name),
                Blind(kind="outage", source=name),
                Blind(kind="quarantine", source=name),
                Blind(kind="schema", source=name),
            ]
        elif step == "receipts":
            blind += [
                Blind(kind="stale", destination=name),
                Blind(kind="outage", destination=name),
                Blind(kind="gap", destination=name),
                Blind(kind="deadline", destination=name),
                Blind(kind="quarantine", destination=name),
            ]
        elif step in ("load", "reconcile"):
            keep = frozenset({API_FAILING} if step == "reconcile" else ())
            blind += [
                Blind(kind="outage", keep=keep),
                Blind(kind="gap"),
                Blind(kind="deadline"),
            ]
            if step == "load":
                blind.append(Blind(kind="schema"))
    blind += [Blind(kind="failed", subject=step) for step in skipped]
    for feed in stale:
        if feed.kind == "source":
            blind += [
                Blind(kind="outage", source=feed.name),
                Blind(kind="quarantine", source=feed.name),
                Blind(kind="schema", source=feed.name),
            ]
        else:
            blind += [
                Blind(kind="outage", destination=feed.name),
                Blind(kind="gap", destination=feed.name),
                Blind(kind="deadline", destination=feed.name),
            ]
    return blind


def hidden_to_watch() -> list[Blind]:
    """What `watch` cannot see: all but APIs that fail and its own failed steps."""
    seen = frozenset({API_FAILING, "watch"})
    return [Blind(keep=seen)]


def failures(failed: Iterable[FailedStep]) -> Iterator[Condition]:
    """One condition per step that failed."""
    for step in {(f.command, f.step, f.name): f for f in failed}.values():
        prefix = "watch " if step.command == "watch" else ""
        error = next(iter(step.error.splitlines()), "")
        yield Condition(
            kind="failed",
            subject=prefix + " ".join(filter(None, (step.step, step.name))),
            diagnosis=step.command,
            details=(error,) if error else (),
            next_steps=("archiver doctor", f"archiver {step.command}"),
        )


def with_causes(found: Iterable[Condition]) -> list[Condition]:
    """Name the cause of each condition that names none; what has the same is told together.

    A source's troubles have one, a destination's have one, and a round's failed steps. Several
    destinations whose deliveries or receipts stopped at the same time have one, too.
    """
    found = list(found)
    together: dict[str, str] = {}

    def first(name: str) -> str:
        while together.get(name, name) != name:
            name = together[name]
        return name

    silent = [c for c in found if _is_silent(c)]
    for one in silent:
        for other in silent:
            if _is_at_once(one, other):
                names = sorted((first(one.destination or ""), first(other.destination or "")))
                together[names[1]] = names[0]
    return [c if c.cause else msgspec.structs.replace(c, cause=_cause(c, first)) for c in found]


def _cause(condition: Condition, first: Callable[[str], str]) -> str:
    if condition.kind in ("failed", "schema", "quarantine"):
        return f"{condition.kind} {condition.source or ''}"
    if condition.source is not None:
        return f"source {condition.source}"
    return f"destination {first(condition.destination or '')}"


def _is_silent(condition: Condition) -> bool:
    is_stale = condition.kind == "stale" and condition.destination is not None
    return is_stale or (condition.kind == "outage" and condition.diagnosis in _SILENT)


def _is_at_once(one: Condition, other: Condition) -> bool:
    if (one.kind, one.diagnosis) != (other.kind, other.diagnosis):
        return False
    if one.since is None or other.since is None:
        return one.kind == "stale"
    early, late = sorted((one, other), key=lambda c: str(c.since))
    return early.until is None or late.since is None or late.since <= early.until


def _stale(feed: FeedAge, config: Config) -> Condition:
    is_source = feed.kind == "source"
    newest = (
        "nothing ever came"
        if feed.newest is None
        else f"the newest is of {feed.newest:%Y-%m-%d %H:%M} UTC"
    )
    hours = feed.allowed.total_seconds() / 3600
    destination = None if is_source else config.destinations.get(feed.name)
    step = f"archiver {'ingest --source' if is_source else 'receipts --destination'}"
    return Condition(
        kind="stale",
        subject=feed.name,
        source=feed.name if is_source else None,
        destination=None if is_source else feed.name,
        since=feed.since,
        account_timezone=destination.account_timezone if destination else None,
        details=(f"{newest}; allowed are {hours:g} h", *filter(None, [feed.note])),
        next_steps=("archiver status", f"{step} {shlex.quote(feed.name)}"),
    )


def _bad(
    given: Iterable[BadFile], config: Config, archive: Archive, as_of: datetime
) -> Iterator[Condition]:
    """One condition per source with files over `max_bad_ratio`, imported since the last alerts.

    The ledger says which: so none is lost where a round died before it told of them.
    """
    since = read_state(state_folder(archive.root)).compared_at or as_of - _FIRST_LOOK
    ledger = read_small(archive, INBOUND_FILES).select(_LEDGER)
    rows = ledger.filter(pc.greater(ledger["imported_at"], since)).to_pylist()
    files = {(file.source, file.path): file for file in given}
    for row in rows:
        name = row["source"]
        if row["kind"] != "events" or name not in config.sources:
            continue
        bad, records = row["quarantined"] or 0, row["records"] or 0
        if bad > config.sources[name].max_bad_ratio * records:
            files.setdefault((name, row["path"]), BadFile(name, row["path"], bad, records))
    by_source: dict[str, list[BadFile]] = {}
    for file in files.values():
        by_source.setdefault(file.source, []).append(file)
    for name, bad_files in by_source.items():
        is_source = name in config.sources
        yield Condition(
            kind="quarantine",
            subject=name,
            source=name if is_source else None,
            destination=None if is_source else name,
            details=tuple(
                f"{file.path}: {file.bad:,} of {file.records:,} records"
                for file in sorted(bad_files, key=lambda f: (-f.bad, f.path))[:_MOST_FILES]
            ),
            next_steps=(
                'archiver sql "SELECT reason, COUNT() FROM quarantine GROUP BY ALL"',
                "archiver ingest --retry-quarantine",
            ),
            size=sum(file.bad for file in bad_files),
        )
