"""RudderStack's failed records: what a reverse-ETL job run could not deliver, as its API says.

    {"id": …, "tasks": [{"id": …, "sources": [{"id": …, "records": [{"record": …, "code": 400}],
     "destinations": [{"id": …, "records": [{"record": …, "code": 500}]}]}]}], "paging": …}

One body a line, or one in the file. The API gives no time: write the time of the call beside it as
`fetched_at` (`curl … | jq '. + {fetched_at: (now | todate)}'`), or name the field that has it in
`receipts_columns = { attempted_at = "…" }`, a path in the record or else in the document.

`record` is the id of a row, text or number; it becomes the event id, so the destination's
`match_keys` must look there. Records at a source failed before the destinations and are about all
of them. `receipts_filter = { destination_id = "…" }` says whose others are ours; without it a body
that names several destinations is quarantined. `code` is an HTTP status and decides as it does for
an aborted job: 401, 403, 429, 500 and 503 failed, other 4xx (not 408) rejected, all else unknown;
`receipts_outcomes = { 500 = "unknown" }` overrides single codes. Only failures are listed: set
`reports = "failures"`.

Source: rudder-server, services/rsources/rsources.go, the types JobFailedRecords and FailedRecord,
with a bare `record` in version 1 (high); the meaning of `code` (medium).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.destinations.json_text import id_of
from archiver.receipts.base import (
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
    UnreadableReceiptsError,
)
from archiver.receipts.documents import numbered_documents
from archiver.receipts.ndjson_columns import member
from archiver.receipts.records import ABSENT, decode_object, text_value
from archiver.receipts.statuses import hub_outcome, status_of
from archiver.receipts.tabular import column_names
from archiver.values import parse_instant

_TIMES = ("failed_at", "fetched_at")
_FILTERED = "destination_id"
_HINT = 'the API gives no time: add "fetched_at" beside "tasks", or map attempted_at'

_Object = dict[str, msgspec.Raw]


class _Destination(msgspec.Struct):
    id: msgspec.Raw = ABSENT
    records: list[msgspec.Raw] | None = None


class _Source(msgspec.Struct):
    records: list[msgspec.Raw] | None = None
    destinations: list[_Destination] | None = None


class _Task(msgspec.Struct):
    sources: list[_Source] | None = None


class RudderstackFailedRecords:
    """One API body a record; one receipt per failed record in it that is ours."""

    name = "rudderstack-failed-records"

    def detect(self, first_record: bytes) -> bool:
        """An object with `tasks`, whole or broken off by a line end."""
        if not first_record.startswith(b"{"):
            return False
        names = column_names(first_record)
        return "tasks" in names or (not names and b'"tasks"' in first_record)

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield the receipts of each body.

        Raises:
            UnreadableReceiptsError: the filter looks at anything but destination_id.
        """
        for key in settings.filter:
            if key != _FILTERED:
                raise UnreadableReceiptsError(
                    f"receipts_filter has {key!r}, and {self.name} can be filtered by "
                    f"{_FILTERED} only",
                    "take it out, or import these files for a destination of their own",
                )
        decoder = msgspec.json.Decoder(_Object)
        for number, data in numbered_documents(lines):
            decoded = decode_object(decoder, number, data)
            if isinstance(decoded, BadRecord):
                yield decoded
                continue
            document, text = decoded
            try:
                tasks = msgspec.json.decode(document.get("tasks", ABSENT), type=list[_Task])
                failed = _ours(tasks, settings.filter.get(_FILTERED))
            except (msgspec.DecodeError, RecursionError):
                yield BadRecord(number, "bad_document", "tasks is not what the API returns", data)
                continue
            if failed is None:
                detail = "several destinations: set receipts_filter.destination_id"
                yield BadRecord(number, "other_destination", detail, data)
                continue
            yield _parsed(number, document, failed, settings, text, data)


def _ours(tasks: list[_Task], wanted: str | None) -> list[msgspec.Raw] | None:
    """The records that are about our destination; None where that cannot be told."""
    sources = [source for task in tasks for source in task.sources or ()]
    destinations = [place for source in sources for place in source.destinations or ()]
    ids = {id_of(bytes(place.id)) for place in destinations}
    if wanted is None and len(ids) > 1:
        return None
    failed = [record for source in sources for record in source.records or ()]
    for place in destinations:
        if wanted is None or id_of(bytes(place.id)) == wanted:
            failed += place.records or ()
    return failed


def _parsed(
    number: int,
    document: _Object,
    failed: list[msgspec.Raw],
    settings: ReceiptSettings,
    text: str,
    data: bytes,
) -> Parsed | BadRecord:
    receipts: list[Receipt] = []
    for raw in failed:
        fields = _fields(raw)
        attempted_at = _time(fields, document, settings.columns)
        if attempted_at is None:
            return BadRecord(number, "no_attempted_at", _HINT, data)
        code = text_value(fields.get("code", ABSENT))
        outcome = settings.outcomes.get(code or "")
        receipts.append(
            Receipt(
                id_of(bytes(fields.get("record", ABSENT))),
                None,
                None,
                outcome or hub_outcome(status_of(code), is_final=True),
                code,
                None,
                attempted_at,
                None,
                None,
                None,
                None,
                number,
                None if receipts else text,
            )
        )
    return Parsed(number, receipts)


def _fields(raw: msgspec.Raw) -> _Object:
    """A failed record's fields; in version 1 of the API it is the bare id."""
    if bytes(raw)[:1] == b"{":
        fields: _Object = msgspec.json.decode(raw, type=_Object)
        if "record" in fields:
            return fields
    return {"record": raw}


def _time(fields: _Object, document: _Object, columns: Mapping[str, str]) -> datetime | None:
    named = columns.get("attempted_at")
    for name in _TIMES if named is None else (named,):
        first, *rest = name.split(".")
        for place in (fields, document):
            found: Any = member(place.get(first, ABSENT), rest)
            instant = parse_instant(text_value(found))
            if instant is not None:
                return instant
    return None
