"""What changed since the run before: from a late file to the words on the terminal."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars
import pytest
from support import CONFIG, Workspace, order, receipt

from archiver.report.changes import (
    Change,
    Changes,
    DestinationChanges,
    as_json,
    build_changes,
    csv_text,
    write_parquet,
)
from archiver.report.changes_table import table_text
from archiver.warehouse.restatements import FIGURES, REASONS
from archiver.warehouse.runs import RunRecord

AS_OF = ("--as-of", "2026-01-19T12:00:00Z")
LATER = ("--as-of", "2026-01-19T14:00:00Z")


def imported(workspace: Workspace) -> None:
    workspace.done("ingest")
    workspace.done("receipts")


@pytest.fixture
def reconciled(workspace: Workspace) -> Workspace:
    """Three conversions on the 15th, of which one is lost and one pending; the feed goes on."""
    workspace.write(
        "inbound/web/a",
        order("accepted", "2026-01-15T12:00:00Z"),
        order("lost", "2026-01-15T13:00:00Z", integrations={"Meta": False}),
        order("last", "2026-01-18T20:00:00Z"),
        order("pending", "2026-01-19T09:30:00Z", timestamp="2026-01-15T14:00:00Z"),
    )
    workspace.write(
        "receipts/a.ndjson", receipt("accepted"), receipt("last", at="2026-01-19T11:30:00Z")
    )
    imported(workspace)
    workspace.done("reconcile", *AS_OF)
    return workspace


def changes(workspace: Workspace, *options: str) -> list[tuple[str, dict[str, Any], list[str]]]:
    """Account day, each figure that changed with before and after, and the reasons."""
    document = workspace.done("report", "--changes", "--json", *options).json
    return [
        (
            row["day"],
            {
                name: (count, row["after"][name])
                for name, count in row["before"].items()
                if row["after"][name] != count
            },
            [f"{name} {count}" for name, count in row["reasons"].items() if count],
        )
        for part in document["destinations"]
        for row in part["changes"]
    ]


def test_each_reason_from_files_and_settings_to_the_report(reconciled: Workspace) -> None:
    reconciled.write("inbound/web/late", order("late", "2026-01-14T12:00:00Z"))
    imported(reconciled)
    first = reconciled.done("reconcile", *AS_OF).out
    assert "1 day was restated since the run before: archiver report --changes" in first
    gained = {"expected": (0, 1), "gap": (0, 1), "missing": (0, 1)}
    assert changes(reconciled) == [("2026-01-14", gained, ["late_events 1"])]

    reconciled.write("receipts/late.ndjson", receipt("lost"))
    imported(reconciled)
    reconciled.done("reconcile", *AS_OF)
    closed = {"accepted": (1, 2), "gap": (1, 0), "missing": (1, 0)}
    assert changes(reconciled) == [("2026-01-15", closed, ["late_receipts 1"])]

    reconciled.configure(CONFIG + 'integration = "Meta"\n')
    reconciled.done("reconcile", *AS_OF)
    off = {"expected": (3, 2), "accepted": (2, 1), "suppressed": (0, 1)}
    assert changes(reconciled) == [("2026-01-15", off, ["rule_change 1"])]

    reconciled.write("receipts/on.ndjson", receipt("last", at="2026-01-19T13:59:00Z"))
    imported(reconciled)
    reconciled.done("reconcile", *LATER)
    settled = {"pending": (1, 0), "gap": (0, 1), "missing": (0, 1)}
    assert changes(reconciled) == [("2026-01-15", settled, ["settled 1"])]

    reconciled.configure(CONFIG + 'integration = "Meta"\ncoverage = "daily"\n')
    reconciled.done("reconcile", *LATER)
    uncovered = {"unknown": (0, 1), "gap": (1, 0), "missing": (1, 0)}
    assert changes(reconciled) == [("2026-01-14", uncovered, ["coverage 1"])]

    rows = reconciled.sql(
        "SELECT reasons FROM restatements JOIN runs USING (run_id) ORDER BY first_asked_at"
    )
    assert [row["reasons"] for row in rows] == [
        *("late_events", "late_receipts", "rule_change", "settled", "coverage")
    ]
    (value,) = reconciled.sql(
        "SELECT currency, v.gap_before, v.gap FROM restatement_values AS v JOIN restatements"
        " USING (run_id, previous_run_id, destination, day, event) WHERE reasons = 'settled'"
    )
    assert value == {"currency": "USD", "gap_before": "0", "gap": "12.5"}

    (run,) = reconciled.sql("SELECT run_id FROM runs ORDER BY first_asked_at LIMIT 1")
    assert changes(reconciled, "--since", run["run_id"], "--to", "2026-01-14") == [
        ("2026-01-14", {"expected": (0, 1), "unknown": (0, 1)}, ["late_events 1"])
    ]
    kept = [*(reconciled.folder / "data/warehouse/restatements").iterdir()]
    assert len(kept) == 5, "what is compared for a report only is not kept"


def test_nothing_to_compare_and_nothing_changed(reconciled: Workspace) -> None:
    text = reconciled.done("report", "--changes").out
    assert "There is no run before it to compare it with." in text
    document = reconciled.done("report", "--changes", "--json").json
    assert document["previous_run_id"] is None
    assert document["destinations"] == []
    before = document["run_id"]
    said = reconciled.done("reconcile", "--to", "2026-01-16", *AS_OF).out
    assert "restated" not in said
    text = reconciled.done("report", "--changes").out
    assert (
        f"nothing changed in these days since the run as of 2026-01-19 12:00 UTC ({before})."
        in text
    )
    document = reconciled.done("report", "--changes", "--json").json
    assert document["previous_run_id"] == before
    assert document["destinations"][0]["changes"] == []
    result = reconciled.run("report", "--changes", "--since", "other")
    assert (result.code, "the last kept are" in result.err) == (2, True)
    assert reconciled.run("report", "--since", before).code == 2


def test_runs_that_nobody_asked_for_are_not_compared(reconciled: Workspace) -> None:
    before = reconciled.done("report", "--json").json["run_id"]
    reconciled.write("inbound/web/late", order("late", "2026-01-14T12:00:00Z"))
    imported(reconciled)
    reconciled.done("reconcile", "--dry-run", *AS_OF)
    reconciled.done("load")
    assert reconciled.sql("FROM restatements") == []
    reconciled.done("reconcile", *LATER)
    document = reconciled.done("report", "--changes", "--json").json
    assert document["previous_run_id"] == before


def test_a_run_made_again_has_the_same_bytes(reconciled: Workspace) -> None:
    def shown() -> list[bytes]:
        texts = [reconciled.done("report", "--format", name).out for name in ("csv", "json")]
        path = reconciled.folder / "report.parquet"
        reconciled.done("report", "--format", "parquet", "--output", path)
        (run,) = (reconciled.folder / "data/warehouse/runs").iterdir()
        kept = (path, run / "run.json", run / "inputs.parquet")
        return [run.name.encode(), *map(str.encode, texts), *(file.read_bytes() for file in kept)]

    before = shown()
    shutil.rmtree(reconciled.folder / "data/warehouse")
    reconciled.done("reconcile", *AS_OF)
    assert shown() == before


def record(run_id: str, as_of: datetime) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        as_of=as_of,
        from_day=None,
        to_day=None,
        destinations={},
        parameters={},
        no_time={},
        newest_attempts={},
        newest_arrivals={},
        archiver_version="1",
    )


def change(day: int, figures: dict[str, tuple[int, int]], **reasons: int) -> Change:
    return Change(
        day=date(2026, 1, day),
        event="CompletePayment",
        before={name: figures.get(name, (7, 7))[0] for name in FIGURES},
        after={name: figures.get(name, (7, 7))[1] for name in FIGURES},
        values={},
        reasons=dict.fromkeys(REASONS, 0) | reasons,
    )


def some(*found: Change) -> Changes:
    run = record("later", datetime(2026, 1, 19, 12, tzinfo=UTC))
    before = record("earlier", datetime(2026, 1, 18, 12, tzinfo=UTC))
    return Changes(run, before, [DestinationChanges("tiktok", before, [*found])])


def amounts(*texts: str) -> dict[str, Decimal]:
    return dict(zip(("expected", "accepted", "gap"), map(Decimal, texts), strict=True))


def test_terminal_has_a_column_for_each_figure_that_changed() -> None:
    text = table_text(
        some(
            change(14, {"accepted": (1200, 1201), "gap": (2, 1)}, late_receipts=1, settled=2),
            change(15, {"gap": (1, 0)}, late_events=1),
        )
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Changes as of 2026-01-19 12:00 UTC · run later"
    assert lines[2] == "tiktok 2 days restated since the run as of 2026-01-18 12:00 UTC (earlier)"
    assert "day event accepted gap why" in lines
    assert "2026-01-14 CompletePayment 1,200 → 1,201 2 → 1 1 late receipt, 2 settled" in lines
    assert "2026-01-15 CompletePayment · 1 → 0 1 late event" in lines
    assert lines[-3:] == [
        "late events: imported since the run before, or arrived after its instant",
        "late receipts: other attempts are known now than then",
        "settled: the hub does not retry them any more",
    ]


def test_terminal_has_a_line_for_each_figure_where_columns_do_not_fit() -> None:
    figures = dict.fromkeys(FIGURES, (1_234_567, 7_654_321))
    text = table_text(some(change(14, figures, late_events=3, rule_change=1)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert [" ".join(line.split()) for line in lines if "1,234,567" in line][:3] == [
        "2026-01-14 CompletePayment expected 1,234,567 7,654,321 3 late events",
        "accepted 1,234,567 7,654,321 1 by changed rules",
        "pending 1,234,567 7,654,321",
    ]


def test_terminal_shows_all_amounts_only_where_no_count_says_it() -> None:
    values = {"EUR": (amounts("10", "10", "0"), amounts("12.5", "9", "3.5"))}
    counted = Change(**{**vars(change(14, {"gap": (0, 1)}, other=1)), "values": values})
    alone = Change(**{**vars(change(15, {}, other=1)), "values": values})
    assert "accepted EUR" not in table_text(some(counted))
    assert "0.0 → 3.5" not in table_text(some(counted))
    assert "0.00 → 3.50" in table_text(some(counted))
    for name in ("expected EUR", "accepted EUR", "gap EUR"):
        assert name in table_text(some(alone))


@pytest.mark.parametrize("figures", [{"gap": (1, 0)}, dict.fromkeys(FIGURES, (10**6, 2 * 10**6))])
def test_a_name_can_command_neither_the_terminal_nor_its_style(
    figures: dict[str, tuple[int, int]],
) -> None:
    found = replace(change(14, figures, other=1), event="\x1b[2J\x07[red]")
    text = table_text(some(found))
    assert {c for c in text if not c.isprintable()} == {"\n"}
    assert r"\x1b[2J\x07[red]" in text


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({}, "tiktok: nothing changed since the run"),
        ({"from_day": date(2026, 1, 15)}, "tiktok: nothing changed in these days since the run"),
        ({"to_day": date(2026, 1, 15)}, "tiktok: nothing changed in these days since the run"),
    ],
)
def test_nothing_changed_is_said_of_the_days_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: dict[str, date], said: str
) -> None:
    for run_id in ("earlier", "later"):
        kept = record(run_id, datetime(2026, 1, 19, 12, tzinfo=UTC))
        (tmp_path / "runs" / run_id).mkdir(parents=True)
        of_tiktok = msgspec.structs.replace(kept, destinations={"tiktok": "UTC"})
        (tmp_path / "runs" / run_id / "run.json").write_bytes(msgspec.json.encode(of_tiktok))
    monkeypatch.setattr("archiver.report.changes._changes", lambda pair: [])
    runs = tmp_path / "runs"
    found = build_changes(runs / "later", since=runs / "earlier", **days)
    assert said in table_text(found)


def test_json_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    values = {
        "EUR": (amounts("10", "10", "0"), amounts("12.50", "9", "3.50")),
        "USD": (amounts("1", "1", "0"), amounts("0", "0", "0")),
    }
    found = Change(**{**vars(change(14, {"gap": (0, 2)}, other=2)), "values": values})
    (row,) = as_json(some(found))["destinations"][0]["changes"]
    assert (row["before"]["gap"], row["after"]["gap"], row["reasons"]["other"]) == (0, 2, 2)
    assert row["value"]["EUR"]["after"] == {
        "expected": "12.50",
        "accepted": "9.00",
        "gap": "3.50",
    }
    lines = [*csv.DictReader(io.StringIO(csv_text(some(found))))]
    assert [(line["currency"], line["gap"], line["other"]) for line in lines] == [
        ("EUR", "2", "2"),
        ("USD", "", ""),
    ]
    assert [line["value_expected_before"] for line in lines] == ["10.00", "1.00"]
    write_parquet(some(found), tmp_path / "changes.parquet")
    frame = polars.read_parquet(tmp_path / "changes.parquet")
    assert frame["gap"].to_list() == [2, None]
    assert frame["value_gap"].to_list() == [Decimal("3.5"), Decimal("0")]
    assert frame["previous_as_of"][0] == datetime(2026, 1, 18, 12, tzinfo=UTC)
