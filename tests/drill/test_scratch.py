"""The drill's workspace has the user's settings, and values that their conditions ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from drilling import CONFIGS, HEAD, configured

from archiver.config import Condition
from archiver.drill.satisfy import satisfied
from archiver.drill.scratch import make_workspace
from archiver.warehouse.conditions import ready

EVENT = {"event": "E", "properties": {"plan": "free", "seats": 1}, "context": {"email": "a@x.org"}}

ODD = (
    HEAD
    + """\
type = "tiktok-events"
pixel = "none"
account_timezone_before = [{ until = 2026-02-01T00:00:00Z, zone = "Asia/Kathmandu" }]
retry_window = "0.5s"
strict = true
map = { "user.email" = ["$['a b'].c", "$.d[0]"], "user.phone" = [], value = 1.5 }
match_keys = [{ path = ["context", "we.ird"], transform = ["trim", "sha256"] }]
filter = [{ path = "properties.\\"q\\"", matches = "^\\\\d+\\\\.é\\n" }]
exclude = [{ from = 2026-01-01T00:00:00Z, to = 2026-01-02T00:00:00Z, reason = "r" }]
token_env = "REAL_TOKEN"
base_url = "https://real.example"
reports = "failures"
"""
)


@pytest.mark.parametrize("text", [*CONFIGS.values(), ODD], ids=[*CONFIGS, "odd"])
def test_a_destination_is_copied_but_for_feeds_hosts_and_secrets(tmp_path: Path, text: str) -> None:
    config = configured(tmp_path / "user", text)
    about = config.destination("ads")
    made = make_workspace(
        tmp_path / "drill", config, "ads", base_url="http://standin.invalid", max_events=7
    )
    assert list(made.destinations) == ["ads"]
    copied = made.destination("ads")
    own: dict[str, Any] = {
        "sources": list(made.sources),
        "base_url": "http://standin.invalid",
        "token_env": "ARCHIVER_DRILL_TOKEN",
        "max_events": 7,
        "exclude": [],
        "receipts": ["receipts/*.ndjson"],
        "reports": "all",
    }
    assert copied == msgspec.structs.replace(about, **own)
    assert made.archive_root.is_relative_to(tmp_path / "drill")


def conditions(*tests: dict[str, Any]) -> Any:
    return ready([msgspec.convert(test, Condition) for test in tests])


@pytest.mark.parametrize(
    ("wanted", "path", "value"),
    [
        ([{"path": "properties.plan", "is": ["pro", "team"]}], "plan", "pro"),
        ([{"path": "properties.plan", "is": "free"}], "plan", "free"),
        ([{"path": "properties.plan", "is_not": "free"}], "plan", None),
        ([{"path": "properties.plan", "matches": "^(pro|team)$"}], "plan", "pro"),
        ([{"path": "properties.plan", "matches": "a\\.b"}], "plan", "a.b"),
        ([{"path": "properties.new", "exists": True}], "new", True),
        ([{"path": "properties.plan", "exists": False}], "plan", None),
        ([{"path": "properties.seats", "more_than": 9}], "seats", 10.0),
        ([{"path": "properties.seats", "at_least": 3}], "seats", 3.0),
        (
            [
                {"path": "properties.seats", "more_than": 3},
                {"path": "properties.seats", "less_than": 5},
            ],
            "seats",
            4.0,
        ),
        ([{"path": "properties.on", "is": True}], "on", True),
    ],
)
def test_an_event_gets_what_conditions_ask_for(
    wanted: list[dict[str, Any]], path: str, value: Any
) -> None:
    found = satisfied(EVENT, conditions(*wanted), ())
    assert found is not None
    assert found["properties"].get(path) == value
    assert EVENT["properties"] == {"plan": "free", "seats": 1}


def test_an_event_loses_what_would_make_it_a_test() -> None:
    tests = conditions({"path": "context.email", "matches": "@x[.]org"})
    found = satisfied(EVENT, (), tests)
    assert found is not None
    assert found["context"] == {}


def test_what_no_value_satisfies_is_said() -> None:
    impossible = conditions(
        {"path": "properties.plan", "is": "a"}, {"path": "properties.plan", "is": "b"}
    )
    assert satisfied(EVENT, impossible, ()) is None
    assert satisfied(EVENT, conditions({"path": "event.x", "is": 1}), ()) is None
