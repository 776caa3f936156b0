"""DESIGN §3 and §8 under bad luck: a full disk, files that are none or change, two runs at once.

A failure says what, why and what to do; nothing half done is visible; a later run sets it right.
"""

from __future__ import annotations

import io
import os
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import crash_lab
import pytest
from crash_lab import Ended, archived, assert_no_partial_file, copy_of, published, undisturbed
from support import CONFIG, Workspace, event, lines

from archiver.inbound.containers import Stream

FULL = ("No space left on device", "File too large")
LITERAL = CONFIG.replace("inbound/web/**/*", "inbound/web/special")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return crash_lab.make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def ingested(inputs: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = copy_of(inputs, tmp_path_factory.mktemp("ingested") / "w")
    undisturbed(workspace, "ingest")
    return workspace


@pytest.fixture(scope="module")
def loaded(ingested: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = copy_of(ingested, tmp_path_factory.mktemp("loaded") / "w")
    undisturbed(workspace, "load")
    return workspace


def assert_told_and_whole(ended: Ended, workspace: Workspace, whole: Workspace) -> None:
    """A full disk was told as such, and what is visible is what was there or what should be."""
    assert ended.code == 1, ended
    assert "Traceback" not in ended.said and "defect" not in ended.said, ended
    assert "disk is full" in ended.said and any(why in ended.said for why in FULL), ended
    assert "\n  next: free space" in ended.said, ended
    assert_no_partial_file(workspace, archived(whole))
    assert published(workspace) in (None, published(whole))


def assert_converged(workspace: Workspace, whole: Workspace) -> None:
    assert archived(workspace) == archived(whole)
    assert published(workspace) == published(whole)


def made_files(before: Workspace, after: Workspace) -> dict[str, int]:
    """The files that a command made and did not empty again, with their sizes."""
    names = after.listing().keys() - before.listing().keys()
    paths = {name: after.folder / name for name in names}
    return {name: p.stat().st_size for name, p in paths.items() if p.is_file() and p.stat().st_size}


@pytest.mark.parametrize("command", ["ingest", "load"])
def test_a_disk_full_at_any_file_shows_all_or_nothing_and_a_re_run_converges(
    command: str, inputs: Workspace, ingested: Workspace, loaded: Workspace, tmp_path: Path
) -> None:
    before, after = (inputs, ingested) if command == "ingest" else (ingested, loaded)
    sizes = sorted(set(made_files(before, after).values()))
    assert len(sizes) > 3
    # The smallest and the largest, and three between them.
    for size in sizes[:: max(1, len(sizes) // 4)][:4] + sizes[-1:]:
        workspace = copy_of(before, tmp_path / "w")
        # A little less than it had: sizes differ by some bytes from run to run.
        ended = crash_lab.run_on_full_disk(workspace.config_path, command, size * 9 // 10)
        assert_told_and_whole(ended, workspace, after)
        undisturbed(workspace, command)
        assert_converged(workspace, after)


@pytest.mark.parametrize(
    "change",
    ["close", "create", "write_text", "replace", "create_write_transaction", "create_checkpoint"],
)
def test_a_disk_full_from_a_step_of_the_commit_on_is_no_loss(
    change: str, inputs: Workspace, ingested: Workspace, tmp_path: Path
) -> None:
    workspace = copy_of(inputs, tmp_path / "w")
    ended = crash_lab.run_on_full_disk(workspace.config_path, "ingest", start=change)
    assert_told_and_whole(ended, workspace, ingested)
    undisturbed(workspace, "ingest")
    assert_converged(workspace, ingested)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Gives a file system of so many bytes, always the same; its content stays."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def sized(size_bytes: int) -> Path:
        options = f"size={size_bytes}" + (",remount" if os.path.ismount(folder) else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", "") or error
            pytest.skip(f"NOT TESTED: no disk can be filled here, mounting a tmpfs fails: {told}")
        return folder

    yield sized
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", ["ingest", "load"])
def test_a_disk_that_is_really_full_shows_all_or_nothing_and_a_re_run_converges(
    command: str,
    inputs: Workspace,
    ingested: Workspace,
    loaded: Workspace,
    small_disk: Callable[[int], Path],
) -> None:
    before, after = (inputs, ingested) if command == "ingest" else (ingested, loaded)
    # A tmpfs counts whole pages.
    had, added = (
        sum(-(-p.stat().st_size // 4096) * 4096 for p in w.folder.rglob("*") if p.is_file())
        for w in (before, after)
    )
    added -= had
    for share in (0.1, 0.5, 0.9):
        folder = small_disk(16 << 20) / "w"
        workspace = copy_of(before, folder)
        small_disk(had + int(share * added))
        ended = crash_lab.run_on_full_disk(workspace.config_path, command, 1 << 40)
        assert_told_and_whole(ended, workspace, after)
        small_disk(16 << 20)
        undisturbed(workspace, command)
        assert_converged(workspace, after)


def test_an_unreadable_file_fails_and_the_others_go_on(workspace: Workspace) -> None:
    unreadable = workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.write("inbound/web/b.ndjson", event("b"))
    unreadable.chmod(0)
    ended = crash_lab.run_without_privileges(workspace.config_path, "ingest")
    assert ended.code == 4
    assert "opening inbound/web/a.ndjson: Permission denied (make it readable" in ended.said
    assert workspace.rows("events", "message_id") == [("b",)]
    unreadable.chmod(0o600)
    workspace.done("ingest")
    assert workspace.rows("events", "message_id") == [("a",), ("b",)]


def test_an_unreadable_folder_is_not_passed_over_in_silence(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"))
    folder = workspace.write("inbound/web/later/b.ndjson", event("b")).parent
    folder.chmod(0)
    ended = crash_lab.run_without_privileges(workspace.config_path, "ingest")
    folder.chmod(0o700)
    assert ended.code == 4
    assert "inbound/web/later: Permission denied" in ended.said
    assert workspace.rows("events", "message_id") == [("a",)]


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def make_device(path: Path) -> None:
    # Without an end: who reads it to its end fills the disk.
    path.symlink_to("/dev/zero")


def make_circle(path: Path) -> None:
    path.symlink_to(path.name)


SPECIAL = [make_pipe, make_socket, make_device]


@pytest.mark.parametrize("make", [*SPECIAL, make_circle])
def test_what_is_no_file_is_never_waited_for(
    workspace: Workspace, make: Callable[[Path], None]
) -> None:
    (workspace.folder / "inbound/web").mkdir(parents=True)
    make(workspace.folder / "inbound/web/special")
    workspace.configure(LITERAL)
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["failed"]
    assert result.err.startswith("error: opening inbound/web/special: ")
    assert workspace.rows("inbound_files") == []


@pytest.mark.parametrize("make", SPECIAL)
def test_what_is_no_file_is_left_out_where_files_are_looked_for(
    workspace: Workspace, make: Callable[[Path], None]
) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"))
    make(workspace.folder / "inbound/web/special")
    for paths in ("inbound/web/**/*", "inbound/web/*", "inbound/web"):
        workspace.configure(CONFIG.replace("inbound/web/**/*", paths))
        found = workspace.done("ingest", "--json").json
        assert [file["path"] for file in found["files"]] == ["inbound/web/a.ndjson"]


def test_a_folder_in_the_place_of_a_file_is_read_as_a_folder(workspace: Workspace) -> None:
    workspace.write("inbound/web/special/a.ndjson", event("a"))
    workspace.configure(LITERAL)
    workspace.done("ingest")
    assert workspace.rows("events", "message_id") == [("a",)]


GROWN = [event(f"m{n}") for n in range(40)]


def after_the_first_chunk(
    monkeypatch: pytest.MonkeyPatch, reading: int, change: Callable[[], None]
) -> None:
    """Change a file when its first chunk was taken, the first or the second time it is read."""
    chunks = Stream.chunks
    readings: list[Stream] = []

    def changing(self: Stream) -> Iterator[bytes]:
        if self.path.endswith("a.ndjson"):
            readings.append(self)
        for number, chunk in enumerate(chunks(self)):
            yield chunk
            if number == 0 and self in readings and len(readings) == reading:
                change()

    monkeypatch.setattr(Stream, "chunks", changing)
    monkeypatch.setattr("archiver.inbound.containers.CHUNK_BYTES", 1000)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(lines(event("late")))


def shrink(path: Path) -> None:
    os.truncate(path, len(lines(*GROWN[:20])))


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(lines(*[event(f"w{n}") for n in range(40)]))


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("change", [grow, shrink, rewrite, empty])
@pytest.mark.parametrize(
    ("in_memory_bytes", "reading"),
    [
        pytest.param(1 << 20, 1, id="read once"),
        pytest.param(100, 1, id="read twice, the first time"),
        pytest.param(100, 2, id="read twice, the second time"),
    ],
)
def test_a_file_that_changes_while_it_is_read_fails_and_is_imported_when_it_is_quiet(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    in_memory_bytes: int,
    reading: int,
) -> None:
    path = workspace.write("inbound/web/a.ndjson", *GROWN)
    # Its time is told from that of any change, however coarse the clock of the file system.
    os.utime(path, (1_700_000_000, 1_700_000_000))
    workspace.write("inbound/web/b.ndjson", event("b"))
    monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", in_memory_bytes)
    after_the_first_chunk(monkeypatch, reading, lambda: change(path))
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    assert [file["status"] for file in result.json["files"]] == ["failed", "imported"]
    assert "it changed while it was read" in result.err and "re-run" in result.err
    assert workspace.rows("events", "message_id") == [("b",)]
    assert workspace.rows("inbound_paths", "path") == [("inbound/web/b.ndjson",)]
    monkeypatch.undo()
    assert workspace.done("ingest", "--json").json["files"][0]["status"] == "imported"
    payloads = [payload.encode() for (payload,) in workspace.rows("events", "payload")]
    assert sorted(payloads) == sorted([*path.read_bytes().splitlines(), event("b")])


@pytest.mark.parametrize("in_memory_bytes", [1 << 20, 100])
def test_a_file_replaced_by_another_is_read_whole_and_the_other_one_next_time(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    path = workspace.write("inbound/web/a.ndjson", *GROWN)
    other = workspace.write("other.ndjson", event("other"))
    monkeypatch.setattr("archiver.archive.importer._IN_MEMORY_BYTES", in_memory_bytes)
    after_the_first_chunk(monkeypatch, 1, lambda: os.replace(other, path))
    workspace.done("ingest")
    assert len(workspace.rows("events")) == len(GROWN)
    monkeypatch.undo()
    workspace.done("ingest")
    assert len(workspace.rows("events")) == len(GROWN) + 1


# A run that waits for its lock says so first.
ASKING = """
import fcntl
flock = fcntl.flock
def asking(*arguments):
    print("asks", flush=True)
    flock(*arguments)
fcntl.flock = asking
"""


def test_runs_at_once_on_one_folder(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.done("ingest")
    pipe = workspace.folder / "pipe"
    os.mkfifo(pipe)
    first = workspace.start("ingest", pipe)
    # This opens when the first run opens it for reading, and so holds the lock.
    with pipe.open("wb") as writer:
        workspace.write("inbound/web/b.ndjson", event("b"))
        for command in ("ingest", "verify", "receipts"):
            refused = workspace.run(command)
            assert refused.code == 5
            assert "another run holds it" in refused.err and "--wait" in refused.err
        # A load only reads the archive.
        workspace.done("load")
        assert workspace.sql("SELECT message_id FROM events") == [{"message_id": "a"}]
        waiting = [workspace.start(c, "--wait", code=ASKING) for c in ("ingest", "verify")]
        for process in waiting:
            assert process.stdout and process.stdout.readline() == "asks\n"
        writer.write(lines(event("piped")))
    for process in (first, *waiting):
        said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert workspace.rows("events", "message_id") == [("a",), ("b",), ("piped",)]


def test_a_zip_with_one_damaged_file_fails_whole_and_the_other_files_go_on(
    workspace: Workspace,
) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        for name in "xyz":
            file.writestr(f"{name}.ndjson", lines(*[event(f"{name}{n}") for n in range(50)]))
    whole = zipped.getvalue()
    # In the compressed bytes of the second file: its header and name take 38 bytes.
    place = whole.index(b"y.ndjson") + 40
    damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    workspace.write("inbound/web/a.ndjson", event("a"))
    workspace.write("inbound/web/b.zip", data=damaged)
    workspace.write("inbound/web/c.ndjson", event("c"))
    result = workspace.run("ingest", "--json")
    assert result.code == 4
    found = [(file["path"], file["status"]) for file in result.json["files"]]
    assert [status for _, status in found] == ["imported", "failed", "imported"]
    assert "b.zip" in found[1][0]
    assert "y.ndjson" in result.err and "nothing of it was imported" in result.err
    assert workspace.rows("events", "message_id") == [("a",), ("c",)]
    assert len(workspace.rows("inbound_files")) == 2
    workspace.write("inbound/web/b.zip", data=whole)
    assert workspace.done("ingest", "--json").json["totals"]["archived"] == 150
