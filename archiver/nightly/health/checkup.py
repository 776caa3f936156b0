"""All checks of `doctor`, in the order of their importance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archiver.nightly.health.finding import Finding, Patient
from archiver.nightly.health.machine import (
    check_clock,
    check_disk,
    check_permissions,
    check_versions,
)
from archiver.nightly.health.settings import check_configuration, check_inputs, check_zones
from archiver.nightly.health.state import (
    check_alerts,
    check_archive,
    check_leftovers,
    check_locks,
    check_runs,
    check_success,
    check_warehouse,
)

Check = Callable[[Patient], Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", check_configuration),
    ("inputs", check_inputs),
    ("permissions", check_permissions),
    ("disk", check_disk),
    ("zones", check_zones),
    ("versions", check_versions),
    ("clock", check_clock),
    ("locks", check_locks),
    ("leftovers", check_leftovers),
    ("archive", check_archive),
    ("warehouse", check_warehouse),
    ("kept runs", check_runs),
    ("alerts", check_alerts),
    ("last success", check_success),
)


def examine(patient: Patient) -> dict[str, list[Finding]]:
    """What each check finds, by its name; nothing is changed."""
    return {name: list(check(patient)) for name, check in CHECKS}
