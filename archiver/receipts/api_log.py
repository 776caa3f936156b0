"""The direct API log: one line per request to a destination, one receipt per event in it.

    {"sent_at": …, "destination": …, "http_status": …, "request_body": …, "response_body": …,
     "attempt": …}

Bodies are objects, or strings that hold the body's text; a missing or null `response_body` means
that no reply came. What a reply says about each event is judged by the destination.

One log may hold the requests of several destinations: `destination` has the name that one has in
the configuration, or its type, if no other has it, without regard to case; without it the request
is this destination's. A request to another configured destination holds no receipt here, since
that one imports the same file itself; a name that no configured destination has is a bad record,
and so is a type that several have.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from archiver.destinations import api_log_reader
from archiver.destinations.base import ApiLogReader, RequestItem, Verdict
from archiver.destinations.json_text import text_of
from archiver.receipts.base import (
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.owners import UnclearOwnerError, is_ours
from archiver.receipts.records import (
    ABSENT,
    attempt_value,
    currency_value,
    decode_object,
    numbered,
    text_value,
)
from archiver.values import parse_instant


class Request(msgspec.Struct, gc=False):
    """One line of the log, as it is written."""

    sent_at: msgspec.Raw = ABSENT
    destination: msgspec.Raw = ABSENT
    http_status: msgspec.Raw = ABSENT
    request_body: msgspec.Raw = ABSENT
    response_body: msgspec.Raw = ABSENT
    attempt: msgspec.Raw = ABSENT


class RefusedError(Exception):
    """Why a record goes to quarantine."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class ApiLog:
    """One JSON object per request."""

    name = "api-log"
    request_type: type[Request] = Request

    def detect(self, first_record: bytes) -> bool:
        """An object with a `request_body`, or a broken one that shows that key."""
        if not first_record.startswith(b"{"):
            return False
        try:
            return "request_body" in msgspec.json.decode(first_record, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            return b'"request_body"' in first_record

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield one receipt per event of each request, by position.

        Raises:
            UnreadableReceiptsError: the destination's type has nothing that judges replies.
        """
        own = api_log_reader(settings.destination_type)
        decoder = msgspec.json.Decoder(self.request_type)
        for number, data in numbered(lines):
            decoded = decode_object(decoder, number, data)
            if isinstance(decoded, BadRecord):
                yield decoded
                continue
            request, text = decoded
            try:
                ours = is_ours(text_value(request.destination), settings)
                reader = self.reader(request, own, settings)
                receipts = self._receipts(request, reader, settings, number, text) if ours else []
            except UnclearOwnerError as unclear:
                yield BadRecord(number, "other_destination", unclear.detail, data)
            except RefusedError as refused:
                yield BadRecord(number, refused.reason, refused.detail, data)
            except RecursionError:
                yield BadRecord(number, "nesting_too_deep", "", data)
            else:
                yield Parsed(number, receipts)

    def reader(
        self, request: Request, own: ApiLogReader | None, settings: ReceiptSettings
    ) -> ApiLogReader:
        """What judges a line's reply: the destination's type, `own`."""
        if own is None:
            raise UnreadableReceiptsError(
                f"it is an API log, and destinations of type {settings.destination_type} have no "
                "reader for theirs",
                "bring the outcomes in a generic feed, or in a format of RudderStack or Segment: "
                "see receipts_format",
            )
        return own

    def items(
        self, request: Request, items: list[RequestItem], settings: ReceiptSettings
    ) -> list[RequestItem]:
        """The events of a line, as its body names them."""
        return items

    def _receipts(
        self,
        request: Request,
        reader: ApiLogReader,
        settings: ReceiptSettings,
        number: int,
        text: str,
    ) -> list[Receipt]:
        sent_at = parse_instant(text_value(request.sent_at))
        if sent_at is None:
            raise RefusedError("no_attempted_at", "sent_at is absent or not a time")
        body = _body(request.request_body)
        if body is None:
            raise RefusedError("bad_request_body", "absent")
        try:
            items = self.items(request, reader.request_items(body), settings)
        except ValueError as error:
            raise RefusedError("bad_request_body", str(error)[:200]) from None
        if not items:
            raise RefusedError("no_events")
        reply = reader.judge(_status(request.http_status), _body(request.response_body), len(items))
        attempt = attempt_value(text_value(request.attempt))
        receipts: list[Receipt] = []
        for item, judged in zip(items, reply.verdicts, strict=True):
            rehearsal = item.rehearsal
            verdict = Verdict("failed", rehearsal, judged.message) if rehearsal else judged
            receipts.append(
                Receipt(
                    item.event_id,
                    item.event_name,
                    item.event_time,
                    verdict.outcome,
                    verdict.code,
                    verdict.message,
                    sent_at,
                    reply.request_id,
                    attempt,
                    item.value,
                    currency_value(item.currency),
                    number,
                    None if receipts else text,
                )
            )
        return receipts


def _body(raw: msgspec.Raw) -> bytes | None:
    """A logged body as it was sent: the text of a string, anything else as it is written."""
    data = bytes(raw)
    if data[:1] == b'"':
        return text_of(data).encode()
    return None if data == b"null" else data


def _status(raw: msgspec.Raw) -> int | None:
    """The HTTP status; None where there was none, as when 0 or a word stands in its place."""
    text = (text_value(raw) or "").strip()
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else None
