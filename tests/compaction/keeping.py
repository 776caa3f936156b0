"""What the tests of housekeeping share: many small files, and what must not change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from support import CONFIG, Workspace, event, order, receipt, table_rows

from archiver.archive.tables import TABLES
from archiver.nightly.housekeeping import Kept, keep_house
from archiver.nightly.imports import event_files, import_events, import_feed, receipt_feeds

NOW = datetime.now(UTC)
"""Imports take the real time; days that are to be closed are counted from it."""

AS_OF = "2026-01-20T00:00:00Z"
TWO_SOURCES = (
    CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1)
    + '[sources."weird.name-x"]\npaths = ["inbound/weird/*"]\nmax_bad_ratio = 1.0\n'
)

_VIEWS = {
    "events": "* REPLACE (body::JSON::VARCHAR AS body)",
    "conversions": "*",
    "event_records": "*",
    "receipts": "*",
    "quarantine": "*",
    "path_days": "*",
    "recurrences": "*",
}


def keep(workspace: Workspace, days: float = 3, **options: Any) -> Kept:
    """Housekeeping so many days from now."""
    return keep_house(workspace.config, workspace.archive, NOW + timedelta(days=days), **options)


def small_files(workspace: Workspace, count: int = 4, *, first: int = 0) -> None:
    """Import files one by one: several days, bad records, no times, payloads to be kept as is."""
    for number in range(first, first + count):
        at = f"2026-01-{12 + number % 2}T{number % 24:02}:00:00Z"
        odd = b'{"type":"track","event":"Odd","messageId":"o%d","b":1.10,"a":-0,"a":1e2}' % number
        bad = b"{bad %d" % number
        workspace.write(
            f"inbound/web/{number}.ndjson", order(f"m{number}", at), odd, bad, event("twice", at)
        )
        workspace.write(f"inbound/weird/{number}.json", event(f"w{number}", at, x="é\U0001f600"))
        workspace.write(f"receipts/{number}.ndjson", receipt(f"m{number}", at=at))
        import_all(workspace)


def import_all(workspace: Workspace) -> None:
    """What `ingest` and `receipts` do, without the commands."""
    config, archive = workspace.config, workspace.archive
    for name in config.sources:
        import_events(config, archive, name, event_files(config, name, _ignore), NOW)
    for name in config.destinations:
        for feed in receipt_feeds(config, name, _ignore):
            import_feed(config, archive, feed, NOW, warn=_ignore)


def _ignore(*said: str) -> None:
    """Nobody reads it here."""


def tables(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """All tables of the archive with all columns."""
    return {name: table_rows(workspace.archive.root, table) for name, table in TABLES.items()}


def views(workspace: Workspace) -> dict[str, list[str]]:
    """What a reader of the published warehouse sees."""
    with duckdb.connect(str(workspace.database), read_only=True) as connection:
        return {
            view: sorted(map(repr, connection.execute(f"SELECT {columns} FROM {view}").fetchall()))
            for view, columns in _VIEWS.items()
        }


def file_counts(workspace: Workspace) -> dict[str, int]:
    """Live data files per table, where there are any."""
    counts = {name: len(workspace.archive.live_files(table)) for name, table in TABLES.items()}
    return {name: count for name, count in counts.items() if count}
