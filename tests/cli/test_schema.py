"""`archiver schema`: what the events look like, and what changed, to read and for scripts."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import duckdb
import polars
import pytest
from support import CONFIG, Workspace, event, order

ITEM = {"sku": "a", "price": 1.5}
CHANGE = {
    *("day", "source", "event", "path", "change", "json_type", "since", "last_seen"),
    *("occurrences", "paths_below"),
}


def at(day: int) -> str:
    return f"2026-01-{day}T12:00:00Z"


@pytest.fixture
def loaded(workspace: Workspace) -> Workspace:
    """Four days: a coupon comes and goes, the value turns into text, an event name appears."""
    days = [
        order("a", at(14), properties={"value": 1, "items": [ITEM]}),
        order("b", at(15), properties={"value": 1, "items": [ITEM], "coupon": {"code": "x"}}),
        order("c", at(16), properties={"value": "1", "items": []}),
        event("d", at(17), **{"event": "\x1b[2JOdd\nname"}, label={"Previous ID": 1}),
    ]
    workspace.write("inbound/web/a.ndjson", *days)
    workspace.done("ingest")
    workspace.done("load")
    return workspace


def test_the_fields_of_one_event(loaded: Workspace) -> None:
    out = loaded.done("schema", "Order Completed").out
    heading, columns, *rows = out.splitlines()
    assert heading == "web · Order Completed  3 events, 2026-01-14 to 2026-01-16"
    assert columns.split() == ["path", "types", "first", "day", "last", "day", "events"]
    cells = {row.split()[0]: row.split()[1:] for row in rows}
    assert cells["$.properties.value"] == ["number,", "string", "2026-01-14", "2026-01-16", "3"]
    assert cells["$.properties.items[*].sku"] == ["string", "2026-01-14", "2026-01-15", "2"]
    assert "$" not in cells
    assert {len(row) for row in (columns, *rows)} == {100}


def test_all_events_each_under_its_heading(loaded: Workspace) -> None:
    out = loaded.done("schema").out
    headings = [line for line in out.splitlines() if line.startswith("web · ")]
    assert [heading.split("  ")[0] for heading in headings] == [
        r"web · \x1b[2JOdd\nname",
        "web · Order Completed",
    ]
    assert max(map(len, out.splitlines())) <= 100
    assert '$.label."Previous ID"' in out


def test_what_changed_day_by_day(loaded: Workspace) -> None:
    out = loaded.done("schema", "--changes").out
    assert [line for line in out.splitlines() if line.startswith("2026")] == [
        "2026-01-15",
        "2026-01-16",
        "2026-01-17",
    ]
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "appeared $.properties.coupon (and 1 below) 2026-01-15 2026-01-15 1",
        "vanished $.properties.coupon (and 1 below) 2026-01-15 2026-01-15 1",
        "string appeared $.properties.value 2026-01-16 2026-01-16 1",
        "number vanished $.properties.value 2026-01-14 2026-01-15 2",
        "vanished $.properties.items[*] (and 2 below) 2026-01-14 2026-01-15 2",
        "appeared the event itself (and 7 below) 2026-01-17 2026-01-17 1",
    ):
        assert line in lines
    assert max(map(len, out.splitlines())) <= 100


def test_days_are_those_of_the_changes(loaded: Workspace) -> None:
    document = loaded.done("schema", "--changes", "--from", "2026-01-17", "--json").json
    assert {change["day"] for change in document["changes"]} == {"2026-01-17"}
    document = loaded.done("schema", "--changes", "--to", "2026-01-15", "--json").json
    assert {change["day"] for change in document["changes"]} == {"2026-01-15"}
    assert loaded.run("schema", "--to", "2026-01-15").code == 2, "days of what?"
    assert loaded.run("schema", "--from", "2026-01-16", "--to", "2026-01-15").code == 2


def test_json_documents(loaded: Workspace) -> None:
    document = loaded.done("schema", "Order Completed", "--json").json
    assert document == loaded.done("schema", "Order Completed", "--format", "json").json
    assert document.keys() == {"paths"}
    (value,) = [row for row in document["paths"] if row["path"] == "$.properties.value"]
    assert value == {
        **{"source": "web", "event": "Order Completed", "path": "$.properties.value"},
        **{"types": ["number", "string"], "occurrences": 3},
        **{"first_day": "2026-01-14", "last_day": "2026-01-16"},
    }
    changes = loaded.done("schema", "Order Completed", "--changes", "--json").json
    assert changes.keys() == {"changes"}
    assert all(change.keys() == CHANGE for change in changes["changes"])
    assert changes["changes"][0] == {
        **{"day": "2026-01-15", "source": "web", "event": "Order Completed"},
        **{"path": "$.properties.coupon", "change": "appeared", "json_type": None},
        **{"since": "2026-01-15", "last_seen": "2026-01-15", "occurrences": 1, "paths_below": 1},
    }


def test_csv_parquet_and_files(loaded: Workspace, tmp_path: Path) -> None:
    out = loaded.done("schema", "--changes", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0].keys() == CHANGE
    path = tmp_path / "paths.parquet"
    loaded.done("schema", "Order Completed", "--format", "parquet", "--output", path)
    frame = polars.read_parquet(path).filter(polars.col("path") == "$.properties.value")
    assert frame["types"].to_list() == [["number", "string"]]
    assert frame["first_day"].to_list() == [date(2026, 1, 14)]
    for name in ("table", "json"):
        path = tmp_path / name
        result = loaded.done("schema", "--changes", "--format", name, "--output", path)
        assert result.out == ""
        assert path.read_text() == loaded.done("schema", "--changes", "--format", name).out
    assert loaded.run("schema", "--format", "parquet").code == 2
    assert loaded.run("schema", "--format", "csv", "--output", "/proc/x/y").code == 2


def test_one_source_of_two(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace("[sources.web]", "[sources.app]\n[sources.web]"))
    path = workspace.write("f", event("a"))
    for source in ("app", "web"):
        workspace.done("ingest", path, "--source", source)
    workspace.done("load")
    paths = workspace.done("schema", "--source", "app", "--json").json["paths"]
    assert {path["source"] for path in paths} == {"app"}
    result = workspace.run("schema", "--source", "wep")
    assert result.code == 2
    assert "known: app, web" in result.err


def test_an_unknown_event_names_the_nearest(loaded: Workspace) -> None:
    result = loaded.run("schema", "order complete")
    assert result.code == 2
    assert "did you mean 'Order Completed'?" in result.err
    assert loaded.run("schema", "' OR 1 = 1 --").code == 2


def test_nothing_to_show(workspace: Workspace) -> None:
    workspace.done("load")
    assert workspace.done("schema").out == "No event is in the warehouse.\n"
    assert workspace.done("schema", "--changes").out.startswith("Nothing appeared")
    assert workspace.done("schema", "--json").json == {"paths": []}
    assert workspace.run("schema", "Order Completed").code == 2


def test_before_the_first_load_it_says_what_to_do(workspace: Workspace) -> None:
    result = workspace.run("schema")
    assert (result.code, result.err) == (2, workspace.run("sql", "SELECT 1").err)
    assert "archiver load" in result.err


def test_a_warehouse_without_a_diary_says_what_to_do(loaded: Workspace) -> None:
    loaded.database.unlink()
    with duckdb.connect(str(loaded.database)) as old:
        old.execute("CREATE VIEW events AS SELECT 1")
    result = loaded.run("schema")
    assert result.code == 2
    assert "archiver load" in result.err


def test_it_changes_nothing(loaded: Workspace) -> None:
    before = loaded.listing()
    loaded.done("schema")
    loaded.done("schema", "--changes", "--json")
    assert loaded.listing() == before
