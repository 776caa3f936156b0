"""`archiver init`: a commented configuration that works as it is."""

from __future__ import annotations

import re
from pathlib import Path

from support import Workspace

from archiver.config import DestinationSettings, SourceSettings, load_config


def test_what_init_writes_loads(workspace: Workspace) -> None:
    workspace.done("init", workspace.folder / "new")
    config = load_config(workspace.folder / "new/archiver.toml", {})
    assert list(config.sources) == ["web"]
    assert list(config.destinations) == ["tiktok"]


def test_what_init_shows_in_comments_loads_too(workspace: Workspace) -> None:
    workspace.done("init", workspace.folder / "new")
    path = workspace.folder / "new/archiver.toml"
    text = path.read_text()
    commented = re.sub(r"(?m)^# (\[|\w+ = )", r"\1", text)
    assert commented != text
    path.write_text(commented)
    destination = load_config(path, {}).destinations["tiktok"]
    assert destination.receipts_columns["event_id"] == "message_id"
    known = {*SourceSettings.__struct_fields__, *DestinationSettings.__struct_fields__}
    missing = {name for name in known if not re.search(rf"(?m)^\[?.*\b{name}\b", commented)}
    assert missing == set(), "init shows every key"


def test_init_leaves_an_existing_file_alone(workspace: Workspace) -> None:
    before = workspace.listing()
    result = workspace.run("init", workspace.folder)
    assert result.code == 2
    assert workspace.listing() == before


def test_init_is_run_without_a_configuration(workspace: Workspace, tmp_path: Path) -> None:
    workspace.config_path.unlink()
    assert workspace.done("init", tmp_path, "--json").json == {
        "path": str(tmp_path / "archiver.toml")
    }
