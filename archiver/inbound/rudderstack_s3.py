"""RudderStack's object storage destination: one event a line.

Source: RudderStack's documentation of its S3 destination (`rudder-logs/{sourceID}/{day}/….json.gz`)
and of its event format.
"""

from __future__ import annotations

from archiver.inbound.json_spans import Object
from archiver.inbound.ndjson import LineFormat


class RudderstackS3(LineFormat):
    """One event a line."""

    name = "rudderstack-s3"
    about = "RudderStack's object storage destination: one event a line"
    detected_by = "lines with messageId, and rudderId or request_ip"

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is an event that RudderStack has received."""
        return "messageId" in members and not {"rudderId", "request_ip"}.isdisjoint(members)
