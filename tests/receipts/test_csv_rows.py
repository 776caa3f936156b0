"""CSV quoting, and how little one bad row costs."""

from __future__ import annotations

import io
import time

import pytest

from archiver.receipts import BadRecord, Parsed, ReceiptSettings
from archiver.receipts.generic import GenericCsv

HEADER = b"event_id,outcome,attempted_at,message\n"
AT = b"2026-01-15"


def read(body: bytes) -> list[tuple[bytes | None, str]]:
    """Each record's bytes and its message, or the reason why it is bad."""
    settings = ReceiptSettings("tiktok", "tiktok-events")
    found = []
    for record in GenericCsv().read(io.BytesIO(HEADER + body), settings):
        if isinstance(record, BadRecord):
            found.append((record.data, record.reason))
        else:
            (receipt,) = record.receipts
            assert receipt.payload is not None
            found.append((receipt.payload.encode(), receipt.message or ""))
    return found


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (b"plain", "plain"),
        (b'"quoted"', "quoted"),
        (b'"a, b"', "a, b"),
        (b'"say ""hi"""', 'say "hi"'),
        (b'5" pipe', '5" pipe'),
        (b'"two\nlines"', "two\nlines"),
        (b'"two\r\n\r\nlines, ""quoted"""', 'two\r\n\r\nlines, "quoted"'),
        (b"a\x00b", "a\x00b"),
        ('"日本\n語"'.encode(), "日本\n語"),
    ],
)
def test_cells_are_quoted_as_in_rfc_4180(cell: bytes, message: str) -> None:
    row = b"a,accepted," + AT + b"," + cell
    for end in (b"\n", b"\r\n"):
        assert read(row + end + row) == [(row, message), (row, message)]


GOOD = b"g,accepted," + AT + b",fine"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a,accepted," + AT, "ragged_row"),
        (b"a,accepted," + AT + b",b,c", "ragged_row"),
        (b'a,accepted,"' + AT + b'"', "ragged_row"),
        (b"one word", "ragged_row"),
        (b"a,accepted," + AT + b",x\ry", "malformed_row"),
        (b"a,accepted," + AT + b',"x" y', "malformed_row"),
        (b"a,accepted," + AT + b',"never closed', "malformed_row"),
        (b'"a,accepted,', "malformed_row"),
        (b"a,accepted," + AT + b",\xff", "invalid_utf8"),
        (b"a,accepted," + AT + b',"\xff"', "invalid_utf8"),
        (b"a,accepted," + AT + b',"x\n\xff"', "invalid_utf8"),
        (b"a,maybe," + AT + b",x", "unknown_outcome"),
    ],
)
def test_a_bad_row_harms_no_other(row: bytes, reason: str) -> None:
    good = (GOOD, "fine")
    assert read(GOOD + b"\n" + row + b"\r\n" + GOOD + b"\n" + GOOD) == [
        good,
        (row, reason),
        good,
        good,
    ]


def test_a_stray_quote_does_not_swallow_the_rows_up_to_the_next_quote() -> None:
    stray = b"a,accepted," + AT + b',"oops'
    quoted = b"q,accepted," + AT + b',"x, y"'
    rows = [stray, GOOD, GOOD, quoted, GOOD]
    assert [data for data, _ in read(b"\n".join(rows))] == rows
    assert read(b"\n".join(rows))[0] == (stray, "malformed_row")


def test_a_stray_quote_does_not_swallow_the_rows_up_to_a_cell_that_closes_it() -> None:
    rows = [b"a,accepted," + AT + b',"oops', GOOD, b'x",y', GOOD]
    assert read(b"\n".join(rows)) == [
        (rows[0], "malformed_row"),
        (GOOD, "fine"),
        (rows[2], "ragged_row"),
        (GOOD, "fine"),
    ]


def test_a_cell_may_be_as_long_as_a_record() -> None:
    long = b"x" * (15 << 20)
    ((_, message),) = read(b"a,accepted," + AT + b',"' + long + b'"\n')
    assert message == long.decode()


def test_an_open_quote_reads_ahead_by_one_record_at_most() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        yield HEADER
        yield b"a,accepted," + AT + b',"open\n'
        while True:
            taken += 1
            yield b"x" * (1 << 20) + b"\n"

    first = next(GenericCsv().read(endless(), ReceiptSettings("t", "tiktok-events")))  # type: ignore[arg-type]
    assert isinstance(first, BadRecord)
    assert taken <= 17


def test_many_stray_quotes_cost_no_more_than_their_lines() -> None:
    started = time.process_time()
    rows = read(b'"x\n' * 20_000)
    assert len(rows) == 20_000
    assert time.process_time() - started < 5


def test_records_are_the_rows_after_the_header() -> None:
    settings = ReceiptSettings("tiktok", "tiktok-events")
    feed = [HEADER, b"\n", GOOD + b"\n", b"  \n", b"bad\n", GOOD]
    records = list(GenericCsv().read(iter(feed), settings))
    assert [r.record_number for r in records] == [0, 1, 2]
    assert isinstance(records[2], Parsed)
    assert records[2].receipts[0].record_number == 2
