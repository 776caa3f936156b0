"""One JSON object a line."""

from __future__ import annotations

from archiver.inbound.frames import Framing
from archiver.inbound.json_format import JsonFormat
from archiver.inbound.lines import frame_lines


class Ndjson(JsonFormat):
    """Lines ended by LF, CRLF or CR. Anything at all can be read as lines."""

    name = "ndjson"
    about = "one JSON object a line"
    detected_by = "anything else"

    def detect(self, head: bytes) -> bool:
        """What no other format takes."""
        return True

    def framing(self, head: bytes) -> Framing:
        """Lines."""
        return frame_lines
