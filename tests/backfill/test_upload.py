"""What an upload makes of each reply, and of none."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from uploading import NOON, TIKTOK, World, says

from archiver.errors import EXIT_DONE, EXIT_PARTIAL, EXIT_REFUSED


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ages(hours: float, *ids: str) -> dict[str, timedelta]:
    return dict.fromkeys(ids, timedelta(hours=hours))


def test_accepted_events_are_done(world: World) -> None:
    world.write_backfill([["a", "b"], ["c"]])
    world.replies = [says(0)]
    result = world.upload()
    assert world.seen == [["a", "b"], ["c"]]
    assert world.headers[0]["Access-Token"] == world.environment["TIKTOK_ACCESS_TOKEN"]
    assert world.urls[0] == "https://business-api.tiktok.com/open_api/v1.3/event/track/"
    assert (result.fates["accepted"], result.requests, result.exit_code) == (3, 2, EXIT_DONE)
    assert world.upload().requests == 0
    assert len(world.seen) == 2


def test_the_bodies_are_those_of_the_files(world: World) -> None:
    world.write_backfill([["a", "b"]])
    bodies = []

    def keep(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return says(0)

    world.upload(transport=httpx.MockTransport(keep))
    assert bodies == [(world.folder / "batch-00001.json").read_bytes()]


def test_a_row_that_is_named_is_refused_and_the_others_go_without_it(world: World) -> None:
    world.write_backfill([["a", "b", "c"]])
    world.replies = [says(40002, "Batch.1.properties.value: Invalid value"), says(0)]
    result = world.upload()
    assert world.seen == [["a", "b", "c"], ["a", "c"]]
    assert (result.fates["accepted"], result.fates["rejected"]) == (2, 1)
    assert result.exit_code == EXIT_PARTIAL


@pytest.mark.parametrize("bad", [{"e0"}, {"e7", "e8"}, {"e3", "e63"}, {"e1", "e20", "e40"}])
def test_a_row_that_nobody_names_is_found_in_halves(world: World, bad: set[str]) -> None:
    ids = [f"e{n}" for n in range(64)]
    world.write_backfill([ids])
    world.replies = lambda sent: says(40002 if bad & set(sent) else 0)
    result = world.upload()
    assert result.fates["accepted"] == 64 - len(bad)
    assert result.fates["rejected"] == len(bad)
    # Each bad one costs at most two requests on each of the six levels below the first.
    assert len(world.seen) <= 1 + 12 * len(bad)
    taken = [event_id for sent in world.seen if not bad & set(sent) for event_id in sent]
    assert sorted(taken) == sorted(set(ids) - bad)


def test_when_all_rows_are_bad_each_is_refused_alone(world: World) -> None:
    world.write_backfill([[f"e{n}" for n in range(8)]])
    world.replies = lambda sent: says(40002)
    assert world.upload().fates["rejected"] == 8
    assert len(world.seen) == 15


def test_throttling_waits_longer_each_time(world: World) -> None:
    world.write_backfill([["a"]])
    world.replies = [says(40100), says(40100), says(50000), says(0)]
    result = world.upload()
    assert world.slept == [1, 2, 4]
    assert (result.fates["accepted"], result.requests) == (1, 4)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30),
        ("Thu, 15 Jan 2026 12:00:40 GMT", 40),
        ("Thu, 15 Jan 2026 11:00:00 GMT", 1),
        ("soon", 1),
    ],
)
def test_retry_after_counts(world: World, asked: str, seconds: float) -> None:
    world.write_backfill([["a"]])
    world.replies = [httpx.Response(503, headers={"Retry-After": asked}), says(0)]
    world.upload()
    assert world.slept == [seconds]


def test_a_spell_of_the_servers_own_faults_ends_the_run_and_the_next_goes_on(
    world: World,
) -> None:
    world.write_backfill([["a"], ["b"]])
    world.replies = [says(0), *[httpx.Response(503)] * 20]
    result = world.upload()
    assert (result.stopped, result.cause) == ("it gave up waiting: HTTP 503", "gave_up")
    assert (result.fates["waiting"], result.exit_code) == (1, EXIT_PARTIAL)
    assert max(world.slept) <= 60
    world.replies = [says(0)]
    assert world.upload().fates["accepted"] == 2
    assert world.seen[-1] == ["b"]


def test_nobody_waits_longer_than_the_upload_may(world: World) -> None:
    world.write_backfill([["a"]])
    world.replies = [says(40100, Retry_After="3600")]
    result = world.upload()
    assert world.slept == []
    assert result.stopped == "it gave up waiting: HTTP 200, code 40100, asks to wait 3,600 s"


@pytest.mark.parametrize("asked", ["Fri, 31 Dec 9999 23:59:59 -2359", "9" * 30])
def test_nobody_waits_for_ever(world: World, asked: str) -> None:
    world.write_backfill([["a"]])
    world.replies = [says(40100, Retry_After=asked)]
    assert str(world.upload().stopped).endswith("asks to wait 31,622,400 s")
    assert world.slept == []


def test_a_reply_in_drops_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1000, 25))
    monkeypatch.setattr("archiver.backfill.upload_http.time.monotonic", lambda: next(seconds))
    world.write_backfill([["a"]], ages={"a": timedelta(days=3)})

    def drip(text: bytes) -> httpx.Response:
        return httpx.Response(200, content=(text[i : i + 1] for i in range(len(text))))

    world.replies = [drip(b'{"code":0}')]
    result = world.upload()
    assert (result.fates["ambiguous"], result.requests) == (1, 1)
    assert world.log()[0]["http_status"] is None


@pytest.mark.parametrize(
    "reply", [says(40105), httpx.Response(401), httpx.Response(307, headers={"Location": "/x"})]
)
def test_a_refusal_of_the_upload_stops_it(world: World, reply: httpx.Response) -> None:
    world.write_backfill([["a"], ["b"]])
    world.replies = [reply]
    result = world.upload()
    assert len(world.seen) == 1
    assert (result.fates["waiting"], result.exit_code) == (2, EXIT_REFUSED)
    world.replies = [says(0)]
    assert world.upload().exit_code == EXIT_DONE


@pytest.mark.parametrize("lost", [None, httpx.Response(502), httpx.RemoteProtocolError("cut")])
def test_without_a_reply_events_go_again_inside_the_window(
    world: World, lost: httpx.Response | None
) -> None:
    world.write_backfill([["young", "old"]], ages(48, "old"))
    world.replies = [lost, says(0)]
    result = world.upload()
    assert world.seen == [["young", "old"], ["young"]]
    assert (result.fates["accepted"], result.fates["ambiguous"]) == (1, 1)
    assert result.exit_code == EXIT_PARTIAL


def test_the_window_may_count_from_the_uploads_first_attempt(world: World) -> None:
    world.settings = TIKTOK + 'dedup_clock = "arrival"\n'
    world.write_backfill([["old"]], ages(72, "old"))
    world.replies = [None]
    assert world.upload().fates["waiting"] == 1
    assert len(world.seen) == 10
    world.now = NOON + timedelta(hours=48)
    assert world.upload(send=False).fates["ambiguous"] == 1
    world.now -= timedelta(seconds=1)
    world.replies = [says(0)]
    assert world.upload().fates["accepted"] == 1


def test_a_destination_that_recognises_nothing_gets_nothing_twice(world: World) -> None:
    world.settings = TIKTOK + 'dedup_window = "0s"\n'
    world.write_backfill([[f"e{n}"] for n in range(9)])
    world.replies = [None]
    result = world.upload()
    assert world.seen == [["e0"], ["e1"], ["e2"]]
    assert (result.fates["ambiguous"], result.fates["waiting"]) == (3, 6)
    assert result.stopped == (
        "3 requests in a row may have landed or not, and must not be repeated: no reply"
        " (ReadTimeout)"
    )


def test_where_no_connection_came_about_nothing_was_sent(world: World) -> None:
    world.write_backfill([["old"]], ages(72, "old"))
    world.replies = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), says(0)]
    result = world.upload()
    assert result.fates["accepted"] == 1
    assert [line["http_status"] for line in world.log()] == [200]


def test_a_reply_that_leaves_it_open_is_asked_three_times_and_others_go_on(world: World) -> None:
    world.write_backfill([["odd"], ["a"]])
    world.replies = lambda sent: says(20001 if sent == ["odd"] else 0)
    result = world.upload()
    assert world.seen == [["odd"], ["odd"], ["odd"], ["a"]]
    assert (result.fates["accepted"], result.fates["waiting"]) == (1, 1)


def test_what_is_too_old_when_its_turn_comes_is_taken_out(world: World) -> None:
    world.write_backfill(
        [["new", "old"], ["late"]],
        {"old": timedelta(hours=25), "late": timedelta(hours=24) - timedelta(seconds=1)},
        max_age=timedelta(hours=24),
    )
    world.replies = [says(40100), says(40100), says(0)]
    result = world.upload()
    assert world.seen == [["new"]] * 3
    assert (result.fates["accepted"], result.fates["expired"]) == (1, 2)


def test_what_may_have_a_twin_goes_only_while_repetitions_are_recognised(world: World) -> None:
    world.write_backfill(
        [["missing", "ambiguous"]],
        ages(49, "missing", "ambiguous"),
        {"ambiguous": "ambiguous"},
        include=["ambiguous"],
    )
    world.replies = [says(0)]
    result = world.upload()
    assert world.seen == [["missing"]]
    assert (result.fates["beyond_dedup"], result.exit_code) == (1, EXIT_PARTIAL)
    manifest = world.folder / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('["ambiguous"]', '["ambiguous", "beyond-dedup"]'))
    assert world.upload().fates["accepted"] == 2


def test_requests_keep_their_distance(world: World) -> None:
    world.settings = TIKTOK + "max_requests_per_second = 0.5\n"
    world.write_backfill([["a"], ["b"], ["c"]])
    world.replies = [says(0)]
    assert world.upload(send=False).shortest_seconds == 4
    world.upload()
    assert world.slept == [2, 2]


def test_without_verdicts_nothing_is_sent_twice_and_nothing_is_certain(world: World) -> None:
    world.write_backfill([["a"], ["b"]], via="segment-http")
    world.replies = [httpx.Response(200, json={"success": True})]
    result = world.upload()
    assert world.urls[0] == "https://api.segment.io/v1/batch"
    assert world.headers[0]["Authorization"].startswith("Basic ")
    assert (result.fates["ambiguous"], result.exit_code) == (2, EXIT_PARTIAL)
    assert world.upload().requests == 0
    assert world.log()[0]["type"] == "segment-http"


def test_each_request_is_a_line_of_the_log(world: World) -> None:
    world.write_backfill([["a", "b"]])
    world.replies = [None, says(0)]
    world.upload()
    lost, taken = world.log()
    assert lost["response_body"] is None
    assert lost["sent_at"] == "2026-01-15T12:00:00Z"
    assert (lost["attempt"], taken["attempt"]) == (1, 2)
    assert taken["http_status"] == 200
    assert json.loads(taken["response_body"])["code"] == 0
    assert [event["event_id"] for event in taken["request_body"]["data"]] == ["a", "b"]
    assert taken["archiver_upload"] == "0123456789abcdef"
    assert (taken["event_ids"], taken["event_names"]) == (["a", "b"], ["CompletePayment"] * 2)


def test_a_request_to_stop_is_heeded_between_two_requests(world: World) -> None:
    world.write_backfill([["a"], ["b"]])
    world.replies = [says(0)]
    result = world.upload(should_stop=lambda: bool(world.seen))
    assert (result.exit_code, result.fates["waiting"]) == (130, 1)
    assert world.upload().fates["accepted"] == 2
    assert world.seen == [["a"], ["b"]]


def test_a_dry_run_says_what_would_go_and_writes_nothing(world: World) -> None:
    world.write_backfill([["a", "b"], ["c"]], max_age=timedelta(hours=24))
    before = sorted(world.folder.iterdir())
    world.environment = {}
    result = world.upload(send=False)
    assert (result.sent, result.fates["waiting"], result.exit_code) == (False, 3, EXIT_DONE)
    assert result.headers[0] == "Access-Token: $TIKTOK_ACCESS_TOKEN"
    assert result.missing_variables == ("TIKTOK_ACCESS_TOKEN",)
    assert result.batches[0].first_deadline == NOON + timedelta(hours=23)
    assert sorted(world.folder.iterdir()) == before
    assert world.seen == []
