"""Each file of `sql/`, alone: a few rows in, the rows that must come out.

`tests/sql/<query>/<case>/` holds `given.json` (relation → rows; `parameters`), or `given.sql`
where a pattern says more than rows, and `expected.json` (rows; only the columns named there are
compared). Relations that a case does not name are empty, columns that a row does not name have
the default of `tests/sql/relations.sql`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from archiver import resources
from archiver.warehouse.database import connect, create

CASES = Path(__file__).parent / "sql"
SQL = Path(__file__).parents[1] / "sql"
Row = dict[str, Any]

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
    "source": None,
    "event": None,
}


@pytest.fixture(scope="module")
def relations() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        connection.execute((CASES / "relations.sql").read_text())
        # What a silence is made of comes from the conversions that a case names, and what the
        # schema was from its diary.
        for name in ("reconcile/sendable_conversions", "tables/path_days", "tables/paths"):
            view = name.rpartition("/")[2]
            connection.execute(f"CREATE VIEW {view} AS {resources.sql(name)}")
        yield connection


def _cases() -> list[str]:
    return sorted(str(path.parent.relative_to(CASES)) for path in CASES.rglob("expected.json"))


@pytest.mark.parametrize("case", _cases())
def test_rows_in_rows_out(case: str, relations: duckdb.DuckDBPyConnection) -> None:
    folder = CASES / case
    relations.execute("BEGIN")
    try:
        parameters = dict(PARAMETERS)
        if (folder / "given.sql").exists():
            relations.execute((folder / "given.sql").read_text())
        if (folder / "given.json").exists():
            given = json.loads((folder / "given.json").read_text())
            parameters |= given.pop("parameters", {})
            for relation, rows in given.items():
                _insert(relations, relation, rows)
        create(relations, "actual", str(Path(case).parent), _typed(parameters))
        _compare(relations, json.loads((folder / "expected.json").read_text()))
    finally:
        relations.execute("ROLLBACK")


def test_every_query_has_a_case() -> None:
    queries = {
        str(path.relative_to(SQL).with_suffix(""))
        for part in ("reconcile", "checks", "backfill", "schema")
        for path in (SQL / part).glob("*.sql")
    }
    assert queries - {str(Path(case).parent) for case in _cases()} == set()


def _insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: list[Row]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        values = list(row.values())
        connection.execute(f"INSERT INTO {relation} ({names}) VALUES ({marks})", values)
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
    read["to_day"] = date.fromisoformat
    return {
        name: read[name](value) if name in read and value is not None else value
        for name, value in parameters.items()
    }
