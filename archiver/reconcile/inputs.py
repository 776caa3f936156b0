"""What a reconciliation's answer depends on, and whether a kept one is still the answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from archiver import __version__, resources
from archiver.archive import retention
from archiver.archive.small_tables import read_small
from archiver.archive.store import Archive
from archiver.archive.tables import COVERAGE, INBOUND_FILES, INBOUND_PATHS
from archiver.config import Config, DestinationSettings
from archiver.reconcile.binding import dedup_window, max_age
from archiver.warehouse.erased import erased_fingerprint
from archiver.warehouse.rules import configured_rules, fingerprint, fingerprint_of
from archiver.warehouse.runs import asked_runs, read_run

# In this order. The attempts are views, since they are as many as the receipts; `judged` is written
# to a file at once.
STEPS = (
    "recurring_ids",
    "recurring_conversions",
    "conversions",
    "further_ids",
    "aliases",
    "attempts",
    "unnamed_attempts",
    "named_attempts",
    "recurring_attempts",
    "recurring_outcomes",
    "outcomes",
    "unmatched",
    "attempted_names",
    "uploaded_ids",
    "shared_ids",
    "slots",
    "sendable_conversions",
    "silences",
    "feed_days",
    "coverage",
    "covered_slots",
    "judged",
    "reconciliation",
    "unarchived",
    "report_days",
    "daily_gaps",
    "daily_values",
    "recovery_clock",
    "daily_totals",
    "source_hours",
    "hours",
    "hour_incidents",
    "silent_incidents",
    "incident_conversions",
    "incidents",
    "incident_values",
    "untimed",
    "recurring_orders",
    "findings",
)
CHECKS = (
    "counts_add_up",
    "values_add_up",
    "one_status_per_conversion",
    "nothing_left_out",
    "totals_add_up",
    "incidents_add_up",
    "findings_have_conversions",
)
SQL = (*(f"reconcile/{name}" for name in STEPS), *(f"checks/{name}" for name in CHECKS))


def still_true(config: Config, archive: Archive, as_of: datetime) -> Path | None:
    """The run that was asked for last, where it is still the answer for all days as of an instant.

    So it is where it has all destinations and days, is made from the same inputs, and neither the
    settings nor the clock can have changed its answer since (docs/nightly.md, Nothing new).

    Args:
        config: destinations and their settings.
        archive: what is known.
        as_of: the instant that is asked for, UTC.

    Returns:
        Its folder; None where it may be another, and is to be made.
    """
    runs = asked_runs(config.warehouse_path)
    if not runs:
        return None
    record = read_run(runs[-1])
    is_whole = record.is_unbounded and sorted(record.destinations) == sorted(config.destinations)
    is_whole &= record.whole_from == retention.whole_from(archive)
    if not is_whole or not record.inputs or as_of < record.as_of:
        return None
    if record.next_change is not None and record.next_change <= as_of:
        return None
    settings = {name: config.destination(name) for name in sorted(config.destinations)}
    inputs = inputs_of(config, archive, read_small(archive, INBOUND_FILES), settings)
    return runs[-1] if hash_of(inputs) == record.inputs else None


def inputs_of(
    config: Config,
    archive: Archive,
    files: pa.Table,
    settings: dict[str, DestinationSettings],
) -> dict[str, Any]:
    """What an answer depends on beside the question."""
    # With their counts: a retry of quarantined records gives a known file more events.
    columns = ["kind", "source", "destination", "file_id", "format", "archived"]
    paths = read_small(archive, INBOUND_PATHS).select(["kind", "destination", "path", "file_id"])
    vouched = archive.read(COVERAGE, ["destination", "starts_at", "ends_at"])
    return {
        "files": _rows(files.select(columns)),
        # Of totals of one day, the file that was modified last counts.
        "totals": sorted(
            row
            for row in _rows(files.select(["kind", "file_id", "modified_at"]))
            if row[0] == "totals"
        ),
        "receipt_paths": sorted(r for r in _rows(paths) if r[0] == "receipts"),
        "vouched": _rows(vouched),
        "rules": fingerprint(configured_rules(config)),
        "erased": erased_fingerprint(config),
        "arrival_lags": {name: str(s.arrival_lag) for name, s in config.sources.items()},
        "destinations": {name: parameters_of(s) for name, s in settings.items()},
        "archiver": __version__,
        "sql": [resources.sql(name) for name in SQL],
    }


def rules_of(config: Config, names: Collection[str]) -> dict[str, str]:
    """Per destination one hash of its rules and of the erased ids: none of both can be read off.

    Args:
        config: has rules and erased ids as they are now.
        names: the destinations.

    Raises:
        ConfigError: the erased ids cannot be read.
    """
    erased = erased_fingerprint(config)
    return {
        rule.destination: hashlib.sha256(f"{fingerprint_of(rule)} {erased}".encode()).hexdigest()[
            :16
        ]
        for rule in configured_rules(config)
        if rule.destination in names
    }


def hash_of(inputs: dict[str, Any]) -> str:
    """A short name of exactly these inputs."""
    text = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters_of(settings: DestinationSettings) -> dict[str, str]:
    """The settings that a destination is judged by, as texts."""
    relevant = (
        "type",
        "account_timezone",
        "sources",
        "preset",
        "event_source",
        "pixel",
        "integration",
        "retry_window",
        "provisional_after",
        "reports",
        "totals_tolerance",
        "coverage",
        "incident_min",
        "min_gap",
    )
    return {name: str(getattr(settings, name)) for name in relevant} | {
        "zones": str([(str(zone.ends_at), zone.name) for zone in settings.zones]),
        "max_age": str(max_age(settings)),
        "dedup_window": str(dedup_window(settings)),
    }


def _rows(table: pa.Table) -> list[tuple[str, ...]]:
    return sorted({tuple(str(v) for v in row.values()) for row in table.to_pylist()})
