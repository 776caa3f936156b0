"""`archiver alerts`, and the settings of channels."""

from __future__ import annotations

import pytest
from alerting import Nights, gap, outage
from support import CONFIG, Workspace

from archiver.alerts.model import KINDS
from archiver.alerts.state import state_folder
from archiver.config.night_settings import ALERT_KINDS
from archiver.errors import ConfigError

CHANNELS = """
[channels.good]
url_env = "GOOD_URL"
[channels.unset]
url_env = "NO_SUCH_URL"
type = "webhook"
kinds = ["outage"]
"""


def test_the_channels_are_tested(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import apprise

    heard: list[str] = []

    @apprise.decorators.notify(on="commandtest")
    def hear(body: str, title: str, *args: object, **more: object) -> None:
        heard.append(title)

    workspace.configure(CONFIG + CHANNELS)
    monkeypatch.setenv("GOOD_URL", "commandtest://")
    result = workspace.run("alerts", "test")
    assert (result.code, heard) == (4, ["archiver: a test"])
    assert result.out == "channel good: took it\n"
    assert "channel unset: the environment variable NO_SUCH_URL is not set" in result.err
    result = workspace.run("alerts", "test", "--channel", "good", "--json")
    assert (result.code, result.json) == (
        0,
        {"channels": [{"channel": "good", "took_it": True, "why": None}]},
    )
    result = workspace.run("alerts", "test", "--channel", "god")
    assert (result.code, "good" in result.err) == (2, True)


def test_without_channels_nobody_hears(workspace: Workspace) -> None:
    result = workspace.run("alerts", "test")
    assert result.code == 2
    assert "[channels.NAME]" in result.err


def test_what_is_open_is_listed(workspace: Workspace) -> None:
    assert workspace.done("alerts", "list").out == "No alert is open.\n"
    workspace.configure(CONFIG + CHANNELS)
    nights = Nights(state_folder(workspace.config.archive_root), workspace.config)
    nights.channels.down = {"unset"}
    nights.night(0, outage(details=("code 503",)), gap())
    result = workspace.done("alerts", "list")
    assert result.out == (
        "outage  since 2026-01-15T03:00:00Z  "
        "conversions do not arrive at tiktok: 40 conversions, 500.00 USD\n"
        "    code 503\n"
        "    channel unset has not taken 1 of its messages\n"
    )
    (alert,) = workspace.done("alerts", "list", "--json").json["alerts"]
    assert alert["waiting"] == {"unset": 1}
    assert [c["kind"] for c in alert["conditions"]] == ["outage", "gap"]


def test_a_torn_state_is_said(workspace: Workspace) -> None:
    folder = state_folder(workspace.config.archive_root)
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    result = workspace.run("alerts", "list")
    assert result.code == 4
    assert "move it away" in result.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[channels.a]\nurl_env = "https://hooks.example/secret"\n', "environment variable"),
        ('[channels.a]\nurl_env = ""\n', "environment variable"),
        ('[channels.a]\nurl_env = "A"\nkinds = ["gaps"]\n', "there is no 'gaps'"),
        ('[alerts]\ntimeout = "0s"\n', "alerts.timeout"),
        ('[alerts]\ntimeout = "1h"\n', "alerts.timeout"),
        ('[alerts]\ndeadline_within = "0h"\n', "alerts.deadline_within"),
    ],
)
def test_settings_that_cannot_be_meant(workspace: Workspace, text: str, why: str) -> None:
    workspace.configure(CONFIG + text)
    with pytest.raises(ConfigError, match=why) as failure:
        _ = workspace.config
    assert "secret" not in failure.value.why


def test_the_configuration_knows_all_kinds() -> None:
    assert KINDS == ALERT_KINDS
