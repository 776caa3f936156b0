"""The `segment` preset for Meta equals what Segment's published mappings send, event by event.

Documented differences: `event_time` is Unix seconds, where Segment sends the timestamp's text. Two
events that Segment refuses (a product without an id, a currency in lower case) are built, with a
note.
"""

import json
from datetime import datetime

import building
import pytest

from archiver.destinations import destination

pytestmark = pytest.mark.skipif(
    not building.GOLDEN.exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)
REFUSED = {
    "contents[0] must include an 'id' parameter.": "custom_data.contents: an item without id left "
    "out",
    "usd is not a valid currency code.": "custom_data.currency put into upper case",
}


def test_every_golden_request_is_built_field_by_field() -> None:
    ours = building.requests("meta-capi", event_source_id="PIXEL_ID")
    built = 0
    for payload, expected in building.golden("meta"):
        for request in expected["requests"]:
            (item,) = request["body"]["data"]
            event = building.build(ours, item["event_name"], payload)
            item["event_time"] = int(datetime.fromisoformat(item["event_time"]).timestamp())
            assert json.loads(ours.body([event.item], event.root)) == request["body"]
            assert event.notes == ()
            assert request["url"] == ours.url
            built += 1
    assert built == 5


def test_what_segment_refuses_is_built_without_the_field_at_fault_and_noted() -> None:
    ours = building.requests("meta-capi")
    built = 0
    for payload, expected in building.golden("meta"):
        for error in expected["errors"]:
            name = {"search": "Search", "viewContent": "ViewContent"}[error["action"]]
            assert building.build(ours, name, payload).notes == (REFUSED[error["message"]],)
            built += 1
    assert built == 2


def test_the_rules_select_what_segment_subscribes() -> None:
    selected = 0
    for payload, expected in building.golden("meta"):
        inbound = json.loads(payload)
        rules = [
            rule
            for rule in destination("meta-capi").rules("segment")
            if rule.call_type == inbound["type"] and rule.event in (None, inbound.get("event"))
        ]
        assert len(rules) == len(expected["subscribed"]), expected["messageId"]
        selected += len(rules)
    assert selected == 7
