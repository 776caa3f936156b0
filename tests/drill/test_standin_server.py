"""The stand-in behind a real socket, and behind httpx without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standing import NOW, ids, tiktok, tiktok_item

from archiver.drill.clock import DrillClock
from archiver.drill.faults import Fault, Faults, Spell
from archiver.drill.standin_server import counted, open_accounts, serving
from archiver.drill.standin_tiktok import PATH
from archiver.drill.standin_transport import STANDIN_URL, OtherHostError, StandInTransport

BODY = json.dumps(
    {"event_source": "web", "event_source_id": "PIXEL", "data": [tiktok_item()]}
).encode()
HEADERS = {"Access-Token": "token"}


def always(fault: Fault) -> Faults:
    ends = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    return Faults("", [Spell(*ends, (fault,))])


def test_a_server_answers_and_says_what_it_counted() -> None:
    lines: list[str] = []
    account = tiktok()
    with serving([account], told=lines.append) as server, httpx.Client() as client:
        assert server.server_address[0] == "127.0.0.1"
        assert server.url.startswith("http://127.0.0.1:")
        for _ in range(2):
            answer = client.post(server.url + PATH, content=BODY, headers=HEADERS)
            assert answer.json()["code"] == 0
        (said,) = client.get(f"{server.url}/counted").json()
        assert client.post(f"{server.url}/elsewhere", content=b"{}").status_code == 404
    assert said == counted(account)
    assert (said["events"], said["recognised_repetitions"]) == ({"CompletePayment": 1}, 1)
    assert lines[0] == f"POST {PATH}: 200, {len(BODY):,} bytes"


def test_a_server_breaks_the_connection_where_it_is_told_to() -> None:
    account = tiktok(faults=always(Fault("reset", is_processed=True)))
    with serving([account]) as server, pytest.raises(httpx.ReadError):
        httpx.post(server.url + PATH, content=BODY, headers=HEADERS)
    assert ids(account) == {"one": 1}


def test_a_server_is_slow_where_it_is_told_to() -> None:
    account = tiktok(faults=always(Fault("slow", is_processed=True, seconds=0.2)))
    with serving([account]) as server, pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + PATH, content=BODY, headers=HEADERS, timeout=0.05)
    assert ids(account) == {"one": 1}


def test_open_accounts_take_any_id_and_any_token() -> None:
    with serving(open_accounts(1, 0.0)) as server:
        assert httpx.post(server.url + PATH, content=BODY, headers=HEADERS).json()["code"] == 0
        url = f"{server.url}/v24.0/123/events?access_token=x"
        assert httpx.post(url, json={"data": []}).status_code == 400


def test_the_transport_needs_no_socket_and_no_waiting() -> None:
    clock, account = DrillClock(NOW), tiktok()
    moments: list[str] = []
    transport = StandInTransport(account, clock, "upload", moments.append)
    with httpx.Client(transport=transport) as client:
        assert client.post(STANDIN_URL + PATH, content=BODY, headers=HEADERS).json()["code"] == 0
    assert moments == ["before a request", "after a request"]
    ((count,),) = account.counted.values()
    assert (count.at, count.sender) == (NOW, "upload")
    assert NOW < clock.now() < NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fault", "error", "seconds"),
    [
        (Fault("slow", is_processed=True, seconds=90), httpx.ReadTimeout, 30),
        (Fault("reset"), httpx.ReadError, 0.2),
    ],
)
def test_a_reply_that_does_not_come_takes_its_time(
    fault: Fault, error: type[Exception], seconds: float
) -> None:
    clock = DrillClock(NOW)
    transport = StandInTransport(tiktok(faults=always(fault)), clock)
    with httpx.Client(transport=transport, timeout=30) as client, pytest.raises(error):
        client.post(STANDIN_URL + PATH, content=BODY, headers=HEADERS)
    assert clock.now() - NOW == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "url", ["https://business-api.tiktok.com", "https://graph.facebook.com", "http://localhost"]
)
def test_the_transport_speaks_to_no_other_host(url: str) -> None:
    account = tiktok()
    with (
        httpx.Client(transport=StandInTransport(account, DrillClock(NOW))) as client,
        pytest.raises(OtherHostError),
    ):
        client.post(url + PATH, content=BODY, headers=HEADERS)
    assert account.requests == 0
