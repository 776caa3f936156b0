"""Rows of Parquet as JSON: exact, the same everywhere, and refused whole where the file is not."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feeds import parquet, receipts_in

from archiver.receipts import ReceiptSettings, UnreadableReceiptsError, choose_by_columns
from archiver.receipts.parquet_rows import json_rows

AT = datetime(2026, 1, 15, 11, 52, 0, 123456, tzinfo=UTC)


def rows(data: bytes) -> list[str]:
    return [row.decode() for row in json_rows(io.BytesIO(data))[1]]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, pa.string(), "null"),
        ("é\n", pa.string(), '"é\\n"'),
        ("a", pa.large_string(), '"a"'),
        ("a", pa.dictionary(pa.int32(), pa.string()), '"a"'),
        (2**63 - 1, pa.int64(), "9223372036854775807"),
        (2**64 - 1, pa.uint64(), "18446744073709551615"),
        (Decimal("1.10"), pa.decimal128(10, 2), "1.10"),
        (Decimal("12345678901234567890.123456789"), pa.decimal256(50, 9), None),
        (0.1, pa.float64(), "0.1"),
        (39.95, pa.float32(), '"39.95"'),
        (float("nan"), pa.float64(), "null"),
        (True, pa.bool_(), "true"),
        (AT, pa.timestamp("us", "UTC"), '"2026-01-15 11:52:00.123456Z"'),
        (AT, pa.timestamp("us", "America/New_York"), '"2026-01-15 11:52:00.123456Z"'),
        (AT.replace(tzinfo=None), pa.timestamp("us"), '"2026-01-15 11:52:00.123456"'),
        (1768477920123456789, pa.timestamp("ns"), '"2026-01-15 11:52:00.123456789"'),
        (date(2026, 1, 15), pa.date32(), '"2026-01-15"'),
        (time(11, 52), pa.time64("us"), '"11:52:00.000000"'),
        (timedelta(seconds=1), pa.duration("us"), "1000000"),
        (b"abc", pa.binary(), '"abc"'),
        (b"\xff\xfe", pa.binary(), '"//4="'),
        (b"\xff\xfe", pa.binary(2), '"//4="'),
        ({"a": 1, "t": AT}, pa.struct([("a", pa.int8()), ("t", pa.timestamp("ns", "UTC"))]), None),
        ([AT], pa.list_(pa.timestamp("us", "UTC")), '["2026-01-15 11:52:00.123456Z"]'),
        ([("k", 1)], pa.map_(pa.string(), pa.int64()), '[["k",1]]'),
    ],
    ids=str,
)
def test_values_are_exact(value: Any, kind: pa.DataType, text: str | None) -> None:
    expected = {
        "Decimal": "12345678901234567890.123456789",
        "dict": '{"a":1,"t":"2026-01-15 11:52:00.123456000Z"}',
    }
    text = text or expected[type(value).__name__]
    table = pa.table({"x": pa.array([None, value], kind)})
    assert rows(parquet(table)) == ['{"x":null}', f'{{"x":{text}}}']


def test_a_row_has_all_columns_in_the_file_s_order() -> None:
    data = parquet([{"b": 1, "a": "x"}, {"b": 2}, {"a": "y"}])
    assert rows(data) == ['{"b":1,"a":"x"}', '{"b":2,"a":null}', '{"b":null,"a":"y"}']
    assert [json.loads(row)["b"] for row in rows(data)] == [1, 2, None]


WHOLE = parquet([{"event_id": f"m{n}" * 50, "outcome": "accepted"} for n in range(50)])


@pytest.mark.parametrize("left", [4, 8, 40, len(WHOLE) // 2, len(WHOLE) - 8, len(WHOLE) - 1])
def test_a_truncated_file_is_refused_whole(left: int) -> None:
    with pytest.raises(UnreadableReceiptsError, match="no whole Parquet file"):
        rows(WHOLE[:left])


def test_a_damaged_page_is_refused() -> None:
    damaged = bytearray(WHOLE)
    damaged[60:90] = bytes(30)
    with pytest.raises(UnreadableReceiptsError, match="no whole Parquet file"):
        rows(bytes(damaged))


def test_a_page_with_a_wrong_checksum_is_refused() -> None:
    file = io.BytesIO()
    options: dict[str, Any] = {"write_page_checksum": True, "write_statistics": False}
    options |= {"use_dictionary": False, "compression": None}
    pq.write_table(pa.table({"event_id": ["m1", "m2"]}), file, **options)
    assert len(rows(file.getvalue())) == 2
    with pytest.raises(UnreadableReceiptsError, match="no whole Parquet file"):
        rows(file.getvalue().replace(b"m1", b"m7", 1))


def test_two_columns_of_one_name_are_refused() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(UnreadableReceiptsError, match="several columns 'a'"):
        rows(parquet(table))


def test_a_large_row_group_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal taken
            data = super().read(size)
            taken += len(data)
            return data

    monkeypatch.setattr("archiver.receipts.parquet_rows._BATCH_ROWS", 10)
    monkeypatch.setattr("archiver.receipts.parquet_rows._PIECE_BYTES", 1 << 16)
    file = io.BytesIO()
    ids = [f"{n:08}{n * 7919 % 100003:08}" * 4 for n in range(8_000)]
    options = {"use_dictionary": False, "compression": None, "data_page_size": 1 << 14}
    pq.write_table(pa.table({"a": ids, "b": ids}), file, **options)
    size_bytes = len(file.getvalue())
    assert size_bytes > 1 << 20
    _, found = json_rows(Counted(file.getvalue()))
    next(found)
    assert taken < size_bytes / 2
    assert sum(1 for _ in found) == len(ids) - 1


GENERIC = ReceiptSettings(
    "tiktok",
    "tiktok-events",
    columns={"event_id": "ids.event", "attempted_at": "at", "value": "amount"},
)


def test_generic_parquet_has_a_column_map_with_paths() -> None:
    kind = pa.struct([("event", pa.int64())])
    data = parquet(
        [
            {"ids": {"event": 17}, "outcome": "accepted", "at": AT, "amount": Decimal("1.10")},
            {"ids": {"event": -1}, "outcome": "FAILED", "at": AT, "amount": None},
        ],
        ids=kind,
        at=pa.timestamp("us", "UTC"),
        amount=pa.decimal128(12, 2),
    )
    first, second = receipts_in(data, GENERIC)
    assert (first.event_id, first.outcome, first.attempted_at) == ("17", "accepted", AT)
    assert first.value == Decimal("1.1")
    assert (second.event_id, second.outcome, second.value) == ("-1", "failed", None)
    assert first.payload == (
        '{"ids":{"event":17},"outcome":"accepted","at":"2026-01-15 11:52:00.123456Z","amount":1.10}'
    )


def test_a_needed_column_that_is_absent_refuses_the_file() -> None:
    data = parquet([{"outcome": "accepted", "at": AT, "amount": 1}])
    with pytest.raises(UnreadableReceiptsError, match="has no column 'ids' for event_id"):
        receipts_in(data, GENERIC)


def test_a_format_of_lines_cannot_be_forced_on_parquet() -> None:
    with pytest.raises(UnreadableReceiptsError, match="Parquet file, which api-log cannot be"):
        choose_by_columns(["event_id"], "api-log")
