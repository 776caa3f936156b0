"""People who asked to be forgotten: their conversions are suppressed, their ids kept nowhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from support import CONFIG, IMPORTED_AT, Workspace, order

from archiver.archive.ingest import ingest
from archiver.database import connect
from archiver.errors import ConfigError
from archiver.inbound.paths import named_paths
from archiver.warehouse.erased import erased_fingerprint, erased_ids
from archiver.warehouse.load import load
from archiver.warehouse.publish import publish


def with_lists(workspace: Workspace, *patterns: str) -> None:
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    workspace.configure(f"[privacy]\nerased = [{listed}]\n{CONFIG}")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (b"", []),
        (b"b\na\n", ["a", "b"]),
        (b"b\r\na\r\n\r\n", ["a", "b"]),
        (b"  a b \n\t\n", ["a b"]),
        (b"# asked in January\na\n #b\nc#d\n", ["a", "c#d"]),
        (b"a\na\n", ["a"]),
        ("\ufeffé\n".encode(), ["é"]),
        (b"a", ["a"]),
    ],
)
def test_one_id_per_line(workspace: Workspace, text: bytes, ids: list[str]) -> None:
    workspace.write("privacy/erased.txt", data=text)
    with_lists(workspace, "privacy/erased.txt")
    assert erased_ids(workspace.config) == ids


def test_several_files_and_globs(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "list"
    elsewhere.write_text("absolute\n")
    for name in ("privacy/a.txt", "privacy/b.txt", "privacy/below/c.txt", "privacy/[d].txt"):
        workspace.write(name, data=name.encode())
    with_lists(
        workspace, "privacy/[ab].txt", "privacy/none-*.txt", "privacy/[d].txt", str(elsewhere)
    )
    assert erased_ids(workspace.config) == [
        "absolute", "privacy/[d].txt", "privacy/a.txt", "privacy/b.txt"
    ]  # fmt: skip
    with_lists(workspace, "privacy/**/*.txt")
    assert len(erased_ids(workspace.config)) == 4


def test_no_list_is_an_empty_one(workspace: Workspace) -> None:
    assert erased_ids(workspace.config) == []


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("other.txt", b"", "erased.txt: No such file"),
        ("erased.txt/file", b"", "erased.txt: Is a directory"),
        ("erased.txt", b"\xff", "erased.txt is not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(
    workspace: Workspace, name: str, data: bytes, told: str
) -> None:
    """Else what must not be sent would be sent."""
    workspace.write(name, data=data)
    with_lists(workspace, "erased.txt")
    with pytest.raises(ConfigError, match=told):
        erased_ids(workspace.config)


def test_the_fingerprint_follows_the_ids_and_nothing_else(workspace: Workspace) -> None:
    found = []
    for text in (b"a\nb\n", b"# why\nb\n\na\n", b"a b\n", b"ab\n", b""):
        workspace.write("erased.txt", data=text)
        with_lists(workspace, "erased.txt")
        found.append(erased_fingerprint(workspace.config))
    assert found[0] == found[1]
    assert len(set(found)) == 4
    assert all(len(one) == 64 for one in found)


def test_conversions_of_erased_people_are_suppressed(workspace: Workspace) -> None:
    path = workspace.write(
        "inbound/web/a",
        order("m1", userId="somebody"),
        order("m2", anonymousId="visitor"),
        order("m3", userId=7),
        order("m4", userId="else"),
        order("somebody else", userId="m4"),
        order("m5", userId="somebody", integrations={"All": False}),
    )
    paths = named_paths([str(path)], Path("/"), io.BytesIO())
    ingest(workspace.archive, "web", paths, IMPORTED_AT)
    workspace.write("erased.txt", data=b"somebody\nvisitor\n7\nm4\nnobody-here\n")
    with_lists(workspace, "erased.txt")
    load(workspace.config, workspace.archive)
    reasons = {
        "m1": "erased",
        "m2": "erased",
        "m3": "erased",
        "m4": "erased",
        "m5": "integration_off",
        "somebody else": "erased",
    }
    assert suppressed(publish(workspace.config, workspace.archive)) == reasons
    database = workspace.database.read_bytes()
    assert b"nobody-here" not in database and b"visitor" not in database

    with_lists(workspace)
    loaded = load(workspace.config, workspace.archive)
    assert loaded.occurrences == loaded.conversions == 0
    alone = dict.fromkeys(reasons) | {"m5": "integration_off"}
    assert suppressed(publish(workspace.config, workspace.archive)) == alone


def suppressed(database: Path) -> dict[str, str | None]:
    """Event id → why it must not be delivered."""
    with connect(database, read_only=True) as connection:
        query = "SELECT event_id, suppressed_reason FROM conversions"
        return dict(connection.execute(query).fetchall())
