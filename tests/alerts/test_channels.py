"""What really goes out, and that no address ever does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from alerting import at, channel, config_of, gap, outage

import archiver.alerts.channels as channels
from archiver.alerts.channels import ChannelError, Sender, heartbeat
from archiver.alerts.state import Message
from archiver.alerts.telling import state_folder, tell, try_channels
from archiver.config.night_settings import ChannelSettings

SECRET = "s3cr3t-t0k3n"
TIMEOUT = timedelta(seconds=5)
APPRISE = ChannelSettings(url_env="SLACK_URL")
WEBHOOK = ChannelSettings(url_env="HOOK_URL", type="webhook")


def message(state: Any = "opened", alert: str = "abc") -> Message:
    return Message(
        alert_id=f"{alert}-1",
        alert=alert,
        kind="outage",
        state=state,
        title="archiver: a title",
        text="some\ntext",
        as_of=at(0),
        opened_at=at(0),
        run_id="r",
        conditions=[{"kind": "outage", "subject": "tiktok"}],
        waiting=[],
    )


@dataclass
class Server:
    """An HTTP server on this machine that keeps what it gets and answers as it is told."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    is_slow: bool = False
    drips: bool = False


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if found.is_slow:
                found.release.wait(20)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.got.append((self.path, dict(self.headers), json.loads(body or b"null")))
            while found.drips and not found.release.wait(0.05):
                self.wfile.write(b"H")
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Location", "/log-in")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.release.set()
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that any library logs, at every level."""
    texts: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    root, handler = logging.getLogger(), Keep()
    before = root.level
    root.addHandler(handler)
    root.setLevel(0)
    yield texts
    root.removeHandler(handler)
    root.setLevel(before)


def test_apprise_delivers(server: Server, logged: list[str], capfd: Any) -> None:
    url = f"json://user:{SECRET}@127.0.0.1:{server.port}/{SECRET}"
    Sender(APPRISE, {"SLACK_URL": url}, TIMEOUT).send(message(), "some\ntext")
    ((path, _, body),) = server.got
    assert path.strip("/") == SECRET
    assert (body["title"], body["message"], body["type"]) == (
        "archiver: a title",
        "some\ntext",
        "failure",
    )
    assert SECRET not in "".join([*logged, *capfd.readouterr()])


def test_a_message_of_its_end_is_a_success(server: Server) -> None:
    """Which services show in green, and which ends an incident at PagerDuty."""
    sender = Sender(APPRISE, {"SLACK_URL": f"json://127.0.0.1:{server.port}"}, TIMEOUT)
    sender.send(message("resolved"), "x")
    sender.send(message("updated"), "x")
    assert [body["type"] for _, _, body in server.got] == ["success", "warning"]


def test_apprise_is_asked_again_and_says_what_was_answered(
    server: Server, logged: list[str], capfd: Any
) -> None:
    url = f"json://127.0.0.1:{server.port}/{SECRET}"
    waits: list[float] = []
    sender = Sender(APPRISE, {"SLACK_URL": url}, TIMEOUT, sleep=waits.append)
    server.statuses = [503, 200]
    sender.send(message(), "x")
    assert (len(server.got), waits) == (2, [0.5])
    server.statuses = [404]
    with pytest.raises(ChannelError, match=r"^it answered 404$"):
        sender.send(message(), "x")
    server.statuses = [500, 500, 500]
    with pytest.raises(ChannelError, match=r"^it answered 500$"):
        sender.send(message(), "x")
    assert len(server.got) == 6
    assert SECRET not in "".join([*logged, *capfd.readouterr()])


def test_a_service_that_hangs_is_given_up(server: Server, logged: list[str]) -> None:
    server.is_slow = True
    for settings, url in (
        (APPRISE, f"json://127.0.0.1:{server.port}/{SECRET}"),
        (WEBHOOK, f"http://127.0.0.1:{server.port}/{SECRET}"),
    ):
        sender = Sender(settings, {settings.url_env: url}, timedelta(seconds=0.2))
        with pytest.raises(ChannelError, match=r"^it did not answer in time$"):
            sender.send(message(), "x")
    assert SECRET not in "".join(logged)


def test_a_service_that_goes_on_answering_is_given_up(server: Server, logged: list[str]) -> None:
    """The archive's lock is held meanwhile; no single reading takes longer than it may."""
    server.drips = True
    url = f"http://127.0.0.1:{server.port}/{SECRET}"
    sender = Sender(WEBHOOK, {"HOOK_URL": url}, timedelta(seconds=0.3))
    watchdog = threading.Timer(3, server.release.set)
    watchdog.start()
    with pytest.raises(ChannelError, match=r"^it did not answer in time$"):
        sender.send(message(), "x")
    assert not server.release.is_set()
    watchdog.cancel()
    server.release.set()
    assert SECRET not in "".join(logged)


def test_apprise_is_not_sent_on_to_a_page_that_takes_anything(server: Server) -> None:
    server.statuses = [302] * 3
    url = f"json://127.0.0.1:{server.port}/{SECRET}"
    with pytest.raises(ChannelError, match=r"302|could not deliver"):
        Sender(APPRISE, {"SLACK_URL": url}, TIMEOUT, sleep=lambda s: None).send(message(), "x")
    assert {body and body["title"] for *_, body in server.got} == {"archiver: a title"}


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (APPRISE, f"nosuch://{SECRET}"),
        (APPRISE, f"{SECRET}"),
        (APPRISE, f"slack://{SECRET}"),
        (APPRISE, f"json://a/{SECRET}, json://b/{SECRET}"),
        (WEBHOOK, f"{SECRET}"),
        (WEBHOOK, f"ftp://{SECRET}/x"),
        (WEBHOOK, f"http://[{SECRET}/x"),
        (WEBHOOK, f"https:///{SECRET}"),
        (APPRISE, ""),
        (WEBHOOK, "  "),
    ],
)
def test_what_is_no_address_is_said_without_it(
    settings: ChannelSettings, url: str, logged: list[str], capfd: Any
) -> None:
    with pytest.raises(ChannelError, match=settings.url_env) as failure:
        Sender(settings, {settings.url_env: url}, TIMEOUT)
    assert SECRET not in "".join([str(failure.value), *logged, *capfd.readouterr()])


def test_a_webhook_gets_the_document_and_its_key(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/{SECRET}"
    Sender(WEBHOOK, {"HOOK_URL": url}, TIMEOUT).send(message(), "some text")
    ((_, headers, body),) = server.got
    assert headers["Idempotency-Key"] == body["alert_id"] == "abc-1"
    assert body == {
        "alert_id": "abc-1",
        "alert": "abc",
        "kind": "outage",
        "state": "opened",
        "title": "archiver: a title",
        "text": "some text",
        "as_of": "2026-01-15T03:00:00Z",
        "opened_at": "2026-01-15T03:00:00Z",
        "run_id": "r",
        "conditions": [{"kind": "outage", "subject": "tiktok"}],
    }


def hook(*statuses: int | type[Exception]) -> tuple[Sender, list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = statuses[len(requests) - 1]
        if isinstance(found, int):
            return httpx.Response(found, headers={"Location": f"https://x/{SECRET}"})
        raise found(f"{request.url}")

    return (
        Sender(
            WEBHOOK,
            {"HOOK_URL": f"https://hooks.example/{SECRET}"},
            TIMEOUT,
            transport=httpx.MockTransport(answer),
            sleep=lambda seconds: None,
        ),
        requests,
    )


@pytest.mark.parametrize(
    ("statuses", "why", "tries"),
    [
        ([503, 429, 200], None, 3),
        ([503, 503, 503], "it answered 503", 3),
        ([400], "it answered 400", 1),
        ([302], "it answered 302", 1),
        ([httpx.ConnectError, 200], None, 2),
        ([httpx.ConnectError] * 3, "it could not be reached (ConnectError)", 3),
        ([httpx.ReadTimeout], "it did not answer in time", 1),
    ],
)
def test_how_often_a_webhook_is_tried(
    statuses: list[Any], why: str | None, tries: int, logged: list[str]
) -> None:
    sender, requests = hook(*statuses)
    said = None
    try:
        sender.send(message(), "x")
    except ChannelError as error:
        said = str(error)
    assert (said, len(requests)) == (why, tries)
    assert len({request.headers["Idempotency-Key"] for request in requests}) == 1
    assert SECRET not in "".join(logged)


def test_pagerduty_has_one_incident_per_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[dict[str, Any]] = []

    class Reply:
        status_code = 202
        content = b""

    def post(url: str, data: str, **more: object) -> Reply:
        posted.append(json.loads(data))
        return Reply()

    monkeypatch.setattr("apprise.plugins.pagerduty.requests.post", post)
    sender = Sender(APPRISE, {"SLACK_URL": "pagerduty://A1B2@key/archiver/night"}, TIMEOUT)
    for state in ("opened", "updated", "resolved"):
        sender.send(message(state), "x")
    assert [(p["event_action"], p["dedup_key"]) for p in posted] == [
        ("trigger", "archiver-abc"),
        ("trigger", "archiver-abc"),
        ("resolve", "archiver-abc"),
    ]
    own = channels._for_alert("pagerduty://A1B2@key?dedup=mine&action=trigger", "abc")
    assert own == "pagerduty://A1B2@key?dedup=mine&action=trigger"
    assert channels._for_alert("json://host/pagerduty", "abc") == "json://host/pagerduty"


def test_slack_gets_no_mention_from_the_name_of_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[str] = []

    class Reply:
        status_code = 200
        content = b"ok"
        text = "ok"

    def request(method: str, url: str, data: str, **more: object) -> Reply:
        posted.append(data)
        return Reply()

    monkeypatch.setattr("apprise.plugins.slack.requests.request", request)
    from archiver.alerts.words import harmless

    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts"
    sender = Sender(APPRISE, {"SLACK_URL": url}, TIMEOUT)
    sender.send(message(), harmless("<!channel> <@U6TTX1F9R> *x* `y` @here & more"))
    assert posted
    assert not any(word in posted[0] for word in ("<!", "<@", "@here", "*x*", "`y`"))


def test_from_a_condition_to_an_apprise_plugin(tmp_path: Path) -> None:
    """End to end with a plugin of one's own; a failing one is said, another has it all the same."""
    import apprise

    heard: list[tuple[str, str]] = []

    @apprise.decorators.notify(on="nighttest")
    def hear(body: str, title: str, notify_type: str, *args: Any, **more: Any) -> bool:
        heard.append((title, body))
        return True

    config = config_of(tmp_path, good=APPRISE, unset=channel())
    told = tell(
        config,
        {"SLACK_URL": "nighttest://"},
        state_folder(config.archive_root),
        [outage(), gap()],
        as_of=at(0),
        now=at(0),
        run_id="r",
    )
    ((title, body),) = heard
    assert title == "archiver: conversions do not arrive at tiktok: 40 conversions, 500.00 USD"
    assert "more conversions lost at tiktok" in body
    assert [failed.channel for failed in told.failed] == ["unset"]


def test_channels_are_tried(tmp_path: Path, server: Server) -> None:
    config = config_of(tmp_path, good=WEBHOOK, unset=channel())
    environment = {"HOOK_URL": f"http://127.0.0.1:{server.port}/"}
    results = try_channels(config, environment, list(config.channels), now=at(0))
    assert results == {"good": None, "unset": "the environment variable SOME_URL is not set"}
    assert "Nothing is wrong" in server.got[0][2]["text"]
    assert not state_folder(config.archive_root).exists()


@pytest.mark.parametrize(
    ("status", "said"), [(200, None), (500, "the heartbeat failed: it answered 500")]
)
def test_the_heartbeat(tmp_path: Path, server: Server, status: int, said: str | None) -> None:
    config = config_of(tmp_path)
    server.statuses = [status]
    url = f"http://127.0.0.1:{server.port}/{SECRET}"
    assert heartbeat(config, {"HEARTBEAT_URL": url}) == said
    assert [path for path, _, _ in server.got] == [f"/{SECRET}"]


def test_no_heartbeat_or_a_wrong_one(tmp_path: Path, logged: list[str]) -> None:
    config = config_of(tmp_path)
    assert heartbeat(config, {}) is None
    assert heartbeat(config, {"HEARTBEAT_URL": SECRET}) == (
        "the heartbeat failed: HEARTBEAT_URL holds no http or https URL"
    )

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(str(request.url))

    environment = {"HEARTBEAT_URL": f"https://beat.example/{SECRET}"}
    why = heartbeat(config, environment, transport=httpx.MockTransport(refuse))
    assert why == "the heartbeat failed: it could not be reached (ConnectError)"
    assert SECRET not in "".join(logged)
