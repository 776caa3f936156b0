"""Incidents, findings and totals on the terminal, in words that do not mislead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from parts import DAY, RUN_ID, at, incident, part, row, screen, total, words

from archiver.report.model import DailyTotal, DestinationReport
from archiver.report.terminal_words import percent
from archiver.report.threshold import DayOverThreshold

OUTAGE = {
    **{"code": "40100", "ratio": Decimal("0.0312")},
    **{"first_safe_upload": at("16 04:00"), "last_safe_upload": at("22 12:00")},
}


def lines(one: DestinationReport, label: str, count: int = 1) -> list[str]:
    """The line with a label and those that follow it."""
    found = screen(one)
    start = next(n for n, line in enumerate(found) if line.startswith(f"{label}: "))
    return found[start : start + count]


def test_an_outage_says_what_it_cost_and_until_when_to_act() -> None:
    outage = incident("delivery_outage", "15 12:00", "16 06:00", **OUTAGE)
    assert lines(part(incidents=[outage]), "incident", 3) == [
        "incident: delivery outage from 2026-01-15 12:00 to 2026-01-16 06:00 UTC, 3 % accepted",
        "10 conversions did not arrive, worth 125.00 USD; most have code 40100",
        "upload safely from 2026-01-16 04:00 UTC to 2026-01-22 12:00 UTC",
    ]


def test_an_incident_that_is_still_open_has_no_end() -> None:
    outage = incident("delivery_outage", "15 12:00", "16 06:00", **OUTAGE | {"is_open": True})
    (first,) = lines(part(incidents=[outage]), "incident")
    assert first == (
        "incident: delivery outage since 2026-01-15 12:00 UTC, still open, 3 % accepted"
    )


@pytest.mark.parametrize(
    ("changes", "pixel", "said"),
    [
        ({"last_safe_upload": None}, "none", "upload safely from 2026-01-16 04:00 UTC on"),
        (
            {"first_safe_upload": at("16 04:00").replace(second=1)},
            "none",
            "upload safely from 2026-01-16 04:01 UTC to 2026-01-22 12:00 UTC",
        ),
        (
            {"last_safe_upload": at("19 12:00")},
            "none",
            "too late to upload all of them safely: the time for it ended at 2026-01-19 12:00 UTC",
        ),
        (
            {"last_safe_upload": at("16 04:00")},
            "none",
            "no time is safe for all of them: the hub may retry until 2026-01-16 04:00 UTC, and "
            "the first is too old at 2026-01-16 04:00 UTC",
        ),
        (
            {"first_safe_upload": None, "last_safe_upload": None},
            "other_id",
            "no upload is safe: the browser may have counted them under other ids",
        ),
    ],
)
def test_when_to_upload(changes: dict[str, object], pixel: str, said: str) -> None:
    outage = incident("delivery_outage", "15 12:00", "16 06:00", **OUTAGE | changes)
    text = words(part(incidents=[outage], pixel=pixel))
    assert said in text


def test_refusals_in_an_outage_are_not_a_second_loss() -> None:
    outage = incident("delivery_outage", "15 12:00", "15 18:00", **OUTAGE)
    during = incident("rejections", "15 13:00", "15 17:00", **OUTAGE)
    after = incident("rejections", "15 18:00", "15 20:00", **OUTAGE)
    warning = "in the hours of the delivery outage: do not add the two up"
    both = words(part(incidents=[outage, during]))
    assert both.count(warning) == 1
    assert both.count("once repaired, upload safely") == 2
    assert "refusals with code 40100 from 2026-01-15 13:00 to 17:00 UTC, 97 % of the att" in both
    assert warning not in words(part(incidents=[outage, after]))


def test_refusals_of_which_all_arrived_later_cost_nothing() -> None:
    refused = incident("rejections", "15 13:00", "15 17:00", code="7", conversions=0, values={})
    said = lines(part(incidents=[refused], pixel="other_id"), "incident", 3)
    assert said[1] == "no conversion was lost by them"
    assert "upload" not in said[2]


def test_a_silent_source_is_named_with_its_share() -> None:
    silent = incident(
        *("source_outage", "15 12:00", "15 18:00"),
        **{"source": "web", "ratio": Decimal("0.0400"), "conversions": 0, "values": {}},
    )
    assert lines(part(incidents=[silent]), "incident", 2) == [
        "incident: source web delivered 4 % of its usual events from 2026-01-15 12:00 to 18:00 UTC",
        "what never reached the archive cannot be counted: ask the source for it",
    ]


def test_missing_receipts_are_no_loss() -> None:
    silence = incident("receipts_missing", "15 12:00", "15 18:00")
    assert lines(part(incidents=[silence]), "incident", 2) == [
        "incident: no receipts from 2026-01-15 12:00 to 18:00 UTC",
        "nothing is known of 10 conversions, worth 125.00 USD",
    ]


def test_a_run_of_an_earlier_version_says_less_of_its_incidents() -> None:
    outage = incident("delivery_outage", "15 12:00", "15 18:00", is_open=None)
    text = words(part(incidents=[outage]))
    assert "delivery outage from 2026-01-15 12:00 to 18:00 UTC 10 conversions" in text
    assert "upload" not in text


def test_nearly_nothing_is_not_nothing() -> None:
    shares = [Decimal(text) for text in ("0", "0.0001", "0.031", "0.9951", "1")]
    assert [percent(share) for share in shares] == ["0 %", "under 1 %", "3 %", "over 99 %", "100 %"]


def test_findings_say_how_to_list_them() -> None:
    found = {"no_time": 2, "value_mismatch": 11, "time_in_future": 0}
    assert lines(part(findings=found), "findings", 5) == [
        "findings: beside the gap; they change no figure",
        "11 value_mismatch  the destination acknowledged another amount",
        "2 no_time         without any time, and so in no day and no figure above",
        "list them: archiver sql \"FROM findings WHERE finding = 'value_mismatch'",
        f"AND destination = 'meta' AND run_id = '{RUN_ID}'\"",
    ]
    assert "findings" not in words(part(findings={"no_time": 0}))


def totals_part(*totals: DailyTotal) -> str:
    """A destination that gives counts only."""
    days = [row(expected=total.expected, unknown=total.expected) for total in totals]
    return words(part(reports="totals", days=days, daily_totals=[*totals]))


def test_totals_say_first_what_was_expected_and_what_was_counted() -> None:
    text = totals_part(total(1000, delivered=940), total(200, event="Lead", delivered=200))
    assert (
        "1,200 conversions were expected, and 1,140 were counted: 60 fewer (5 %). 1 day is short by"
        in text
    )
    assert "No gap" not in text
    assert "nothing is known: see below" not in text
    assert "2026-01-15 all 1,200 1,140 60 !" in text
    assert "! Purchase 1,000 940 60 !" in text
    assert "Lead" not in text
    assert "cannot be attributed to single events" in text


def test_totals_that_agree_are_no_alarm() -> None:
    text = totals_part(total(1000, received=999))
    assert "999 were counted: 1 fewer (under 1 %). No day is short by more than the" in text
    assert "!" not in text
    assert "10 more" in totals_part(total(1000, received=1010))
    assert "as many" in totals_part(total(1000, received=1000))


def test_what_nobody_counted_is_not_counted_as_missing() -> None:
    text = totals_part(total(1000, delivered=1000), total(200, event="Lead"))
    assert "1,200 conversions were expected. Of the 1,000 that can be compared" in text
    assert "no count: 200 conversions, of which nothing is known" in text
    nothing = totals_part(total(1000), total(5, day=date(2026, 1, 16)))
    assert "1,005 conversions were expected, and there is no count of how many arrived." in nothing
    assert "difference:" not in nothing


def test_a_day_without_a_count_of_one_name_is_no_good_day() -> None:
    one, other = total(1000, delivered=990), total(200, event="Lead", pending=5)
    text = totals_part(one, other)
    assert "990 were counted: 10 fewer (1 %). On 1 day conversions are without a count." in text
    assert "No day" not in text
    assert "2026-01-15 all 1,200 5 990 · Purchase 1,000 0 990 10 Lead 200 5 · · difference" in text
    provisional = totals_part(replace(one, provisional=True), replace(other, provisional=True))
    assert "No count is short by more than the tolerance." in provisional
    assert "No day" not in provisional


def test_a_day_of_which_two_counted_each_a_part_has_no_difference_of_its_sums() -> None:
    text = totals_part(total(1000, delivered=990), total(200, event="Lead", received=199))
    assert "1,189 were counted: 11 fewer (under 1 %). No day is short" in text
    assert "all 1,200 990 199 · Purchase 1,000 990 · 10 Lead 200 · 199 1 difference" in text


def test_counts_of_what_was_not_expected_are_not_compared() -> None:
    text = totals_part(total(0, delivered=3), total(200, event="Lead"))
    assert "200 conversions were expected, and there is no count of how many arrived." in text
    retried = totals_part(total(200, pending=200, delivered=0))
    assert "200 conversions were expected: the hub may still retry all of them." in retried


def test_a_count_that_min_gap_alone_allows_is_not_within_the_tolerance() -> None:
    text = totals_part(total(100, received=96))
    assert "No day is short by more than both the tolerance and min_gap." in text
    beside = words(part(daily_totals=[total(100, received=96)]))
    assert "no count is short by more than both the tolerance of 2 % and min_gap" in beside


def test_a_count_of_all_events_stands_for_those_of_each() -> None:
    text = totals_part(
        total(1000, delivered=1),
        total(200, event="Lead"),
        total(1200, event="(all)", delivered=1195),
    )
    assert "were expected, and 1,195 were counted: 5 fewer" in text
    assert "2026-01-15 all 1,200 1,195 5" in text


def test_attributed_conversions_are_shown_and_never_subtracted() -> None:
    text = totals_part(total(1000, delivered=1000, attributed=40))
    assert "attributed: 40 conversions credited to ads: never subtracted from anything" in text
    assert "as many" in text


def test_totals_beside_receipts_show_only_what_is_short() -> None:
    days = [row(expected=1000, accepted=1000)]
    short = total(1000, received=900)
    fine = total(500, event="Lead", received=500)
    text = words(part(days=days, daily_totals=[short, fine]))
    assert "No gap among the settled conversions." in text
    assert "2026-01-15 Purchase 1,000 900 100 !" in text
    assert "Lead" not in text
    assert "totals: no count is short by more than the tolerance of 2 %" in words(
        part(days=days, daily_totals=[fine])
    )


def test_names_and_codes_cannot_command_the_terminal() -> None:
    name, code = "\x1b[2J\x07", "\x1b[41mC"
    days = [row(event=name, expected=9, gap=9, rejected=9), row(event="Lead", expected=9)]
    refused = incident("rejections", "15 12:00", "15 18:00", code=code)
    outage = incident("delivery_outage", "15 12:00", "15 18:00", code=code)
    silent = incident("source_outage", "15 12:00", "15 18:00", source=name)
    short = total(1000, event=name, delivered=0)
    for shown_days in (days[:1], days):
        text = words(
            part(days=shown_days, incidents=[refused, outage, silent], daily_totals=[short])
        )
        assert text.isprintable()
        assert text.count(r"\x1b[2J\x07") == 3
        assert text.count(r"\x1b[41mC") == 2
        assert "9 rejected (refused for good)" in text
    assert str(DayOverThreshold("meta", DAY, name, "short")) == (
        r"meta 2026-01-15 \x1b[2J\x07: short"
    )


def test_event_names_are_shown_as_they_are() -> None:
    name = "[/red] [bold]Sale"
    days = [row(event=name, expected=9, gap=9), row(event="Lead", expected=9)]
    short = total(1000, event=name, delivered=0)
    assert words(part(days=days[:1])).count(name) == 1
    assert words(part(days=days, daily_totals=[short])).count(name) == 2
