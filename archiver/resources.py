"""Where the files that travel with the package are: in the wheel, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `sql` or `sample_data`, wherever this installation keeps it."""
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{name}/ is missing from this installation of archiver; reinstall it")


@cache
def sql(path: str) -> str:
    """The text of one file below `sql/`, such as `reconcile/reconciliation`."""
    return (folder("sql") / f"{path}.sql").read_text(encoding="utf-8")
