"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import Workspace

# No test is timed: a busy machine must not fail one.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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


@pytest.fixture(autouse=True, scope="session")
def _interrupts_arrive() -> None:
    """A job in the background ignores SIGINT, and so would all that its tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_comments(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments on 300 columns are half of what publishing costs: only few tests look at them."""
    if "comments" not in request.keywords:
        monkeypatch.setattr("archiver.warehouse.publish._describe", lambda *_: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with a configuration of one source and one destination."""
    return Workspace(tmp_path)
