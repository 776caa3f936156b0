"""RudderStack's object storage destination: one event a line.

Source: RudderStack's documentation of its S3 destination (`rudder-logs/{sourceID}/{day}/….json.gz`)
and of its event format.
"""

from __future__ import annotations

from archiver.inbound.framing import framing_of
from archiver.inbound.json_format import JsonFormat
from archiver.inbound.json_spans import Object
from archiver.inbound.lines import frame_lines
from archiver.inbound.ndjson import Ndjson


class RudderstackS3(Ndjson):
    """One event a line."""

    name = "rudderstack-s3"
    about = "RudderStack's object storage destination: one event a line"
    detected_by = "lines with messageId, and rudderId or request_ip"

    def detect(self, head: bytes) -> bool:
        """Whether one of the first objects is a line, and an event that RudderStack received."""
        return framing_of(head) is frame_lines and JsonFormat.detect(self, head)

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is such an event."""
        return "messageId" in members and not {"rudderId", "request_ip"}.isdisjoint(members)
