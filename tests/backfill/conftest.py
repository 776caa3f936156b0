"""Workspaces that several tests start from: archived and reconciled once, copied for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from making import AS_OF, LATER, copied, ordered, planned, prepare
from support import Workspace, order


@pytest.fixture(scope="session")
def _two(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("two"))
    prepare(workspace, [order("one"), order("two")])
    for as_of in (AS_OF, LATER):
        with planned(workspace, ordered(as_of)):
            pass  # What was reconciled is kept.
    return workspace


@pytest.fixture
def two(_two: Workspace, tmp_path: Path) -> Workspace:
    """The conversions `one` and `two` are lost."""
    return copied(_two, tmp_path / "two")
