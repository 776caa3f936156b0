"""Segment's webhook bodies: one event each, without an envelope.

Source: Segment's documentation of its Webhooks destination.
"""

from __future__ import annotations

from archiver.inbound.framing import is_single
from archiver.inbound.json_format import RecognisedFormat
from archiver.inbound.json_spans import Object


class SegmentWebhook(RecognisedFormat):
    """The body of one POST."""

    name = "segment-webhook"
    about = "Segment's webhook bodies: one event each"
    detected_by = "the file is one object with type, messageId, receivedAt"

    def detect(self, head: bytes) -> bool:
        """Whether the file is one event that Segment has received."""
        return is_single(head) and super().detect(head)

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is such an event."""
        return {"type", "messageId", "receivedAt"} <= members.keys()
