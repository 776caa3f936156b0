"""The inbound formats, most telling first; adding one is one file and one line here."""

from __future__ import annotations

from archiver.errors import ConfigError
from archiver.inbound.base import InboundFormat
from archiver.inbound.ndjson import Ndjson, SegmentS3

FORMATS: tuple[InboundFormat, ...] = (SegmentS3(), Ndjson())


def choose_format(forced: str, head: bytes) -> InboundFormat:
    """The format that is forced by name, or else the first that recognises the content."""
    if forced != "auto":
        for known in FORMATS:
            if known.name == forced:
                return known
        names = ", ".join(known.name for known in FORMATS)
        raise ConfigError(f"choosing the format {forced!r}", "there is none", f"known: {names}")
    return next(known for known in FORMATS if known.detect(head))
