"""What `ingest` and `receipts` take for their files, and what they say about it."""

from __future__ import annotations

from support import CONFIG, Workspace, event


def test_a_pattern_that_matches_no_file_is_named(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace('"inbound/web/**/*"', '"inbound/*.gz", "inbound/*.json"'))
    workspace.write("inbound/a.json", event())
    assert workspace.done("ingest", "--json").err == "no file matches inbound/*.gz (source web)\n"
    expected = "no file matches receipts/*.ndjson (destination tiktok)\n"
    assert workspace.done("receipts", "--json").err == expected


def test_what_the_archiver_writes_is_never_an_inbound_file(workspace: Workspace) -> None:
    workspace.configure(CONFIG.replace("inbound/web/**/*", "data/**/*.json"))
    workspace.write("data/in.json", event())
    for _ in range(2):
        workspace.done("ingest")
        workspace.done("load")
    assert workspace.rows("inbound_files", "path") == [("data/in.json",)]
