"""Checks of the machine: permissions, disk, versions, clock."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, timedelta
from importlib import metadata
from pathlib import Path

from archiver.archive.tables import EVENTS, RECEIPTS
from archiver.nightly.health.finding import Finding, Patient, hint, problem

_LEAST_FREE_BYTES = 1 << 30
_GROWTH_DAYS = 30
_LEAST_PYTHON = (3, 11)
_MOST_SKEW_SECONDS = 60
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")


def check_permissions(patient: Patient) -> Iterator[Finding]:
    """Whether what is written can be written, and what is private is."""
    config = patient.config
    folders = {
        "archive.root": config.archive_root,
        "warehouse.path": config.warehouse_path,
    }
    if config.report.formats:
        folders["report.folder"] = config.folder / Path(config.report.folder).expanduser()
    if config.metrics.textfile is not None:
        path = config.folder / Path(config.metrics.textfile).expanduser()
        folders["metrics.textfile"] = path.parent
    for key, folder in folders.items():
        there = _nearest(folder)
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield problem(
                key,
                f"{there} cannot be written by this user",
                f"chown or chmod it, or change {key}",
            )
    open_to_all = [
        path
        for path in sorted((config.folder / "backfills").rglob("*"))
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_all:
        yield hint(
            open_to_all[0],
            f"{len(open_to_all):,} files of backfills can be read by others; they hold identifiers",
            f"chmod -R go= {config.folder / 'backfills'}",
        )


def check_disk(patient: Patient) -> Iterator[Finding]:
    """Free space against what the archive grows by."""
    growth = _daily_bytes(patient)
    seen = set()
    for key, folder in (
        ("archive.root", patient.config.archive_root),
        ("warehouse.path", patient.config.warehouse_path),
        ("temporary files", Path(tempfile.gettempdir())),
    ):
        there = _nearest(folder)
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        shown = f"{free / 1e9:,.1f} GB are free at {there}"
        if free < max(_LEAST_FREE_BYTES, 3 * growth):
            yield problem(key, shown, "free space, or move it to a larger disk")
        elif growth and free < 2 * _GROWTH_DAYS * growth:
            yield hint(
                key,
                f"{shown}; the archive grows by {growth / 1e9:,.2f} GB a day, the warehouse alike",
                "plan for a larger disk, or set [housekeeping] keep_events",
            )


def _daily_bytes(patient: Patient) -> float:
    """Bytes of a day in the newest month of the archive; 0: not known."""
    total = 0
    for table in (EVENTS, RECEIPTS):
        try:
            files = patient.archive.data_files(table)
        except Exception:  # whatever delta-rs raises: another check names it
            continue
        by_day: dict[str, int] = {}
        for file in files:
            day = file.partition[table.partitions[1]] or ""
            by_day[day] = by_day.get(day, 0) + file.size_bytes
        total += sum(size for _, size in sorted(by_day.items())[-_GROWTH_DAYS:])
    return total / _GROWTH_DAYS


def check_versions(patient: Patient) -> Iterator[Finding]:
    """Python and the libraries against what the installed package asks for."""
    if sys.version_info < _LEAST_PYTHON:
        wanted = ".".join(map(str, _LEAST_PYTHON))
        yield problem("Python", f"{sys.version.split()[0]} is older than {wanted}", "upgrade it")
    try:
        required = metadata.requires("archiver") or []
    except metadata.PackageNotFoundError:
        yield hint("archiver", "it is not installed as a package", "pip install it")
        return
    for text in required:
        match = _REQUIREMENT.match(text)
        if match is None or "extra ==" in text:
            continue
        name, least = match[1], match[2]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield problem(name, "it is not installed", f"pip install '{name}'")
            continue
        if least and _numbers(version) < _numbers(least):
            yield problem(
                name, f"{version} is older than {least}", f"pip install --upgrade '{name}>={least}'"
            )


def check_clock(patient: Patient) -> Iterator[Finding]:
    """This machine's clock against that of the archive's disk, and against the newest events."""
    root = patient.config.archive_root
    if root.is_dir() and os.access(root, os.W_OK):
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as file:
            file.write(b"clock")
            file.flush()
            now = os.fstat(file.fileno()).st_mtime
        skew = abs(now - time.time())
        if skew > _MOST_SKEW_SECONDS:
            yield hint(
                root,
                f"its file server's clock differs by {skew:,.0f} s",
                "synchronise both clocks by NTP",
            )
    tomorrow = patient.now.astimezone(UTC).date() + timedelta(days=1)
    try:
        days = {f.partition[EVENTS.partitions[1]] for f in patient.archive.data_files(EVENTS)}
    except Exception:  # whatever delta-rs raises: another check names it
        return
    ahead = sorted(day for day in days if day is not None and date.fromisoformat(day) > tomorrow)
    if ahead:
        yield hint(
            "events",
            f"events arrived in the future, the last on {ahead[-1]}",
            "set this machine's clock, or the sender's: timedatectl status",
        )


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
