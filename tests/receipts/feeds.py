"""What tests of several formats share: Parquet files, and receipts out of any format."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archiver.receipts import BadRecord, Parsed, Receipt, ReceiptSettings, choose, choose_by_columns
from archiver.receipts.parquet_rows import column_names


def parquet(rows: list[dict[str, Any]] | pa.Table, **types: pa.DataType) -> bytes:
    """A Parquet file of rows; a column's type where it is not the natural one."""
    if isinstance(rows, pa.Table):
        table = rows
    else:
        names = dict.fromkeys(name for row in rows for name in row)
        table = pa.table({n: pa.array([r.get(n) for r in rows], types.get(n)) for n in names})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=2)
    return file.getvalue()


def ndjson(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def records_in(
    data: bytes, settings: ReceiptSettings, forced: str | None = None
) -> list[Parsed | BadRecord]:
    """The records of a file, in the format that is forced or detected."""
    if data.startswith(b"PAR1"):
        known = choose_by_columns(column_names(io.BytesIO(data)), forced)
        return list(known.read_parquet(io.BytesIO(data), settings))
    return list(choose(data, forced).read(io.BytesIO(data), settings))


def receipts_in(data: bytes, settings: ReceiptSettings, forced: str | None = None) -> list[Receipt]:
    """The receipts of a file without bad records."""
    found = records_in(data, settings, forced)
    assert all(isinstance(record, Parsed) for record in found), found
    return [receipt for record in found for receipt in record.receipts]  # type: ignore[union-attr]


def refusals_in(
    data: bytes, settings: ReceiptSettings, forced: str | None = None
) -> list[tuple[int, str]]:
    """Number and reason of the bad records."""
    found = records_in(data, settings, forced)
    return [(r.record_number, r.reason) for r in found if isinstance(r, BadRecord)]
