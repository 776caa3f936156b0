"""Which files are meant: files, folders, globs; and how the ledger names them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from archiver.errors import UsageError
from archiver.inbound.paths import configured_paths, named_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in/b.gz", "in/a.gz", "in/deep/c.gz", "in/.hidden.gz", "in/[odd].gz", "in/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("in/*.gz", ["in/[odd].gz", "in/a.gz", "in/b.gz"]),
        ("in/**/*.gz", ["in/[odd].gz", "in/a.gz", "in/b.gz", "in/deep/c.gz"]),
        ("in/deep", ["in/deep/c.gz"]),
        ("in/d*", ["in/deep/c.gz"]),
        ("in/[odd].gz", ["in/[odd].gz"]),
        ("in/none/*", []),
    ],
)
def test_configured_patterns(folder: Path, pattern: str, found: list[str]) -> None:
    paths = configured_paths([pattern], folder)
    assert [path.recorded for path in paths] == found
    assert all(path.real == folder / path.recorded for path in paths)


@pytest.mark.parametrize("name", ["[odd]", "st*r", "qu?", "{a}"])
def test_the_configurations_folder_may_hold_glob_characters(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "in").mkdir(parents=True)
    (tmp_path / name / "in/[odd].gz").touch()
    for pattern in ("in/*.gz", "in", "in/[odd].gz"):
        (path,) = configured_paths([pattern], tmp_path / name)
        assert path.recorded == "in/[odd].gz"


@pytest.mark.parametrize("pattern", ["in/**/*.gz", "in", "link/**/*.gz"])
def test_what_lies_in_the_archivers_own_folders_is_left_out(folder: Path, pattern: str) -> None:
    (folder / "link").symlink_to(folder / "in")
    paths = configured_paths([pattern], folder, [folder / "in/deep"])
    assert paths
    assert not any("c.gz" in path.recorded for path in paths)


def test_each_pattern_without_a_file_is_named(folder: Path) -> None:
    unmatched: list[str] = []
    patterns = ["in/*.gz", "in/none/*", "in/deep/*"]
    configured_paths(patterns, folder, [folder / "in/deep"], unmatched.append)
    assert unmatched == ["in/none/*", "in/deep/*"]


def test_a_file_is_meant_once_however_often_it_is_named(folder: Path) -> None:
    assert len(configured_paths(["in/*.gz", "in/a.*"], folder)) == 3
    names = [str(folder / "in/a.gz"), str(folder / "in/../in/a.gz")]
    assert len(named_paths(names, folder, io.BytesIO())) == 1


def test_files_outside_the_folder_are_recorded_by_their_full_path(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "o.gz"
    outside.touch()
    (path,) = named_paths([str(outside)], folder, io.BytesIO())
    assert path.recorded == str(outside)


def test_a_name_that_matches_nothing_is_a_usage_error(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.gz"):
        named_paths([str(folder / "nothing.gz")], folder, io.BytesIO())
