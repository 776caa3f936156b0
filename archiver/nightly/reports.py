"""The report files of a round: written where they would show anything new."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from archiver.archive.last_runs import FOLDER
from archiver.archive.rounds import Round
from archiver.archive.store import Archive
from archiver.archive.tables import (
    BACKFILLS,
    INBOUND_FILES,
    INBOUND_PATHS,
    QUARANTINE,
    UPLOADS,
    VOIDED_BACKFILLS,
)
from archiver.config import Config
from archiver.errors import full_disk
from archiver.nightly.steps import Done

# What a report shows beside the reconciliation.
_TABLES = (BACKFILLS, VOIDED_BACKFILLS, UPLOADS, INBOUND_FILES, INBOUND_PATHS, QUARANTINE)


@dataclass(frozen=True)
class Written:
    """The report files of a round.

    Attributes:
        paths: what is there now, also what an earlier round wrote; empty: nothing was written.
        shown: a short name of what they show.
        done: what became of the step.
    """

    paths: list[str] = field(default_factory=list)
    shown: str = ""
    done: Done = field(default_factory=Done)


def write_what_is_new(
    config: Config, archive: Archive, run: Path, record: Round, *, is_new: bool
) -> Written:
    """Write the files of `[report]`, unless the last round wrote exactly the same ones.

    Args:
        config: `[report]`, and what a report shows of the configuration.
        archive: what a report shows beside the run; where the last one is noted.
        run: folder of the kept reconciliation.
        record: the round.
        is_new: the reconciliation was made in this round.
    """
    shown = _shown(config, archive, run, record)
    known = None if is_new else _known(archive, shown)
    if known is not None:
        return Written(known, shown, Done("unchanged", {"files": len(known)}))
    from archiver.report.files import write_reports

    try:
        paths = [str(path) for path in write_reports(config, archive, run)]
    except OSError as error:
        if error.strerror is None or full_disk(error) is not None:
            raise
        where = config.folder / config.report.folder
        why = f"the report could not be written to {where}: {error.strerror}"
        hint = "make the folder of [report] writable, or name another"
        return Written(done=Done("partial", error=why, next=hint))
    return Written(paths, shown, Done("done", {"files": len(paths)}))


def _shown(config: Config, archive: Archive, run: Path, record: Round) -> str:
    parts: list[Any] = [
        run.name,
        record.versions,
        record.as_of.date(),
        config.report,
        config.annotations,
        [[path.name for path in archive.live_files(table)] for table in _TABLES],
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _known(archive: Archive, shown: str) -> list[str] | None:
    """The files that show exactly this already, where all of them are still there."""
    try:
        noted = msgspec.json.decode((archive.root / FOLDER / "report.json").read_bytes())
        paths, was_shown = noted["summary"]["paths"], noted["summary"]["shown"]
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return None
    is_same = was_shown == shown and paths and all(Path(path).exists() for path in paths)
    return list(paths) if is_same else None
