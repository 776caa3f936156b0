"""The schema diary: which paths and JSON types events have, by day, counted at the load."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import CONFIG, Workspace, event, order

from archiver.warehouse import diary as diary_module
from archiver.warehouse import shapes
from archiver.warehouse.diary import Diary
from archiver.warehouse.shapes import MAX_KEYS, MAX_LEVELS, Shapes, parent, step
from archiver.warehouse.snapshot import Snapshot, read_snapshot, write_snapshot

DAY = date(2026, 1, 15)


def counted(*events: Any) -> dict[tuple[str, str], int]:
    """(path, type) → occurrences, of events of one name and day."""
    return {(row["path"], row["json_type"]): row["occurrences"] for row in rows(*events)}


def rows(*events: Any) -> list[dict[str, Any]]:
    payloads = [event if isinstance(event, str) else json.dumps(event) for event in events]
    diary = Diary()
    diary.add("web", DAY, ["Seen"] * len(payloads), payloads)
    found: list[dict[str, Any]] = diary.table().to_pylist()
    return found


def types_at(path: str, *events: Any) -> dict[str, int]:
    return {kind: count for (at, kind), count in counted(*events).items() if at == path}


def test_each_path_and_type_of_an_event() -> None:
    event = {
        "s": "x", "n": 1, "f": 1.5, "b": True, "z": None, "o": {"k": {}}, "a": [[1, "x"], []]
    }  # fmt: skip
    assert counted(event) == {
        ("$", "object"): 1,
        ("$.s", "string"): 1,
        ("$.n", "number"): 1,
        ("$.f", "number"): 1,
        ("$.b", "boolean"): 1,
        ("$.z", "null"): 1,
        ("$.o", "object"): 1,
        ("$.o.k", "object"): 1,
        ("$.a", "array"): 1,
        ("$.a[*]", "array"): 1,
        ("$.a[*][*]", "number"): 1,
        ("$.a[*][*]", "string"): 1,
    }


def test_an_event_counts_once_whatever_the_number_of_its_elements() -> None:
    events = [{"p": [{"n": 1}, {"n": 2}, {"n": "x"}, {"m": 1}]}, {"p": [{"n": "x"}]}, {"p": []}]
    assert types_at("$.p", *events) == {"array": 3}
    assert types_at("$.p[*]", *events) == {"object": 2}
    assert types_at("$.p[*].n", *events) == {"number": 1, "string": 2}


def test_events_that_have_a_path_are_counted_once_whatever_its_types() -> None:
    found = rows({"p": [1, "x", None]}, {"p": ["x"]}, {"p": [2]}, {"p": []})
    once = {row["json_type"]: row["counted_once"] for row in found if row["path"] == "$.p[*]"}
    assert once == {"null": 1, "number": 1, "string": 1}
    assert types_at("$.p[*]", {"p": [1, "x", None]}, {"p": ["x"]}) == {
        "null": 1, "number": 1, "string": 2
    }  # fmt: skip


@pytest.mark.parametrize("number", ["0", "-0", "1e2", "18446744073709551617", "1e400", "9" * 5000])
def test_a_number_of_any_size_is_a_number(number: str) -> None:
    assert counted(f'{{"n":{number}}}') == {("$", "object"): 1, ("$.n", "number"): 1}


def test_of_equal_keys_the_last_counts() -> None:
    assert types_at("$.a", '{"a":1,"a":"x"}') == {"string": 1}


def test_what_the_fast_reader_refuses_is_read_all_the_same() -> None:
    lone = r'{"a":"\ud800","b":{"\udc00":1},"c":[1e999]}'
    assert counted(lone) == {
        ("$", "object"): 1,
        ("$.a", "string"): 1,
        ("$.b", "object"): 1,
        (r'$.b."\udc00"', "number"): 1,
        ("$.c", "array"): 1,
        ("$.c[*]", "number"): 1,
    }


def test_what_no_reader_can_follow_counts_as_an_object() -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert counted(deep, {"a": 1}) == {("$", "object"): 2, ("$.a", "number"): 1}


@pytest.mark.parametrize(
    ("opening", "closing", "kind"), [('{"a":', "}", "object"), ("[", "]", "array")]
)
def test_nothing_is_followed_below_the_last_level(opening: str, closing: str, kind: str) -> None:
    text = '{"a":' + opening * 60 + "1" + closing * 60 + "}"
    paths = [path for path, _ in counted(text)]
    deepest = max(paths, key=len)
    assert len(paths) == MAX_LEVELS + 1
    assert len(re.findall(r"\.a|\[\*\]", deepest)) == MAX_LEVELS
    assert types_at(deepest, text) == {kind: 1}


def test_an_object_with_many_keys_is_a_map() -> None:
    few = {"x": {f"k{n}": n for n in range(MAX_KEYS)}}
    many = {"x": {f"k{n}": {"v": n} if n % 2 else None for n in range(MAX_KEYS + 1)}}
    assert len(counted(few)) == MAX_KEYS + 2
    assert counted(many, many) == {
        ("$", "object"): 2,
        ("$.x", "object"): 2,
        ("$.x.*", "null"): 2,
        ("$.x.*", "object"): 2,
        ("$.x.*.v", "number"): 2,
    }


def test_an_object_whose_keys_differ_from_event_to_event_is_a_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diary_module, "MAX_CHILDREN", 9)
    ten = [{"x": {f"k{n}": {"v": {f"j{n}": n}}, "y": 1}, "z": 1} for n in range(9)]
    assert counted(*ten, {"x": {}}) == {
        ("$", "object"): 10,
        ("$.x", "object"): 10,
        ("$.x.*", "number"): 9,
        ("$.x.*", "object"): 9,
        ("$.x.*.v", "object"): 9,
        **{(f"$.x.*.v.j{n}", "number"): 1 for n in range(9)},
        ("$.z", "number"): 9,
    }
    below = [{"x": {f"k{n}": {"v": {f"j{n}": n}}}} for n in range(10)]
    assert ("$.x.*.v.*", "number") in counted(*below)
    plain = [{"x": {f"k{n}": n, "y": "z"}} for n in range(10)]
    assert counted(*plain) == {
        ("$", "object"): 10,
        ("$.x", "object"): 10,
        ("$.x.*", "number"): 10,
        ("$.x.*", "string"): 10,
    }


def test_many_paths_alone_make_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary_module, "MAX_CHILDREN", 9)
    event = {f"k{n}": {f"j{m}": 1 for m in range(9)} for n in range(9)}
    assert len(counted(event)) == 1 + 9 + 81


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("total", "$.total"),
        ("_a1", "$._a1"),
        ("1a", '$."1a"'),
        ("Previous ID", '$."Previous ID"'),
        ("a.b[0]", '$."a.b[0]"'),
        ('say "hi"', '$."say \\"hi\\""'),
        ("back\\slash", '$."back\\\\slash"'),
        ("né", '$."né"'),
        ("*", '$."*"'),
        ("", '$.""'),
    ],
)
def test_keys_are_quoted_where_they_are_no_plain_names(key: str, path: str) -> None:
    assert (path, "number") in counted({key: 1})


KEYS = st.sampled_from(["", "*", "a", "b", "a.b", 'a"', "\\", "a b", "é", "0", "[*]"])
KEYS |= st.text(max_size=3)


@settings(deadline=None)
@given(KEYS.filter(lambda key: key not in ("", "*")))
@example('a"b\\"c\\')
def test_duckdb_takes_a_path_as_it_stands(key: str) -> None:
    path = f"${step(key)}"
    found = duckdb.execute(
        "SELECT json_extract($json::JSON, $path), json_extract($json::JSON, $inner)",
        {
            "json": json.dumps({"": 0, key: [{key: 1}]}),
            "path": path,
            "inner": f"{path}[*]{step(key)}",
        },
    ).fetchone()
    assert found is not None
    assert json.loads(found[0]) == [{key: 1}]
    assert found[1] == ["1"]


@given(st.lists(KEYS | st.just(None), max_size=4))
def test_the_parent_is_the_path_without_its_last_step(keys: list[str | None]) -> None:
    steps = ["[*]" if key is None else step(key) for key in keys]
    expected = "$" + "".join(steps[:-1]) if steps else None
    assert parent("$" + "".join(steps)) == expected


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
EVENTS = st.dictionaries(KEYS, VALUES, max_size=6)


def walk(value: Any, path: str) -> set[tuple[str, str]]:
    """What the diary must note of one event, said plainly."""
    if isinstance(value, dict):
        found = {(path, "object")}
        for key, inner in value.items():
            found |= walk(inner, path + (".*" if len(value) > shapes.MAX_KEYS else step(key)))
        return found
    if isinstance(value, list):
        return {(path, "array")}.union(*(walk(inner, f"{path}[*]") for inner in value))
    names = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}
    return {(path, names[type(value)])}


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, max_size=5), st.sampled_from([3, 200]))
def test_any_objects_are_noted_as_they_are(
    monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]], most: int
) -> None:
    monkeypatch.setattr(shapes, "MAX_KEYS", most)
    noted = [walk(event, "$") for event in events]
    found = rows(*events)
    assert {(row["path"], row["json_type"]): row["occurrences"] for row in found} == Counter(
        pair for pairs in noted for pair in pairs
    )
    having: Counter[str] = Counter()
    for row in found:
        having[row["path"]] += row["counted_once"]
    assert having == Counter(path for pairs in noted for path in {path for path, _ in pairs})


@given(EVENTS)
def test_events_that_are_alike_share_a_signature(event: dict[str, Any]) -> None:
    known = Shapes()
    assert known.of_object(event) == known.of_object(copy.deepcopy(event))


# In the warehouse.

PATHS = "SELECT * FROM path_days ORDER BY ALL"


def loaded(workspace: Workspace, name: str, *records: bytes, source: str = "web") -> None:
    path = workspace.write(f"files/{name}", *records)
    workspace.done("ingest", path, "--source", source)
    workspace.done("load")


def test_an_event_without_a_name_stands_under_its_type(workspace: Workspace) -> None:
    identify = event("b", type="identify", event=None)
    loaded(workspace, "a", event("a"), identify, event("c", type=None, event=None))
    events = workspace.sql("SELECT event, occurrences FROM paths WHERE path = '$' ORDER BY event")
    assert [tuple(row.values()) for row in events] == [
        ("Page Seen", 1), ("identify", 1), (None, 1)
    ]  # fmt: skip


def test_every_archived_event_is_in_the_diary(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace("[sources.web]", "[sources.app]\n[sources.web]"))
    loaded(workspace, "a", order("a"), order("a"), event(None), event("", ""), b"{}", b'{"":[]}')
    loaded(workspace, "b", event("a"), b'{"type":7,"event":{"x":1}}', source="app")
    loaded(workspace, "c", *[event(f"{n}", f"2026-01-{n}T00:00:00Z") for n in range(10, 20)])
    archived = workspace.sql(
        "SELECT source, received_date AS day, COUNT(*) AS n FROM event_records"
        " GROUP BY source, received_date ORDER BY ALL"
    )
    for counts in ("occurrences", "path_occurrences"):
        noted = workspace.sql(
            f"SELECT source, day, SUM({counts})::BIGINT AS n FROM path_days WHERE path = '$'"
            " GROUP BY source, day ORDER BY ALL"
        )
        assert noted == archived
    assert sum(row["n"] for row in archived) == 18


def test_loading_step_by_step_notes_the_same_as_a_rebuild(workspace: Workspace) -> None:
    for number in range(4):
        at = f"2026-01-{15 + number % 3}T12:00:00Z"
        mixed = {"tags": [1, "x"][: number % 3], "n": number if number % 2 else str(number)}
        loaded(workspace, str(number), order(f"o{number}", at), event("m", at, properties=mixed))
    before = workspace.sql(PATHS), workspace.sql("SELECT * FROM paths ORDER BY ALL")
    assert len(read_snapshot(workspace.config.warehouse_path).diary_segments) == 4
    shutil.rmtree(workspace.config.warehouse_path)
    workspace.done("load")
    assert len(read_snapshot(workspace.config.warehouse_path).diary_segments) == 1
    after = workspace.sql(PATHS), workspace.sql("SELECT * FROM paths ORDER BY ALL")
    assert after == before


def test_several_segments_of_one_load_add_up(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.warehouse.load.SEGMENT_ROWS", 2)
    days = [event(str(n), f"2026-01-{15 + n // 2}T12:00:00Z", n=n) for n in range(6)]
    loaded(workspace, "a", *days)
    assert len(read_snapshot(workspace.config.warehouse_path).diary_segments) == 3
    found = workspace.sql("SELECT day, occurrences FROM path_days WHERE path = '$.n' ORDER BY day")
    assert [row["occurrences"] for row in found] == [2, 2, 2]


def test_a_late_file_moves_the_first_day(workspace: Workspace) -> None:
    first = "SELECT first_day, last_day FROM paths WHERE path = '$.coupon'"
    loaded(workspace, "a", event("a", "2026-01-15T12:00:00Z", coupon="x"))
    assert workspace.sql(first) == [{"first_day": "2026-01-15", "last_day": "2026-01-15"}]
    loaded(workspace, "b", event("b", "2026-01-13T12:00:00Z", coupon=None))
    assert workspace.sql(first) == [{"first_day": "2026-01-13", "last_day": "2026-01-15"}]


def test_new_rules_leave_the_diary_as_it_is(workspace: Workspace) -> None:
    loaded(workspace, "a", order("a"))
    before = workspace.sql(PATHS)
    workspace.configure(CONFIG.replace('sources = ["web"]', ""))
    workspace.done("load")
    assert workspace.sql(PATHS) == before
    workspace.configure(
        CONFIG.replace("sources = [", 'sources = ["app", ').replace(
            "[sources.web]", "[sources.app]\n[sources.web]"
        )
    )
    loaded(workspace, "b", event("b"))
    roots = "SELECT SUM(occurrences)::BIGINT AS n FROM path_days WHERE path = '$'"
    assert workspace.sql(roots) == [{"n": 2}]


def test_a_warehouse_from_before_the_diary_is_made_anew(workspace: Workspace) -> None:
    loaded(workspace, "a", order("a"))
    before = workspace.sql(PATHS)
    folder = workspace.config.warehouse_path
    written = read_snapshot(folder)
    for name in written.diary_segments:
        (folder / name).unlink()
    old = msgspec.structs.replace(written, diary_segments=[], layout=0)
    write_snapshot(folder, old)
    assert workspace.done("load", "--dry-run", "--json").json == {"data_files": 1}
    workspace.done("load")
    assert workspace.sql(PATHS) == before
    assert len(workspace.sql("SELECT * FROM events")) == 1
    kept = read_snapshot(folder)
    assert all((folder / name).exists() for name in old.files()), "readers still use them"
    assert not set(old.files()) & set(kept.files())


def test_a_missing_diary_segment_is_made_anew(workspace: Workspace) -> None:
    loaded(workspace, "a", order("a"))
    before = workspace.sql(PATHS)
    shutil.rmtree(workspace.config.warehouse_path / "diary")
    workspace.done("load")
    assert workspace.sql(PATHS) == before


def test_diary_segments_that_nobody_needs_are_removed(workspace: Workspace, tmp_path: Path) -> None:
    theirs, ours = "diary/mine.parquet", "diary/000001-0123abcd.parquet"
    for name in (theirs, ours, "diary/.000001-0123abcd.parquet.draft"):
        os.utime(workspace.write(f"data/warehouse/{name}", data=b"x"), (0, 0))
    loaded(workspace, "a", event("a"))
    named = read_snapshot(workspace.config.warehouse_path).diary_segments
    left = {f"diary/{p.name}" for p in (workspace.config.warehouse_path / "diary").iterdir()}
    assert left == {theirs, *named}
    assert list(Snapshot(diary_segments=named).files()) == named


def test_what_an_envelope_says_is_read_with_its_events(workspace: Workspace) -> None:
    item = {"type": "track", "event": "Order Completed", "messageId": "a"}
    item["properties"] = {"order_id": "1", "value": 5, "currency": "USD"}
    batch = {
        "batch": [item, item | {"messageId": "b", "context": {"ip": "::1"}}],
        "context": {"page": {"path": "/x"}},
        "integrations": {"TikTok Conversions": False},
        "sentAt": "2026-01-15T12:00:00Z",
    }
    loaded(workspace, "a.json", json.dumps(batch).encode())
    merged = workspace.sql(
        "SELECT path, occurrences FROM paths WHERE path LIKE '$.context.%' ORDER BY path"
    )
    assert [tuple(row.values()) for row in merged] == [
        ("$.context.ip", 1), ("$.context.page", 2), ("$.context.page.path", 2)
    ]  # fmt: skip
    body = "SELECT message_id, body.context.page.path AS path FROM events ORDER BY message_id"
    assert [tuple(row.values()) for row in workspace.sql(body)] == [("a", "/x"), ("b", "/x")]
    reasons = workspace.sql("SELECT DISTINCT suppressed_reason FROM conversions")
    assert reasons == [{"suppressed_reason": "integration_off"}]
    (verbatim,) = workspace.sql("SELECT payload FROM event_records WHERE message_id = 'a'")
    assert json.loads(verbatim["payload"]) == item
