"""The `segment` preset for GA4 equals what Segment's published mapping sends, event by event."""

import json
from typing import Any

import building
import pytest

from archiver.destinations import destination
from archiver.destinations.requests import UnsendableEvent

pytestmark = pytest.mark.skipif(
    not building.GOLDEN.exists(),
    reason="NOT CHECKED against Segment: set ARCHIVER_CORPORA to the folder with golden/",
)

DIFFERENCES = {
    "customEvent": "each track event is sent under its own name too: the named action is its twin",
    "generateLead": "subscribes to every track event until somebody narrows it: no rule has it",
    "api_secret": "the secret is named, not written; upload takes it from the environment",
}
"""Where requests are others than Segment's on purpose, and why."""


def named(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [request for request in requests if request["action"] not in DIFFERENCES]


def test_every_golden_request_is_built_field_by_field() -> None:
    ours = building.requests("ga4", event_source_id="G-XXXX")
    built = 0
    for payload, expected in building.golden("ga4"):
        for request in named(expected["requests"]):
            event = building.build(ours, request["body"]["events"][0]["name"], payload)
            body = json.loads(ours.body([event.item], event.root))
            assert body == request["body"], expected["messageId"]
            assert event.notes == ()
            assert ours.url is not None
            assert ours.url.replace("$GA4_API_SECRET", "SECRET") == request["url"]
            built += 1
    assert built == 13


def test_generic_requests_are_built_where_a_rule_asks_for_them() -> None:
    ours = building.requests("ga4", event_source_id="G-XXXX")
    built = 0
    for payload, expected in building.golden("ga4"):
        for request in expected["requests"]:
            if request["action"] in DIFFERENCES:
                name = request["body"]["events"][0]["name"]
                event = building.build(ours, name, payload)
                assert json.loads(ours.body([event.item], event.root)) == request["body"]
                built += 1
    assert built > 50


def test_the_rules_select_what_segment_subscribes() -> None:
    ours = building.requests("ga4")
    for payload, expected in building.golden("ga4"):
        inbound = json.loads(payload)
        selected = [
            rule.destination_event
            for rule in destination("ga4").rules("segment")
            if rule.call_type == inbound["type"] and rule.event in (None, inbound.get("event"))
        ]
        sent = [request["body"]["events"][0]["name"] for request in named(expected["requests"])]
        if named(expected["errors"]):
            assert sent == []
            with pytest.raises(UnsendableEvent):
                building.build(ours, selected[0], payload)
        else:
            assert selected == sent, expected["messageId"]
