"""Which APIs are failing, by the hour, from the sums of receipts in the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from archiver.config import Config
from archiver.report.api_state import ApiIncident, ApiState
from archiver.report.page_codes import meaning
from archiver.warehouse.database import connect, create, run
from archiver.warehouse.performance import bind_api_settings, bind_api_views, bind_sums
from archiver.warehouse.snapshot import Snapshot, read_snapshot

_LOOKS_BACK = timedelta(days=7)
"""How long ago an hour may lie to be judged."""
_WEEK = timedelta(days=7)


def api_state(config: Config, as_of: datetime, snapshot: Snapshot | None = None) -> ApiState:
    """Look at the APIs of all destinations.

    Args:
        config: says which hours are judged, and how (`[watch]`).
        as_of: UTC; the hour that it lies in counts as far as it is loaded, later ones do not.
        snapshot: what is loaded; None: what the warehouse says.
    """
    snapshot = snapshot or read_snapshot(config.warehouse_path)
    if not snapshot.performance_segments:
        return ApiState([], frozenset(config.destinations))
    hour = as_of.replace(minute=0, second=0, microsecond=0)
    parameters = {
        "as_of": as_of,
        "from_hour": hour - _LOOKS_BACK - config.watch.baseline_weeks * _WEEK,
        "judged_from": hour - _LOOKS_BACK,
    }
    with connect() as connection:
        # Sums are few: what a second thread saves, starting it costs.
        connection.execute("SET threads = 1")
        bind_sums(connection, config.warehouse_path, snapshot)
        create(connection, "needed_sums", "api/needed_sums", parameters)
        connection.execute("CREATE OR REPLACE VIEW performance_segments AS FROM needed_sums")
        bind_api_settings(connection, config)
        bind_api_views(connection)
        create(connection, "api_telling_hours", "api/telling_hours", parameters)
        rows = run(connection, "api/incidents").fetchall()
        told: dict[str, datetime] = dict(run(connection, "api/newest_telling_hours").fetchall())
    unseen = frozenset(
        name
        for name, about in config.destinations.items()
        if name not in told or as_of - told[name] > about.stale_after
    )
    return ApiState([_incident(config, row) for row in rows], unseen)


def failing(config: Config, as_of: datetime) -> list[ApiIncident]:
    """The APIs that are failing now, of those of which something can be said now."""
    return api_state(config, as_of).failing


def _incident(config: Config, row: Sequence[Any]) -> ApiIncident:
    *known, ratio, baseline, baseline_failures, code = row
    destination, since, until, is_open, attempts, failures, throttled = known
    kind = config.destinations[destination].type
    return ApiIncident(
        destination=destination,
        since=since,
        until=until,
        is_open=is_open,
        attempts=attempts,
        failures=failures,
        throttled=throttled,
        ratio=None if ratio is None else float(ratio),
        baseline=None if baseline is None else float(baseline),
        baseline_failures=None if baseline_failures is None else float(baseline_failures),
        top_code=code,
        top_code_meaning=meaning(kind, code) if code is not None else None,
    )
