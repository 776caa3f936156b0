"""What the published warehouse was made from: whether it must be made anew, but for `runs`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from archiver import resources
from archiver.archive.store import Archive, newest_entry
from archiver.archive.tables import TABLES
from archiver.config import Config
from archiver.files import write_durably
from archiver.warehouse.erased import erased_fingerprint
from archiver.warehouse.runs import program_versions, runs_folder
from archiver.warehouse.snapshot import DATABASE

_NOTE = "published.json"


class _Published(msgspec.Struct, frozen=True):
    """Which file was published, and what from.

    Attributes:
        state: as `state_of` names it.
        file: inode, size and time of modification of the database.
    """

    state: str
    file: tuple[int, int, int]


def state_of(config: Config, archive: Archive) -> str:
    """A short name of all that a published warehouse rests on, but for the table `runs`."""
    folder = config.warehouse_path
    snapshot = folder / "snapshot.json"
    parts: list[Any] = [
        program_versions(),
        [hashlib.sha256(text).hexdigest() for text in _texts()],
        snapshot.read_bytes().decode() if snapshot.exists() else None,
        [newest_entry(archive.root / name) for name in TABLES],
        _entries(runs_folder(folder), ".asked"),
        _entries(folder / "restatements", ""),
        erased_fingerprint(config),
        [str(archive.root), str(folder)],
        [repr(config.destinations), repr(config.sources), repr(config.watch)],
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def is_published(config: Config, state: str) -> bool:
    """Whether the file that is there was made from this state."""
    folder = config.warehouse_path
    try:
        noted = msgspec.json.decode((folder / _NOTE).read_bytes(), type=_Published)
        return noted == _Published(state, _file(folder / DATABASE))
    except (OSError, msgspec.DecodeError):
        return False


def note_published(config: Config, state: str) -> None:
    """Note what the file that is there was made from."""
    folder = config.warehouse_path
    noted = _Published(state, _file(folder / DATABASE))
    write_durably(folder / _NOTE, msgspec.json.encode(noted))


def _file(path: Path) -> tuple[int, int, int]:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def _texts() -> list[bytes]:
    folder = resources.folder("sql")
    return [path.read_bytes() for path in sorted((folder / "tables").iterdir())]


def _entries(folder: Path, inside: str) -> list[tuple[str, list[str], int]]:
    """What a folder holds: each one's name, its files, and when `inside` was written."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        marker = path / inside
        at = marker.stat().st_mtime_ns if marker.exists() else 0
        found.append((path.name, sorted(os.listdir(path)) if path.is_dir() else [], at))
    return found
