"""What holds for each destination, whatever its API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archiver.destinations import (
    DESTINATIONS,
    ROUTES,
    api_log_reader,
    destination,
    request_builder,
)
from archiver.destinations.base import ApiLogReader, Destination, RequestItem, rules_of
from archiver.receipts.base import OUTCOMES

READERS = [reader for kind in DESTINATIONS if (reader := api_log_reader(kind.type)) is not None]

every_destination = pytest.mark.parametrize("kind", DESTINATIONS, ids=lambda kind: kind.type)
# GA4 answers 2xx to everything, and says so (code `unverified`).
VERDICTS = [reader for reader in READERS if getattr(reader, "has_verdicts", True)]

every_reader = pytest.mark.parametrize(
    "reader", [*READERS, *ROUTES], ids=lambda reader: reader.type
)

# Words that the judges look for, in shapes that they may not expect.
WORDS = (
    *("code", "message", "request_id", "error", "error_subcode", "is_transient", "fbtrace_id"),
    *("events_received", "messages", "partialFailureError", "results", "jobId", "details"),
    *("errors", "errorCode", "location", "fieldPathElements", "fieldName", "index", "status"),
    *("conversions", "data", "event_id", "orderId", "custom_data", "properties", "value"),
    *("reason", "SUCCESS", "events", "params", "name", "timestamp_micros", "validationMessages"),
)
WORDS_OF_ACCEPTANCE = (
    *(b"code", b"events_received", b"results", b"jobId", b"partialFailureError"),
    b"status",
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([0, 100, 40002, 2804003, 200, *WORDS, "data[0]", "1e999", "EXPIRED_EVENT"])
    | st.text(max_size=5)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)
LISTS = ("data", "conversions", "events")
bodies = st.binary(max_size=30) | documents.map(lambda value: json.dumps(value).encode())
statuses = st.none() | st.integers(0, 999)


def test_the_types() -> None:
    assert [kind.type for kind in DESTINATIONS] == [
        "tiktok-events",
        "meta-capi",
        "google-ads",
        "snap-capi",
        "ga4",
        "custom",
    ]
    assert [reader.type for reader in READERS] == [kind.type for kind in DESTINATIONS[:-1]]


@every_destination
def test_every_preset_has_ids_and_a_name_for_every_event(kind: Destination) -> None:
    assert {"segment", "rudderstack"} <= set(kind.presets)
    for preset in kind.presets:
        assert kind.match_keys(preset)
        for source in kind.event_sources:
            rules = rules_of(kind, preset, source)
            assert len({(rule.call_type, rule.event) for rule in rules}) == len(rules)
            assert kind.integration_name(source, preset)


@every_destination
def test_web_is_a_source_of_events_everywhere(kind: Destination) -> None:
    limits = kind.limits("web")
    assert limits.max_events is None or limits.max_events >= 25


@pytest.mark.parametrize("kind", [*DESTINATIONS, *ROUTES], ids=lambda kind: kind.type)
def test_every_fact_says_who_says_so(kind: Destination) -> None:
    assert kind.documentation
    for fact in kind.documentation:
        assert fact.topic and fact.statement and fact.source
        assert fact.source != "-" or fact.confidence == "none"


def test_nothing_is_known_of_a_custom_destination() -> None:
    custom = destination("custom")
    assert api_log_reader("custom") is None
    for preset in custom.presets:
        assert custom.rules(preset) == ()
        assert custom.integration_name("kiosk", preset) is None
        assert request_builder("custom") is None
    assert [key.path for key in custom.match_keys("segment")] == ["messageId"]
    limits = custom.limits("kiosk")
    assert (limits.max_events, limits.max_body_bytes, limits.max_age) == (None, None, None)
    assert not custom.takes_pixel("web")
    with pytest.raises(ValueError, match="custom knows no preset 'x'"):
        custom.match_keys("x")


@every_reader
@given(status=statuses, body=st.none() | bodies, items=st.integers(0, 5))
def test_every_reply_gives_each_event_one_verdict(
    reader: ApiLogReader, status: int | None, body: bytes | None, items: int
) -> None:
    reply = reader.judge(status, body, items)
    assert len(reply.verdicts) == items
    for verdict in reply.verdicts:
        assert verdict.outcome in OUTCOMES
        assert isinstance(verdict.code, str | None)
        assert isinstance(verdict.message, str | None)
    assert isinstance(reply.request_id, str | None)


@pytest.mark.parametrize("reader", VERDICTS, ids=lambda reader: reader.type)
@given(body=st.none() | bodies, items=st.integers(1, 5))
def test_without_a_word_of_acceptance_no_event_is_accepted(
    reader: ApiLogReader, body: bytes | None, items: int
) -> None:
    """A page of a proxy, an empty body, JSON that says nothing: HTTP 200 alone accepts nobody."""
    assume(not body or not any(word in body for word in WORDS_OF_ACCEPTANCE))
    verdicts = reader.judge(200, body, items).verdicts
    assert not any(verdict.outcome == "accepted" for verdict in verdicts)


@every_reader
@given(
    body=bodies | documents.map(lambda value: json.dumps({key: [value] for key in LISTS}).encode())
)
def test_a_request_is_taken_apart_or_refused(reader: ApiLogReader, body: bytes) -> None:
    try:
        items: list[Any] = reader.request_items(body)
    except ValueError:
        return
    assert all(isinstance(item, RequestItem) for item in items)
