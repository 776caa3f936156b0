"""Events as JSON objects one after the other, each over several lines, or several on one."""

from __future__ import annotations

from archiver.inbound.frames import Framing
from archiver.inbound.framing import framing_of
from archiver.inbound.json_format import JsonFormat
from archiver.inbound.objects import frame_objects


class ConcatenatedJson(JsonFormat):
    """Objects delimited by their own braces."""

    name = "concatenated-json"
    about = "JSON objects one after the other, pretty-printed or without line ends"
    detected_by = "the first object does not end with its line"

    def detect(self, head: bytes) -> bool:
        """Whether the first object ends elsewhere than at the end of its line."""
        return framing_of(head) is frame_objects

    def framing(self, head: bytes) -> Framing:
        """Objects."""
        return frame_objects
