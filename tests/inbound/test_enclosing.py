"""Batches and stored events: the event keeps its bytes, the rest is kept verbatim around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import Read, read
from test_arrays import JSON

BODY = (
    b'{ "context": {"ip": "::1"}, "batch" : [ {"messageId": 9007199254740993, "x": 1.10} ,\n'
    b'{"messageId":"b","sentAt":"2026-01-15T11:00:00Z"}], "sentAt":"2026-01-15T12:00:00Z"}'
)
ENVELOPE = b'{ "context": {"ip": "::1"}, "batch" : [], "sentAt":"2026-01-15T12:00:00Z"}'
FIRST = b'{"messageId": 9007199254740993, "x": 1.10}'
SECOND = b'{"messageId":"b","sentAt":"2026-01-15T11:00:00Z"}'


def column(found: Read, name: str) -> list[str | None]:
    return [event.fields.get(name) for event in found.events]


@pytest.mark.parametrize("chunk_bytes", [1, 1000])
def test_items_of_a_batch_are_events_and_the_rest_is_their_envelope(chunk_bytes: int) -> None:
    found = read(BODY, "segment-http", chunk_bytes)
    assert found.payloads == [FIRST, SECOND]
    assert [event.envelope for event in found.events] == [ENVELOPE, ENVELOPE]
    assert column(found, "message_id") == ["9007199254740993", "b"]
    assert column(found, "sent_at") == ["2026-01-15T12:00:00Z", "2026-01-15T11:00:00Z"]


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"", b" ", b"\n\n"])
def test_bodies_stand_on_lines_or_one_after_the_other_or_in_an_array(between: bytes) -> None:
    compact = BODY.replace(b"\n", b"")
    assert len(read(between.join([compact, compact]) + between).payloads) == 4
    assert len(read(b"[" + BODY + b"," + BODY + b"]").payloads) == 4
    assert len(read(between.join([b" " + compact + b" "] * 2)).payloads) == 4


def test_a_bad_item_costs_no_other() -> None:
    found = read(b'{"batch":[{"a":1}, null, {"b": NaN}, {"c":"\\ud800"}, {"d":"\xff"}],"k":1}')
    assert found.payloads == [b'{"a":1}', b'{"c":"\\ud800"}']
    assert found.bad == [
        ("not_an_object", b"null"),
        ("invalid_json", b'{"b": NaN}'),
        ("invalid_utf8", b'{"d":"\xff"}'),
    ]
    assert {event.envelope for event in found.events} == {b'{"batch":[],"k":1}'}


@pytest.mark.parametrize(
    ("body", "payloads", "rest"),
    [
        (b'{"k":1,"batch":[{"a":1},{"b":', [b'{"a":1}'], b'{"b":'),
        (b'{"k":1,"batch":[{"a":1},{"b":2', [b'{"a":1}'], b'{"b":2'),
        (b'{"k":1,"batch":[{"a":1},,{"b":2}]}', [b'{"a":1}'], b',{"b":2}]}'),
        (b'{"k":1,"batch":[{"a":1}], "c": }', [b'{"a":1}'], b'], "c": }'),
        (b'{"k":1,"batch":[{"a":1}]', [b'{"a":1}'], b"]"),
    ],
)
def test_where_a_batch_breaks_off_the_rest_is_one_record(
    body: bytes, payloads: list[bytes], rest: bytes
) -> None:
    for data in (body, body + b"\n", body.replace(b",", b",\n", 1)):
        found = read(data)
        assert found.format == "segment-http"
        assert found.payloads == payloads
        assert found.bad == [("broken_off", rest)]
        assert (found.events[0].envelope or b"").startswith(data[: data.index(b"[") + 1])


def test_a_body_that_is_bad_behind_its_items_keeps_what_it_says_for_them() -> None:
    found = read(b'{"batch":[{"a":1}],"integrations":{"All":false},"context":{"x":NaN}}')
    rest = b'],"integrations":{"All":false},"context":{"x":NaN}}'
    assert found.bad == [("broken_off", rest)]
    assert found.events[0].envelope == b'{"batch":[' + rest


@pytest.mark.parametrize("cut", range(10, 30))
def test_a_batch_cut_at_any_byte_keeps_the_items_before(cut: int) -> None:
    found = read(b'{"batch":[{"a":1},{"b":2}]}'[:cut], "segment-http")
    assert found.payloads == [b'{"a":1}', b'{"b":2}'][: (cut >= 17) + (cut >= 25)]


def test_a_body_that_breaks_off_before_its_items_is_one_bad_record() -> None:
    found = read(b'{"k":1,"batch":[{"a":1', "segment-http")
    assert (found.payloads, found.bad) == (
        [],
        [("invalid_json", b'{"k":1,"batch":[{"a":1')],
    )


def test_a_batch_that_lacks_only_its_end_is_noticed() -> None:
    found = read(b'{"batch":[{"a":1},{"b":2}')
    assert found.payloads == [b'{"a":1}', b'{"b":2}']
    assert (found.bad, found.is_cut) == ([], True)


@pytest.mark.parametrize(
    "record",
    [
        b'{"batch": 1}',
        b'{"batch": {}}',
        b'{"a": 1}',
        b'{"batch":[],"writeKey":"k"}',
        b'{"messageId":"m","type":"track","batch":[]}',
        b'{"messageId":"m","type":"track","batch":[{"a":1}]}',
        b'{"messageId":"m","event":"Order Completed","batch":["b17"]}',
    ],
)
def test_a_body_without_a_batch_is_an_event_itself(record: bytes) -> None:
    (event,) = read(record, "segment-http").events
    assert (event.payload, event.envelope) == (record, None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"userId":"u","event":"Order Completed"}', "track"),
        (b'{"userId":"u","groupId":"g","traits":{}}', "group"),
        (b'{"userId":"u","previousId":"v"}', "alias"),
        (b'{"userId":"u","traits":{}}', "identify"),
        (b'{"userId":"u","type":"page","event":"x"}', "page"),
        (b'{"userId":"u","type":null,"event":"x"}', None),
        (b'{"userId":"u","name":"Home"}', None),
    ],
)
def test_a_single_calls_type_stands_in_the_url_and_is_told_from_the_body(
    body: bytes, kind: str | None
) -> None:
    assert column(read(body, "segment-http"), "type") == [kind]
    assert column(read(b'{"batch":[' + body + b"]}"), "type") == [json.loads(body).get("type")]


GATEWAY = (
    b'{"userId": "u", "payload": {"payload": 1, "messageId": "m"} , "messageId": "n",'
    b' "createdAt": "2026-01-15T12:00:00.123Z"}'
)


def test_a_stored_event_is_under_payload_and_its_line_is_the_record() -> None:
    bare = b'{"payload":{"receivedAt":"2026-01-15T11:00:00Z"},"createdAt":"x","messageId":"n"}'
    found = read(GATEWAY + b"\n" + bare + b"\n")
    assert found.format == "rudderstack-gateway"
    assert found.payloads == [
        b'{"payload": 1, "messageId": "m"}',
        b'{"receivedAt":"2026-01-15T11:00:00Z"}',
    ]
    assert found.texts == [GATEWAY, bare]
    assert found.events[0].envelope == GATEWAY.replace(found.payloads[0], b"null")
    assert column(found, "message_id") == ["m", "n"]
    assert column(found, "received_at") == ["2026-01-15T12:00:00.123Z", "2026-01-15T11:00:00Z"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"payload": 1, "createdAt": "x"}',
        b'{"payload": null, "createdAt": "x"}',
        b'{"messageId": "m"}',
        b'{"messageId": "m", "type": "track", "payload": {"x": 1}, "createdAt": "x"}',
    ],
)
def test_a_line_without_a_stored_event_is_an_event_itself(line: bytes) -> None:
    assert read(GATEWAY + b"\n" + line).payloads[1] == line


@pytest.mark.parametrize(
    "line",
    [
        b'{"payload": {"a": "\\ud800"}, "createdAt": "x"}',
        b'{"payload": {"a": 1}, "createdAt": "x", "payload": {"b": 2}}',
        b'{"payload": null, "createdAt": "x", "pay\\u006coad": {"b": 2}}',
        b'  {"payload":{},"createdAt":"null payload"}  ',
    ],
)
def test_an_odd_line_comes_back_whole(line: bytes) -> None:
    (event,) = read(line, "rudderstack-gateway").events
    assert event.envelope is not None
    assert event.record == line


def test_a_bad_line_of_an_archive_is_a_bad_record_whole() -> None:
    bad = [b'{"payload": {"a": NaN}, "createdAt": "x"}', b'{"payload": {"a":"\xff"}}', b"{"]
    found = read(b"\n".join([GATEWAY, *bad]))
    assert found.bad == list(
        zip(["invalid_json", "invalid_utf8", "invalid_json"], bad, strict=True)
    )


def test_jobs_hold_a_batch_or_one_event() -> None:
    batch = (
        b'{"UUID":"1","JobID":7,"CreatedAt":"2026-01-15T12:00:00+05:30","EventPayload":'
        b'{"batch":[{"messageId":"a"},{"messageId":"b"}],"receivedAt":"2026-01-15T17:00:00+05:30"}}'
    )
    single = b'{"JobID":8,"EventPayload":{"messageId":"c"},"CreatedAt":"2026-01-15T12:00:00+05:30"}'
    found = read(batch + b"\n" + single + b"\n")
    assert found.format == "rudderstack-jobs"
    assert column(found, "message_id") == ["a", "b", "c"]
    assert column(found, "received_at") == [
        *["2026-01-15T17:00:00+05:30"] * 2,
        "2026-01-15T12:00:00+05:30",
    ]
    assert found.texts[2] == single
    assert b'"batch":[]' in (found.events[0].envelope or b"")


@given(
    st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), min_size=1, max_size=4),
    st.dictionaries(st.text(max_size=8), JSON, max_size=3),
    st.sampled_from([None, 1]),
    st.integers(1, 80),
)
def test_any_batch_gives_its_items(
    items: list[object], rest: dict[str, object], indent: int | None, chunk_bytes: int
) -> None:
    body = json.dumps({**rest, "batch": items}, indent=indent).encode()
    found = read(body, "segment-http", chunk_bytes)
    assert [json.loads(event.payload) for event in found.events] == json.loads(body)["batch"]
    for event in found.events:
        assert json.loads(event.envelope or b"") == {**rest, "batch": []}


def test_a_job_with_an_empty_batch_is_not_forgotten() -> None:
    job = b'{"JobID":8,"EventPayload":{"messageId":"c","batch":[]}}'
    found = read(job, "rudderstack-jobs")
    assert found.payloads == [b'{"messageId":"c","batch":[]}']
    assert found.texts == [job]


@given(
    st.binary(max_size=50) | st.text('[]{},:"\\ a1\n', max_size=50).map(str.encode),
    st.sampled_from([b'{"batch":[', b'{"payload":', b'{"EventPayload":{"batch":[', b""]),
    st.sampled_from(
        ["segment-http", "rudderstack-batch", "rudderstack-gateway", "rudderstack-jobs", "auto"]
    ),
)
def test_any_bytes_come_out_whole(data: bytes, start: bytes, format_name: str) -> None:
    assert read(start + data, format_name).records == read(start + data, format_name, 3).records


@given(st.sampled_from([BODY, GATEWAY]), st.data())
def test_wherever_a_body_is_cut_it_comes_out_whole(body: bytes, data: st.DataObject) -> None:
    cut = body[: data.draw(st.integers(0, len(body)))]
    for format_name in ("segment-http", "rudderstack-gateway", "auto"):
        read(cut, format_name)
