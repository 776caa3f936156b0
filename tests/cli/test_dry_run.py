"""`--dry-run` says what would be done and changes nothing on the disk."""

from __future__ import annotations

import pytest
from support import CONFIG, Workspace, event, order, receipt

AS_OF = ("--as-of", "2026-01-20T00:00:00Z")
COMMANDS = [("ingest",), ("receipts",), ("load",), ("reconcile", *AS_OF), ("backfill", *AS_OF)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_dry_run_changes_nothing_in_a_new_workspace(
    workspace: Workspace, command: tuple[str, ...]
) -> None:
    workspace.write("inbound/web/a.ndjson", order("m1"))
    workspace.write("receipts/r.ndjson", receipt("m1"))
    before = workspace.listing()
    workspace.run(*command, "--dry-run")
    assert workspace.listing() == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_dry_run_changes_nothing_where_there_is_something_to_do(
    workspace: Workspace, command: tuple[str, ...]
) -> None:
    workspace.configure(CONFIG + 'coverage = "complete"\n')
    workspace.write("inbound/web/a.ndjson", order("m1"), order("m2"))
    workspace.write("receipts/r.ndjson", receipt("x", at="2026-01-17T00:00:00Z"))
    for done in ("ingest", "receipts", "load"):
        workspace.done(done)
    workspace.write("inbound/web/b.ndjson", order("m3"), b"{")
    workspace.write("receipts/s.ndjson", receipt("m2"))
    before = workspace.listing()
    assert workspace.run(*command, "--dry-run").code in (0, 4)
    assert workspace.listing() == before


def test_dry_run_of_ingest_counts_what_would_be_imported(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"), event("b"))
    totals = workspace.done("ingest", "--dry-run", "--json").json["totals"]
    assert (totals["files"], totals["archived"]) == (1, 2)
    assert workspace.done("ingest", "--json").json["totals"] == totals


def test_dry_run_of_backfill_counts_what_would_be_sent(workspace: Workspace) -> None:
    workspace.configure(CONFIG + 'coverage = "complete"\n')
    workspace.write("inbound/web/a.ndjson", order("m1"), order("m2"))
    workspace.write("receipts/r.ndjson", receipt("x", at="2026-01-17T00:00:00Z"))
    for done in ("ingest", "receipts", "load"):
        workspace.done(done)
    planned = workspace.done("backfill", *AS_OF, "--dry-run", "--json").json
    written = workspace.done("backfill", *AS_OF, "--json").json
    assert planned["events"] == written["events"] == 2
    assert planned["backfill_id"] == written["backfill_id"]


def test_dry_run_of_init(workspace: Workspace) -> None:
    before = workspace.listing()
    result = workspace.done("init", str(workspace.folder / "new"), "--dry-run")
    assert "archiver.toml would be written" in result.out
    assert workspace.listing() == before
