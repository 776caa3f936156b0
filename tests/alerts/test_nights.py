"""What people hear, night by night."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from alerting import Nights, at, channel, gap, nights_in, outage, stale

from archiver.alerts.model import Blind, Condition
from archiver.config.night_settings import ALERT_KINDS


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return nights_in(tmp_path)


def states(nights: Nights, name: str = "slack") -> list[str]:
    return [state for state, _ in nights.channels.said(name)]


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(nights: Nights) -> None:
    nights.night(0, outage())
    nights.night(24)
    nights.night(48)
    assert nights.channels.said() == [
        ("opened", "conversions do not arrive at tiktok: 40 conversions, 500.00 USD"),
        ("resolved", "over: conversions do not arrive at tiktok: 40 conversions, 500.00 USD"),
    ]


def test_the_end_of_an_outage_has_the_figures_that_the_report_has_then(nights: Nights) -> None:
    """It grows until its last conversion is settled, mostly after the last round that saw it."""
    nights.night(0, outage())
    others = [outage("meta", conversions=7), outage(start=-90, end=-80, conversions=8)]
    nights.night(24, ended=[*others, outage(end=6, conversions=270)])
    resolved = nights.channels.took["slack"][-1]
    assert resolved.title.endswith("tiktok: 270 conversions, 3,375.00 USD")
    assert resolved.conditions[0]["conversions"] == 270


def test_an_outage_that_grows_and_is_restated_is_the_same_alert(nights: Nights) -> None:
    nights.night(0, outage(start=-5, end=-1, conversions=40))
    nights.night(24, outage(start=-9, end=20, conversions=400))
    nights.night(48, outage(start=-2, end=40, conversions=400))
    assert states(nights) == ["opened", "updated"]
    assert len({message.alert for message in nights.channels.took["slack"]}) == 1


def test_another_outage_of_the_same_destination_is_another_alert(nights: Nights) -> None:
    """Also where it begins in the night in which the first ends, with a gap that stays."""
    nights.night(0, outage(start=-5, end=-1), gap())
    nights.night(24, outage(start=10, end=20), gap())
    said = nights.channels.said()
    assert [state for state, _ in said] == ["opened", "updated", "opened"]
    first, over, second = nights.channels.took["slack"]
    assert (first.alert, over.alert) == (first.alert, first.alert)
    assert second.alert != first.alert
    assert {c["kind"]: c["state"] for c in over.conditions} == {"outage": "resolved", "gap": "open"}


def test_two_open_at_once_with_the_same_name_are_two_conditions(nights: Nights) -> None:
    nights.night(0, outage(start=-50, end=-40), outage(start=-5, end=-1))
    (message,) = nights.channels.took["slack"]
    assert len(message.conditions) == 2


def test_one_cause_over_five_destinations_is_one_message(nights: Nights) -> None:
    """A source that falls silent, which makes its feed stale as well."""
    many = [
        outage(f"d{n}", diagnosis="source_outage", source="web", cause="source web", conversions=0)
        for n in range(5)
    ]
    nights.night(0, *many, stale())
    nights.night(24)
    assert nights.channels.said() == [
        ("opened", "source web has fallen silent (d0, d1, d2, d3, d4)"),
        ("resolved", "over: source web has fallen silent (d0, d1, d2, d3, d4)"),
    ]
    assert len(nights.channels.took["slack"][0].conditions) == 6


def test_a_part_that_ends_is_said_and_the_alert_stays_open(nights: Nights) -> None:
    both = [outage("meta", cause="all"), outage("tiktok", cause="all")]
    nights.night(0, *both)
    nights.night(24, both[0])
    nights.night(48)
    assert states(nights) == ["opened", "updated", "resolved"]
    assert nights.channels.said()[1][1] == (
        "over: conversions do not arrive at tiktok: 40 conversions, 500.00 USD; "
        "still: conversions do not arrive at meta: 40 conversions, 500.00 USD"
    )


def test_a_gap_joins_the_outage_that_made_it(nights: Nights) -> None:
    nights.night(0, outage())
    nights.night(24, outage(end=20), gap())
    assert states(nights) == ["opened", "updated"]
    assert nights.channels.said()[1][1].startswith("also: more conversions lost at tiktok")


def test_another_trouble_days_later_is_told_as_new(nights: Nights) -> None:
    """An update of last week's alert would wake nobody."""
    nights.night(0, outage("meta", cause="all"))
    nights.night(24, outage("meta", end=23, cause="all"), outage("snap", start=20, cause="all"))
    assert states(nights) == ["opened", "opened"]


def failing(start: float = -1) -> Condition:
    """An API that `watch` sees failing: it has no end while it holds."""
    kind = {"subject": "tiktok api_failing", "diagnosis": "api_failing"}
    return outage(start=start, until=None, conversions=0, size=30, **kind)


@pytest.mark.parametrize("diagnosis", ["delivery_outage", "rejections"])
def test_what_watch_told_of_the_nightly_tells_no_second_time(
    nights: Nights, diagnosis: str
) -> None:
    """The night comes long after the cool-down of an outage that began by day."""
    nights.night(0, failing())
    nights.night(17, failing(), outage(start=-1, end=12, diagnosis=diagnosis), gap())
    nights.night(20)
    assert states(nights) == ["opened", "updated", "resolved"]


@pytest.mark.parametrize(
    ("whose", "diagnosis"), [({"source": "web"}, "source_outage"), ({}, "receipts_missing")]
)
def test_a_feed_that_becomes_stale_by_an_outage_that_was_told_is_no_second_alert(
    nights: Nights, whose: dict[str, str], diagnosis: str
) -> None:
    """A feed is stale a night or two after its silence is seen."""
    silence = outage(diagnosis=diagnosis, end=20, cause="it", **whose)
    feed = Condition(
        kind="stale", subject="it", cause="it", since=at(-6), **(whose or {"destination": "tiktok"})
    )
    nights.night(0, silence)
    nights.night(24, silence, feed)
    nights.night(48)
    assert states(nights) == ["opened", "updated", "resolved"]


def test_what_the_nightly_sees_just_after_watch_saw_its_end_opens_the_same_alert(
    nights: Nights,
) -> None:
    nights.night(0, failing())
    nights.night(10)
    nights.night(14, outage(start=-1, end=9), gap())
    first, _, again = nights.channels.took["slack"]
    assert (again.state, again.alert) == ("opened", first.alert)


def test_an_api_that_failed_before_the_outage_of_another_day_is_another_alert(
    nights: Nights,
) -> None:
    nights.night(0, outage(start=-20, end=-10))
    nights.night(8, outage(start=-20, end=-10), failing(start=7))
    assert states(nights) == ["opened", "opened"]


@pytest.mark.parametrize(
    "again", [failing(), Condition(kind="stale", subject="tiktok", destination="tiktok")]
)
def test_what_returns_days_later_is_another_alert_though_its_gap_is_still_open(
    nights: Nights, again: Condition
) -> None:
    again = msgspec.structs.replace(again, cause="destination tiktok")
    nights.night(0, again, gap())
    nights.night(24, gap())
    nights.night(96, gap(), again)
    assert states(nights) == ["opened", "updated", "opened"]


def test_what_follows_within_the_cool_down_joins(nights: Nights) -> None:
    nights.night(0, outage("meta", cause="all"))
    nights.night(0.1, outage("meta", cause="all"), outage("snap", cause="all"))
    assert states(nights) == ["opened", "updated"]


def test_growth_is_told_once_per_cool_down(nights: Nights) -> None:
    for quarter in range(40):
        nights.night(quarter / 4, outage(conversions=40 + quarter))
    assert states(nights) == ["opened", "updated"]
    assert nights.channels.took["slack"][1].as_of == at(6)


def test_nothing_is_told_of_what_stays_or_shrinks(nights: Nights) -> None:
    nights.night(0, outage(conversions=40))
    nights.night(24, outage(conversions=40))
    nights.night(48, outage(conversions=4))
    assert states(nights) == ["opened"]


def test_a_round_that_could_not_see_resolves_nothing(nights: Nights) -> None:
    nights.night(0, outage("tiktok"), gap("meta"))
    nights.night(24, blind=[Blind(destination="tiktok"), Blind(kind="gap")])
    nights.night(48, blind=[Blind(keep=frozenset({"api_failing"}))])
    assert states(nights) == ["opened", "opened"]
    nights.night(72, blind=[Blind(kind="outage", source="web"), Blind(destination="snap")])
    assert states(nights)[2:] == ["resolved", "resolved"]


def test_what_is_seen_counts_though_its_end_would_not(nights: Nights) -> None:
    nights.night(0, outage(), blind=[Blind()])
    assert states(nights) == ["opened"]


def test_what_returns_within_the_cool_down_is_the_same_alert_and_must_calm_down(
    nights: Nights,
) -> None:
    for half_hour in range(12):
        nights.night(half_hour / 2, *([outage()] if half_hour % 2 == 0 else []))
    assert states(nights) == ["opened", "resolved", "opened"]
    first, _, again = nights.channels.took["slack"]
    assert (again.alert, again.opened_at) == (first.alert, first.opened_at)
    assert ", again" in again.text
    nights.night(11, blind=[Blind()])
    nights.night(11.4)
    assert states(nights)[3:] == []
    nights.night(11.5)
    assert states(nights)[3:] == ["resolved"]


def test_what_returns_later_is_another_alert(nights: Nights) -> None:
    nights.night(0, stale())
    nights.night(1)
    nights.night(8, stale())
    first, _, second = nights.channels.took["slack"]
    assert second.state == "opened"
    assert second.alert != first.alert


def test_a_round_of_the_past_tells_nothing_and_resolves_nothing(nights: Nights) -> None:
    nights.night(48, outage(start=40, end=44))
    told = nights.night(24, gap("meta"), now=48)
    assert told.is_past
    assert states(nights) == ["opened"]
    assert not nights.night(47.5, outage(start=40, end=44)).is_past


def test_a_round_of_the_future_does_not_silence_those_of_today(nights: Nights) -> None:
    nights.channels.know(nights.config)
    from archiver.alerts.telling import tell

    tell(
        nights.config,
        {},
        nights.folder,
        [],
        as_of=at(99_999),
        now=at(0),
        run_id="r",
        sender=nights.channels,
    )
    assert not nights.night(24, outage()).is_past
    assert states(nights) == ["opened"]


def test_a_clock_that_was_years_ahead_silences_nothing_once_it_is_set(nights: Nights) -> None:
    nights.night(99_999, outage(start=99_990, end=99_995))
    nights.night(24)
    nights.night(31, gap("meta"))
    assert states(nights) == ["opened", "resolved", "opened"]


def test_a_channel_that_is_added_hears_once_of_what_is_open(nights: Nights) -> None:
    nights.night(0, outage(), stale())
    nights.night(24, outage(end=20))
    channels = {**nights.config.channels, "pager": channel()}
    nights.config = msgspec.structs.replace(nights.config, channels=channels)
    for hours in (48, 72):
        nights.night(hours, outage(end=hours))
    nights.night(96)
    assert states(nights, "pager") == ["opened", "resolved"]
    first = nights.channels.took["pager"][0]
    assert [condition["state"] for condition in first.conditions] == ["opened"]
    assert states(nights) == ["opened", "opened", "resolved", "resolved"]


def test_a_channel_that_is_removed_is_forgotten(nights: Nights) -> None:
    channels = nights.config.channels
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    nights.config = msgspec.structs.replace(nights.config, channels={})
    told = nights.night(24, outage(end=23))
    assert told.failed == []
    nights.config = msgspec.structs.replace(nights.config, channels=channels)
    nights.channels.down = set()
    nights.night(48, outage(end=47))
    assert states(nights) == ["opened"]
    nights.config = msgspec.structs.replace(nights.config, channels={})
    nights.night(72)
    nights.config = msgspec.structs.replace(nights.config, channels=channels)
    nights.night(96)
    # What ended in the meantime is owed to nobody.
    assert states(nights) == ["opened"]


def test_what_waited_for_a_removed_channel_is_gone(nights: Nights) -> None:
    channels = nights.config.channels
    nights.channels.down = {"slack"}
    nights.night(0, outage())
    nights.config = msgspec.structs.replace(nights.config, channels={})
    nights.night(24)
    nights.config = msgspec.structs.replace(nights.config, channels=channels)
    nights.channels.down = set()
    nights.night(48)
    assert states(nights) == []


def test_a_channel_hears_only_the_kinds_that_it_wants(tmp_path: Path) -> None:
    nights = nights_in(tmp_path, slack=channel(), pager=channel("outage"))
    nights.night(0, outage(), gap())
    nights.night(24, gap(conversions=50))
    nights.night(48)
    assert states(nights) == ["opened", "updated", "resolved"]
    assert states(nights, "pager") == ["opened", "resolved"]
    assert {c["kind"] for m in nights.channels.took["pager"] for c in m.conditions} == {"outage"}


def test_without_a_channel_the_state_is_kept(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    nights.config = msgspec.structs.replace(nights.config, channels={})
    told = nights.night(0, outage())
    assert (told.opened != [], told.sent) == (True, [])
    assert told.open_alerts == {**dict.fromkeys(ALERT_KINDS, 0), "outage": 1}


def test_cool_down_of_nothing(nights: Nights) -> None:
    alerts = msgspec.structs.replace(nights.config.alerts, cooldown=timedelta(0))
    nights.config = msgspec.structs.replace(nights.config, alerts=alerts)
    for hour in range(4):
        nights.night(hour, outage(conversions=40 + hour))
    assert states(nights) == ["opened", "updated", "updated", "updated"]
