"""The log of `archiver upload`: an API log that says for which backfill, and which events.

Beside the keys of an API log, each line has `archiver_upload`, the backfill's id; `type`, whose
reply it is: the destination's, or the hub's that sends the events again; and `event_ids` and
`event_names`, by position, for bodies that hold neither (GA4), or others (a hub's).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from archiver.destinations import ROUTES, api_log_reader
from archiver.destinations.base import ApiLogReader, RequestItem
from archiver.receipts.api_log import ApiLog, RefusedError, Request
from archiver.receipts.base import ReceiptSettings
from archiver.receipts.records import shown


class _UploadRequest(Request, gc=False):
    type: Any = None
    event_ids: Any = None
    event_names: Any = None


class UploadLog(ApiLog):
    """One JSON object per request of an upload."""

    name = "upload-log"
    request_type = _UploadRequest

    def detect(self, first_record: bytes) -> bool:
        """An object with an `archiver_upload`, or a broken one that shows that key."""
        if not first_record.startswith(b"{"):
            return False
        try:
            record = msgspec.json.decode(first_record, type=dict[str, msgspec.Raw])
            return "archiver_upload" in record
        except (msgspec.DecodeError, RecursionError):
            return b'"archiver_upload"' in first_record

    def reader(
        self, request: Request, own: ApiLogReader | None, settings: ReceiptSettings
    ) -> ApiLogReader:
        """What judges a line's reply: its own type, else the destination's."""
        assert isinstance(request, _UploadRequest)
        if request.type in (None, settings.destination_type):
            return super().reader(request, own, settings)
        name = str(request.type)
        reader: ApiLogReader | None = next((hub for hub in ROUTES if hub.type == name), None)
        try:
            reader = reader or api_log_reader(name)
        except ValueError:
            reader = None
        if reader is None:
            detail = f"nothing judges replies of type {shown(name)}"
            raise RefusedError("bad_request_body", detail)
        return reader

    def items(
        self, request: Request, items: list[RequestItem], settings: ReceiptSettings
    ) -> list[RequestItem]:
        """The events of a line, with the ids and names that its body lacks.

        A hub's body has names of its own, so that the line's hold.
        """
        assert isinstance(request, _UploadRequest)
        ids, names = _texts(request.event_ids), _texts(request.event_names)
        if not len(items) == len(ids) == len(names):
            return items
        is_own = request.type in (None, settings.destination_type)
        return [
            replace(
                item,
                event_id=(is_own and item.event_id) or event_id,
                event_name=(is_own and item.event_name) or name,
            )
            for item, event_id, name in zip(items, ids, names, strict=True)
        ]


def _texts(value: Any) -> list[str]:
    """A list of texts; empty for anything else."""
    is_list = isinstance(value, list) and all(isinstance(text, str) for text in value)
    return value if is_list else []
