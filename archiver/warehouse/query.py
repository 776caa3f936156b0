"""Queries on the published warehouse, read-only, and their rows as table, CSV, JSON or Parquet."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from archiver import resources
from archiver.errors import UsageError
from archiver.texts import instant_text
from archiver.warehouse.database import connect
from archiver.warehouse.publish import DATABASE

if TYPE_CHECKING:
    from rich.console import Console

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_EXPLAIN = re.compile(r"EXPLAIN(\s+ANALYZE)?(\s*\([^)]*\))?\s+", re.IGNORECASE)
# Besides SELECT and EXPLAIN of one: settings of the session that write nothing, and looking around.
_HARMLESS = (
    re.compile(r"(SET|RESET)\s+((SESSION|LOCAL|GLOBAL)\s+)?(TIME\s+ZONE|TimeZone|threads)\b", re.I),
    re.compile(r"(SET|RESET)\s+((SESSION|LOCAL|GLOBAL)\s+)?(memory_limit|max_memory)\b", re.I),
    re.compile(r"PRAGMA\s+(database_list|database_size|show_tables|table_info|version)\b", re.I),
)
Parameters = Mapping[str, Any] | Sequence[Any]
"""Values of a query's parameters: by name, or in their order."""

_TABLE_ROWS = 1000
_JSON = ("VARIANT", "JSON")
_FETCH_ROWS = 5000


@dataclass
class Rows:
    """The rows of a query.

    Attributes:
        columns, types: names and DuckDB types; a VARIANT comes as the JSON text that it holds.
        relation: the query itself; None for statements such as EXPLAIN.
    """

    columns: list[str]
    types: list[str]
    relation: duckdb.DuckDBPyRelation | None
    _execute: Callable[[], duckdb.DuckDBPyConnection]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Row by row, once."""
        result = self._execute()
        while batch := result.fetchmany(_FETCH_ROWS):
            yield from batch


@contextmanager
def published(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, open for reading.

    Raises:
        UsageError: nothing is published, or DuckDB refuses what is asked of it.
    """
    with blaming_the_question(folder), open_published(folder) as connection:
        yield connection


def open_published(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection to the published file, for reading. It keeps what was published then.

    Where this process has it open already, the connection is to that one.

    Raises:
        UsageError: nothing is published.
    """
    path = folder / DATABASE
    if not path.exists():
        raise UsageError(
            f"opening the warehouse {path}", "nothing is published yet", "run: archiver load"
        )
    return connect(path, read_only=True)


@contextmanager
def blaming_the_question(folder: Path) -> Iterator[None]:
    """Turn what DuckDB refuses, asked about the published file, into a UsageError."""
    path = folder / DATABASE
    try:
        yield
    except duckdb.IOException as error:
        raise UsageError(
            f"reading the warehouse {path}",
            str(error).strip(),
            "it may be damaged or moved; publish it anew: archiver load",
        ) from None
    except duckdb.Error as error:
        raise UsageError("running the query", str(error).strip()) from None


@contextmanager
def run_query(folder: Path, text: str) -> Iterator[Rows]:
    """Run statements on the published file; yields the rows of the last one.

    Raises:
        UsageError: nothing is published, a statement would write, or DuckDB refuses it.
    """
    with published(folder) as connection:
        yield run_text(connection, text)


def run_text(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Parameters | None = None
) -> Rows:
    """Run statements; the rows of the last one.

    Args:
        connection: to the published file.
        text: the statements.
        parameters: of the last one: values by name, or in their order.

    Raises:
        UsageError: there is no statement, or one would write.
    """
    statements = connection.extract_statements(text)
    if not statements:
        raise UsageError("running the query", "it holds no statement")
    for statement in statements:
        _refuse_writing(connection, statement)
    for statement in statements[:-1]:
        connection.execute(statement)
    return _rows(connection, statements[-1], parameters)


def run_file(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Any]
) -> Rows:
    """The rows of one file of `sql/`, with its parameters."""
    query = resources.sql(name)
    relation = connection.sql(query, params=dict(parameters))
    types = [str(kind) for kind in relation.types]
    return Rows(relation.columns, types, relation, lambda: connection.execute(query, parameters))


def _refuse_writing(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    """Let through what only reads: the database is read-only, but DuckDB can write files, too."""
    kind = str(statement.type).rsplit(".", 1)[-1]
    if kind == "SELECT":
        return
    text = _COMMENTS.sub(" ", statement.query).strip()
    if kind == "EXPLAIN":
        explained = _EXPLAIN.sub("", text)
        for inner in connection.extract_statements(explained):
            _refuse_writing(connection, inner)
        return
    if any(pattern.match(text) for pattern in _HARMLESS):
        return
    raise UsageError(
        "running the query",
        f"{kind} is no reading statement",
        "the warehouse is read-only; use --format and --output for files",
    )


def _rows(
    connection: duckdb.DuckDBPyConnection,
    statement: duckdb.Statement,
    parameters: Parameters | None,
) -> Rows:
    if not str(statement.type).endswith("SELECT"):
        result = connection.execute(statement, parameters)
        description = result.description or []
        names, types = [c[0] for c in description], [str(c[1]) for c in description]
        return Rows(names, types, None, lambda: result)
    relation = connection.sql(statement.query, params=parameters)
    types = [str(kind) for kind in relation.types]
    readable = relation
    if "VARIANT" in types:
        # By position, since names may repeat.
        readable = relation.project(
            ", ".join(
                f"CAST(CAST(#{position} AS JSON) AS VARCHAR)"
                if kind == "VARIANT"
                else f"#{position}"
                for position, kind in enumerate(types, 1)
            )
        )
    query = readable.sql_query()
    return Rows(relation.columns, types, relation, lambda: connection.execute(query, parameters))


def write_rows(
    rows: Rows, format_name: str, output: Path | None, console: Callable[[], Console]
) -> None:
    """Write rows to a file, or to stdout.

    Args:
        rows: what to write; instants come out in UTC, decimals exactly (in JSON as strings), a
            VARIANT as the JSON that it holds.
        format_name: `table`, `csv`, `json` or `parquet`; the last needs `output`.
        output: the file; None: stdout.
        console: makes the console for a table on stdout.
    """
    if format_name == "parquet":
        if rows.relation is None:
            raise UsageError("writing Parquet", "only the rows of a SELECT can be written")
        try:
            rows.relation.write_parquet(str(output), compression="zstd")
        except duckdb.IOException as error:
            raise UsageError(
                f"writing {output}", str(error).strip(), "name a path that can be written"
            ) from None
        return
    if format_name == "table":
        _write_table(rows, output, console)
        return
    write: Callable[[Rows, TextIO], None] = _write_csv if format_name == "csv" else _write_json
    if output is None:
        write(rows, sys.stdout)
    else:
        with open(output, "w", encoding="utf-8", newline="") as file:
            write(rows, file)


def _write_csv(rows: Rows, file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows.columns)
    for row in rows:
        writer.writerow(_cells(row, rows.types))


def _write_json(rows: Rows, file: TextIO) -> None:
    names = [json.dumps(name, ensure_ascii=False) for name in _distinct(rows.columns)]
    separator = "[\n"
    for row in rows:
        values = (
            _json_text(value) if kind in _JSON else json.dumps(_plain(value), ensure_ascii=False)
            for value, kind in zip(row, rows.types, strict=True)
        )
        pairs = ", ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
        file.write(f"{separator}  {{{pairs}}}")
        separator = ",\n"
    file.write("[]\n" if separator == "[\n" else "\n]\n")


def _distinct(names: list[str]) -> list[str]:
    """The names, each once: a repeated one gets a number, since JSON keeps one of a kind."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _json_text(value: str | None) -> str:
    """JSON that a column holds, as it stands; DuckDB's Infinity, which is no JSON, as null."""
    if value is None:
        return "null"
    try:
        json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(json.loads(value, parse_constant=lambda _: None), ensure_ascii=False)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _write_table(rows: Rows, output: Path | None, console: Callable[[], Console]) -> None:
    from rich import box
    from rich.console import Console
    from rich.control import strip_control_codes
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name, kind in zip(rows.columns, rows.types, strict=True):
        is_number = kind.startswith(("DECIMAL", "BIGINT", "INTEGER", "DOUBLE", "HUGEINT"))
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for shown, row in enumerate(rows):
        if shown == _TABLE_ROWS:
            print(  # noqa: T201 - the rows themselves go to stdout
                f"only the first {_TABLE_ROWS:,} rows are shown; use --format csv for all",
                file=sys.stderr,
            )
            break
        table.add_row(*(Text(strip_control_codes(cell)) for cell in _cells(row, rows.types)))
    if output is None:
        console().print(table)
        return
    text = io.StringIO()
    Console(file=text, width=200, color_system=None).print(table)
    output.write_text(text.getvalue(), encoding="utf-8")


def _cells(row: tuple[Any, ...], types: list[str]) -> list[str]:
    """A row as text; what a VARIANT holds as text stands without JSON's quotes."""
    return [
        _text(json.loads(value) if value is not None and kind in _JSON else value)
        for value, kind in zip(row, types, strict=True)
    ]


def _text(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, (dict, list)):
        return json.dumps(plain, ensure_ascii=False)
    return "" if plain is None else str(plain)


def _plain(value: Any) -> Any:
    """A value that JSON has: exact, and the same under any machine's time zone."""
    if isinstance(value, datetime):
        return instant_text(value) if value.tzinfo else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _decimal_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (int, float, str, bool)) or value is None:
        return value
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _decimal_text(value: Decimal) -> str:
    """Without the zeros that the column's scale adds: `139.12`, not eighteen decimals."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
