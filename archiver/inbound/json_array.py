"""Events as elements of a JSON array."""

from __future__ import annotations

from archiver.inbound.arrays import frame_arrays
from archiver.inbound.frames import Framing
from archiver.inbound.framing import framing_of
from archiver.inbound.json_format import JsonFormat


class JsonArray(JsonFormat):
    """One array, or several one after the other, on lines of their own or not."""

    name = "json-array"
    about = "a JSON array of events, or several one after the other"
    detected_by = "begins with an array"

    def detect(self, head: bytes) -> bool:
        """Whether the file begins with an array."""
        return framing_of(head) is frame_arrays

    def framing(self, head: bytes) -> Framing:
        """Elements."""
        return frame_arrays
