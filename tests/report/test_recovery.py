"""The recovery clock: how much becomes unrecoverable by when."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from parts import part, row, screen, words

from archiver.report.recovery import Tick, clock_json, clock_lines, cumulative, ticks

at = datetime.fromisoformat


def line(hour: str | None, conversions: int, value: str | None, currency: str = "USD") -> Any:
    return {
        "deadline_hour": hour and at(hour),
        "conversions": conversions,
        "currency": currency,
        "value": value and Decimal(value),
    }


def said(*lines: Any) -> list[str]:
    return [text.plain for text in clock_lines(ticks(lines))]


def test_rows_of_an_hour_are_one_and_what_never_expires_comes_last() -> None:
    assert ticks(
        [
            line("2026-01-17T16:00:00Z", 1, "2"),
            line(None, 3, "9"),
            line("2026-01-17T15:00:00Z", 2, "1.50"),
            line("2026-01-17T15:00:00Z", 1, None, "XXX"),
            line("2026-01-17T15:00:00Z", 1, "1"),
        ]
    ) == (
        Tick(at("2026-01-17T15:00:00Z"), 4, {"USD": Decimal("2.50")}),
        Tick(at("2026-01-17T16:00:00Z"), 1, {"USD": Decimal(2)}),
        Tick(None, 3, {"USD": Decimal(9)}),
    )


def test_scripts_get_each_hour_and_the_sum_up_to_it() -> None:
    clock = ticks(
        [line("2026-01-17T15:00:00Z", 2, "1.50"), line("2026-01-17T17:00:00Z", 1, "2", "EUR")]
    )
    assert clock_json(clock) == [
        {
            "deadline": "2026-01-17T15:00:00Z",
            "conversions": 2,
            "value": {"USD": "1.50"},
            "cumulative_conversions": 2,
            "cumulative_value": {"USD": "1.50"},
        },
        {
            "deadline": "2026-01-17T17:00:00Z",
            "conversions": 1,
            "value": {"EUR": "2.00"},
            "cumulative_conversions": 3,
            "cumulative_value": {"EUR": "2.00", "USD": "1.50"},
        },
    ]


def test_people_get_the_first_hours_then_days() -> None:
    assert said(
        line("2026-01-17T15:00:00Z", 12, "340"),
        line("2026-01-17T16:00:00Z", 1, "10"),
        line("2026-01-17T17:00:00Z", 1, None, "XXX"),
        line("2026-01-17T20:00:00Z", 1, "10"),
        line("2026-01-18T16:00:00Z", 1, "10"),
        line("2026-01-18T19:00:00Z", 1, "10"),
        line(None, 2, "5"),
    ) == [
        "recovery clock: what is not sent by then is lost, all in all",
        "  by 2026-01-17 15:00 UTC: 12 conversions, worth 340.00 USD",
        "  by 2026-01-17 16:00 UTC: 13 conversions, worth 350.00 USD",
        "  by 2026-01-17 20:00 UTC: 15 conversions, worth 360.00 USD",
        "  by 2026-01-18 19:00 UTC: 17 conversions, worth 380.00 USD",
        "recovery clock: 2 conversions, worth 5.00 USD, can be sent at any age",
    ]


def test_of_many_days_the_first_and_the_last() -> None:
    lines = said(*(line(f"2026-01-{day}T15:00:00Z", 1, None) for day in range(10, 24)))
    assert [text.split(": ")[1] for text in lines[1:]] == [
        *(f"{count} conversion{'s' if count > 1 else ''}" for count in (1, 2, 3, 4, 5)),
        "14 conversions",
    ]


def test_many_currencies_are_not_all_named() -> None:
    lines = said(*(line("2026-01-17T15:00:00Z", 1, "1", name) for name in ("A", "B", "C", "D")))
    assert lines[1].endswith("4 conversions, worth 1.00 A and 1.00 B and 2 other currencies")


def test_a_run_of_an_earlier_version_has_no_clock() -> None:
    assert said() == []
    assert clock_json(()) == []
    assert [*cumulative(())] == []
    assert "recovery clock" not in words(part())


def test_the_report_shows_it_below_the_gap() -> None:
    clock = ticks([line("2026-01-17T15:00:00Z", 2, "1.50")])
    shown = screen(part(days=[row(expected=3, accepted=1, missing=2, gap=2)], clock=clock))
    first = shown.index("recovery clock: what is not sent by then is lost, all in all")
    assert shown[first + 1] == "by 2026-01-17 15:00 UTC: 2 conversions, worth 1.50 USD"
