"""`archiver verify`: every kind of damage is found, and nothing else is."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import crash_lab
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from support import CONFIG, Workspace, event, file_id, order, receipt

from archiver.archive import rebuild, verify
from archiver.archive.lock import writing
from archiver.archive.rebuild import NotRebuiltError, rebuildable
from archiver.archive.staging import StagedTable
from archiver.archive.tables import EVENTS, LAYOUTS, TABLES
from archiver.inbound.json_format import JsonFormat

DAYS = ("2026-01-14T12:00:00Z", "2026-01-15T12:00:00Z")
FILLED = ("events", "inbound_files", "inbound_paths", "layouts", "quarantine", "receipts")
# Files with all that may stand between records, and what is no record at all.
ODD = {
    "crlf.ndjson": b"\r\n".join([event("c1"), b"{bad", event("c2"), b""]),
    "no_end.ndjson": event("n1") + b"\n" + event("n2"),
    "blank.ndjson": b"\n\n" + event("b1") + b"\n  \n" + event("b2") + b"\n\t",
    "bom.ndjson": b"\xef\xbb\xbf" + event("u1") + b"\n",
    "only_bad.ndjson": b"nope\n\xff\xfe\n[1]\n",
    "no_records.ndjson": b"\n \n",
    "empty.ndjson": b"",
    "array.json": b"[" + event("j1") + b" ,\n" + event("j2") + b"]\n",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Files of two days, with bad records; receipts; a vouched range."""
    workspace = Workspace(tmp_path_factory.mktemp("built"))
    workspace.configure(CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1))
    many = [order(f"a{n}", DAYS[n % 2]) for n in range(9)]
    workspace.write("inbound/web/a.ndjson", *many, b"{bad", b"[1]")
    workspace.write("inbound/web/b.gz", order("b1", DAYS[0]), b"nope")
    workspace.write("receipts/r.ndjson", receipt("a1"), receipt("a2"))
    workspace.done("ingest")
    workspace.done("receipts")
    workspace.done("receipts", "--covers", "2026-01-14/2026-01-15")
    return workspace


@pytest.fixture
def whole(built: Workspace, tmp_path: Path) -> Workspace:
    """The same, to be damaged."""
    return copy_of(built, tmp_path / "w")


def copy_of(workspace: Workspace, folder: Path) -> Workspace:
    shutil.copytree(workspace.folder, folder)
    copy = Workspace.__new__(Workspace)
    copy.folder = folder
    return copy


def problems(workspace: Workspace, *options: str) -> list[dict[str, Any]]:
    """What verify finds; all of it is also on stderr, and the exit code says it."""
    result = workspace.run("verify", "--json", *options)
    found: list[dict[str, Any]] = result.json["problems"]
    assert result.code == (1 if found else 0)
    assert result.json["ok"] is not bool(found)
    assert result.err.count("problem: ") == len(found)
    return found


def checks(workspace: Workspace, *options: str) -> set[tuple[str, str | None]]:
    """Check and table of each problem."""
    return {(problem["check"], problem["table"]) for problem in problems(workspace, *options)}


def data_file(workspace: Workspace, table: str, number: int = 0) -> Path:
    return workspace.archive.live_files(TABLES[table])[number]


def shown(workspace: Workspace, path: Path) -> str:
    return str(path.relative_to(workspace.archive.root))


def delta(workspace: Workspace, table: str) -> DeltaTable:
    return DeltaTable(str(workspace.archive.root / table))


def log_entry(workspace: Workspace, table: str, version: int) -> Path:
    return workspace.archive.root / table / "_delta_log" / f"{version:020d}.json"


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a data file in place."""
    with pq.ParquetFile(path) as file:
        rows = file.read()
    pq.write_table(change(rows), path, compression="zstd")


def with_other_payload(rows: pa.Table) -> pa.Table:
    """One byte of one payload different."""
    payloads = rows["payload"].to_pylist()
    payloads[0] = payloads[0].replace("12.5", "12.6")
    place = rows.schema.get_field_index("payload")
    return rows.set_column(place, "payload", pa.array(payloads, pa.string()))


def test_a_whole_archive_is_well_and_stays_as_it_is(whole: Workspace) -> None:
    (whole.archive.root / "_staging").rmdir()
    before = whole.listing()
    assert whole.done("verify", "--rebuild", "--json").json == {
        **{"ok": True, "files": 3, "records": 15, "data_files": 10},
        **{"rebuilt": 2, "not_rebuilt": 0, "problems": []},
    }
    after = whole.listing()
    assert json.loads((whole.archive.root / "_last/verify.json").read_text())["exit_code"] == 0
    del after["data/archive/_last/verify.json"]
    assert after == before


def test_the_summary_says_what_was_looked_at(whole: Workspace) -> None:
    result = whole.done("verify", "--rebuild")
    assert result.out.startswith("7 tables, 10 data files, 10 of them read (0.")
    assert "3 inbound files with 15 records, 2 of them rebuilt (0.0 MB)" in result.out
    assert result.out.endswith(" s: all well\n")


def test_an_absent_archive_is_not_in_order(workspace: Workspace) -> None:
    """A wrong root, or a disk that is not there, must not look like one."""
    for _ in range(2):
        result = workspace.run("verify", "--rebuild", "--json")
        assert result.code == 1
        assert (result.json["ok"], result.json["files"]) == (False, 0)
        assert [problem["check"] for problem in result.json["problems"]] == ["missing"]


def test_the_lock_is_held(whole: Workspace) -> None:
    with writing(whole.archive.root, "ingest"):
        assert whole.run("verify").code == 5


def test_what_a_dead_run_leaves_is_no_damage(built: Workspace, tmp_path: Path) -> None:
    for step in itertools.count(1, 4):
        workspace = copy_of(built, tmp_path / str(step))
        workspace.write("inbound/web/late.ndjson", order("l1", DAYS[0]), b"{bad")
        if not crash_lab.run_to_step(workspace.config_path, "ingest", step):
            break
        assert problems(workspace, "--rebuild") == [], f"killed before step {step}"
    assert step > 15


def test_a_warehouse_inside_the_archives_folder_is_no_stranger(whole: Workspace) -> None:
    text = whole.config_path.read_text()
    whole.configure(text.replace("data/warehouse", "data/archive/derived/warehouse"))
    whole.done("load")
    assert problems(whole) == []


@pytest.mark.parametrize("table", FILLED)
def test_a_flipped_byte_anywhere_in_a_data_file(whole: Workspace, table: str) -> None:
    path = data_file(whole, table)
    sound = path.read_bytes()
    end = len(sound)
    for place in (0, 5, 40, end // 2, end - end // 4, end - 9, end - 6, end - 1):
        damaged = bytearray(sound)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        found = problems(whole)
        assert ("content", shown(whole, path)) in {(p["check"], p["path"]) for p in found}, place
    path.write_bytes(sound)
    assert problems(whole) == []


@pytest.mark.parametrize("table", FILLED)
def test_a_truncated_data_file(whole: Workspace, table: str) -> None:
    path = data_file(whole, table)
    path.write_bytes(path.read_bytes()[:-100])
    assert ("size", table) in checks(whole)


@pytest.mark.parametrize("table", FILLED)
def test_a_deleted_data_file(whole: Workspace, table: str) -> None:
    path = data_file(whole, table)
    path.unlink()
    found = problems(whole)
    assert ("missing", shown(whole, path)) in {(p["check"], p["path"]) for p in found}


def test_the_files_of_a_missing_data_file_are_named(whole: Workspace) -> None:
    expected = {row[0] for row in whole.rows("events", "file_id")}
    data_file(whole, "events").unlink()
    ids = {p["file_id"] for p in problems(whole) if p["check"] == "ledger"}
    assert ids == expected


@pytest.mark.parametrize("table", ["events", "receipts", "quarantine"])
def test_a_row_deleted_in_place(whole: Workspace, table: str) -> None:
    rewrite(data_file(whole, table), lambda rows: rows.slice(1))
    assert checks(whole) >= {
        ("size", table),
        ("ledger", "receipts" if table == "receipts" else "events"),
    }


@pytest.mark.parametrize(
    ("table", "row", "about"),
    [
        ("events", "message_id = 'a3'", "events"),
        ("receipts", "event_id = 'a1'", "receipts"),
        ("quarantine", "record_number = 9", "events"),
        ("layouts", "part = 0", "layouts"),
    ],
)
def test_a_row_deleted_by_delta(whole: Workspace, table: str, row: str, about: str) -> None:
    delta(whole, table).delete(row)
    assert checks(whole) == {("ledger", about)}


def test_a_deleted_row_of_the_ledger(whole: Workspace) -> None:
    delta(whole, "inbound_files").delete("path LIKE '%a.ndjson'")
    found = {("ledger", table) for table in ("events", "quarantine", "layouts", "inbound_paths")}
    assert checks(whole) == found


@pytest.mark.parametrize("column", ["records", "archived", "quarantined", "rows"])
@pytest.mark.parametrize("kind", ["events", "receipts"])
def test_a_ledger_that_does_not_add_up(whole: Workspace, kind: str, column: str) -> None:
    change = {column: f"{column} + 1"}
    delta(whole, "inbound_files").update(change, predicate=f"kind = '{kind}'")
    assert ("ledger", kind) in checks(whole)


def test_a_deleted_path(whole: Workspace) -> None:
    delta(whole, "inbound_paths").delete("path LIKE '%a.ndjson'")
    assert checks(whole) == {("ledger", "inbound_paths")}


@pytest.mark.parametrize(
    ("table", "about"),
    [
        ("events", {"events"}),
        ("receipts", {"receipts"}),
        ("quarantine", {"events"}),
        ("layouts", {"layouts"}),
        ("inbound_files", {"inbound_files"}),
    ],
)
def test_a_doubled_row(whole: Workspace, table: str, about: set[str]) -> None:
    rows = delta(whole, table).to_pyarrow_table()
    write_deltalake(str(whole.archive.root / table), rows.slice(0, 1), mode="append")
    assert checks(whole) == {("ledger", name) for name in about}


def test_a_doubled_text_that_is_before_no_record(whole: Workspace) -> None:
    rows = delta(whole, "layouts").to_pyarrow_table()
    rows = rows.filter(pc.equal(rows["records"], 0)).slice(0, 1)
    write_deltalake(str(whole.archive.root / "layouts"), rows, mode="append")
    (problem,) = problems(whole)
    assert "has a part twice" in problem["detail"]


def test_a_row_in_the_place_of_another(whole: Workspace) -> None:
    """The counts are right, and the first and the last record are there."""
    rows = delta(whole, "events").to_pyarrow_table()
    rows = rows.filter(pc.equal(rows["message_id"], "a3"))
    delta(whole, "events").delete("message_id = 'a4'")
    write_deltalake(str(whole.archive.root / "events"), rows, mode="append")
    (problem,) = problems(whole)
    assert problem["detail"].startswith("1 of its records stand there more than once")


def test_numbers_that_begin_later(whole: Workspace) -> None:
    for table in ("events", "quarantine"):
        delta(whole, table).update({"record_number": "record_number + 1"})
    found = problems(whole)
    assert len(found) == 2
    assert "numbered 1 to 11" in found[0]["detail"] + found[1]["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "events/source=web/received_date=2026-01-14/part-0.parquet",
        "events/source=web/received_date=2026-01-14/.hidden.parquet",
        "events/extra.parquet",
        "events/_extra",
        "events/.hidden/deep/er",
        "events/_delta_log/00000000000000000000.json.bak",
        "receipt_totals/extra.parquet",
        "layouts/_delta_log/.hidden",
        "notes.txt",
        ".hidden",
        "folder/notes.txt",
    ],
)
def test_an_extra_file(whole: Workspace, name: str) -> None:
    whole.write(f"data/archive/{name}", data=b"x")
    (problem,) = problems(whole)
    assert problem["check"] == "unexpected"
    assert problem["path"] == ("folder" if name.startswith("folder") else name)


def test_a_link_is_no_folder_to_look_into(whole: Workspace) -> None:
    (whole.archive.root / "events" / "loop").symlink_to(whole.archive.root)
    assert [problem["path"] for problem in problems(whole)] == ["events/loop"]


def test_what_left_a_table_is_no_extra_file(whole: Workspace) -> None:
    """Its older versions need it, until somebody vacuums."""
    path = data_file(whole, "coverage")
    with pq.ParquetFile(path) as file:
        rows = file.read()
    staged = StagedTable(TABLES["coverage"], whole.archive.staging)
    staged.add(rows)
    whole.archive.commit(staged.finish(), {"coverage": [path.name]})
    whole.archive.staging.rmdir()
    assert path.exists()
    assert problems(whole) == []
    delta(whole, "coverage").vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert not path.exists()
    assert problems(whole) == []


def test_two_data_files_swapped(whole: Workspace) -> None:
    first, second = data_file(whole, "events", 0), data_file(whole, "events", 1)
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])
    assert {p["path"] for p in problems(whole)} == {shown(whole, p) for p in (first, second)}


def test_two_data_files_of_equal_size_swapped(whole: Workspace) -> None:
    for name in "cdefghi":
        whole.write(f"inbound/web/{name}.ndjson", event(name, "2026-01-18T00:00:00Z"))
        whole.done("ingest")
    alike = [p for p in whole.archive.live_files(EVENTS) if "2026-01-18" in str(p)]
    sizes = [path.stat().st_size for path in alike]
    pair = [p for p in alike if p.stat().st_size == max(sizes, key=sizes.count)][:2]
    contents = [path.read_bytes() for path in pair]
    for path, content in zip(pair, reversed(contents), strict=True):
        path.write_bytes(content)
    assert checks(whole) == {("content", "events")}


def test_a_changed_payload_in_place(whole: Workspace) -> None:
    path = data_file(whole, "events")
    rewrite(path, with_other_payload)
    (problem,) = problems(whole)
    assert problem["path"] == shown(whole, path)
    assert {"rebuild"} < {problem["check"] for problem in problems(whole, "--rebuild")}


@pytest.mark.parametrize("table", ["events", "quarantine", "layouts"])
def test_a_changed_byte_written_by_delta_is_found_by_rebuilding(
    whole: Workspace, table: str
) -> None:
    change = {
        "events": {"payload": "replace(payload, '12.5', '12.6')"},
        "quarantine": {"data": "CAST('{bab' AS BYTEA)"},
        "layouts": {"text": "CAST('\t' AS BYTEA)"},
    }[table]
    delta(whole, table).update(change)
    assert problems(whole) == []
    assert checks(whole, "--rebuild") == {("rebuild", "events")}


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("table", "with_checkpoint"),
    [("events", True), ("inbound_files", False)],
)
def test_a_torn_or_deleted_log_entry(
    whole: Workspace, table: str, version: int, with_checkpoint: bool
) -> None:
    if with_checkpoint:
        delta(whole, table).create_checkpoint()
    path = log_entry(whole, table, version)
    sound = path.read_bytes()
    for torn in (sound[:-20], b"", bytes(len(sound)), b"\xff" + sound):
        path.write_bytes(torn)
        assert ("log", table) in checks(whole)
    path.unlink()
    # Without its first entry a log with a checkpoint is one that was cleaned up.
    is_cleaned_up = with_checkpoint and version == 0
    assert (checks(whole) == set()) is is_cleaned_up
    if with_checkpoint and version == 1:
        assert problems(whole)[0]["path"] == shown(whole, path)
    path.write_bytes(sound)
    assert problems(whole) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"numRecords\\": ', b'"numRecords\\": 1', "rows"),
        (b'"size":', b'"size":1', "size"),
        (b"part-", b"port-", "missing"),
        (b'"source":"web"', b'"source":"app"', "partition"),
        (b'{"add":', b'{"bad":', "unexpected"),
    ],
)
def test_an_edited_log_entry(whole: Workspace, old: bytes, new: bytes, found: str) -> None:
    path = log_entry(whole, "events", 1)
    sound = path.read_bytes()
    assert old in sound
    path.write_bytes(sound.replace(old, new, 1))
    assert (found, "events") in checks(whole)


def test_a_column_of_another_kind(whole: Workspace) -> None:
    path = log_entry(whole, "events", 0)
    text = path.read_text()
    name = '\\"name\\":\\"record_number\\",\\"type\\":\\"'
    path.write_text(text.replace(f"{name}long", f"{name}integer"))
    assert ("log", "events") in checks(whole)


@pytest.mark.parametrize("damage", ["flip", "tear", "delete"])
def test_a_damaged_checkpoint(whole: Workspace, damage: str) -> None:
    delta(whole, "events").create_checkpoint()
    (path,) = (whole.archive.root / "events/_delta_log").glob("*.checkpoint.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data if damage == "flip" else data[:99])
    if damage == "delete":
        path.unlink()
    assert checks(whole) == {("log", "events")}, "the entries still say which files are live"


def test_a_checkpoint_that_forgot_a_file(whole: Workspace) -> None:
    delta(whole, "events").create_checkpoint()
    (path,) = (whole.archive.root / "events/_delta_log").glob("*.checkpoint.parquet")
    with pq.ParquetFile(path) as file:
        rows = file.read()
    adds = [n for n, add in enumerate(rows["add"].to_pylist()) if add and add["path"]]
    kept = [n for n in range(rows.num_rows) if n != adds[0]]
    pq.write_table(rows.take(kept), path)
    assert ("log", "events") in checks(whole)


def test_a_table_deleted_whole(whole: Workspace) -> None:
    shutil.rmtree(whole.archive.root / "quarantine")
    assert checks(whole) == {("ledger", "events")}


def test_a_data_file_that_is_not_our_own_is_decoded(whole: Workspace) -> None:
    write_deltalake(
        str(whole.archive.root / "coverage"),
        delta(whole, "coverage").to_pyarrow_table(),
        mode="append",
    )
    foreign = max(whole.archive.live_files(TABLES["coverage"]), key=os.path.getmtime)
    assert problems(whole) == []
    data = bytearray(foreign.read_bytes())
    data[4:40] = bytes(36)
    foreign.write_bytes(data)
    assert checks(whole) == {("content", "coverage")}


@pytest.mark.parametrize("share", ["0.1", "0.25", "1/3", "1"])
def test_consecutive_days_read_everything_once(share: str) -> None:
    days = [date(2026, 12, 28) + timedelta(n) for n in range(int(1 / Fraction(share)))]
    for name in map(str, range(500)):
        assert sum(verify.is_due(name, day, Fraction(share)) for day in days) == 1
    first = sum(verify.is_due(name, days[0], Fraction(share)) for name in map(str, range(500)))
    assert first == pytest.approx(500 * float(Fraction(share)), rel=0.3)


def test_a_share_reads_and_rebuilds_some_each_day_and_all_in_ten(whole: Workspace) -> None:
    runs = [
        verify.verify(whole.archive, date(2026, 1, 1 + n), rebuild=True, share=Fraction(1, 10))
        for n in range(10)
    ]
    assert sum(found.data_files_read for found in runs) == 10
    assert max(found.data_files_read for found in runs) < 10
    assert sum(found.rebuilt for found in runs) == 2
    assert all(found.problems == [] for found in runs)


def test_damage_outside_the_share_that_stops_a_reader_is_found(whole: Workspace) -> None:
    """All data files are looked at then, since it could be any."""
    for table in FILLED:
        path = data_file(whole, table)
        sound = path.read_bytes()
        path.write_bytes(sound[:4] + bytes(len(sound) // 2) + sound[4 + len(sound) // 2 :])
        assert ("content", table) in checks(whole, "--rebuild", "--sample", "1e-9")
        path.write_bytes(sound)


def test_damage_in_the_share_is_no_reason_to_read_the_rest(
    whole: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_file(whole, "events")
    monkeypatch.setattr(verify, "is_due", lambda name, *_: name.endswith(path.name))
    path.write_bytes(bytes(path.stat().st_size))
    found = verify.verify(whole.archive, date(2026, 1, 1))
    assert found.data_files_read == 1
    assert {problem.check for problem in found.problems} == {"content", "ledger"}


def test_damage_that_only_rebuilding_meets_is_found(
    whole: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share has all inbound files and no data file; the ledger's columns can be read."""
    monkeypatch.setattr(verify, "is_due", lambda name, *_: not name.endswith(".parquet"))
    path = data_file(whole, "events")
    with pq.ParquetFile(path) as file:
        place = file.schema_arrow.names.index("payload")
        chunk = file.metadata.row_group(0).column(place)
    data = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    path.write_bytes(data)
    assert checks(whole) == set()
    found = checks(whole, "--rebuild")
    assert found == {("content", "events"), ("rebuild", "events")}


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "some", "1/0"])
def test_a_share_that_is_none(whole: Workspace, share: str) -> None:
    result = whole.run("verify", "--sample", share)
    assert result.code == 2
    assert "write 0.1" in result.err


@pytest.fixture
def odd(whole: Workspace) -> Workspace:
    """Files with all that may stand between records."""
    for name, data in ODD.items():
        whole.write(f"inbound/web/odd/{name}", data=data)
    whole.done("ingest")
    return whole


def rebuilt(workspace: Workspace, name: str) -> bytes:
    """One inbound file's bytes as the archive gives them back."""
    with rebuildable(workspace.archive, "web") as files:
        return b"".join(chunk for _, chunks in files([name]) for chunk in chunks)


def test_every_file_is_rebuilt_byte_for_byte(odd: Workspace) -> None:
    document = odd.done("verify", "--rebuild", "--json").json
    assert document["rebuilt"] == 2 + len(ODD)
    for data in ODD.values():
        assert rebuilt(odd, file_id(data)) == data
    assert not odd.archive.staging.exists()


@pytest.mark.parametrize("size_bytes", [1, 150, 400])
def test_large_files_are_rebuilt_in_slices_and_small_ones_in_groups(
    odd: Workspace, size_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_GROUP_BYTES", size_bytes)
    monkeypatch.setattr(rebuild, "_BATCH_ROWS", 2)
    rows_at_once: list[int] = []
    batches = rebuild._batches

    def counted(cursor: Any, name: str, *parameters: Any) -> Iterator[pa.RecordBatch]:
        read = list(batches(cursor, name, *parameters))
        if name == "verify/ordered_records":
            rows_at_once.append(sum(batch.num_rows for batch in read))
        return iter(read)

    monkeypatch.setattr(rebuild, "_batches", counted)
    assert odd.done("verify", "--rebuild", "--json").json["rebuilt"] == 2 + len(ODD)
    assert max(rows_at_once) <= max(1, size_bytes // 50)


def test_the_same_content_of_two_sources_is_rebuilt_for_each(whole: Workspace) -> None:
    text = whole.config_path.read_text()
    whole.configure(text + '[sources.app]\npaths = ["inbound/web/*"]\nmax_bad_ratio = 1.0\n')
    whole.done("ingest")
    assert whole.done("verify", "--rebuild", "--json").json["rebuilt"] == 4


def test_a_lost_layout(whole: Workspace) -> None:
    shutil.rmtree(whole.archive.root / "layouts")
    assert checks(whole) == {("ledger", "layouts")}


def test_a_file_of_a_format_without_layout_is_no_problem_and_is_named(
    whole: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonFormat, "is_text", False)
    files = {"layouts": [path.name for path in whole.archive.live_files(LAYOUTS)]}
    whole.archive.commit([], files)
    result = whole.done("verify", "--rebuild", "--json")
    assert (result.json["rebuilt"], result.json["not_rebuilt"]) == (0, 2)
    assert "2 inbound files cannot be rebuilt" in result.err


def test_what_cannot_be_rebuilt_says_why(whole: Workspace) -> None:
    known = whole.rows("events", "file_id")[0][0]
    rows = delta(whole, "events").to_pyarrow_table()
    place = rows.schema.get_field_index("record_number")
    rows = rows.set_column(place, "record_number", pa.array([99] * rows.num_rows, pa.int64()))
    rows = rows.filter(pc.equal(rows["file_id"], known)).slice(0, 1)
    write_deltalake(str(whole.archive.root / "events"), rows, mode="append")
    with pytest.raises(NotRebuiltError, match="more records than its layout"):
        rebuilt(whole, known)
    delta(whole, "events").delete("record_number = 99")
    assert rebuilt(whole, known)
    delta(whole, "layouts").update({"text": "CAST(', ' AS BYTEA)"}, predicate="part = 0")
    with pytest.raises(NotRebuiltError, match="bytes, and the ledger says"):
        rebuilt(whole, known)
    delta(whole, "events").delete("record_number = 0")
    with pytest.raises(NotRebuiltError, match="fewer records than its layout"):
        rebuilt(whole, known)


def test_a_file_that_is_not_read_to_its_end_does_not_spoil_the_next(
    odd: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_BATCH_ROWS", 1)
    files = {table: odd.archive.live_files(table) for table in TABLES.values()}
    read = []
    with odd.archive.scratch() as spill, rebuild.bounded(spill) as connection:
        wanted = rebuild.inbound_files(connection, files)
        for number, (file, chunks) in enumerate(rebuild.rebuilt_files(connection, files, wanted)):
            if number % 2:
                read.append(file_id(b"".join(chunks)) == file.file_id)
    assert read == [True] * 5


def test_a_format_that_is_not_known_any_more_is_a_problem(whole: Workspace) -> None:
    delta(whole, "inbound_files").update({"format": "'forgotten'"}, predicate="kind = 'events'")
    found = problems(whole, "--rebuild")
    assert len(found) == 2
    assert "forgotten" in found[0]["detail"]
