"""Imports point upstream only (STYLE, Layout): the folders read in the order of the data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import archiver

PACKAGE = Path(archiver.__file__).parent

# Each may import from itself and from those on later lines; on one line they are strangers.
ORDER: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("workspace",),
    ("nightly", "drill"),
    ("alerts",),
    ("report", "backfill"),
    ("reconcile",),
    ("warehouse",),
    ("archive",),
    ("inbound", "receipts"),
    ("destinations",),
    ("config",),
    ("database",),
    (
        *("model", "account_days", "errors", "values", "texts", "nearest", "files", "resources"),
        *("interruption", "progress"),
    ),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# A configuration is checked against what the formats and its destinations' types know.
EXCEPTIONS = {("config", "destinations"), ("config", "inbound"), ("config", "receipts")}


def part_of(module: str) -> str:
    """The folder, or the module beside them, below `archiver`."""
    return module.split(".")[1]


def imports() -> Iterator[tuple[str, str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if len(parts) == 2 and parts[1] == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                below = [f"{node.module}.{alias.name}" for alias in node.names]
                names = below if node.module == "archiver" else [node.module or ""]
            for name in names:
                if name.startswith("archiver.") and part_of(name) != "__version__":
                    yield str(path), parts[1], part_of(name)


def test_imports_point_upstream_only() -> None:
    wrong = [
        f"{path}: {importer} imports {imported}"
        for path, importer, imported in imports()
        if importer != imported
        and (importer, imported) not in EXCEPTIONS
        and LEVEL[importer] >= LEVEL[imported]
    ]
    assert wrong == []


def test_every_folder_has_its_place_in_the_order() -> None:
    found = {importer for _, importer, _ in imports()} | {name for _, _, name in imports()}
    assert found <= LEVEL.keys()


def test_modules_stay_short() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}
