"""Totals: rows with a count of a day, and Segment's Delivery Overview."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from feeds import ndjson, parquet

from archiver.account_days import Zone
from archiver.receipts import BadRecord, UnreadableReceiptsError
from archiver.receipts.parquet_rows import column_names
from archiver.receipts.totals import (
    TOTALS_FORMATS,
    ParsedTotals,
    Total,
    TotalsSettings,
    choose_totals,
    choose_totals_by_columns,
)

NEW_YORK = [Zone(None, None, "America/New_York")]
IN_UTC = [Zone(None, None, "UTC")]
NAMES = {"Order Completed": "CompletePayment"}
DAY = date(2026, 1, 15)
REPORTED_AT = datetime(2026, 1, 17, 6, tzinfo=UTC)


def settings(**changes: Any) -> TotalsSettings:
    known: dict[str, Any] = {"kind": "received", "zones": NEW_YORK, "names": NAMES}
    return TotalsSettings("tiktok", **known | changes)


def records_in(
    data: bytes, known: TotalsSettings | None = None, forced: str | None = None
) -> list[ParsedTotals | BadRecord]:
    known = known or settings()
    if data.startswith(b"PAR1"):
        of = choose_totals_by_columns(column_names(io.BytesIO(data)), forced)
        return list(of.read_parquet(io.BytesIO(data), known))
    return list(choose_totals(data, forced).read(io.BytesIO(data), known))


def totals_in(data: bytes, known: TotalsSettings | None = None) -> list[Total]:
    found = records_in(data, known)
    assert all(isinstance(record, ParsedTotals) for record in found), found
    return [total for record in found for total in record.totals]  # type: ignore[union-attr]


ROW = {
    "account_day": "2026-01-15",
    "event_name": "Order Completed",
    "count": 17,
    "value": "1,299.50",
    "currency": "usd",
    "reported_at": "2026-01-17T06:00:00Z",
}
TOTAL = Total(
    DAY, "CompletePayment", "received", 17, Decimal("1299.5"), "USD", REPORTED_AT, record_number=0
)


def test_a_row_is_a_total() -> None:
    csv = "account_day,event_name,count,value,currency,reported_at\n"
    csv += '2026-01-15,Order Completed,17,"1,299.50",usd,2026-01-17T06:00:00Z\n'
    typed = {**ROW, "account_day": DAY, "value": Decimal("1299.50"), "reported_at": REPORTED_AT}
    for data in (ndjson(ROW), csv.encode(), parquet([typed])):
        assert totals_in(data) == [TOTAL]


def test_columns_have_a_map_and_rows_may_say_their_kind() -> None:
    columns = {"account_day": "dimensions.stat_time_day", "count": "metrics.complete_payment"}
    line = {
        "dimensions": {"stat_time_day": "2026-01-15 00:00:00"},
        "metrics": {"complete_payment": "17.00"},
        "kind": "Attributed",
    }
    (total,) = totals_in(ndjson(line), settings(columns=columns))
    assert (total.account_day, total.event_name, total.kind) == (DAY, None, "attributed")
    assert (total.count, total.value, total.reported_at) == (17, None, None)


def test_a_row_without_a_time_of_report_has_the_file_s() -> None:
    line = ndjson({"account_day": "2026-01-15", "count": 0})
    assert [t.reported_at for t in totals_in(line, settings(reported_at=REPORTED_AT))] == [
        REPORTED_AT
    ]


@pytest.mark.parametrize(
    ("count", "whole"), [("1,234", 1234), (0, 0), (17.0, 17), ("1e2", 100), (2**63 - 1, 2**63 - 1)]
)
def test_a_count_is_a_whole_number(count: Any, whole: int) -> None:
    assert [t.count for t in totals_in(ndjson({**ROW, "count": count}))] == [whole]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": -1}, "bad_count"),
        ({"count": 1.5}, "bad_count"),
        ({"count": "many"}, "bad_count"),
        ({"count": True}, "bad_count"),
        ({"count": None}, "bad_count"),
        ({"count": 2**63}, "bad_count"),
        ({"account_day": None}, "no_day"),
        ({"account_day": "2026-02-30"}, "no_day"),
        ({"account_day": "15.01.2026"}, "no_day"),
        ({"account_day": 1768477920}, "no_day"),
        ({"value": "much"}, "bad_value"),
        ({"reported_at": "lately"}, "bad_reported_at"),
        ({"kind": "lost"}, "unknown_kind"),
    ],
)
def test_what_is_no_total_is_quarantined(changes: dict[str, Any], reason: str) -> None:
    data = ndjson({**ROW, **changes})
    (record,) = records_in(data)
    assert isinstance(record, BadRecord)
    assert (record.reason, record.data) == (reason, data.rstrip(b"\n"))


def test_a_header_without_the_count_is_refused_whole() -> None:
    with pytest.raises(UnreadableReceiptsError, match="no column 'count' for count"):
        records_in(b"account_day,received\n2026-01-15,1\n")
    with pytest.raises(UnreadableReceiptsError, match="is no Parquet file"):
        records_in(b"a,b\n", forced="generic-parquet")


def test_settings_refuse_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'lost' is no kind of total"):
        settings(kind="lost")
    with pytest.raises(ValueError, match="'day' is no column of totals"):
        settings(columns={"day": "x"})
    with pytest.raises(ValueError, match="no format of totals 'csv'"):
        choose_totals(b"", "csv")


def overview(*entries: dict[str, Any], indent: int | None = None, **beside: Any) -> bytes:
    return json.dumps({"data": {"dataset": list(entries)}} | beside, indent=indent).encode() + b"\n"


def entry(name: str | None, *series: tuple[str, Any], **more: Any) -> dict[str, Any]:
    steps = [{"time": time, "count": count, "retryCount": 0} for time, count in series]
    return {"eventName": name, "total": 99, "series": steps, **more}


def hours(first: str, count: int) -> list[str]:
    start = datetime.fromisoformat(first)
    return [(start + timedelta(hours=n)).isoformat() for n in range(count)]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_daily_series_has_the_day_of_its_date(indent: int | None) -> None:
    days = (("2026-01-15T00:00:00.000Z", 17), ("2026-01-16T00:00:00.000Z", 0))
    data = overview(entry("Order Completed", *days), indent=indent, fetched_at="2026-01-17T06:00Z")
    assert choose_totals(data).name == "segment-delivery-overview"
    assert totals_in(data) == [
        Total(DAY, "CompletePayment", "received", 17, None, None, REPORTED_AT, 0),
        Total(date(2026, 1, 16), "CompletePayment", "received", 0, None, None, REPORTED_AT, 0),
    ]


def test_entries_of_the_same_day_and_name_add_up() -> None:
    day = "2026-01-15T00:00:00Z"
    data = overview(
        entry("Order Completed", (day, 1), discardReason="a"),
        entry("Order Completed", (day, 2), discardReason="b"),
        entry("CompletePayment", (day, 4)),
        entry(None, (day, 8)),
    )
    assert [(t.event_name, t.count) for t in totals_in(data)] == [
        ("CompletePayment", 7),
        (None, 8),
    ]


def test_an_hourly_series_goes_to_the_whole_account_days_in_it() -> None:
    # From 19:00 of the 14th to 01:00 of the 17th in New York.
    data = overview(entry(None, *((hour, 1) for hour in hours("2026-01-15T00:00:00+00:00", 54))))
    assert [(t.account_day, t.count) for t in totals_in(data)] == [
        (DAY, 24),
        (date(2026, 1, 16), 24),
    ]
    assert [(t.account_day, t.count) for t in totals_in(data, settings(zones=IN_UTC))] == [
        (DAY, 24),
        (date(2026, 1, 16), 24),
    ]


def test_steps_without_events_may_be_left_out_of_a_daily_series() -> None:
    days = [f"2026-01-{n}T00:00:00Z" for n in (14, 15, 16, 17)]
    data = overview(
        entry("Lead", (days[1], 5)),
        entry("Order Completed", (days[0], 1), (days[3], 2)),
        {"eventName": "Signed Up", "total": 0},
        {"eventName": "Unknown", "total": 7},
    )
    assert [(t.event_name, t.account_day.day, t.count) for t in totals_in(data)] == [
        *(("Lead", 14, 0), ("Lead", 15, 5), ("Lead", 16, 0), ("Lead", 17, 0)),
        *(("CompletePayment", 14, 1), ("CompletePayment", 15, 0)),
        *(("CompletePayment", 16, 0), ("CompletePayment", 17, 2)),
        *(("Signed Up", day, 0) for day in (14, 15, 16, 17)),
    ]
    assert totals_in(overview({"eventName": "Signed Up", "total": 0})) == []


def test_steps_without_events_may_be_left_out_of_an_hourly_series() -> None:
    # From 19:00 of the 14th to 01:00 of the 18th in New York: three whole days.
    times = [hour for hour in hours("2026-01-15T00:00:00+00:00", 78) if "T12" not in hour]
    data = overview(
        entry("Order Completed", *((hour, 1) for hour in times)),
        entry("Lead", ("2026-01-15T01:00:00Z", 9), ("2026-01-16T12:00:00Z", 5)),
    )
    assert [(t.event_name, t.account_day.day, t.count) for t in totals_in(data)] == [
        *(("CompletePayment", day, 23) for day in (15, 16, 17)),
        *(("Lead", 15, 0), ("Lead", 16, 5), ("Lead", 17, 0)),
    ]


def test_a_date_that_is_a_mistake_makes_no_years_of_zeros() -> None:
    far = (("0001-01-01T00:00:00Z", 1), ("9999-12-31T00:00:00Z", 2))
    assert [t.count for t in totals_in(overview(entry(None, *far)))] == [1, 2]


def test_a_day_of_the_account_may_have_23_hours_or_a_zone_of_its_own() -> None:
    spring = overview(entry(None, *((h, 1) for h in hours("2026-03-08T05:00:00+00:00", 23))))
    assert [(t.account_day, t.count) for t in totals_in(spring)] == [(date(2026, 3, 8), 23)]
    moved_at = datetime(2026, 1, 15, 23, tzinfo=UTC)
    moved = [Zone(None, moved_at, "America/New_York"), Zone(moved_at, None, "Europe/Berlin")]
    # 18 hours in New York; at 18:00 it became midnight in Berlin.
    data = overview(entry(None, *((h, 1) for h in hours("2026-01-15T05:00:00+00:00", 18))))
    assert [(t.account_day, t.count) for t in totals_in(data, settings(zones=moved))] == [(DAY, 18)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (overview(entry("a", ("2026-01-15T00:00:00Z", -1))), "bad_count"),
        (overview(entry("a", ("2026-01-15T00:00:00Z", 1.5))), "bad_count"),
        (overview(entry("a", ("2026-01-15T00:00:00Z", "1"))), "bad_count"),
        (overview(entry("a", *[("2026-01-15T00:00:00Z", 2**63 - 1)] * 2)), "bad_count"),
        (overview(entry("a", ("soon", 1))), "no_day"),
        (b'{"data": {"dataset": {}}}\n', "bad_document"),
        (b'{"data": {"dataset": [{"series": [{"time": 1}]}]}}\n', "bad_document"),
    ],
)
def test_a_response_that_cannot_be_read_is_quarantined_whole(data: bytes, reason: str) -> None:
    (record,) = records_in(data)
    assert isinstance(record, BadRecord)
    assert (record.reason, record.data) == (reason, data.rstrip(b"\n"))


@pytest.mark.parametrize("name", [known.name for known in TOTALS_FORMATS])
def test_an_empty_file_has_no_records(name: str) -> None:
    assert records_in(b"", forced=name) == []


def test_a_parquet_count_may_be_a_decimal() -> None:
    kind = pa.decimal128(10, 2)
    data = parquet([{"account_day": DAY, "count": Decimal("17.00")}], count=kind)
    assert [t.count for t in totals_in(data)] == [17]
