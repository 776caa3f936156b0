"""The `segment` preset equals what Segment's published mapping sends, event by event."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.destinations.base import Settings
from archiver.destinations.tiktok_events import TikTokEvents

CORPORA = os.environ.get("ARCHIVER_CORPORA", "")
GOLDEN = Path(CORPORA) / "golden"

pytestmark = pytest.mark.skipif(
    not CORPORA or not (GOLDEN / "segment_tiktok.ndjson").exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)

TIKTOK = TikTokEvents()


def golden_lines() -> Iterator[tuple[bytes, dict]]:
    inbound = (GOLDEN / "input.ndjson").read_bytes().splitlines()
    for line in (GOLDEN / "segment_tiktok.ndjson").read_text().splitlines():
        expected = json.loads(line)
        yield inbound[expected["event_index"]], expected


def test_every_golden_request_is_built_field_by_field() -> None:
    built = 0
    for payload, expected in golden_lines():
        for request in expected["requests"]:
            body = request["body"]
            name = body["data"][0]["event"]
            event = TIKTOK.build_event(payload, name)
            ours = TIKTOK.request_body([event.item], Settings("web", body["event_source_id"]))
            assert json.loads(ours) == body, expected["messageId"]
            assert event.notes == ()
            assert request["url"] == TIKTOK.request_url
            built += 1
    assert built == 11


def test_the_rules_select_what_segment_subscribes() -> None:
    for payload, expected in golden_lines():
        inbound = json.loads(payload)
        selected = [
            rule.destination_event
            for rule in TIKTOK.rules("segment")
            if rule.call_type == inbound["type"] and rule.event in (None, inbound.get("event"))
        ]
        sent = [request["body"]["data"][0]["event"] for request in expected["requests"]]
        assert selected == sent, expected["messageId"]
