"""Writes docs/warehouse.md from the comments that the published warehouse carries."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import duckdb

from archiver.cli.main import run

CONFIG = """
[sources.web]
[destinations.tiktok]
type = "tiktok-events"
pixel = "none"
account_timezone = "UTC"
"""
HEAD = """\
# The warehouse, column by column

Open `warehouse.duckdb` in the warehouse folder with any DuckDB client, read-only, or ask through
`archiver sql`. Instants are UTC, amounts are exact decimals. The same texts are comments on the
tables and columns, so that a client shows them. `python docs/make.py` writes this page.
"""


def page() -> str:
    """The page for this version."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "archiver.toml"
        config.write_text(CONFIG)
        if run(["--config", str(config), "load", "--json"]) != 0:
            raise SystemExit("the warehouse could not be made")
        database = Path(folder) / "data" / "warehouse" / "warehouse.duckdb"
        with duckdb.connect(str(database), read_only=True) as connection:
            relations = connection.execute(
                "SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal"
                " UNION ALL SELECT table_name, comment FROM duckdb_tables() ORDER BY name"
            ).fetchall()
            parts = [HEAD]
            for name, comment in relations:
                parts.append(
                    f"\n## {name}\n\n{comment}\n\n| column | type | meaning |\n|---|---|---|\n"
                )
                parts += [
                    f"| `{column}` | {kind} | {text} |\n"
                    for column, kind, text in connection.execute(
                        "SELECT column_name, data_type, comment FROM duckdb_columns()"
                        " WHERE table_name = ? ORDER BY column_index",
                        [name],
                    ).fetchall()
                ]
    return "".join(parts)


if __name__ == "__main__":
    text = page()
    (Path(__file__).parent / "warehouse.md").write_text(text, encoding="utf-8")
    sys.stderr.write("docs/warehouse.md is written\n")
