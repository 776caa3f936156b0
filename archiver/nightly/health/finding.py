"""What a check of `doctor` looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from archiver.archive.store import Archive
from archiver.config import Config


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        config: as it was read and checked.
        archive: its archive; need not exist.
        environment: where secrets are.
        now: the machine's clock, UTC.
    """

    config: Config
    archive: Archive
    environment: Mapping[str, str]
    now: datetime


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        level: `problem`: a nightly would fail or end with another code than it should; `hint`:
            legal, and perhaps not meant.
        subject: what it is about: a file, a destination, a variable.
        what: what was found; no secrets.
        mend: what to do.
    """

    level: Literal["problem", "hint"]
    subject: str
    what: str
    mend: str


def problem(subject: object, what: str, mend: str) -> Finding:
    """Something that must be mended."""
    return Finding("problem", str(subject), what, mend)


def hint(subject: object, what: str, mend: str) -> Finding:
    """Something worth a look."""
    return Finding("hint", str(subject), what, mend)
