"""Generic feeds: NDJSON and CSV with a column map and an outcomes map."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from archiver.receipts import (
    BadRecord,
    Parsed,
    Receipt,
    ReceiptSettings,
    UnreadableReceiptsError,
    choose,
)

AT = "2026-01-15T11:52:00Z"
ATTEMPTED_AT = datetime(2026, 1, 15, 11, 52, tzinfo=UTC)
HEADER = "event_id,outcome,attempted_at,value,message\n"


def read(
    data: str | bytes,
    columns: dict[str, str] | None = None,
    outcomes: dict[str, str] | None = None,
    forced: str | None = None,
) -> list[Parsed | BadRecord]:
    data = data.encode() if isinstance(data, str) else data
    settings = ReceiptSettings("tiktok", "tiktok-events", columns or {}, outcomes or {})
    return list(choose(data, forced).read(io.BytesIO(data), settings))


def receipts(data: str | bytes, **maps: Any) -> list[Receipt]:
    records = read(data, **maps)
    assert all(isinstance(r, Parsed) for r in records), records
    return [receipt for r in records if isinstance(r, Parsed) for receipt in r.receipts]


def bad(data: str | bytes, **maps: Any) -> list[tuple[int, str, bytes]]:
    records = read(data, **maps)
    return [(r.record_number, r.reason, r.data) for r in records if isinstance(r, BadRecord)]


def ndjson(**members: Any) -> str:
    return json.dumps({"event_id": "a", "outcome": "accepted", "attempted_at": AT, **members})


FULL = Receipt(
    event_id="m-1",
    event_name="Purchase",
    event_time=datetime(2026, 1, 15, 11, 50, tzinfo=UTC),
    outcome="rejected",
    code="40002",
    message="bad phone",
    attempted_at=ATTEMPTED_AT,
    request_id="r-1",
    attempt=2,
    value=Decimal("1299"),
    currency="USD",
    record_number=0,
    payload="",
)
FULL_MEMBERS = {
    "event_id": "m-1",
    "event_name": "Purchase",
    "event_time": 1768477800,
    "outcome": "Rejected",
    "code": 40002,
    "message": "bad phone",
    "attempted_at": AT,
    "request_id": "r-1",
    "attempt": 2,
    "value": "1,299.00",
    "currency": " usd ",
}


def with_payload(payload: str) -> Receipt:
    return Receipt(**{f: getattr(FULL, f) for f in FULL.__struct_fields__} | {"payload": payload})


def test_ndjson_columns_have_our_names_by_default() -> None:
    text = json.dumps({**FULL_MEMBERS, "more": {"is": "ignored"}})
    assert receipts(text + "\n") == [with_payload(text)]


def test_csv_columns_have_our_names_by_default() -> None:
    row = ",".join(f'"{v}"' if "," in str(v) else str(v) for v in FULL_MEMBERS.values())
    assert receipts(",".join(FULL_MEMBERS) + "\r\n" + row + "\r\n") == [with_payload(row)]


def test_a_map_names_the_feed_s_columns_and_words() -> None:
    columns = {"event_id": "row_id", "outcome": "status", "attempted_at": "synced at"}
    words = {"succeeded": "accepted", "Aborted": "rejected"}
    feed = f"row_id,status,synced at\na,Succeeded,{AT}\nb, aborted,{AT}\n"
    found = receipts(feed, columns=columns, outcomes=words)
    assert [(r.event_id, r.outcome) for r in found] == [("a", "accepted"), ("b", "rejected")]


def test_our_own_words_count_only_without_a_map() -> None:
    line = ndjson(outcome="rejected")
    assert receipts(line.replace("rejected", "REJECTED"))[0].outcome == "rejected"
    assert bad(line, outcomes={"ok": "accepted"}) == [(0, "unknown_outcome", line.encode())]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sent-ok_2.1 x", "'sent-ok_2.1 x'; known: accepted"),
        ("anna@example.com", "(not shown); known: accepted"),
        ("+49 151", "(not shown); known: accepted"),
        (4915112345678, "(not shown); known: accepted"),
        ("Anna Example, 12 Long Street", "(not shown); known: accepted"),
    ],
)
def test_a_strange_word_is_shown_only_where_it_looks_like_one(word: Any, told: str) -> None:
    (record,) = read(ndjson(outcome=word))
    assert isinstance(record, BadRecord)
    assert record.reason == "unknown_outcome"
    assert record.detail.startswith(told)


@pytest.mark.parametrize(("value", "word"), [(True, "true"), (200, "200"), (1.0, "1.0")])
def test_outcomes_may_be_any_json_value(value: Any, word: str) -> None:
    line = ndjson(outcome=value)
    assert receipts(line, outcomes={word: "accepted"})[0].outcome == "accepted"


def test_ndjson_columns_may_be_paths() -> None:
    line = json.dumps(
        {
            "meta": {"at": AT, "ids": {"event": 17}},
            "result": {"status": "failed", "error": {"code": 5, "text": None}},
            "result.status": "accepted",
        }
    )
    columns = {
        "event_id": "meta.ids.event",
        "attempted_at": "meta.at",
        "outcome": "result.status",  # a key written like the path wins
        "code": "result.error.code",
        "message": "result.error.text",
        "request_id": "meta.at.no_object",
        "currency": "nowhere.at.all",
    }
    # A boolean among the values takes the slower way, with the same result.
    for feed in (line, line.replace("17", "17.0").replace('"code": 5', '"code": true')):
        (found,) = receipts(feed, columns=columns)
        assert (found.event_id in ("17", "17.0"), found.code in ("5", "true")) == (True, True)
        assert (found.outcome, found.attempted_at) == ("accepted", ATTEMPTED_AT)
        assert (found.message, found.request_id, found.currency) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "event_id"),
    [
        ('"a"', "a"),
        ("17", "17"),
        ("-0", "-0"),
        ("1.10", "1.10"),
        ("1e2", "1e2"),
        ("18446744073709551617", "18446744073709551617"),
        ("9" * 5000, "9" * 5000),
        (r'"A"', "A"),
        ('""', None),
        ("null", None),
        ("true", None),
        ("{}", None),
        ('["a"]', None),
    ],
)
def test_an_event_id_is_a_text_or_a_number_as_it_is_written(
    written: str, event_id: str | None
) -> None:
    line = ndjson(event_id="?").replace('"?"', written)
    assert receipts(line)[0].event_id == event_id
    nested = line.replace(written, f'{{"id": {written}}}', 1)
    assert receipts(nested, columns={"event_id": "event_id.id"})[0].event_id == event_id


def test_a_message_may_be_an_object() -> None:
    line = ndjson(message="?", code=1.50).replace('"?"', '{"text": [1, 2.0]}')
    assert receipts(line)[0].message == '{"text": [1, 2.0]}'


@pytest.mark.parametrize(
    ("value", "amount"),
    [("39.95", "39.95"), ("-5", "-5"), ("1e2", "100"), ("0.1", "0.1"), ('"1,299.00"', "1299")],
)
def test_amounts_are_exact(value: str, amount: str) -> None:
    line = ndjson(value="?").replace('"?"', value)
    assert receipts(line)[0].value == Decimal(amount)


FILTERED = ReceiptSettings("tiktok", "tiktok-events", filter={"to.id": "2abc", "live": "true"})


def test_a_filter_leaves_records_of_other_destinations_aside() -> None:
    lines = [
        ndjson(to={"id": "2abc"}, live=True),
        ndjson(to={"id": "2xyz"}, live=True, outcome="no word of ours"),
        ndjson(to={"id": "2abc"}, live=False),
        ndjson(to={"id": "2abc"}),
        ndjson(live=True, to=None),
    ]
    data = "\n".join(lines).encode()
    found = list(choose(data, "generic-ndjson").read(io.BytesIO(data), FILTERED))
    assert [len(r.receipts) if isinstance(r, Parsed) else r.reason for r in found] == [
        1,
        0,
        0,
        "no_filter_value",
        "no_filter_value",
    ]


def test_a_filter_s_column_must_be_in_the_header() -> None:
    with pytest.raises(UnreadableReceiptsError, match=r"no column 'to\.id' for receipts_filter"):
        list(choose(HEADER.encode()).read(io.BytesIO(HEADER.encode()), FILTERED))
    known = ReceiptSettings("tiktok", "tiktok-events", filter={"message": "ours"})
    data = (HEADER + f"a,accepted,{AT},,ours\nb,accepted,{AT},,theirs\n").encode()
    found = list(choose(data).read(io.BytesIO(data), known))
    assert [len(r.receipts) for r in found if isinstance(r, Parsed)] == [1, 0]


def test_what_is_unreadable_but_not_needed_is_none() -> None:
    (found,) = receipts(ndjson(value="free", event_time="soon", attempt="first", currency=" "))
    assert (found.value, found.event_time, found.attempt, found.currency) == (None,) * 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ndjson(attempted_at=None), "no_attempted_at"),
        (ndjson(attempted_at="soon"), "no_attempted_at"),
        (ndjson(attempted_at=True), "no_attempted_at"),
        (ndjson(outcome=None), "no_outcome"),
        (ndjson(outcome=""), "no_outcome"),
        (ndjson(outcome="maybe"), "unknown_outcome"),
        (ndjson(value=float("nan")), "invalid_json"),
        (ndjson() + "}", "invalid_json"),
        ('{"event_id": 01}', "invalid_json"),
    ],
)
def test_what_cannot_be_a_receipt_is_quarantined_whole(line: str, reason: str) -> None:
    assert bad(line + "\r\n") == [(0, reason, line.encode())]


def test_bad_lines_among_good_ones() -> None:
    deep = b'{"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    lines = [ndjson().encode(), b"\xff{}", b"[]", b'"a"', deep, b"null", ndjson().encode()]
    assert bad(b"\n".join(lines)) == [
        (1, "invalid_utf8", lines[1]),
        (2, "not_an_object", lines[2]),
        (3, "not_an_object", lines[3]),
        (4, "nesting_too_deep", deep),
        (5, "not_an_object", lines[5]),
    ]


def test_half_a_surrogate_pair_and_a_byte_order_mark_are_kept() -> None:
    line = "\ufeff" + ndjson(message="cut \ud83d", event_id="a")
    (found,) = receipts(line)
    assert (found.payload, found.message) == (line, "cut \ufffd")


def test_empty_cells_are_none() -> None:
    found = receipts(HEADER + f'a,accepted,{AT},,""\n')
    assert [(r.value, r.message) for r in found] == [(None, None)]
    assert bad(HEADER + "a,accepted,,,\nb,,2026-01-15,,\n") == [
        (0, "no_attempted_at", b"a,accepted,,,"),
        (1, "no_outcome", b"b,,2026-01-15,,"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_comes_in_dialects(delimiter: str, start: bytes, end: str) -> None:
    rows = ["event_id,outcome,attempted_at", f"é,accepted,{AT}", f'"f",accepted,"{AT}"']
    feed = start + end.join(rows).replace(",", delimiter).encode()
    found = receipts(feed)
    assert [r.event_id for r in found] == ["é", "f"]
    assert [r.payload for r in found] == [row.replace(",", delimiter) for row in rows[1:]]


def test_csv_without_its_needed_columns_is_refused_whole() -> None:
    with pytest.raises(UnreadableReceiptsError, match="no column 'outcome' for outcome") as refused:
        read("event_id,attempted_at,status\na,2026-01-15,ok\n")
    assert "its columns: event_id, attempted_at, status" in refused.value.hint
    with pytest.raises(UnreadableReceiptsError) as refused:
        read("jane@example.com,Jane Doe,2026-01-15\n")
    assert "jane" not in str(refused.value).lower(), "a row is no header, and personal"
    with pytest.raises(UnreadableReceiptsError, match="no column 'amount' for value"):
        read(HEADER, columns={"value": "amount"})
    with pytest.raises(UnreadableReceiptsError, match="2 columns 'outcome'"):
        read("event_id,outcome,attempted_at,outcome\n")
    with pytest.raises(UnreadableReceiptsError, match="header is no CSV"):
        read('event_id,"outcome,attempted_at\n')


@pytest.mark.parametrize("name", ["generic-csv", "generic-ndjson", "api-log"])
def test_an_empty_file_has_no_records(name: str) -> None:
    assert read(b"", forced=name) == read(b"\r\n \n", forced=name) == []


def test_settings_refuse_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'id' is no receipt column; known: event_id, "):
        ReceiptSettings("tiktok", "tiktok-events", columns={"id": "x"})
    with pytest.raises(ValueError, match="'ok' stands for 'good', which is no outcome"):
        ReceiptSettings("tiktok", "tiktok-events", outcomes={"ok": "good"})
