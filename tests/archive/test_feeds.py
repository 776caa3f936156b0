"""Feeds of destinations into the archive: Parquet from anywhere, totals, and what is another's."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import IMPORTED_AT, file_id, lines, receipt, table_rows

from archiver.account_days import Zone
from archiver.archive.receive import receive
from archiver.archive.staged import FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import INBOUND_FILES, QUARANTINE, RECEIPT_TOTALS, RECEIPTS
from archiver.archive.totals import path_day, receive_totals
from archiver.archive.verify import verify
from archiver.errors import ConfigError
from archiver.inbound.paths import named_paths
from archiver.receipts import ReceiptSettings
from archiver.receipts.totals import TotalsSettings

DAY = date(2026, 1, 15)


def parquet(**columns: list[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


ERRORS = parquet(
    message_id=["a", "b", None, "d"],
    failed_stage=["router", "user_transformer", "router", "warehouse"],
    failed_at=[1768477920000000, 1768477920000001, 1768477920000002, None],
    destination_id=["2abc", "", "2xyz", "2abc"],
)
SETTINGS = ReceiptSettings("tiktok", "tiktok-events", filter={"destination_id": "2abc"})
RECEIVED = TotalsSettings("tiktok", "received", [Zone(None, None, "America/New_York")])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def received(
    archive: Archive, *files: Path | str, stdin: bytes = b"", **options: Any
) -> list[FileResult]:
    paths = named_paths(map(str, files), Path("/nowhere"), io.BytesIO(stdin))
    return receive(archive, options.pop("settings", SETTINGS), paths, IMPORTED_AT, **options)


def counted(archive: Archive, *files: Path, **options: Any) -> list[FileResult]:
    paths = named_paths(map(str, files), Path("/nowhere"), io.BytesIO())
    return receive_totals(archive, options.pop("settings", RECEIVED), paths, IMPORTED_AT, **options)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rows(archive: Archive, *columns: str) -> list[tuple[Any, ...]]:
    return table_rows(archive.root, RECEIPT_TOTALS, *columns)


@pytest.mark.parametrize("form", ["plain", "gzip", "stdin", "read twice"])
def test_parquet_comes_plain_compressed_or_through_a_pipe(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("archiver.inbound.containers.CHUNK_BYTES", 100)
    if form == "read twice":
        monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", 1)
    if form == "stdin":
        (result,) = received(archive, "-", stdin=ERRORS)
    else:
        data = gzip.compress(ERRORS) if form == "gzip" else ERRORS
        (result,) = received(archive, written(tmp_path, "a.parquet", data))
    assert (result.status, result.format) == ("imported", "rudderstack-errors")
    assert (result.records, result.archived, result.quarantined, result.rows) == (4, 3, 1, 2)
    assert result.file_id == file_id(ERRORS)
    assert table_rows(archive.root, RECEIPTS, "event_id", "outcome", "record_number") == [
        ("a", "unknown", 0),
        ("b", "rejected", 1),
    ]
    ((data_, reason),) = table_rows(archive.root, QUARANTINE, "data", "reason")
    assert (json.loads(data_)["message_id"], reason) == ("d", "no_attempted_at")
    ledger = table_rows(archive.root, INBOUND_FILES, "format", "records", "archived", "rows")
    assert ledger == [("rudderstack-errors", 4, 3, 2)]
    assert verify(archive, DAY).problems == []


def test_the_same_parquet_again_is_a_no_op(archive: Archive, tmp_path: Path) -> None:
    received(archive, written(tmp_path, "a.parquet", ERRORS))
    again = received(archive, written(tmp_path, "b.parquet.gz", gzip.compress(ERRORS)))
    assert [result.status for result in again] == ["already_imported"]
    assert len(table_rows(archive.root, RECEIPTS)) == 2


@pytest.mark.parametrize("left", [4, len(ERRORS) // 2, len(ERRORS) - 1])
def test_truncated_parquet_fails_whole_and_the_others_go_on(
    archive: Archive, tmp_path: Path, left: int
) -> None:
    bad = written(tmp_path, "a.parquet", ERRORS[:left])
    good = written(tmp_path, "b.ndjson", lines(receipt("m1")))
    results = received(archive, bad, good, settings=ReceiptSettings("tiktok", "tiktok-events"))
    assert [result.status for result in results] == ["failed", "imported"]
    assert "no whole Parquet file" in str(results[0].error)
    assert table_rows(archive.root, RECEIPTS, "event_id") == [("m1",)]
    assert list(archive.staging.iterdir()) == []


def test_a_dry_run_reads_parquet_and_writes_nothing(archive: Archive, tmp_path: Path) -> None:
    (result,) = received(archive, written(tmp_path, "a.parquet", ERRORS), dry_run=True)
    assert (result.records, result.archived, result.quarantined) == (4, 3, 1)
    assert not archive.root.exists()


def test_the_copy_of_a_parquet_file_has_no_name(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    seen: list[list[str]] = []

    def dying(file: IO[bytes]) -> Iterator[bytes]:
        seen.append(os.listdir(tmp_path / "spool"))
        raise KeyboardInterrupt

    monkeypatch.setattr("archiver.archive.feeds.column_names", dying)
    with pytest.raises(KeyboardInterrupt):
        received(archive, written(tmp_path, "a.parquet", ERRORS))
    assert seen == [[]]


def test_a_forced_format_is_asked_for_nothing(archive: Archive, tmp_path: Path) -> None:
    path = written(tmp_path, "a.ndjson", lines(receipt("m1")))
    (result,) = received(archive, path, format_name="generic-parquet")
    assert "it is no Parquet file" in str(result.error)
    with pytest.raises(ConfigError, match="no receipts format 'parquet'"):
        received(archive, path, format_name="parquet")
    with pytest.raises(ConfigError, match="no format of totals 'api-log'"):
        counted(archive, format_name="api-log")


def test_a_file_wholly_of_other_destinations_is_imported_without_a_row(
    archive: Archive, tmp_path: Path
) -> None:
    line = b'{"event_id": "x", "destination_id": "2xyz", "outcome": "?"}\n'
    (result,) = received(archive, written(tmp_path, "a.ndjson", line))
    assert (result.status, result.archived, result.rows) == ("imported", 1, 0)
    assert verify(archive, DAY).problems == []


CSV = b"""account_day,event_name,count,value,currency
2026-01-15,Purchase,10,1.10,USD
2026-01-15,Purchase,7,12345678901234.567890123456789012,USD
2026-01-15,Purchase,-1,1.10,USD
2026-01-15,Lead,3,1,USD
2026-01-15,Lead,4,1,EUR
2026-01-16,,20,,
"""


def test_what_a_file_says_of_one_day_and_name_adds_up(archive: Archive, tmp_path: Path) -> None:
    (result,) = counted(archive, written(tmp_path, "2026-01-17/totals.csv", CSV))
    assert (result.records, result.archived, result.quarantined, result.rows) == (6, 5, 1, 3)
    columns = ("account_day", "event_name", "kind", "count", "value", "currency", "record_number")
    value = Decimal("12345678901235.667890123456789012")
    assert rows(archive, *columns) == [
        (DAY, "Lead", "received", 7, None, None, 3),
        (DAY, "Purchase", "received", 17, value, "USD", 0),
        (date(2026, 1, 16), None, "received", 20, None, None, 5),
    ]
    assert {at for (at,) in rows(archive, "reported_at")} == {datetime(2026, 1, 17, tzinfo=UTC)}
    assert table_rows(archive.root, INBOUND_FILES, "kind", "destination", "rows") == [
        ("totals", "tiktok", 3)
    ]
    assert verify(archive, DAY).problems == []


def test_verify_sees_totals_that_are_gone(archive: Archive, tmp_path: Path) -> None:
    counted(archive, written(tmp_path, "totals.csv", CSV))
    (gone,) = (file.path for file in archive.data_files(RECEIPT_TOTALS))
    archive.commit([], {RECEIPT_TOTALS.name: [gone]})
    details = [problem.detail for problem in verify(archive, DAY).problems]
    assert any("3 rows of 5 and 1 in quarantine; found 0 and 1" in detail for detail in details)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("totals/2026-01-15.json", 15),
        ("2026-01-15/2026-01-16T06.json", 16),
        ("2026-01-15/run-2026-99-99.json", 15),
        ("totals.json", None),
    ],
)
def test_a_path_may_name_the_day_of_the_report(path: str, day: int | None) -> None:
    assert path_day(path) == (None if day is None else datetime(2026, 1, day, tzinfo=UTC))


def test_else_a_file_was_reported_when_it_was_modified(archive: Archive, tmp_path: Path) -> None:
    path = written(tmp_path, "totals.csv", b"account_day,count\n2026-01-15,1\n")
    os.utime(path, (1768477920, 1768477920))
    counted(archive, path)
    assert rows(archive, "reported_at") == [(datetime(2026, 1, 15, 11, 52, tzinfo=UTC),)]


def test_totals_and_receipts_of_one_content_are_two_imports(
    archive: Archive, tmp_path: Path
) -> None:
    line = {**json.loads(receipt("m1")), "account_day": "2026-01-15", "count": 1}
    path = written(tmp_path, "both.ndjson", lines(*[json.dumps(line).encode()] * 2))
    plain = ReceiptSettings("tiktok", "tiktok-events")
    for status in ("imported", "already_imported"):
        results = [*received(archive, path, settings=plain), *counted(archive, path)]
        assert [result.status for result in results] == [status, status]
    assert len(table_rows(archive.root, RECEIPTS)) == 2
    assert rows(archive, "count") == [(2,)]
    assert verify(archive, DAY).problems == []


def test_a_killed_import_of_totals_converges(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "totals.csv", CSV)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise SystemExit

        patch.setattr(Archive, "_commit_one", die)
        with pytest.raises(SystemExit):
            counted(archive, path)
    archive.recover()
    assert len(rows(archive)) == 3
    assert [result.status for result in counted(archive, path)] == ["already_imported"]
    assert verify(archive, DAY).problems == []


def test_a_count_too_large_to_keep_fails_the_file(archive: Archive, tmp_path: Path) -> None:
    line = b'{"account_day": "2026-01-15", "count": 9223372036854775807}\n'
    (result,) = counted(archive, written(tmp_path, "t.ndjson", line + line.replace(b"7}", b"6}")))
    assert "add up to more than can be kept" in str(result.error)
    assert rows(archive) == []
