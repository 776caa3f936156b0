"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Workspace


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the machine must not reach a configuration under test."""
    for name in os.environ:
        if name.startswith("ARCHIVER_") and name != "ARCHIVER_CORPORA":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power: waiting until the disk has everything would only cost time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with a configuration of one source and one destination."""
    return Workspace(tmp_path)
