"""Totals of destinations and hubs, as bytes, to counts by account day (DESIGN §3, §6)."""

from __future__ import annotations

from collections.abc import Collection

from archiver.receipts.base import UnreadableReceiptsError
from archiver.receipts.records import beginning
from archiver.receipts.totals.base import (
    KINDS,
    TOTAL_COLUMNS,
    ParquetTotals,
    ParsedTotals,
    Total,
    TotalsFormat,
    TotalsSettings,
)
from archiver.receipts.totals.generic import GenericCsv, GenericNdjson, GenericParquet
from archiver.receipts.totals.segment_delivery_overview import SegmentDeliveryOverview

__all__ = [
    "KINDS",
    "TOTALS_FORMATS",
    "TOTAL_COLUMNS",
    "ParquetTotals",
    "ParsedTotals",
    "Total",
    "TotalsFormat",
    "TotalsSettings",
    "choose_totals",
    "choose_totals_by_columns",
]

# In the order in which they are tried; adding one is one file and one line here.
TOTALS_FORMATS: tuple[TotalsFormat, ...] = (
    SegmentDeliveryOverview(),
    GenericNdjson(),
    GenericCsv(),
    GenericParquet(),
)


def choose_totals(first_record: bytes, forced: str | None = None) -> TotalsFormat:
    """The format that is forced by name, or else the first that recognises the content.

    Args:
        first_record: the file's beginning: its first line, better some more.
        forced: a format's name; None or `auto` to detect.

    Raises:
        ValueError: there is no format of that name.
        UnreadableReceiptsError: no format recognises the content.
    """
    names = ", ".join(known.name for known in TOTALS_FORMATS)
    if forced not in (None, "auto"):
        for known in TOTALS_FORMATS:
            if known.name == forced:
                return known
        raise ValueError(f"there is no format of totals {forced!r}; known: {names}")
    line = beginning(first_record)
    for known in TOTALS_FORMATS:
        if not line or known.detect(line):
            return known
    raise UnreadableReceiptsError(
        "no format of totals recognises its first line", f"name one as its format: {names}"
    )


def choose_totals_by_columns(names: Collection[str], forced: str | None = None) -> ParquetTotals:
    """The format of a Parquet file: forced by name, or the first that its columns fit.

    Args:
        names: the file's columns.
        forced: a format's name; None or `auto` to detect.

    Raises:
        UnreadableReceiptsError: the forced format does not come as Parquet.
    """
    if forced not in (None, "auto"):
        known = choose_totals(b"", forced)
        if isinstance(known, ParquetTotals):
            return known
        raise UnreadableReceiptsError(
            f"it is a Parquet file, which {known.name} cannot be", "name another format"
        )
    feeds = (known for known in TOTALS_FORMATS if isinstance(known, ParquetTotals))
    return next(known for known in feeds if known.has_columns(names))
