"""One JSON object a line."""

from __future__ import annotations

from archiver.inbound.frames import Framing
from archiver.inbound.framing import framing_of
from archiver.inbound.json_format import JsonFormat, RecognisedFormat
from archiver.inbound.lines import frame_lines


class LineFormat(RecognisedFormat):
    """A hub's events on lines ended by LF, CRLF or CR."""

    def detect(self, head: bytes) -> bool:
        """Whether the file has lines, and one of the first objects is of this format."""
        return framing_of(head) is frame_lines and super().detect(head)

    def framing(self, head: bytes) -> Framing:
        """Lines."""
        return frame_lines


class Ndjson(JsonFormat):
    """Anything at all can be read as lines."""

    name = "ndjson"
    about = "one JSON object a line"
    detected_by = "anything else"

    def detect(self, head: bytes) -> bool:
        """What no other format takes."""
        return True

    def framing(self, head: bytes) -> Framing:
        """Lines."""
        return frame_lines
