"""The settings of what runs unattended: the night, its alerts, its report, its housekeeping."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

ALERT_KINDS = ("outage", "stale", "gap", "deadline", "failed", "quarantine", "schema")
"""What alerts can be about; the first of those in a message gives it its title."""


class NightlySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[nightly]`: what its exit code, and that of `status`, is judged by.

    Attributes:
        stale_after: age of the last success above which `status` exits 6.
        threshold_days: account days, counted back from the as-of's, whose gap is looked at.
    """

    stale_after: timedelta = timedelta(hours=26)
    threshold_days: int = 14


class HousekeepingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[housekeeping]`: what becomes of files that are small, replaced or old.

    Attributes:
        compact_after: age of a partition's day, counted from its end, above which it is closed:
            its data files become few.
        history: how long files that were replaced stay, for readers of older versions.
        keep_events, keep_receipts, keep_quarantine: age above which whole days of the table are
            deleted; None: never.
        keep_runs: age above which kept reconciliations are deleted, the newest excepted; None:
            never.
    """

    compact_after: timedelta = timedelta(days=2)
    history: timedelta = timedelta(days=7)
    keep_events: timedelta | None = None
    keep_receipts: timedelta | None = None
    keep_quarantine: timedelta | None = None
    keep_runs: timedelta | None = None


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[report]`: what `nightly` writes for people.

    Attributes:
        folder: where to; files are named after the as-of, `latest.*` is the last.
        formats: which; empty: none.
    """

    folder: str = "data/reports"
    formats: list[Literal["html", "markdown", "json", "csv"]] = msgspec.field(
        default_factory=lambda: ["html", "markdown", "json"]
    )


class AlertsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[alerts]`: when people are told.

    Attributes:
        cooldown: least time between two updates of one incident.
        deadline_within: time before a recovery deadline at which it is an alert.
        heartbeat_url_env: the variable with the URL that hears of every success, and of nothing
            else.
        timeout: how long a channel may take.
    """

    cooldown: timedelta = timedelta(hours=6)
    deadline_within: timedelta = timedelta(hours=12)
    heartbeat_url_env: str = "HEARTBEAT_URL"
    timeout: timedelta = timedelta(seconds=10)


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[channels.NAME]`: one place that alerts go to.

    Attributes:
        url_env: the variable with its URL, which is a secret.
        type: an address of apprise, or a URL that takes JSON by POST.
        kinds: kinds of alerts that it gets; empty: all.
    """

    url_env: str
    type: Literal["apprise", "webhook"] = "apprise"
    kinds: list[str] = []


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[watch]`: when an API is judged to be failing, from receipts by the hour.

    Attributes:
        baseline_weeks: weeks back whose same hours are the baseline.
        min_attempts: attempts below which an hour is not judged.
        max_drop: by how much the acceptance ratio may fall below the baseline.
    """

    baseline_weeks: int = 4
    min_attempts: int = 20
    max_drop: float = 0.2


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[metrics]`: numbers for a monitoring system.

    Attributes:
        textfile: file in the folder of node_exporter's textfile collector; None: not written.
    """

    textfile: str | None = None


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """`[[annotations]]`: what people know of an instant, shown on the report's time axis.

    Attributes:
        time: the instant.
        text: what happened; no personal data, since reports are mailed.
        destination: whom it concerns; None: all.
    """

    time: datetime
    text: str
    destination: str | None = None
