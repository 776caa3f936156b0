"""The stand-in does what TikTok and Meta document, and counts for itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standing import HOUR, NOW, ids, meta, meta_item, reply, send, tiktok, tiktok_item

from archiver.destinations import request_builder
from archiver.drill.faults import Fault, Faults, Spell
from archiver.drill.standin_tiktok import PATH


def spell(*faults: Fault, share: float = 1.0, seed: str = "") -> Faults:
    return Faults(seed, [Spell(NOW, NOW + HOUR, faults, share)])


def test_tiktok_takes_a_batch_and_says_ok_without_counts() -> None:
    account = tiktok()
    answer = send(account, tiktok_item("a"), tiktok_item("b"))
    assert answer.status == 200
    assert (reply(answer)["code"], reply(answer)["message"], reply(answer)["data"]) == (0, "OK", {})
    assert ids(account) == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (tiktok_item(7), "event_id"),
        (tiktok_item(event_time="2026-01-15"), "event_time"),
        (tiktok_item(event=""), "event"),
        (tiktok_item(properties={"value": "12.50"}), "properties.value"),
        (tiktok_item(properties={"currency": "dollars"}), "properties.currency"),
        ("text", "object"),
    ],
)
@pytest.mark.parametrize("names_rows", [True, False])
def test_one_bad_event_refuses_tiktoks_whole_request(
    item: Any, words: str, names_rows: bool
) -> None:
    account = tiktok(names_rows=names_rows)
    answer = send(account, tiktok_item("good"), item)
    assert (answer.status, reply(answer)["code"]) == (200, 40002)
    assert words in reply(answer)["message"]
    assert ("data.1" in reply(answer)["message"]) is names_rows
    assert ids(account) == {}


def test_what_tiktok_refused_is_known() -> None:
    account = tiktok()
    send(account, tiktok_item("good"), tiktok_item("bad", properties={"currency": "dollars"}))
    assert [one.key.event_id for one in account.refused] == ["bad"]


@pytest.mark.parametrize(("account", "item"), [(tiktok, tiktok_item), (meta, meta_item)])
def test_more_than_a_thousand_events_are_refused(account: Any, item: Any) -> None:
    of = account()
    assert reply(send(of, *[item(str(i)) for i in range(1000)])).get("code", 0) == 0
    assert len(ids(of)) == 1000
    answer = send(of, *[item(f"more{i}") for i in range(1001)])
    assert len(ids(of)) == 1000
    found = reply(answer)
    assert found.get("code") == 40002 or found["error"]["code"] == 100
    assert send(of).status in (200, 400)
    assert len(ids(of)) == 1000


def test_tokens_are_looked_at() -> None:
    account = tiktok(token="right")
    assert reply(send(account, tiktok_item()))["code"] == 40105
    body = json.dumps(
        {"event_source": "web", "event_source_id": "PIXEL", "data": [tiktok_item()]}
    ).encode()
    assert reply(account.handle(NOW, PATH, {"Access-Token": "right"}, body))["code"] == 0
    assert reply(account.handle(NOW, PATH, {}, body))["code"] == 40105


def test_another_pixel_is_no_business_of_this_token() -> None:
    assert reply(send(tiktok(), tiktok_item(), event_source_id="OTHER"))["code"] == 40001


def test_meta_takes_tokens_in_the_query_the_body_or_as_bearer() -> None:
    account = meta(token="secret")
    path = "/v24.0/DATASET/events"

    def code(path: str, headers: dict[str, str], **more: Any) -> int:
        body = json.dumps({"data": [meta_item()], **more}).encode()
        return account.handle(NOW, path, headers, body).status

    assert code(f"{path}?access_token=secret", {}) == 200
    assert code(path, {}, access_token="secret") == 200
    assert code(path, {"Authorization": "Bearer secret"}) == 200
    assert code(path, {}) == 401
    assert code("/v24.0/OTHER/events?access_token=secret", {}) == 400


def test_meta_counts_what_it_received() -> None:
    answer = send(meta(), meta_item("a"), meta_item("b"))
    assert (answer.status, reply(answer)["events_received"]) == (200, 2)


@pytest.mark.parametrize(
    ("item", "subcode"),
    [
        (meta_item(at=NOW - 169 * HOUR), 2804003),
        (meta_item(custom_data={"value": 1}), 2804009),
        (meta_item(custom_data={}), 2804009),
        (meta_item(user_data={}), 2804050),
        (meta_item(action_source=None), 2804050),
        (meta_item(event_time="2026-01-15T12:00:00Z"), 2804050),
    ],
)
@pytest.mark.parametrize("names_rows", [True, False])
def test_one_bad_event_refuses_metas_whole_request(
    item: Any, subcode: int, names_rows: bool
) -> None:
    account = meta(names_rows=names_rows)
    answer = send(account, meta_item("good"), item)
    error = reply(answer)["error"]
    assert (answer.status, error["code"], error["error_subcode"]) == (400, 100, subcode)
    assert ("data[1]" in error.get("error_user_msg", "")) is names_rows
    assert ids(account) == {}
    assert [one.is_too_old for one in account.refused] == [subcode == 2804003]


def test_a_store_may_be_older_at_meta() -> None:
    item = meta_item(at=NOW - 61 * 24 * HOUR, action_source="physical_store")
    assert send(meta(), item).status == 200


@pytest.mark.parametrize(("account", "item"), [(tiktok, tiktok_item), (meta, meta_item)])
def test_a_repetition_counts_again_after_48_hours(account: Any, item: Any) -> None:
    of = account(dedup_clock="arrival")
    for hours in (0, 1, 48):
        send(of, item("one", NOW - 10 * HOUR), at=NOW + hours * HOUR)
    assert (ids(of), of.repetitions, of.double_counts) == ({"one": 1}, 2, {})
    send(of, item("one", NOW - 10 * HOUR), at=NOW + 49 * HOUR)
    assert ids(of) == {"one": 2}
    assert len(of.double_counts) == 1


def test_the_48_hours_can_run_from_the_event() -> None:
    account = tiktok(dedup_clock="event")
    for hours in (0, 37, 39):
        send(account, tiktok_item("one", NOW - 10 * HOUR), at=NOW + hours * HOUR)
    assert ids(account) == {"one": 2}


def test_name_and_id_together_make_an_event() -> None:
    account = tiktok()
    send(account, tiktok_item("one"), tiktok_item("one", event="AddToCart"))
    assert (ids(account), len(account.counted)) == ({"one": 1}, 2)


def test_nothing_recognises_an_event_without_an_id() -> None:
    account = tiktok()
    for _ in range(2):
        send(account, tiktok_item(None))
    assert account.without_id == 2


def test_what_came_through_the_pixel_is_recognised() -> None:
    account = tiktok()
    account.note_from_elsewhere(NOW, "CompletePayment", "one", NOW, "pixel")
    send(account, tiktok_item("one"), at=NOW + HOUR)
    assert ids(account) == {"one": 1}


@pytest.mark.parametrize("kind", ["tiktok-events", "meta-capi"])
@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (Fault("throttled"), "wait"),
        (Fault("throttled", seconds=30), "wait"),
        (Fault("server_error", status=500), "wait"),
        (Fault("server_error", status=503), "wait"),
        (Fault("unreadable", status=502), "unsure"),
        (Fault("bad_token"), "stop"),
    ],
)
def test_faults_are_what_the_destination_says_in_such_a_case(
    kind: str, fault: Fault, step: str
) -> None:
    make, item = (tiktok, tiktok_item) if kind == "tiktok-events" else (meta, meta_item)
    account = make(faults=spell(fault))
    answer = send(account, item())
    builder = request_builder(kind)
    assert builder is not None
    assert builder.advise(answer.status, answer.body, 1).step == step
    assert (answer.headers.get("Retry-After") == "30") is (fault.seconds == 30)
    assert ids(account) == {}
    assert reply(send(account, item(), at=NOW + HOUR)).get("code", 0) == 0
    assert ids(account) == {"one": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("slow", is_processed=True, seconds=90),
        Fault("reset", is_processed=True),
        Fault("unreadable", is_processed=True, status=504),
    ],
)
def test_an_event_can_land_although_no_good_reply_comes(fault: Fault) -> None:
    account = tiktok(faults=spell(fault))
    answer = send(account, tiktok_item())
    assert answer.is_lost or answer.status == 504 or answer.after_seconds == 90
    assert ids(account) == {"one": 1}


def test_a_reset_can_come_before_anything_is_read() -> None:
    account = tiktok(faults=spell(Fault("reset")))
    assert send(account, tiktok_item()).is_lost
    assert ids(account) == {}


def test_a_seed_gives_the_same_faults_again() -> None:
    def codes(seed: str) -> list[int]:
        account = tiktok(faults=spell(Fault("throttled"), share=0.5, seed=seed))
        return [reply(send(account, tiktok_item(str(i))))["code"] for i in range(30)]

    assert codes("1") == codes("1") != codes("2")
    assert set(codes("1")) == {0, 40100}


def test_other_paths_are_not_there() -> None:
    assert tiktok().handle(NOW, "/open_api/v1.3/pixel/track/", {}, b"{}").status == 404
    assert meta().handle(NOW, "/v24.0/me", {}, b"{}").status == 404


@pytest.mark.parametrize("account", [tiktok, meta])
def test_a_body_that_is_no_json_is_refused(account: Any) -> None:
    of = account()
    path = PATH if of.type == "tiktok-events" else "/v24.0/DATASET/events"
    headers = {"Access-Token": "t", "Authorization": "Bearer t"}
    for body in (b"", b"[]", b"{", b"\xff"):
        answer = of.handle(NOW, path, headers, body)
        assert reply(answer).get("code") == 40002 or answer.status == 400
