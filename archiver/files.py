"""Durable file operations: what returned survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def fsync_file(path: Path) -> None:
    """Flush one file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Flush a folder's entries, so that a new or renamed file stays in it."""
    fsync_file(path)


def replace_durably(draft: Path, path: Path) -> None:
    """Put a finished draft in the place of `path`, in one step: readers see the old or the new."""
    fsync_file(draft)
    os.replace(draft, path)
    fsync_folder(path.parent)


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file by draft and rename."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    replace_durably(draft, path)
