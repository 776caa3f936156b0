"""Segment's raw logs: NDJSON of events with what Segment adds on arrival.

Source: Segment's documentation of its S3 destination (`segment-logs/{source}/{received day in
ms}/….gz`, gzip NDJSON).
"""

from __future__ import annotations

from archiver.inbound.json_spans import Object
from archiver.inbound.ndjson import LineFormat


class SegmentS3(LineFormat):
    """One event a line."""

    name = "segment-s3"
    about = "Segment's raw logs (S3, GCS, Azure): one event a line"
    detected_by = "lines with type, messageId, receivedAt, originalTimestamp"

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is an event that Segment has received."""
        return {"type", "messageId", "receivedAt", "originalTimestamp"} <= members.keys()
