"""The conversions among event occurrences: selected by the rules, with their ids and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import pyarrow as pa
import pyarrow.compute as pc

from archiver.archive.tables import AMOUNT, INSTANT
from archiver.warehouse.content import Content
from archiver.warehouse.match_keys import Ids, is_message_id, read_ids
from archiver.warehouse.rules import DestinationRules

CONVERSION_OCCURRENCES = pa.schema(
    [
        ("destination", pa.string()),
        ("source", pa.string()),
        ("message_id", pa.string()),
        ("event_id", pa.string()),
        ("key_tier", pa.int64()),
        ("further_ids", pa.list_(pa.string())),
        ("event", pa.string()),
        ("inbound_event", pa.string()),
        ("file_id", pa.string()),
        ("record_number", pa.int64()),
        ("arrival", INSTANT),
        ("event_time", INSTANT),
        ("content_time", INSTANT),
        ("order_id", pa.string()),
        ("value", AMOUNT),
        ("currency", pa.string()),
        ("suppressed_reason", pa.string()),
    ]
)
"""Grain: destination and event occurrence that its rules select.

`event_id`: of the first match key that yields one; NULL where none does. `key_tier`: that key's
place, from 1. `further_ids`: element i, from 1, is the id at tier `key_tier` + i, NULL where that
key yields none, or one that an earlier key yields; the list is NULL where there is none at all.
`suppressed_reason`: by the rules; `erased` is not known here.
"""


def conversions(
    source: str,
    events: pa.Table,
    payloads: Sequence[str],
    contents: Sequence[Content],
    rules: Sequence[DestinationRules],
) -> pa.Table:
    """Select the conversions of all destinations.

    Args:
        source: where the events come from.
        events: one row per occurrence: the columns of EVENT_OCCURRENCES.
        payloads: each event's JSON text, with what its envelope says for it.
        contents: what was read of each event.
        rules: of all destinations.

    Returns:
        One row per destination and occurrence: the columns of CONVERSION_OCCURRENCES.
    """
    names = list(zip(events["type"].to_pylist(), events["event"].to_pylist(), strict=True))
    kinds = set(names)
    parts = [
        _of_one(rule, kinds, names, events, payloads, contents)
        for rule in rules
        if not rule.sources or source in rule.sources
    ]
    return pa.concat_tables(parts) if parts else CONVERSION_OCCURRENCES.empty_table()


def _of_one(
    rules: DestinationRules,
    kinds: set[tuple[str | None, str | None]],
    names: Sequence[tuple[str | None, str | None]],
    events: pa.Table,
    payloads: Sequence[str],
    contents: Sequence[Content],
) -> pa.Table:
    """The conversions of one destination."""
    found = {kind: rules.select(*kind) for kind in kinds}
    verdicts = [found[kind] for kind in names]
    is_taken = [verdict is not None for verdict in verdicts]
    taken = events.filter(pa.array(is_taken, pa.bool_()))
    selected = [verdict for verdict in verdicts if verdict is not None]
    rows = list(compress(range(len(verdicts)), is_taken))
    read = rules.reader.read
    values = [{}] * len(rows) if rules.reader.is_idle else [read(payloads[row]) for row in rows]
    instants: list[int | None] = [None] * len(rows)
    if rules.exclude:
        happened = pc.coalesce(taken["event_time"], taken["arrival"])
        instants = happened.cast(pa.int64()).to_pylist()
    reasons = [
        rules.suppressed_reason(verdict.rule, contents[row], read_values, happened_at)
        for verdict, row, read_values, happened_at in zip(
            selected, rows, values, instants, strict=True
        )
    ]
    message_ids = taken["message_id"]
    if is_message_id(rules.keys):
        event_id, further = message_ids, pa.nulls(len(rows), pa.list_(pa.string()))
        key_tier = pc.if_else(pc.is_valid(message_ids), 1, None)
    else:
        ids: list[Ids] = [
            read_ids(rules.keys, read_values, message_id)
            for read_values, message_id in zip(values, message_ids.to_pylist(), strict=True)
        ]
        event_id = pa.array([one.event_id for one in ids], pa.string())
        key_tier = pa.array([one.key_tier for one in ids], pa.int64())
        further = pa.array([one.further_ids for one in ids], pa.list_(pa.string()))
    return pa.table(
        {
            "destination": pa.repeat(pa.scalar(rules.destination), len(rows)),
            "source": taken["source"],
            "message_id": message_ids,
            "event_id": event_id,
            "key_tier": key_tier,
            "further_ids": further,
            "event": pa.array([verdict.name for verdict in selected], pa.string()),
            "inbound_event": pc.coalesce(taken["event"], taken["type"]),
            "file_id": taken["file_id"],
            "record_number": taken["record_number"],
            "arrival": taken["arrival"],
            "event_time": taken["event_time"],
            "content_time": pc.coalesce(taken["original_timestamp"], taken["event_time"]),
            "order_id": taken["order_id"],
            "value": taken["value"],
            "currency": taken["currency"],
            "suppressed_reason": pa.array(reasons, pa.string()),
        },
        schema=CONVERSION_OCCURRENCES,
    )
