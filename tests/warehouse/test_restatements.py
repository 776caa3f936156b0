"""Kept runs and what changed between them: which are compared, on which days, and kept how."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archiver.warehouse.database import connect
from archiver.warehouse.restatements import (
    FIGURES,
    RESTATEMENT_TABLES,
    Pair,
    bind_restatements,
    keep_comparisons,
    read_comparison,
)
from archiver.warehouse.run_tables import RUN_TABLES
from archiver.warehouse.runs import (
    INPUTS,
    RunRecord,
    asked_runs,
    bind_runs,
    draft_run,
    keep_run,
    kept_runs,
    ledger_rows,
    note_asked,
    read_asked,
    run_before,
    runs_folder,
)

AT = datetime(2026, 1, 20, 3, tzinfo=UTC)
RECORD = RunRecord(
    run_id="",
    as_of=datetime(2026, 1, 19, 12, tzinfo=UTC),
    from_day=None,
    to_day=None,
    destinations={"tiktok": "America/New_York"},
    parameters={"tiktok": {"retry_window": "4:00:00"}},
    no_time={"tiktok": 0},
    newest_attempts={"tiktok": None},
    newest_arrivals={"tiktok": None},
    archiver_version="1",
    versions={"archiver": "1"},
    rules={"tiktok": "rules"},
    sql="sql",
)

LEDGER = pa.Table.from_pylist(
    [{"kind": "events", "source": "web", "file_id": "f1", "archived": 9, "rows": 9}], INPUTS
)


def kept(
    warehouse: Path, run_id: str, missing: dict[str, int] | None = None, **record: Any
) -> Path:
    """A kept run with so many missing conversions, account day → number, and nothing else."""
    if "destinations" in record:
        record["parameters"] = {name: {} for name in record["destinations"]}
    days = [
        dict.fromkeys(FIGURES, 0)
        | {"destination": "tiktok", "day": date.fromisoformat(day), "event": "CompletePayment"}
        | {"expected": number, "gap": number, "missing": number, "expired": 0}
        for day, number in (missing or {}).items()
    ]
    conversions = [
        {
            "destination": "tiktok",
            "source": "web",
            "event_id": f"{row['day']}-{number}",
            "event": "CompletePayment",
            "account_day": row["day"],
            "status": "missing",
            "attempts": 0,
            "file_id": "f1",
            "record_number": number,
        }
        for row in days
        for number in range(row["missing"])
    ]
    rows = {"daily_gaps": days, "reconciliation": conversions}
    draft = draft_run(runs_folder(warehouse), run_id)
    for name, schema in RUN_TABLES.items():
        table = pa.Table.from_pylist(rows.get(name, []), schema)
        pq.write_table(table, draft / f"{name}.parquet")
    with connect() as connection:
        changed = msgspec.structs.replace(RECORD, run_id=run_id, **record)
        return keep_run(connection, draft, changed, LEDGER)


def restated(before: Path, run: Path, tmp_path: Path) -> list[tuple[str, int, int, str]]:
    """Account day, missing before, missing, reasons."""
    table = read_comparison(Pair(before, run, "tiktok"), tmp_path)["restatements"]
    names = ("day", "missing_before", "missing", "reasons")
    return [(str(row["day"]), *(row[n] for n in names[1:])) for row in table.to_pylist()]


def test_the_last_run_is_the_one_asked_for_last(tmp_path: Path) -> None:
    first, second, unasked = (kept(tmp_path, name) for name in "abc")
    note_asked(first, AT)
    note_asked(second, AT)
    assert kept_runs(tmp_path) == [unasked, first, second]
    assert run_before(first, "tiktok") is None
    assert run_before(second, "tiktok") == first
    note_asked(first, datetime(2026, 2, 1, tzinfo=UTC))
    assert kept_runs(tmp_path) == [unasked, second, first]
    assert run_before(first, "tiktok") == second
    asked = read_asked(first)
    assert asked is not None
    assert asked.first_asked_at == AT


def test_asking_again_for_the_last_run_changes_nothing(tmp_path: Path) -> None:
    first, second = kept(tmp_path, "a"), kept(tmp_path, "b")
    note_asked(first, AT)
    note_asked(second, AT)
    before = (second / ".asked").read_bytes()
    note_asked(second, datetime(2026, 2, 1, tzinfo=UTC))
    assert (second / ".asked").read_bytes() == before


def test_each_destination_has_its_own_run_before(tmp_path: Path) -> None:
    both = {"meta": "UTC", "tiktok": "UTC"}
    everything = kept(tmp_path, "a", destinations=both)
    one = kept(tmp_path, "b", destinations={"tiktok": "UTC"})
    again = kept(tmp_path, "c", destinations=both | {"snap": "UTC"})
    for run in (everything, one, again):
        note_asked(run, AT)
    assert run_before(again, "tiktok") == one
    assert run_before(again, "meta") == everything
    assert run_before(again, "snap") is None
    note_asked(one, AT)
    note_asked(again, AT)
    assert run_before(again, "tiktok") == one
    assert run_before(again, "meta") == everything


def test_runs_of_earlier_versions_are_read_and_compared(tmp_path: Path) -> None:
    """They say less: empty `.asked`, no inputs, no fingerprints, fewer tables and columns."""
    old, older = kept(tmp_path, "old", {"2026-01-15": 1}), kept(tmp_path, "older")
    known = ("run_id", "as_of", "from_day", "to_day", "destinations", "parameters", "no_time")
    known += ("newest_attempts", "newest_arrivals", "archiver_version")
    for ns, run in enumerate((older, old)):
        record = msgspec.json.decode((run / "run.json").read_bytes())
        (run / "run.json").write_bytes(msgspec.json.encode({n: record[n] for n in known}))
        (run / "inputs.parquet").unlink()
        (run / ".asked").touch()
        os.utime(run / ".asked", ns=(ns * 1000, ns * 1000))
        (run / "daily_values.parquet").rename(run / "kept_values.parquet")
        table = pq.read_table(run / "daily_gaps.parquet").drop_columns(["expired"])
        pq.write_table(table, run / "daily_gaps.parquet")
    with connect() as connection:
        bind_runs(connection, tmp_path)
        assert connection.execute("SELECT expired FROM daily_gaps").fetchall() == [(None,)]
    new = kept(tmp_path, "new", {"2026-01-15": 3})
    note_asked(new, AT)
    assert asked_runs(tmp_path) == [older, old, new]
    assert run_before(old, "tiktok") == older
    with connect() as connection:
        bind_runs(connection, tmp_path)
        rows = connection.execute("SELECT day, missing, expired FROM daily_gaps ORDER BY missing")
        assert rows.fetchall() == [(date(2026, 1, 15), 1, None), (date(2026, 1, 15), 3, 0)]
        assert connection.execute("SELECT COUNT(*) FROM daily_values").fetchone() == (0,)
    for run in (older, old):
        (run / "kept_values.parquet").rename(run / "daily_values.parquet")
    (tmp_path / "scratch").mkdir()
    assert restated(old, new, tmp_path / "scratch") == [("2026-01-15", 1, 3, "other")]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # The day of the instant in New York is the 19th: the 20th is new, the 10th is not.
        ({}, {"as_of": datetime(2026, 1, 21, tzinfo=UTC)}, ["10", "15", "19"]),
        ({"as_of": datetime(2026, 1, 19, 4, tzinfo=UTC)}, {}, ["10", "15"]),
        ({"to_day": date(2026, 1, 31)}, {"to_day": date(2026, 1, 20)}, ["10", "15", "19", "20"]),
        ({"from_day": date(2026, 1, 15)}, {"from_day": date(2026, 1, 11)}, ["15", "19"]),
        ({"from_day": date(2026, 1, 9)}, {"from_day": date(2026, 1, 15)}, ["15", "19"]),
        ({}, {"from_day": date(2026, 1, 11), "to_day": date(2026, 1, 15)}, ["15"]),
        ({"to_day": date(2026, 1, 11)}, {"from_day": date(2026, 1, 12)}, []),
    ],
)
def test_days_that_both_runs_have(
    before: dict[str, Any], after: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    earlier = kept(tmp_path, "a", **before)
    days = dict.fromkeys(("2026-01-10", "2026-01-15", "2026-01-19", "2026-01-20"), 1)
    later = kept(tmp_path, "b", days, **after)
    assert [day[8:] for day, *_ in restated(earlier, later, tmp_path)] == expected


def test_a_day_of_the_future_that_has_a_row_is_in_the_run(tmp_path: Path) -> None:
    earlier = kept(tmp_path, "a", {"2026-02-01": 1})
    later = kept(tmp_path, "b", {"2026-02-01": 2, "2026-02-02": 1})
    assert restated(earlier, later, tmp_path) == [("2026-02-01", 1, 2, "other")]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, "other"),
        ({"parameters": {"tiktok": {"retry_window": "2:00:00"}}}, "rule_change"),
        ({"rules": {"tiktok": "others"}}, "rule_change"),
        ({"rules": {"tiktok": "rules", "meta": "new"}}, "other"),
        ({"rules": {}}, "other"),
        ({"sql": "another"}, "rule_change"),
        ({"versions": {"archiver": "2"}}, "rule_change"),
        ({"archiver_version": "2"}, "rule_change"),
    ],
)
def test_what_counts_as_a_changed_rule(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    before = kept(tmp_path, "a")
    run = kept(tmp_path, "b", {"2026-01-15": 1}, **changed)
    assert restated(before, run, tmp_path) == [("2026-01-15", 0, 1, reason)]


def test_a_comparison_is_kept_once_and_made_good_where_it_is_missing(tmp_path: Path) -> None:
    name = "tiktok/eu .shop"
    for number, run_id in enumerate("abc"):
        note_asked(kept(tmp_path, run_id, destinations={name: "UTC"}, no_time={name: number}), AT)
    folder = tmp_path / "restatements"
    leftover = folder / ".b-c-tiktok%2Feu%20.shop.draft"
    leftover.mkdir(parents=True)
    (leftover / "restatements.parquet").write_bytes(b"half")
    keep_comparisons(tmp_path)
    found = {path: path.read_bytes() for path in folder.glob("*/*")}
    assert sorted(str(path.relative_to(folder)) for path in found) == [
        f"{pair}-tiktok%2Feu%20.shop/{table}.parquet"
        for pair in ("a-b", "b-c")
        for table in ("restatement_values", "restatements")
    ]
    times = {path: path.stat().st_mtime_ns for path in found}
    keep_comparisons(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in found} == times
    shutil.rmtree(next(folder.glob("a-b-*")))
    keep_comparisons(tmp_path)
    assert {path: path.read_bytes() for path in folder.glob("*/*")} == found


def test_views_over_the_kept_comparisons(tmp_path: Path) -> None:
    with connect() as connection:
        bind_restatements(connection, tmp_path)
        for name, schema in RESTATEMENT_TABLES.items():
            assert connection.sql(f"FROM {name}").columns == schema.names
    for number, run_id in enumerate("abc"):
        note_asked(kept(tmp_path, run_id, {"2026-01-15": number}), AT)
    keep_comparisons(tmp_path)
    with connect() as connection:
        bind_restatements(connection, tmp_path)
        rows = connection.execute(
            "SELECT previous_run_id, run_id, missing_before, missing FROM restatements ORDER BY ALL"
        ).fetchall()
    assert rows == [("a", "b", 0, 1), ("b", "c", 1, 2)]


def test_a_pair_whose_run_is_gone_is_left_out(tmp_path: Path) -> None:
    for run_id in "ab":
        note_asked(kept(tmp_path, run_id), AT)
    (tmp_path / "runs/a/run.json").unlink()
    keep_comparisons(tmp_path)
    assert not (tmp_path / "restatements").exists()


def test_ledger_rows_have_one_order() -> None:
    ledger = pa.table(
        {
            "kind": ["receipts", "events", "events", "events"],
            "source": [None, "web", "app", "web"],
            "destination": ["tiktok", None, None, None],
            "file_id": ["x", "b", "b", "a"],
            "path": ["4", "3", "2", "1"],
            "archived": [1, 2, 3, 4],
            "rows": [1, 2, 3, 4],
        }
    )
    rows = ledger_rows(ledger)
    assert rows.column("archived").to_pylist() == [3, 4, 2, 1]
    assert rows.schema.names == INPUTS.names
    assert ledger_rows(pa.concat_tables([ledger.slice(2), ledger])) == rows
