"""A table of fields applied to an event: which source counts, what an override changes."""

import json
from typing import Any

import msgspec
import pytest

from archiver.destinations import mapping
from archiver.destinations.fields import Field, Form, overridden, sources
from archiver.destinations.mapping import EventMapping, EventRecord, RecordMapping
from archiver.destinations.paths import Fixed, Source, json_path
from archiver.destinations.segment_fields import number_field, text_field, text_list

UPPER = Form("upper case", str.upper)
LOWER = Form("lower case", str.lower)
FIELDS = (
    Field("user.email", sources("$.properties.email", "$.traits.email"), text_list, UPPER, LOWER),
    Field("user.name", sources("$.properties.name"), text_field, absent=""),
    Field("properties.value", sources("$.properties.value"), number_field),
    Field("properties.name", sources("$.properties.title"), text_field),
    Field("flag", (Fixed(True),), lambda value, name, notes: value),
)


def apply(
    event: Any, overrides: dict[str, tuple[Source, ...]] | None = None, *, strict: bool = False
) -> dict[str, Any]:
    mapping = EventMapping(overridden(FIELDS, overrides or {}), strict=strict)
    return mapping.apply(json.dumps(event).encode(), [])


def test_the_first_source_that_is_there_counts() -> None:
    both = {"properties": {"email": "a@x"}, "traits": {"email": "b@x"}}
    assert apply(both)["user"]["email"] == ["A@X"]
    both["properties"]["email"] = None  # type: ignore[assignment]
    assert apply(both)["user"]["email"] == ["B@X"]


def test_an_event_with_no_object_on_the_way_is_read_as_any_other() -> None:
    event = {"properties": "text", "traits": {"email": "b@x"}}
    assert apply(event) == {"flag": True, "user": {"email": ["B@X"], "name": ""}}


def test_text_is_expected_where_nobody_else_reads() -> None:
    both = Field("a", sources("$.a", "$.b"), text_field)
    number = Field("n", sources("$.b", "$.c"), number_field)
    assert mapping._texts([both]) == {("a",), ("b",)}
    assert mapping._texts([both, number]) == {("a",)}


EVENTS = (
    {},
    {"properties": {"value": 2, "title": "t"}, "traits": {"email": "b@x"}},
    {"properties": {"email": ["a@x", None], "name": "n", "value": "none"}},
    {"properties": 5, "traits": {"email": "b@x"}},
)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_record_is_the_object_after_what_is_given(event: Any, *, strict: bool) -> None:
    payload = json.dumps(event).encode()
    record = EventRecord(["event", "id"], [field.name for field in FIELDS])
    mapping = RecordMapping(FIELDS, record, strict=strict)
    of_record, of_object = list[str](), list[str]()
    made = mapping.apply(payload, of_record, "Purchase", "id-1")
    object_made = EventMapping(FIELDS, strict=strict).apply(payload, of_object)
    text = json.dumps({"event": "Purchase", "id": "id-1", **object_made}, separators=(",", ":"))
    assert msgspec.json.encode(made).decode() == text
    assert of_record == of_object


def test_members_of_a_record_that_no_field_gives_are_none_and_can_be_set() -> None:
    record = EventRecord([], ["user.email", "page.url", "page.title", "ad.id"], kept=("ad",))
    made = RecordMapping(FIELDS[:1], record).apply(b"{}", [])
    assert msgspec.json.encode(made) == b'{"ad":{}}'
    made.ad.id = 5
    assert (made.user, made.page) == (None, None)
    assert msgspec.json.encode(made) == b'{"ad":{"id":5}}'


def test_fields_stand_in_their_parts_and_empty_parts_are_left_out() -> None:
    assert apply({}) == {"flag": True, "user": {"name": ""}}
    assert apply({"properties": {"value": 2, "title": "t"}})["properties"] == {
        "value": 2,
        "name": "t",
    }


def test_strict_takes_the_documentation_s_form() -> None:
    event = {"properties": {"email": "Ab"}}
    assert apply(event)["user"]["email"] == ["AB"]
    assert apply(event, strict=True)["user"]["email"] == ["ab"]


def test_an_override_changes_the_source_and_keeps_the_form() -> None:
    event = {"a": {"b": [{"c": "x@y"}]}, "properties": {"email": "other"}}
    changed = apply(event, {"user.email": (json_path("$.a.b[0].c"),)})
    assert changed["user"]["email"] == ["X@Y"]


@pytest.mark.parametrize("empty", [None, "", "absent"])
def test_of_a_list_the_first_with_a_value_counts(empty: str | None) -> None:
    event = {"first": empty, "second": 5} if empty != "absent" else {"second": 5}
    chosen = (json_path("$.first"), json_path("$.second"), Fixed(7))
    assert apply(event, {"value": chosen})["properties"]["value"] == 5
    del event["second"]
    assert apply(event, {"value": chosen})["properties"]["value"] == 7


def test_a_field_without_sources_is_not_sent() -> None:
    assert "name" not in apply({"properties": {"name": "n"}}, {"user.name": ()}).get("user", {})


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("user.emial", r"no field 'user.emial'.*user.email"),
        ("name", "'name' could be user.name or properties.name"),
    ],
)
def test_an_override_of_no_field_or_of_two_is_refused(key: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        apply({}, {key: (Fixed("x"),)})
