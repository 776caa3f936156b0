"""The file of metrics after a `watch`: its own samples are new, the others stay as they are.

What the file says of gaps, feeds and the archive takes reading much more than a watch reads; the
nightly makes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from archiver.archive.rounds import Round
from archiver.archive.store import Archive
from archiver.config import Config
from archiver.errors import EXIT_DONE
from archiver.report.metrics import Gauge, metrics_text, put, write_metrics

_PREFIX = "archiver_"
_OWN = 'command="watch"'
_ALERTS = "open_alerts"
_END = "# EOF"


def refresh_metrics(
    config: Config,
    archive: Archive,
    ended: Round,
    open_alerts: Mapping[str, int] | None,
    now: datetime,
) -> None:
    """Bring the file that `[metrics] textfile` names up to date with a watch that ends now.

    Args:
        config: says where it is.
        archive: for the whole file, where there is none yet.
        ended: the record of the watch.
        open_alerts: how many are open, by kind; None: not known, what the file says stays.
        now: UTC.

    Raises:
        MetricsError: it cannot be read or written; what was there stands.
    """
    if config.metrics.textfile is None:
        return
    path = config.folder / Path(config.metrics.textfile).expanduser()
    try:
        known = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        from archiver.report.staleness import feeds

        ages = feeds(config, archive, ended.as_of)
        write_metrics(
            config, archive, now=now, current=ended, feeds=ages, open_alerts=open_alerts or {}
        )
        return
    put(path, merged(known, list(_own_gauges(ended, open_alerts))))


def merged(known: list[str], own: list[Gauge]) -> str:
    """The text of the file with the samples of a watch in place of its older ones.

    A sample that the new ones lack stays, as the last success of a watch that failed.

    Args:
        known: lines of the file.
        own: the new samples; those of a metric without any replace none.
    """
    fresh: dict[str, list[str]] = {}
    heads: dict[str, list[str]] = {}
    for gauge in own:
        lines = metrics_text([gauge]).splitlines()[:-1]
        if lines:
            name = _PREFIX + gauge.name
            heads[name], fresh[name] = lines[:2], lines[2:]
    text: dict[str, list[str]] = {}
    for line in known:
        if line.startswith(("# HELP ", "# TYPE ")):
            name = line.split(" ")[2]
            text.setdefault(name, []).append(line)
        elif line and line != _END:
            name = line.partition("{")[0]
            is_replaced = name in fresh and (_OWN in line or name == _PREFIX + _ALERTS)
            if not is_replaced:
                text.setdefault(name, []).append(line)
    for name, lines in fresh.items():
        text.setdefault(name, list(heads[name])).extend(lines)
    kept = [line for lines in text.values() if len(lines) > 2 for line in lines]
    return "".join(f"{line}\n" for line in (*kept, _END))


def _own_gauges(ended: Round, open_alerts: Mapping[str, int] | None) -> Iterator[Gauge]:
    started = ended.started_at.timestamp()
    last = Gauge("last_run_timestamp_seconds", "When the command last started.")
    last.add(started, command=ended.command)
    success = Gauge(
        "last_success_timestamp_seconds", "When the last run started that ended with 0 or 3."
    )
    success.add(started if ended.exit_code == EXIT_DONE else None, command=ended.command)
    code = Gauge("last_exit_code", "How the command last ended; 137 where it died.")
    code.add(ended.exit_code, command=ended.command)
    seconds = Gauge("step_seconds", "How long a step of the last round took, all names together.")
    took: dict[str, float] = {}
    for step in ended.steps:
        took[step.step] = took.get(step.step, 0.0) + step.seconds
    for name, amount in took.items():
        seconds.add(round(amount, 3), command=ended.command, step=name)
    alerts = Gauge(_ALERTS, "Alerts that are open.")
    for kind, count in sorted((open_alerts or {}).items()):
        alerts.add(count, kind=kind)
    yield from (last, success, code, seconds, alerts)
