"""`archiver destinations`: what is known of a type, a route or a configured destination."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support import CONFIG, Workspace

from archiver.cli.main import run
from archiver.destinations import DESTINATIONS, ROUTES
from archiver.report.catalogue import catalogue, configured_details, details, duration_text, types
from archiver.report.catalogue_tables import print_catalogue, print_details

CONFIGURED = """\
token_env = "OUR_TOKEN"
max_age = "20d"
max_events = 50
map = { value = "$.properties.total" }
[[destinations.tiktok.rules]]
event = "Quote\\u001b[2JAsked"
name = "Lead"
[[destinations.tiktok.exclude]]
from = 2026-01-15T15:00:00Z
to = 2026-01-15T19:00:00Z
reason = "the pixel\\u001b[2J was on"
"""


@pytest.fixture
def configured(workspace: Workspace) -> Workspace:
    workspace.configure(CONFIG + CONFIGURED)
    return workspace


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["--config", "/nowhere/archiver.toml", "destinations", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(print_it: Any, *what: Any, width: int = 80) -> str:
    out = Console(file=io.StringIO(), width=width, color_system=None)
    print_it(out, *what)
    text: str = out.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_list_needs_no_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys)
    assert [entry["type"] for entry in found["types"]] == [kind.type for kind in DESTINATIONS]
    assert [entry["type"] for entry in found["routes"]] == [kind.type for kind in ROUTES]
    assert found["configured"] == {}
    tiktok = found["types"][0]
    assert {"preset": "segment", "event_source": "web"} in tiktok["builds"]
    assert tiktok["dedup_window_seconds"] == 172_800
    assert tiktok["limits"][0]["max_events"] == 1000
    assert tiktok["facts"]["high"] > tiktok["facts"]["none"] > 0


def test_a_type_says_what_it_knows_and_what_sets_the_unverified(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = ask(capsys, "tiktok-events", "--preset", "segment", "--event-source", "web")
    assert [preset["preset"] for preset in found["by_preset"]] == ["segment"]
    assert [(one["preset"], one["event_source"]) for one in found["requests"]] == [
        ("segment", "web")
    ]
    sent = found["requests"][0]
    assert sent["url"].startswith("https://business-api.tiktok.com/")
    assert {"Access-Token": "TIKTOK_ACCESS_TOKEN"}.items() <= {
        header["name"]: header["environment"] for header in sent["headers"]
    }.items()
    assert "$.properties.value" in next(
        field["sources"] for field in sent["fields"] if field["name"] == "properties.value"
    )
    size = next(fact for fact in found["documentation"] if fact["topic"] == "body size")
    assert (size["is_unverified"], size["key"]) == (True, "max_body_bytes")
    throttled = next(reply for reply in found["replies"] if reply["http_status"] == 429)
    assert (throttled["outcome"], throttled["step"]) == ("failed", "wait")
    assert found["configured"] is None


def test_a_configured_destination_says_what_is_in_force(configured: Workspace) -> None:
    found = configured.done("destinations", "tiktok", "--json").json
    settings = {
        one["key"]: (one["value"], one["said_by"]) for one in found["configured"]["settings"]
    }
    assert settings["max_age"] == ("20d", "configuration")
    assert settings["max_events"] == (50, "configuration")
    assert settings["token_env"] == ("OUR_TOKEN", "configuration")
    assert settings["dedup_window"] == ("48h", "type")
    assert settings["preset"] == ("segment", "default")
    assert settings["max_body_bytes"] == (None, "default")
    (limits,) = found["limits"]
    assert (limits["max_events"], limits["max_age_seconds"]) == (50, 20 * 86_400)
    assert (found["token_env"], found["dedup_window_seconds"]) == ("OUR_TOKEN", 172_800)
    (sent,) = found["requests"]
    assert "OUR_TOKEN" in {header["environment"] for header in sent["headers"]}
    assert [field["name"] for field in sent["fields"] if field["is_overridden"]] == [
        "properties.value"
    ]
    assert found["configured"]["excluded"][0]["from"] == "2026-01-15T15:00:00Z"


def test_the_list_names_the_configured_ones(configured: Workspace) -> None:
    assert configured.done("destinations", "--json").json["configured"] == {
        "tiktok": "tiktok-events"
    }


def test_texts_of_the_configuration_cannot_command_the_terminal(configured: Workspace) -> None:
    settings = configured.config.destination("tiktok")
    text = shown(print_details, configured_details("tiktok", settings))
    assert "\x1b" not in text
    assert r"the pixel\x1b[2J was on" in " ".join(text.split())
    assert "properties.value (map)" in text


@pytest.mark.parametrize("name", types())
@pytest.mark.parametrize("width", [80, 100, 200])
def test_every_type_fits_a_terminal(name: str, width: int) -> None:
    text = shown(print_details, details(name), width=width)
    assert max(map(len, text.splitlines())) <= min(width, 100)
    assert "From where this is known" in text


def test_the_list_fits_a_terminal() -> None:
    text = shown(print_catalogue, catalogue(), {"shop": "tiktok-events"})
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in types())
    assert "shop: configured, of type tiktok-events" in text


def test_a_limit_of_some_event_source_is_not_said_of_all() -> None:
    text = " ".join(shown(print_catalogue, catalogue(), {}).split())
    assert "1,000 events, 50,000,000 bytes (crm), 28d old (offline)" in text
    assert "7d old or 62d old (physical_store)" in text


def test_the_unverified_is_marked() -> None:
    text = shown(print_details, details("tiktok-events"), width=100)
    assert "body size (max_body_bytes)" in text
    assert "set it: max_body_bytes" in text
    assert text.count("unverified") >= 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tiktok-event"], "did you mean 'tiktok-events'?"),
        (["tiktok-events", "--preset", "snowplow"], "knows no preset 'snowplow'"),
        (["tiktok-events", "--event-source", "shop"], "knows no event_source 'shop'"),
        (["--preset", "segment"], "need NAME"),
    ],
)
def test_what_is_not_known(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(["--config", "/nowhere/archiver.toml", "destinations", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_type_can_be_asked_for_beside_a_broken_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "archiver.toml"
    path.write_text("[destinations.x]\n")
    assert run(["--config", str(path), "destinations", "custom", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "custom"
    assert run(["--config", str(path), "destinations", "x"]) == 2


def test_the_options_of_a_type_are_refused_for_a_configured_one(configured: Workspace) -> None:
    refused = configured.run("destinations", "tiktok", "--preset", "segment")
    assert refused.code == 2
    assert "ask for its type: tiktok-events" in refused.err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(604_800, "7d"), (172_800, "48h"), (5400, "90m"), (90, "90s"), (2_419_200, "28d")],
)
def test_durations_read_as_the_configuration_takes_them(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text
