"""Rows of a Parquet file as JSON objects, so that what was said is kept and read as text.

An object has all the columns of its row in the file's order. Whole numbers, decimals and texts
stand as they are; 32-bit floats as text, the shortest that says them; times as
`2026-01-15 11:52:00.000000Z`, those without a zone without the `Z`; durations as whole numbers of
their unit; bytes as text where they are UTF-8, else as base64; NaN and infinities, which JSON has
not, as null. The same file gives the same text everywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.receipts.base import UnreadableReceiptsError

MAGIC = b"PAR1"

_BATCH_ROWS = 1000
# Read in pieces: without it pyarrow holds a whole row group, which may be the whole file.
_PIECE_BYTES = 1 << 20
_HINT = "deliver it again and re-run"

_encode = msgspec.json.Encoder(decimal_format="number").encode


def json_rows(file: IO[bytes]) -> tuple[list[str], Iterator[bytes]]:
    """Open a Parquet file.

    Args:
        file: seekable; stays open while rows are read.

    Returns:
        The names of its columns, and its rows, each a JSON object.

    Raises:
        UnreadableReceiptsError: it is no whole Parquet file, or two columns have one name; also
            while rows are read.
    """
    parquet, names = _opened(file)
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UnreadableReceiptsError(f"the Parquet file has several columns {min(twice)!r}")
    return names, _rows(parquet)


def column_names(file: IO[bytes]) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        UnreadableReceiptsError: it is no whole Parquet file.
    """
    return _opened(file)[1]


def _opened(file: IO[bytes]) -> tuple[pq.ParquetFile, list[str]]:
    with _explained():
        parquet = pq.ParquetFile(
            file, pre_buffer=False, buffer_size=_PIECE_BYTES, page_checksum_verification=True
        )
        return parquet, list(parquet.schema_arrow.names)


def _rows(parquet: pq.ParquetFile) -> Iterator[bytes]:
    count = 0
    with _explained():
        for batch in parquet.iter_batches(_BATCH_ROWS):
            columns = [_readable(column) for column in batch.columns]
            for row in pa.RecordBatch.from_arrays(columns, batch.schema.names).to_pylist():
                count += 1
                yield _encode(row)
    if count != parquet.metadata.num_rows:
        raise UnreadableReceiptsError(
            f"the Parquet file says that it has {parquet.metadata.num_rows} rows, and has {count}",
            _HINT,
        )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, UnreadableReceiptsError):
            raise
        if isinstance(error, OSError) and error.errno is not None:
            raise
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UnreadableReceiptsError(f"it is no whole Parquet file: {why}", _HINT) from None


def _readable(column: pa.Array) -> pa.Array:
    """A column with the same values, of types whose values Python and JSON hold exactly."""
    for step in (_to_utc, _to_text, _to_number):
        target = _mapped(column.type, step)
        if target != column.type:
            try:
                column = column.cast(target)
            except pa.ArrowInvalid:
                if not pa.types.is_binary(column.type) and not pa.types.is_large_binary(
                    column.type
                ):
                    raise
                column = pa.array([_text(value.as_py()) for value in column], pa.string())
    return column


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _to_utc(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _to_utc(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, "UTC")
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    return kind


def _to_text(kind: pa.DataType) -> pa.DataType:
    is_textual = (
        pa.types.is_timestamp(kind)
        or pa.types.is_time64(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float16(kind)
    )
    return pa.string() if is_textual else kind


def _to_number(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_duration(kind) else kind


def _mapped(kind: pa.DataType, step: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A type with each type inside it replaced."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_mapped(field.type, step)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_field.with_type(_mapped(kind.value_type, step))
        return pa.list_(inner)
    if pa.types.is_map(kind):
        return pa.map_(_mapped(kind.key_type, step), _mapped(kind.item_type, step))
    return step(kind)
