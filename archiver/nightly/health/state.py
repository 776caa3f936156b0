"""Checks of what runs left behind: locks, journals, drafts, the warehouse, the last success."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from archiver.alerts.state import read_state, state_folder
from archiver.archive.rounds import read_rounds
from archiver.archive.tables import INBOUND_FILES, TABLES
from archiver.errors import ArchiverError
from archiver.inbound.paths import configured_paths
from archiver.nightly.health.finding import Finding, Patient, hint, problem
from archiver.report.staleness import Feed, feeds
from archiver.texts import instant_text
from archiver.warehouse.database import connect
from archiver.warehouse.publish import DATABASE
from archiver.warehouse.runs import read_run, runs_folder
from archiver.warehouse.snapshot import read_snapshot

_RESTORE = "archiver verify says more; restore the archive from its backup"
_CONVERGES = "nothing: the next run finishes or removes it"


def check_locks(patient: Patient) -> Iterator[Finding]:
    """Who holds a lock, and who died with one."""
    for folder in (patient.config.archive_root, patient.config.warehouse_path):
        path = folder / ".lock"
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed below
        except FileNotFoundError:
            continue
        except OSError as error:
            yield problem(path, f"{error.strerror}", "give this user the right to write it")
            continue
        with file:
            holder = file.read().decode("utf-8", "replace").strip()
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                yield hint(path, f"a run holds it: {holder or 'unknown'}", "wait for it to end")
                continue
            if holder:
                yield hint(path, f"a run died with it: {holder}", _CONVERGES)


def check_leftovers(patient: Patient) -> Iterator[Finding]:
    """Commits that are not finished, staged files and drafts of dead runs."""
    root, warehouse = patient.config.archive_root, patient.config.warehouse_path
    journal = root / "_journal.json"
    if journal.exists():
        try:
            json.loads(journal.read_bytes())
            yield hint(journal, "a run died in the middle of a commit", _CONVERGES)
        except ValueError:
            mend = "move it away and run archiver verify: it names what is not whole"
            yield problem(journal, "it is damaged: no run can write the archive", mend)
    staged = [path for path in (root / "_staging").rglob("*") if path.is_file()]
    if staged:
        yield hint(root / "_staging", f"{len(staged):,} files of an unfinished import", _CONVERGES)
    drafts = [*warehouse.glob("*/*.draft"), *warehouse.glob(".*.draft")]
    if drafts:
        yield hint(drafts[0], f"{len(drafts):,} drafts of an unfinished load", _CONVERGES)
    for command in ("nightly", "watch"):
        rounds = read_rounds(root, command=command, months=1)
        if rounds and rounds[-1].outcome == "started":
            yield hint(
                rounds[-1].run_id, "it runs, or died before its end", "the next round says which"
            )


def check_alerts(patient: Patient) -> Iterator[Finding]:
    """Whether what was told can be read."""
    try:
        read_state(state_folder(patient.archive.root))
    except ArchiverError as error:
        yield problem(error.doing.removeprefix("reading "), error.why, error.hint)


def check_archive(patient: Patient) -> Iterator[Finding]:
    """Whether the tables' logs can be read, and the files that they name are there, whole."""
    for name, table in TABLES.items():
        folder = patient.archive.root / name
        try:
            files = patient.archive.data_files(table)
        except Exception as error:  # whatever delta-rs raises over a damaged log
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield problem(folder, f"its log cannot be read: {first}", _RESTORE)
            continue
        bad = [file.path for file in files if _size(folder / file.path) != file.size_bytes]
        if bad:
            more = f" and {len(bad) - 1:,} more" if len(bad) > 1 else ""
            yield problem(folder / bad[0], f"it{more} is missing, or damaged", _RESTORE)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _is_parquet(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False
    return True


def check_warehouse(patient: Patient) -> Iterator[Finding]:
    """Whether analysts can open the warehouse, and `load` can go on from it."""
    folder = patient.config.warehouse_path
    bad = [name for name in read_snapshot(folder).files() if not _is_parquet(folder / name)]
    if bad:
        mend = f"remove {folder / bad[0]}, then archiver load: it is made anew from the archive"
        yield problem(folder / bad[0], f"{len(bad):,} files are missing or damaged", mend)
    path: Path = folder / DATABASE
    if not path.exists():
        yield hint(path, "nothing is published yet", "archiver nightly")
        return
    try:
        with connect(path, read_only=True) as connection:
            connection.execute("SELECT * FROM events LIMIT 1").fetchall()
    except duckdb.Error as error:
        yield problem(
            path,
            f"DuckDB cannot read it: {str(error).splitlines()[0]}",
            "archiver load; if that does not help, remove the warehouse folder and load again",
        )


def check_runs(patient: Patient) -> Iterator[Finding]:
    """Whether the kept reconciliations can be read: one that cannot fails the next night."""
    for folder in sorted(runs_folder(patient.config.warehouse_path).glob("*/")):
        for path in sorted(folder.iterdir()):
            if path.suffix == ".parquet":
                is_whole = _is_parquet(path)
            else:
                is_whole = path.name != "run.json" or _is_run(folder)
            if not is_whole:
                yield problem(
                    path,
                    "it is damaged: nightly ends with 1",
                    "move its folder away: the next nightly makes the figures anew",
                )


def _is_run(folder: Path) -> bool:
    try:
        read_run(folder)
    except (ArchiverError, OSError):
        return False
    return True


def _waits(patient: Patient, feed: Feed) -> bool:
    """Whether the first files of a source are there, and no night has imported them yet."""
    if feed.kind != "source" or patient.archive.data_files(INBOUND_FILES):
        return False
    config = patient.config
    paths = config.source(feed.name).paths
    return bool(configured_paths(paths, config.folder, config.own_folders))


def check_success(patient: Patient) -> Iterator[Finding]:
    """The last success, and feeds that are stale."""
    rounds = read_rounds(patient.archive.root, command="nightly", months=2)
    good = [min(one.as_of, one.started_at) for one in rounds if one.exit_code in (0, 3)]
    allowed = patient.config.nightly.stale_after
    if not rounds:
        yield hint("nightly", "it never ran", "run archiver nightly every night: docs/running.md")
    elif not good or patient.now - max(good) > allowed:
        last = instant_text(max(good)) if good else "none in the last two months"
        yield hint("nightly", f"its last success is old: {last}", "archiver status; then its log")
    try:
        known = feeds(patient.config, patient.archive, patient.now)
    except Exception as error:  # a damaged archive: another check names the file
        why = f"their ages cannot be read ({type(error).__name__}): nightly ends with 1"
        yield problem("feeds", why, "see what else is damaged; then archiver verify")
        return
    for feed in known:
        if feed.is_stale and not (feed.newest is None and _waits(patient, feed)):
            newest = instant_text(feed.newest) if feed.newest else "nothing yet"
            why = feed.note or f"its newest is {newest}"
            yield problem(
                f"{feed.kind} {feed.name}",
                f"it is stale, {why}: nightly ends with 6",
                "see that its files arrive; or raise its stale_after",
            )
