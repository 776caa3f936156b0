"""Small segments of the warehouse become few, and no view changes by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from keeping import TWO_SOURCES, import_all, small_files, views
from support import Workspace, event, order

from archiver.errors import CheckFailedError
from archiver.warehouse import tidy
from archiver.warehouse.load import load
from archiver.warehouse.publish import publish
from archiver.warehouse.snapshot import read_snapshot
from archiver.warehouse.tidy import Tidied, tidy_segments

ODD = {
    "empty key": {"": 1, "a": {"": [None]}},
    "numbers": {
        "f": 1.10,
        "e": 1e300,
        "big": 2**63 + 5,
        "bigger": 2**70,
        "neg": -(2**63),
        "z": -0.0,
    },
    "mixed": {"f": "text", "deep": [[[[1, "2", {"x": True}]]]], "é\U0001f600": "\u0000x"},
    "alike": {"f": 7, "e": 3, "nothing": None},
    "cases": {"email": "a", "Email": "b", "deep": {"A": 1, "a": 1.0}},
}


@pytest.fixture
def segmented(workspace: Workspace) -> Workspace:
    """A segment of each kind per load."""
    workspace.configure(TWO_SOURCES)
    small_files(workspace, 1)
    load(workspace.config, workspace.archive)
    for number, (name, properties) in enumerate(ODD.items()):
        workspace.write(
            f"inbound/web/odd{number}.ndjson",
            event(name, properties=properties, context={"k": properties}),
            order(f"order{number}"),
            event("again"),
            event(None, type="identify"),
        )
        import_all(workspace)
        load(workspace.config, workspace.archive)
    publish(workspace.config, workspace.archive)
    return workspace


def test_merged_segments_have_the_same_rows(
    segmented: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tidy_segments(segmented.config) == Tidied()
    before = views(segmented)
    monkeypatch.setattr(tidy, "MANY_SEGMENTS", 6)
    assert tidy_segments(segmented.config, dry_run=True) == Tidied(18, 3)
    assert tidy_segments(segmented.config) == Tidied(18, 3)
    publish(segmented.config, segmented.archive)
    assert views(segmented) == before
    snapshot = read_snapshot(segmented.config.warehouse_path)
    assert [
        len(names)
        for names in (
            snapshot.event_segments,
            snapshot.conversion_segments,
            snapshot.diary_segments,
        )
    ] == [1, 1, 1]
    assert load(segmented.config, segmented.archive).occurrences == 0
    found = segmented.sql(
        "SELECT body.properties.f::VARCHAR AS f FROM events WHERE message_id = 'numbers'"
    )
    assert found == [{"f": "1.1"}]


@pytest.mark.parametrize("column", ["payload", "arrival"])
def test_a_merge_that_changes_a_row_is_found(
    column: str, segmented: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(table: pa.Table, path: Path, **options: Any) -> object:
        place = table.schema.get_field_index(column)
        swapped = table[column].take(list(range(len(table)))[::-1])
        return write(table.set_column(place, column, swapped), path, **options)

    write: Callable[..., object] = tidy.write_segment
    before = read_snapshot(segmented.config.warehouse_path)
    monkeypatch.setattr(tidy, "MANY_SEGMENTS", 5)
    monkeypatch.setattr(tidy, "write_segment", wrong)
    with pytest.raises(CheckFailedError, match="merging small segments"):
        tidy_segments(segmented.config)
    assert read_snapshot(segmented.config.warehouse_path) == before
