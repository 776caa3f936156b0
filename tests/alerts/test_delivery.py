"""Each channel hears of each thing once, whatever fails in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alerting import Channels, Killed, Nights, at, channel, nights_in, outage, stale

import archiver.alerts.telling as telling
from archiver.alerts.model import Told
from archiver.alerts.state import AlertsStateError, read_state, write_state
from archiver.errors import EXIT_PARTIAL


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return nights_in(tmp_path, mail=channel(), slack=channel())


def ids(nights: Nights, name: str) -> list[str]:
    return [message.alert_id for message in nights.channels.took.get(name, [])]


def test_what_a_channel_refused_is_told_the_next_night_in_order(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    told = nights.night(0, outage())
    assert [(f.channel, f.waiting) for f in told.failed] == [("slack", 1)]
    nights.night(24)
    nights.channels.down = set()
    told = nights.night(48, stale())
    assert told.failed == []
    assert [s for s, _ in nights.channels.said("mail")] == ["opened", "resolved", "opened"]
    assert ids(nights, "slack") == ids(nights, "mail")
    assert nights.night(72, stale()).sent == []


def test_a_failure_says_since_when_and_how_much_waits(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    (failed,) = nights.night(24, outage(), stale()).failed
    assert str(failed) == (
        "channel slack: it could not be reached (ConnectError) (since 2026-01-15 03:00 UTC; "
        "2 messages wait)"
    )


def test_the_next_message_elsewhere_says_which_channel_is_down_once(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    nights.night(24, outage(), stale())
    nights.night(48)
    notes = ["channel slack could not be reached" in text for text in nights.channels.texts["mail"]]
    assert notes == [False, True, False, False]
    assert "since 2026-01-15 03:00 UTC" in nights.channels.texts["mail"][1]


def test_a_channel_without_its_variable_fails_each_night(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    for hours in (0, 24):
        (failed,) = telling.tell(
            nights.config, {}, nights.folder, [], as_of=at(hours), now=at(hours), run_id="r"
        ).failed
        assert failed.why == "the environment variable SOME_URL is not set"
    # Nothing waits for it: once it is set, all is well.
    assert nights.night(48).failed == []
    assert read_state(nights.folder).troubles == {}


def story(nights: Nights, first: int = 0) -> Iterator[int]:
    """Four nights; each is played again where it died."""
    plan = [[outage()], [outage(end=20, conversions=90), stale()], [stale()], []]
    for night, conditions in list(enumerate(plan))[first:]:
        nights.night(24 * night, *conditions)
        yield night


def play_with_a_crash(nights: Nights, kill_at: int | None) -> None:
    nights.channels.kill_at = kill_at
    night = 0
    while night < 4:
        try:
            for done in story(nights, night):
                night = done + 1
        except Killed:
            # The process starts anew: only the state is left. The channels took what they took.
            nights.channels.kill_at = None


def test_a_crash_at_any_instant_neither_loses_nor_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current: Channels

    def dying_write(folder: Path, state: object) -> None:
        current.instant()
        write_state(folder, state)  # type: ignore[arg-type]
        current.instant()

    monkeypatch.setattr(telling, "write_state", dying_write)
    clean = nights_in(tmp_path / "clean", mail=channel(), slack=channel())
    current = clean.channels
    play_with_a_crash(clean, None)
    told = [(m.state, m.title) for m in clean.channels.took["slack"]]
    assert [state for state, _ in told] == ["opened", "updated", "opened", "resolved", "resolved"]
    assert clean.channels.instants > 30
    for instant in range(1, clean.channels.instants + 1):
        nights = nights_in(tmp_path / str(instant), mail=channel(), slack=channel())
        current = nights.channels
        play_with_a_crash(nights, instant)
        for name in ("mail", "slack"):
            took = nights.channels.took[name]
            once = {m.alert_id: (m.state, m.title) for m in took}
            assert list(once.values()) == told, (instant, name)
            # Only between the channel's answer and our note can one be sent again, with its id.
            assert len(took) - len(once) <= 1


def test_a_full_disk_sends_nothing_that_is_not_written_down(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, state: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(telling, "write_state", full)
    with pytest.raises(OSError, match="No space"):
        nights.night(0, outage())
    assert nights.channels.took == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "damaged"),
        ('{"format": "archiver alerts", "version": 1, "alerts": [{"ale', "damaged"),
        ('{"format": "archiver alerts", "version": 1, "alerts": [{}]}', "damaged"),
        ("[]", "no state of alerts"),
        ('{"tables": 7}', "no state of alerts"),
        ('{"format": "archiver alerts", "version": 2}', "its version is 2, known is 1"),
    ],
)
def test_a_torn_or_foreign_state_is_never_emptied(nights: Nights, content: str, why: str) -> None:
    nights.folder.mkdir(parents=True)
    path = nights.folder / "state.json"
    path.write_text(content)
    with pytest.raises(AlertsStateError, match=why) as failure:
        nights.night(0, outage())
    assert failure.value.exit_code == EXIT_PARTIAL
    assert "move it away" in failure.value.hint
    assert path.read_text() == content
    assert nights.channels.took == {}


def test_the_state_is_as_it_was_written(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    state = read_state(nights.folder)
    write_state(nights.folder, state)
    assert read_state(nights.folder) == state
    assert json.loads((nights.folder / "state.json").read_text())["version"] == 1


def test_what_was_told_as_json(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    document = nights.night(0, outage()).as_json()
    assert [sent["channel"] for sent in document["sent"]] == ["mail"]
    assert document["failed"][0]["since"] == "2026-01-15T03:00:00Z"
    assert Told().as_json() == {"sent": [], "resolved": [], "failed": []}


def test_what_is_open_is_listed(nights: Nights) -> None:
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    (alert,) = telling.open_alerts(nights.folder)
    assert (alert["kind"], alert["waiting"]) == ("outage", {"slack": 1})
    assert alert["what"] == "conversions do not arrive at tiktok: 40 conversions, 500.00 USD"
    nights.night(24)
    assert telling.open_alerts(nights.folder) == []
