"""Segment's raw logs: NDJSON of events with what Segment adds on arrival.

Source: Segment's documentation of its S3 destination (`segment-logs/{source}/{received day in
ms}/….gz`, gzip NDJSON).
"""

from __future__ import annotations

from archiver.inbound.framing import framing_of
from archiver.inbound.json_format import JsonFormat
from archiver.inbound.json_spans import Object
from archiver.inbound.lines import frame_lines
from archiver.inbound.ndjson import Ndjson


class SegmentS3(Ndjson):
    """One event a line."""

    name = "segment-s3"
    about = "Segment's raw logs (S3, GCS, Azure): one event a line"
    detected_by = "lines with type, messageId, receivedAt, originalTimestamp"

    def detect(self, head: bytes) -> bool:
        """Whether one of the first objects is a line, and an event that Segment has received."""
        return framing_of(head) is frame_lines and JsonFormat.detect(self, head)

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is such an event."""
        return {"type", "messageId", "receivedAt", "originalTimestamp"} <= members.keys()
