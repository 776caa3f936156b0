"""RudderStack's gateway archive: one stored event a line, with the gateway's own fields around it.

Source: RudderStack's server, archiver (`{sourceID}/gw/{day}/{hour}/….json.gz`; line: `{"userId",
"payload": {one event}, "createdAt", "messageId"}`).
"""

from __future__ import annotations

from archiver.inbound.envelopes import is_event
from archiver.inbound.holes import fill_hole, open_hole
from archiver.inbound.json_format import Enclosed, EnclosingFormat
from archiver.inbound.json_spans import Object


class RudderstackGateway(EnclosingFormat):
    """The event is what stands under `payload`."""

    name = "rudderstack-gateway"
    about = "RudderStack's gateway archive: one event a line, under payload"
    detected_by = "an object with an object payload, and createdAt"
    needs_envelope = True

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is a stored event."""
        is_stored = bytes(members.get("payload", b""))[:1] == b"{" and "createdAt" in members
        return is_stored and not is_event(members)

    def open(self, record: bytes) -> Enclosed | None:
        """The event under `payload`."""
        return open_hole(record, "payload")

    def whole(self, payload: bytes, envelope: bytes | None) -> bytes:
        """The line with the event back in its place."""
        return payload if envelope is None else fill_hole(payload, envelope, "payload")
