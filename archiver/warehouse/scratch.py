"""A warehouse for a dry run: it starts from the real one and leaves that as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from archiver.config import Config
from archiver.warehouse.snapshot import read_snapshot


@contextmanager
def scratch_warehouse(config: Config) -> Iterator[Config]:
    """The same configuration with a warehouse of its own, which is gone afterwards.

    Segments are links to the real ones, so that a load costs what is new and no more.
    """
    with tempfile.TemporaryDirectory(prefix="archiver-") as name:
        folder = Path(name)
        snapshot = read_snapshot(config.warehouse_path)
        if snapshot.event_segments or snapshot.conversion_segments:
            shutil.copyfile(config.warehouse_path / "snapshot.json", folder / "snapshot.json")
        for file in snapshot.files():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).symlink_to(config.warehouse_path / file)
        yield msgspec.structs.replace(config, warehouse_path=folder)
