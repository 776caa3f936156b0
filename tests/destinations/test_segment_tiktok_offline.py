"""Offline events of the `segment` preset: where they differ from web events."""

import json
from hashlib import sha256
from typing import Any

import building
import pytest

from archiver.destinations.requests import UnsendableEvent

OFFLINE = building.requests("tiktok-events", event_source="offline", event_source_id="SET")


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def item(name: str = "CompletePayment", **members: Any) -> dict[str, Any]:
    event = {"userId": "u", **members}
    return json.loads(OFFLINE.build_event(json.dumps(event).encode(), name, "m", 0).item)


def test_an_event_with_nothing_but_a_user() -> None:
    assert item() == {
        "event": "CompletePayment",
        "event_time": 0,
        "event_id": "m",
        "user": {"external_id": [hashed("u")], "phone": [], "email": []},
        "properties": {"contents": [], "content_type": "product"},
        "page": {},
        "limited_data_use": False,
    }


def test_the_root_says_offline() -> None:
    assert json.loads(OFFLINE.body([], b"")) == {
        "event_source": "offline",
        "event_source_id": "SET",
        "partner_name": "Segment",
        "data": [],
    }


@pytest.mark.parametrize(
    ("own", "url", "sent"),
    [
        ("own", "https://shop.example/?ttclid=URL", "own"),
        (None, "https://shop.example/?ttclid=URL", "URL"),
        (None, "https://shop.example/?ttclid=", None),
        (None, "nowhere", None),
    ],
)
def test_the_events_own_click_wins_over_that_in_the_url(own: Any, url: str, sent: Any) -> None:
    found = item(properties={"ttclid": own}, context={"page": {"url": url}})["user"]
    assert found.get("ttclid") == sent


def test_neither_names_nor_places_are_sent_but_the_lead_is() -> None:
    properties = {"first_name": "Ada", "address": {"city": "Bath"}, "lead_id": 7}
    assert set(item(properties=properties)["user"]) == {"external_id", "phone", "email", "lead_id"}
    assert item(properties=properties)["user"]["lead_id"] == "7"


def test_click_ids_may_be_sent_along_under_the_offline_destinations_name() -> None:
    integrations = {"TikTok Offline Conversions": {"ttp": "p"}, "TikTok Conversions": {"ttp": "w"}}
    assert item(integrations=integrations)["user"]["ttp"] == "p"


def test_texts_that_become_empty_are_left_out_and_zero_is_not() -> None:
    found = item(properties={"value": 0, "currency": [""], "order_id": [""], "num_items": 2})
    assert found["properties"] == {"contents": [], "content_type": "product", "value": 0}


@pytest.mark.parametrize("who", [{"userId": None}, {"userId": "", "properties": {"email": []}}])
def test_nobody_at_all_is_unsendable(who: dict[str, Any]) -> None:
    with pytest.raises(UnsendableEvent, match="neither e-mail, phone nor external id"):
        item(**who)
    assert item(userId=None, properties={"phone": "1"})["user"]["phone"] == [hashed("+1")]
