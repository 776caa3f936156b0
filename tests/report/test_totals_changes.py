"""Counts of totals that differ between two runs: from kept tables to the words on the terminal."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archiver.report.changes import Change, Changes, DestinationChanges, as_json
from archiver.report.changes_table import table_text
from archiver.report.totals_changes import TotalsChange, totals_changes
from archiver.warehouse.restatements import FIGURES, REASONS, Pair
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import RunRecord

DAY = date(2026, 1, 15)
AS_OF = datetime(2026, 1, 19, 12, tzinfo=UTC)


def record(run_id: str, **changes: Any) -> RunRecord:
    known: dict[str, Any] = {
        **{"run_id": run_id, "as_of": AS_OF, "from_day": None, "to_day": None},
        **{"destinations": {"tiktok": "UTC", "meta": "UTC"}, "parameters": {}, "no_time": {}},
        **{"newest_attempts": {}, "newest_arrivals": {}, "archiver_version": "1"},
    }
    return RunRecord(**known | changes)


def kept(folder: Path, *rows: dict[str, Any], **changes: Any) -> Path:
    """A run's folder with these totals: of 100 conversions that were expected, unless they say."""
    folder.mkdir()
    (folder / "run.json").write_bytes(msgspec.json.encode(record(folder.name, **changes)))
    usual = {"destination": "tiktok", "day": DAY, "event": "Lead", "expected": 100, "pending": 0}
    table = pa.Table.from_pylist([usual | row for row in rows], schema=RUN_TABLES["daily_totals"])
    pq.write_table(table, folder / "daily_totals.parquet")
    pq.write_table(RUN_TABLES["daily_gaps"].empty_table(), folder / "daily_gaps.parquet")
    return folder


def changed(
    folder: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], **changes: Any
) -> list[TotalsChange]:
    runs = kept(folder / "before", *before), kept(folder / "run", *after, **changes)
    return totals_changes(Pair(*runs, "tiktok"))


def figures(*counts: int | None) -> dict[str, int | None]:
    return dict(zip(("delivered", "received", "attributed", "difference"), counts, strict=True))


LATE = TotalsChange(
    DAY, "Lead", figures(None, 90, None, 10), figures(None, 1_098, None, -998), "late_totals"
)


def test_a_count_that_came_late(tmp_path: Path) -> None:
    before = [{"received": 90, "difference": 10}, {"event": "Same", "received": 1}]
    after = [
        *({"received": 1098, "difference": -998}, {"event": "Same", "received": 1}),
        *({"event": "(all)", "attributed": 3}, {"destination": "meta", "received": 1}),
        {"day": date(2026, 1, 16), "event": "Same"},
    ]
    assert changed(tmp_path, before, after) == [
        TotalsChange(DAY, "(all)", figures(*[None] * 4), figures(None, None, 3, None), LATE.reason),
        LATE,
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"expected": 101}, "expected"), ({"pending": 1}, "expected"), ({}, "rule_change")],
)
def test_another_difference_of_the_same_counts(
    tmp_path: Path, more: dict[str, int], reason: str
) -> None:
    then = {"delivered": 100, "received": 90, "difference": 0}
    (change,) = changed(tmp_path, [then], [then | {"difference": 10} | more])
    assert (change.before["difference"], change.after["difference"]) == (0, 10)
    assert change.reason == reason


def test_days_of_one_run_only_and_runs_without_totals_do_not_differ(tmp_path: Path) -> None:
    late = {"received": 90, "difference": 10}
    assert changed(tmp_path, [], [late], from_day=date(2026, 1, 16)) == []
    runs = [tmp_path / name for name in ("before", "run")]
    (runs[0] / "daily_totals.parquet").unlink()
    assert totals_changes(Pair(*runs, "tiktok")) == []


def shown(*changes: Change) -> Changes:
    run, before = record("later"), record("earlier")
    part = DestinationChanges("tiktok", before, [*changes], totals_changes=[LATE])
    return Changes(run, before, [part])


def test_the_terminal_does_not_say_that_nothing_changed() -> None:
    said = [" ".join(line.split()) for line in table_text(shown()).splitlines() if line.strip()]
    assert "nothing changed" not in " ".join(said)
    assert said[1] == (
        "tiktok: only counts of totals changed since the run as of 2026-01-19 12:00 UTC (earlier)."
    )
    assert said[-3:] == [
        "2026-01-15 Lead received 90 1,098 late totals",
        "difference 10 -998",
        "late totals: other counts are known now than then",
    ]


def test_totals_stand_below_restated_days() -> None:
    same = dict.fromkeys(FIGURES, 7)
    restated = Change(DAY, "Lead", same | {"gap": 0}, same, {}, dict.fromkeys(REASONS, 1))
    text = table_text(shown(restated))
    assert "tiktok  1 day restated since" in text
    assert text.index("0 → 7") < text.index("1,098")


def test_json_has_them_beside_the_restated_days() -> None:
    (part,) = as_json(shown())["destinations"]
    assert part["changes"] == []
    assert part["totals_changes"] == [
        {
            **{"day": "2026-01-15", "event": "Lead", "reason": "late_totals"},
            **{"before": LATE.before, "after": LATE.after},
        }
    ]
