"""What a run that died left in the tables' logs: found out, and taken away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from archiver.errors import ConfigError


def drop_drafts(log: Path) -> None:
    """Remove the log entries that a run was writing when it died; delta-rs names them so."""
    for path in (*log.glob("*#*"), *log.glob("_commit_*.tmp")):
        path.unlink()


def drop_torn_table(folder: Path) -> None:
    """Remove a table that a power cut tore while it was made; it never held a row."""
    log = folder / "_delta_log"
    if [path.name for path in log.glob("*.json")] != [f"{0:020d}.json"]:
        return
    try:
        lines = (log / f"{0:020d}.json").read_text(encoding="utf-8").splitlines()
        actions = {action for line in lines for action in json.loads(line)}
    except ValueError:
        actions = set()
    if not {"protocol", "metaData"} <= actions:
        refuse_all_but_a_log(folder)
        shutil.rmtree(folder)


def refuse_all_but_a_log(folder: Path) -> None:
    """See that a table's folder holds no more than a run leaves that dies while making it."""
    if any(path.name != "_delta_log" for path in folder.iterdir()):
        raise ConfigError(
            f"making the table {folder.name} in {folder.parent}",
            "the folder of that name holds something else",
            "choose another archive.root",
        )


def drop_torn_log(log: Path, version_before: int) -> None:
    """Remove what a power cut may have torn: log entries after the last durable commit."""
    for path in sorted(log.glob("*.json")):
        if not path.stem.isdigit() or int(path.stem) <= version_before:
            continue
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                json.loads(line)
            torn = path.stat().st_size == 0
        except ValueError:
            torn = True
        if torn:
            path.unlink()
    newer = [
        path
        for path in log.glob("*.checkpoint*.parquet")
        if int(path.name.split(".")[0]) > version_before
    ]
    for path in newer:
        path.unlink()
    if newer:
        (log / "_last_checkpoint").unlink(missing_ok=True)
