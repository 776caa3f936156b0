"""The archive into the warehouse: incremental, rebuildable, one row per source and message id."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support import CONFIG, Workspace, event, order

from archiver.warehouse.load import Loaded, load
from archiver.warehouse.publish import publish
from archiver.warehouse.snapshot import read_snapshot

EVENTS = (
    "SELECT source, message_id, file_id, record_number, occurrences, variants FROM events"
    " ORDER BY ALL"
)


def load_now(workspace: Workspace) -> Loaded:
    loaded = load(workspace.config, workspace.archive)
    publish(workspace.config, workspace.archive)
    return loaded


def ingested(workspace: Workspace, name: str, *records: bytes) -> str:
    """Ingest one more file; its id."""
    path = workspace.write(f"inbound/web/{name}", *records)
    files = workspace.done("ingest", path, "--json").json["files"]
    return str(files[0]["file_id"])


def segments(workspace: Workspace) -> set[str]:
    return set(read_snapshot(workspace.config.warehouse_path).event_segments)


def kept(workspace: Workspace, message_id: str) -> dict[str, Any]:
    (row,) = workspace.sql(f"SELECT * EXCLUDE (body) FROM events WHERE message_id = '{message_id}'")
    return row


def test_a_second_load_reads_only_what_is_new(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archiver.warehouse import load as module

    read: list[Path] = []
    read_occurrences = module.read_occurrences
    monkeypatch.setattr(
        module, "read_occurrences", lambda path: [read.append(path), read_occurrences(path)][1]
    )
    ingested(workspace, "a", order("a1"), order("a2"))
    assert load_now(workspace) == Loaded(2, 2, 1, rebuilt=False)
    first = segments(workspace)
    assert load_now(workspace) == Loaded(0, 0, 0, rebuilt=False)
    ingested(workspace, "b", order("b1"), event("b2"))
    read.clear()
    assert load_now(workspace) == Loaded(2, 1, 1, rebuilt=False)
    assert len(read) == 1
    assert first < segments(workspace)
    assert len(workspace.sql(EVENTS)) == 4


@pytest.mark.parametrize("gone", ["", "snapshot.json", "events", "conversions", "warehouse.duckdb"])
def test_what_is_deleted_is_rebuilt(workspace: Workspace, gone: str) -> None:
    for name in ("a", "b"):
        ingested(workspace, name, order("m1", userId=name), order(name))
    workspace.done("load")
    before = workspace.sql(EVENTS), workspace.sql("SELECT * FROM conversions ORDER BY ALL")
    target = workspace.config.warehouse_path / gone
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    workspace.done("load")
    assert before == (
        workspace.sql(EVENTS),
        workspace.sql("SELECT * FROM conversions ORDER BY ALL"),
    )


def test_changed_rules_select_conversions_anew_and_leave_events(workspace: Workspace) -> None:
    ingested(workspace, "a", order("m1"), event("m2"))
    assert load_now(workspace).conversions == 1
    before = segments(workspace)
    workspace.configure(CONFIG.replace("[sources.web]", "[sources.app]\n[sources.web]"))
    text = workspace.config_path.read_text()
    workspace.configure(text.replace('sources = ["web"]', 'sources = ["app"]'))
    assert load_now(workspace) == Loaded(0, 0, 0, rebuilt=False)
    assert workspace.sql("SELECT * FROM conversions") == []
    workspace.configure(CONFIG)
    assert load_now(workspace).conversions == 1
    assert segments(workspace) == before
    assert len(workspace.sql("SELECT * FROM conversions")) == 1


def test_one_row_per_source_and_message_id_the_earliest_arrival_wins(workspace: Workspace) -> None:
    late = ingested(workspace, "a", event("m1", "2026-01-15T12:00:01Z"))
    load_now(workspace)
    assert kept(workspace, "m1")["file_id"] == late
    early = ingested(workspace, "b", event("x"), event("m1", "2026-01-15T12:00:00Z"))
    load_now(workspace)
    row = kept(workspace, "m1")
    assert (row["file_id"], row["record_number"], row["occurrences"]) == (early, 1, 2)
    ingested(workspace, "c", event("m1", "2026-01-16T00:00:00Z"))
    load_now(workspace)
    row = kept(workspace, "m1")
    assert (row["file_id"], row["occurrences"]) == (early, 3)


def test_equal_arrivals_are_told_apart_by_file_and_record(workspace: Workspace) -> None:
    files = [
        ingested(workspace, name, event(name), event("m1", userId=name), event("m1"))
        for name in ("a", "b", "c")
    ]
    load_now(workspace)
    row = kept(workspace, "m1")
    assert (row["file_id"], row["record_number"], row["occurrences"]) == (min(files), 1, 6)


def test_an_occurrence_without_a_time_comes_last(workspace: Workspace) -> None:
    ingested(workspace, "a", event("m1", ""), event("m1", "2026-01-15T12:00:00Z"))
    load_now(workspace)
    assert kept(workspace, "m1")["record_number"] == 1


def test_events_without_an_id_never_merge(workspace: Workspace) -> None:
    ingested(workspace, "a", event(None), event(None), event(None, messageId=True))
    ingested(workspace, "b", event(None), event(None, messageId=None))
    load_now(workspace)
    rows = workspace.sql(EVENTS)
    assert len(rows) == 5
    assert {(row["message_id"], row["occurrences"], row["variants"]) for row in rows} == {
        (None, 1, 1)
    }


def test_an_empty_id_is_no_id(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", order("", n=1), order("", n=2), order("x"))
    workspace.done("ingest")
    workspace.done("load")
    (events,) = workspace.sql("SELECT COUNT(*) AS n, COUNT(message_id) AS ids FROM events")
    (sendable,) = workspace.sql("SELECT COUNT(*) AS n, COUNT(event_id) AS ids FROM conversions")
    assert events == sendable == {"n": 3, "ids": 1}
    (archived,) = workspace.sql("SELECT COUNT(*) AS n FROM event_records WHERE message_id = ''")
    assert archived == {"n": 2}


def test_sources_never_merge(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace("[sources.web]", "[sources.app]\n[sources.web]"))
    path = workspace.write("f", event("m1"))
    for source in ("app", "web"):
        workspace.done("ingest", path, "--source", source)
    load_now(workspace)
    rows = workspace.sql(EVENTS)
    assert [(row["source"], row["occurrences"]) for row in rows] == [("app", 1), ("web", 1)]


AT = "2026-01-15T12:00:00Z"
PLAIN = {"order_id": "1", "value": 12.5, "currency": "USD"}


@pytest.mark.parametrize(
    ("change", "variants"),
    [
        ({"userId": "someone"}, 1),
        ({"sentAt": "2026-01-16T00:00:00Z"}, 1),
        ({"context": {"page": 2}}, 1),
        ({"timestamp": "2026-01-15T07:00:00.000-05:00"}, 1),
        ({"properties": PLAIN | {"coupon": "X"}}, 1),
        ({"properties": PLAIN | {"order_id": 1}}, 1),
        ({"properties": PLAIN | {"value": "12.50"}}, 1),
        ({"properties": PLAIN | {"currency": "usd"}}, 1),
        ({"properties": {"order_id": "1", "revenue": 12.5, "currency": "USD"}}, 1),
        ({"event": "Order Refunded"}, 2),
        ({"timestamp": "2026-01-15T12:00:01Z"}, 2),
        ({"originalTimestamp": "2026-01-15T11:00:00Z"}, 2),
        ({"properties": PLAIN | {"order_id": "2"}}, 2),
        ({"properties": PLAIN | {"order_id": 1.0}}, 2),
        ({"properties": PLAIN | {"value": 12.51}}, 2),
        ({"properties": PLAIN | {"value": None}}, 2),
        ({"properties": PLAIN | {"currency": "CAD"}}, 2),
        ({"properties": {}}, 2),
    ],
)
def test_variants_differ_by_name_time_order_value_or_currency_only(
    workspace: Workspace, change: dict[str, Any], variants: int
) -> None:
    ingested(workspace, "a", order("m1", AT, properties=PLAIN))
    load_now(workspace)
    ingested(workspace, "b", order("m1", AT, **{"properties": PLAIN} | change))
    load_now(workspace)
    row = kept(workspace, "m1")
    assert (row["occurrences"], row["variants"]) == (2, variants)


@pytest.mark.parametrize(
    ("properties", "issues"),
    [
        ({"value": 1.5, "currency": "USD", "order_id": 7}, None),
        ({"value": None, "revenue": "2", "currency": None, "order_id": None}, None),
        ({"value": "free"}, "value"),
        ({"value": "free", "revenue": 2}, "value"),
        ({"value": 2, "revenue": "free"}, None),
        ({"revenue": [1]}, "value"),
        ({"currency": "", "value": 1}, "currency"),
        ({"currency": 840}, "currency"),
        ({"order_id": {"id": 1}, "value": True, "currency": False}, "value, currency, order_id"),
        ({"order_id": "\ud800", "currency": "US dollars"}, "currency, order_id"),
        ({"order_id": "\ud800", "value": "1e400", "note": 1}, "value, order_id"),
        ("text", None),
        (None, None),
    ],
)
def test_what_was_given_and_could_not_be_typed_is_named(
    workspace: Workspace, properties: Any, issues: str | None
) -> None:
    ingested(workspace, "a", order("m1", properties=properties), order("m2"))
    load_now(workspace)
    rows = workspace.sql("SELECT message_id, type_issues FROM events ORDER BY message_id")
    assert [row["type_issues"] for row in rows] == [issues, None]
    view = "SELECT message_id, column_name FROM type_issues"
    assert sorted(row["column_name"] for row in workspace.sql(view)) == sorted(
        issues.split(", ") if issues else []
    )


def test_what_the_archive_could_not_type_comes_first() -> None:
    import pyarrow as pa

    from archiver.warehouse import occurrences as module

    read = [None, "event_time", "event_time, message_id"]
    contents = [module.Content(untyped=("value",)), module.Content(), module.Content()]
    found = module._type_issues(pa.chunked_array([read]), contents)
    assert found.to_pylist() == ["value", "event_time", "event_time, message_id"]
    contents[2] = module.Content(untyped=("currency", "order_id"))
    found = module._type_issues(pa.chunked_array([read]), contents)
    assert found.to_pylist()[2] == "event_time, message_id, currency, order_id"


def test_an_archive_from_before_a_column_can_be_loaded(workspace: Workspace) -> None:
    import pyarrow.parquet as pq

    from archiver.archive.tables import EVENTS

    ingested(workspace, "a", order("m1"))
    (path,) = workspace.archive.live_files(EVENTS)
    old = pq.ParquetFile(path).read()
    pq.write_table(old.drop_columns(["type_issues"]), path, compression="zstd")
    assert load(workspace.config, workspace.archive) == Loaded(1, 1, 1, rebuilt=False)


def test_loading_step_by_step_gives_the_same_as_loading_at_once(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Workspace(tmp_path_factory.mktemp("other"))
    for number in range(6):
        hours = [f"2026-01-15T{(number * 7 + n) % 24:02}:00:00Z" for n in range(3)]
        records = [order(f"m{(number + n) % 4}", hours[n], userId=str(n)) for n in range(3)]
        for where in (workspace, other):
            ingested(where, str(number), *records)
        load_now(workspace)
    load_now(other)
    for query in (EVENTS, "SELECT * FROM conversions ORDER BY ALL"):
        assert workspace.sql(query) == other.sql(query)


def test_a_segment_that_readers_may_use_is_kept(workspace: Workspace) -> None:
    """Whoever opened the warehouse before a rebuild goes on reading the old segments."""
    import os

    import duckdb

    ingested(workspace, "a", order("m1"))
    load_now(workspace)
    for old in workspace.config.warehouse_path.glob("*/*.parquet"):
        os.utime(old, (0, 0))
    with duckdb.connect(str(workspace.database), read_only=True) as reader:
        workspace.configure(CONFIG.replace('sources = ["web"]', ""))
        load_now(workspace)
        assert reader.execute("SELECT COUNT(*) FROM conversions").fetchone() == (1,)


def test_only_files_of_our_own_are_removed_from_the_warehouse(workspace: Workspace) -> None:
    import os

    ours = ["events/000001-0123abcd.parquet", "events/.000001-0123abcd.parquet.draft"]
    ours += ["conversions/000001-0123abcd.parquet.draft"]
    ours += ["recurring/superseded-000001-0123abcd.parquet"]
    theirs = ["events/2025.parquet", "events/notes.txt", "conversions/000001.parquet"]
    theirs += ["recurring/my-000001-0123abcd.parquet"]
    for name in (*ours, *theirs):
        os.utime(workspace.write(f"data/warehouse/{name}", data=b"x"), (0, 0))
    ingested(workspace, "a", order("m1"))
    load_now(workspace)
    left = {name for name in (*ours, *theirs) if (workspace.config.warehouse_path / name).exists()}
    assert left == set(theirs)
