"""What `backfill --plan` says: what would go, by when, and what each choice adds and risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import duckdb

from archiver.archive.store import Archive
from archiver.backfill.batches import Built, build_batches
from archiver.backfill.manifest import first_deadline, planned, planned_tallies
from archiver.backfill.plan import TIERS, Order, Plan, Tally, decided, tallies
from archiver.backfill.route import has_verdicts
from archiver.config import Config
from archiver.warehouse.database import bind_files, write_table

# Spans with more than these hours are told by days.
_MOST_HOURS = 48

_RISKS = {
    "ambiguous": "an attempt of each may have landed: it may be counted twice, where the "
    "destination does not recognise the repetition",
    "rejected": "the destination refused each and will again, unless the cause was repaired",
    "beyond-dedup": "an earlier attempt or the browser pixel may have counted each, and the "
    "destination no longer recognises the repetition: it may be counted twice",
    "force": "each is in an earlier backfill that no receipt has settled: if that was uploaded, "
    "it may be counted twice",
    "unverified": "the destination neither recognises a repeated event nor says that it took one: "
    "what is sent cannot be proven, and what arrives twice counts twice",
}


@dataclass(frozen=True)
class Deadlines:
    """When the events to be sent become too old.

    Attributes:
        first, last: UTC; None where the destination has no age limit.
        step: whether `spans` are hours or days, UTC.
        spans: start of each with deadlines, and what must be sent before or in it.
    """

    first: datetime | None
    last: datetime | None
    step: Literal["hour", "day"]
    spans: dict[datetime, Tally]


@dataclass(frozen=True)
class Choice:
    """One option of `backfill`.

    Attributes:
        option: as it is written on the command line.
        is_chosen: it is given.
        adds: what goes in through it alone: that would, or where it is chosen, that would not
            without it. What turns out to be unsendable is not counted.
        risk: what it risks, in words.
    """

    option: str
    is_chosen: bool
    adds: Tally
    risk: str


@dataclass(frozen=True)
class FullPlan:
    """All that is known before anything is written.

    Attributes:
        plan: what was asked and decided.
        built: the requests that would be written.
        tallies: per final disposition.
        unsendable: reason → how many.
        deadlines: of what would be sent.
        choices: each option that could add events.
    """

    plan: Plan
    built: Built
    tallies: dict[str, Tally]
    unsendable: dict[str, int]
    deadlines: Deadlines
    choices: list[Choice]


def full_plan(config: Config, archive: Archive, plan: Plan) -> FullPlan:
    """Build every request without writing it, and look at each choice. Hold both locks."""
    built = build_batches(config, archive, plan, plan.candidates.parent, None)
    with planned(plan, built, config.warehouse_path / ".spill") as connection:
        return FullPlan(
            plan,
            built,
            planned_tallies(connection),
            dict(
                connection.execute(
                    "SELECT detail, COUNT(*) FROM planned WHERE detail IS NOT NULL"
                    " GROUP BY detail ORDER BY COUNT(*) DESC, detail"
                ).fetchall()
            ),
            _deadlines(connection),
            _choices(config, archive, plan, built),
        )


def _deadlines(connection: duckdb.DuckDBPyConnection) -> Deadlines:
    first = first_deadline(connection)
    if first is None:
        return Deadlines(None, None, "hour", {})
    sent = "FROM planned WHERE disposition = 'send' AND backfill_deadline IS NOT NULL"
    ((last, hours),) = connection.execute(
        f"SELECT MAX(backfill_deadline), DATE_DIFF('hour', MIN(backfill_deadline),"
        f" MAX(backfill_deadline)) {sent}"
    ).fetchall()
    step: Literal["hour", "day"] = "day" if hours > _MOST_HOURS else "hour"
    spans: dict[datetime, Tally] = {}
    for span, currency, events, value in connection.execute(
        f"SELECT DATE_TRUNC('{step}', backfill_deadline) AS span,"
        " CASE WHEN value IS NOT NULL THEN currency END AS currency, COUNT(*), SUM(value)"
        f" {sent} GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        spans.setdefault(span, Tally()).add(events, currency, value)
    return Deadlines(first, last, step, spans)


def _choices(config: Config, archive: Archive, plan: Plan, built: Built) -> list[Choice]:
    order = plan.order
    others: dict[str, Order] = {
        tier: replace(order, include=order.include ^ {tier}) for tier in TIERS
    }
    others["force"] = replace(order, force=not order.force)
    widest = replace(order, include=frozenset(TIERS), force=True)
    with decided(config, archive, plan, [*others.values(), widest]) as connection:
        unsendable = _unsendable(config, archive, plan, connection, f"decided_{len(others)}")
        bind_files(connection, "placed", [built.placed, unsendable], "*")
        connection.execute(
            "CREATE TEMP TABLE refused AS SELECT position FROM placed WHERE detail IS NOT NULL"
        )
        found = [
            tallies(connection, f"FROM {relation} WHERE position NOT IN (FROM refused)")
            for relation in ("candidates", *(f"decided_{n}" for n in range(len(others))))
        ]
    chosen = found[0]
    choices = []
    for name, other in zip(others, found[1:], strict=True):
        is_chosen = name in order.include or (name == "force" and order.force)
        adds = _difference(chosen, other) if is_chosen else _difference(other, chosen)
        option = f"--include {name}" if name in TIERS else f"--{name}"
        choices.append(Choice(option, is_chosen, adds, _RISKS[name]))
    if not has_verdicts(plan.settings):
        sent = chosen.get("send", Tally())
        choices.append(Choice("--unverified", order.unverified, sent, _RISKS["unverified"]))
    return choices


def _unsendable(
    config: Config,
    archive: Archive,
    plan: Plan,
    connection: duckdb.DuckDBPyConnection,
    widest: str,
) -> Path:
    """Where what is not sent, but could be by other choices, would be placed (as `Built.placed`).

    Args:
        config: as for the plan.
        archive: as for the plan.
        plan: what is sent.
        connection: it has the candidates.
        widest: the relation with what the widest order decides.
    """
    scratch = plan.candidates.parent / "choices"
    scratch.mkdir()
    path = scratch / "candidates.parquet"
    write_table(
        connection,
        "SELECT candidates.* REPLACE (CASE WHEN candidates.disposition = 'send' THEN 'sent'"
        f" ELSE {widest}.disposition END AS disposition) FROM candidates"
        f" INNER JOIN {widest} ON candidates.position = {widest}.position"
        " ORDER BY candidates.position",
        path,
    )
    return build_batches(config, archive, replace(plan, candidates=path), scratch, None).placed


def _difference(more: Mapping[str, Tally], fewer: Mapping[str, Tally]) -> Tally:
    """What is to be sent in one and not in the other."""
    with_it, without = more.get("send", Tally()), fewer.get("send", Tally())
    value = {
        currency: amount - without.value.get(currency, 0)
        for currency, amount in with_it.value.items()
    }
    return Tally(
        with_it.events - without.events, {name: amount for name, amount in value.items() if amount}
    )
