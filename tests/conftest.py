"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Workspace


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the machine must not reach a configuration under test."""
    for name in os.environ:
        if name.startswith("ARCHIVER_") and name != "ARCHIVER_CORPORA":
            monkeypatch.delenv(name)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with a configuration of one source and one destination."""
    return Workspace(tmp_path)
