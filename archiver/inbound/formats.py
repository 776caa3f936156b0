"""The inbound formats, most telling first; adding one is one file and one line here."""

from __future__ import annotations

from archiver.errors import ConfigError
from archiver.inbound.base import InboundFormat
from archiver.inbound.concatenated_json import ConcatenatedJson
from archiver.inbound.json_array import JsonArray
from archiver.inbound.ndjson import Ndjson
from archiver.inbound.rudderstack_batch import RudderstackBatch
from archiver.inbound.rudderstack_gateway import RudderstackGateway
from archiver.inbound.rudderstack_jobs import RudderstackJobs
from archiver.inbound.rudderstack_s3 import RudderstackS3
from archiver.inbound.segment_http import SegmentHttp
from archiver.inbound.segment_s3 import SegmentS3
from archiver.inbound.segment_webhook import SegmentWebhook

FORMATS: tuple[InboundFormat, ...] = (
    RudderstackJobs(),
    RudderstackGateway(),
    RudderstackBatch(),
    SegmentHttp(),
    RudderstackS3(),
    SegmentS3(),
    SegmentWebhook(),
    JsonArray(),
    ConcatenatedJson(),
    Ndjson(),
)

_BY_NAME = {known.name: known for known in FORMATS}


def choose_format(forced: str, head: bytes) -> InboundFormat:
    """The format that is forced by name, or else the first that recognises the content.

    Raises:
        ConfigError: there is no format of that name.
    """
    if forced == "auto":
        return next(known for known in FORMATS if known.detect(head))
    if forced not in _BY_NAME:
        names = ", ".join(_BY_NAME)
        raise ConfigError(f"choosing the format {forced!r}", "there is none", f"known: {names}")
    return _BY_NAME[forced]


def whole_record(format_name: str, payload: bytes, envelope: bytes | None) -> bytes:
    """An event's record as it stood in its file, between what the archive's `layouts` have."""
    return choose_format(format_name, b"").whole(payload, envelope)
