"""The file of metrics: what OpenMetrics and Prometheus read, and what the numbers are."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from support import CONFIG, Workspace, order, receipt

from archiver.archive.rounds import Round, StepResult, append_round
from archiver.errors import EXIT_PARTIAL
from archiver.report.metrics import Gauge, MetricsError, metrics_text, write_metrics
from archiver.report.staleness import Feed, feeds

assert openmetrics
AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)
STRANGE = 'we"ird\\na\nme.x é'
READERS: tuple[Callable[[str], Iterable[Any]], ...] = (
    open_families,
    parser.text_string_to_metric_families,
)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str, reader: Callable[[str], Iterable[Any]]) -> Samples:
    """What a parser reads: name and labels → value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in reader(text)
        for sample in family.samples
    }


def written(workspace: Workspace, **options: Any) -> Samples:
    """The metrics of a workspace, the same by both parsers."""
    workspace.configure(f'{CONFIG}[metrics]\ntextfile = "metrics/archiver.prom"\n')
    config, archive = workspace.config, workspace.archive
    asked: dict[str, Any] = {
        "now": AS_OF,
        "current": None,
        "feeds": feeds(config, archive, AS_OF),
        "open_alerts": {},
    }
    path = write_metrics(config, archive, **{**asked, **options})
    assert path == workspace.folder / "metrics/archiver.prom"
    by_open, by_prometheus = (samples(path.read_text(), reader) for reader in READERS)
    assert by_open == by_prometheus
    return by_open


def a_round(number: int, code: int | None, command: str = "nightly") -> Round:
    started = AS_OF - timedelta(days=10 - number)
    return Round(
        run_id=f"r{number}",
        command=command,
        as_of=started,
        started_at=started,
        ended_at=started,
        exit_code=code,
        outcome="done" if code == 0 else "died",
        steps=[
            StepResult(step="ingest", name="web", seconds=1.5),
            StepResult(step="ingest", name="app", seconds=0.25),
        ],
    )


@pytest.mark.parametrize("reader", READERS)
def test_labels_survive_whatever_stands_in_a_name(reader: Callable[[str], Iterable[Any]]) -> None:
    gauge = Gauge("feed_age_seconds", "Age.")
    gauge.add(1.5, kind="source", name=STRANGE)
    gauge.add(2, kind="source", name="plain")
    gauge.add(None, kind="source", name="unknown")
    text = metrics_text([gauge, Gauge("open_alerts", "None is open.")])
    assert samples(text, reader) == {
        ("archiver_feed_age_seconds", (("kind", "source"), ("name", STRANGE))): 1.5,
        ("archiver_feed_age_seconds", (("kind", "source"), ("name", "plain"))): 2.0,
    }
    assert text.endswith("# EOF\n")


def test_the_gap_its_value_and_the_next_deadline(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace("pixel", 'max_age = "7d"\npixel'))
    workspace.write("inbound/web/a.ndjson", *(order(f"m{n}") for n in range(9)))
    workspace.write(
        "receipts/a.ndjson",
        *(receipt(f"m{n}", "failed") for n in range(9)),
        receipt("elsewhere", at="2026-01-19T11:00:00Z"),
    )
    for command in ("ingest", "receipts"):
        workspace.done(command)
    workspace.run("reconcile", "--as-of", AS_OF.isoformat())
    found = written(workspace, open_alerts={"gap": 2, "stale": 0})
    tiktok = ("destination", "tiktok")
    assert found["archiver_gap_conversions", (tiktok,)] == 9
    assert found["archiver_gap_value", (("currency", "USD"), tiktok)] == 112.5
    assert found["archiver_recoverable_conversions", (tiktok,)] == 9
    deadline = datetime(2026, 1, 22, 12, tzinfo=UTC).timestamp()
    assert found["archiver_next_deadline_timestamp_seconds", (tiktok,)] == deadline
    web = (("kind", "source"), ("name", "web"))
    assert found["archiver_feed_age_seconds", web] == 4 * 86400
    assert found["archiver_open_alerts", (("kind", "gap"),)] == 2
    assert found["archiver_open_alerts", (("kind", "stale"),)] == 0
    assert found["archiver_archive_bytes", (("table", "events"),)] > 0
    assert found["archiver_last_exit_code", (("command", "reconcile"),)] == 3
    # All nine can no longer be sent a week later.
    late = written(workspace, now=AS_OF + timedelta(days=7))
    assert late["archiver_recoverable_conversions", (tiktok,)] == 0
    assert ("archiver_next_deadline_timestamp_seconds", (tiktok,)) not in late


def test_runs_of_the_rounds(workspace: Workspace) -> None:
    root = workspace.config.archive_root
    for record in (a_round(1, 0), a_round(2, 3), a_round(3, 6)):
        append_round(root, record)
    append_round(root, a_round(4, None, "watch"))
    nightly, watch = (("command", "nightly"),), (("command", "watch"),)
    found = written(workspace)
    assert found["archiver_last_exit_code", nightly] == 6
    assert found["archiver_last_exit_code", watch] == 137
    last = a_round(2, 3).started_at.timestamp()
    assert found["archiver_last_success_timestamp_seconds", nightly] == last
    assert ("archiver_last_success_timestamp_seconds", watch) not in found
    assert found["archiver_step_seconds", (*nightly, ("step", "ingest"))] == 1.75
    # The round that ends now counts, though its record is not kept yet.
    assert written(workspace, current=a_round(5, 0))["archiver_last_exit_code", nightly] == 0


def test_an_archive_without_anything_has_metrics_too(workspace: Workspace) -> None:
    found = written(workspace)
    assert found["archiver_quarantined_records", (("source", "web"),)] == 0
    assert ("archiver_gap_conversions", (("destination", "tiktok"),)) not in found


def test_the_file_is_replaced_whole_or_not_at_all(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(workspace)
    path = workspace.folder / "metrics/archiver.prom"
    before = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644, "another user reads it"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MetricsError, match="No space left") as raised:
        written(workspace, open_alerts={"gap": 1})
    assert raised.value.exit_code == EXIT_PARTIAL
    assert path.read_text() == before
    assert [p.suffix for p in path.parent.iterdir()].count(".prom") == 1


def test_without_a_configured_file_nothing_is_written(workspace: Workspace) -> None:
    before = workspace.listing()
    ages: list[Feed] = []
    config, archive = workspace.config, workspace.archive
    assert (
        write_metrics(config, archive, now=AS_OF, current=None, feeds=ages, open_alerts={}) is None
    )
    assert workspace.listing() == before


def test_a_home_folder_is_understood(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(workspace.folder))
    workspace.configure(f'{CONFIG}[metrics]\ntextfile = "~/m.prom"\n')
    config, archive = workspace.config, workspace.archive
    path = write_metrics(config, archive, now=AS_OF, current=None, feeds=[], open_alerts={})
    assert path == Path(workspace.folder / "m.prom")
