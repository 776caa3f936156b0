"""Questions to the published schema diary: what events look like, and what changed when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from archiver.config import Config
from archiver.errors import UsageError
from archiver.nearest import nearest
from archiver.warehouse.query import Rows, run_file


@dataclass(frozen=True)
class SchemaQuestion:
    """What is asked of the diary.

    Attributes:
        event: this event name only, or the call type of events without one; None: all.
        source: this source only; None: all.
        changes: ask for changes, not for paths.
        from_day, to_day: UTC days of the changes, both included; None: no bound.
    """

    event: str | None = None
    source: str | None = None
    changes: bool = False
    from_day: date | None = None
    to_day: date | None = None


@dataclass(frozen=True)
class SeenPath:
    """One row of `sql/schema/paths.sql`: a path of one event name, and what was seen there.

    Attributes:
        source, event: whose; `event` is None where events have neither a name nor a type.
        path: as DuckDB's JSON functions take it.
        types: JSON types, in alphabetical order.
        first_day, last_day: UTC days of arrival.
        occurrences: events that have the path.
    """

    source: str
    event: str | None
    path: str
    types: list[str]
    first_day: date
    last_day: date
    occurrences: int


@dataclass(frozen=True)
class SchemaChange:
    """One row of `sql/schema/changes.sql`.

    Attributes:
        day: UTC day of arrival on which it shows.
        source, event, path: where.
        change: appeared, vanished, type_appeared or type_vanished.
        json_type: the type that came or went; None where the whole path did.
        since, last_seen: first and last day of that path or type.
        occurrences: events that ever had it.
        paths_below: paths below this one that came or went with it; None for a type.
    """

    day: date
    source: str
    event: str | None
    path: str
    change: str
    json_type: str | None
    since: date
    last_seen: date
    occurrences: int
    paths_below: int | None


def ask_schema(
    connection: duckdb.DuckDBPyConnection, config: Config, question: SchemaQuestion
) -> Rows:
    """Answer from the published warehouse.

    Returns:
        One row per SeenPath or, where changes are asked for, per SchemaChange.

    Raises:
        UsageError: the warehouse has no diary yet, or no such event.
        ConfigError: there is no such source.
    """
    views = "SELECT 1 FROM duckdb_views() WHERE view_name = 'paths'"
    if connection.execute(views).fetchone() is None:
        raise UsageError(
            "reading the schema diary", "the warehouse was made without one", "run: archiver load"
        )
    known = connection.execute("SELECT source, event FROM paths WHERE parent IS NULL").fetchall()
    if question.source not in {None, *(source for source, _ in known)}:
        config.source(question.source or "")
    names = {
        name for source, name in known if name is not None and question.source in (None, source)
    }
    if question.event is not None and question.event not in names:
        raise UsageError(
            f"looking for the event {question.event!r}",
            "none of that name is in the warehouse",
            nearest(question.event, names) if names else "run: archiver ingest, archiver load",
        )
    parameters = {"source": question.source, "event": question.event}
    if not question.changes:
        return run_file(connection, "schema/paths", parameters)
    days = {"from_day": question.from_day, "to_day": question.to_day}
    return run_file(connection, "schema/changes", parameters | days)
