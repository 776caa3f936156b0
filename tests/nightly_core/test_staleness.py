"""Stale feeds: what should be there by now and is not (docs/nightly.md, Stale feeds)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support import CONFIG, IMPORTED_AT, Workspace, event, order, receipt

from archiver.archive.coverage import vouch
from archiver.archive.ledger import known_files
from archiver.nightly.imports import event_files, import_events, import_feed, receipt_feeds
from archiver.reconcile.run import Question, reconcile
from archiver.report.staleness import Feed, feeds
from archiver.warehouse.runs import note_asked

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def imported(workspace: Workspace) -> None:
    config, archive = workspace.config, workspace.archive
    known = known_files(archive)
    for name in config.sources:
        paths = event_files(config, name, lambda *_: None)
        import_events(config, archive, name, paths, IMPORTED_AT, known=known)
    for name in config.destinations:
        for feed in receipt_feeds(config, name, lambda *_: None):
            import_feed(config, archive, feed, IMPORTED_AT, known=known, warn=lambda _: None)


def judged(workspace: Workspace, as_of: datetime) -> dict[str, Feed]:
    """The feeds after an import and a reconciliation as of the instant, by their names."""
    imported(workspace)
    note_asked(reconcile(workspace.config, workspace.archive, Question(as_of)), as_of)
    return {feed.name: feed for feed in feeds(workspace.config, workspace.archive, as_of)}


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """One order at noon, its receipt a minute later."""
    workspace.write("inbound/web/a.ndjson", order("m1"))
    workspace.write("receipts/2026-01-15.ndjson", receipt("m1"))
    return workspace


def test_a_source_is_stale_above_its_age_and_not_at_it(shop: Workspace) -> None:
    imported(shop)
    at = {
        hours: feeds(shop.config, shop.archive, NOON + timedelta(hours=hours))[0]
        for hours in (36, 37)
    }
    assert (at[36].newest, at[36].is_stale) == (NOON, False)
    assert (at[37].is_stale, at[37].since) == (True, NOON)


def test_a_source_without_any_event_is_stale(workspace: Workspace) -> None:
    (source, destination) = feeds(workspace.config, workspace.archive, NOON)
    assert (source.kind, source.newest, source.is_stale) == ("source", None, True)
    assert (destination.kind, destination.newest, destination.is_stale) == (
        *("destination", None, False),
    )


def test_events_of_the_future_are_no_sign_of_a_source(shop: Workspace) -> None:
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-15T23:00:00Z"))
    shop.write("inbound/web/c.ndjson", order("m3", "2030-01-01T00:00:00Z"))
    imported(shop)
    assert feeds(shop.config, shop.archive, NOON + timedelta(hours=8))[0].newest == NOON


def test_a_shop_without_a_sale_over_a_holiday_has_no_stale_feed(shop: Workspace) -> None:
    feed = judged(shop, NOON + timedelta(days=9))["tiktok"]
    assert (feed.newest, feed.is_stale) == (NOON + timedelta(minutes=1), False)


def test_a_feed_that_never_came_is_stale(shop: Workspace) -> None:
    (shop.folder / "receipts/2026-01-15.ndjson").unlink()
    early = judged(shop, NOON + timedelta(hours=35))["tiktok"]
    late = judged(shop, NOON + timedelta(hours=37))["tiktok"]
    assert (early.is_stale, late.is_stale) == (False, True)
    assert (late.newest, late.since) == (None, NOON)


def test_a_feed_that_stopped_is_stale_from_the_first_sale_that_it_misses(shop: Workspace) -> None:
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-16T12:00:00Z"))
    shop.write("inbound/web/c.ndjson", order("m3", "2026-01-16T13:00:00Z"))
    assert not judged(shop, NOON + timedelta(hours=59))["tiktok"].is_stale
    feed = judged(shop, NOON + timedelta(hours=61))["tiktok"]
    assert (feed.is_stale, feed.since) == (True, NOON + timedelta(days=1))


def test_a_feed_that_says_anything_later_is_alive(shop: Workspace) -> None:
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-16T12:00:00Z"))
    shop.write("receipts/b.ndjson", receipt("elsewhere", "failed", "2026-01-16T18:00:00Z"))
    assert not judged(shop, NOON + timedelta(days=5))["tiktok"].is_stale


def test_what_was_vouched_for_counts(shop: Workspace) -> None:
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-16T12:00:00Z"))
    vouch(shop.archive, "tiktok", NOON, NOON + timedelta(days=2), IMPORTED_AT)
    assert judged(shop, NOON + timedelta(days=5))["tiktok"].newest == NOON + timedelta(days=2)


def test_of_a_daily_feed_the_day_of_its_file_counts(shop: Workspace) -> None:
    shop.configure(CONFIG + 'coverage = "daily"\n')
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-17T23:00:00Z"))
    shop.write("receipts/2026-01-17.ndjson", data=b"")
    shop.write("receipts/2031-01-17.ndjson", data=b"")
    feed = judged(shop, NOON + timedelta(days=7))["tiktok"]
    assert (feed.newest, feed.is_stale) == (datetime(2026, 1, 18, tzinfo=UTC), False)


def test_of_totals_the_account_day_counts(shop: Workspace) -> None:
    totals = '[[destinations.tiktok.totals]]\nkind = "delivered"\npaths = ["totals/*.csv"]\n'
    shop.configure(CONFIG.replace("receipts = ", "#") + 'reports = "totals"\n' + totals)
    shop.write("totals/a.csv", b"account_day,event_name,count", b"2026-01-15,CompletePayment,1")
    feed = judged(shop, NOON + timedelta(days=5))["tiktok"]
    assert (feed.newest, feed.is_stale) == (datetime(2026, 1, 16, 5, tzinfo=UTC), False)
    shop.write("inbound/web/b.ndjson", order("m2", "2026-01-16T12:00:00Z"))
    assert judged(shop, NOON + timedelta(days=5, hours=1))["tiktok"].is_stale


def test_a_feed_of_the_wrong_ids_is_stale(shop: Workspace) -> None:
    shop.write("receipts/2026-01-15.ndjson", receipt("elsewhere"))
    assert not judged(shop, NOON + timedelta(hours=35))["tiktok"].is_stale
    feed = judged(shop, NOON + timedelta(hours=37))["tiktok"]
    assert (feed.newest, feed.since) == (NOON + timedelta(minutes=1), NOON)
    assert (feed.is_stale, "of 1 conversions" in feed.note) == (True, True)


def test_ids_that_change_make_a_feed_stale_once_they_tell(shop: Workspace) -> None:
    shop.write("receipts/b.ndjson", receipt("elsewhere", "failed", "2026-01-16T18:00:00Z"))
    shop.write(
        "inbound/web/b.ndjson",
        *(order(f"n{n}", f"2026-01-16T{12 + n // 10}:{n % 10 * 6:02}:00Z") for n in range(20)),
    )
    # Not yet: the next sales may only be late.
    assert not judged(shop, NOON + timedelta(days=3, hours=23))["tiktok"].is_stale
    feed = judged(shop, NOON + timedelta(days=5))["tiktok"]
    assert (feed.is_stale, feed.since) == (True, NOON + timedelta(days=1))
    assert "of 20 conversions since 2026-01-16 12:00 UTC" in feed.note


def test_a_destination_that_no_event_was_ever_for_is_stale(shop: Workspace) -> None:
    shop.write("inbound/web/a.ndjson", event("m1"))
    assert not judged(shop, NOON + timedelta(hours=36))["tiktok"].is_stale
    feed = judged(shop, NOON + timedelta(hours=49))["tiktok"]
    assert (feed.is_stale, feed.since, "see its preset" in feed.note) == (True, None, True)
