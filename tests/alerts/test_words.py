"""What people read at three in the morning."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from alerting import at, gap, nights_in, outage
from hypothesis import given
from hypothesis import strategies as st

from archiver.alerts.model import Condition
from archiver.alerts.words import harmless

NEW_YORK = "America/New_York"


def test_an_outage_in_words(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    found = outage(
        conversions=1234,
        values={"EUR": Decimal("12.5"), "USD": Decimal("56789")},
        recoverable=1200,
        deadline=at(50),
        account_timezone=NEW_YORK,
        details=("code 503",),
        next_steps=("archiver report --destination tiktok", "archiver backfill --plan"),
    )
    nights.night(0, found, gap(conversions=7, next_steps=("archiver backfill --plan",)))
    nights.night(60)
    opened, resolved = nights.channels.took["slack"]
    assert opened.title == (
        "archiver: conversions do not arrive at tiktok: 1,234 conversions, "
        "12.50 EUR and 56,789.00 USD"
    )
    assert (
        opened.text
        == """\
as of 2026-01-15 03:00 UTC
- NEW conversions do not arrive at tiktok, since 2026-01-14 22:00 UTC \
(2026-01-14 17:00 America/New_York)
  1,234 conversions, worth 12.50 EUR and 56,789.00 USD
  1,200 of them can still be sent again
  send them before 2026-01-17 05:00 UTC (2026-01-17 00:00 America/New_York)
  code 503
- NEW more conversions lost at tiktok than allowed
  7 conversions
next:
  archiver report --destination tiktok
  archiver backfill --plan"""
    )
    assert resolved.text.splitlines()[1].startswith("- OVER conversions do not arrive at tiktok")
    assert "next:" not in resolved.text


def test_a_deadline_that_passed_is_said_at_its_end(tmp_path: Path) -> None:
    due = Condition(
        kind="deadline", subject="meta", destination="meta", conversions=3, deadline=at(10)
    )
    for hours, said in ((12, "the deadline has passed"), (8, "they were sent")):
        nights = nights_in(tmp_path / str(hours))
        nights.night(0, due)
        nights.night(hours)
        assert said in nights.channels.took["slack"][1].text


def test_a_deadline_behind_us(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    nights.night(0, outage(deadline=at(-1)))
    text = nights.channels.took["slack"][0].text
    assert "too late for the first of them since 2026-01-15 02:00 UTC" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<!channel>", "＜!channel＞"),
        ("*x*", "＊x＊"),
        ("_x_ and order_completed", "＿x＿ and order_completed"),
        ("@everyone `a` [b](c) ~d~ &amp;", "＠everyone ｀a｀ ［b］(c) ～d～ ＆amp;"),
        ("a\n@here\x1b[31m\u202e", "a\\n＠here\\x1b［31m\\u202e"),
        ("Kauf abgeschlossen ✓", "Kauf abgeschlossen ✓"),
    ],
)
def test_names_wake_nobody(name: str, shown: str) -> None:
    assert harmless(name) == shown


@given(st.text())
def test_no_name_is_markup(name: str) -> None:
    assert not set(harmless(name)) & set("<>&@*`~[]\n\r")


def test_a_name_from_outside_in_every_place(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    bad = "<!channel> *x* @here"
    nights.night(
        0,
        Condition(
            kind="schema",
            subject=bad,
            source=bad,
            details=(bad,),
            next_steps=(bad,),
            size=1,
        ),
        outage(bad, cause="", values={bad: Decimal(1)}),
    )
    (message,) = nights.channels.took["slack"]
    assert not set(message.title + message.text) & set("<@*")
    # Machines get it as it is.
    assert {c["subject"] for c in message.conditions} == {bad, f"{bad} delivery_outage"}


def test_many_and_long_ones_are_cut(tmp_path: Path) -> None:
    nights = nights_in(tmp_path)
    many = [outage("d" * 500 + str(n), cause="all", details=("x" * 500,) * 20) for n in range(99)]
    nights.night(0, *many)
    (message,) = nights.channels.took["slack"]
    assert len(message.title) <= 160
    assert len(message.text) < 40_000
    assert "and 87 more: archiver alerts list" in message.text
    assert len(message.conditions) == 99
