"""Numbers for a monitoring system: one file in text that OpenMetrics and Prometheus both read.

Source of the format: OpenMetrics 1.0, "Text format", and Prometheus, "Text-based format" (high):
gauges without suffix, timestamps of samples left out, and `# EOF`, a comment to Prometheus, are in
both. The textfile collector of node_exporter reads files that end in `.prom` (high).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.archive.rounds import Round, read_rounds
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES, TABLES
from archiver.config import Config
from archiver.errors import EXIT_DONE, EXIT_GAP, EXIT_PARTIAL, ArchiverError
from archiver.files import write_durably
from archiver.report.staleness import Feed
from archiver.report.standing import Standing, standings

_GOOD = (EXIT_DONE, EXIT_GAP)
_ROUNDS = ("nightly", "watch")


class MetricsError(ArchiverError):
    """The file of metrics that could not be written; the file before stands."""

    exit_code = EXIT_PARTIAL


@dataclass
class Gauge:
    """One metric.

    Attributes:
        name: without `archiver_`.
        about: its help, one line.
        samples: labels with their values, and the number; each set of labels once.
    """

    name: str
    about: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """Add a sample; what is not known has none."""
        if value is not None:
            self.samples.append((labels, value))


def write_metrics(
    config: Config,
    archive: Archive,
    *,
    now: datetime,
    current: Round | None,
    feeds: Sequence[Feed],
    open_alerts: Mapping[str, int],
) -> Path | None:
    """Replace the file that `[metrics] textfile` names, in one step.

    Args:
        config: where to; sources and destinations.
        archive: ledger, logs and records of rounds.
        now: by which ages are counted and deadlines have passed, UTC.
        current: the round that ends now, whose record need not be kept yet.
        feeds: as `staleness.feeds` has them.
        open_alerts: how many are open, by kind.

    Returns:
        The file; None where none is configured.

    Raises:
        MetricsError: it cannot be written; what was there stands.
    """
    if config.metrics.textfile is None:
        return None
    path = config.folder / Path(config.metrics.textfile).expanduser()
    gauges = collect(
        config, archive, now=now, current=current, feeds=feeds, open_alerts=open_alerts
    )
    put(path, metrics_text(gauges))
    return path


def put(path: Path, text: str) -> None:
    """Replace the file of the metrics in one step.

    Raises:
        MetricsError: it cannot be written; what was there stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, text.encode())
    except OSError as error:
        raise MetricsError(
            f"writing the metrics {path}",
            error.strerror or str(error),
            "make the folder writable, or change metrics.textfile",
        ) from None


def metrics_text(gauges: Iterable[Gauge]) -> str:
    """The file's text; a metric without samples is left out."""
    lines = [line for gauge in gauges if gauge.samples for line in _lines(gauge)]
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def collect(
    config: Config,
    archive: Archive,
    *,
    now: datetime,
    current: Round | None,
    feeds: Sequence[Feed],
    open_alerts: Mapping[str, int],
) -> list[Gauge]:
    """All metrics; the arguments are those of `write_metrics`."""
    return [
        *_of_runs(archive.root, current),
        *_of_destinations(standings(config, now)),
        *_of_feeds(feeds, now),
        *_of_alerts(open_alerts),
        *_of_archive(config, archive),
    ]


def _of_runs(root: Path, current: Round | None) -> Iterator[Gauge]:
    last = Gauge("last_run_timestamp_seconds", "When the command last started.")
    success = Gauge(
        "last_success_timestamp_seconds", "When the last run started that ended with 0 or 3."
    )
    code = Gauge("last_exit_code", "How the command last ended; 137 where it died.")
    seconds = Gauge("step_seconds", "How long a step of the last round took, all names together.")
    known = {name: _rounds(root, name, current) for name in _ROUNDS}
    for name, rounds in known.items():
        if not rounds:
            continue
        last.add(rounds[-1].started_at.timestamp(), command=name)
        good = [r for r in rounds if r.exit_code in _GOOD]
        success.add(good[-1].started_at.timestamp() if good else None, command=name)
        code.add(137 if rounds[-1].exit_code is None else rounds[-1].exit_code, command=name)
        took: dict[str, float] = {}
        for step in rounds[-1].steps:
            took[step.step] = took.get(step.step, 0.0) + step.seconds
        for step_name, amount in took.items():
            seconds.add(round(amount, 3), command=name, step=step_name)
    for name, record in _last_commands(root):
        if name in known:
            continue
        started = datetime.fromisoformat(record["started_at"]).timestamp()
        last.add(started, command=name)
        success.add(started if record["exit_code"] in _GOOD else None, command=name)
        code.add(record["exit_code"], command=name)
    yield from (last, success, code, seconds)


def _rounds(root: Path, command: str, current: Round | None) -> list[Round]:
    """The rounds of the newest months, the one that ends now last."""
    rounds = read_rounds(root, command=command, months=2)
    if current is not None and current.command == command:
        rounds = [r for r in rounds if r.run_id != current.run_id] + [current]
    return rounds


def _last_commands(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((root / "_last").glob("*.json")):
        try:
            yield path.stem, json.loads(path.read_bytes())
        except ValueError:
            continue


def _of_destinations(known: Iterable[Standing]) -> Iterator[Gauge]:
    gap = Gauge("gap_conversions", "Conversions in the gap, over all days.")
    value = Gauge("gap_value", "Their value.")
    recoverable = Gauge("recoverable_conversions", "Those of the gap that can be sent again.")
    deadline = Gauge(
        "next_deadline_timestamp_seconds", "When the first of those can no longer be sent."
    )
    for one in known:
        if one.run is None:
            continue
        gap.add(one.counts["gap"], destination=one.destination)
        for currency, amount in one.gap_value.items():
            value.add(float(amount), destination=one.destination, currency=currency)
        recoverable.add(one.still_recoverable, destination=one.destination)
        deadline.add(_seconds(one.next_deadline), destination=one.destination)
    yield from (gap, value, recoverable, deadline)


def _of_feeds(feeds: Iterable[Feed], now: datetime) -> Iterator[Gauge]:
    age = Gauge("feed_age_seconds", "Age of a feed's newest event or sign of life.")
    for feed in feeds:
        if feed.newest is not None:
            age.add((now - feed.newest).total_seconds(), kind=feed.kind, name=feed.name)
    yield age


def _of_alerts(open_alerts: Mapping[str, int]) -> Iterator[Gauge]:
    alerts = Gauge("open_alerts", "Alerts that are open.")
    for kind, count in sorted(open_alerts.items()):
        alerts.add(count, kind=kind)
    yield alerts


def _of_archive(config: Config, archive: Archive) -> Iterator[Gauge]:
    bad = dict.fromkeys(config.sources, 0)
    columns = ["kind", "source", "quarantined"]
    for row in archive.read(INBOUND_FILES, columns).to_pylist():
        if row["kind"] == "events":
            bad[row["source"]] = bad.get(row["source"], 0) + row["quarantined"]
    quarantined = Gauge("quarantined_records", "Records ever put into quarantine.")
    for name, count in sorted(bad.items()):
        quarantined.add(count, source=name)
    size = Gauge("archive_bytes", "Bytes of a table's live data files.")
    for name, table in TABLES.items():
        size.add(sum(file.size_bytes for file in archive.data_files(table)), table=name)
    yield from (quarantined, size)


def _lines(gauge: Gauge) -> Iterator[str]:
    name = f"archiver_{gauge.name}"
    yield f"# HELP {name} {gauge.about}"
    yield f"# TYPE {name} gauge"
    for labels, value in gauge.samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{shown}}} {_number(value)}"


def _escaped(text: str) -> str:
    # A carriage return ends a line for some readers, and neither format can escape it.
    clean = text.replace("\r", " ").encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.astimezone(UTC).timestamp()
