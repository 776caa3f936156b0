"""A real browser for the HTML report, where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless; without one the test skips, in CI it fails."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        why = "no Chromium: the HTML report is not looked at; install it: apt-get install chromium"
        if os.environ.get("ARCHIVER_NEEDS_BROWSER"):
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield found
        found.close()
