"""Bodies of Segment's HTTP tracking API: one call, or a batch of them.

Source: Segment's documentation of its HTTP API (`POST /v1/{track|identify|…}` with one object,
`/v1/batch` with `{"batch": […], "context"?, "integrations"?, "sentAt"?}`).
"""

from __future__ import annotations

from archiver.inbound.base import EventBatch
from archiver.inbound.batches import open_batch
from archiver.inbound.envelopes import is_event
from archiver.inbound.frames import Frame
from archiver.inbound.framing import first_objects
from archiver.inbound.json_format import Enclosed, EnclosingFormat
from archiver.inbound.json_spans import Object, read_object
from archiver.inbound.layout import Layout

# A single call's type stands in the URL, not in the body: told by what only that call has. Page
# and screen calls look the same and stay without a type.
_TYPES = {"event": "track", "groupId": "group", "previousId": "alias", "traits": "identify"}


class SegmentHttp(EnclosingFormat):
    """Each body a batch or one call; bodies stand alone, on lines, or one after the other."""

    name = "segment-http"
    about = "bodies of Segment's HTTP API: /v1/batch, or one call"
    detected_by = "an object with an array batch; or calls of users, without type and receivedAt"

    def detect(self, head: bytes) -> bool:
        """Whether one of the first objects is a batch, or each a call that nobody received yet."""
        found = first_objects(head)
        return any(map(self.recognises, found)) or (bool(found) and all(map(_is_call, found)))

    def recognises(self, members: Object) -> bool:
        """Whether an object with these members is a batch."""
        return bytes(members.get("batch", b""))[:1] == b"[" and not is_event(members)

    def open(self, record: bytes) -> Enclosed | None:
        """The items of a batch."""
        return open_batch(record, ("batch",))

    def batch(self, frame: Frame, first: int, layout: Layout) -> EventBatch:
        """Read the calls, and tell the type of those that stand alone."""
        batch = super().batch(frame, first, layout)
        types = batch.fields["type"]
        for place, payload in enumerate(batch.payloads):
            if types[place] is None and batch.envelopes[place] is None:
                assert isinstance(types, list)
                types[place] = _type_of(payload)
        return batch


def _is_call(members: Object) -> bool:
    is_of_somebody = not {"userId", "anonymousId"}.isdisjoint(members)
    is_known = not {"type", "receivedAt"}.isdisjoint(members)
    return is_of_somebody and not is_known and not _TYPES.keys().isdisjoint(members)


def _type_of(payload: bytes) -> str | None:
    try:
        members = read_object(payload)
    except (ValueError, RecursionError):
        return None
    if "type" in members:
        return None
    return next((name for key, name in _TYPES.items() if key in members), None)
