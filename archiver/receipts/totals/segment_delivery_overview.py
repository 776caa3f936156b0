"""Segment's Delivery Overview: counts of events by name and time, from the Public API.

    {"data": {"dataset": [{"eventName": …, "eventType": …, "discardReason": …, "total": 17,
     "series": [{"time": "2026-01-15T00:00:00.000Z", "count": 17}]}]}}

One response a line, or one in the file. Ask for `groupBy=eventName` and `granularity=HOUR`, all in
one page, of `successful-delivery` (kind `delivered`). Segment's names are those of the inbound
events: map them with `names`. An entry without a name counts all events. Counts of the same day
and name add up over a response, as over its discard reasons. `reported_at` or `fetched_at` beside
`data` says when it was asked for.

A series by the minute or hour goes to the account days in which its steps begin. Days that it does
not cover whole, at its beginning and its end, are left out: half a day's count would take the
place of a whole one's. A series whose steps are all midnights in UTC is daily, and its dates are
taken for account days: exact where the account's zone is UTC, else an approximation. Steps without
events may be left out: a name of the response without a step on one of its days, from the first to
the last step of any name, counts 0 there (of responses of at most a year). An entry without a
series has no day, and its total is left out; with a total of 0 it counts 0.

Segment's "delivered" is the HTTP status of the reply, which is not the destination's consent.

Source: segmentio/public-api-sdk, DeliveryOverviewMetricsDataset and -Datapoint (high); that steps
are in UTC and those without events may be left out (medium).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec

from archiver.account_days import Zone, account_day
from archiver.receipts.base import BadRecord
from archiver.receipts.documents import numbered_documents
from archiver.receipts.ndjson_columns import member
from archiver.receipts.records import ABSENT, decode_object, text_value
from archiver.receipts.tabular import column_names
from archiver.receipts.totals.base import MAX_COUNT, ParsedTotals, Total, TotalsSettings
from archiver.receipts.totals.generic import whole_number
from archiver.values import parse_instant

_REPORTED = ("reported_at", "fetched_at")
_IN_UTC = (Zone(None, None, "UTC"),)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# Segment gives 30 days at most. Dates that are further apart are a mistake, not days of zeros.
_MAX_FILLED = timedelta(days=366)

_Object = dict[str, msgspec.Raw]


class _Step(msgspec.Struct):
    time: str
    count: msgspec.Raw


class _Entry(msgspec.Struct):
    series: list[_Step] = []
    eventName: str | None = None
    total: msgspec.Raw = ABSENT


class _BadCount(Exception):
    """A count that is none."""


class SegmentDeliveryOverview:
    """One response a record; one total per account day and event name in it."""

    name = "segment-delivery-overview"

    def detect(self, first_record: bytes) -> bool:
        """An object with `dataset` in `data`, or at its top, whole or broken off by a line end."""
        if not first_record.startswith(b"{"):
            return False
        names = column_names(first_record)
        if names:
            return "dataset" in names or ("data" in names and b'"dataset"' in first_record)
        return b'"dataset"' in first_record

    def read(
        self, lines: Iterator[bytes], settings: TotalsSettings
    ) -> Iterator[ParsedTotals | BadRecord]:
        """Yield the totals of each response."""
        decoder = msgspec.json.Decoder(_Object)
        for number, data in numbered_documents(lines):
            decoded = decode_object(decoder, number, data)
            if isinstance(decoded, BadRecord):
                yield decoded
                continue
            document, _ = decoded
            try:
                counts = _counts(_entries(document), settings)
            except (msgspec.DecodeError, RecursionError):
                yield BadRecord(number, "bad_document", "it has no dataset with series", data)
            except _BadCount:
                yield BadRecord(number, "bad_count", "", data)
            except ValueError:
                yield BadRecord(number, "no_day", "a step's time is not readable", data)
            else:
                reported_at = _reported_at(document) or settings.reported_at
                yield ParsedTotals(
                    number,
                    [
                        Total(day, name, settings.kind, count, None, None, reported_at, number)
                        for (day, name), count in counts.items()
                    ],
                )


def _entries(document: _Object) -> list[_Entry]:
    raw = document.get("dataset", ABSENT)
    if raw == ABSENT:
        raw = member(document.get("data", ABSENT), ["dataset"])
    return msgspec.json.decode(raw, type=list[_Entry])


def _counts(
    entries: Sequence[_Entry], settings: TotalsSettings
) -> Mapping[tuple[date, str | None], int]:
    """Counts by account day and event name, of the days that the series cover whole.

    A name has one for each of these days.
    """
    steps = [
        (_time(step.time), settings.name_of(entry.eventName), _count(step.count))
        for entry in entries
        for step in entry.series
    ]
    is_daily = all(instant.time() == datetime.min.time() for instant, _, _ in steps)
    partial = set() if is_daily else _partial({step[0] for step in steps}, settings.zones)
    zones = _IN_UTC if is_daily else settings.zones
    names = dict.fromkeys(
        settings.name_of(entry.eventName)
        for entry in entries
        if entry.series or whole_number(text_value(entry.total)) == 0
    )
    days = _days([step[0] for step in steps], zones)
    counts: dict[tuple[date, str | None], int] = defaultdict(int)
    counts.update(((day, name), 0) for name in names for day in days if day not in partial)
    for instant, name, count in steps:
        day = account_day(instant, zones)
        if day not in partial:
            counts[day, name] += count
    if any(count > MAX_COUNT for count in counts.values()):
        raise _BadCount
    return counts


def _days(instants: Sequence[datetime], zones: Sequence[Zone]) -> list[date]:
    """The account days from the first instant to the last; none where these are too far apart."""
    if not instants or max(instants) - min(instants) > _MAX_FILLED:
        return []
    first, last = (account_day(found(instants), zones) for found in (min, max))
    return [first + n * _DAY for n in range((last - first).days + 1)]


def _partial(instants: set[datetime], zones: Sequence[Zone]) -> set[date]:
    """The account days of which the series has only a part: they reach beyond its ends."""
    ordered = sorted(instants)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    step = min([_HOUR, *gaps])
    return {
        account_day(ordered[0] - _MICROSECOND, zones),
        account_day(ordered[-1] + step, zones),
    }


def _time(text: str) -> datetime:
    instant = parse_instant(text)
    if instant is None:
        raise ValueError(text)
    return instant.astimezone(UTC)


def _count(raw: msgspec.Raw) -> int:
    count = whole_number(text_value(raw)) if bytes(raw)[:1] != b'"' else None
    if count is None:
        raise _BadCount
    return count


def _reported_at(document: _Object) -> datetime | None:
    found = (parse_instant(text_value(document.get(name, ABSENT))) for name in _REPORTED)
    return next((instant for instant in found if instant is not None), None)
