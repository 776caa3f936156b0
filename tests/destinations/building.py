"""Building requests in tests: inbound events in, the destination's events out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archiver.destinations import request_builder
from archiver.destinations.requests import BuiltEvent, Requests, RequestSettings
from archiver.values import EPOCH, parse_instant

GOLDEN = Path(os.environ.get("ARCHIVER_CORPORA") or "/nowhere") / "golden"


def requests(type_name: str, **settings: Any) -> Requests:
    """The requests of a destination: web, preset segment, unless said otherwise."""
    kind = request_builder(type_name)
    assert kind is not None
    given = {"event_source": "web", "event_source_id": "ID", "preset": "segment", **settings}
    return kind.requests(RequestSettings(**given))


def build(of: Requests, name: str, event: dict[str, Any] | bytes) -> BuiltEvent:
    """One event, with its own messageId and timestamp."""
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    inbound = json.loads(payload)
    event_time = parse_instant(inbound["timestamp"])
    assert event_time is not None
    microseconds = round((event_time - EPOCH).total_seconds() * 1_000_000)
    return of.build_event(payload, name, str(inbound["messageId"]), microseconds)


def golden(name: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Inbound events, each with what Segment sends for it."""
    inbound = (GOLDEN / "input.ndjson").read_bytes().splitlines()
    for line in (GOLDEN / f"segment_{name}.ndjson").read_text().splitlines():
        expected = json.loads(line)
        yield inbound[expected["event_index"]], expected
