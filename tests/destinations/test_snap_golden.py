"""The `segment` preset for Snap equals what Segment's published mapping sends, event by event."""

import json

import building
import pytest

from archiver.destinations import destination

pytestmark = pytest.mark.skipif(
    not building.GOLDEN.exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)

DIFFERENCES = {
    "event_time": "Snap documents seconds; Segment sends milliseconds",
    "access_token": "the token is named, not written; upload takes it from the environment",
    "authorization": "no page of v3 has the header; Segment sends the token twice",
}
"""Where a request is another than Segment's on purpose, and why."""


def test_every_golden_request_is_built_field_by_field() -> None:
    built = 0
    for payload, expected in building.golden("snap"):
        for request in expected["requests"]:
            ours = building.requests("snap-capi", event_source_id="PIXEL_ID")
            theirs = request["body"]["data"][0]
            event = building.build(ours, theirs["event_name"], payload)
            theirs["event_time"] //= 1000
            body = json.loads(ours.body([event.item], event.root))
            assert body == request["body"], expected["messageId"]
            assert event.notes == ()
            assert ours.url is not None
            assert ours.url.replace("$SNAP_ACCESS_TOKEN", "OAUTH_TOKEN") == request["url"]
            built += 1
    assert built == 12


def test_the_rules_select_what_segment_subscribes() -> None:
    for payload, expected in building.golden("snap"):
        inbound = json.loads(payload)
        selected = [
            rule.destination_event
            for rule in destination("snap-capi").rules("segment")
            if rule.call_type == inbound["type"] and rule.event in (None, inbound.get("event"))
        ]
        sent = [request["body"]["data"][0]["event_name"] for request in expected["requests"]]
        assert selected == sent, expected["messageId"]
