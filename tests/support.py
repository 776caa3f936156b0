"""What several tests share: small inputs, a workspace with a configuration, and row sets."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from archiver.archive.ingest import ingest
from archiver.archive.staged import FileResult
from archiver.archive.store import Archive
from archiver.archive.tables import TABLES, Table
from archiver.config import Config, load_config
from archiver.inbound.paths import named_paths

IMPORTED_AT = datetime(2026, 1, 20, 3, tzinfo=UTC)

CONFIG = """\
[archive]
root = "data/archive"
[warehouse]
path = "data/warehouse"
[sources.web]
paths = ["inbound/web/**/*"]
[destinations.tiktok]
type = "tiktok-events"
sources = ["web"]
event_source_id = "PIXEL"
pixel = "none"
account_timezone = "America/New_York"
receipts = ["receipts/*.ndjson"]
"""


def event(message_id: str | None = "m1", at: str = "2026-01-15T12:00:00Z", **more: Any) -> bytes:
    """One event as a JSON line without its end; `at` is both its time and its arrival."""
    known: dict[str, Any] = {"type": "track", "event": "Page Seen"}
    if message_id is not None:
        known["messageId"] = message_id
    if at:
        known |= {"timestamp": at, "receivedAt": at}
    return json.dumps(known | more, separators=(",", ":")).encode()


def order(message_id: str, at: str = "2026-01-15T12:00:00Z", **more: Any) -> bytes:
    """An event that TikTok must get as CompletePayment."""
    properties = {"order_id": message_id, "value": 12.5, "currency": "USD"}
    return event(message_id, at, **{"event": "Order Completed", "properties": properties} | more)


def receipt(event_id: str, outcome: str = "accepted", at: str = "2026-01-15T12:01:00Z") -> bytes:
    """One line of a generic receipts feed."""
    return json.dumps(
        {
            "event_id": event_id,
            "event_name": "CompletePayment",
            "outcome": outcome,
            "attempted_at": at,
        }
    ).encode()


def lines(*records: bytes) -> bytes:
    """A file of records, each ended by LF."""
    return b"".join(record + b"\n" for record in records)


def file_id(data: bytes) -> str:
    """SHA-256 of decompressed bytes."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Result:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass
class Workspace:
    """A folder with a configuration, and the commands on it."""

    folder: Path

    def __post_init__(self) -> None:
        self.configure(CONFIG)

    @property
    def config_path(self) -> Path:
        return self.folder / "archiver.toml"

    @property
    def config(self) -> Config:
        return load_config(self.config_path, {})

    @property
    def archive(self) -> Archive:
        return Archive(self.config.archive_root)

    @property
    def database(self) -> Path:
        return self.folder / "data/warehouse/warehouse.duckdb"

    def configure(self, text: str) -> None:
        self.config_path.write_text(text)

    def write(self, name: str, *records: bytes, data: bytes | None = None) -> Path:
        """A file of records, gzip if so named; or of exactly these bytes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            data = lines(*records)
            if name.endswith(".gz"):
                data = gzip.compress(data, 1, mtime=0)
        path.write_bytes(data)
        return path

    def run(self, *arguments: str | Path) -> Result:
        """Run one command in this process."""
        from archiver.cli.main import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config_path), *map(str, arguments)])
        return Result(code, out.getvalue(), err.getvalue())

    def done(self, *arguments: str | Path) -> Result:
        """Run one command that must end with exit code 0."""
        result = self.run(*arguments)
        assert result.code == 0, result
        return result

    def start(self, *arguments: str | Path, code: str = "") -> subprocess.Popen[str]:
        """Start one command in a process of its own, after running `code` there."""
        program = (
            f"import sys\nfrom archiver.cli.main import run\n{code}\nsys.exit(run(sys.argv[1:]))"
        )
        return subprocess.Popen(
            [
                *(sys.executable, "-c", program),
                *("--config", str(self.config_path), *map(str, arguments)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query on the published warehouse, as `archiver sql --json` prints them."""
        rows: list[dict[str, Any]] = self.done("sql", query, "--json").json
        return rows

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of one of the archive's tables, sorted."""
        return table_rows(self.archive.root, TABLES[table], *columns)

    def listing(self) -> dict[str, str]:
        """Every file below the folder with the hash of its content, and every folder."""
        return {
            str(path.relative_to(self.folder)): file_id(path.read_bytes()) if path.is_file() else ""
            for path in sorted(self.folder.rglob("*"))
        }


def table_rows(root: Path, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    """Rows as any Delta reader sees them, partition columns included, sorted."""
    if not any((root / table.name / "_delta_log").glob("*.json")):
        return []
    names = list(columns) or table.schema.names
    rows = DeltaTable(str(root / table.name)).to_pyarrow_table(columns=names).to_pylist()
    return sorted((tuple(row[name] for name in names) for row in rows), key=repr)


def ingest_files(root: Path, *files: Path, source: str = "web", **options: Any) -> list[FileResult]:
    """Ingest by the library call, as of IMPORTED_AT."""
    archive = Archive(root)
    paths = named_paths([str(file) for file in files], Path("/nowhere"), io.BytesIO())
    return ingest(archive, source, paths, options.pop("at", IMPORTED_AT), **options)


def corpora() -> Path:
    """The folder of cases from elsewhere; the test is skipped where there is none."""
    folder = Path(os.environ.get("ARCHIVER_CORPORA", "/nonexistent"))
    if not folder.is_dir():
        pytest.skip("ARCHIVER_CORPORA is not set")
    return folder
