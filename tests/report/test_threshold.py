"""Which days make `reconcile` exit 3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from parts import part, report, row, total

from archiver.config import Config, DestinationSettings
from archiver.report.model import DestinationReport
from archiver.report.threshold import days_over_threshold

SETTINGS = DestinationSettings(type="custom", account_timezone="UTC", min_gap=5, max_gap_ratio=0.01)
NOWHERE = Path("/nowhere")
CONFIG = Config(
    **{"path": NOWHERE, "archive_root": NOWHERE, "warehouse_path": NOWHERE},
    **{"sources": {}, "destinations": {"meta": SETTINGS}},
)


def over(one: DestinationReport) -> list[str]:
    return [str(day) for day in days_over_threshold(report(one), CONFIG)]


def test_a_gap_above_both_ratio_and_number() -> None:
    assert over(part(days=[row(expected=500, accepted=495, gap=5)])) == []
    assert over(part(days=[row(expected=100, accepted=96, gap=4)])) == []
    assert over(part(days=[row(expected=499, accepted=494, gap=5)])) == [
        "meta 2026-01-15: 5 of 499 conversions in the gap, over the threshold"
    ]


def test_totals_that_fall_short_name_the_event() -> None:
    totals = [
        total(1000, pending=20, delivered=940, provisional=True),
        total(200, event="Lead", received=200),
    ]
    assert over(part(reports="totals", daily_totals=totals)) == [
        "meta 2026-01-15 Purchase: of 980 settled conversions 940 delivered, 40 fewer, "
        "over the tolerance"
    ]


def test_totals_of_a_destination_with_receipts_do_not_count() -> None:
    totals = [total(1000, received=0), total(10, event="Lead")]
    assert over(part(daily_totals=totals)) == []
    assert over(part(reports="failures", daily_totals=totals)) == []


def test_a_name_without_a_count_on_a_settled_day() -> None:
    without = total(30, attributed=3)
    expected = "settled conversions expected: 30; no total says how many arrived"
    said = f"meta 2026-01-15 Purchase: {expected}"

    def judged(*totals: object) -> list[str]:
        return over(part(reports="totals", daily_totals=[*totals]))

    assert judged(without) == [said]
    assert judged(without, total(0, event="Lead")) == [said]
    assert judged(without, total(10, event="Lead", received=10)) == [said]
    assert judged(without, total(30, event="(all)", received=30)) == []
    assert judged(without, total(30, event="(all)", attributed=3)) == [said]
    assert judged(replace(without, provisional=True)) == []
    assert judged(replace(without, pending=30)) == []
