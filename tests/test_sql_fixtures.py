"""Each file of `sql/`, alone: a few rows in, the rows that must come out.

`tests/sql/<query>/<case>/` holds `given.json` (relation → rows; `parameters`), or `given.sql`
where a pattern says more than rows, and `expected.json` (rows; only the columns named there are
compared). Columns that a row does not name have the default of `tests/sql/relations.sql`.

A relation that a case does not name is empty, but for two kinds. What a step of the reconciliation
makes is made by that step, from the rows of the case: a case of `conversions` names occurrences,
and `recurring_ids` comes of itself. And there is one destination, always in one zone, with the
source `web`, unless a case says otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pytest

from archiver import resources
from archiver.warehouse.database import connect

CASES = Path(__file__).parent / "sql"
SQL = Path(__file__).parents[1] / "sql"
PARTS = (
    "reconcile",
    "checks",
    "backfill",
    "schema",
    "restate",
    "explain",
    "report",
    "api",
    "alerts",
)
STEPS = frozenset(path.stem for path in (SQL / "reconcile").glob("*.sql"))
EDGE_CASES = CASES / "edge_cases.json"
Row = dict[str, Any]

# What a case that names none has, and of what nothing follows.
SETTINGS = {
    "destinations": "INSERT INTO destinations DEFAULT VALUES",
    "account_zones": "INSERT INTO account_zones (destination, account_timezone)"
    " SELECT destination, account_timezone FROM destinations",
    "destination_sources": "INSERT INTO destination_sources (destination)"
    " SELECT destination FROM destinations",
}

# Without rows of each of these a step makes none, whatever else it reads: it need not be run.
ESSENTIAL = {
    "aliases": ["further_ids"],
    "attempted_names": ["receipts"],
    "covered_slots": ["conversions", "coverage"],
    "judged": ["conversions"],
    "outcomes": ["receipts"],
    "recurring_attempts": ["receipts"],
    "recurring_conversions": ["recurring_ids"],
    "recurring_outcomes": ["recurring_attempts"],
    "sendable_conversions": ["slots"],
    "shared_ids": ["receipts", "further_ids"],
    "silences": ["sendable_conversions"],
    "slots": ["conversions"],
    "unnamed_attempts": ["receipts"],
    "uploaded_ids": ["receipts"],
}

PARAMETERS: dict[str, Any] = {
    "run_id": "run",
    "as_of": "2026-01-19T12:00:00Z",
    "from_day": None,
    "to_day": None,
    "backfill_id": "this",
    "pixel": "none",
    "dedup_window_us": 48 * 3600 * 10**6,
    "include_rejected": False,
    "include_ambiguous": False,
    "include_beyond_dedup": False,
    "force": False,
    "unverified": False,
    "source": None,
    "event": None,
    "destination": "tiktok",
    "previous_run_id": "before",
    "previous_as_of": "2026-01-18T12:00:00Z",
    "is_rule_change": False,
    "id": "m1",
    "now": "2026-01-19T12:00:00Z",
    "from_hour": "2026-01-12T12:00:00Z",
    "judged_from": "2026-01-12T12:00:00Z",
    "run_as_of": "2026-01-19T12:00:00Z",
    "until": "2026-01-20T00:00:00Z",
    "since_day": "2026-01-05",
}


@pytest.fixture(scope="module")
def relations() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        # Of a few rows nearly all the time goes into planning, which tests elsewhere exercise.
        connection.execute("SET threads = 1; PRAGMA disable_optimizer")
        connection.execute((CASES / "relations.sql").read_text())
        # What the schema was comes from the diary that a case names.
        for name in ("tables/path_days", "tables/paths", "tables/api_attempts"):
            view = name.rpartition("/")[2]
            connection.execute(f"CREATE VIEW {view} AS {resources.sql(name)}")
        for step in sorted(STEPS):
            _bind_step(connection, step)
        yield connection


def _cases() -> list[str]:
    return sorted(str(path.parent.relative_to(CASES)) for path in CASES.rglob("expected.json"))


@pytest.mark.parametrize("case", _cases())
def test_rows_in_rows_out(case: str, relations: duckdb.DuckDBPyConnection) -> None:
    folder = CASES / case
    relations.execute("BEGIN")
    try:
        parameters = dict(PARAMETERS)
        named: set[str] = set()
        if (folder / "given.sql").exists():
            statements = (folder / "given.sql").read_text()
            named.update(re.findall(r"INSERT INTO (\w+)", statements))
            relations.execute(statements)
        if (folder / "given.json").exists():
            given = json.loads((folder / "given.json").read_text())
            parameters |= given.pop("parameters", {})
            named.update(given)
            for relation, rows in given.items():
                _insert(relations, relation, rows)
        query = str(Path(case).parent)
        if query.startswith("reconcile/"):
            _Upstream(relations, _typed(parameters), named).make(query)
        _create(relations, "actual", query, _typed(parameters))
        _compare(relations, json.loads((folder / "expected.json").read_text()))
    finally:
        relations.execute("ROLLBACK")


def test_every_status_has_a_case() -> None:
    cases = CASES / "reconcile" / "judged"
    judged = {
        row.get("status")
        for path in cases.rglob("expected.json")
        for row in json.loads(path.read_text())
    }
    statuses = {"suppressed", "accepted", "conflict", "rejected", "pending"}
    statuses |= {"ambiguous", "failed", "unknown", "missing"}
    assert judged - {None} == statuses


def test_every_edge_case_has_a_case() -> None:
    """The edge cases that a naive build gets wrong, by their numbers."""
    named = json.loads(EDGE_CASES.read_text())
    assert list(named) == [str(number) for number in range(1, 17)]
    assert all(named.values())
    assert {case for cases in named.values() for case in cases} - set(_cases()) == set()


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_case_names_only_columns_that_the_step_has(
    step: str, relations: duckdb.DuckDBPyConnection
) -> None:
    given = relations.execute(f"DESCRIBE {step}").fetchall()
    _create(relations, "yielded", f"reconcile/{step}", _typed(PARAMETERS))
    yielded = relations.execute("DESCRIBE yielded").fetchall()
    computed = {"arrival_hour"}  # by the view that the program binds
    assert {row[0] for row in given} - {row[0] for row in yielded} <= computed


def test_every_query_has_a_case() -> None:
    queries = {
        str(path.relative_to(SQL).with_suffix(""))
        for part in PARTS
        for path in (SQL / part).glob("*.sql")
    }
    assert queries - {str(Path(case).parent) for case in _cases()} == set()


def _bind_step(connection: duckdb.DuckDBPyConnection, step: str) -> None:
    """An empty table with the step's columns, where `relations.sql` has none with defaults."""
    tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    if (step,) not in tables:
        for upstream in _reads(f"reconcile/{step}") & STEPS:
            _bind_step(connection, upstream)
        _create(connection, step, f"reconcile/{step}", _typed(PARAMETERS))


class _Upstream:
    """What a query reads and its case does not name: the settings, and what other steps make."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, parameters: Row, named: set[str]
    ) -> None:
        self._connection = connection
        self._parameters = parameters
        self._has_rows = dict.fromkeys(named, True)

    def make(self, query: str) -> None:
        """Make all that the query reads, and what that reads in its turn."""
        for relation in sorted(_reads(query), key=SETTINGS.__contains__):
            self._make_relation(relation)

    def _make_relation(self, relation: str) -> None:
        if relation in self._has_rows:
            return
        self._has_rows[relation] = False
        if relation == "unnamed_receipts":  # A view on them.
            self._has_rows[relation] = self._has_rows.get("receipts", False)
        elif relation in SETTINGS:
            if relation != "destinations":
                self._make_relation("destinations")
            self._connection.execute(SETTINGS[relation])
        elif relation in STEPS:
            query = f"reconcile/{relation}"
            for essential in ESSENTIAL.get(relation, []):
                self._make_relation(essential)
                if not self._has_rows[essential]:
                    return
            self.make(query)
            # From nothing comes nothing.
            if any(self._has_rows[read] for read in _reads(query) - SETTINGS.keys()):
                _create(self._connection, relation, query, self._parameters)
                self._has_rows[relation] = self._connection.fetchall() != [(0,)]


def _create(connection: duckdb.DuckDBPyConnection, table: str, query: str, parameters: Row) -> None:
    """As `archiver.database.create`, but the text, which is always the same, is parsed once."""
    statement = _statement(table, query)
    used = {name: parameters[name] for name in statement.named_parameters}
    connection.execute(statement, used)


@cache
def _statement(table: str, query: str) -> duckdb.Statement:
    text = f"CREATE OR REPLACE TEMP TABLE {table} AS {resources.sql(query)}"
    return duckdb.extract_statements(text)[0]


@cache
def _reads(query: str) -> frozenset[str]:
    """The relations that a file of `sql/` reads, its own CTEs left out."""
    text = re.sub(r"--[^\n]*", "", resources.sql(query))
    own = set(re.findall(r"(\w+) AS \(\n", text))
    return frozenset(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)", text)) - own


def _insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: list[Row]) -> None:
    """Rows with the same columns go in together: that is much faster."""
    for columns, group in groupby(rows, key=tuple):
        values = [list(row.values()) for row in group]
        if not columns:
            connection.execute(f"INSERT INTO {relation} DEFAULT VALUES;" * len(values))
            continue
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in values)
        connection.execute(
            f"INSERT INTO {relation} ({names}) VALUES {marks}",
            [value for row in values for value in row],
        )
    if not rows:
        raise ValueError(f"{relation} is empty anyway")


def _compare(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """As text, in the types of the query's columns, in any order."""
    if not rows:
        assert connection.execute("FROM actual").fetchall() == []
        return
    columns = ", ".join(f'"{name}"' for name in rows[0])
    connection.execute("CREATE TEMP TABLE wanted AS FROM actual LIMIT 0")
    _insert(connection, "wanted", rows)
    found, wanted = (
        sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
        for table in ("actual", "wanted")
    )
    assert found == wanted


def _typed(parameters: Row) -> Row:
    read = {"as_of": datetime.fromisoformat, "from_day": date.fromisoformat}
    read["previous_as_of"] = read["now"] = datetime.fromisoformat
    read["from_hour"] = read["judged_from"] = datetime.fromisoformat
    read["run_as_of"] = read["until"] = datetime.fromisoformat
    read["to_day"] = read["since_day"] = date.fromisoformat
    return {
        name: read[name](value) if name in read and value is not None else value
        for name, value in parameters.items()
    }
