"""APIs that fail, as conditions for the alerts: what `watch` and `nightly` tell of them."""

from __future__ import annotations

import shlex
from datetime import datetime

from archiver.alerts.conditions import API_FAILING
from archiver.alerts.model import Blind, Condition
from archiver.config import Config
from archiver.report.api_state import ApiIncident, ApiState
from archiver.report.performance import api_state


def api_conditions(config: Config, as_of: datetime) -> tuple[list[Condition], list[Blind]]:
    """The APIs that are failing as of an instant, and those of which nothing can be said.

    Args:
        config: how hours are judged; the warehouse is loaded.
        as_of: UTC.
    """
    return conditions_of(api_state(config, as_of))


def conditions_of(state: ApiState) -> tuple[list[Condition], list[Blind]]:
    """The same, of what is known of the APIs."""
    failing = [_condition(incident) for incident in state.failing]
    unseen = [
        Blind(kind="outage", destination=name, diagnosis=API_FAILING)
        for name in sorted(state.unseen)
    ]
    return failing, unseen


def _condition(incident: ApiIncident) -> Condition:
    name = incident.destination.replace("'", "''")
    query = f"FROM api_performance WHERE destination = '{name}' ORDER BY hour"
    return Condition(
        kind="outage",
        subject=f"{incident.destination} {API_FAILING}",
        destination=incident.destination,
        diagnosis=API_FAILING,
        since=incident.since,
        details=tuple(incident.lines()),
        next_steps=(f"archiver sql {shlex.quote(query)}",),
        size=incident.failures,
    )
