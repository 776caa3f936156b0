"""The Python API: a project's figures and events as polars frames.

    import archiver

    project = archiver.open("archiver.toml")
    gaps = project.gaps(destination="tiktok")

Everything is read-only, and neither waits for a running command nor keeps one waiting: what is
read is what was last published and kept. Each call sees the newest; all calls inside a `with`
block see the same, though the next night ends meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.config import Config, load_config
from archiver.errors import UsageError
from archiver.nearest import nearest
from archiver.values import parse_instant

if TYPE_CHECKING:
    from types import TracebackType

    import duckdb
    import polars as pl

    from archiver.report.model import Report
    from archiver.warehouse.query import Parameters

Day = date | str
"""An account day: a date, or text such as 2026-01-15."""

Instant = datetime | str
"""An instant: without an offset it is in UTC; as text, a day means its first instant in UTC."""

_TICK = timedelta(microseconds=1)


class Workspace:
    """One project, opened by `archiver.open`.

    All errors are `archiver.ArchiverError`, with the words of the command line.

    Attributes:
        config: its settings.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._held: duckdb.DuckDBPyConnection | None = None
        self._runs: list[Path] | None = None

    def __repr__(self) -> str:
        return f"archiver.open({str(self.config.path)!r})"

    def __enter__(self) -> Workspace:
        """Hold what is published now, until the block ends.

        Raises:
            UsageError: nothing is published.
        """
        from archiver.warehouse.query import blaming_the_question, open_published

        self._runs = self._kept_runs()
        with blaming_the_question(self.config.warehouse_path):
            self._held = open_published(self.config.warehouse_path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what a `with` block held; without one there is nothing to let go of."""
        if self._held is not None:
            self._held.close()
        self._held = self._runs = None

    def gaps(
        self,
        destination: str | None = None,
        from_day: Day | None = None,
        to_day: Day | None = None,
        as_of: Instant | None = None,
    ) -> pl.DataFrame:
        """The gap per day, of the kept run that `archiver report` would show: the same figures.

        Args:
            destination: this one only.
            from_day: first account day.
            to_day: last account day, included.
            as_of: the last run for this instant; None: the run that was asked for last.

        Returns:
            One row per destination, account day, event and currency (null where no amount occurs),
            as `report --format parquet` has them: `run_id`, `as_of` (UTC), `destination`, `day`
            (account day), `event`, `currency`; the counts `expected`, `accepted`, `pending`,
            `unknown`, `gap`, `missing`, `failed`, `rejected`, `ambiguous`, `conflict`,
            `suppressed`, `unarchived`, `recoverable`, `expired`, on the first row of each day and
            event and null on its others, so that sums are right; `backfill_deadline` (UTC),
            `provisional`; and `value_expected` to `value_suppressed`, exact amounts in the
            row's currency.

        Raises:
            ConfigError: there is no such destination.
            UsageError: no run is kept for that.
        """
        from archiver.report.frames import gaps_frame

        return gaps_frame(self._report(destination, from_day, to_day, as_of))

    def incidents(
        self,
        destination: str | None = None,
        from_day: Day | None = None,
        to_day: Day | None = None,
        as_of: Instant | None = None,
    ) -> pl.DataFrame:
        """The incidents of the kept run that `archiver report` would show.

        Args:
            destination: this one only.
            from_day: first account day; an incident with an instant on one of the days is there.
            to_day: last account day, included.
            as_of: the last run for this instant; None: the run that was asked for last.

        Returns:
            One row per incident: `run_id`, `as_of`, `destination`, `account_timezone`,
            `diagnosis`, `source`, `code`, `starts_at`, `ends_at` (of hours excluded),
            `conversions`, `values` (a list of `currency` and exact `value`), `ratio` (four
            decimals), `is_open`, `first_safe_upload`, `last_safe_upload`. Instants are UTC; what
            each means stands in docs/reconciliation.md.

        Raises:
            ConfigError: there is no such destination.
            UsageError: no run is kept for that.
        """
        from archiver.report.frames import incidents_frame

        return incidents_frame(self._report(destination, from_day, to_day, as_of))

    def sql(self, query: str, parameters: Parameters | None = None) -> pl.DataFrame:
        """The rows of a query on the published warehouse, read-only, as `archiver sql`.

        Args:
            query: one or more statements; the last one's rows are the answer.
            parameters: of the last statement: by name, for `$name`, or in their order, for `?`.

        Returns:
            Its columns (docs/warehouse.md). TIMESTAMP WITH TIME ZONE is Datetime in UTC, DECIMAL
            is Decimal, exact; HUGEINT, as sums of counts are, is Int128; a VARIANT is the JSON
            text that it holds; what polars has not, as INTERVAL, is text. Of repeated names later
            ones get a number.

        Raises:
            UsageError: nothing is published, a statement would write, or DuckDB refuses it.
        """
        from archiver.report.frames import rows_frame
        from archiver.warehouse.query import run_text

        with self._connection() as connection:
            return rows_frame(run_text(connection, query, parameters))

    def events(
        self,
        source: str | None = None,
        from_: date | Instant | None = None,
        to: date | Instant | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The archived events, each once, by arrival; the warehouse's view `events`.

        Args:
            source: this one only.
            from_: first arrival: an instant, or a UTC day, from its beginning. Where there is a
                bound, events without any time are left out.
            to: last arrival, included: an instant, or a UTC day, to its end.
            columns: these only, in this order; reading few is fast. None: all.

        Returns:
            The columns of `events` in docs/warehouse.md: instants in UTC, `value` an exact
            Decimal, `body` the event as JSON text (its numbers as DuckDB keeps them; byte for byte
            it is `payload` of `event_records`).

        Raises:
            ConfigError: there is no such source.
            UsageError: nothing is published, there is no such column, or an instant is none.
        """
        from archiver import resources
        from archiver.report.frames import rows_frame
        from archiver.warehouse.query import run_text

        if source is not None:
            self.config.source(source)
        parameters = {
            "source": source,
            "from_arrival": _arrival(from_, "from_", is_end=False),
            "until_arrival": _arrival(to, "to", is_end=True),
        }
        query = resources.sql("workspace/events")
        with self._connection() as connection:
            if columns is not None:
                known = connection.sql("FROM events").columns
                query = f"SELECT {_chosen(columns, known)} FROM ({query}\n)"
            return rows_frame(run_text(connection, query, parameters))

    def explain(
        self, id: str, destination: str | None = None, as_of: Instant | None = None
    ) -> pl.DataFrame:
        """What became of one event, as `archiver explain`.

        Args:
            id: its message id, its order id, or its event id as a destination sees it.
            destination: this one only.
            as_of: the status in the last run for this instant; None: in the run that was asked for
                last.

        Returns:
            One row per event that the id finds and destination, or more where the event is
            several conversions there: `id`, `source`, `message_id`, `found_as`, `destination`,
            `event` (its name there; null: no rule selects it), `event_id`, `key_tier`,
            `further_ids`, `retry_ends_at`; of the run `status`, `reason`, `account_day`, `value`
            (exact), `currency`, `attempts` (their number), `resolved_outcome`, `code`,
            `match_tier`, `backfill_deadline`, `run_id`, `as_of`; in words `explanation`,
            `next_step`, `notes`; and, each a list of structs, `occurrences` of the event,
            `conversion_occurrences`, `delivery_attempts`, `findings`, `incidents`, `backfills`.
            Instants are UTC. Receipts that name the id of no archived event are a row of their
            destination without `source`. No payload, no personal data.

        Raises:
            ConfigError: there is no such destination.
            UsageError: nothing is published, no run is kept for the instant, or nothing has the
                id.
        """
        from archiver.report.explain import IdQuestion, explain_published, runs_for
        from archiver.report.frames import explanation_frame

        question = IdQuestion(id, destination, _instant(as_of, "as_of"))
        runs = runs_for(self.config, question, self._kept_runs())
        with self._connection() as connection:
            return explanation_frame(explain_published(connection, self.config, id, runs))

    def _report(
        self,
        destination: str | None,
        from_day: Day | None,
        to_day: Day | None,
        as_of: Instant | None,
    ) -> Report:
        from archiver.report.kept import kept_run
        from archiver.report.model import build_report

        first, last = _day(from_day, "from_day"), _day(to_day, "to_day")
        if first is not None and last is not None and last < first:
            raise UsageError("choosing the days", f"to_day {last} lies before from_day {first}")
        if destination is not None:
            self.config.destination(destination)
        run = kept_run(
            self._kept_runs(),
            destination=destination,
            as_of=_instant(as_of, "as_of"),
            from_day=first,
            to_day=last,
        )
        return build_report(run, destination=destination, from_day=first, to_day=last)

    def _kept_runs(self) -> list[Path]:
        from archiver.warehouse.runs import kept_runs

        return kept_runs(self.config.warehouse_path) if self._runs is None else self._runs

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """To what is held, else to what is published now; what one call makes no other sees."""
        from archiver.database import another
        from archiver.warehouse.query import blaming_the_question, published

        if self._held is None:
            with published(self.config.warehouse_path) as connection:
                yield connection
            return
        with (
            blaming_the_question(self.config.warehouse_path),
            another(self._held) as connection,
        ):
            yield connection


def open_workspace(config: str | os.PathLike[str]) -> Workspace:
    """Read and check the configuration, with the `ARCHIVER_…` variables of the environment.

    Raises:
        ConfigError: it cannot be used.
    """
    return Workspace(load_config(Path(config), os.environ))


def _day(day: Day | None, name: str) -> date | None:
    if isinstance(day, str):
        try:
            if len(day) != len("2026-01-15"):
                raise ValueError
            return date.fromisoformat(day)
        except ValueError:
            raise UsageError(f"reading {name}", f"{day!r} is no day", "write 2026-01-15") from None
    if isinstance(day, datetime):
        raise UsageError(f"reading {name}", f"{day} is an instant, not a day", "give a date")
    return day


def _instant(instant: Instant | None, name: str) -> datetime | None:
    if isinstance(instant, str):
        read = parse_instant(instant) if not instant.strip().isdigit() else None
        if read is None:
            raise UsageError(
                f"reading {name}", f"{instant!r} is no instant", "write 2026-01-19T12:00:00Z"
            )
        return read
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)


def _arrival(bound: date | Instant | None, name: str, *, is_end: bool) -> datetime | None:
    """The first instant of a range of arrivals, or the first one after it."""
    if isinstance(bound, str) and len(bound) == len("2026-01-15"):
        bound = _day(bound, name)
    if isinstance(bound, date) and not isinstance(bound, datetime):
        start = datetime.combine(bound, time(), UTC)
        return start + timedelta(days=1) if is_end else start
    instant = _instant(bound, name)
    return instant + _TICK if instant is not None and is_end else instant


def _chosen(columns: Sequence[str], known: Sequence[str]) -> str:
    wanted: list[Any] = [columns] if isinstance(columns, str) else [*columns]
    for name in wanted:
        if name not in known:
            raise UsageError(
                "reading events", f"there is no column {name!r}", nearest(str(name), known)
            )
    if not wanted:
        raise UsageError("reading events", "columns is empty", f"known: {', '.join(known)}")
    return ", ".join(f'"{name}"' for name in wanted)
