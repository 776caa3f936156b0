"""Checks of the configuration: what is legal and perhaps not meant, and what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

from archiver.config import DestinationSettings
from archiver.destinations import request_builder
from archiver.inbound.paths import configured_paths
from archiver.nightly.health.finding import Finding, Patient, hint, problem
from archiver.nightly.imports import unreachable
from archiver.warehouse.database import connect

# Zones without daylight saving: an ad account in one of them is rare.
_NO_PLACE = ("UTC", "Etc/", "GMT", "EST", "MST", "HST", "Zulu", "UCT")
_TEMPLATE_ID = "PIXEL_CODE"


def check_configuration(patient: Patient) -> Iterator[Finding]:
    """Sources, destinations, secrets and channels."""
    config = patient.config
    if not config.sources:
        yield problem(
            config.path, "no source is configured: nightly ends with 2", "add [sources.NAME]"
        )
    if not config.destinations:
        yield hint(config.path, "no destination is configured", "add [destinations.NAME]")
    for name, about in config.destinations.items():
        yield from _destination(patient, f"destinations.{name}", about)
    if not config.channels:
        yield hint(
            config.path, "no channel is configured: nobody is told", "add [channels.NAME], see init"
        )
    for name, channel in config.channels.items():
        if not patient.environment.get(channel.url_env, "").strip():
            yield problem(
                f"channels.{name}",
                f"the variable {channel.url_env} is not set: no alert arrives",
                f"set {channel.url_env} where nightly runs, or remove the channel",
            )
    heartbeat = config.alerts.heartbeat_url_env
    if not patient.environment.get(heartbeat, "").strip():
        yield hint(
            "alerts.heartbeat_url_env",
            f"the variable {heartbeat} is not set: nobody notices a night that did not run",
            f"set {heartbeat} to the URL of a heartbeat monitor",
        )
    textfile = config.metrics.textfile
    if textfile is not None and not textfile.endswith(".prom"):
        yield hint(
            "metrics.textfile",
            f"{textfile} does not end in .prom: node_exporter does not read it",
            "name it archiver.prom",
        )


def _destination(patient: Patient, where: str, about: DestinationSettings) -> Iterator[Finding]:
    if not about.receipts and not about.totals and about.reports != "totals":
        yield hint(
            where,
            "it has no feed of receipts: every conversion will be unknown",
            "set receipts, or totals",
        )
    if about.event_source_id == _TEMPLATE_ID:
        yield hint(where, "event_source_id is the example's", "set your pixel code")
    if about.pixel == "other_id":
        yield hint(
            where,
            'pixel = "other_id": nothing can be sent again without --include beyond-dedup',
            'send the same event id from pixel and server, and set "same_id"',
        )
    zones = [about.account_timezone, *(zone.name for zone in about.zones)]
    for zone in sorted({z for z in zones if z.startswith(_NO_PLACE)}):
        yield hint(
            where,
            f"account_timezone {zone} has no daylight saving",
            "compare it with the settings of the ad account; write it as Europe/Berlin",
        )
    builder = request_builder(about.type)
    variable = about.token_env or (builder.token_env if builder else None)
    if variable and about.upload_as != "csv" and not patient.environment.get(variable):
        yield hint(
            where,
            f"the variable {variable} is not set: upload --send would refuse",
            f"set {variable} where upload runs; nightly does not need it",
        )


def check_inputs(patient: Patient) -> Iterator[Finding]:
    """The files that the patterns name: whether there are any, and whether they can be read."""
    config = patient.config
    patterns = [
        (f"sources.{name}", pattern)
        for name, source in config.sources.items()
        for pattern in source.paths
    ]
    for name, about in config.destinations.items():
        fed = [*about.receipts, *(path for totals in about.totals for path in totals.paths)]
        patterns += [(f"destinations.{name}", pattern) for pattern in fed]
    for where, pattern in patterns:
        found = configured_paths([pattern], config.folder, config.own_folders)
        if not found and (why := unreachable(config, pattern)):
            yield problem(where, f"{pattern}: {why}", "mend the path, or make the folder readable")
        elif not found:
            yield hint(where, f"no file matches {pattern}", "mend the path, or wait for the first")
        closed = [file.shown for file in found if not os.access(file.real, os.R_OK)]
        if closed:
            more = f" and {len(closed) - 1:,} more" if len(closed) > 1 else ""
            yield problem(
                where,
                f"{closed[0]}{more} cannot be read",
                "give the user that runs nightly the right to read it",
            )
        latest = patient.now.timestamp() + 300
        ahead = [file.shown for file in found if _modified(file.real) > latest]
        if ahead:
            yield hint(
                where,
                f"{ahead[0]} was written in the future, by this machine's clock",
                "set the clock: timedatectl status",
            )


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def check_zones(patient: Patient) -> Iterator[Finding]:
    """Whether Python and DuckDB know the accounts' zones, and agree on them."""
    names = {zone.name for about in patient.config.destinations.values() for zone in about.zones}
    names |= {about.account_timezone for about in patient.config.destinations.values()}
    with connect() as connection:
        for name in sorted(names):
            local = patient.now.astimezone(ZoneInfo(name)).replace(tzinfo=None)
            row = connection.execute(
                "SELECT timezone($zone, $now::TIMESTAMPTZ)",
                {"zone": name, "now": patient.now.astimezone(UTC)},
            ).fetchone()
            if row is None or row[0] != local:
                yield problem(
                    name,
                    f"Python and DuckDB disagree on its time now: {local} and {row and row[0]}",
                    "upgrade tzdata and duckdb: pip install --upgrade tzdata duckdb",
                )
