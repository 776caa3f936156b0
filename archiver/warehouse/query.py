"""Queries on the published warehouse, read-only, and their rows as table, CSV, JSON or Parquet."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from archiver.errors import UsageError
from archiver.texts import instant_text
from archiver.warehouse.database import connect
from archiver.warehouse.publish import DATABASE

if TYPE_CHECKING:
    from rich.console import Console

_READING = {"SELECT", "EXPLAIN", "RELATION", "CALL", "PRAGMA", "SET", "VARIABLE_SET", "MULTI"}
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
def run_query(folder: Path, text: str) -> Iterator[Rows]:
    """Run statements on the published file; yields the rows of the last one.

    Raises:
        UsageError: nothing is published, a statement would write, or DuckDB refuses it.
    """
    path = folder / DATABASE
    if not path.exists():
        raise UsageError(
            f"opening the warehouse {path}", "nothing is published yet", "run: archiver load"
        )
    with connect(path, read_only=True) as connection:
        try:
            statements = connection.extract_statements(text)
            if not statements:
                raise UsageError("running the query", "it holds no statement")
            for statement in statements:
                kind = str(statement.type).rsplit(".", 1)[-1]
                if kind not in _READING:
                    raise UsageError(
                        "running the query",
                        f"{kind} is no reading statement",
                        "the warehouse is read-only; use --format and --output for files",
                    )
            for statement in statements[:-1]:
                connection.execute(statement)
            yield _rows(connection, statements[-1])
        except duckdb.Error as error:
            raise UsageError("running the query", str(error).strip()) from None


def _rows(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> Rows:
    if not str(statement.type).endswith("SELECT"):
        result = connection.execute(statement)
        description = result.description or []
        names, types = [c[0] for c in description], [str(c[1]) for c in description]
        return Rows(names, types, None, lambda: result)
    relation = connection.sql(statement.query)
    types = [str(kind) for kind in relation.types]
    readable = relation
    if "VARIANT" in types:
        quoted = ['"' + name.replace('"', '""') + '"' for name in relation.columns]
        readable = relation.project(
            ", ".join(
                f"CAST(CAST({name} AS JSON) AS VARCHAR) AS {name}" if kind == "VARIANT" else name
                for name, kind in zip(quoted, types, strict=True)
            )
        )
    query = readable.sql_query()
    return Rows(relation.columns, types, relation, lambda: connection.execute(query))


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
        rows.relation.write_parquet(str(output), compression="zstd")
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
    holds_json = [kind in _JSON for kind in rows.types]
    separator = "[\n"
    for row in rows:
        values = [
            json.loads(value) if is_json and value is not None else _plain(value)
            for value, is_json in zip(row, holds_json, strict=True)
        ]
        line = json.dumps(dict(zip(rows.columns, values, strict=True)), ensure_ascii=False)
        file.write(f"{separator}  {line}")
        separator = ",\n"
    file.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_table(rows: Rows, output: Path | None, console: Callable[[], Console]) -> None:
    from rich import box
    from rich.console import Console
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
        table.add_row(*(Text(cell) for cell in _cells(row, rows.types)))
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
