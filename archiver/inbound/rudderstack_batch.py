"""RudderStack's gateway batches: `{"batch": […], "requestIP", "writeKey", "receivedAt"}`.

Source: RudderStack's server, the payload of a job as its gateway stores it.
"""

from __future__ import annotations

from archiver.inbound.batches import open_batch
from archiver.inbound.envelopes import is_event
from archiver.inbound.json_format import Enclosed, EnclosingFormat
from archiver.inbound.json_spans import Object


class RudderstackBatch(EnclosingFormat):
    """Bodies as the gateway keeps them; they stand alone, on lines, or one after the other."""

    name = "rudderstack-batch"
    about = "RudderStack's gateway batches"
    detected_by = "an object with an array batch, and requestIP or receivedAt"

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is a batch that a gateway has received."""
        is_batch = bytes(members.get("batch", b""))[:1] == b"["
        is_received = not {"requestIP", "receivedAt"}.isdisjoint(members)
        return is_batch and is_received and not is_event(members)

    def open(self, record: bytes) -> Enclosed | None:
        """The items of the batch."""
        return open_batch(record, ("batch",))
