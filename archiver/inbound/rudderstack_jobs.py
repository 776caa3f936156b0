"""RudderStack's older job dumps: rows of its job tables, with names in PascalCase.

Source: RudderStack's server (`{UUID, JobID, UserID, CreatedAt, ExpireAt, CustomVal, Parameters,
EventCount, WorkspaceId, EventPayload}`; of a gateway job the payload is a batch, of others one
event).
"""

from __future__ import annotations

from archiver.inbound.batches import open_batch
from archiver.inbound.holes import fill_hole, has_hole, open_hole
from archiver.inbound.json_format import Enclosed, EnclosingFormat
from archiver.inbound.json_spans import Object

_PAYLOAD = "EventPayload"


class RudderstackJobs(EnclosingFormat):
    """The events are what stands under `EventPayload`, or in the batch there."""

    name = "rudderstack-jobs"
    about = "RudderStack's older job dumps, names in PascalCase"
    detected_by = "an object with EventPayload, and JobID or UUID"
    needs_envelope = True

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is a job."""
        return _PAYLOAD in members and not {"JobID", "UUID"}.isdisjoint(members)

    def open(self, record: bytes) -> Enclosed | None:
        """The items of the batch in the job, or its one event."""
        return open_batch(record, (_PAYLOAD, "batch")) or open_hole(record, _PAYLOAD)

    def whole(self, payload: bytes, envelope: bytes | None) -> bytes:
        """The job with its one event back in its place; of a batch the item alone."""
        if envelope is None or not has_hole(envelope, _PAYLOAD):
            return payload
        return fill_hole(payload, envelope, _PAYLOAD)
