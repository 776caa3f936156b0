"""Nothing is lost: real and nasty files, in every container and with every line end, come back."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import CONFIG, IMPORTED_AT, Workspace, corpora, file_id, ingest_files, table_rows

from archiver.archive.store import Archive
from archiver.archive.tables import EVENTS, INBOUND_FILES, LAYOUTS, QUARANTINE
from archiver.archive.verify import verify

BOM = b"\xef\xbb\xbf"


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.ndjson", data)
    return out.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 1),
    "gzip-members": lambda data: gzip.compress(data[:99], 1) + gzip.compress(data[99:], 1),
    "zstd": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zip": zipped,
}
LINE_ENDS = [b"\n", b"\r\n", b"\r", b"\n\n", b" \r\n\t\n"]


@pytest.fixture
def tolerant(workspace: Workspace) -> Workspace:
    """A workspace in which any number of bad records is no failure."""
    workspace.configure(CONFIG.replace("[destinations", "max_bad_ratio = 1.0\n[destinations", 1))
    return workspace


def verified(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = workspace.done("verify", "--rebuild", "--json").json
    assert found["ok"] and found["problems"] == []
    assert (found["rebuilt"], found["not_rebuilt"]) == (found["files"], 0)
    return found


class Kept:
    """What the archive has of the files of a workspace: it is read once, for many of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._events: dict[str, list[bytes]] = defaultdict(list)
        self._bad: dict[str, list[bytes]] = defaultdict(list)
        for file, _, payload in workspace.rows("events", "file_id", "record_number", "payload"):
            self._events[file].append(payload.encode())
        for file, _, data in workspace.rows("quarantine", "file_id", "record_number", "data"):
            self._bad[file].append(data)

    def of(self, data: bytes) -> tuple[list[bytes], list[bytes]]:
        """Payloads and quarantined bytes of a file, in its order."""
        return self._events[file_id(data)], self._bad[file_id(data)]


def is_object(document: bytes) -> bool:
    """Whether it is by itself one JSON object."""
    try:
        return isinstance(json.loads(document.decode("utf-8")), dict)
    except ValueError:
        return False


def test_the_json_test_suite_as_single_documents(tolerant: Workspace) -> None:
    documents = {
        path.name: path.read_bytes() for path in (corpora() / "json_test_suite").glob("*.json")
    }
    for name, document in documents.items():
        tolerant.write(f"inbound/web/{name}", data=document)
    files = tolerant.done("ingest", "--json").json["files"]
    assert all(f["records"] == f["archived"] + f["quarantined"] for f in files)
    assert {Path(file["path"]).name for file in files} == documents.keys()
    verified(tolerant)
    kept = Kept(tolerant)
    for name, document in documents.items():
        payloads, bad = kept.of(document)
        if name.startswith("y_") and is_object(document):
            assert (payloads, bad) == ([document.strip()], []), name
        assert all(is_object(payload) and payload in document for payload in payloads), name
        assert all(data in document for data in bad), name
        if name.startswith("n_") and document.strip():
            assert bad, name
        # Of what is neither, only brackets, commas and white space may stand.
        rest = document.removeprefix(BOM)
        for record in [*payloads, *bad]:
            assert record in rest
            rest = rest.replace(record, b"", 1)
        assert rest.strip(b"[], \t\r\n") == b"", name


def test_the_json_test_suite_as_records_of_an_array(tolerant: Workspace) -> None:
    before, after = b'{"messageId":"before"}', b'{"messageId":"after"}'
    documents = {
        path.name: path.read_bytes().strip()
        for path in (corpora() / "json_test_suite").glob("*.json")
    }
    arrays = {name: b"[%b, %b, %b]" % (before, d, after) for name, d in documents.items()}
    for name, data in arrays.items():
        tolerant.write(f"inbound/web/{name}", data=data)
    tolerant.done("ingest")
    verified(tolerant)
    kept = Kept(tolerant)
    for name, document in documents.items():
        payloads, bad = kept.of(arrays[name])
        assert payloads[0] == before
        if name.startswith("y_"):
            expected = (
                ([before, document, after], [])
                if is_object(document)
                else (
                    [before, after],
                    [document],
                )
            )
            assert (payloads, bad) == expected, name
        elif name.startswith("n_"):
            assert len(bad) == 1, name
            assert document in bad[0] or not document, name
            assert set(payloads) <= {before, after}, name


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_json_test_suite_as_lines(tolerant: Workspace, end: bytes) -> None:
    documents = {
        path.name: path.read_bytes()
        for path in sorted((corpora() / "json_test_suite").glob("*.json"))
    }
    documents = {
        name: document
        for name, document in documents.items()
        if document.strip(b" \t") and b"\n" not in document and b"\r" not in document
    }
    data = end.join([b'{"messageId":"first"}', *documents.values()]) + end
    tolerant.write("inbound/web/a", data=data)
    tolerant.done("ingest")
    verified(tolerant)
    bad = dict(tolerant.rows("quarantine", "record_number", "data"))
    rows = tolerant.rows("events", "record_number", "payload")
    payloads = {number: payload.encode() for number, payload in rows}
    for number, (name, document) in enumerate(documents.items(), 1):
        assert {**bad, **payloads}[number] == document
        if name[0] != "i":
            assert (number in payloads) == (name[0] == "y" and is_object(document)), name


def test_bodies_of_real_sdks_give_their_events_with_exact_bytes(tolerant: Workspace) -> None:
    bodies: list[bytes] = []
    for path in sorted((corpora() / "sdk_requests").glob("*.json")):
        for number, request in enumerate(json.loads(path.read_text())["requests"]):
            raw = base64.b64decode(request["raw_body_base64"])
            bodies.append(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
            tolerant.write(f"inbound/web/{path.stem}-{number}", data=raw)
    tolerant.done("ingest")
    assert verified(tolerant)["files"] == len(bodies) > 5
    kept = Kept(tolerant)
    for body in bodies:
        payloads, bad = kept.of(body)
        assert bad == []
        assert [json.loads(payload) for payload in payloads] == json.loads(body)["batch"]
        assert all(payload in body for payload in payloads)
    everything = [payload for (payload,) in tolerant.rows("events", "payload")]
    big = b"".join(bodies).count(b"9007199254740993")
    assert big > 0
    assert "".join(everything).count("9007199254740993") == big
    tolerant.done("load")
    sent = "SELECT COUNT(*) AS n FROM events WHERE sent_at IS NULL OR message_id IS NULL"
    assert tolerant.sql(sent) == [{"n": 0}]


@pytest.mark.parametrize("container", PACK)
def test_every_line_based_file_comes_back_from_every_container_and_line_end(
    workspace: Workspace, container: str
) -> None:
    originals = [
        path.read_bytes()
        for folder in ("segment_spec", "golden", "orders")
        for path in sorted((corpora() / folder).glob("*.ndjson"))
    ]
    expected = set()
    for number, original in enumerate(originals):
        records = [line for line in original.split(b"\n") if line.strip()]
        for kind, end in enumerate(LINE_ENDS):
            if len(records) > 100 and kind > 2:
                continue
            data = (BOM if kind % 2 else b"") + end.join(records) + (end if kind < 3 else b"")
            expected.add((file_id(data), len(records)))
            workspace.write(f"inbound/web/{number}-{kind}", data=PACK[container](data))
    workspace.done("ingest")
    assert set(workspace.rows("inbound_files", "file_id", "archived")) == expected
    verified(workspace)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(["messageId", "timestamp", "batch", "payload", "context", "type", "x"])
RECORDS = st.one_of(
    st.binary(max_size=30),
    st.dictionaries(KEYS, VALUES, max_size=4).map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.lists(st.dictionaries(KEYS, VALUES, max_size=2), max_size=3).map(
        lambda items: json.dumps({"batch": items, "sentAt": "2026-01-15"}, indent=1).encode()
    ),
)
FILES = st.tuples(
    st.sampled_from([b"", BOM, b"[", b"\n"]),
    st.lists(st.tuples(RECORDS, st.sampled_from([*LINE_ENDS, b",", b""])), max_size=8),
    st.sampled_from([b"", b"]", b"\n"]),
).map(lambda parts: parts[0] + b"".join(a + b for a, b in parts[1]) + parts[2])


INBOUND = st.lists(st.tuples(FILES, st.sampled_from(list(PACK))), min_size=2, max_size=8)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(INBOUND)
def test_any_bytes_are_conserved_rebuilt_and_imported_once(
    files: list[tuple[bytes, str]],
) -> None:
    check_conserved(files)


@pytest.mark.long
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(INBOUND)
def test_many_more_bytes_are_conserved_rebuilt_and_imported_once(
    files: list[tuple[bytes, str]],
) -> None:
    check_conserved(files)


def check_conserved(files: list[tuple[bytes, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        paths = []
        for number, (data, container) in enumerate(files):
            paths.append(Path(folder) / f"f{number}")
            # What looks like a container would be one.
            packed = PACK["gzip" if container == "none" else container](data)
            paths[-1].write_bytes(packed)
        results = ingest_files(root, *paths)
        assert {result.status for result in results} <= {"imported", "already_imported"}
        assert [result.file_id for result in results] == [file_id(data) for data, _ in files]
        ledger = table_rows(root, INBOUND_FILES, "file_id", "records", "archived", "quarantined")
        assert {row[0] for row in ledger} == {file_id(data) for data, _ in files}
        assert all(records == archived + bad for _, records, archived, bad in ledger)
        rows = len(table_rows(root, EVENTS, "file_id")) + len(table_rows(root, QUARANTINE, "data"))
        assert rows == sum(row[1] for row in ledger)
        found = verify(Archive(root), IMPORTED_AT.date(), rebuild=True)
        assert (found.problems, found.rebuilt) == ([], len(ledger))
        before = [table_rows(root, table) for table in (EVENTS, QUARANTINE, LAYOUTS)]
        again = Path(folder) / "again"
        for data, _ in files:
            again.write_bytes(PACK["xz"](data))
            assert [r.status for r in ingest_files(root, again)] == ["already_imported"]
        assert before == [table_rows(root, table) for table in (EVENTS, QUARANTINE, LAYOUTS)]
