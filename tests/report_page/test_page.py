"""What the page says: the verdict, what must be known first, what to do; for every odd world."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from page_runs import AS_OF, PageRun, configure
from page_worlds import NAMES, SCRIPT, WORLDS

from archiver.archive.store import Archive
from archiver.config import Config
from archiver.report import page as page_module
from archiver.report.page import build_page
from archiver.report.page_html import html_text
from archiver.report.page_model import Page, Section
from archiver.report.staleness import Feed

YESTERDAY = AS_OF - timedelta(days=1)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every feed is young enough."""

    def all_fresh(config: Config, archive: Archive, as_of: datetime) -> list[Feed]:
        names = [("source", name) for name in config.sources]
        names += [("destination", name) for name in config.destinations]
        return [Feed(kind, name, as_of, timedelta(hours=36), False) for kind, name in names]

    monkeypatch.setattr(page_module, "feeds", all_fresh)


def page_of(run: PageRun, config: Config | None = None, **more: Any) -> Page:
    config = config or configure(run.folder, run.destinations)
    return build_page(config, Archive(config.archive_root), run.write(), **more)


def section_of(run: PageRun, config: Config | None = None) -> Section:
    return page_of(run, config).sections[0]


def test_all_well_is_said_where_every_conversion_arrived(tmp_path: Path, fresh: None) -> None:
    run = PageRun(tmp_path)
    run.conversions(120, "accepted", YESTERDAY)
    verdict = section_of(run).verdict
    assert (verdict.mark, verdict.tone) == ("All well", "good")
    assert verdict.text == "Every settled conversion arrived: 120 conversions accepted."


@pytest.mark.parametrize(
    "spoil, mark",
    [
        (lambda run: run.conversions(1, "unknown", YESTERDAY), "Not known"),
        (lambda run: run.conversions(1, "missing", YESTERDAY), "Gap below the threshold"),
        (lambda run: run.conversions(50, "missing", YESTERDAY), "Gap"),
        (
            lambda run: run.incident("source_outage", YESTERDAY, AS_OF, source="web", is_open=True),
            "Look at this",
        ),
        (lambda run: setattr(run, "newest_attempt", None), "Look at this"),
        (lambda run: run.lines.clear(), "No figures"),
        (
            lambda run: [run.lines.clear(), run.conversions(9, "pending", AS_OF)],
            "Too early",
        ),
        (
            lambda run: run.findings.append(
                {"run_id": run.run_id, "destination": "tiktok", "finding": "value_mismatch"}
            ),
            "No gap",
        ),
    ],
)
def test_all_well_is_not_said_where_anything_is_open(
    spoil: Callable[[PageRun], Any], mark: str, tmp_path: Path, fresh: None
) -> None:
    run = PageRun(tmp_path)
    run.conversions(120, "accepted", YESTERDAY)
    spoil(run)
    verdict = section_of(run).verdict
    assert verdict.mark == mark
    assert verdict.tone == {"Gap": "bad", "No gap": "good"}.get(mark, "warn")


def test_a_stale_feed_is_said_first_and_never_all_well(tmp_path: Path) -> None:
    run = PageRun(tmp_path)
    run.conversions(120, "accepted", YESTERDAY)
    page = page_of(run)
    assert page.warnings[0] == "Source web has no event at all."
    assert page.sections[0].verdict.mark == "Stale feed"
    html = html_text(page)
    assert html.index("Source web has no event at all.") < html.index('id="d1-h"')
    assert "All well" not in html


def test_a_destination_that_is_no_longer_configured_is_not_judged(tmp_path: Path) -> None:
    run = PageRun(tmp_path, {"gone": "UTC"})
    run.conversions(120, "accepted", YESTERDAY, destination="gone")
    section = section_of(run, configure(tmp_path, {"tiktok": "UTC"}))
    assert section.verdict.mark == "Stale feed"
    assert section.warnings[0].startswith("It is not configured any more")


def test_what_to_do_names_only_what_can_still_be_sent(tmp_path: Path, fresh: None) -> None:
    run = PageRun(tmp_path)
    run.conversions(10, "missing", YESTERDAY)
    run.conversions(3, "rejected", AS_OF - timedelta(days=8), code="40002", outcome="rejected")
    run.conversions(2, "ambiguous", YESTERDAY, code="no_reply", outcome="unknown")
    section = section_of(run)
    commands = [action.command for action in section.actions]
    assert commands == [
        "archiver backfill --destination tiktok",
        "archiver backfill --destination tiktok --include ambiguous",
    ]
    assert (section.stake.recoverable, section.stake.expired) == (12, 3)
    assert section.stake.recoverable_value == {"USD": Decimal("150.00")}
    assert section.stake.expired_value == {"USD": Decimal("37.50")}


def test_money_of_stake_is_the_gap(tmp_path: Path) -> None:
    run, config = WORLDS["hostile"](tmp_path)
    for section in page_of(run, config).sections:
        values = section.stake.recoverable_value, section.stake.expired_value
        for currency, amount in section.gap_values.items():
            assert sum((v.get(currency, Decimal(0)) for v in values), Decimal(0)) == amount


@pytest.mark.parametrize("world", WORLDS)
def test_the_same_run_gives_the_same_bytes(world: str, tmp_path: Path) -> None:
    run, config = WORLDS[world](tmp_path)
    folder = run.write()
    first, second = (
        html_text(build_page(config, Archive(config.archive_root), folder)) for _ in range(2)
    )
    assert first == second
    assert not re.search(r"<script|\bsrc=|@import|url\((?!#)", first)
    assert set(re.findall(r'href="([^"#]*)', first)) <= {"", "data:,"}


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    run, config = WORLDS["hostile"](tmp_path)
    html = html_text(page_of(run, config))
    assert SCRIPT not in html
    assert html.count("&lt;script&gt;") >= 4  # the event, the code, the source, the note
    assert NAMES[1] in html
    assert "\u202e" not in html and "a\\u202eb c\\x1b[31m" in html


def test_no_id_is_on_the_page(tmp_path: Path) -> None:
    run = PageRun(tmp_path)
    run.conversions(3, "missing", YESTERDAY)
    ids = {"message_id": "message-7", "event_id": "order-7"}
    run.lines = [line | ids for line in run.lines]
    run.findings.append({"destination": "tiktok", "finding": "conflict_accepted", **ids})
    html = html_text(page_of(run))
    assert "message-7" not in html and "order-7" not in html


def test_annotations_stand_on_the_axis_in_the_accounts_zone(tmp_path: Path, fresh: None) -> None:
    note = "[[annotations]]\ntime = 2026-01-16T02:00:00Z\ntext = 'late evening'\n"
    run = PageRun(tmp_path)
    for number in range(4):
        run.conversions(5, "accepted", datetime(2026, 1, 14 + number, 12, tzinfo=UTC))
    page = page_of(run, configure(tmp_path, run.destinations, note))
    chart = page.sections[0].daily
    assert chart is not None
    # In New York it is 21:00 of the 15th, the second of four days.
    assert [(pin.number, pin.percent) for pin in chart.pins] == [(1, 46.88)]
    html = html_text(page)
    assert "2026-01-15 21:00 America/New_York" in html and "(2026-01-16 02:00 UTC)" in html


def test_annotations_of_others_and_of_other_times_are_left_out(tmp_path: Path) -> None:
    run, config = WORLDS["hostile"](tmp_path)
    page = page_of(run, config, destination="weird_name.x")
    assert [note.text.partition(":")[0] for note in page.notes] == ["TikTok"]


def test_a_strip_shows_the_hours_around_an_incident(tmp_path: Path, fresh: None) -> None:
    run = PageRun(tmp_path)
    start = datetime(2026, 1, 18, 12, tzinfo=UTC)
    for hour in range(-4, 8):
        status = "failed" if 0 <= hour < 4 else "accepted"
        run.conversions(5, status, start + timedelta(hours=hour, minutes=30))
    run.incident("delivery_outage", start, start + timedelta(hours=4), conversions=20)
    (strip,) = section_of(run).strips
    assert strip.chart is not None and strip.hours == 1
    assert strip.rows[0].start == start - timedelta(hours=6)
    counted = {row.start.hour: row.counts for row in strip.rows if row.counts}
    assert counted[11] == {"accepted": 5} and counted[12] == {"failed": 5}
    assert strip.chart.shade == (37.5, 62.5)
    assert strip.statuses == ("accepted", "failed")


def test_long_incidents_have_a_bar_for_several_hours(tmp_path: Path, fresh: None) -> None:
    run = PageRun(tmp_path)
    start = AS_OF - timedelta(days=60)
    run.conversions(5, "failed", start)
    run.incident("delivery_outage", start, AS_OF, conversions=5, is_open=True)
    (strip,) = section_of(run).strips
    assert strip.hours == 12 and len(strip.rows) <= 168
    assert sum(sum(row.counts.values()) for row in strip.rows) == 5


def test_many_incidents_have_charts_of_the_open_and_the_largest(tmp_path: Path) -> None:
    run = PageRun(tmp_path)
    run.conversions(5, "failed", AS_OF - timedelta(days=30))
    for number in range(20):
        at = AS_OF - timedelta(days=number + 1)
        run.incident(
            *("delivery_outage", at, at + timedelta(hours=1)),
            conversions=number,
            is_open=number == 0,
        )
    section = section_of(run)
    charted = [s.incident.conversions for s in section.strips if s.chart is not None]
    assert charted == [0, *range(13, 20)]
    assert (len(section.strips), section.hidden_strips) == (20, 12)


def test_a_page_of_some_days_has_their_figures_only(tmp_path: Path) -> None:
    run = PageRun(tmp_path)
    for number in range(1, 5):
        run.conversions(number, "missing", AS_OF - timedelta(days=number))
    page = page_of(run, from_day=date(2026, 1, 16), to_day=date(2026, 1, 17))
    section = page.sections[0]
    assert section.part.totals.counts["gap"] == section.stake.recoverable == 2 + 3
    assert page.scope == "Only the account days from 2026-01-16 to 2026-01-17."


def test_restatements_stand_with_figures_before_and_after(tmp_path: Path) -> None:
    before = PageRun(tmp_path, run_id="a" * 16, as_of=AS_OF - timedelta(hours=1))
    before.conversions(5, "missing", YESTERDAY)
    before.lines = [line | {"event_id": str(n)} for n, line in enumerate(before.lines)]
    before.write()
    run = PageRun(tmp_path, previous="a" * 16)
    run.conversions(2, "missing", YESTERDAY)
    run.conversions(3, "accepted", YESTERDAY)
    run.lines = [line | {"event_id": str(n)} for n, line in enumerate(run.lines)]
    html = html_text(page_of(run))
    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    assert "Compared with the run aaaaaaaaaaaaaaaa as of 2026-01-19 11:00 UTC." in text
    assert "2026-01-18 CompletePayment 5 0 → 3 5 → 2" in text
