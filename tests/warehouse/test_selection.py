"""Conversions among event occurrences, as they are loaded: ids by tiers, reasons, names."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import CONFIG, IMPORTED_AT, Workspace, event, lines, order

from archiver.archive.ingest import ingest
from archiver.inbound.paths import named_paths
from archiver.warehouse.load import load
from archiver.warehouse.selection import CONVERSION_OCCURRENCES
from archiver.warehouse.snapshot import read_snapshot

KEYS = """
match_keys = [
  { path = "properties.eventId" },
  { path = ["properties", "event.id"], transform = ["trim", "lower"] },
  { path = "messageId", transform = "sha1" },
]
"""


def ingested(workspace: Workspace, *records: bytes, name: str = "a") -> None:
    path = workspace.write(name, data=lines(*records))
    paths = named_paths([str(path)], Path("/"), io.BytesIO())
    (result,) = ingest(workspace.archive, "web", paths, IMPORTED_AT)
    assert result.status == "imported"


def loaded(workspace: Workspace) -> pa.Table:
    """All conversion occurrences, in the order of their records."""
    load(workspace.config, workspace.archive)
    folder = workspace.config.warehouse_path
    names = read_snapshot(folder).conversion_segments
    parts = [pq.read_table(folder / name) for name in names]
    table = pa.concat_tables(parts) if parts else CONVERSION_OCCURRENCES.empty_table()
    assert table.schema.equals(CONVERSION_OCCURRENCES)
    return table.sort_by([("destination", "ascending"), ("record_number", "ascending")])


def columns(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def keyed(message_id: str, **properties: Any) -> bytes:
    return order(message_id, properties=properties)


def test_ids_by_tiers(workspace: Workspace) -> None:
    workspace.configure(CONFIG + KEYS)
    sha1_of_abc = "a9993e364706816aba3e25717850c26c9cd0d89d"
    ingested(
        workspace,
        keyed("abc", eventId="e", **{"event.id": " X "}),
        keyed("abc", eventId="", **{"event.id": "Y"}),
        keyed("abc"),
        keyed("", eventId=12.50),
        keyed("", eventId=" "),
        keyed(""),
    )
    assert columns(loaded(workspace), "message_id", "event_id", "key_tier", "further_ids") == [
        ("abc", "e", 1, ["x", sha1_of_abc]),
        ("abc", "y", 2, [sha1_of_abc]),
        ("abc", sha1_of_abc, 3, None),
        (None, "12.5", 1, None),
        (None, " ", 1, None),
        (None, None, None, None),
    ]


@pytest.mark.parametrize("settings", ["", 'match_keys = [{ path = "messageId" }]'])
def test_the_message_id_is_the_only_key_by_default(workspace: Workspace, settings: str) -> None:
    workspace.configure(f"{CONFIG}{settings}\n")
    batch = {"messageId": 1.10, "type": "track", "event": "Order Completed"}
    ingested(workspace, order("m1"), order(""), event(None, event="Order Completed"))
    ingested(workspace, json.dumps(batch).encode().replace(b"1.1", b"1.10"), name="b")
    found = columns(loaded(workspace), "message_id", "event_id", "key_tier", "further_ids")
    assert sorted(found, key=repr) == [
        ("1.10", "1.10", 1, None),
        ("m1", "m1", 1, None),
        (None, None, None, None),
        (None, None, None, None),
    ]


def test_an_id_from_the_envelope_is_the_events(workspace: Workspace) -> None:
    workspace.configure(CONFIG + 'match_keys = [{ path = "messageId", transform = "upper" }]\n')
    payload = json.loads(event(None, event="Order Completed"))
    about = {"userId": "u", "messageId": "outer", "createdAt": "2026-01-15T12:00:00Z"}

    ingested(workspace, json.dumps(about | {"payload": payload}).encode())
    assert columns(loaded(workspace), "message_id", "event_id") == [("outer", "OUTER")]


def test_each_destination_has_its_own_rules_and_reasons(workspace: Workspace) -> None:
    second = CONFIG.partition("[destinations.tiktok]")[2]
    workspace.configure(
        CONFIG
        + """
[[destinations.tiktok.rules]]
event = "Plan Upgraded"
filter = [{ path = "properties.plan", is = "pro" }]
"""
        + f"[destinations.b]{second}"
        + """
test_events = [{ path = "userId", matches = "^test-" }]
[[destinations.b.rules]]
event = "Order Completed"
ignore = true
[[destinations.b.rules]]
event = "Plan Upgraded"
name = "Subscribe"
"""
    )
    ingested(
        workspace,
        order("m0"),
        event("m1", event="Plan Upgraded", properties={"plan": "free"}),
        event("m2", event="Plan Upgraded", properties={"plan": "pro"}, userId="test-1"),
        event("m3", type="page", event=None, userId="test-1"),
        event("m4", event="Nobody's"),
    )
    found = columns(loaded(workspace), "destination", "message_id", "event", "suppressed_reason")
    assert found == [
        ("b", "m1", "Subscribe", None),
        ("b", "m2", "Subscribe", "test_event"),
        ("b", "m3", "PageView", "test_event"),
        ("tiktok", "m0", "CompletePayment", None),
        ("tiktok", "m1", "Plan Upgraded", "filtered"),
        ("tiktok", "m2", "Plan Upgraded", None),
        ("tiktok", "m3", "PageView", None),
    ]


def test_new_keys_are_read_from_what_is_loaded_already(workspace: Workspace) -> None:
    ingested(workspace, keyed("m1", eventId="e1"))
    assert columns(loaded(workspace), "event_id") == [("m1",)]
    before = read_snapshot(workspace.config.warehouse_path).event_segments
    workspace.configure(CONFIG + 'match_keys = [{ path = "properties.eventId" }]\n')
    assert columns(loaded(workspace), "event_id", "key_tier") == [("e1", 1)]
    assert read_snapshot(workspace.config.warehouse_path).event_segments == before
