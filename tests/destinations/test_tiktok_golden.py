"""The `segment` preset equals what Segment's published mappings send, event by event.

Documented differences: none on these events.
"""

import json

import building
import pytest

from archiver.destinations import destination
from archiver.destinations.base import rules_of

pytestmark = pytest.mark.skipif(
    not building.GOLDEN.exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)
every_source = pytest.mark.parametrize(
    ("source", "golden", "sent"), [("web", "tiktok", 11), ("offline", "tiktok_offline", 11)]
)


@every_source
def test_every_golden_request_is_built_field_by_field(source: str, golden: str, sent: int) -> None:
    built = 0
    ids = {"web": "PIXEL_CODE", "offline": "EVENT_SET_ID"}
    ours = building.requests("tiktok-events", event_source=source, event_source_id=ids[source])
    for payload, expected in building.golden(golden):
        for request in expected["requests"]:
            body = request["body"]
            event = building.build(ours, body["data"][0]["event"], payload)
            assert json.loads(ours.body([event.item], event.root)) == body, expected["messageId"]
            assert event.notes == ()
            assert request["url"] == ours.url
            built += 1
    assert built == sent


@every_source
def test_the_rules_select_what_segment_subscribes(source: str, golden: str, sent: int) -> None:
    selected = 0
    for payload, expected in building.golden(golden):
        inbound = json.loads(payload)
        names = [
            rule.destination_event
            for rule in rules_of(destination("tiktok-events"), "segment", source)
            if rule.call_type == inbound["type"] and rule.event in (None, inbound.get("event"))
        ]
        assert names == [request["body"]["data"][0]["event"] for request in expected["requests"]]
        selected += len(names)
    assert selected == sent
