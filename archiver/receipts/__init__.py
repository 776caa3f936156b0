"""Acknowledgements of destinations, as bytes, to receipts (DESIGN §4)."""

from __future__ import annotations

from archiver.receipts.api_log import ApiLog
from archiver.receipts.base import (
    REASONS,
    BadRecord,
    Parsed,
    Receipt,
    ReceiptFormat,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.generic import GenericCsv, GenericNdjson
from archiver.receipts.records import first_line

__all__ = [
    "FORMATS",
    "REASONS",
    "BadRecord",
    "Parsed",
    "Receipt",
    "ReceiptFormat",
    "ReceiptSettings",
    "UnreadableReceiptsError",
    "choose",
]

# In the order in which they are tried; adding one is one file and one line here.
FORMATS: tuple[ReceiptFormat, ...] = (ApiLog(), GenericNdjson(), GenericCsv())


def choose(first_record: bytes, forced: str | None = None) -> ReceiptFormat:
    """The format that is forced by name, or else the first that recognises the content.

    Args:
        first_record: the file's first line; more of the file does no harm. A file without
            records suits every format.
        forced: a format's name; None or `auto` to detect.

    Raises:
        ValueError: there is no format of that name.
        UnreadableReceiptsError: no format recognises the content.
    """
    names = ", ".join(known.name for known in FORMATS)
    if forced not in (None, "auto"):
        for known in FORMATS:
            if known.name == forced:
                return known
        raise ValueError(f"there is no receipts format {forced!r}; known: {names}")
    line = first_line(first_record)
    for known in FORMATS:
        if not line or known.detect(line):
            return known
    raise UnreadableReceiptsError(
        "no receipts format recognises its first line", f"name one as receipts_format: {names}"
    )
