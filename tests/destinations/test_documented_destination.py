"""The destination of docs/destinations.md: loaded from the page, registered, run."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import test_every_builder as for_each
from support import CONFIG, Workspace

import archiver.config.checks
import archiver.destinations
import archiver.report.catalogue
from archiver.destinations.base import RequestItem
from archiver.destinations.requests import Advice, RequestBuilder, UnsendableEvent

PAGE = Path(__file__).resolve().parents[2] / "docs" / "destinations.md"
EVENT: dict[str, Any] = {
    "messageId": "m-1",
    "properties": {"email": " Ada@Example.com", "revenue": 12.50, "currency": "GBP"},
    "context": {"traits": {"phone": "+44 20 7946 0123"}},
}


@pytest.fixture
def quillboard(monkeypatch: pytest.MonkeyPatch) -> RequestBuilder:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (source,) = [code for language, code in blocks if language == "python"]
    module = ModuleType("archiver.destinations.quillboard")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, str(PAGE), "exec"), module.__dict__)
    kind: RequestBuilder = module.Quillboard()
    every = (*archiver.destinations.DESTINATIONS, kind)
    for registry in (archiver.destinations, archiver.config.checks, archiver.report.catalogue):
        monkeypatch.setattr(registry, "DESTINATIONS", every)
    return kind


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_from_an_event_to_a_request_and_back(quillboard: RequestBuilder) -> None:
    requests = quillboard.requests(for_each.settings(quillboard, "segment", "web"))
    built = requests.build_event(
        json.dumps(EVENT).encode(), "purchase", "m-1", for_each.EVENT_TIME_US
    )
    assert json.loads(built.item) == {
        "id": "m-1",
        "name": "purchase",
        "at": 1768477920000,
        "person": {"email": [sha(" ada@example.com")], "phone": sha("442079460123")},
        "amount": 12.5,
        "currency": "GBP",
    }
    body = requests.body([built.item, b'{"id":"m-2"}'], built.root)
    assert requests.split(body) == ([built.item, b'{"id":"m-2"}'], b"")
    assert quillboard.request_items(body)[0] == RequestItem(
        "m-1", "purchase", datetime(2026, 1, 15, 11, 52, tzinfo=UTC), Decimal("12.5"), "GBP"
    )
    with pytest.raises(UnsendableEvent, match="neither e-mail nor phone"):
        requests.build_event(b"{}", "purchase", "m-1", 0)


@pytest.mark.parametrize(
    ("status", "reply", "outcomes", "advice"),
    [
        (200, {"status": "ok"}, ["accepted", "accepted"], Advice("done")),
        (
            200,
            {"status": "partial", "failed": [{"index": 1}]},
            ["accepted", "rejected"],
            Advice("done"),
        ),
        (200, {"status": "partial", "failed": [{}]}, ["unknown", "unknown"], Advice("unsure")),
        (
            400,
            {"status": "error", "code": "bad_event", "failed": [{"index": 0}]},
            ["rejected", "failed"],
            Advice("isolate", (0,)),
        ),
        (429, {"status": "error", "code": "slow"}, ["failed", "failed"], Advice("wait")),
        (502, None, ["unknown", "unknown"], Advice("unsure")),
    ],
)
def test_its_replies(
    quillboard: RequestBuilder, status: int, reply: Any, outcomes: list[str], advice: Advice
) -> None:
    data = None if reply is None else json.dumps(reply).encode()
    verdicts = quillboard.judge(status, data, 2).verdicts
    assert [verdict.outcome for verdict in verdicts] == outcomes
    assert quillboard.advise(status, data, 2) == advice


@pytest.mark.parametrize(
    "check",
    [
        check
        for name, check in vars(for_each).items()
        if name.startswith("test_") and not hasattr(check, "hypothesis")  # Those draw their own.
    ],
    ids=lambda check: check.__name__,
)
def test_it_passes_the_checks_of_every_destination(quillboard: RequestBuilder, check: Any) -> None:
    known = {
        "kind": quillboard,
        "case": (quillboard, for_each.settings(quillboard, "segment", "web")),
        "status": 429,
        "steps": {"wait"},
    }
    wanted = check.__code__.co_varnames[: check.__code__.co_argcount]
    check(**{name: known[name] for name in wanted})


def test_it_can_be_configured_and_printed(
    quillboard: RequestBuilder, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"^```toml\n(\[destinations.*?)^```$", PAGE.read_text(), re.S | re.M)
    workspace.configure(CONFIG + example)
    settings = workspace.config.destination("quillboard")
    found = archiver.report.catalogue.configured_details("quillboard", settings)
    assert found.requests[0].url == "https://api.quillboard.example/v2/events"
    age = next(fact for fact in found.documentation if fact.topic == "age")
    assert (age.is_unverified, age.key) == (True, "max_age")
    assert found.configured is not None
    assert ("max_age", "7d") in {(one.key, one.value) for one in found.configured.settings}


def test_the_page_says_the_key_of_every_topic() -> None:
    page = PAGE.read_text()
    for topic, key in archiver.report.catalogue.KEYS:
        assert f"(`{key}`)" in page.replace("\n", " "), topic
