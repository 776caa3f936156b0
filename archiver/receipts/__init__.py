"""Acknowledgements of destinations, as bytes, to receipts (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Collection

from archiver.receipts.api_log import ApiLog
from archiver.receipts.base import (
    REASONS,
    BadRecord,
    ParquetFeed,
    Parsed,
    Receipt,
    ReceiptFormat,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.generic import GenericCsv, GenericNdjson, GenericParquet
from archiver.receipts.records import beginning
from archiver.receipts.rudderstack_errors import RudderstackErrors
from archiver.receipts.rudderstack_failed_records import RudderstackFailedRecords
from archiver.receipts.rudderstack_states import RudderstackStates
from archiver.receipts.segment_multistatus import SegmentMultistatus
from archiver.receipts.upload_log import UploadLog

__all__ = [
    "FORMATS",
    "ONLY_FAILURES",
    "REASONS",
    "BadRecord",
    "Parsed",
    "Receipt",
    "ReceiptFormat",
    "ReceiptSettings",
    "UnreadableReceiptsError",
    "choose",
    "choose_by_columns",
]

_UPLOAD_LOG = UploadLog()
_GENERIC = GenericNdjson()

# In the order in which they are tried; adding one is one file and one line here.
FORMATS: tuple[ReceiptFormat, ...] = (
    _UPLOAD_LOG,
    ApiLog(),
    SegmentMultistatus(),
    RudderstackFailedRecords(),
    RudderstackErrors(),
    RudderstackStates(),
    _GENERIC,
    GenericCsv(),
    GenericParquet(),
)

# Formats that tell of failures only, so that silence means something else than in the others.
ONLY_FAILURES = frozenset({RudderstackErrors.name, RudderstackFailedRecords.name})


def choose(first_record: bytes, forced: str | None = None) -> ReceiptFormat:
    """The format that is forced by name, or else the first that recognises the content.

    The log of an upload stays one, whatever is forced: as an API log it would count as the feed,
    and make coverage where the feed has none.

    Args:
        first_record: the file's beginning: its first line, better some more. A file without
            records suits every format.
        forced: a format's name; None or `auto` to detect.

    Raises:
        ValueError: there is no format of that name.
        UnreadableReceiptsError: no format recognises the content.
    """
    names = ", ".join(known.name for known in FORMATS)
    line = beginning(first_record)
    if forced not in (None, "auto"):
        for known in FORMATS:
            if known.name == forced:
                return _UPLOAD_LOG if line and _UPLOAD_LOG.detect(line) else known
        raise ValueError(f"there is no receipts format {forced!r}; known: {names}")
    if not line:
        # A feed without anything to tell is a feed: no log of an upload, which says nothing of it.
        return _GENERIC
    for known in FORMATS:
        if known.detect(line):
            return known
    raise UnreadableReceiptsError(
        "no receipts format recognises its first line", f"name one as receipts_format: {names}"
    )


def choose_by_columns(names: Collection[str], forced: str | None = None) -> ParquetFeed:
    """The format of a Parquet file: forced by name, or the first that its columns fit.

    Args:
        names: the file's columns.
        forced: a format's name; None or `auto` to detect.

    Raises:
        UnreadableReceiptsError: the forced format does not come as Parquet.
    """
    if forced not in (None, "auto"):
        known = choose(b"", forced)
        if isinstance(known, ParquetFeed):
            return known
        raise UnreadableReceiptsError(
            f"it is a Parquet file, which {known.name} cannot be", "name another receipts_format"
        )
    feeds = (known for known in FORMATS if isinstance(known, ParquetFeed))
    return next(known for known in feeds if known.has_columns(names))
