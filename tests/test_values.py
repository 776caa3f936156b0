"""Instants and amounts: many spellings in, one exact value out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.values import parse_amount, parse_instant, parse_number

OUTAGE = datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
OUTAGE_EPOCH = 1768477920


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-01-15T11:52:00Z",
        "2026-01-15T11:52:00.000Z",
        "2026-01-15T11:52:00",
        "2026-01-15T11:52",
        "2026-01-15 11:52:00",
        "2026-01-15t11:52:00z",
        "2026-01-15 11:52:00 UTC",
        "2026-01-15 11:52:00+00",
        "2026-01-15T06:52:00-05:00",
        "2026-01-15T17:22:00.000000+0530",
        "2026-01-15 17:22:00 +0530",
        "20260115T115200Z",
        "  2026-01-15T11:52:00,0Z ",
        OUTAGE_EPOCH,
        str(OUTAGE_EPOCH),
        float(OUTAGE_EPOCH),
        Decimal(OUTAGE_EPOCH),
        f"{OUTAGE_EPOCH}.0",
        "1.76847792e9",
        OUTAGE_EPOCH * 1000,
        str(OUTAGE_EPOCH * 1000),
        OUTAGE_EPOCH * 1_000_000,
        f"{OUTAGE_EPOCH * 1_000_000}.9",
    ],
)
def test_one_instant_has_many_spellings(spelling: Any) -> None:
    assert parse_instant(spelling) == OUTAGE
    assert parse_instant(spelling).tzinfo == UTC


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_machine_s_time_zone_does_not_matter(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for spelling in ("2026-01-15T11:52:00", "2026-01-15T11:52:00Z", OUTAGE_EPOCH):
            assert parse_instant(spelling) == OUTAGE
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("number", "unit", "instant"),
    [
        (0, "seconds", datetime(1970, 1, 1, tzinfo=UTC)),
        (10**9, "seconds", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (10**10, "seconds", datetime(2286, 11, 20, 17, 46, 40, tzinfo=UTC)),
        (10**12, "milliseconds", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (10**13, "milliseconds", datetime(2286, 11, 20, 17, 46, 40, tzinfo=UTC)),
        (10**15, "microseconds", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (10**16, "microseconds", datetime(2286, 11, 20, 17, 46, 40, tzinfo=UTC)),
        (-1, "seconds", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (10**11 - 1, "seconds", datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (10**11, "milliseconds", datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_epoch_numbers_say_their_unit_by_their_size(
    number: int, unit: str, instant: datetime
) -> None:
    assert parse_instant(number) == parse_instant(str(number)) == instant, unit


def test_finer_digits_than_microseconds_are_cut_off() -> None:
    finest = OUTAGE.replace(microsecond=123456)
    assert parse_instant("2026-01-15T11:52:00.1234569Z") == finest
    assert parse_instant(f"{OUTAGE_EPOCH}.1234569") == finest
    assert parse_instant("-0.0000001") == datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", "12:30", "2026-01", "2026-01-15T", "2026-01-15T11", "Jan 15, 2026"),
        *("2026-13-01", "2026-02-30T00:00:00Z", "2026-01-15T25:00:00Z", "2026-W03-4", "15/01/2026"),
        # Not 05:00 on that day, as the standard library reads it.
        *("2026-01-15+05:00", "2026-01-15 +05:00", "2026-01-15-05", "2026-01-15Z"),
        *("٢٠٢٦-01-15", "1_768_477_920", "NaN", "Infinity", "1e400", "1e99999999999999999999"),
        *(None, True, b"0", [], {}, "1" * 18, 10**17, float("nan"), float("inf")),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1e999999999")),
        *("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-01:00", "0000-01-01", -(10**11) + 1),
    ],
)
def test_what_is_no_instant_is_none(value: Any) -> None:
    assert parse_instant(value) is None


instants = st.datetimes(
    min_value=datetime(1973, 4, 1), max_value=datetime(5138, 11, 1), timezones=st.just(UTC)
)


@given(instants, st.integers(-23 * 60, 23 * 60))
def test_every_iso_spelling_of_an_instant_reads_back(instant: datetime, minutes: int) -> None:
    there = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_instant(there.isoformat()) == instant
    assert parse_instant(there.isoformat(" ")) == instant
    zulu = instant.replace(tzinfo=None).isoformat()
    assert parse_instant(zulu) == parse_instant(zulu + "Z") == parse_instant(zulu + "z") == instant


@given(instants)
def test_every_epoch_unit_reads_back(instant: datetime) -> None:
    microseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    whole = instant.replace(microsecond=0)
    assert parse_instant(microseconds) == instant
    assert parse_instant(Decimal(microseconds) / 10**6) == instant
    assert parse_instant(f"{microseconds // 10**6}.{microseconds % 10**6:06}") == instant
    assert parse_instant(microseconds // 10**6) == whole
    assert parse_instant(microseconds // 10**6 * 1000) == whole


@given(st.one_of(st.text(), st.text("0123456789-+.:TZ eE,_ \n", max_size=30), st.floats()))
def test_any_value_is_an_instant_in_utc_or_none(value: Any) -> None:
    instant = parse_instant(value)
    assert instant is None or instant.tzinfo == UTC


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("39.95", "39.95"),
        ("1,299.00", "1299"),
        ("-1,234,567.5", "-1234567.5"),
        (" 5 ", "5"),
        ("+5", "5"),
        ("1e2", "100"),
        (".5", "0.5"),
        ("5.", "5"),
        (7, "7"),
        (-7, "-7"),
        (0.1, "0.1"),
        (Decimal("1.10"), "1.1"),
        ("9999999999999999.999999999999999999", "9999999999999999.999999999999999999"),
        ("0.0000000000000000005", "0"),
        ("0.0000000000000000015", "0.000000000000000002"),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_amounts_are_exact(value: Any, amount: str) -> None:
    assert parse_amount(value) == Decimal(amount)


def test_amounts_have_eighteen_decimals_and_zero_no_sign() -> None:
    assert str(parse_amount("1e2")) == "100.000000000000000000"
    assert str(parse_amount("-0.00")) == "0E-18"


@pytest.mark.parametrize(
    "value",
    [
        *("", "abc", ".", "-", "1,2,3.0", "12,34", "0,123", "1299,00", ",100", "1,000,", "1_000"),
        *("$5", "5 USD", "5 000", "(5)", "NaN", "inf", "-Infinity", "0x10", "١٢"),
        *("1e16", "-1e16", "1e99999999999999999999", 10**16),
        *("9999999999999999.9999999999999999996",),
        *(None, True, [], {}, b"5", float("nan"), float("inf"), Decimal("sNaN")),
    ],
)
def test_what_is_no_amount_is_none(value: Any) -> None:
    assert parse_amount(value) is None


amounts = st.decimals(
    min_value=Decimal("-9999999999999999"),
    max_value=Decimal("9999999999999999"),
    allow_nan=False,
    places=18,
)


@given(amounts)
def test_every_spelling_of_an_amount_reads_back(amount: Decimal) -> None:
    for spelling in (amount, str(amount), f"{amount:f}", f"{amount:e}", f" {amount:,f} "):
        assert parse_amount(spelling) == amount


@given(st.one_of(st.text(), st.text("0123456789-+.,eE", max_size=45), st.floats(), st.integers()))
def test_any_value_is_an_amount_that_fits_or_none(value: Any) -> None:
    amount = parse_amount(value)
    assert amount is None or (abs(amount) < 10**16 and amount.as_tuple().exponent == -18)


@pytest.mark.parametrize("digits", [5_000, 1_000_000])
def test_endless_numbers_are_none(digits: int) -> None:
    for value in ("9" * digits, f"2026-01-15T11:52:00.{'1' * digits}Z", 10**digits):
        assert parse_instant(value) is None
        assert parse_amount(value) is None
    assert parse_amount("0." + "1" * digits) == Decimal("0." + "1" * 18)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1,299.00", "1299"),
        (" -1e2 ", "-100"),
        (0.1, "0.1"),
        (10**30, "1e30"),
        (Decimal("1.10"), "1.1"),
        ("1e400", "1e400"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
    ],
)
def test_numbers_have_any_size_and_all_their_digits(value: Any, number: str) -> None:
    assert parse_number(value) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "12,34", "0,5", "NaN", "Infinity", "1e99999999999999999999"),
        *(None, True, [], float("nan"), float("-inf"), Decimal("sNaN")),
    ],
)
def test_what_is_no_number_is_none(value: Any) -> None:
    assert parse_number(value) is None
