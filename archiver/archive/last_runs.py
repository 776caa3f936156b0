"""When each command or step last ran and how it ended: `<archive>/_last/<command>.json`."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.files import write_durably
from archiver.texts import instant_text

FOLDER = "_last"


def note_last(
    root: Path,
    command: str,
    started_at: datetime,
    exit_code: int,
    summary: dict[str, Any],
    seconds: float | None = None,
) -> None:
    """Keep how a command ended, in place of the time before.

    Args:
        root: the archive's folder; made if absent.
        command: as the user calls it; steps of a round have the name of their command.
        started_at: when it started, UTC.
        exit_code: how it ended.
        summary: what it did; neither personal data nor secrets.
        seconds: how long it took; None: up to now.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    took = time.time() - started_at.timestamp() if seconds is None else seconds
    record = {
        "command": command,
        "started_at": instant_text(started_at.replace(microsecond=0)),
        "seconds": round(took, 1),
        "exit_code": exit_code,
        "summary": summary,
    }
    write_durably(folder / f"{command}.json", json.dumps(record).encode())


def last_started(root: Path, command: str) -> datetime | None:
    """When the last one that was noted started, UTC; None where there is none to be read."""
    try:
        noted = json.loads((root / FOLDER / f"{command}.json").read_bytes())
        return datetime.fromisoformat(noted["started_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
