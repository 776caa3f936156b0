"""What a round that broke off could not say any more is said by the next one that ends."""

from __future__ import annotations

import pytest
from support import Workspace, order

from archiver.nightly.round import _Player

NIGHTLY = ("nightly", "--as-of", "2026-01-16T03:00:00Z")


def test_a_bad_file_that_a_broken_round_imported_makes_exit_code_4_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    (workspace.folder / "receipts").mkdir()
    workspace.write("inbound/web/good", order("good"))
    with monkeypatch.context() as patch:
        patch.setattr(_Player, "_load", interrupt)
        assert workspace.run(*NIGHTLY).code == 130
    assert workspace.run(*NIGHTLY).code == 0
    workspace.write("inbound/web/bad", order("m"), b"{bad", b"{bad too")
    with monkeypatch.context() as patch:
        patch.setattr(_Player, "_load", interrupt)
        # The second breaks off as well, and has nothing new to import.
        assert [workspace.run(*NIGHTLY).code for _ in range(2)] == [130, 130]
    told = workspace.run(*NIGHTLY, "--json")
    assert told.code == 4
    assert "inbound/web/bad: 2 of 3 records are bad" in told.err
    assert workspace.run(*NIGHTLY).code == 0
