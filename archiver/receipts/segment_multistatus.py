"""Segment's MultiStatus: what an action's `performBatch` answers, one verdict per event.

    {"attempted_at": …, "multistatus": [{"status": 200, "sent": {…}, "body": {…}},
     {"status": 400, "errortype": "PAYLOAD_VALIDATION_FAILED", "errormessage": …, "sent": {…}}],
     "destination": …, "attempt": …, "request_id": …}

One batch a line (or one in the file), written by whoever runs the action, with
`JSON.stringify({attempted_at: new Date(), multistatus: response.getAllResponses()})`. The list may
also be called `responses` or `response`, the time `sent_at` or `timestamp`; verdicts may be wrapped
in `data`, as the SDK's classes print themselves. A line of one verdict with a time is read as a
batch of one.

| status | outcome |
|---|---|
| 2xx | accepted |
| 401, 403, 429, 500, 503 | failed |
| other 4xx, not 408 | rejected |
| 408, 502, 504, others, none | unknown |

A code of the destination's own in `body` (an object, or text that holds one) goes before the
status, where archiver can judge the replies of the destination's type: see `replies`. A body that
several verdicts of a batch share is the reply to all of those, in their order.

Segment repeats only what its error codes call retryable; each repetition is a batch of its own,
and all attempts are kept. The event id is `sent.event_id`, else `sent.messageId`, else
`sent.message_id`; `receipts_columns` names other paths, in the verdict, for it and for event_name
(`sent.event`, `sent.event_name`), event_time, value and currency. `sent` may be an object or text
that holds one; where an error has none, its receipt has no id. `receipts_outcomes` overrides
single statuses or error types, as `{ PAYLOAD_VALIDATION_FAILED = "failed" }`; `receipts_filter`
looks at the line and not at its verdicts.

Source: segmentio/action-destinations, docs on MultiStatus (high for the verdicts; medium for their
printed form). Nothing prescribes the line around them: it is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from archiver.destinations import api_log_reader
from archiver.destinations.base import Verdict
from archiver.destinations.json_text import id_of, repair_unicode, text_of
from archiver.receipts.base import BadRecord, Parsed, Receipt, ReceiptSettings
from archiver.receipts.documents import numbered_documents
from archiver.receipts.ndjson_columns import member
from archiver.receipts.owners import UnclearOwnerError, is_ours
from archiver.receipts.records import (
    ABSENT,
    attempt_value,
    currency_value,
    decode_object,
    text_value,
)
from archiver.receipts.replies import body_verdicts
from archiver.receipts.statuses import hub_outcome, status_of
from archiver.receipts.tabular import column_names
from archiver.values import parse_amount, parse_instant

_LISTS = ("multistatus", "responses", "response")
_TIMES = ("attempted_at", "sent_at", "timestamp")
# Our column to its places in a verdict.
_PATHS: dict[str, tuple[str, ...]] = {
    "event_id": ("sent.event_id", "sent.messageId", "sent.message_id"),
    "event_name": ("sent.event", "sent.event_name"),
    "event_time": ("sent.event_time", "sent.timestamp"),
    "value": ("sent.value", "sent.properties.value", "sent.custom_data.value"),
    "currency": ("sent.currency", "sent.properties.currency", "sent.custom_data.currency"),
}

_Object = dict[str, msgspec.Raw]


class SegmentMultistatus:
    """One batch a record; one receipt per verdict."""

    name = "segment-multistatus"

    def detect(self, first_record: bytes) -> bool:
        """An object with `multistatus`, or with a time and `responses` that have a `status`."""
        if not first_record.startswith(b"{"):
            return False
        names = column_names(first_record)
        if not names:
            return b'"multistatus"' in first_record
        is_told = not names.isdisjoint(_LISTS) and not names.isdisjoint(_TIMES)
        return "multistatus" in names or (is_told and b'"status"' in first_record)

    def read(
        self, lines: Iterator[bytes], settings: ReceiptSettings
    ) -> Iterator[Parsed | BadRecord]:
        """Yield the receipts of each batch, in its order."""
        decoder = msgspec.json.Decoder(_Object)
        reader = _Reader(settings)
        for number, data in numbered_documents(lines):
            decoded = decode_object(decoder, number, data)
            if isinstance(decoded, BadRecord):
                yield decoded
                continue
            try:
                yield reader.batch(number, *decoded, data)
            except RecursionError:
                yield BadRecord(number, "nesting_too_deep", "", data)


class _Reader:
    def __init__(self, settings: ReceiptSettings) -> None:
        self._settings = settings
        self._replies = api_log_reader(settings.destination_type)
        self._outcomes = {word.strip(): outcome for word, outcome in settings.outcomes.items()}

    def batch(self, number: int, batch: _Object, text: str, data: bytes) -> Parsed | BadRecord:
        for key, ours in self._settings.filter.items():
            found = text_value(_at(batch, key))
            if found is None:
                return BadRecord(number, "no_filter_value", "", data)
            if found != ours:
                return Parsed(number, [])
        try:
            if not is_ours(text_value(batch.get("destination", ABSENT)), self._settings):
                return Parsed(number, [])
        except UnclearOwnerError as unclear:
            return BadRecord(number, "other_destination", unclear.detail, data)
        attempted_at = self._time(batch)
        if attempted_at is None:
            return BadRecord(number, "no_attempted_at", f"none of {', '.join(_TIMES)}", data)
        try:
            verdicts = _verdicts(batch)
        except msgspec.DecodeError:
            return BadRecord(number, "bad_document", "it has no list of verdicts", data)
        if not verdicts:
            return BadRecord(number, "no_events", "", data)
        receipts: list[Receipt] = []
        for verdict, said in zip(verdicts, self._said(verdicts), strict=True):
            payload = None if receipts else text
            receipts.append(self._receipt(number, batch, verdict, said, attempted_at, payload))
        return Parsed(number, receipts)

    def _receipt(
        self,
        number: int,
        batch: _Object,
        verdict: _Object,
        said: Verdict | None,
        attempted_at: datetime,
        payload: str | None,
    ) -> Receipt:
        outcome, code, message = self._judged(verdict, said)
        sent = _inner(verdict.get("sent", ABSENT))
        fields = {**verdict, "sent": sent}
        event_time = text_value(self._field(fields, "event_time"))
        value = text_value(self._field(fields, "value"))
        return Receipt(
            id_of(bytes(self._field(fields, "event_id"))),
            id_of(bytes(self._field(fields, "event_name"))),
            None if event_time is None else parse_instant(event_time),
            outcome,
            code,
            message,
            attempted_at,
            text_value(batch.get("request_id", ABSENT)),
            attempt_value(text_value(batch.get("attempt", ABSENT))),
            None if value is None else parse_amount(value),
            currency_value(text_value(self._field(fields, "currency"))),
            number,
            payload,
        )

    def _said(self, verdicts: list[_Object]) -> list[Verdict | None]:
        """What the body of each verdict says; None where the status decides."""
        if self._replies is None:
            return [None] * len(verdicts)
        bodies = [bytes(verdict.get("body", ABSENT)) for verdict in verdicts]
        shares, places = Counter(bodies), Counter[bytes]()
        judged: dict[tuple[int | None, bytes], tuple[Verdict, ...] | None] = {}
        found: list[Verdict | None] = []
        for verdict, body in zip(verdicts, bodies, strict=True):
            key = _status(verdict), body
            if key not in judged:
                judged[key] = body_verdicts(self._replies, *key, shares[body])
            said = judged[key]
            found.append(None if said is None else said[places[body]])
            places[body] += 1
        return found

    def _judged(self, verdict: _Object, said: Verdict | None) -> tuple[str, str, str | None]:
        """Outcome, code and message of one verdict."""
        status = _status(verdict)
        kind = text_value(verdict.get("errortype", ABSENT))
        message = text_value(verdict.get("errormessage", ABSENT))
        code = kind or ("no_status" if status is None else str(status))
        for word in (kind, str(status)):
            if word in self._outcomes:
                return self._outcomes[word], code, message
        if said is not None:
            return said.outcome, said.code or code, said.message or message
        if status is not None and 200 <= status < 300:
            return "accepted", code, message
        return hub_outcome(status, is_final=True), code, message

    def _time(self, batch: _Object) -> datetime | None:
        named = self._settings.columns.get("attempted_at")
        found = (text_value(_at(batch, name)) for name in (_TIMES if named is None else (named,)))
        return next((instant for text in found if (instant := parse_instant(text))), None)

    def _field(self, fields: _Object, column: str) -> msgspec.Raw:
        named = self._settings.columns.get(column)
        for path in _PATHS[column] if named is None else (named,):
            raw = _at(fields, path)
            if raw != ABSENT:
                return raw
        return ABSENT


def _verdicts(batch: _Object) -> list[_Object]:
    """The verdicts of a batch, each unwrapped; an index without one is an empty verdict."""
    for key in _LISTS:
        if key in batch:
            listed = _inner(batch[key])
            if bytes(listed)[:1] == b"{":
                # The SDK's response object prints itself with its list inside.
                listed = member(listed, ["responses"])
            found = msgspec.json.decode(listed, type=list[_Object | None])
            return [_unwrapped(verdict or {}) for verdict in found]
    if "status" in batch:
        return [batch]
    raise msgspec.DecodeError("no list of verdicts")


def _status(verdict: _Object) -> int | None:
    return status_of(text_value(verdict.get("status", ABSENT)))


def _unwrapped(verdict: _Object) -> _Object:
    if "status" in verdict or "data" not in verdict:
        return verdict
    try:
        return msgspec.json.decode(verdict["data"], type=_Object)
    except msgspec.DecodeError:
        return verdict


def _inner(raw: msgspec.Raw) -> msgspec.Raw:
    """An object or a list, also where text holds it; else as it is."""
    if bytes(raw)[:1] != b'"':
        return raw
    inner = repair_unicode(text_of(bytes(raw)).strip().encode())
    try:
        value: Any = msgspec.json.decode(inner)
    except (msgspec.DecodeError, RecursionError):
        return raw
    return msgspec.Raw(inner) if isinstance(value, dict | list) else raw


def _at(fields: _Object, path: str) -> msgspec.Raw:
    first, *rest = path.split(".")
    return member(fields.get(first, ABSENT), rest)
